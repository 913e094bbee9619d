/*
 * window.c
 *		The window function behind the views of feature sets: all rolling features of one column
 *		in one call.
 *
 * PostgreSQL computes each frame of each aggregate for itself; here one call keeps the group's
 * last rows in the engine's own ring buffers (rolling.h) and gives all terms as one array.  So
 * a WindowAgg with one sort serves any number of windows, the frame clause does not matter, and
 * the mark moves with the current row, which lets the executor forget the rows behind it.
 *
 * What a call site needs is made once and kept in fn_extra, for as long as the query runs: terms
 * read, types looked up, the engine with its buffers.  A new partition only restarts the engine, so
 * many small groups cost no more than a few large ones.  A partition is new where
 * its local memory is: the executor clears that between partitions and before a rescan.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "compat.h"
#include "data/column.h"
#include "features/terms.h"
#include "features/window.h"
#include "function.h"
#include "model/model.h"

/* What a call site keeps in fn_extra. */
typedef struct RollingCall
{
	ColumnType	value_type;
	ColumnType	at_type;
	bool		has_time;		/* false: at is NULL, all rows count */
	bool		fixed;			/* the settings are constants */

	/* what follows is made of the settings and lies in this context */
	MemoryContext context;		/* reset where they change */
	NullableDatum settings[ROLLING_SETTINGS];	/* copies */
	RollingEngine engine;
} RollingCall;

/* The executor's memory of a partition; zero where it begins. */
typedef struct RollingPartition
{
	int64		rows;			/* pushed or skipped so far */
	bool		has_last;
	int64		last;			/* time of the last row pushed */
} RollingPartition;

PG_FUNCTION_INFO_V1(echolon_rolling);

/* ---- the call site ---------------------------------------------------------------- */

/* The types of value and at, once a query. */
static RollingCall *
rolling_call_create(FunctionCallInfo fcinfo, WindowObject window)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	MemoryContext caller = MemoryContextSwitchTo(flinfo->fn_mcxt);
	RollingCall *call = palloc0(sizeof(RollingCall));
	Oid			value_type = get_fn_expr_argtype(flinfo, ROLLING_ARG_VALUE);
	Oid			at_type = get_fn_expr_argtype(flinfo, ROLLING_ARG_AT);
	bool		isnull = false;

	if (!column_type_resolve(value_type, &call->value_type) ||
		call->value_type.kind != COLUMN_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("echolon_rolling needs a number or an interval"),
				 errdetail("Its first argument is of type %s.", format_type_be(value_type)),
				 errhint("Give a column of numbers, or cast to double precision.")));

	/* a NULL that is the same for all rows: there is no time */
	if (get_fn_expr_arg_stable(flinfo, ROLLING_ARG_AT))
		(void) WinGetFuncArgCurrent(window, ROLLING_ARG_AT, &isnull);
	call->has_time = !isnull;
	if (call->has_time &&
		(!column_type_resolve(at_type, &call->at_type) ||
		 (call->at_type.kind != COLUMN_DATE && call->at_type.kind != COLUMN_TIMESTAMP &&
		  call->at_type.kind != COLUMN_TIMESTAMPTZ)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("echolon_rolling needs a date or a timestamp to go by"),
				 errdetail("Its second argument is of type %s.", format_type_be(at_type)),
				 errhint("Give the column the rows are ordered by, or NULL where all windows are of rows.")));

	call->fixed = true;
	for (int i = 0; i < ROLLING_SETTINGS; i++)
		call->fixed = call->fixed && get_fn_expr_arg_stable(flinfo, ROLLING_ARG_TERMS + i);
	call->context = AllocSetContextCreate(flinfo->fn_mcxt, "echolon rolling windows",
										  ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(caller);
	flinfo->fn_extra = call;
	return call;
}

/* Is the setting what the engine was made of?  Arrays and texts compare by their bytes. */
static bool
setting_same(const RollingCall *call, int setting, Datum datum, bool isnull)
{
	const NullableDatum *own = &call->settings[setting];

	if (isnull || own->isnull)
		return isnull && own->isnull;
	return datum_image_eq(own->value, datum, false, -1);
}

