/*
 * rowstore.c
 *		Rows of a query as they arrive.
 *
 * A store never raises for want of memory: whoever fills it looks at store->full and reads the
 * rows in another way.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "storage/shmem.h"
#include "utils/date.h"
#include "utils/expandeddatum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "features/rowstore.h"
#include "features/terms.h"

/* Blocks of the arena grow to what huge pages can back. */
#define ARENA_FIRST		((size_t) 64 * 1024)
#define ARENA_LAST		((size_t) 8 * 1024 * 1024)

#define BATCH_ROWS		((size_t) 64)

/* What sorting needs a row: its place, and as much again as scratch. */
#define SORT_BYTES		(2 * sizeof(SortRow))

RowStore *
rowstore_create(MemoryContext context, size_t limit)
{
	RowStore   *store = MemoryContextAllocZero(context, sizeof(RowStore));

	store->context = context;
	store->fields = MemoryContextAlloc(context, sizeof(RowField));
	store->limit = limit;
	store->arena_block = ARENA_FIRST;
	store->memory.limit = SIZE_MAX;	/* cells.c counts; what is too much is decided here */
	store->earliest = PG_INT64_MAX;
	store->latest = PG_INT64_MIN;
	return store;
}

int
rowstore_field(RowStore *store, Oid typid)
{
	RowField   *field;

	store->fields = repalloc(store->fields, mul_size(store->nfields + 1, sizeof(RowField)));
	field = &store->fields[store->nfields];
	field->offset = 0;
	get_typlenbyvalalign(typid, &field->typlen, &field->typbyval, &field->typalign);
	return store->nfields++;
}

void
rowstore_open(RowStore *store)
{
	static const int widths[] = {8, 4, 2, 1};
	size_t		offset = MAXALIGN(offsetof(RowHead, present) + (store->nfields + 7) / 8);

	/* the widest first, so that nothing is lost between them; then what has a length of its own */
	for (int w = 0; w < (int) lengthof(widths); w++)
	{
		for (int i = 0; i < store->nfields; i++)
		{
			RowField   *field = &store->fields[i];
			int			width = field->typlen < 0 ? (int) sizeof(char *) : field->typlen;

			if (width != widths[w])
				continue;
			field->offset = offset;
			offset += width;
		}
	}
	for (int i = 0; i < store->nfields; i++)
	{
		RowField   *field = &store->fields[i];

		if (field->offset != 0)
			continue;
		offset = MAXALIGN(offset);
		field->offset = offset;
		offset += field->typlen;
	}
	store->cells.stride = MAXALIGN(offset);
}

/* Does so much more than what is in use fit, and putting all rows in order with it? */
static bool
rowstore_fits(RowStore *store, size_t bytes)
{
	if (add_size(add_size(store->memory.used, bytes), mul_size(store->nrows, SORT_BYTES)) <=
		store->limit)
		return true;
	store->full = true;
	return false;
}

void
rowstore_count(RowStore *store, size_t bytes)
{
	(void) rowstore_fits(store, bytes);
	store->memory.used = add_size(store->memory.used, bytes);
}

char *
rowstore_add(RowStore *store, int64 time, uint32 group)
{
	char	   *record;
	RowHead    *head;

	if (store->nrows % SEGMENT_ROWS == 0)
	{
		/* segments come in blocks that grow with what is there already */
		size_t		segments = store->cells.nsegments < store->cells.nallocated ? 0 :
			Max(1, Min(store->cells.nallocated, BLOCK_SEGMENTS));

		if (store->full ||
			!rowstore_fits(store, segments * SEGMENT_ROWS * (store->cells.stride + SORT_BYTES)))
			return NULL;
		cells_extend(&store->cells, store->context, &store->memory);
	}
	record = rowstore_row(store, store->nrows++);
	memset(record, 0, store->cells.stride);
	head = (RowHead *) record;
	head->time = time;
	head->group = group;
	if (time < ROW_TIMELESS)
	{
		store->earliest = Min(store->earliest, time);
		store->latest = Max(store->latest, time);
	}
	return record;
}

