/*
 * running.c
 *		The running family: exponentially weighted means, differences and changes.
 *
 * Running sums, means and standard deviations are the moving aggregates (moving.c) over a frame
 * that begins with the partition.  An exponentially weighted mean depends on the order of all rows
 * before, and is an aggregate for such a frame.  A difference needs one row before the current one whatever the
 * frame, and is a window function.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/float.h"
#include "windowapi.h"

#include "compat.h"
#include "data/aggregate.h"
#include "data/column.h"
#include "features/ewma.h"
#include "features/numbers.h"
#include "function.h"

/* ---- exponentially weighted mean ---------------------------------------------------- */

typedef struct EwmaState
{
	Ewma		ewma;
	double		alpha;			/* of the first row, and of all */
	bool		adjust;
} EwmaState;

/* alpha and adjust steer the whole series: the first row says them, and the others may not differ. */
static void
ewma_check(const EwmaState *state, double alpha, bool adjust)
{
	if (!(alpha > 0.0 && alpha <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("alpha %s of echolon_ewma is out of range", float8out_internal(alpha)),
				 errdetail("It is the weight of the newest value: above 0 and at most 1."),
				 errhint("For a span of n rows give 2.0 / (n + 1).")));
	if (alpha != state->alpha || adjust != state->adjust)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("alpha and adjust of echolon_ewma must be the same in all rows"),
				 errdetail("alpha is %s in one and %s in another; adjust is %s and %s.",
						   float8out_internal(state->alpha), float8out_internal(alpha),
						   state->adjust ? "true" : "false", adjust ? "true" : "false"),
				 errhint("Give constants.")));
}

static inline Datum
ewma_enter(FunctionCallInfo fcinfo, double value, bool isnull)
{
	EwmaState  *state = state_argument(fcinfo, 0);
	bool		adjust = true;
	double		alpha;

	if (PG_ARGISNULL(2) || (PG_NARGS() > 3 && PG_ARGISNULL(3)))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s of echolon_ewma must not be NULL", PG_ARGISNULL(2) ? "alpha" : "adjust"),
				 errhint("Give an alpha above 0 and at most 1, and adjust as true or false.")));
	alpha = PG_GETARG_FLOAT8(2);
	if (PG_NARGS() > 3)
		adjust = PG_GETARG_BOOL(3);
	if (state == NULL)
	{
		state = state_or_new(fcinfo, 0, sizeof(EwmaState));
		state->alpha = alpha;
		state->adjust = adjust;
	}
	ewma_check(state, alpha, adjust);
	ewma_add(&state->ewma, alpha, adjust, value, isnull);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(echolon_ewma_accum);
Datum
echolon_ewma_accum(PG_FUNCTION_ARGS)
{
	bool		isnull = PG_ARGISNULL(1);

	return ewma_enter(fcinfo, isnull ? 0.0 : PG_GETARG_FLOAT8(1), isnull);
}

PG_FUNCTION_INFO_V1(echolon_ewma_accum_numeric);
Datum
echolon_ewma_accum_numeric(PG_FUNCTION_ARGS)
{
	bool		isnull = PG_ARGISNULL(1);

	return ewma_enter(fcinfo, isnull ? 0.0 : numeric_to_double(PG_GETARG_DATUM(1)), isnull);
}

/* NULL until there is a value; at a NULL the mean of those before. */
PG_FUNCTION_INFO_V1(echolon_ewma_final);
Datum
echolon_ewma_final(PG_FUNCTION_ARGS)
{
	EwmaState  *state = state_argument(fcinfo, 0);

	if (state == NULL || state->ewma.count == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(state->ewma.mean);
}

/* ---- difference, percent change -------------------------------------------------------- */

/*
 * The value of the current row and the one so many rows before it; false where there is none, or
 * one of them is NULL.
 */
static bool
value_and_lag(FunctionCallInfo fcinfo, double *value, double *lag)
{
	WindowObject window = PG_WINDOW_OBJECT();
	const ColumnType *type = number_types(fcinfo, 1);
	Datum		datum;
	int32		periods;
	bool		isnull,
				isout;

	periods = DatumGetInt32(WinGetFuncArgCurrent(window, 1, &isnull));
	if (isnull)
		return false;
	if (periods < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("periods %d is out of range", periods),
				 errdetail("It is the number of rows back, 1 or more."),
				 errhint("Turn the ORDER BY of the window around to look ahead.")));

	/* rows before that one are never asked for again where periods is a constant */
	datum = WinGetFuncArgInPartition(window, 0, -periods, WINDOW_SEEK_CURRENT,
									 get_fn_expr_arg_stable(fcinfo->flinfo, 1), &isnull, &isout);
	if (isout || isnull)
		return false;
	*lag = column_number(type, datum);
	datum = WinGetFuncArgCurrent(window, 0, &isnull);
	if (isnull)
		return false;
	*value = column_number(type, datum);
	return true;
}

/* What two numbers make; beyond the doubles it is an error, as PostgreSQL's operators have it. */
static Datum
change_datum(double result, double value, double lag)
{
	if (isinf(result) && isfinite(value) && isfinite(lag))
		float_overflow_error();
	PG_RETURN_FLOAT8(result);
}

PG_FUNCTION_INFO_V1(echolon_difference);
Datum
echolon_difference(PG_FUNCTION_ARGS)
{
	double		value,
				lag;

	if (!value_and_lag(fcinfo, &value, &lag))
		PG_RETURN_NULL();
	return change_datum(value - lag, value, lag);
}

PG_FUNCTION_INFO_V1(echolon_pct_change);
Datum
echolon_pct_change(PG_FUNCTION_ARGS)
{
	double		value,
				lag;

	if (!value_and_lag(fcinfo, &value, &lag) || lag == 0.0)
		PG_RETURN_NULL();
	return change_datum(value / lag - 1.0, value, lag);
}
