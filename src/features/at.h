/*
 * at.h
 *		The features of one row.  Of at.c, at_set.c and at_history.c.
 *
 * What a feature set needs for it is an AtSet, kept by the session; what one row needs, an AtRow.
 */
#ifndef ECHOLON_AT_H
#define ECHOLON_AT_H

#include "executor/spi.h"
#include "nodes/params.h"

#include "features/direct.h"
#include "features/stored.h"

/* A column of the relation that is looked at. */
typedef struct AtColumn
{
	char	   *name;
	Oid			typid;
	int32		typmod;
	Oid			collation;
	bool		number;			/* windows, shares or ranks are made of it: */
	ColumnType	type;
	int			place;			/* in what queries over other rows select; -1: not there */
	OrderKey	order;			/* place >= 0: compares its values */
} AtColumn;

/* Terms that one engine computes. */
typedef struct AtTerms
{
	int			n;
	RollingTerm *terms;
	int		   *places;			/* of each in the set's window */
} AtTerms;

typedef struct AtWindow
{
	int			column;
	int			nterms;			/* of both */
	AtTerms		recent;			/* those that see some rows before the row */
	AtTerms		whole;			/* those that see all of them */
} AtWindow;

/* Other rows of a group, for one pattern of NULLs in the columns it is told by. */
typedef struct AtHistoryPlan
{
	Bitmapset  *nulls;			/* places in group_by */
	bool		limited;
	SPIPlanPtr	plan;
} AtHistoryPlan;

typedef struct AtSet
{
	MemoryContext context;
	FeatureSet *set;
	int			ncolumns;
	AtColumn   *columns;
	Oid		   *types;			/* of all columns, which are the parameters $1, $2, … of all plans */

	int			date;			/* these are places in columns; -1: no date */
	int			ngroups;
	int		   *groups;
	int			nkeys;
	int		   *keys;
	int			nidentity;		/* what makes a stored row the row itself */
	int		   *identity;
	bool		identity_once;	/* there is no key: one of the rows that are the same */

	int			nwindows;
	AtWindow   *windows;
	RollingClock *clock;
	int64		most_rows;		/* before the row that all windows need; -1: it depends on times */
	bool		whole_group;
	bool		dates;			/* there are shares or ranks */

	List	   *history;		/* of AtHistoryPlan * */
	SPIPlanPtr	row_plan;		/* NULL: not made yet, as the next ones */
	SPIPlanPtr	date_plan;
	SPIPlanPtr	dateless_plan;
	List	   *plans;			/* all of them, to be freed */
	MemoryContextCallback callback;
} AtSet;

/* One row: its values as the relation's columns have them, and its features. */
typedef struct AtRow
{
	AtSet	   *at;
	Datum	   *values;			/* by place in columns */
	bool	   *nulls;
	ParamListInfo params;		/* the same */
	int64		time;
	Datum	   *features;		/* by place in the set's features */
	bool	   *features_null;
} AtRow;

/* ---- at_set.c ------------------------------------------------------------------ */

/* What a set that is there needs, as the session keeps it; pinned until context is reset or deleted. */
extern AtSet *at_set_get(const StoredSet *stored, MemoryContext context);

/* The place of a column in columns; -1: it is not looked at. */
extern int	at_column(const AtSet *at, const char *name);

/* Plans, within SPI_connect and SPI_finish. */
extern SPIPlanPtr at_row_plan(AtSet *at);
extern SPIPlanPtr at_history_plan(AtSet *at, const bool *nulls, bool limited);
extern SPIPlanPtr at_date_plan(AtSet *at, bool isnull);

/* Raise where the rows of a history or date plan are not of the types that were planned for. */
extern void at_check_rows(const AtSet *at, TupleDesc desc);

/* Rows that a limited plan gives. */
extern int64 at_limit(const AtSet *at);

/* ---- at_history.c ---------------------------------------------------------------- */

/* Features of kind FEATURE_WINDOW. */
extern void at_windows(AtRow *row);

/* Features of kind FEATURE_SHARE and FEATURE_RANK. */
extern void at_dates(AtRow *row);

#endif							/* ECHOLON_AT_H */
