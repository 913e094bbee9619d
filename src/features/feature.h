/*
 * feature.h
 *		What a feature set is: its parameters, the features they expand to, where it is stored.
 *
 *		resolve.c		arguments of echolon_create_features -> parameters (create.h, define.h)
 *		create.c		the call: parameters -> fit -> view; sets.c: summary, refresh, drop
 *		parameters.c	what echolon_parameters() says of them
 *		define.c		parameters -> jsonb and back -> FeatureSet
 *		expand.c		parameters -> features: names, expressions, sources
 *		view.c			the SQL of the view
 *		store.c			feature_set_store, and who may use a set (stored.h)
 *		fit.c			what is learned from the rows (fit.h), distribution.c: asked, fit_store.c: stored
 *		encoders.c		the SQL functions that use what was learned
 *		direct.c		the view's rows without its windows (direct.h), kept and sorted by rowstore.c, roworder.c
 *						and bydate.c (rowstore.h)
 *		direct_view.c	whether direct.c may stand for the view
 *		at.c			the view's row of one row of the relation; at_set.c, at_history.c (at.h)
 */
#ifndef ECHOLON_FEATURE_H
#define ECHOLON_FEATURE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "data/frame.h"
#include "features/rolling.h"

typedef enum FeatureFamily
{
	FAMILY_TEMPORAL,			/* calendar parts of the date */
	FAMILY_ROLLING,				/* windows, lags, changes, running sums of the group's rows in order of time */
	FAMILY_INTERACTION,			/* product, ratio, sum, difference of numbers */
	FAMILY_CATEGORICAL,			/* frequency, label, one-hot */
	FAMILY_BUSINESS,			/* revenue percentile, high value, engagement score, churn risk and segment */
	FAMILY_POLYNOMIAL,			/* powers and cross terms */
	FAMILY_SCALING,				/* standard, min-max, robust, percentile, bucket */
	FAMILY_PERIOD				/* share and rank within a date, to-date sums, changes by month and year */
} FeatureFamily;

#define NFAMILIES	(FAMILY_PERIOD + 1)

/* How a feature is computed. */
typedef enum FeatureKind
{
	FEATURE_ROW,				/* from the row alone (and what was fitted): expression says how */
	FEATURE_WINDOW,				/* a rolling term: window, term */
	FEATURE_SHARE,				/* value / exact sum of it over all rows of the same date; NULL where that is 0 */
	FEATURE_RANK				/* rank() of it among all rows of the same date, largest first; NULL for NULL */
} FeatureKind;

typedef struct Feature
{
	char	   *name;			/* of the view's column */
	FeatureFamily family;
	FeatureKind kind;
	List	   *sources;		/* of char *: columns of the relation it is made of, group_by and date not counted */
	bool		uses_current;	/* the current row's value of a source goes into it */
	bool		fitted;			/* it uses what was learned from all rows */
	char	   *expression;		/* SQL over the relation under the alias "s", qualified; for people, and for
								 * FEATURE_ROW what is executed */
	char	   *description;	/* one phrase, the column's comment */
	int			window;			/* FEATURE_WINDOW: in set->windows, */
	int			term;			/* and in its terms */
	char	   *column;			/* FEATURE_SHARE, FEATURE_RANK: the number */
} Feature;

/* One call of echolon_rolling: the terms of one column. */
typedef struct FeatureWindow
{
	char	   *column;
	List	   *terms;			/* of char *, see terms.h */
} FeatureWindow;

typedef struct FeatureSet
{
	int64		id;				/* in the store; 0: not stored yet */
	char	   *name;
	Oid			view;			/* the plain view; InvalidOid: it was dropped */
	Oid			materialized_view;	/* behind it; InvalidOid: none */
	Oid			relid;			/* InvalidOid: the relation was dropped */
	char	   *relation;		/* "schema.name" */
	Jsonb	   *definition;		/* all that follows, as stored: names and values, never SQL */

	List	   *columns;		/* of char *: the relation's own columns in the view */
	char	   *date_column;	/* NULL: none, and no windows */
	ColumnKind	date_kind;
	char	   *zone;			/* COLUMN_TIMESTAMPTZ: fixed at fit; else NULL */
	List	   *numeric;		/* of char *, as the next ones */
	List	   *category;
	List	   *group_by;
	List	   *order_by;		/* after the date: makes the order of rows the same every time */
	bool		order_unique;	/* order_by is a key */
	char	   *target;			/* NULL: none */
	bool		fill;			/* forward */

	int			nwindows;
	FeatureWindow *windows;
	int			nfeatures;
	Feature    *features;		/* in the order of the view's columns, after columns */
} FeatureSet;

