/*
 * temporal.c
 *		Calendar features of one date or timestamp: a function a part for views, and one composite
 *		of all of them for people.
 *
 * The parts are those of data/calendar.c, which trainings use as well.  A view calls one function
 * for each column it shows, so that a query pays for what it reads.  A cycle (months, days of the
 * week, hours) is also given as sine and cosine, so that December is next to January; there are so
 * few angles that they are constants, the same bits on every machine.
 *
 * Infinite dates have no calendar and give NULL, as does the hour of a date.
 */
#include "postgres.h"

#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "data/column.h"
#include "features/composite.h"
#include "function.h"

#define CIRCLE		24			/* steps of the circle of months (every other one) and hours */
#define QUARTER		(CIRCLE / 4)	/* the cosine is the sine so many steps on */
#define WEEK		7

/* sin(2 * pi * k / 24) */
static const double circle_sine[CIRCLE] = {
	0.0, 0.25881904510252074, 0.5, 0.7071067811865476, 0.8660254037844386, 0.9659258262890683,
	1.0, 0.9659258262890683, 0.8660254037844386, 0.7071067811865476, 0.5, 0.25881904510252074,
	0.0, -0.25881904510252074, -0.5, -0.7071067811865476, -0.8660254037844386, -0.9659258262890683,
	-1.0, -0.9659258262890683, -0.8660254037844386, -0.7071067811865476, -0.5, -0.25881904510252074
};

/* sin(2 * pi * k / 7), cos(2 * pi * k / 7) */
static const double week_sine[WEEK] = {
	0.0, 0.7818314824680298, 0.9749279121818236, 0.4338837391175581,
	-0.4338837391175581, -0.9749279121818236, -0.7818314824680298
};
static const double week_cosine[WEEK] = {
	1.0, 0.6234898018587335, -0.2225209339563144, -0.9009688679024191,
	-0.9009688679024191, -0.2225209339563144, 0.6234898018587335
};

/* ---- arguments ------------------------------------------------------------------- */

/* A zone by the name it was given by, remembered between the rows of a query. */
typedef struct KnownZone
{
	pg_tz	   *zone;
	int			length;
	char		name[FLEXIBLE_ARRAY_MEMBER];
} KnownZone;

static pg_tz *
zone_argument(FunctionCallInfo fcinfo, int argument)
{
	KnownZone  *known = fcinfo->flinfo->fn_extra;
	text	   *name = PG_GETARG_TEXT_PP(argument);
	int			length = VARSIZE_ANY_EXHDR(name);

	if (known == NULL || known->length != length ||
		memcmp(known->name, VARDATA_ANY(name), length) != 0)
	{
		pg_tz	   *zone = calendar_zone(text_to_cstring(name));

		if (known != NULL)
			pfree(known);
		fcinfo->flinfo->fn_extra = NULL;
		known = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt,
								   add_size(offsetof(KnownZone, name), length));
		known->zone = zone;
		known->length = length;
		memcpy(known->name, VARDATA_ANY(name), length);
		fcinfo->flinfo->fn_extra = known;
	}
	return known->zone;
}

/* The first argument's part; a timestamptz is in the zone of the second, or the session's. */
static inline bool
part_of_argument(FunctionCallInfo fcinfo, ColumnKind kind, ColumnPart part, int *value)
{
	pg_tz	   *zone = NULL;

	if (kind == COLUMN_DATE)
		return calendar_part(kind, part, PG_GETARG_DATEADT(0), NULL, value);
	if (kind == COLUMN_TIMESTAMPTZ)
		zone = PG_NARGS() > 1 ? zone_argument(fcinfo, 1) : session_timezone;
	return calendar_part(kind, part, PG_GETARG_TIMESTAMP(0), zone, value);
}

/* Place of a part on its circle; month and hour are on circle_sine, the days of the week on their own. */
static inline int
circle_place(ColumnPart part, int value)
{
	return part == PART_MONTH ? (value - 1) * (CIRCLE / 12) : value;
}

static inline double
part_sine(ColumnPart part, int value)
{
	return part == PART_DAY_OF_WEEK ? week_sine[value] : circle_sine[circle_place(part, value)];
}

static inline double
part_cosine(ColumnPart part, int value)
{
	return part == PART_DAY_OF_WEEK ? week_cosine[value] :
		circle_sine[(circle_place(part, value) + QUARTER) % CIRCLE];
}

/* ---- one part, one function -------------------------------------------------------- */

#define CALENDAR_FUNCTION(name, kind, part, get_datum) \
	PG_FUNCTION_INFO_V1(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		int			value; \
\
		if (!part_of_argument(fcinfo, kind, part, &value)) \
			PG_RETURN_NULL(); \
		return get_datum; \
	}

