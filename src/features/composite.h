/*
 * composite.h
 *		Results of named composite types, such as echolon.temporal_features.
 */
#ifndef ECHOLON_COMPOSITE_H
#define ECHOLON_COMPOSITE_H

#include "postgres.h"

#include "fmgr.h"

/*
 * A value of the composite type that the function (or aggregate's final function) called by
 * fcinfo returns.  Such types grow at their end and never change otherwise: an attribute beyond
 * the n given is NULL, and where the type is of an older version it has the first ones.
 */
extern Datum composite_datum(FunctionCallInfo fcinfo, const Datum *values, const bool *nulls, int n);

#endif							/* ECHOLON_COMPOSITE_H */
