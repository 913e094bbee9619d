/*
 * cells.c
 *		Memory of rows as they arrive, and of the columns they become.
 */
#include "postgres.h"

#include <sys/mman.h>

#include "data/cells.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "compat.h"

#define HUGE_PAGE	(2 * 1024 * 1024)

/*
 * Ask for huge pages: a quarter of the time of reading a large table would go
 * into the faults of small ones.  Only a wish; where it is not granted nothing
 * is different but the time.
 */
static void
advise_huge_pages(void *pointer, size_t bytes)
{
#ifdef MADV_HUGEPAGE
	uintptr_t	from = TYPEALIGN(HUGE_PAGE, (uintptr_t) pointer);
	uintptr_t	until = TYPEALIGN_DOWN(HUGE_PAGE, (uintptr_t) pointer + bytes);

	if (from < until)
		(void) madvise((void *) from, until - from, MADV_HUGEPAGE);
#endif
}

void *
cells_array(MemoryContext context, FrameMemory *memory, size_t count, size_t size)
{
	size_t		bytes = mul_size(count, size);
	void	   *array;

	frame_memory_add(memory, count, size);
	array = MemoryContextAllocHuge(context, bytes);
	advise_huge_pages(array, bytes);
	return array;
}

/* A block of segments, as many as there are already within bounds. */
static void
cells_allocate(CellGroup *group, MemoryContext context, FrameMemory *memory)
{
	size_t		nsegments = Max(1, Min(group->nallocated, BLOCK_SEGMENTS));
	size_t		bytes = nsegments * SEGMENT_ROWS * group->stride + CACHE_LINE;
	MemoryContext old;
	char	   *block;

	if (group->nallocated + nsegments > group->capacity)
	{
		size_t		capacity = Max(8, group->capacity * 2);

		frame_memory_add(memory, capacity - group->capacity, sizeof(char *));
		if (group->segments == NULL)
			group->segments = MemoryContextAlloc(context, capacity * sizeof(char *));
		else
			group->segments = repalloc_huge(group->segments, mul_size(capacity, sizeof(char *)));
		group->capacity = capacity;
	}

	block = cells_array(context, memory, 1, bytes);
	old = MemoryContextSwitchTo(context);
	group->blocks = lappend(group->blocks, block);
	MemoryContextSwitchTo(old);
	group->bytes += bytes;

	block = (char *) TYPEALIGN(CACHE_LINE, block);
	for (size_t i = 0; i < nsegments; i++)
		group->segments[group->nallocated++] = block + i * SEGMENT_ROWS * group->stride;
}

void
cells_extend(CellGroup *group, MemoryContext context, FrameMemory *memory)
{
	if (group->nsegments == group->nallocated)
		cells_allocate(group, context, memory);
	group->nsegments++;
}

void
cells_free(CellGroup *group, FrameMemory *memory)
{
	list_free_deep(group->blocks);
	frame_memory_subtract(memory, 1, group->bytes);
	group->blocks = NIL;
	group->nsegments = group->nallocated = 0;
	group->bytes = 0;
}
