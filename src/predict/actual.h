/*
 * actual.h
 *		The target of a row as the number a model is measured against.
 */
#ifndef ECHOLON_ACTUAL_H
#define ECHOLON_ACTUAL_H

#include "postgres.h"

#include "data/column.h"
#include "model/model.h"

typedef struct ActualReader
{
	const CachedModel *model;
	ColumnType	type;			/* of the target's column */
	double	   *numbers;		/* numeric labels: their values; else NULL */
} ActualReader;

typedef enum ActualKind
{
	ACTUAL_VALUE,				/* *actual is a value, or a class number */
	ACTUAL_MISSING,				/* NULL, NaN, for a regression an infinity */
	ACTUAL_UNKNOWN				/* a class the model does not have */
} ActualKind;

/*
 * For the targets of a column of this type; allocates in the current context.  name: the model's, for the error where such a
 * column cannot be its target.
 */
extern void actual_begin(ActualReader *reader, const CachedModel *model, const char *name, Oid typid);

extern ActualKind actual_read(const ActualReader *reader, Datum value, bool isnull, double *actual);

/* The same of a value that was read before: a number that is not NULL, or a label of length bytes. */
extern ActualKind actual_of_number(const ActualReader *reader, double number, double *actual);
extern ActualKind actual_of_label(const ActualReader *reader, const char *label, int length, double *actual);

#endif							/* ECHOLON_ACTUAL_H */
