/*
 * aggregate.h
 *		What aggregates written in C have in common: where their states live, and states that are
 *		not there yet.
 */
#ifndef ECHOLON_AGGREGATE_H
#define ECHOLON_AGGREGATE_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "compat.h"

/* The context that transition states live in; an error outside of an aggregate. */
static inline MemoryContext
state_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate support function called outside of an aggregate");
	return context;
}

/* The state in an argument, or NULL where there is none yet. */
static inline void *
state_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : PG_GETARG_POINTER(argument);
}

/* The state in an argument, or a new one, all zero. */
static inline void *
state_or_new(FunctionCallInfo fcinfo, int argument, Size size)
{
	MemoryContext context = state_context(fcinfo);
	void	   *state = state_argument(fcinfo, argument);

	return state ? state : MemoryContextAllocZero(context, size);
}

/* What a transition function gives back: NULL as long as no row has counted. */
#define RETURN_STATE(state) \
	do { \
		if ((state) == NULL) \
			PG_RETURN_NULL(); \
		PG_RETURN_POINTER(state); \
	} while (0)

/* A reader of the bytes of a serialized state; the pq_get functions check its end. */
static inline void
deserialize_begin(FunctionCallInfo fcinfo, StringInfo buf)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);

	(void) state_context(fcinfo);
	buf->data = VARDATA_ANY(bytes);
	buf->len = VARSIZE_ANY_EXHDR(bytes);
	buf->maxlen = buf->len;
	buf->cursor = 0;
}

#endif							/* ECHOLON_AGGREGATE_H */
