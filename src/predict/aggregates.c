/*
 * aggregates.c
 *		How good predictions are, as aggregates for any query.
 *
 * Transition states are plain structs behind type internal, with combine,
 * serialize and deserialize functions, so that a parallel plan works on each
 * worker's rows.  rmse, mae and r2 share one transition function: PostgreSQL then
 * runs it once for all three.  A row with a NULL actual or predicted value counts for
 * nothing.  Final functions only read their state, so that windows may call them
 * again and again.
 *
 * Only roc_auc has to keep its rows: their scores, and one byte more each, checked
 * against echolon.max_memory as room for them is made and once more before they are sorted.
 */
#include "postgres.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "compat.h"
#include "data/aggregate.h"
#include "function.h"
#include "learn/mathfn.h"
#include "learn/metrics.h"
#include "learn/sum.h"
#include "model/model.h"

#define LOG_LOSS_CLIP	1e-15
#define RANKED_MIN		32		/* rows that a new roc_auc state has room for */
#define RANKED_BYTES	(sizeof(double) + sizeof(bool))
#define RANKING_BYTES	48		/* that metrics_roc_auc needs a row at its peak, rounded up */

PG_FUNCTION_INFO_V1(echolon_error_accum);
PG_FUNCTION_INFO_V1(echolon_error_combine);
PG_FUNCTION_INFO_V1(echolon_error_serialize);
PG_FUNCTION_INFO_V1(echolon_error_deserialize);
PG_FUNCTION_INFO_V1(echolon_error_rmse);
PG_FUNCTION_INFO_V1(echolon_error_mae);
PG_FUNCTION_INFO_V1(echolon_error_r2);
PG_FUNCTION_INFO_V1(echolon_accuracy_accum);
PG_FUNCTION_INFO_V1(echolon_mean_combine);
PG_FUNCTION_INFO_V1(echolon_mean_serialize);
PG_FUNCTION_INFO_V1(echolon_mean_deserialize);
PG_FUNCTION_INFO_V1(echolon_mean_final);
PG_FUNCTION_INFO_V1(echolon_log_loss_accum);
PG_FUNCTION_INFO_V1(echolon_log_loss_accum_number);
PG_FUNCTION_INFO_V1(echolon_ranked_accum);
PG_FUNCTION_INFO_V1(echolon_ranked_accum_number);
PG_FUNCTION_INFO_V1(echolon_ranked_combine);
PG_FUNCTION_INFO_V1(echolon_ranked_serialize);
PG_FUNCTION_INFO_V1(echolon_ranked_deserialize);
PG_FUNCTION_INFO_V1(echolon_ranked_roc_auc);

/* ---- what all have in common ------------------------------------------------------ */

/* A number as people write it. */
static const char *
number_text(double value)
{
	return float8out_internal(value);
}

/* An actual value that has to be 0 or 1. */
static bool
class_argument(double value)
{
	if (value != 0.0 && value != 1.0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("actual value %s is neither 0 nor 1", number_text(value)),
				 errhint("Give a boolean that is true for the class the probability is of, such as churn = 'yes'.")));
	return value == 1.0;
}

/* ---- rmse, mae, r2 ------------------------------------------------------------------ */

typedef struct ErrorState
{
	int64		n;
	Sum			squares;		/* of the errors */
	Sum			absolute;
	double		mean;			/* of the actual values */
	double		spread;			/* sum of their squared distances from the mean (Welford 1962) */
} ErrorState;

Datum
echolon_error_accum(PG_FUNCTION_ARGS)
{
	ErrorState *state;
	double		actual,
				error,
				distance;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		RETURN_STATE(state_argument(fcinfo, 0));
	state = state_or_new(fcinfo, 0, sizeof(ErrorState));
	actual = PG_GETARG_FLOAT8(1);
	error = actual - PG_GETARG_FLOAT8(2);

	state->n++;
	sum_add(&state->squares, error * error);
	sum_add(&state->absolute, fabs(error));
	distance = actual - state->mean;
	state->mean += distance / (double) state->n;
	state->spread += distance * (actual - state->mean);
	PG_RETURN_POINTER(state);
}

