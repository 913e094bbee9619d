/*
 * few.h
 *		Nodes of a forest that have few rows.
 *
 * Private to grow.c and few.c.
 */
#ifndef ECHOLON_FEW_H
#define ECHOLON_FEW_H

#include "learn/histogram.h"

/* What grow.c lends: its rows, the tree it builds, its scratch. */
typedef struct FewLoan
{
	RowStore   *rows;
	TreeBuilder *builder;
	SplitScratch *scratch;
	uint32_t   *features;		/* all, in the order that drawing begins with */
	uint32_t   *swaps;
	uint16_t   *levels;
	uint8_t    *left;
} FewLoan;

/* Which of the rows at hand, as bits. */
typedef uint32_t FewRows;

#define FEW_LANES		32		/* rows at most */

/* A node of few rows, which may be split. */
typedef struct FewNode
{
	uint32_t	place;			/* in the tree */
	uint32_t	n;
	uint32_t	depth;
	FewRows		rows;			/* within few.c */
	int64_t		g;
	uint64_t	h;
	uint64_t	key;
} FewNode;

typedef struct Few Few;

/* NULL where a setup's nodes can't be grown so. */
extern Few *few_create(const LearnEnv *env, const GrowSetup *setup, const FewLoan *loan);
extern void few_free(Few *few);
extern size_t few_memory(size_t nfeatures);

/* Does a tree's rule allow it? */
extern bool few_suits(const SplitRule *rule);

/* Grow the subtree of root, at most FEW_ROWS rows from first on. */
extern void few_grow(Few *few, const SplitRule *rule, const FewNode *root, uint32_t first);

/*
 * The best split of a node of more rows from first on, at most as many as few_search_rows() says pay; false where there is
 * none.  A category's levels are in the lent ones.
 */
extern uint32_t few_search_rows(const Few *few);
extern bool few_search(Few *few, const SplitRule *rule, const FewNode *node, uint32_t first, Split *best);

#endif							/* ECHOLON_FEW_H */
