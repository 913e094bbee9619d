/*
 * bydate.c
 *		What the direct path computes over all rows of a date, whatever their group: share and rank.
 *
 * The dates are those of PARTITION BY: NULL is one of them, and so are both infinities.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "compat.h"
#include "features/rowstore.h"
#include "learn/sort.h"

#define CHECK_ROWS		(64 * 1024) /* rows between two cancel checks */

/* Where the date that begins at row first ends. */
static size_t
date_end(const RowStore *store, const SortRow *rows, size_t first)
{
	int64		time = ((const RowHead *) rowstore_row(store, rows[first].row))->time;
	size_t		i = first + 1;

	while (i < store->nrows &&
		   ((const RowHead *) rowstore_row(store, rows[i].row))->time == time)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		i++;
	}
	return i;
}

bool
share_of(const Moments *sum, double value, double *share)
{
	double		total;

	if (!moments_sum(sum, &total) || total == 0.0)
		return false;
	/* as the aggregate that the view calls */
	if (isinf(total) && moments_finite(sum))
		float_overflow_error();
	*share = value / total;
	return true;
}

void
bydate_share(RowStore *store, const SortRow *rows, int value, int target)
{
	Moments    *sum = MemoryContextAlloc(store->context, moments_size(0));
	size_t		end;

	moments_init(sum, 0);
	for (size_t first = 0; first < store->nrows; first = end)
	{
		end = date_end(store, rows, first);
		moments_reset(sum);
		for (size_t i = first; i < end; i++)
		{
			const char *record = rowstore_row(store, rows[i].row);

			if (i % CHECK_ROWS == 0)
				CHECK_FOR_INTERRUPTS();
			if (!row_isnull(record, value))
				moments_add(sum, row_number(store, record, value));
		}
		for (size_t i = first; i < end; i++)
		{
			char	   *record = rowstore_row(store, rows[i].row);
			double		share;

			if (i % CHECK_ROWS == 0)
				CHECK_FOR_INTERRUPTS();
			if (!row_isnull(record, value) &&
				share_of(sum, row_number(store, record, value), &share))
				row_put_number(store, record, target, share);
		}
	}
	pfree(sum);
}

/* ---- ranks -------------------------------------------------------------------- */

typedef struct RankOrder
{
	RowStore   *store;
	const OrderKey *exact;
} RankOrder;

/* Largest first; keys are of numbers. */
static inline int
compare_ranks(const SortRow *a, const SortRow *b, const RankOrder *order)
{
	const OrderKey *exact = order->exact;

	if (a->key != b->key)
		return a->key > b->key ? -1 : 1;
	if (exact == NULL)
		return 0;
	return ApplySortComparator(row_get(order->store, rowstore_row(order->store, b->row), exact->field),
							   false,
							   row_get(order->store, rowstore_row(order->store, a->row), exact->field),
							   false, unconstify(SortSupportData *, &exact->sort));
}

#define ST_SORT sort_ranks
#define ST_ELEMENT_TYPE SortRow
#define ST_COMPARE(a, b, order) compare_ranks(a, b, order)
#define ST_COMPARE_ARG_TYPE const RankOrder
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* A number as a word that sorts alike: one zero, NaN above all. */
static inline uint64
rank_word(double number)
{
	return isnan(number) ? PG_UINT64_MAX : sort_key(number + 0.0);
}

void
bydate_rank(RowStore *store, const SortRow *rows, int value, const OrderKey *exact, int target)
{
	RankOrder	order = {store, exact};
	SortRow    *ranked = cells_array(store->context, &store->memory, store->nrows, sizeof(SortRow));
	size_t		end;

	for (size_t first = 0; first < store->nrows; first = end)
	{
		size_t		n = 0;
		size_t		rank = 1;

		end = date_end(store, rows, first);
		for (size_t i = first; i < end; i++)
		{
			const char *record = rowstore_row(store, rows[i].row);

			if (i % CHECK_ROWS == 0)
				CHECK_FOR_INTERRUPTS();
			if (row_isnull(record, value))
				continue;
			ranked[n].key = rank_word(row_number(store, record, value));
			ranked[n++].row = rows[i].row;
		}
		sort_ranks(ranked, n, &order);
		for (size_t i = 0; i < n; i++)
		{
			if (i % CHECK_ROWS == 0)
				CHECK_FOR_INTERRUPTS();
			if (i > 0 && compare_ranks(&ranked[i - 1], &ranked[i], &order) != 0)
				rank = i + 1;
			row_put(store, rowstore_row(store, ranked[i].row), target, Int64GetDatum((int64) rank));
		}
	}
	pfree(ranked);
	frame_memory_subtract(&store->memory, store->nrows, sizeof(SortRow));
}
