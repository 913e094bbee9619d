/*
 * preprocess.h
 *		A view of cleaned rows: what was asked for, what was fitted, where it is kept.
 *
 *		preprocess.c			fit, and the call
 *		preprocess_arguments.c	what is asked for
 *		preprocess_view.c		the SQL of the view, and what it says of itself
 *		preprocess_document.c	all of it as the document that is stored
 *		preprocess_store.c		stored, listed, refreshed, dropped; one row by what is stored
 *		preprocess_cells.c		the functions that the view calls
 */
#ifndef ECHOLON_PREPROCESS_H
#define ECHOLON_PREPROCESS_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "train/train.h"

typedef enum OutlierTreatment
{
	TREAT_KEEP,
	TREAT_CLIP,
	TREAT_REMOVE
} OutlierTreatment;

/* What was asked for: of all columns, or of one. */
typedef struct PrepRule
{
	ModelImpute impute;
	bool		forward;		/* impute => 'forward' */
	const char *constant;
	OutlierTreatment outliers;
	double		iqr_factor;
	ModelScale	scale;
} PrepRule;

typedef struct PrepArguments
{
	const char *target;			/* NULL: none, as the next ones */
	List	   *exclude;
	bool		drop_duplicates;
	PrepRule	rule;
	bool		indicators;
	Jsonb	   *overrides;
	const char *date_column;
	List	   *group_by;
	const char *split_by;
	const char *split_groups;
	double		test_fraction;
	int64		seed;
} PrepArguments;

/* A column of the relation, in its order. */
typedef struct PrepColumn
{
	char	   *name;
	char	   *type_name;		/* qualified, with its modifier, for a cast */
	Oid			typid;
	int32		typmod;
	ColumnType	type;			/* where usable */
	bool		usable;
	bool		untouched;		/* it is what others are treated by, or named in exclude */
	bool		touched;		/* the view shows another value than the relation */
	bool		as_double;		/* the view shows it as double precision: told by its rule, so that no fit changes its type */
	bool		named;			/* overrides have its constant */
	PrepRule	rule;
	ModelTreatment treatment;
	char	   *fill;			/* what fills it, as text of its type; NULL: nothing */
	bool		remove;			/* rows beyond low and high are left out */
	double		low,
				high;
	int64		missing,		/* values at the fit, of all rows but duplicates */
				outliers;
	const char *note;			/* why something was not done; NULL */
} PrepColumn;

typedef struct Preprocessing
{
	char	   *name;
	Oid			relid;
	char	   *relation;		/* schema.name */
	Oid			view;
	PrepArguments arguments;
	int			ncolumns;
	PrepColumn *columns;
	List	   *key;			/* of char *: what tells rows apart; NIL */
	int64		rows,			/* read */
				fitted,			/* learned from */
				duplicates;
	bool		distinct;		/* no row is a duplicate: a key of several columns or of dates is content, and rows of
								 * one column but keys repeat by nature */
	List	   *notes;			/* of char * */
} Preprocessing;

/* ---- preprocess.c ---- */

/*
 * Read the relation and learn what the arguments ask for.  With columns (of a stored one) these stay the columns of the
 * view, of the same types: CREATE OR REPLACE VIEW takes no others.
 */
extern void preprocess_fit(Preprocessing *p);

/* Does the view show another value than the relation? */
extern bool prep_touched(const PrepColumn *column);

/* ---- preprocess_arguments.c ---- */

#define PREP_IMPUTE_WORDS		5
#define PREP_OUTLIER_WORDS		3
#define PREP_SCALE_WORDS		3
#define PREP_DUPLICATE_WORDS	2

/* In the order of ModelImpute (from 1) with 'forward' behind, OutlierTreatment, ModelScale (from 1). */
extern const char *const prep_impute_words[PREP_IMPUTE_WORDS];
extern const char *const prep_outlier_words[PREP_OUTLIER_WORDS];
extern const char *const prep_scale_words[PREP_SCALE_WORDS];
extern const char *const prep_duplicate_words[PREP_DUPLICATE_WORDS];

/* Set a part of a rule by its word; NULL: none.  An error for a word that is none of them. */
extern void prep_rule_impute(PrepRule *rule, const char *word);
extern void prep_rule_outliers(PrepRule *rule, const char *word);
extern void prep_rule_scale(PrepRule *rule, const char *word);

/* The arguments of a call, checked; the overrides once the columns are known. */
extern void prep_read_arguments(FunctionCallInfo fcinfo, Preprocessing *p);
extern void prep_apply_overrides(Preprocessing *p);

/* The column of a name; NULL: there is none. */
extern PrepColumn *prep_find_column(const Preprocessing *p, const char *name);

/* ---- preprocess_view.c ---- */

/* "SELECT … FROM …" */
extern char *preprocess_sql(const Preprocessing *p);

/* Are equal rows shown once? */
extern bool prep_drops_duplicates(const Preprocessing *p);

/* "(SELECT …) AS s": the relation's rows, each with its number among its equals under that name. */
extern char *prep_rows_sql(const Preprocessing *p, const char *number);

/* A name that no column has: the wanted one where it is free. */
extern char *prep_free_name(const Preprocessing *p, const char *wanted);

/* The name of a column's indicator; NULL: it has none.  An error for one that is too long, or taken. */
extern char *preprocess_indicator(const Preprocessing *p, const PrepColumn *column);

/* Comments of the view and its columns. */
extern void preprocess_comment(const Preprocessing *p);

/* What is done to a column, for people: "missing values become 41; clipped to -3 ... 77"; NULL: nothing. */
extern char *preprocess_phrase(const PrepColumn *column);

/* ---- preprocess_document.c ---- */

/* All of it as a document, and back. */
extern Jsonb *preprocess_jsonb(const Preprocessing *p);
extern void preprocess_read(Jsonb *definition, Preprocessing *p);

/* ---- preprocess_store.c ---- */

/* First lines: refuse standbys and a name that is taken. */
extern void preprocess_check_name(const char *name);
extern void preprocess_store_add(const Preprocessing *p);

#endif							/* ECHOLON_PREPROCESS_H */
