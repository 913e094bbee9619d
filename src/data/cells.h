/*
 * cells.h
 *		Rows as they arrive, before their order is known.  Of the data room, and of the direct path
 *		of feature sets.
 *
 * Rows will be moved into an order that is random to the memory.  Moved column by
 * column, each 8 bytes would cost a cache line; moved row by row they would need
 * the table twice.  So columns are stored in groups as wide as a cache line: within a group a
 * row's cells lie side by side, and a group that was moved is freed.
 *
 * A group grows by segments that never move: no copies while growing, and no
 * more memory than there are rows.
 */
#ifndef ECHOLON_CELLS_H
#define ECHOLON_CELLS_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "data/dictionary.h"

#define SEGMENT_BITS	10
#define SEGMENT_ROWS	(1 << SEGMENT_BITS)
#define BLOCK_SEGMENTS	64		/* 4 MB of a full group */
#define CACHE_LINE		64
#define GROUP_VALUES	(CACHE_LINE / (int) sizeof(double))
#define GROUP_CODES		(CACHE_LINE / (int) sizeof(uint32))

typedef struct CellGroup
{
	bool		codes;			/* uint32 codes of categories; else doubles */
	int			ncolumns;		/* GROUP_VALUES or GROUP_CODES at most */
	int			places[GROUP_CODES];	/* in the frame's columns */
	size_t		stride;			/* bytes of a row */
	char	  **segments;		/* aligned to cache lines */
	size_t		nsegments;		/* in use */
	size_t		nallocated;
	size_t		capacity;		/* of segments */
	List	   *blocks;			/* what was allocated, up to BLOCK_SEGMENTS at a time */
	size_t		bytes;			/* in blocks */
} CellGroup;

/* Where the cells of a row begin. */
static inline char *
cell_row(const CellGroup *group, size_t row)
{
	return group->segments[row >> SEGMENT_BITS] + (row & (SEGMENT_ROWS - 1)) * group->stride;
}

static inline double
cell_number(const CellGroup *group, int slot, size_t row)
{
	return ((const double *) cell_row(group, row))[slot];
}

static inline uint32
cell_code(const CellGroup *group, int slot, size_t row)
{
	return ((const uint32 *) cell_row(group, row))[slot];
}

/* Room for SEGMENT_ROWS more rows. */
extern void cells_extend(CellGroup *group, MemoryContext context, FrameMemory *memory);

/* Free all rows of a group. */
extern void cells_free(CellGroup *group, FrameMemory *memory);

/*
 * Memory for a large array that is written once from end to end, or at random: of
 * huge pages where the system has them to give.  Counted.
 */
extern void *cells_array(MemoryContext context, FrameMemory *memory, size_t count, size_t size);

#endif							/* ECHOLON_CELLS_H */
