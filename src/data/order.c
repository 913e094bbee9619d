/*
 * order.c
 *		The canonical order of rows.
 *
 * The order depends on what rows hold and on nothing else: neither on how the
 * table lies on disk nor on the order of its columns.  A row's place
 * comes from 128 bits of hash: the sum over its cells of a hash of (column
 * name, content).  A category counts by its label in UTF-8, never by its code.  Equal rows are
 * interchangeable.
 *
 * Rows are hashed group by group, sorted by radix on the upper half of the first
 * word, and moved with the cache lines they come from fetched ahead.
 */
#include "postgres.h"

#include <math.h>

#include "data/order.h"
#include "data/radix.h"
#include "learn/hash.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "compat.h"

#define CHECK_ROWS		(64 * 1024) /* a few milliseconds of moving rows */
#define FETCH_AHEAD		24		/* rows */

/* Seeds of a column's two words; part of what orders rows. */
#define NAME_SEED_1		UINT64CONST(0x636f6c756d6e2031)
#define NAME_SEED_2		UINT64CONST(0x636f6c756d6e2032)
#define CELL_NAN		UINT64CONST(0x7ff8000000000000)
#define CELL_MISSING	UINT64CONST(0x6d697373696e6721)	/* a category's NULL */
#define CELL_FACTOR		UINT64CONST(0xd6e8feb86659fd93)

/* A column that counts, as its group is hashed or moved. */
typedef struct OrderColumn
{
	int			slot;			/* in the group */
	uint64		name[2];
	const DictionaryEntry *entries; /* of a category */
} OrderColumn;

/* Fills columns with those of the group that are a feature or are kept; returns how many. */
static int
counting_columns(const Frame *frame, const SourceColumn *sources, const CellGroup *group,
				 OrderColumn *columns)
{
	int			n = 0;

	for (int slot = 0; slot < group->ncolumns; slot++)
	{
		int			place = group->places[slot];
		const char *name = frame->columns[place].name;
		const char *utf8 = name;

		if (!frame->columns[place].feature && !sources[place].kept)
			continue;
		if (GetDatabaseEncoding() != PG_SQL_ASCII)
			utf8 = pg_server_to_any(name, strlen(name), PG_UTF8);
		columns[n].slot = slot;
		columns[n].name[0] = hash_bytes(utf8, strlen(utf8), NAME_SEED_1);
		columns[n].name[1] = hash_bytes(utf8, strlen(utf8), NAME_SEED_2);
		columns[n].entries = sources[place].dictionary.entries;
		n++;
	}
	return n;
}

/* Both words of a cell's content into the sums of its row. */
static inline void
hash_cell(uint64 first, uint64 second, const uint64 *name, uint64 *sum)
{
	uint64		h = hash_mix(first ^ name[0]);
	uint128		product = (uint128) (h ^ second ^ name[1]) * CELL_FACTOR;

	/*
	 * hash_mix is a bijection: two rows that differ in one number have
	 * different sums.
	 */
	sum[0] += h;
	sum[1] += (uint64) product ^ (uint64) (product >> 64);
}

/* Add a segment's rows of doubles to sums[rows][2]. */
static void
hash_values(const CellGroup *group, const OrderColumn *columns, int ncolumns, const char *cells,
			size_t nrows, uint64 (*sums)[2])
{
	for (size_t i = 0; i < nrows; i++)
	{
		const double *row = (const double *) (cells + i * group->stride);
		uint64		sum[2] = {sums[i][0], sums[i][1]};

		for (int c = 0; c < ncolumns; c++)
		{
			/* -0.0 + 0.0 is 0.0: both zeros are one value */
			double		value = row[columns[c].slot] + 0.0;
			uint64		bits;

			memcpy(&bits, &value, sizeof(bits));
			bits = isnan(value) ? CELL_NAN : bits;
			hash_cell(bits, 0, columns[c].name, sum);
		}
		sums[i][0] = sum[0];
		sums[i][1] = sum[1];
	}
}

/* The same for codes. */
static void
hash_codes(const CellGroup *group, const OrderColumn *columns, int ncolumns, const char *cells,
		   size_t nrows, uint64 (*sums)[2])
{
	for (size_t i = 0; i < nrows; i++)
	{
		const uint32 *row = (const uint32 *) (cells + i * group->stride);
		uint64		sum[2] = {sums[i][0], sums[i][1]};

		for (int c = 0; c < ncolumns; c++)
		{
			uint32		code = row[columns[c].slot];

			if (code == LEARN_MISSING)
				hash_cell(CELL_MISSING, 0, columns[c].name, sum);
			else
				hash_cell(columns[c].entries[code].content[0],
						  columns[c].entries[code].content[1], columns[c].name, sum);
		}
		sums[i][0] = sum[0];
		sums[i][1] = sum[1];
	}
}

