/*
 * exact.h
 *		Sums of doubles without any rounding, so that values can leave a window again
 *		and nothing of them stays behind.
 *
 * Plain C without a server.  A sum is a long fixed-point number in digits that are
 * carried lazily (Neal, "Fast exact summation using small and large superaccumulators",
 * 2015): adding and subtracting are a few integer operations, the order does not matter,
 * and the one rounding is the one of the result.
 */
#ifndef ECHOLON_EXACT_H
#define ECHOLON_EXACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ExactSum ExactSum;	/* completed below by its implementer */

#endif							/* ECHOLON_EXACT_H */
