/*
 * define.h
 *		The parameters a feature set is made of, and what the files of feature sets share.
 */
#ifndef ECHOLON_DEFINE_H
#define ECHOLON_DEFINE_H

#include "utils/relcache.h"

#include "features/feature.h"
#include "features/fit.h"

#define FEATURE_LEVELS_DEFAULT	20	/* one-hot columns of a category */
#define FEATURE_DEGREE_MAX		5
#define FEATURE_BUCKETS_MAX		1000

/* As stored: columns, words and numbers.  What was left open in the call is resolved. */
typedef struct FeatureParams
{
	List	   *columns;		/* of char *, as all lists but those of integers and numbers */
	char	   *date_column;
	int			date_kind;		/* ColumnKind of the date; 0: none */
	char	   *zone;			/* of a timestamptz */
	List	   *numeric;
	List	   *category;
	List	   *group_by;
	List	   *order_by;
	bool		order_unique;
	char	   *target;

	List	   *families;
	List	   *windows;		/* "7", "7 days" */
	List	   *lags;			/* of integers */
	List	   *statistics;
	List	   *ewma_spans;		/* of integers */
	List	   *running;		/* statistics of all rows up to the window's end */
	int			horizon;		/* windows end so many rows before the current one; */
	int			target_horizon; /* those of the target */
	int			min_periods;	/* 0: as many as a window of rows has, 1 for others */
	char	   *fill;

	List	   *interactions;	/* product, ratio, sum, difference */
	int			interaction_degree;
	int			polynomial_degree;
	List	   *encodings;		/* frequency, label, onehot */
	List	   *levels;			/* one-hot: column, label, column, label, … */
	List	   *scalings;		/* standard, minmax, robust, percentile, bucket */
	int			buckets;

	char	   *revenue_column;
	List	   *engagement_columns;
	int			nweights;
	double	   *engagement_weights;
	char	   *recency_column;
	double		high_value_percentile;
	List	   *churn_days;		/* of two integers */
} FeatureParams;

/* ---- define.c ---- */

extern Jsonb *feature_params_write(const FeatureParams *params);
extern FeatureParams *feature_params_read(Jsonb *definition);

/* The columns whose numbers or categories are fitted, by what the features of a set use. */
extern void feature_fitted_columns(const FeatureSet *set, List **numbers, List **categories);

/* ---- expand.c ---- */

/*
 * The features of a set by its parameters, in the order of the view's columns.  Raises for
 * names that clash and for more columns than a view can have.
 */
extern void feature_set_expand(FeatureSet *set, const FeatureParams *params);

/*
 * A name that fits into an identifier: as it is, or its beginning and a hash of the whole.
 */
extern char *feature_fit_name(char *name);

/* ---- resolve.c ---- */

/* Columns that tell the relation's rows apart: its primary key, else another one; NIL: it has none. */
extern List *feature_relation_key(Relation relation);

/* ---- sets.c ---- */

/* Execute a utility statement as the caller. */
extern void feature_execute(const char *sql);

/*
 * Where a view of this name is to be, and its name there; raises where there can be none.  what: "a feature set", for messages.
 */
extern void feature_place_view(const char *name, Oid relid, const char *what, const char **schema, const char **view);

/* ---- view.c ---- */

/* A column of the relation under its alias: s.city */
extern char *feature_column(const char *name);

/* ' COLLATE pg_catalog."C"' where the collation is not that of the type, else "". */
extern char *feature_collate(Oid typid, Oid collation);

/* "PARTITION BY s.city ORDER BY s.month, s.row_id" */
extern char *feature_order(const FeatureSet *set);

/* "echolon_rolling(s.revenue, s.month, '{mean 7,…}')" of these terms. */
extern char *feature_rolling_call(const FeatureSet *set, const char *column, List *terms);

#endif							/* ECHOLON_DEFINE_H */