/* True where the engine is there and its settings are those of the current row. */
static bool
settings_same(const RollingCall *call, WindowObject window)
{
	if (call->engine.state == NULL)
		return false;
	if (call->fixed)
		return true;
	for (int i = 0; i < ROLLING_SETTINGS; i++)
	{
		bool		isnull;
		Datum		datum = WinGetFuncArgCurrent(window, ROLLING_ARG_TERMS + i, &isnull);

		if (!setting_same(call, i, datum, isnull))
			return false;
	}
	return true;
}

/* Whether fill asks for filling. */
static bool
fill_parse(const char *fill)
{
	if (pg_strcasecmp(fill, "forward") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown way to fill missing values: \"%s\"", fill),
				 errhint("Write 'forward' for the last value there was, or NULL for none.")));
	return true;
}

void
rolling_engine_create(RollingEngine *engine, const NullableDatum *settings, bool has_time,
					  ColumnKind at_kind)
{
	const NullableDatum *zone_setting = &settings[ROLLING_ARG_ZONE - ROLLING_ARG_TERMS];
	const NullableDatum *fill_setting = &settings[ROLLING_ARG_FILL - ROLLING_ARG_TERMS];
	RollingTerm *terms;
	RollingClock *clock = NULL;
	const char *zone = NULL;
	bool		fill = false;

	if (settings[0].isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("terms of echolon_rolling must not be NULL"),
				 errhint("Give what to compute, such as '{mean 7,lag 1}'.")));
	terms = terms_parse(DatumGetArrayTypeP(settings[0].value), &engine->nterms);
	if (!zone_setting->isnull)
		zone = TextDatumGetCString(zone_setting->value);
	if (!fill_setting->isnull)
		fill = fill_parse(TextDatumGetCString(fill_setting->value));

	engine->needs_time = false;
	for (int i = 0; i < engine->nterms; i++)
	{
		if (!term_needs_time(&terms[i]))
			continue;
		if (!has_time)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("rolling term %d needs the time of the rows", i + 1),
					 errdetail("The second argument of echolon_rolling is NULL."),
					 errhint("Give the date or timestamp that the window is ordered by.")));
		engine->needs_time = true;
	}
	if (has_time)
	{
		/* a name is looked at also where it does not count */
		pg_tz	   *tz = zone ? calendar_zone(zone) : session_timezone;

		clock = clock_create(at_kind, tz);
	}
	else if (zone)
		(void) calendar_zone(zone);

	engine->values = palloc0(mul_size(engine->nterms, sizeof(double)));
	engine->nulls = palloc0(mul_size(engine->nterms, sizeof(bool)));
	engine->state = rolling_create(limited_env(CurrentMemoryContext, "echolon_rolling"), terms,
								   engine->nterms, clock, fill);
}

/* The engine for the settings of the current row. */
static void
rolling_call_prepare(RollingCall *call, WindowObject window)
{
	MemoryContext caller;

	call->engine.state = NULL;
	MemoryContextReset(call->context);
	caller = MemoryContextSwitchTo(call->context);
	for (int i = 0; i < ROLLING_SETTINGS; i++)
	{
		NullableDatum *setting = &call->settings[i];
		Datum		datum = WinGetFuncArgCurrent(window, ROLLING_ARG_TERMS + i, &setting->isnull);

		setting->value = setting->isnull ? (Datum) 0 : PointerGetDatum(PG_DETOAST_DATUM_COPY(datum));
	}
	rolling_engine_create(&call->engine, call->settings, call->has_time, call->at_type.kind);
	MemoryContextSwitchTo(caller);
}

/* ---- a row --------------------------------------------------------------------------- */

void
rolling_engine_push(RollingEngine *engine, double value, bool isnull, int64 time)
{
	rolling_push(engine->state, value, isnull, time, engine->values, engine->nulls);
	if (unlikely(rolling_overflowed(engine->state)))
		float_overflow_error();
}

void
rolling_engine_skip(RollingEngine *engine)
{
	memset(engine->nulls, true, engine->nterms * sizeof(bool));
}

