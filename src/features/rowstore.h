/*
 * rowstore.h
 *		Rows of a query as they arrive, their groups, and their order.  Of the direct path only.
 *
 * A row is a record of fixed width: its time, the number of its group, a bit for each NULL, and the
 * fields, packed.  What it is asked for afterwards is one row after another in another order, so
 * all of a row lies side by side; records stand in segments that never move (data/cells.h).
 * Values of variable length lie in an arena, their pointer in the record.
 */
#ifndef ECHOLON_ROWSTORE_H
#define ECHOLON_ROWSTORE_H

#include "postgres.h"

#include "access/tupmacs.h"
#include "utils/sortsupport.h"

#include "data/cells.h"
#include "data/radix.h"
#include "features/exact.h"
#include "model/format.h"

/*
 * A row's time where its date is infinite or NULL: from ROW_TIMELESS on, behind all others.  Such rows have
 * no place in time, and each kind of them is a date of its own.
 */
#define ROW_TIMELESS	(PG_INT64_MAX - 2)
#define ROW_EARLIEST	ROW_TIMELESS	/* -infinity */
#define ROW_LATEST		(ROW_TIMELESS + 1)	/* infinity */
#define ROW_DATELESS	(ROW_TIMELESS + 2)	/* NULL */

/* What every record begins with; a bit for each field follows. */
typedef struct RowHead
{
	int64		time;			/* microseconds, or ROW_TIMELESS and on */
	uint32		group;
	uint8		present[FLEXIBLE_ARRAY_MEMBER];	/* a bit a field: not NULL */
} RowHead;

typedef struct RowField
{
	int16		typlen;
	bool		typbyval;
	char		typalign;
	uint32		offset;			/* in the record */
} RowField;

typedef struct RowStore
{
	MemoryContext context;
	int			nfields;
	RowField   *fields;
	size_t		nrows;
	bool		full;			/* rows no longer fit into memory.limit */
	int64		earliest,		/* of the times below ROW_TIMELESS */
				latest;
	CellGroup	cells;
	FrameMemory memory;
	size_t		limit;
	char	   *arena;
	size_t		arena_left;
	size_t		arena_block;	/* size of the next one */
} RowStore;

/* ---- rows (rowstore.c) -------------------------------------------------------- */

/* An empty store, all of it in context; fields and their offsets come with rowstore_open. */
extern RowStore *rowstore_create(MemoryContext context, size_t limit);

/* A field of this type; its number. */
extern int	rowstore_field(RowStore *store, Oid typid);

/* After the last field. */
extern void rowstore_open(RowStore *store);

/*
 * A new row, all NULL, to be filled with row_put; NULL where there is no more memory for it, and
 * for putting all rows in order: store->full.
 */
extern char *rowstore_add(RowStore *store, int64 time, uint32 group);

/* row_put of a value that is not passed by value. */
extern void row_put_reference(RowStore *store, char *record, int field, Datum value);

/* Put a value that is not NULL into a field; copies what it points to.  May set store->full. */
static inline void
row_put(RowStore *store, char *record, int field, Datum value)
{
	const RowField *f = &store->fields[field];

	if (!f->typbyval)
	{
		row_put_reference(store, record, field, value);
		return;
	}
	store_att_byval(record + f->offset, value, f->typlen);
	((RowHead *) record)->present[field >> 3] |= 1 << (field & 7);
}

/* The same for a number, into a field of type float8. */
static inline void
row_put_number(RowStore *store, char *record, int field, double number)
{
	*(double *) (record + store->fields[field].offset) = number;
	((RowHead *) record)->present[field >> 3] |= 1 << (field & 7);
}

/* Count bytes that belong to the rows and are allocated elsewhere. */
extern void rowstore_count(RowStore *store, size_t bytes);

static inline char *
rowstore_row(const RowStore *store, size_t row)
{
	return cell_row(&store->cells, row);
}

static inline bool
row_isnull(const char *record, int field)
{
	return (((const RowHead *) record)->present[field >> 3] & (1 << (field & 7))) == 0;
}

