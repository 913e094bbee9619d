/*
 * duplicates.c
 *		Rows of a frame that are the same as others.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/shmem.h"

#include "data/frame.h"
#include "learn/hash.h"
#include "learn/sort.h"
#include "model/model.h"

uint64
frame_cell(const FrameColumn *column, size_t row)
{
	double		value;
	uint64		bits;

	if (column->codes)
		return column->codes[row];
	value = column->values[row] + 0.0;	/* -0 is 0 */
	if (isnan(value))
		return PG_UINT64_MAX;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

int64
frame_duplicates(const Frame *frame, const bool *keys)
{
	Size		size = mul_size(sizeof(uint64), Max(frame->nrows, 1));
	uint64	   *hashes = MemoryContextAllocExtended(CurrentMemoryContext, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	uint64	   *other;
	uint64	   *sorted;
	int64		duplicates = 0;
	int			used = 0;

	for (int c = 0; c < frame->ncolumns; c++)
	{
		const FrameColumn *column = &frame->columns[c];
		bool		kept = column->codes != NULL || column->values != NULL;

		if (keys[c])
			continue;
		/* what differs by texts that were not all kept is no duplicate */
		if (column->pooled || (!kept && column->type.kind == COLUMN_CATEGORY && column->missing < frame->nrows))
			return 0;
		if (!kept)
			continue;
		used++;
		for (size_t i = 0; i < frame->nrows; i++)
		{
			if (i % 8192 == 0)
				CHECK_FOR_INTERRUPTS();
			hashes[i] = hash_pair(hashes[i], frame_cell(column, i));
		}
	}
	/* a row of one column repeats by nature */
	if (used < 2 || frame->nrows == 0)
		return 0;
	other = MemoryContextAllocHuge(CurrentMemoryContext, size);
	sorted = (uint64 *) sort_keys(backend_env(), (uint64_t *) hashes, (uint64_t *) other, frame->nrows);
	for (size_t i = 1; i < frame->nrows; i++)
		duplicates += sorted[i] == sorted[i - 1];
	pfree(hashes);
	pfree(other);
	return duplicates;
}
