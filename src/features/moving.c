/*
 * moving.c
 *		Statistics of any frame, as aggregates that can take rows out again.
 *
 * In a frame that moves, PostgreSQL adds the rows that enter and removes those that leave by the
 * inverse transition functions here.  Sums are exact (exact.h), so nothing of a value stays behind
 * and the result does not depend on the way to it; extremes and medians are structures of their own
 * (extremes.h, median.h) and need that rows leave in the order they came, as those of a frame do.
 *
 * NULLs are skipped everywhere.  NaN and infinities are treated as by PostgreSQL's own aggregates,
 * and where finite values have a result beyond the doubles, that is its error as well.
 *
 * The same aggregates serve GROUP BY, and frames whose start does not move: there nothing is ever
 * removed, so minimum and maximum are a single number.  Those that do not depend on the order of rows
 * work in parallel plans, with the same bits as in others.
 *
 * What keeps its values, the median, takes its memory within echolon.max_memory.  Final functions only read
 * their state, as windows call them at every row.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "compat.h"
#include "data/aggregate.h"
#include "data/column.h"
#include "features/composite.h"
#include "features/exact.h"
#include "features/extremes.h"
#include "features/median.h"
#include "function.h"
#include "model/model.h"

/* ---- what all have in common ------------------------------------------------------ */

/*
 * Two functions of SQL, symbol(state, double precision) and symbol(state, numeric), that call
 * function(fcinfo, value, isnull).
 */
#define VALUE_FUNCTION(symbol, function, get_value) \
	PG_FUNCTION_INFO_V1(symbol); \
	Datum \
	symbol(PG_FUNCTION_ARGS) \
	{ \
		bool		isnull = PG_ARGISNULL(1); \
\
		return function(fcinfo, isnull ? 0.0 : get_value, isnull); \
	}
#define VALUE_FUNCTIONS(symbol, function) \
	VALUE_FUNCTION(symbol, function, PG_GETARG_FLOAT8(1)) \
	VALUE_FUNCTION(symbol##_numeric, function, numeric_to_double(PG_GETARG_DATUM(1)))

/* Memory in a state's context, within the limit of all states that are in it. */
static void *
moving_alloc(void *arg, size_t size)
{
	MemoryContext context = arg;
	MemoryContext caller;
	Size		limit = max_memory_bytes();
	Size		bytes = add_size(MemoryContextMemAllocated(context, true), size);
	void	   *pointer;

	if (bytes > limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("moving aggregates need %zu MB, echolon.max_memory allows %zu MB",
						(bytes >> 20) + 1, limit >> 20),
				 errdetail("A median keeps the values of its frame or group, about 20 bytes each; a minimum or maximum keeps up to all of a frame that moves, 16 bytes each."),
				 errhint("Raise echolon.max_memory, or make frames smaller.")));
	caller = MemoryContextSwitchTo(context);
	pointer = backend_env()->alloc(backend_env()->arg, size);
	MemoryContextSwitchTo(caller);
	return pointer;
}

/* The environment of a state in this context; it lives there too. */
static void
moving_env(LearnEnv *env, MemoryContext context)
{
	*env = *backend_env();
	env->alloc = moving_alloc;
	env->arg = context;
}

/*
 * A zero is 0 and never -0, or it would depend on the order of rows which one the smallest, the
 * largest, or what is left of a rounding is.
 */
static inline double
plain_zero(double value)
{
	return value + 0.0;
}

/* A result; it is PostgreSQL's error if it is infinite and no value was. */
static inline double
checked_result(double result, bool finite)
{
	if (isinf(result) && finite)
		float_overflow_error();
	return plain_zero(result);
}

/* ---- sum, mean, stddev, variance, slope ------------------------------------------------ */

static inline Datum
moments_enter(FunctionCallInfo fcinfo, double value, bool isnull, uint32 flags)
{
	MemoryContext context = state_context(fcinfo);
	Moments    *moments = state_argument(fcinfo, 0);

	if (moments == NULL)
	{
		moments = MemoryContextAlloc(context, moments_size(flags));
		moments_init(moments, flags);
	}
	if (!isnull)
		moments_add(moments, value);
	PG_RETURN_POINTER(moments);
}

static inline Datum
sums_enter(FunctionCallInfo fcinfo, double value, bool isnull)
{
	return moments_enter(fcinfo, value, isnull, 0);
}

static inline Datum
squares_enter(FunctionCallInfo fcinfo, double value, bool isnull)
{
	return moments_enter(fcinfo, value, isnull, MOMENTS_SQUARES);
}

