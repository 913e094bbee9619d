/*
 * function.h
 *		What a file with SQL functions includes in place of fmgr.h.
 *
 * A library that is newer than the SQL of the extension in a database, until ALTER EXTENSION UPDATE, is called with
 * the arguments of the old definitions.  PostgreSQL's macros would read what lies behind the last of them: here an
 * argument that there is none of is an error which says what to do.
 */
#ifndef ECHOLON_FUNCTION_H
#define ECHOLON_FUNCTION_H

#include "postgres.h"

#include "fmgr.h"

#include "compat.h"

/* Raise that a function was called without an argument that the library knows. */
pg_noreturn extern void function_outdated(FunctionCallInfo fcinfo);

static inline NullableDatum *
function_argument(FunctionCallInfo fcinfo, int n)
{
	if (unlikely(n >= fcinfo->nargs))
		function_outdated(fcinfo);
	return &fcinfo->args[n];
}

/* the other macros of fmgr.h are made of these */
#undef PG_ARGISNULL
#undef PG_GETARG_DATUM
#define PG_ARGISNULL(n)		(function_argument(fcinfo, n)->isnull)
#define PG_GETARG_DATUM(n)	(function_argument(fcinfo, n)->value)

#endif							/* ECHOLON_FUNCTION_H */