Datum
echolon_error_combine(PG_FUNCTION_ARGS)
{
	ErrorState *other = state_argument(fcinfo, 1);
	ErrorState *state;
	double		n,
				distance;

	if (other == NULL)
		RETURN_STATE(state_argument(fcinfo, 0));
	state = state_or_new(fcinfo, 0, sizeof(ErrorState));
	n = (double) state->n + (double) other->n;
	distance = other->mean - state->mean;
	/* Chan, Golub, LeVeque 1979; nothing is divided where one side is empty */
	if (state->n == 0)
	{
		state->mean = other->mean;
		state->spread = other->spread;
	}
	else if (other->n > 0)
	{
		state->spread += other->spread +
			distance * distance * ((double) state->n * ((double) other->n / n));
		state->mean += distance * ((double) other->n / n);
	}
	state->n += other->n;
	sum_add(&state->squares, other->squares.total);
	sum_add(&state->squares, other->squares.lost);
	sum_add(&state->absolute, other->absolute.total);
	sum_add(&state->absolute, other->absolute.lost);
	PG_RETURN_POINTER(state);
}

Datum
echolon_error_serialize(PG_FUNCTION_ARGS)
{
	ErrorState *state = (ErrorState *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	(void) state_context(fcinfo);
	pq_begintypsend(&buf);
	pq_sendint64(&buf, state->n);
	pq_sendfloat8(&buf, state->squares.total);
	pq_sendfloat8(&buf, state->squares.lost);
	pq_sendfloat8(&buf, state->absolute.total);
	pq_sendfloat8(&buf, state->absolute.lost);
	pq_sendfloat8(&buf, state->mean);
	pq_sendfloat8(&buf, state->spread);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
echolon_error_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	ErrorState *state;

	deserialize_begin(fcinfo, &buf);
	state = palloc0(sizeof(ErrorState));
	state->n = pq_getmsgint64(&buf);
	state->squares.total = pq_getmsgfloat8(&buf);
	state->squares.lost = pq_getmsgfloat8(&buf);
	state->absolute.total = pq_getmsgfloat8(&buf);
	state->absolute.lost = pq_getmsgfloat8(&buf);
	state->mean = pq_getmsgfloat8(&buf);
	state->spread = pq_getmsgfloat8(&buf);
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

Datum
echolon_error_rmse(PG_FUNCTION_ARGS)
{
	ErrorState *state = state_argument(fcinfo, 0);

	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(sqrt(sum_get(&state->squares) / (double) state->n));
}

Datum
echolon_error_mae(PG_FUNCTION_ARGS)
{
	ErrorState *state = state_argument(fcinfo, 0);

	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(sum_get(&state->absolute) / (double) state->n);
}

/* NULL where the actual values are all the same: there is nothing to explain. */
Datum
echolon_error_r2(PG_FUNCTION_ARGS)
{
	ErrorState *state = state_argument(fcinfo, 0);

	if (state == NULL || state->spread == 0.0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(1.0 - sum_get(&state->squares) / state->spread);
}

/* ---- accuracy, log loss: means of what each row gives ---------------------------------- */

typedef struct MeanState
{
	int64		n;
	Sum			sum;
} MeanState;

/* Add one row's share, making the state at the first. */
static MeanState *
mean_add(FunctionCallInfo fcinfo, double value)
{
	MeanState  *state = state_or_new(fcinfo, 0, sizeof(MeanState));

	state->n++;
	sum_add(&state->sum, value);
	return state;
}

Datum
echolon_mean_combine(PG_FUNCTION_ARGS)
{
	MeanState  *other = state_argument(fcinfo, 1);
	MeanState  *state;

	if (other == NULL)
		RETURN_STATE(state_argument(fcinfo, 0));
	state = state_or_new(fcinfo, 0, sizeof(MeanState));
	state->n += other->n;
	sum_add(&state->sum, other->sum.total);
	sum_add(&state->sum, other->sum.lost);
	PG_RETURN_POINTER(state);
}

Datum
echolon_mean_serialize(PG_FUNCTION_ARGS)
{
	MeanState  *state = (MeanState *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	(void) state_context(fcinfo);
	pq_begintypsend(&buf);
	pq_sendint64(&buf, state->n);
	pq_sendfloat8(&buf, state->sum.total);
	pq_sendfloat8(&buf, state->sum.lost);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
echolon_mean_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	MeanState  *state;

	deserialize_begin(fcinfo, &buf);
	state = palloc0(sizeof(MeanState));
	state->n = pq_getmsgint64(&buf);
	state->sum.total = pq_getmsgfloat8(&buf);
	state->sum.lost = pq_getmsgfloat8(&buf);
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

Datum
echolon_mean_final(PG_FUNCTION_ARGS)
{
	MeanState  *state = state_argument(fcinfo, 0);

	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(sum_get(&state->sum) / (double) state->n);
}

/* The equality function of the arguments' common type, looked up once a query. */
static FmgrInfo *
equality_of(FunctionCallInfo fcinfo)
{
	FmgrInfo   *equal = fcinfo->flinfo->fn_extra;
	Oid			typid;
	TypeCacheEntry *entry;

	if (equal != NULL)
		return equal;
	typid = get_fn_expr_argtype(fcinfo->flinfo, 1);
	if (!OidIsValid(typid) || typid != get_fn_expr_argtype(fcinfo->flinfo, 2))
		elog(ERROR, "could not determine the type to compare");
	entry = lookup_type_cache(typid, TYPECACHE_EQ_OPR);
	if (!OidIsValid(entry->eq_opr))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify an equality operator for type %s", format_type_be(typid)),
				 errhint("Cast both arguments to text.")));
	equal = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(FmgrInfo));
	fmgr_info_cxt(get_opcode(entry->eq_opr), equal, fcinfo->flinfo->fn_mcxt);
	fcinfo->flinfo->fn_extra = equal;
	return equal;
}

Datum
echolon_accuracy_accum(PG_FUNCTION_ARGS)
{
	Datum		same;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		RETURN_STATE(state_argument(fcinfo, 0));
	same = FunctionCall2Coll(equality_of(fcinfo), PG_GET_COLLATION(),
							 PG_GETARG_DATUM(1), PG_GETARG_DATUM(2));
	PG_RETURN_POINTER(mean_add(fcinfo, DatumGetBool(same) ? 1.0 : 0.0));
}

/* The log loss of one row. */
static double
log_loss_row(bool actual, double p)
{
	if (!(p >= 0.0 && p <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("predicted value %s is not a probability", number_text(p)),
				 errdetail("A probability is from 0 to 1."),
				 errhint("Give what echolon_predict_proba(model, input, label) returns.")));
	p = Min(Max(p, LOG_LOSS_CLIP), 1.0 - LOG_LOSS_CLIP);
	return -math_log(actual ? p : 1.0 - p);
}

Datum
echolon_log_loss_accum(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		RETURN_STATE(state_argument(fcinfo, 0));
	PG_RETURN_POINTER(mean_add(fcinfo, log_loss_row(PG_GETARG_BOOL(1), PG_GETARG_FLOAT8(2))));
}

Datum
echolon_log_loss_accum_number(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		RETURN_STATE(state_argument(fcinfo, 0));
	PG_RETURN_POINTER(mean_add(fcinfo, log_loss_row(class_argument(PG_GETARG_FLOAT8(1)),
													PG_GETARG_FLOAT8(2))));
}

/* ---- roc_auc: all rows ------------------------------------------------------------------- */

typedef struct RankedState
{
	Size		n;
	Size		room;
	double	   *score;
	bool	   *positive;
} RankedState;

/* An error that says how much roc_auc would need. */
static void
ranked_check_memory(Size rows, Size bytes)
{
	Size		limit = max_memory_bytes();

	if (bytes > limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("echolon_roc_auc needs %zu MB, echolon.max_memory allows %zu MB",
						(bytes >> 20) + 1, limit >> 20),
				 errdetail("A group has %zu rows or more to rank.", rows),
				 errhint("Raise echolon.max_memory, or compute it on a sample (TABLESAMPLE).")));
	if (rows > LEARN_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("echolon_roc_auc cannot rank more than %d rows", LEARN_MAX_ROWS),
				 errhint("Compute it on a sample (TABLESAMPLE).")));
}

