/*
 * terms.h
 *		Rolling terms as people and views write them, and the calendar their spans need.
 *
 *		term	:= stat [extent] option …
 *		stat	:= count | sum | mean | stddev | variance | min | max | first | last | median | slope |
 *				   zscore | lag | diff | pct_change | ewma | value
 *		extent	:= 7 [rows] | 7 days (any interval above 0) | expanding | ytd | qtd | mtd
 *		option	:= end 1 | min_periods 3 | alpha 0.3 | unadjusted
 *
 * Words in any case.  A window of 7 days holds the rows after at - 7 days, so seven of a daily series, as
 * a window of 7 rows does (pandas has it so as well).  "lag 7 days" is exactly 7 days.
 * "mean 7 end 1 min_periods 1" is the mean of the seven rows before the current one,
 * or of as many as there are.  min_periods is the number of rows for windows of rows, else 1; count is
 * never NULL unless min_periods is given.  lag, diff, pct_change and value have no min_periods.
 * ewma takes rows for the span of pandas, alpha = 2 / (span + 1), or alpha; its extent is expanding.
 * lag, diff and pct_change default to 1.
 */
#ifndef ECHOLON_TERMS_H
#define ECHOLON_TERMS_H

#include "postgres.h"

#include "pgtime.h"
#include "utils/array.h"

#include "features/rolling.h"
#include "model/format.h"

/* Raises for what is no term, naming it and what is wrong. */
extern RollingTerm term_parse(const char *text);

/* All terms of a text[]; raises where it is empty, has two dimensions, a NULL or too many. */
extern RollingTerm *terms_parse(ArrayType *array, int *nterms);

/* Does the term need the time of rows? */
extern bool term_needs_time(const RollingTerm *term);

/*
 * The calendar for times of this kind (date, timestamp, timestamptz); zone for the last only.
 * Spans are taken off as PostgreSQL's "timestamp - interval" does: months, then days, then the time.
 * Allocated in the current context.
 */
extern RollingClock *clock_create(ColumnKind kind, pg_tz *zone);

/*
 * A date or timestamp as the engine's microseconds; false for an infinite one.  Raises for a date
 * beyond what a timestamp can be.
 */
extern bool clock_time(ColumnKind kind, Datum at, int64 *micros);

#endif							/* ECHOLON_TERMS_H */