static inline Datum
slope_enter(FunctionCallInfo fcinfo, double value, bool isnull)
{
	return moments_enter(fcinfo, value, isnull, MOMENTS_SLOPE);
}

/*
 * Here and below: where a function in the argument is called immutable and is not, a value may be
 * about to leave that never came.  NULL makes PostgreSQL begin the frame anew.
 */
static inline Datum
moments_leave(FunctionCallInfo fcinfo, double value, bool isnull)
{
	Moments    *moments = (Moments *) PG_GETARG_POINTER(0);

	(void) state_context(fcinfo);
	if (!isnull)
	{
		if (moments->n == 0)
			PG_RETURN_NULL();
		moments_remove(moments, value);
	}
	PG_RETURN_POINTER(moments);
}

VALUE_FUNCTIONS(echolon_sums_add, sums_enter)
VALUE_FUNCTIONS(echolon_squares_add, squares_enter)
VALUE_FUNCTIONS(echolon_slope_add, slope_enter)
VALUE_FUNCTIONS(echolon_moments_remove, moments_leave)

PG_FUNCTION_INFO_V1(echolon_moments_combine);
Datum
echolon_moments_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = state_context(fcinfo);
	Moments    *moments = state_argument(fcinfo, 0);
	Moments    *other = state_argument(fcinfo, 1);

	if (other == NULL)
		RETURN_STATE(moments);
	if (moments != NULL)
		moments_merge(moments, other);
	else
	{
		Size		size = moments_size(other->flags);

		moments = MemoryContextAlloc(context, size);
		memcpy(moments, other, size);
	}
	PG_RETURN_POINTER(moments);
}

/* As it lies in memory: a state goes no further than from a worker to its leader. */
PG_FUNCTION_INFO_V1(echolon_moments_serialize);
Datum
echolon_moments_serialize(PG_FUNCTION_ARGS)
{
	Moments    *moments = (Moments *) PG_GETARG_POINTER(0);
	Size		size = moments_size(moments->flags);
	bytea	   *bytes = palloc(VARHDRSZ + size);

	(void) state_context(fcinfo);
	SET_VARSIZE(bytes, VARHDRSZ + size);
	memcpy(VARDATA(bytes), moments, size);
	PG_RETURN_BYTEA_P(bytes);
}

PG_FUNCTION_INFO_V1(echolon_moments_deserialize);
Datum
echolon_moments_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	Size		size = VARSIZE_ANY_EXHDR(bytes);
	Moments    *moments;

	(void) state_context(fcinfo);
	moments = palloc(Max(size, sizeof(Moments)));	/* bytes in a varlena are not aligned */
	memcpy(moments, VARDATA_ANY(bytes), size);
	if (!moments_valid(moments, size, 0) && !moments_valid(moments, size, MOMENTS_SQUARES))
		elog(ERROR, "invalid serialized state of %zu bytes", size);
	PG_RETURN_POINTER(moments);
}

/* The result of a state, or NULL. */
static inline Datum
moments_final(FunctionCallInfo fcinfo, bool (*get) (const Moments *, double *))
{
	Moments    *moments = state_argument(fcinfo, 0);
	double		result;

	if (moments == NULL || !get(moments, &result))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(checked_result(result, moments_finite(moments)));
}

#define MOMENTS_FINAL(symbol, get) \
	PG_FUNCTION_INFO_V1(symbol); \
	Datum \
	symbol(PG_FUNCTION_ARGS) \
	{ \
		return moments_final(fcinfo, get); \
	}

MOMENTS_FINAL(echolon_moments_sum, moments_sum)
MOMENTS_FINAL(echolon_moments_mean, moments_mean)
MOMENTS_FINAL(echolon_moments_stddev, moments_stddev)
MOMENTS_FINAL(echolon_moments_variance, moments_variance)
MOMENTS_FINAL(echolon_moments_slope, moments_slope)

/* ---- min, max ---------------------------------------------------------------------------- */

/* Where nothing leaves, the state is the extreme itself.  NaN is the greatest value. */
static inline Datum
extreme_of_two(FunctionCallInfo fcinfo, double value, bool isnull, bool largest)
{
	double		kept;

	if (isnull)
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	value = plain_zero(value);
	if (PG_ARGISNULL(0))
		PG_RETURN_FLOAT8(value);
	kept = PG_GETARG_FLOAT8(0);
	PG_RETURN_FLOAT8(largest ? float8_max(kept, value) : float8_min(kept, value));
}

static inline Datum
lowest_of_two(FunctionCallInfo fcinfo, double value, bool isnull)
{
	return extreme_of_two(fcinfo, value, isnull, false);
}

