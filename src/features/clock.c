/*
 * clock.c
 *		The calendar of rolling windows: how far back a span reaches, where a year, a quarter or a
 *		month begins.
 *
 * The results are PostgreSQL's own, of "timestamp - interval" and date_trunc, without their way
 * through broken-down time for each row.  A date or timestamp without time zone needs no more than
 * a subtraction for days, and a calendar for months.  With a time zone a time becomes local, is moved, and
 * becomes a moment again: by offsets that calendar.c remembers, and by PostgreSQL's rule for
 * skipped and repeated hours within a day of a change of the clocks.
 */
#include "postgres.h"

#include "common/int.h"
#include "data/column.h"
#include "features/terms.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "compat.h"

#define BEFORE_ALL	PG_INT64_MIN	/* earlier than any time */

typedef struct Clock
{
	RollingClock rolling;		/* must be first */
	pg_tz	   *zone;			/* NULL: times are local */
} Clock;

/* ---- days and times ----------------------------------------------------------------- */

/* Whole units below a time, also before 2000. */
static inline int64
floor_divide(int64 value, int64 unit)
{
	int64		quotient = value / unit;

	return quotient - (value % unit < 0);
}

/* The local time at a moment. */
static inline int64
local_time(pg_tz *zone, int64 at)
{
	return at + zone_stretch(zone, floor_divide(at, USECS_PER_SEC))->offset * USECS_PER_SEC;
}

/* The offset PostgreSQL takes for a local time near a change of the clocks. */
static int64
offset_near_change(pg_tz *zone, int64 local)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(local, NULL, &tm, &fsec, NULL, NULL) != 0)
		return 0;
	return -DetermineTimeZoneOffset(&tm, zone);
}

/* The moment of a local time. */
static int64
local_moment(pg_tz *zone, int64 local)
{
	/* no offset is as large as a day: the moment lies within one of the same number */
	int64		seconds = floor_divide(local, USECS_PER_SEC);
	ZoneStretch stretch = *zone_stretch(zone, seconds - SECS_PER_DAY);

	if (stretch.until <= seconds + SECS_PER_DAY)
	{
		const ZoneStretch *next = zone_stretch(zone, stretch.until);

		if (next->offset != stretch.offset || next->until <= seconds + SECS_PER_DAY)
			stretch.offset = offset_near_change(zone, local);
	}
	return local - stretch.offset * USECS_PER_SEC;
}

/* A local time some months earlier, on the month's last day where it has no such day; BEFORE_ALL. */
static int64
months_before(int64 local, int32 months)
{
	int64		day_number = floor_divide(local, USECS_PER_DAY);
	int64		month_number;
	int			year,
				month,
				day,
				last_day;

	j2date((int) day_number + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	month_number = (int64) year * MONTHS_PER_YEAR + (month - 1) - months;
	if (month_number < (int64) JULIAN_MINYEAR * MONTHS_PER_YEAR)
		return BEFORE_ALL;
	year = (int) floor_divide(month_number, MONTHS_PER_YEAR);
	month = (int) (month_number - (int64) year * MONTHS_PER_YEAR) + 1;
	last_day = day_tab[isleap(year)][month - 1];
	if (!IS_VALID_JULIAN(year, month, day))
		return BEFORE_ALL;
	return local - (day_number - (date2j(year, month, Min(day, last_day)) - POSTGRES_EPOCH_JDATE)) * USECS_PER_DAY;
}

/* ---- what the engine asks ---------------------------------------------------------------- */

static int64_t
clock_before(void *arg, int64_t at, const RollingSpan *span)
{
	pg_tz	   *zone = ((Clock *) arg)->zone;
	int64		result = at;
	int64		length;

	if (span->months > 0)
	{
		int64		local = zone ? local_time(zone, at) : at;

		local = months_before(local, span->months);
		if (local < MIN_TIMESTAMP)
			return BEFORE_ALL;
		result = zone ? local_moment(zone, local) : local;
	}

	if (span->days > 0)
	{
		int64		local = zone ? local_time(zone, result) : result;

		if (pg_mul_s64_overflow(span->days, USECS_PER_DAY, &length) ||
			pg_sub_s64_overflow(local, length, &local) ||
			local < MIN_TIMESTAMP)
			return BEFORE_ALL;
		result = zone ? local_moment(zone, local) : local;
	}

	if (pg_sub_s64_overflow(result, span->micros, &result) || result < MIN_TIMESTAMP)
		return BEFORE_ALL;
	return result;
}

static int64_t
clock_period(void *arg, int64_t at, RollingExtent extent)
{
	pg_tz	   *zone = ((Clock *) arg)->zone;
	int64		local = zone ? local_time(zone, at) : at;
	int			year,
				month,
				day;

	j2date((int) floor_divide(local, USECS_PER_DAY) + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	switch (extent)
	{
		case ROLLING_YEAR:
			month = 1;
			break;
		case ROLLING_QUARTER:
			month -= (month - 1) % 3;
			break;
		case ROLLING_MONTH:
			break;
		default:
			elog(ERROR, "extent %d is no calendar period", (int) extent);
	}
	local = (int64) (date2j(year, month, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
	return zone ? local_moment(zone, local) : local;
}

RollingClock *
clock_create(ColumnKind kind, pg_tz *zone)
{
	Clock	   *clock = palloc0(sizeof(Clock));

	if (kind == COLUMN_TIMESTAMPTZ && zone == NULL)
		elog(ERROR, "windows over a timestamptz need a time zone");
	clock->zone = kind == COLUMN_TIMESTAMPTZ ? zone : NULL;
	clock->rolling.before = clock_before;
	clock->rolling.period = clock_period;
	clock->rolling.arg = clock;
	return &clock->rolling;
}

bool
clock_time(ColumnKind kind, Datum at, int64 *micros)
{
	if (kind == COLUMN_DATE)
	{
		DateADT		date = DatumGetDateADT(at);

		if (DATE_NOT_FINITE(date))
			return false;
		if (date >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("date out of range for timestamp")));
		*micros = (int64) date * USECS_PER_DAY;
		return true;
	}
	*micros = DatumGetTimestamp(at);
	return !TIMESTAMP_NOT_FINITE(*micros);
}