/*
 * Room for n rows; it doubles, so that a row costs little.  What all groups of a query
 * have taken in this context counts against the limit.
 */
static void
ranked_reserve(RankedState *state, MemoryContext context, Size n)
{
	Size		room = Max(state->room, RANKED_MIN);

	if (n <= state->room)
		return;
	while (room < n)
		room = mul_size(room, 2);
	ranked_check_memory(n, add_size(MemoryContextMemAllocated(context, true),
									mul_size(room, RANKED_BYTES)));
	if (state->score == NULL)
	{
		state->score = MemoryContextAllocHuge(context, mul_size(room, sizeof(double)));
		state->positive = MemoryContextAllocHuge(context, mul_size(room, sizeof(bool)));
	}
	else
	{
		state->score = repalloc_huge(state->score, mul_size(room, sizeof(double)));
		state->positive = repalloc_huge(state->positive, mul_size(room, sizeof(bool)));
	}
	state->room = room;
}

/* Keep one row. */
static RankedState *
ranked_add(FunctionCallInfo fcinfo, bool positive, double score)
{
	RankedState *state = state_or_new(fcinfo, 0, sizeof(RankedState));

	if (isnan(score))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("predicted value NaN cannot be ranked"),
				 errhint("Leave such rows out with FILTER (WHERE predicted <> 'NaN').")));
	if (state->n == state->room)
		ranked_reserve(state, state_context(fcinfo), state->n + 1);
	state->score[state->n] = score;
	state->positive[state->n++] = positive;
	return state;
}