/* Room for a value of variable length; NULL where there is none. */
static char *
arena_alloc(RowStore *store, size_t size, size_t align)
{
	size_t		skip = TYPEALIGN(align, (uintptr_t) store->arena) - (uintptr_t) store->arena;
	char	   *place;

	if (size + skip > store->arena_left)
	{
		bool		large = size > ARENA_FIRST / 4;
		size_t		block = large ? size : store->arena_block;

		if (!rowstore_fits(store, block))
			return NULL;
		place = cells_array(store->context, &store->memory, block, 1);
		/* a large value does not end a block that has room for small ones */
		if (large)
			return place;
		store->arena = place;
		store->arena_left = block;
		store->arena_block = Min(block * 2, ARENA_LAST);
		skip = 0;
	}
	place = store->arena + skip;
	store->arena = place + size;
	store->arena_left -= size + skip;
	return place;
}

/*
 * A copy of a value of variable length.  What is stored out of line stays there: the
 * snapshot of the caller's query keeps it alive.
 */
static char *
arena_copy(RowStore *store, const RowField *field, char *value)
{
	size_t		size;
	char	   *copy;

	if (field->typlen == -2)
	{
		size = strlen(value) + 1;
		copy = arena_alloc(store, size, 1);
	}
	else if (VARATT_IS_EXTERNAL_EXPANDED(value))
	{
		ExpandedObjectHeader *object = DatumGetEOHP(PointerGetDatum(value));

		size = EOH_get_flat_size(object);
		copy = arena_alloc(store, size, MAXIMUM_ALIGNOF);
		if (copy != NULL)
			EOH_flatten_into(object, copy, size);
		return copy;
	}
	else
	{
		if (VARATT_IS_EXTERNAL_INDIRECT(value))
			value = (char *) detoast_external_attr((struct varlena *) value);
		size = VARSIZE_ANY(value);
		copy = arena_alloc(store, size,
						   !VARATT_IS_4B(value) ? 1 : field->typalign == TYPALIGN_DOUBLE ? 8 : 4);
	}
	if (copy != NULL)
		memcpy(copy, value, size);
	return copy;
}

void
row_put_reference(RowStore *store, char *record, int field, Datum value)
{
	const RowField *f = &store->fields[field];
	char	   *place = record + f->offset;

	if (f->typlen > 0)
		memcpy(place, DatumGetPointer(value), f->typlen);
	else
	{
		char	   *copy = arena_copy(store, f, DatumGetPointer(value));

		if (copy == NULL)
			return;
		*(char **) place = copy;
	}
	((RowHead *) record)->present[field >> 3] |= 1 << (field & 7);
}

/* ---- rows in order ------------------------------------------------------------ */

RowBatch *
rowbatch_create(const RowStore *store)
{
	MemoryContext old = MemoryContextSwitchTo(store->context);
	RowBatch   *batch = palloc0(sizeof(RowBatch));

	batch->records = palloc(mul_size(BATCH_ROWS, store->cells.stride));
	batch->pointers = palloc(mul_size(Max(store->nfields, 1), sizeof(int)));
	for (int i = 0; i < store->nfields; i++)
		if (store->fields[i].typlen < 0)
			batch->pointers[batch->npointers++] = i;
	MemoryContextSwitchTo(old);
	return batch;
}

void
rowbatch_fill(RowBatch *batch, const RowStore *store, const SortRow *rows, size_t first)
{
	size_t		stride = store->cells.stride;
	size_t		n = Min(store->nrows - first, BATCH_ROWS);
	char	   *record = batch->records;

	for (size_t i = 0; i < n; i++)
		for (size_t byte = 0; byte < stride; byte += CACHE_LINE)
			__builtin_prefetch(rowstore_row(store, rows[first + i].row) + byte);
	for (size_t i = 0; i < n; i++, record += stride)
	{
		memcpy(record, rowstore_row(store, rows[first + i].row), stride);
		/* NULL where the field is NULL, which is as good as any */
		for (int p = 0; p < batch->npointers; p++)
			__builtin_prefetch(*(char *const *) (record + store->fields[batch->pointers[p]].offset));
	}
	batch->first = first;
	batch->n = n;
}

/* ---- times ------------------------------------------------------------------ */

int64
row_time(ColumnKind kind, Datum date, bool isnull)
{
	int64		micros;

	if (isnull)
		return ROW_DATELESS;
	if (clock_time(kind, date, &micros))
		return micros;
	if (kind == COLUMN_DATE)
		return DATE_IS_NOBEGIN(DatumGetDateADT(date)) ? ROW_EARLIEST : ROW_LATEST;
	return TIMESTAMP_IS_NOBEGIN(DatumGetTimestamp(date)) ? ROW_EARLIEST : ROW_LATEST;
}

int64
row_time_unit(ColumnKind kind)
{
	return kind == COLUMN_DATE ? USECS_PER_DAY : 1;
}
