/*
 * frame.h
 *		A relation read into columns, in the canonical order of rows.
 */
#ifndef ECHOLON_FRAME_H
#define ECHOLON_FRAME_H

#include "postgres.h"

#include "access/attnum.h"
#include "access/tupdesc.h"
#include "executor/spi.h"
#include "nodes/params.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"

#include "data/column.h"

/* ---- any relation, row by row ---------------------------------------------- */

typedef void (*RelationRow) (void *arg, TupleDesc desc, Datum *values, bool *nulls);

/*
 * SELECT columns FROM relation as the calling user, in one pass, through a
 * DestReceiver.  columns: names as they stand in the catalog.  The row callback runs in
 * a context of its own that is reset now and then: it must copy what it
 * keeps.  Returns rows read.
 */
extern uint64 relation_scan(Oid relid, List *columns, RelationRow row, void *arg);

/*
 * The same for the rows of any SELECT, with fully qualified names.  No more rows come once *stop is true
 * (stop may be NULL).
 */
extern uint64 query_scan(const char *query, RelationRow row, void *arg, const bool *stop);

/* The same for a plan of SPI_prepare, within SPI_connect and SPI_finish. */
extern uint64 plan_scan(SPIPlanPtr plan, ParamListInfo params, RelationRow row, void *arg,
						const bool *stop);

/* What may stand for relation_scan: the same rows in any order, from source. */
typedef uint64 (*RowSource) (void *source, List *columns, RelationRow row, void *arg);

/* "schema.name", quoted where needed. */
extern char *relation_name(Oid relid);

/*
 * The relation's usable column names in attribute order: not dropped, not system.
 */
extern List *relation_columns(Oid relid);	/* of char * */

/* Is a name among names, of char *? */
extern bool name_in(List *names, const char *name);

/*
 * Lock against changes to the end of the transaction.  Raises for what has no rows, for
 * a relation that is gone, and without SELECT on any column.
 */
extern void relation_lock(Oid relid);

/*
 * The relation of this name, locked in the same way: the one that has the name when the lock is there, however often
 * it was renamed meanwhile.  InvalidOid: there is none.
 */
extern Oid	relation_lock_name(char *schema, char *name);

/*
 * "primary key" or "unique key" where the column alone is one; else NULL.
 * Floats and dates are kept even so: a measure may be declared unique, and the
 * key of a daily table has months and weekdays in it.
 */
extern const char *relation_column_key(Relation relation, AttrNumber number, const ColumnType *type);

/* Raises "column \"revnue\" does not exist in \"sales\"" with a did-you-mean hint. */
extern AttrNumber relation_column(Oid relid, const char *name);

/* ---- a frame ---------------------------------------------------------------- */

typedef struct FrameSpec
{
	Oid			relid;
	bool		all_features;	/* features is NULL: every usable column */
	List	   *features;		/* of char *, asked for by name: unusable is an error */
	List	   *exclude;		/* of char *: must exist */
	const char *target;			/* NULL: none, all rows are usable */
	const char *weight;			/* may be NULL, as the next two */
	const char *split_by;
	const char *split_groups;
	int			max_categories;	/* above: rare levels pooled, or left out where near-unique */
	int			min_rows;		/* fewer usable rows: an error (100); 0: none is none */
	List	   *series;			/* of char *: also read, though they may be no features */
	List	   *withheld;		/* of char *: no features where all_features is set, */
	const char *withheld_reason;	/* because of this; the caller says so */
	bool		unjudged;		/* keys, identifying numbers and constants too, and features asked for by name
								 * that have no value; no notice */
	bool		near_unique;	/* all_features: texts that nearly all differ too, where there is memory for them */
	const char *remedy;			/* how its user reads less, for the error where memory ends; NULL: by exclude */
	RowSource	rows;			/* NULL: relation_scan */
	void	   *rows_source;
} FrameSpec;

typedef struct FrameColumn
{
	char	   *name;
	char	   *type_name;		/* format_type */
	ColumnType	type;
	bool		feature;		/* the model uses it */
	char	   *left_out;		/* why a candidate is no feature ("unique integers"), or NULL */
	bool		withheld;		/* it is left out by FrameSpec.withheld */
	double	   *values;			/* all kinds but category: column_number of every row */
	uint32	   *codes;			/* category: code in categories, LEARN_MISSING where NULL */
	uint32		ncategories;
	char	  **categories;		/* database encoding; C collation, or the enum's or boolean's own order */
	uint64	   *counts;			/* rows of a category */
	bool		pooled;			/* the last category is "(other)": levels above max_categories */
	uint32		npooled;		/* how many levels were pooled */
	uint64		missing;
} FrameColumn;

typedef struct Frame
{
	size_t		nrows;			/* usable rows */
	uint64		rows_read;
	uint64		rows_without_target;	/* NULL or NaN target: left out */
	uint64		rows_without_weight;	/* NULL, NaN, negative weight is an error; zero is kept */
	int			ncolumns;
	FrameColumn *columns;
	int			target,			/* places in columns; -1: none */
				weight,
				split_by,
				split_groups;
	uint64	   *row_hash;		/* [nrows] content of the row: features, target and weight, by name;
								 * rows ascend by it (and by a second word where it ties) */
	List	   *notices;		/* of char *: pooled levels, rows left out, one phrase each */
} Frame;

/*
 * Read spec's relation.  Decides which columns are features (interface.md, Training), raises
 * for what cannot be used by name, emits one NOTICE that names the columns left
 * out and why, and puts the rows into the canonical order.  Allocates in the
 * current context; memory is checked against max_memory_bytes() as rows arrive.
 */
extern Frame *frame_read(const FrameSpec *spec);

/* Some rows of a frame, ascending, as a frame of their own with the same columns and dictionaries. */
extern Frame *frame_rows(const Frame *frame, const uint32 *rows, size_t n);

/* ---- select.c: what trainings leave out for naming rows ------------------------- */

/* Are so many different texts among so many values nearly as many as there are rows? */
extern bool texts_near_unique(uint64 levels, uint64 values);

/* Do different integers from low to high lie as close as the numbers of so many rows? */
extern bool integers_dense(double low, double high, uint64 rows);

/* ---- duplicates.c ------------------------------------------------------------- */

/* What a cell holds, for a comparison with other cells of its column, which is kept. */
extern uint64 frame_cell(const FrameColumn *column, size_t row);

/*
 * How many rows are the same as another one before in all columns but keys[ncolumns].  Told by a hash of 64 bits; 0 where not all
 * that rows differ by was kept, and of one column alone.
 */
extern int64 frame_duplicates(const Frame *frame, const bool *keys);

#endif							/* ECHOLON_FRAME_H */
