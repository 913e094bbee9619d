/*
 * calendar.c
 *		Calendar parts of dates and timestamps.
 *
 * What EXTRACT says, from PostgreSQL's own calendar, at a fraction of its cost: features ask for
 * several parts of the same day in a row, and for the zone's offset of moments near each other.
 * Training, prediction and the functions echolon_year, echolon_month, … all come here.
 */
#include "postgres.h"

#include "data/column.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "compat.h"

/*
 * A search in the zone's transitions for each value would cost more than all the rest.
 * Offsets are constant for months, so stretches of 24 days are remembered; what a
 * transition leaves of one is remembered as well.
 */
const ZoneStretch *
zone_stretch(pg_tz *zone, int64 moment)
{
#define STRETCH_BITS	21		/* seconds: 24 days */
#define STRETCHES		1024	/* 68 years */
	static ZoneStretch stretches[STRETCHES];

	int64		number = moment >> STRETCH_BITS;
	ZoneStretch *stretch = &stretches[(uint64) number % STRETCHES];
	const int64 epoch = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;

	if (stretch->zone != zone || moment < stretch->from || moment >= stretch->until)
	{
		ZoneStretch found = {
			.zone = zone,
			.from = number * (INT64CONST(1) << STRETCH_BITS)
		};

		found.until = found.from + (INT64CONST(1) << STRETCH_BITS);
		for (;;)
		{
			pg_time_t	start = found.from + epoch;
			pg_time_t	boundary;
			long		before,
						after;
			int			before_dst,
						after_dst;
			int			transition;

			transition = pg_next_dst_boundary(&start, &before, &before_dst, &boundary,
											  &after, &after_dst, zone);
			if (transition >= 0)
				found.offset = before;
			if (transition <= 0 || (int64) boundary - epoch >= found.until)
				break;
			if ((int64) boundary - epoch > moment)
			{
				found.until = (int64) boundary - epoch;
				break;
			}
			found.from = (int64) boundary - epoch;
		}
		*stretch = found;
	}
	return stretch;
}

/*
 * The day of a moment, as a Julian day, and its hour; false for infinity and what no timestamp
 * can be.
 */
static bool
calendar_day(ColumnKind kind, int64 at, pg_tz *zone, int *julian, int *hour)
{
	int64		days = at;		/* since 2000-01-01 */

	*hour = 0;
	if (kind != COLUMN_DATE)
	{
		if (!IS_VALID_TIMESTAMP(at))
			return false;
		if (kind == COLUMN_TIMESTAMPTZ)
		{
			int64		seconds = at / USECS_PER_SEC;

			if (zone == NULL)
				elog(ERROR, "calendar parts of a timestamptz need a time zone");
			if (at % USECS_PER_SEC < 0)
				seconds--;
			at += zone_stretch(zone, seconds)->offset * USECS_PER_SEC;
		}
		days = at / USECS_PER_DAY;
		at -= days * USECS_PER_DAY;
		if (at < 0)
		{
			at += USECS_PER_DAY;
			days--;
		}
		*hour = (int) (at / USECS_PER_HOUR);
	}

	/* a zone may put the first moments of timestamps on the day before their calendar begins */
	days += POSTGRES_EPOCH_JDATE;
	if (days < DATETIME_MIN_JULIAN - 1 || days >= DATE_END_JULIAN)
		return false;
	*julian = (int) days;
	return true;
}

bool
calendar_part(ColumnKind kind, ColumnPart part, int64 at, pg_tz *zone, int *value)
{
	/* one date is asked for several parts in a row */
	static int	known = 0;
	static int	year,
				month,
				day;
	int			julian,
				hour;

	if (!calendar_day(kind, at, zone, &julian, &hour))
		return false;
	if (julian != known || month == 0)
	{
		j2date(julian, &year, &month, &day);
		known = julian;
	}
	switch (part)
	{
		case PART_YEAR:
			/* there is no year 0 */
			*value = year > 0 ? year : year - 1;
			return true;
		case PART_QUARTER:
			*value = (month - 1) / 3 + 1;
			return true;
		case PART_MONTH:
			*value = month;
			return true;
		case PART_WEEK:
			*value = date2isoweek(year, month, day);
			return true;
		case PART_DAY:
			*value = day;
			return true;
		case PART_DAY_OF_WEEK:
			*value = (j2day(julian) + 6) % 7;
			return true;
		case PART_DAY_OF_YEAR:
			*value = julian - date2j(year, 1, 1) + 1;
			return true;
		case PART_HOUR:
			*value = hour;
			return kind != COLUMN_DATE;
		case PART_WEEKEND:
			*value = (j2day(julian) + 6) % 7 >= 5;
			return true;
		case PART_MONTH_START:
			*value = day == 1;
			return true;
		case PART_MONTH_END:
			*value = day == day_tab[isleap(year)][month - 1];
			return true;
		case PART_VALUE:
		case PART_TARGET_MEAN:
			break;
	}
	elog(ERROR, "unrecognized calendar part %d", (int) part);
	return false;				/* keep compiler quiet */
}

pg_tz *
calendar_zone(const char *name)
{
	pg_tz	   *zone = pg_tzset(name);

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known to this server", name),
				 errhint("Give a name of pg_timezone_names, such as Europe/Berlin.")));
	return zone;
}