/* ---- define.c ---------------------------------------------------------------- */

/*
 * A set from its stored definition, its features expanded.  What the definition does not say (id,
 * view, materialized_view, relid) is left for store.c to fill.
 */
extern FeatureSet *feature_set_read(const char *name, const char *relation, Jsonb *definition);

/* The feature of this name; NULL: the set has none, it may be a column of the relation. */
extern const Feature *feature_find(const FeatureSet *set, const char *name);

/* "temporal", "rolling", ... */
extern const char *feature_family_name(FeatureFamily family);

/* ---- parameters.c ---- */

/* A parameter of echolon_create_features, for echolon_parameters(). */
typedef struct FeatureParameter
{
	const char *name;
	const char *type;
	const char *fallback;		/* default; NULL: none, or decided by the data */
	const char *range;			/* NULL: anything of its type */
	const char *meaning;
	const char *scikit_learn;	/* or pandas; NULL: no name there */
} FeatureParameter;

extern const FeatureParameter *feature_parameters(int *n);

/* ---- store.c ---------------------------------------------------------------- */

/* May the current user know of what is stored with this view?  InvalidOid: it is gone. */
extern bool feature_may_use_view(Oid view);
extern bool feature_owns_view(Oid view);

/*
 * First lines of whatever writes: refuses read-only and parallel transactions and standbys, and a
 * name that is taken, is empty or too long.
 */
extern void feature_store_check_name(const char *name);

/*
 * Store a set under its name with the view that was just made for it (and the materialized view
 * behind it, or InvalidOid), with totals by family; its id.
 */
extern int64 feature_store_add(const FeatureSet *set, Oid view, Oid materialized, uint64 rows_fitted);

/*
 * The set of this name for one who owns its view; its name is locked to the end of the transaction.
 * A set whose view is gone (InvalidOid) is the superusers', who can but drop it.  Refuses read-only and
 * parallel transactions and standbys, naming command.
 */
extern FeatureSet *feature_set_lock(const char *name, const char *command);

/*
 * After a refresh: its names and stamps are brought up to date too.  And with its fits, after its
 * views are dropped.
 */
extern void feature_store_touch(int64 id, uint64 rows_fitted);
extern void feature_store_delete(int64 id);

/*
 * The set of this name, for one who owns its view or may SELECT from it, or from a column of it; raises
 * where there is none, and where its view is gone.
 */
extern FeatureSet *feature_set_find(const char *name);

/*
 * The set whose view (plain or materialized) this is, for one who may SELECT from it; NULL: it is no
 * feature set's.
 */
extern FeatureSet *feature_set_of_view(Oid relid);

/* ---- view.c ------------------------------------------------------------------- */

/* "SELECT … FROM …" of the set's view, windows by echolon_rolling; qualified throughout. */
extern char *feature_view_sql(const FeatureSet *set);

/*
 * A view shows a column of its relation under the old name when that is renamed, also where another one has the name
 * by now.  The first such column of a view, by the name in the view, and what it is called now; NULL: none.
 */
extern char *feature_renamed_column(Oid viewid, Oid relid, char **now);

/* Raise where a set, which knows its columns by name, would take others than its view. */
extern void feature_check_columns(const FeatureSet *set);

/* A function of the extension, qualified and quoted: feature_function("echolon_rolling"). */
extern char *feature_function(const char *name);

/* ---- direct.c ----------------------------------------------------------------- */

/*
 * relation_scan of a set's view without its windows: reads the relation once as the caller, sorts by
 * (group, date, order_by), computes all windows in one pass.  Same rows, same bits, in any order.
 * columns: of char *, names of the view's columns; nothing is read that they don't need.
 */
extern uint64 feature_scan(const FeatureSet *set, List *columns, RelationRow row, void *arg);

/* True where the view is what feature_view_sql says, so that feature_scan may stand for it. */
extern bool feature_scan_possible(const FeatureSet *set);

#endif							/* ECHOLON_FEATURE_H */