Size
rolling_array_size(int n)
{
	return add_size(ARR_OVERHEAD_WITHNULLS(1, n), mul_size(n, sizeof(double)));
}

ArrayType *
rolling_array(void *memory, const RollingEngine *engine)
{
	const double *values = engine->values;
	const bool *nulls = engine->nulls;
	int			n = engine->nterms;
	ArrayType  *array = memory;
	int			nnulls = 0;
	Size		header;

	for (int i = 0; i < n; i++)
		nnulls += nulls[i];
	header = nnulls > 0 ? ARR_OVERHEAD_WITHNULLS(1, n) : ARR_OVERHEAD_NONULLS(1);
	SET_VARSIZE(array, header + sizeof(double) * (n - nnulls));
	array->ndim = 1;
	array->dataoffset = nnulls > 0 ? (int32) header : 0;
	array->elemtype = FLOAT8OID;
	ARR_DIMS(array)[0] = n;
	ARR_LBOUND(array)[0] = 1;
	if (nnulls == 0)
		memcpy(ARR_DATA_PTR(array), values, sizeof(double) * n);
	else
	{
		double	   *data = (double *) ARR_DATA_PTR(array);
		bits8	   *bitmap = ARR_NULLBITMAP(array);

		/* and the padding behind it */
		memset(bitmap, 0, (char *) data - (char *) bitmap);
		for (int i = 0; i < n; i++)
		{
			if (nulls[i])
				continue;
			bitmap[i / BITS_PER_BYTE] |= 1 << (i % BITS_PER_BYTE);
			*data++ = values[i];
		}
	}
	return array;
}

/* Does the row enter the windows?  Then its time, where there are times, in micros. */
static bool
rolling_row_time(RollingCall *call, RollingPartition *partition, WindowObject window, int64 *micros)
{
	Datum		at;
	bool		isnull;

	*micros = 0;
	if (!call->has_time)
		return true;
	at = WinGetFuncArgCurrent(window, ROLLING_ARG_AT, &isnull);
	if (isnull || !clock_time(call->at_type.kind, at, micros))
		return false;
	if (call->engine.needs_time && partition->has_last && *micros < partition->last)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("echolon_rolling needs rows in order of time for windows of time"),
				 errdetail("Row " INT64_FORMAT " of a partition is earlier than the row before it.",
						   partition->rows + 1),
				 errhint("Order the window by the second argument, ascending, then by what makes the order unique.")));
	partition->has_last = true;
	partition->last = *micros;
	return true;
}

Datum
echolon_rolling(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	RollingCall *call = fcinfo->flinfo->fn_extra;
	RollingPartition *partition;
	int64		micros;

	if (!WindowObjectIsValid(window))
		elog(ERROR, "echolon_rolling called outside of a window");
	partition = WinGetPartitionLocalMemory(window, sizeof(RollingPartition));
	if (partition->rows != WinGetCurrentPosition(window))
		elog(ERROR, "row " INT64_FORMAT " follows row " INT64_FORMAT " of a partition",
			 WinGetCurrentPosition(window), partition->rows - 1);
	WinSetMarkPosition(window, partition->rows);

	if (call == NULL)
		call = rolling_call_create(fcinfo, window);
	if (partition->rows == 0)
	{
		if (!settings_same(call, window))
			rolling_call_prepare(call, window);
		rolling_restart(call->engine.state);
	}
	else if (!settings_same(call, window))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("terms, zone and fill of echolon_rolling must be the same for all rows of a partition"),
				 errhint("Give constants.")));

	if (rolling_row_time(call, partition, window, &micros))
	{
		bool		isnull;
		Datum		datum = WinGetFuncArgCurrent(window, ROLLING_ARG_VALUE, &isnull);
		double		value = isnull ? 0.0 : column_number(&call->value_type, datum);

		rolling_engine_push(&call->engine, value, isnull, micros);
	}
	else
		rolling_engine_skip(&call->engine);

	partition->rows++;
	PG_RETURN_ARRAYTYPE_P(rolling_array(palloc(rolling_array_size(call->engine.nterms)), &call->engine));
}