static inline Datum
highest_of_two(FunctionCallInfo fcinfo, double value, bool isnull)
{
	return extreme_of_two(fcinfo, value, isnull, true);
}

VALUE_FUNCTIONS(echolon_lowest, lowest_of_two)
VALUE_FUNCTIONS(echolon_highest, highest_of_two)

/* In a frame that moves. */
typedef struct ExtremeState
{
	LearnEnv	env;
	Extreme		extreme;
} ExtremeState;

static inline Datum
extreme_enter(FunctionCallInfo fcinfo, double value, bool isnull, bool largest)
{
	MemoryContext context = state_context(fcinfo);
	ExtremeState *state = state_argument(fcinfo, 0);

	if (state == NULL)
	{
		state = MemoryContextAlloc(context, sizeof(ExtremeState));
		moving_env(&state->env, context);
		extreme_init(&state->extreme, &state->env, largest);
	}
	if (!isnull)
		extreme_add(&state->extreme, value);
	PG_RETURN_POINTER(state);
}

static inline Datum
lowest_enter(FunctionCallInfo fcinfo, double value, bool isnull)
{
	return extreme_enter(fcinfo, value, isnull, false);
}

static inline Datum
highest_enter(FunctionCallInfo fcinfo, double value, bool isnull)
{
	return extreme_enter(fcinfo, value, isnull, true);
}

VALUE_FUNCTIONS(echolon_lowest_add, lowest_enter)
VALUE_FUNCTIONS(echolon_highest_add, highest_enter)

