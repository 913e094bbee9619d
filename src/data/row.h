/*
 * row.h
 *		A row that a function gets as an argument of type record.
 */
#ifndef ECHOLON_ROW_H
#define ECHOLON_ROW_H

#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"

/*
 * The type of the rows of a call site, which may change from call to call (UNION ALL of ROWs,
 * PL/pgSQL), and the row itself.  All zero at first.
 */
typedef struct InputRow
{
	MemoryContext context;		/* of what depends on the type; reset when it changes */
	Oid			typid;
	int32		typmod;
	uint64		identifier;		/* of this version of a named type */
	TupleDesc	desc;			/* NULL: no type yet */
	Datum	   *values;
	bool	   *nulls;
} InputRow;

/*
 * Take the next row's type; true where it is another one than before: then context was reset.
 * context is made below parent.
 */
extern bool input_row_type(InputRow *input, HeapTupleHeader row, MemoryContext parent);

/* Put the row's columns into values and nulls. */
extern void input_row_deform(InputRow *input, HeapTupleHeader row);

#endif							/* ECHOLON_ROW_H */
