/*
 * preprocess_cells.c
 *		The functions that a view of cleaned rows calls: a number's treatment, and the last value before.
 */
#include "postgres.h"

#include <math.h>

#include "utils/datum.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "function.h"
#include "model/format.h"

PG_FUNCTION_INFO_V1(echolon_cleaned);
PG_FUNCTION_INFO_V1(echolon_forward_fill);

/*
 * echolon_cleaned(value, fill, low, high, center, width): clipped, filled, scaled, by the very function that
 * models with impute, outliers and scale use; NULL for what is missing and not filled.
 */
Datum
echolon_cleaned(PG_FUNCTION_ARGS)
{
	ModelTreatment treatment = MODEL_UNTREATED;
	double		result;

	if (!PG_ARGISNULL(1))
	{
		treatment.impute = IMPUTE_CONSTANT;
		treatment.fill = PG_GETARG_FLOAT8(1);
	}
	if (!PG_ARGISNULL(2))
		treatment.low = PG_GETARG_FLOAT8(2);
	if (!PG_ARGISNULL(3))
		treatment.high = PG_GETARG_FLOAT8(3);
	if (!PG_ARGISNULL(4) && !PG_ARGISNULL(5))
	{
		treatment.scale = SCALE_STANDARD;
		treatment.center = PG_GETARG_FLOAT8(4);
		treatment.width = PG_GETARG_FLOAT8(5);
		if (!(treatment.width > 0))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"width\" must be above 0"),
					 errdetail("It is %s.", float8out_internal(treatment.width))));
	}
	result = model_treated(&treatment, PG_ARGISNULL(0) ? NAN : PG_GETARG_FLOAT8(0));
	if (isnan(result))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(result);
}

/* The latest value of the partition that was not NULL. */
typedef struct LastValue
{
	bool		known;
	Datum		value;			/* in the partition's memory */
} LastValue;

/*
 * echolon_forward_fill(value) OVER (PARTITION BY … ORDER BY …): the value, or where it is NULL that of the last row
 * before that has one.
 */
Datum
echolon_forward_fill(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	LastValue  *last = WinGetPartitionLocalMemory(window, sizeof(LastValue));
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	int16		length;
	bool		by_value,
				isnull;
	Datum		value = WinGetFuncArgCurrent(window, 0, &isnull);

	if (isnull)
	{
		if (!last->known)
			PG_RETURN_NULL();
		PG_RETURN_DATUM(last->value);
	}
	get_typlenbyval(type, &length, &by_value);
	if (!by_value)
	{
		MemoryContext caller = MemoryContextSwitchTo(GetMemoryChunkContext(last));

		if (last->known)
			pfree(DatumGetPointer(last->value));
		/* flat, so that it does not depend on the row it came from */
		last->value = length == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(value)) : datumCopy(value, false, length);
		MemoryContextSwitchTo(caller);
	}
	else
		last->value = value;
	last->known = true;
	PG_RETURN_DATUM(value);
}