/* For a date, a timestamp, and a timestamptz with and without a zone. */
#define CALENDAR_FUNCTIONS(name, part, get_datum) \
	CALENDAR_FUNCTION(name##_date, COLUMN_DATE, part, get_datum) \
	CALENDAR_FUNCTION(name##_timestamp, COLUMN_TIMESTAMP, part, get_datum) \
	CALENDAR_FUNCTION(name##_timestamptz, COLUMN_TIMESTAMPTZ, part, get_datum)

#define CALENDAR_INTEGER(name, part) \
	CALENDAR_FUNCTIONS(name, part, Int32GetDatum(value))
#define CALENDAR_BOOLEAN(name, part) \
	CALENDAR_FUNCTIONS(name, part, BoolGetDatum(value != 0))
#define CALENDAR_CYCLE(name, part) \
	CALENDAR_FUNCTIONS(name##_sin, part, Float8GetDatum(part_sine(part, value))) \
	CALENDAR_FUNCTIONS(name##_cos, part, Float8GetDatum(part_cosine(part, value)))

CALENDAR_INTEGER(echolon_year, PART_YEAR)
CALENDAR_INTEGER(echolon_quarter, PART_QUARTER)
CALENDAR_INTEGER(echolon_month, PART_MONTH)
CALENDAR_INTEGER(echolon_week, PART_WEEK)
CALENDAR_INTEGER(echolon_day_of_month, PART_DAY)
CALENDAR_INTEGER(echolon_day_of_week, PART_DAY_OF_WEEK)
CALENDAR_INTEGER(echolon_day_of_year, PART_DAY_OF_YEAR)
CALENDAR_INTEGER(echolon_hour, PART_HOUR)
CALENDAR_BOOLEAN(echolon_is_weekend, PART_WEEKEND)
CALENDAR_BOOLEAN(echolon_is_month_start, PART_MONTH_START)
CALENDAR_BOOLEAN(echolon_is_month_end, PART_MONTH_END)
CALENDAR_CYCLE(echolon_month, PART_MONTH)
CALENDAR_CYCLE(echolon_day_of_week, PART_DAY_OF_WEEK)
CALENDAR_CYCLE(echolon_hour, PART_HOUR)

/* ---- all of them --------------------------------------------------------------------- */

/* The attributes of echolon.temporal_features, in their order; it may grow at its end. */
typedef enum TemporalForm
{
	FORM_INTEGER,
	FORM_BOOLEAN,
	FORM_SINE,
	FORM_COSINE
} TemporalForm;

static const struct
{
	ColumnPart	part;
	TemporalForm form;
}			temporal_attributes[] =
{
	{PART_YEAR, FORM_INTEGER},
	{PART_QUARTER, FORM_INTEGER},
	{PART_MONTH, FORM_INTEGER},
	{PART_WEEK, FORM_INTEGER},
	{PART_DAY, FORM_INTEGER},
	{PART_DAY_OF_WEEK, FORM_INTEGER},
	{PART_DAY_OF_YEAR, FORM_INTEGER},
	{PART_HOUR, FORM_INTEGER},
	{PART_WEEKEND, FORM_BOOLEAN},
	{PART_MONTH_START, FORM_BOOLEAN},
	{PART_MONTH_END, FORM_BOOLEAN},
	{PART_MONTH, FORM_SINE},
	{PART_MONTH, FORM_COSINE},
	{PART_DAY_OF_WEEK, FORM_SINE},
	{PART_DAY_OF_WEEK, FORM_COSINE},
	{PART_HOUR, FORM_SINE},
	{PART_HOUR, FORM_COSINE}
};

static Datum
temporal_features(FunctionCallInfo fcinfo, ColumnKind kind)
{
	Datum		values[lengthof(temporal_attributes)];
	bool		nulls[lengthof(temporal_attributes)];

	for (int i = 0; i < lengthof(temporal_attributes); i++)
	{
		ColumnPart	part = temporal_attributes[i].part;
		int			value;

		values[i] = (Datum) 0;
		nulls[i] = !part_of_argument(fcinfo, kind, part, &value);
		if (nulls[i])
			continue;
		switch (temporal_attributes[i].form)
		{
			case FORM_INTEGER:
				values[i] = Int32GetDatum(value);
				break;
			case FORM_BOOLEAN:
				values[i] = BoolGetDatum(value != 0);
				break;
			case FORM_SINE:
				values[i] = Float8GetDatum(part_sine(part, value));
				break;
			case FORM_COSINE:
				values[i] = Float8GetDatum(part_cosine(part, value));
				break;
		}
	}
	/* no year, no calendar: infinity */
	if (nulls[0])
		PG_RETURN_NULL();
	return composite_datum(fcinfo, values, nulls, lengthof(temporal_attributes));
}

PG_FUNCTION_INFO_V1(echolon_temporal_features_date);
Datum
echolon_temporal_features_date(PG_FUNCTION_ARGS)
{
	return temporal_features(fcinfo, COLUMN_DATE);
}

PG_FUNCTION_INFO_V1(echolon_temporal_features_timestamp);
Datum
echolon_temporal_features_timestamp(PG_FUNCTION_ARGS)
{
	return temporal_features(fcinfo, COLUMN_TIMESTAMP);
}

PG_FUNCTION_INFO_V1(echolon_temporal_features_timestamptz);
Datum
echolon_temporal_features_timestamptz(PG_FUNCTION_ARGS)
{
	return temporal_features(fcinfo, COLUMN_TIMESTAMPTZ);
}