Datum
echolon_ranked_accum(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		RETURN_STATE(state_argument(fcinfo, 0));
	PG_RETURN_POINTER(ranked_add(fcinfo, PG_GETARG_BOOL(1), PG_GETARG_FLOAT8(2)));
}

Datum
echolon_ranked_accum_number(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		RETURN_STATE(state_argument(fcinfo, 0));
	PG_RETURN_POINTER(ranked_add(fcinfo, class_argument(PG_GETARG_FLOAT8(1)), PG_GETARG_FLOAT8(2)));
}

Datum
echolon_ranked_combine(PG_FUNCTION_ARGS)
{
	RankedState *other = state_argument(fcinfo, 1);
	RankedState *state;

	if (other == NULL)
		RETURN_STATE(state_argument(fcinfo, 0));
	state = state_or_new(fcinfo, 0, sizeof(RankedState));
	ranked_reserve(state, state_context(fcinfo), add_size(state->n, other->n));
	memcpy(state->score + state->n, other->score, other->n * sizeof(double));
	memcpy(state->positive + state->n, other->positive, other->n * sizeof(bool));
	state->n += other->n;
	PG_RETURN_POINTER(state);
}

/*
 * The rows' scores, then their classes, as they lie in memory: a state goes no further than
 * from a worker to its leader.
 */
Datum
echolon_ranked_serialize(PG_FUNCTION_ARGS)
{
	RankedState *state = (RankedState *) PG_GETARG_POINTER(0);
	Size		length = add_size(VARHDRSZ, mul_size(state->n, RANKED_BYTES));
	bytea	   *bytes;

	(void) state_context(fcinfo);
	if (!AllocSizeIsValid(length))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("echolon_roc_auc has too many rows for a parallel plan"),
				 errdetail("A worker has ranked %zu rows.", state->n),
				 errhint("Set max_parallel_workers_per_gather to 0 for this query.")));
	bytes = palloc(length);
	SET_VARSIZE(bytes, length);
	memcpy(VARDATA(bytes), state->score, state->n * sizeof(double));
	memcpy(VARDATA(bytes) + state->n * sizeof(double), state->positive, state->n * sizeof(bool));
	PG_RETURN_BYTEA_P(bytes);
}

Datum
echolon_ranked_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	Size		length = VARSIZE_ANY_EXHDR(bytes);
	RankedState *state;

	(void) state_context(fcinfo);
	if (length % RANKED_BYTES != 0)
		elog(ERROR, "invalid length of a serialized state: %zu", length);
	state = palloc0(sizeof(RankedState));
	ranked_reserve(state, CurrentMemoryContext, length / RANKED_BYTES);
	state->n = length / RANKED_BYTES;
	memcpy(state->score, VARDATA_ANY(bytes), state->n * sizeof(double));
	memcpy(state->positive, VARDATA_ANY(bytes) + state->n * sizeof(double), state->n * sizeof(bool));
	PG_RETURN_POINTER(state);
}

/* NULL where only one class occurs. */
Datum
echolon_ranked_roc_auc(PG_FUNCTION_ARGS)
{
	RankedState *state = state_argument(fcinfo, 0);
	double		area;

	if (state == NULL)
		PG_RETURN_NULL();
	ranked_check_memory(state->n, add_size(mul_size(state->room, RANKED_BYTES),
										   mul_size(state->n, RANKING_BYTES)));
	area = metrics_roc_auc(backend_env(), state->positive, state->score, NULL, state->n);
	if (isnan(area))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(area);
}
