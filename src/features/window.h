/*
 * window.h
 *		What a call of echolon_rolling asks for, and the form of what it gives: for the window function
 *		(window.c) and the plan node that stands for it (rolling_scan.c).
 */
#ifndef ECHOLON_WINDOW_H
#define ECHOLON_WINDOW_H

#include "postgres.h"

#include "utils/array.h"

#include "features/rolling.h"
#include "model/format.h"

/* Arguments of echolon_rolling. */
enum
{
	ROLLING_ARG_VALUE,
	ROLLING_ARG_AT,
	ROLLING_ARG_TERMS,
	ROLLING_ARG_ZONE,
	ROLLING_ARG_FILL,
	ROLLING_ARGS
};

/* Arguments that must be the same for all rows of a partition: those from ROLLING_ARG_TERMS on. */
#define ROLLING_SETTINGS	(ROLLING_ARGS - ROLLING_ARG_TERMS)

/* The engine of a call, and where it puts the values of a row. */
typedef struct RollingEngine
{
	RollingState *state;		/* NULL: not made yet */
	int			nterms;
	bool		needs_time;		/* a term does, so rows have to come in its order */
	double	   *values;
	bool	   *nulls;
} RollingEngine;

/*
 * The engine for these settings, which are detoasted; all of it in the current context.  at_kind: what the rows'
 * time is, where they have one.  Raises for settings that cannot be.
 */
extern void rolling_engine_create(RollingEngine *engine, const NullableDatum *settings, bool has_time,
								  ColumnKind at_kind);

/* Push a row; raises where a result overflowed. */
extern void rolling_engine_push(RollingEngine *engine, double value, bool isnull, int64 time);

/* A row that is in no window: all values are NULL. */
extern void rolling_engine_skip(RollingEngine *engine);

/* Bytes that any row's array of n terms fits into. */
extern Size rolling_array_size(int n);

/* The values of a row as float8[], in so many bytes. */
extern ArrayType *rolling_array(void *memory, const RollingEngine *engine);

#endif							/* ECHOLON_WINDOW_H */