/* Of either type of value: which one leaves follows from the order. */
PG_FUNCTION_INFO_V1(echolon_extreme_remove);
Datum
echolon_extreme_remove(PG_FUNCTION_ARGS)
{
	ExtremeState *state = (ExtremeState *) PG_GETARG_POINTER(0);

	(void) state_context(fcinfo);
	if (!PG_ARGISNULL(1))
	{
		if (state->extreme.removed == state->extreme.added)
			PG_RETURN_NULL();
		extreme_remove(&state->extreme);
	}
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(echolon_extreme_final);
Datum
echolon_extreme_final(PG_FUNCTION_ARGS)
{
	ExtremeState *state = state_argument(fcinfo, 0);
	double		result;

	if (state == NULL || !extreme_get(&state->extreme, &result))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(plain_zero(result));
}

/* ---- median ------------------------------------------------------------------------------- */

typedef struct MedianState
{
	LearnEnv	env;
	Median		median;
} MedianState;

static inline Datum
median_enter(FunctionCallInfo fcinfo, double value, bool isnull)
{
	MemoryContext context = state_context(fcinfo);
	MedianState *state = state_argument(fcinfo, 0);

	if (state == NULL)
	{
		state = MemoryContextAlloc(context, sizeof(MedianState));
		moving_env(&state->env, context);
		median_init(&state->median, &state->env);
	}
	if (!isnull)
		median_add(&state->median, value);
	PG_RETURN_POINTER(state);
}

VALUE_FUNCTIONS(echolon_median_add, median_enter)

PG_FUNCTION_INFO_V1(echolon_median_remove);
Datum
echolon_median_remove(PG_FUNCTION_ARGS)
{
	MedianState *state = (MedianState *) PG_GETARG_POINTER(0);

	(void) state_context(fcinfo);
	if (!PG_ARGISNULL(1))
	{
		if (state->median.removed == state->median.added)
			PG_RETURN_NULL();
		median_remove(&state->median);
	}
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(echolon_median_final);
Datum
echolon_median_final(PG_FUNCTION_ARGS)
{
	MedianState *state = state_argument(fcinfo, 0);
	double		result;

	if (state == NULL || !median_get(&state->median, &result))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(plain_zero(result));
}

/* ---- all of them ----------------------------------------------------------------------------- */

typedef struct FeaturesState
{
	LearnEnv	env;
	double		last;			/* value that is not NULL, where there is one */
	bool		last_isnull;	/* of the frame's last row */
	Extreme		min,
				max;
	Median		median;			/* knows the first value too */
	Moments		moments;		/* longer than its type */
} FeaturesState;

#define FEATURES_FLAGS	(MOMENTS_SQUARES | MOMENTS_SLOPE)

/* The attributes of echolon.rolling_features, in their order; it may grow at its end. */
enum
{
	FEATURES_COUNT,
	FEATURES_MEAN,
	FEATURES_STDDEV,
	FEATURES_VARIANCE,
	FEATURES_MIN,
	FEATURES_MAX,
	FEATURES_SUM,
	FEATURES_FIRST,
	FEATURES_LAST,
	FEATURES_MEDIAN,
	FEATURES_SLOPE,
	FEATURES_ZSCORE,
	NFEATURES
};

static inline Datum
features_enter(FunctionCallInfo fcinfo, double value, bool isnull, bool forever)
{
	MemoryContext context = state_context(fcinfo);
	FeaturesState *state = state_argument(fcinfo, 0);

	if (state == NULL)
	{
		state = MemoryContextAllocZero(context, offsetof(FeaturesState, moments) + moments_size(FEATURES_FLAGS));
		moving_env(&state->env, context);
		extreme_init(&state->min, &state->env, false);
		extreme_init(&state->max, &state->env, true);
		median_init(&state->median, &state->env);
		moments_init(&state->moments, FEATURES_FLAGS);
	}
	state->last_isnull = isnull;
	if (isnull)
		PG_RETURN_POINTER(state);
	state->last = value;
	if (forever)
	{
		extreme_add_forever(&state->min, value);
		extreme_add_forever(&state->max, value);
	}
	else
	{
		extreme_add(&state->min, value);
		extreme_add(&state->max, value);
	}
	median_add(&state->median, value);
	moments_add(&state->moments, value);
	PG_RETURN_POINTER(state);
}

static inline Datum
features_enter_moving(FunctionCallInfo fcinfo, double value, bool isnull)
{
	return features_enter(fcinfo, value, isnull, false);
}

static inline Datum
features_enter_forever(FunctionCallInfo fcinfo, double value, bool isnull)
{
	return features_enter(fcinfo, value, isnull, true);
}

VALUE_FUNCTIONS(echolon_features_accum, features_enter_forever)
VALUE_FUNCTIONS(echolon_features_add, features_enter_moving)

/* Of either type of value: it is the first one that leaves. */
PG_FUNCTION_INFO_V1(echolon_features_remove);
Datum
echolon_features_remove(PG_FUNCTION_ARGS)
{
	FeaturesState *state = (FeaturesState *) PG_GETARG_POINTER(0);
	double		first;

	(void) state_context(fcinfo);
	if (!PG_ARGISNULL(1))
	{
		if (!median_first(&state->median, &first))
			PG_RETURN_NULL();
		extreme_remove(&state->min);
		extreme_remove(&state->max);
		median_remove(&state->median);
		moments_remove(&state->moments, first);
	}
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(echolon_features_final);
Datum
echolon_features_final(PG_FUNCTION_ARGS)
{
	const FeaturesState *state = state_argument(fcinfo, 0);
	Datum		values[NFEATURES] = {0};
	bool		nulls[NFEATURES];
	double		results[NFEATURES];

	for (int i = 0; i < NFEATURES; i++)
		nulls[i] = i != FEATURES_COUNT;
	values[FEATURES_COUNT] = Int64GetDatum(state ? (int64) state->moments.n : 0);

	if (state != NULL && state->moments.n > 0)
	{
		const Moments *moments = &state->moments;
		bool		finite = moments_finite(moments);

		nulls[FEATURES_MEAN] = !moments_mean(moments, &results[FEATURES_MEAN]);
		nulls[FEATURES_STDDEV] = !moments_stddev(moments, &results[FEATURES_STDDEV]);
		nulls[FEATURES_VARIANCE] = !moments_variance(moments, &results[FEATURES_VARIANCE]);
		nulls[FEATURES_MIN] = !extreme_get(&state->min, &results[FEATURES_MIN]);
		nulls[FEATURES_MAX] = !extreme_get(&state->max, &results[FEATURES_MAX]);
		nulls[FEATURES_SUM] = !moments_sum(moments, &results[FEATURES_SUM]);
		nulls[FEATURES_FIRST] = !median_first(&state->median, &results[FEATURES_FIRST]);
		results[FEATURES_LAST] = state->last;
		nulls[FEATURES_LAST] = false;
		nulls[FEATURES_MEDIAN] = !median_get(&state->median, &results[FEATURES_MEDIAN]);
		nulls[FEATURES_SLOPE] = !moments_slope(moments, &results[FEATURES_SLOPE]);
		nulls[FEATURES_ZSCORE] = state->last_isnull ||
			!moments_zscore(moments, state->last, &results[FEATURES_ZSCORE]);

		for (int i = FEATURES_COUNT + 1; i < NFEATURES; i++)
			if (!nulls[i])
				values[i] = Float8GetDatum(checked_result(results[i], finite));
	}
	return composite_datum(fcinfo, values, nulls, NFEATURES);
}
