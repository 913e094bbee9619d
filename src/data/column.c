/*
 * column.c
 *		Types of columns, and how a value becomes what a feature is.
 *
 * A value is read from its datum by the switch on the type below any domain:
 * no function manager, no text form where the type has a number.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "data/column.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"

bool
column_type_resolve(Oid typid, ColumnType *type)
{
	memset(type, 0, sizeof(*type));
	type->typid = typid;
	type->basetype = getBaseType(typid);

	switch (type->basetype)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			type->integral = true;
			type->kind = COLUMN_NUMBER;
			return true;

		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case INTERVALOID:
			type->kind = COLUMN_NUMBER;
			return true;

		case BOOLOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
			type->kind = COLUMN_CATEGORY;
			return true;

		case UUIDOID:
			type->kind = COLUMN_CATEGORY;
			break;

		case DATEOID:
			type->kind = COLUMN_DATE;
			return true;

		case TIMESTAMPOID:
			type->kind = COLUMN_TIMESTAMP;
			return true;

		case TIMESTAMPTZOID:
			type->kind = COLUMN_TIMESTAMPTZ;
			return true;

		default:
			if (!OidIsValid(type->basetype) || get_typtype(type->basetype) != TYPTYPE_ENUM)
				return false;
			type->kind = COLUMN_CATEGORY;
			type->is_enum = true;
			break;
	}

	/* the label of an enum or a uuid is its text form */
	Oid			output;
	bool		varlena;

	getTypeOutputInfo(type->basetype, &output, &varlena);
	fmgr_info(output, &type->output);
	return true;
}

/*
 * Seconds of an interval as EXTRACT(EPOCH …) counts them: a year of 365.25 days, a
 * month beyond whole years of 30, a day of 24 hours.  In integers, so that the one
 * rounding is the last step.
 */
static double
interval_seconds(const Interval *interval)
{
	int64		days;
	int64		seconds;
	int64		micros;

	if (interval_is_infinite(interval))
		return NAN;

	/* quarters of a day, as a year has 365.25 of them */
	days = (int64) (interval->month / MONTHS_PER_YEAR) * (4 * 365 + 1) +
		((int64) (interval->month % MONTHS_PER_YEAR) * DAYS_PER_MONTH + interval->day) * 4;
	seconds = days * (SECS_PER_DAY / 4) + interval->time / USECS_PER_SEC;
	micros = interval->time % USECS_PER_SEC;

	/* exact as a whole number of microseconds up to 285 years */
	if (seconds > -INT64CONST(9000000000) && seconds < INT64CONST(9000000000))
		return (double) (seconds * USECS_PER_SEC + micros) / 1000000.0;
	return (double) seconds + (double) micros / 1000000.0;
}

double
column_number(const ColumnType *type, Datum datum)
{
	switch (type->basetype)
	{
		case INT2OID:
			return (double) DatumGetInt16(datum);
		case INT4OID:
			return (double) DatumGetInt32(datum);
		case INT8OID:
			return (double) DatumGetInt64(datum);
		case FLOAT4OID:
			return (double) DatumGetFloat4(datum);
		case FLOAT8OID:
			return DatumGetFloat8(datum);
		case NUMERICOID:
			return numeric_to_double(datum);
		case INTERVALOID:
			return interval_seconds(DatumGetIntervalP(datum));
		case DATEOID:
			{
				DateADT		date = DatumGetDateADT(datum);

				return DATE_NOT_FINITE(date) ? NAN : (double) date;
			}
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			{
				Timestamp	timestamp = DatumGetTimestamp(datum);

				return TIMESTAMP_NOT_FINITE(timestamp) ? NAN : (double) timestamp;
			}
		default:
			elog(ERROR, "type %u is not a number", type->basetype);
			return 0;			/* keep compiler quiet */
	}
}

bool
column_countable(const ColumnType *type)
{
	return type->kind == COLUMN_NUMBER && type->basetype != INTERVALOID;
}

