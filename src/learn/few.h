/*
 * few.h
 *		Subtrees of a forest that begin with a handful of rows.
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

/* The node whose subtree is to be grown: at most FEW_ROWS rows, which may be split. */
typedef struct FewNode
{
	uint32_t	place;			/* in the tree */
	uint32_t	n;
	uint32_t	depth;
	uint32_t	rows;			/* within few.c: which of the subtree's rows */
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

/* Grow the subtree of root, whose rows lie from first on. */
extern void few_grow(Few *few, const SplitRule *rule, const FewNode *root, uint32_t first);

#endif							/* ECHOLON_FEW_H */
