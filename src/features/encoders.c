/*
 * encoders.c
 *		The functions that use what a feature set has fitted: codes and shares of categories,
 *		percentiles, buckets and scales of numbers.
 *
 * All are called as f(set, column_name, value, …) and are strict.  What was fitted is found
 * by the names, with the caller's right to the set, and looked up again whenever the active
 * snapshot or the user differs (model/lookup.h).  It is loaded once a session (fit_store.c), so
 * a statement costs one index scan for each call in it, and a value one probe of a hash table
 * or a binary search.
 *
 * Values are matched by their label (column_label), so that a varchar finds the level of a text.  A
 * literal in quotes has no type, and is taken for what it must be.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "data/column.h"
#include "features/stored.h"
#include "function.h"
#include "model/lookup.h"

#define BUCKETS_MAX		10000

/* Arguments of all functions, by number. */
enum
{
	ARG_SET, ARG_COLUMN, ARG_VALUE, ARG_PARAMETER
};

/* A call site's memory, in fn_extra; allocated in fn_mcxt. */
typedef struct EncoderState
{
	ColumnType	type;			/* of the value */
	bool		literal;		/* it has none: a string */

	/* what was found, while loaded; names, pin and bounds lie in context */
	MemoryContext context;
	bool		loaded;
	LookupStamp stamp;
	char	   *set;
	char	   *column;
	int			set_length,
				column_length;
	int64		set_id;
	pg_uuid_t	fit;
	const NumberFit *number;	/* either this */
	const LevelTable *levels;	/* or that */

	/* what was made of it for the parameter of the last call */
	bool		has_threshold;
	double		share,
				threshold;
	int			nbuckets;		/* 0: none yet */
	double	   *bounds;			/* [nbuckets - 1] */
} EncoderState;

PG_FUNCTION_INFO_V1(echolon_frequency);
PG_FUNCTION_INFO_V1(echolon_label);
PG_FUNCTION_INFO_V1(echolon_percentile);
PG_FUNCTION_INFO_V1(echolon_bucket);
PG_FUNCTION_INFO_V1(echolon_standardize);
PG_FUNCTION_INFO_V1(echolon_minmax);
PG_FUNCTION_INFO_V1(echolon_robust);
PG_FUNCTION_INFO_V1(echolon_high_value);

/* ---- state ---------------------------------------------------------------------- */

/* Make the state of a call site, and see that its values are of a type that can be used. */
static EncoderState *
encoder_begin(FunctionCallInfo fcinfo, bool category)
{
	MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	EncoderState *state = palloc0(sizeof(EncoderState));
	Oid			typid = get_fn_expr_argtype(fcinfo->flinfo, ARG_VALUE);

	state->literal = typid == UNKNOWNOID;
	if (!state->literal &&
		(!OidIsValid(typid) || !column_type_resolve(typid, &state->type) ||
		 !(column_countable(&state->type) ||
		   (category && state->type.kind == COLUMN_CATEGORY))))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s cannot take a value of type %s",
						get_func_name(fcinfo->flinfo->fn_oid),
						OidIsValid(typid) ? format_type_be(typid) : "unknown"),
				 category ? errhint("It takes a text, boolean, enum, uuid or number.") :
				 errhint("It takes an integer, float or numeric.")));
	state->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "echolon encoder",
										   ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(caller);
	fcinfo->flinfo->fn_extra = state;
	return state;
}

/* Is an argument the name that was looked up last? */
static inline bool
same_name(text *name, const char *last, int length)
{
	return VARSIZE_ANY_EXHDR(name) == length && memcmp(VARDATA_ANY(name), last, length) == 0;
}

/* Find the set and the column under this statement's snapshot. */
static void
encoder_look_up(EncoderState *state, text *set, text *column, bool category, bool same)
{
	char	   *set_name = text_to_cstring(set);
	char	   *column_name = text_to_cstring(column);
	StoredSet	found;

	stored_set_use(set_name, &found);
	if (same && state->set_id == found.id &&
		memcmp(&state->fit, &found.fit, sizeof(found.fit)) == 0)
		return;

	state->loaded = false;
	state->has_threshold = false;
	state->nbuckets = 0;
	state->bounds = NULL;
	MemoryContextReset(state->context);
	if (category)
		state->levels = fit_load_category(&found, column_name, state->context);
	else
		state->number = fit_load_number(&found, column_name, state->context);
	state->set = MemoryContextStrdup(state->context, set_name);
	state->column = MemoryContextStrdup(state->context, column_name);
	state->set_length = (int) strlen(set_name);
	state->column_length = (int) strlen(column_name);
	state->set_id = found.id;
	state->fit = found.fit;
	state->loaded = true;		/* last: an error above leaves no half state */
}

/* The state of a call with what its set has fitted of its column. */
static EncoderState *
encoder_state(FunctionCallInfo fcinfo, bool category)
{
	EncoderState *state = fcinfo->flinfo->fn_extra;
	text	   *set = PG_GETARG_TEXT_PP(ARG_SET);
	text	   *column = PG_GETARG_TEXT_PP(ARG_COLUMN);
	LookupStamp stamp;
	bool		same;

	if (state == NULL)
		state = encoder_begin(fcinfo, category);
	lookup_stamp(&stamp);
	same = state->loaded && same_name(set, state->set, state->set_length) &&
		same_name(column, state->column, state->column_length);
	if (!same || !lookup_same(&state->stamp, &stamp))
	{
		encoder_look_up(state, set, column, category, same);
		lookup_keep(&state->stamp, &stamp);
	}
	return state;
}

/* ---- categories ------------------------------------------------------------------- */

