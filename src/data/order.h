/*
 * order.h
 *		The canonical order of rows, and moving rows into it.  Of the data room only.
 */
#ifndef ECHOLON_ORDER_H
#define ECHOLON_ORDER_H

#include "postgres.h"

#include "data/cells.h"
#include "data/frame.h"
#include "data/select.h"

/*
 * order[i] is the row that becomes row i.  What counts are the columns of frame that are a
 * feature or are kept.  Sets frame's row_hash, in context; order is in scratch.
 */
extern uint32 *order_rows(Frame *frame, const SourceColumn *sources, const CellGroup *groups,
						  int ngroups, MemoryContext scratch, MemoryContext context,
						  FrameMemory *memory);

/*
 * The rows of a group in their order into the columns' buffers, which are allocated
 * for it; frees the group.  recode[slot], for codes: final code of a code by first
 * sight.  Columns that do not count are dropped.
 */
extern void order_move(Frame *frame, const SourceColumn *sources, CellGroup *group,
					   const uint32 *order, uint32 *const *recode,
					   MemoryContext context, FrameMemory *memory);

#endif							/* ECHOLON_ORDER_H */
