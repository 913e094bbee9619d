/*
 * radix.h
 *		Rows sorted by an integer key, by radix.
 */
#ifndef ECHOLON_RADIX_H
#define ECHOLON_RADIX_H

#include "postgres.h"

typedef struct SortRow
{
	uint64		key;
	uint64		row;			/* where the row is */
} SortRow;

/*
 * Sort n rows by the bits low <= bit < high of their keys; rows that are equal in them keep their
 * order, so that sorting by a second key first makes it break the ties of the first.
 * spare is scratch as large.  The result is in one of the two: the returned one.
 */
extern SortRow *radix_sort(SortRow *rows, SortRow *spare, size_t n, int low, int high);

#endif							/* ECHOLON_RADIX_H */
