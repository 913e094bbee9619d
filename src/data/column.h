/*
 * column.h
 *		Types of columns, and how a value becomes what a feature is.
 *
 * Training and prediction both go through here, so they cannot disagree.
 */
#ifndef ECHOLON_COLUMN_H
#define ECHOLON_COLUMN_H

#include "postgres.h"

#include "fmgr.h"
#include "pgtime.h"

#include "compat.h"
#include "model/format.h"

typedef struct ColumnType
{
	Oid			typid;			/* the column's own type */
	Oid			basetype;		/* below any domain */
	ColumnKind	kind;
	bool		integral;		/* smallint, integer, bigint */
	bool		is_enum;
	FmgrInfo	output;			/* text form, where a category needs it */
} ColumnType;

/* False: Echolon cannot use this type (array, json, bytea, point, …). Allocates in the current context. */
extern bool column_type_resolve(Oid typid, ColumnType *type);

/*
 * A number: NUMBER kinds as they are (interval in seconds), dates as days and timestamps as
 * microseconds since 2000-01-01.  NaN, and a date's or interval's non-finite
 * values, are NaN; a float's or numeric's infinities stay.  datum must be detoasted by need here.
 */
extern double column_number(const ColumnType *type, Datum datum);

/*
 * The label of a category value in the database's encoding; not NUL-terminated; may point into datum.
 * A number (column_countable) has one too: its shortest text form, whatever the session's
 * settings; equal numbers of any scale have the same.
 */
extern const char *column_label(const ColumnType *type, Datum datum, int *length);

/* Is it a plain number, of no unit: not an interval?  Such a number may be taken for a category. */
extern bool column_countable(const ColumnType *type);

/*
 * Calendar part of what column_number gave.  zone: for COLUMN_TIMESTAMPTZ
 * only.  NaN gives NaN.
 */
extern double column_part(ColumnKind kind, ColumnPart part, double raw, pg_tz *zone);

/*
 * The same of the value itself: a DateADT, a Timestamp or TimestampTz.  False where there is
 * none: infinity, the hour of a date.  Parts that are true or false are 1 or 0.
 */
extern bool calendar_part(ColumnKind kind, ColumnPart part, int64 at, pg_tz *zone, int *value);

/* The time zone of a name, as SET timezone knows it; raises for what is none. */
extern pg_tz *calendar_zone(const char *name);

/* Parts a column of this kind is expanded into: fills parts, returns how many (1 for VALUE). */
extern int	column_parts(ColumnKind kind, ColumnPart *parts);
/* "value" gives "", else "year", "month", "day", "day_of_week", …, "target". */
extern const char *column_part_name(ColumnPart part);

/*
 * A stretch of time, in seconds since 2000-01-01 UTC, in which a zone's offset from Greenwich does not
 * change: from <= moment < until.  offset: seconds east.  It is not the whole of the time it holds.
 */
typedef struct ZoneStretch
{
	pg_tz	   *zone;
	int64		from;
	int64		until;
	int64		offset;
} ZoneStretch;

/* The stretch of a moment; valid until the next call. */
extern const ZoneStretch *zone_stretch(pg_tz *zone, int64 moment);

/* numeric to double in C: exact where the digits allow, correctly rounded. */
extern double numeric_to_double(Datum datum);

#endif							/* ECHOLON_COLUMN_H */