/* The level of the value; NULL: it was not seen. */
static const Level *
encoder_level(FunctionCallInfo fcinfo, const EncoderState *state)
{
	Datum		datum = PG_GETARG_DATUM(ARG_VALUE);
	const char *label;
	int			length;

	if (state->literal)
	{
		label = DatumGetCString(datum);
		length = (int) strlen(label);
	}
	else
		label = column_label(&state->type, datum, &length);
	return level_find(state->levels, label, length);
}

/* echolon_frequency(set, column_name text, value "any") returns float8 */
Datum
echolon_frequency(PG_FUNCTION_ARGS)
{
	EncoderState *state = encoder_state(fcinfo, true);
	const Level *level = encoder_level(fcinfo, state);

	/* a level that is gone stays for its code, with no rows; of all rows there may be none */
	if (level == NULL || level->count == 0)
		PG_RETURN_FLOAT8(0);
	PG_RETURN_FLOAT8((double) level->count / (double) state->levels->n);
}

/* echolon_label(set, column_name text, value "any") returns integer */
Datum
echolon_label(PG_FUNCTION_ARGS)
{
	EncoderState *state = encoder_state(fcinfo, true);
	const Level *level = encoder_level(fcinfo, state);

	if (level == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT32((int32) level->number - 1);
}

/* ---- numbers ----------------------------------------------------------------------- */

/* The value. */
static double
encoder_number(FunctionCallInfo fcinfo, const EncoderState *state)
{
	Datum		datum = PG_GETARG_DATUM(ARG_VALUE);

	if (state->literal)
		return DatumGetFloat8(DirectFunctionCall1(float8in, datum));
	return column_number(&state->type, datum);
}

/* A result; NaN, which only says that there is none, is NULL. */
static Datum
encoder_result(FunctionCallInfo fcinfo, double result)
{
	if (isnan(result))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(result);
}

/* echolon_percentile(set, column_name text, value "any") returns float8 */
Datum
echolon_percentile(PG_FUNCTION_ARGS)
{
	EncoderState *state = encoder_state(fcinfo, false);

	return encoder_result(fcinfo, fit_percentile(state->number, encoder_number(fcinfo, state)));
}

/* echolon_standardize(set, column_name text, value "any") returns float8 */
Datum
echolon_standardize(PG_FUNCTION_ARGS)
{
	EncoderState *state = encoder_state(fcinfo, false);
	const NumberFit *fit = state->number;

	return encoder_result(fcinfo, fit_scaled(encoder_number(fcinfo, state), fit->mean,
											 fit->stddev));
}

/* echolon_minmax(set, column_name text, value "any") returns float8 */
Datum
echolon_minmax(PG_FUNCTION_ARGS)
{
	EncoderState *state = encoder_state(fcinfo, false);
	const NumberFit *fit = state->number;

	return encoder_result(fcinfo, fit_scaled(encoder_number(fcinfo, state), fit->minimum,
											 fit->maximum - fit->minimum));
}

/* echolon_robust(set, column_name text, value "any") returns float8 */
Datum
echolon_robust(PG_FUNCTION_ARGS)
{
	EncoderState *state = encoder_state(fcinfo, false);
	const NumberFit *fit = state->number;

	return encoder_result(fcinfo, fit_scaled(encoder_number(fcinfo, state), fit->median,
											 fit->q3 - fit->q1));
}

/* The bounds between so many buckets. */
static void
encoder_bounds(EncoderState *state, int nbuckets)
{
	if (nbuckets < 1 || nbuckets > BUCKETS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("buckets must be between 1 and %d", BUCKETS_MAX),
				 errdetail("It is %d.", nbuckets)));
	if (state->nbuckets == nbuckets)
		return;
	state->nbuckets = 0;
	if (state->bounds != NULL)
		pfree(state->bounds);
	state->bounds = NULL;
	state->bounds = MemoryContextAlloc(state->context, sizeof(double) * nbuckets);
	for (int i = 1; i < nbuckets; i++)
		state->bounds[i - 1] = fit_quantile(state->number, (double) i / nbuckets);
	state->nbuckets = nbuckets;
}

/* echolon_bucket(set, column_name text, value "any", buckets integer) returns integer */
Datum
echolon_bucket(PG_FUNCTION_ARGS)
{
	EncoderState *state = encoder_state(fcinfo, false);
	double		value = encoder_number(fcinfo, state);
	int			low = 0,
				high;

	encoder_bounds(state, PG_GETARG_INT32(ARG_PARAMETER));
	if (isnan(value) || state->number->n == 0)
		PG_RETURN_NULL();

	/* how many bounds are smaller */
	high = state->nbuckets - 1;
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (state->bounds[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	PG_RETURN_INT32(low + 1);
}

/* echolon_high_value(set, column_name text, value "any", percentile float8) returns boolean */
Datum
echolon_high_value(PG_FUNCTION_ARGS)
{
	EncoderState *state = encoder_state(fcinfo, false);
	double		value = encoder_number(fcinfo, state);
	double		share = PG_GETARG_FLOAT8(ARG_PARAMETER);

	if (!(share > 0 && share < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("percentile must be above 0 and below 1"),
				 errdetail("It is %g.", share),
				 errhint("It is a share of the values: 0.75, not 75.")));
	if (!state->has_threshold || state->share != share)
	{
		double		above;
		bool		moved;

		state->threshold = fit_high_value(state->number, share, &above, &moved);
		state->share = share;
		state->has_threshold = true;
	}
	if (isnan(value) || isnan(state->threshold))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(value > state->threshold);
}