/* The shortest digits that read back as the same number, -0 being 0. */
static char *
number_label(const ColumnType *type, Datum datum)
{
	char	   *label = palloc(Max(MAXINT8LEN + 1, DOUBLE_SHORTEST_DECIMAL_LEN));

	switch (type->basetype)
	{
		case INT2OID:
			pg_itoa(DatumGetInt16(datum), label);
			break;
		case INT4OID:
			pg_ltoa(DatumGetInt32(datum), label);
			break;
		case INT8OID:
			pg_lltoa(DatumGetInt64(datum), label);
			break;
		case FLOAT4OID:
			float_to_shortest_decimal_buf(DatumGetFloat4(datum) + 0.0f, label);
			break;
		default:
			double_to_shortest_decimal_buf(DatumGetFloat8(datum) + 0.0, label);
			break;
	}
	return label;
}

const char *
column_label(const ColumnType *type, Datum datum, int *length)
{
	const char *label;

	switch (type->basetype)
	{
		case BOOLOID:
			label = DatumGetBool(datum) ? "true" : "false";
			break;

		case NAMEOID:
			label = NameStr(*DatumGetName(datum));
			break;

		case TEXTOID:
		case VARCHAROID:
			{
				text	   *value = DatumGetTextPP(datum);

				*length = VARSIZE_ANY_EXHDR(value);
				return VARDATA_ANY(value);
			}

		case BPCHAROID:
			{
				BpChar	   *value = DatumGetBpCharPP(datum);

				/* trailing blanks do not count when bpchar is compared */
				*length = bpchartruelen(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
				return VARDATA_ANY(value);
			}

		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
			label = number_label(type, datum);
			break;

		case NUMERICOID:
			label = numeric_normalize(DatumGetNumeric(datum));
			break;

		default:
			label = OutputFunctionCall(unconstify(FmgrInfo *, &type->output), datum);
			break;
	}
	*length = strlen(label);
	return label;
}

int
column_parts(ColumnKind kind, ColumnPart *parts)
{
	int			n = 0;

	if (kind == COLUMN_NUMBER || kind == COLUMN_CATEGORY)
	{
		parts[n++] = PART_VALUE;
		return n;
	}

	/* not the date itself: in a table of days it would name the row */
	parts[n++] = PART_YEAR;
	parts[n++] = PART_MONTH;
	parts[n++] = PART_DAY;
	parts[n++] = PART_DAY_OF_WEEK;
	parts[n++] = PART_DAY_OF_YEAR;
	if (kind != COLUMN_DATE)
		parts[n++] = PART_HOUR;
	return n;
}

const char *
column_part_name(ColumnPart part)
{
	switch (part)
	{
		case PART_VALUE:
			return "";
		case PART_YEAR:
			return "year";
		case PART_MONTH:
			return "month";
		case PART_DAY:
			return "day";
		case PART_DAY_OF_WEEK:
			return "day_of_week";
		case PART_DAY_OF_YEAR:
			return "day_of_year";
		case PART_HOUR:
			return "hour";
		case PART_TARGET_MEAN:
			return "target";
		case PART_QUARTER:
			return "quarter";
		case PART_WEEK:
			return "week";
		case PART_WEEKEND:
			return "is_weekend";
		case PART_MONTH_START:
			return "is_month_start";
		case PART_MONTH_END:
			return "is_month_end";
	}
	elog(ERROR, "unrecognized calendar part %d", (int) part);
	return NULL;				/* keep compiler quiet */
}

double
column_part(ColumnKind kind, ColumnPart part, double raw, pg_tz *zone)
{
	int			value;

	if (part == PART_VALUE || isnan(raw))
		return raw;
	/* also false for what int64 cannot hold */
	if (!(raw >= (double) MIN_TIMESTAMP && raw < (double) END_TIMESTAMP))
		return NAN;
	return calendar_part(kind, part, (int64) raw, zone, &value) ? value : NAN;
}
