/*
 * lookup.h
 *		Which version is meant, and when what was found by a name must be looked up again.
 *
 * fn_extra lives for one EXECUTE, but in PL/pgSQL's expressions for a whole transaction: a
 * promotion, a refresh or a grant may lie between two calls of one call site.  So a
 * function that keeps what it found keeps a stamp with it, and looks again
 * whenever the stamp of the call is another one.
 */
#ifndef ECHOLON_LOOKUP_H
#define ECHOLON_LOOKUP_H

#include "postgres.h"

#include "access/transam.h"
#include "fmgr.h"

/* All that decides what a lookup by name finds. */
typedef struct LookupStamp
{
	TransactionId xmin,
				xmax;
	uint32		xcnt;
	int32		subxcnt;		/* on a standby running transactions are here, not in xcnt */
	CommandId	curcid;
	SubTransactionId subtransaction;
	uint64		completed;		/* transactions that had ended */
	Oid			user;
} LookupStamp;

/* The stamp of now: of the active snapshot, the subtransaction and the user. */
extern void lookup_stamp(LookupStamp *stamp);

/* Stamps are equal as bytes, padding included. */
static inline bool
lookup_same(const LookupStamp *a, const LookupStamp *b)
{
	return memcmp(a, b, sizeof(LookupStamp)) == 0;
}

/* Keep a stamp with its padding. */
static inline void
lookup_keep(LookupStamp *to, const LookupStamp *from)
{
	memcpy(to, from, sizeof(LookupStamp));
}

/* The version that an argument asks for; NULL, the active one, is 0.  Raises below 1. */
extern int32 version_argument(FunctionCallInfo fcinfo, int argument);

#endif							/* ECHOLON_LOOKUP_H */