/* Does a stand behind b? */
static inline bool
row_behind(const SortRow *a, const SortRow *b, const uint64 (*sums)[2])
{
	if (a->key != b->key)
		return a->key > b->key;
	return sums[a->row][1] > sums[b->row][1];
}

/*
 * Sort by both words; returns rows or spare, whichever holds the result.
 *
 * Hashes are uniform, so the upper 32 bits leave almost nothing to do for an insertion sort;
 * equal rows it doesn't move.
 */
static SortRow *
sort_rows(SortRow *rows, SortRow *spare, size_t n, const uint64 (*sums)[2])
{
	rows = radix_sort(rows, spare, n, 32, 64);

	for (size_t i = 1; i < n; i++)
	{
		SortRow		row = rows[i];
		size_t		j = i;

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		while (j > 0 && row_behind(&rows[j - 1], &row, sums))
		{
			rows[j] = rows[j - 1];
			j--;
		}
		rows[j] = row;
	}
	return rows;
}

uint32 *
order_rows(Frame *frame, const SourceColumn *sources, const CellGroup *groups, int ngroups,
		   MemoryContext scratch, MemoryContext context, FrameMemory *memory)
{
	size_t		n = frame->nrows;
	uint64		(*sums)[2];
	SortRow    *rows;
	SortRow    *spare;
	SortRow    *sorted;
	uint32	   *order;

	sums = cells_array(scratch, memory, n, sizeof(*sums));
	memset(sums, 0, n * sizeof(*sums));
	for (int g = 0; g < ngroups; g++)
	{
		OrderColumn columns[GROUP_CODES];
		int			ncolumns = counting_columns(frame, sources, &groups[g], columns);

		if (ncolumns == 0)
			continue;
		for (size_t from = 0; from < n; from += SEGMENT_ROWS)
		{
			const char *cells = cell_row(&groups[g], from);
			size_t		nrows = Min((size_t) SEGMENT_ROWS, n - from);

			CHECK_FOR_INTERRUPTS();
			if (groups[g].codes)
				hash_codes(&groups[g], columns, ncolumns, cells, nrows, sums + from);
			else
				hash_values(&groups[g], columns, ncolumns, cells, nrows, sums + from);
		}
	}

	rows = cells_array(scratch, memory, n, sizeof(SortRow));
	spare = cells_array(scratch, memory, n, sizeof(SortRow));
	for (size_t i = 0; i < n; i++)
	{
		rows[i].key = sums[i][0];
		rows[i].row = i;
	}
	sorted = sort_rows(rows, spare, n, (const uint64 (*)[2]) sums);
	pfree(sums);

	order = cells_array(scratch, memory, n, sizeof(uint32));
	frame->row_hash = cells_array(context, memory, n, sizeof(uint64));
	for (size_t i = 0; i < n; i++)
	{
		frame->row_hash[i] = sorted[i].key;
		order[i] = (uint32) sorted[i].row;
	}
	pfree(rows);
	pfree(spare);
	frame_memory_subtract(memory, n, sizeof(*sums) + 2 * sizeof(SortRow));
	return order;
}

void
order_move(Frame *frame, const SourceColumn *sources, CellGroup *group, const uint32 *order,
		   uint32 *const *recode, MemoryContext context, FrameMemory *memory)
{
	OrderColumn columns[GROUP_CODES];
	int			ncolumns = counting_columns(frame, sources, group, columns);
	size_t		n = frame->nrows;
	double	   *values[GROUP_CODES];
	uint32	   *codes[GROUP_CODES];

	for (int c = 0; c < ncolumns; c++)
	{
		FrameColumn *column = &frame->columns[group->places[columns[c].slot]];
		size_t		size = group->codes ? sizeof(uint32) : sizeof(double);
		void	   *buffer = cells_array(context, memory, n, size);

		if (group->codes)
			column->codes = codes[c] = buffer;
		else
			column->values = values[c] = buffer;
	}

	for (size_t from = 0; from < n && ncolumns > 0; from += CHECK_ROWS)
	{
		size_t		until = Min(from + CHECK_ROWS, n);

		CHECK_FOR_INTERRUPTS();
		for (size_t i = from; i < until; i++)
		{
			const char *row = cell_row(group, order[i]);

			if (i + FETCH_AHEAD < n)
				__builtin_prefetch(cell_row(group, order[i + FETCH_AHEAD]));
			if (group->codes)
			{
				for (int c = 0; c < ncolumns; c++)
				{
					int			slot = columns[c].slot;
					uint32		code = ((const uint32 *) row)[slot];

					codes[c][i] = code == LEARN_MISSING ? LEARN_MISSING : recode[slot][code];
				}
			}
			else
			{
				for (int c = 0; c < ncolumns; c++)
					values[c][i] = ((const double *) row)[columns[c].slot] + 0.0;	/* no -0.0 */
			}
		}
	}
	cells_free(group, memory);
}