/* A field that is not NULL: a datum that lives as long as the store. */
static inline Datum
row_get(const RowStore *store, const char *record, int field)
{
	const RowField *f = &store->fields[field];
	const char *place = record + f->offset;

	if (f->typlen < 0)
		return PointerGetDatum(*(char *const *) place);
	return fetch_att(place, f->typbyval, f->typlen);
}

/* A field of type float8, as a number; 0 where it is NULL. */
static inline double
row_number(const RowStore *store, const char *record, int field)
{
	return *(const double *) (record + store->fields[field].offset);
}

/*
 * Rows in order lie at random in memory, and whatever is done with one takes so long that the next ones are not
 * waited for in parallel.  So a batch of them is copied at once, where they are: one miss overlaps
 * with the next.
 */
typedef struct RowBatch
{
	char	   *records;		/* BATCH_ROWS of them */
	size_t		first;			/* place in the order of its first row */
	size_t		n;
	int			npointers;		/* fields that lie outside of the record */
	int		   *pointers;
} RowBatch;

/* An empty batch, in the store's context. */
extern RowBatch *rowbatch_create(const RowStore *store);

/* Copy the rows from place first on. */
extern void rowbatch_fill(RowBatch *batch, const RowStore *store, const SortRow *rows, size_t first);

/* The record at a place in the order; valid until one of another batch is asked for. */
static inline const char *
rowbatch_row(RowBatch *batch, const RowStore *store, const SortRow *rows, size_t place)
{
	if (place - batch->first >= batch->n)
		rowbatch_fill(batch, store, rows, place);
	return batch->records + (place - batch->first) * store->cells.stride;
}

/* ---- times ------------------------------------------------------------------------ */

/* A date as a row's time: below ROW_TIMELESS unless it is NULL or infinite. */
extern int64 row_time(ColumnKind kind, Datum date, bool isnull);

/* What the distances between all times of dates of this kind are multiples of. */
extern int64 row_time_unit(ColumnKind kind);

/* ---- groups and order (roworder.c) ------------------------------------------------ */

typedef struct GroupTable GroupTable;

/* Groups told apart by columns of these types as PARTITION BY does; NULL: one cannot be hashed. */
extern GroupTable *groups_create(RowStore *store, int ncolumns, const Oid *types,
								 const Oid *collations);

/* The number of the group of a row: 0, 1, … by first sight.  places: its columns in values. */
extern uint32 groups_find(GroupTable *groups, const int *places, const Datum *values,
						  const bool *nulls);

/* The columns of a group: those of its first row. */
extern void groups_values(const GroupTable *groups, uint32 group, const Datum **values,
						  const bool **nulls);

/* How many there are: 1 without columns. */
extern uint32 groups_count(const GroupTable *groups);

/* Columns to order by as ORDER BY does. */
typedef struct OrderKey
{
	int			field;			/* in the store; whoever has no store has his own use for it */
	bool		integer;		/* a by-value integer, or a date or timestamp */
	SortSupportData sort;
} OrderKey;

/* Comparison of the column's values, NULLs last; allocates in the current context. */
extern void order_key_init(OrderKey *key, Oid typid, Oid collation);

/*
 * All rows by (group, time, keys), or with fewer than two groups by (time, keys).  unit divides the
 * distances between all times.
 */
extern SortRow *roworder_sort(RowStore *store, uint32 ngroups, const OrderKey *keys, int nkeys,
							  int64 unit);

/* ---- over the rows of a date (bydate.c) ---------------------------------------------- */

/* In rows all of one date are neighbours.  Share of value in its sum over the date into target: float8. */
extern void bydate_share(RowStore *store, const SortRow *rows, int value, int target);

/* The share of a value in a sum; false: NULL, as the sum of values that are all NULL, or 0. */
extern bool share_of(const Moments *sum, double value, double *share);

/*
 * rank() of value among the rows of the date, largest first, into target, a bigint.  exact: the
 * values themselves, where value is only rounded from them; else NULL.
 */
extern void bydate_rank(RowStore *store, const SortRow *rows, int value, const OrderKey *exact,
						int target);

#endif							/* ECHOLON_ROWSTORE_H */
