/*
 * numbers.h
 *		Arguments of type "any" that are numbers.
 */
#ifndef ECHOLON_NUMBERS_H
#define ECHOLON_NUMBERS_H

#include "postgres.h"

#include "fmgr.h"

#include "data/column.h"

/*
 * The types of the arguments 0 .. n - 1 of a call, for column_number; raises for what is no number.
 * They are looked up once and kept in fn_extra.
 */
extern const ColumnType *number_types(FunctionCallInfo fcinfo, int n);

/* One type that an argument has, or its elements; raises where it is no number. */
extern void number_type(FunctionCallInfo fcinfo, Oid typid, int argument, ColumnType *type);

#endif							/* ECHOLON_NUMBERS_H */
