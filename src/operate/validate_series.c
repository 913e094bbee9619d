/*
 * validate_series.c
 *		Dates that repeat, the column that makes them unique, and dates that are missing between
 *		others.
 *
 * Each row becomes one word, its group before its date, and the words are sorted by radix.  A column
 * whose groups times the different dates are fewer than the rows cannot make dates unique, and
 * is not tried.
 *
 * Gaps are looked for only where nearly all steps are alike, in days or in months of one day: a shop that is
 * closed on Sundays has none.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "data/words.h"
#include "learn/sort.h"
#include "model/model.h"
#include "operate/validate.h"

#define COLUMNS_TRIED	10
#define REGULAR_SHARE	0.9		/* of the steps */
#define REPEATED_SHARE	0.01	/* of the rows of a series: a mistake, above it is none */
#define CHECK_ROWS		8192

/* What is left of a series when its rows are sorted. */
typedef struct Steps
{
	size_t		nrepeated;		/* rows whose date the row before has, in its group */
	size_t		ngroups;
	size_t		nsteps;			/* from a date to a later one of the group */
	double		usual;			/* the step that most are */
	double		share;			/* of it */
	size_t		ngaps;			/* steps that are several of it */
	double		missing;		/* dates in them */
	double		after;			/* the first gap's date before it */
} Steps;

typedef struct Moments
{
	const FrameColumn *column;
	size_t		nrows;
	double	   *moments;		/* [n] distinct, ascending */
	size_t		n;
	double	   *scale;			/* [n] in which steps are measured: whole numbers, so that like steps are equal */
	const char *unit;			/* "day", "month"; NULL: microseconds */
	uint32	   *ranks;			/* [nrows] */
} Moments;

/* ---- dates ------------------------------------------------------------------------ */

/* Calendar of a moment; false where it is not a whole day of a calendar. */
static bool
whole_day(ColumnKind kind, double moment, int *year, int *month, int *day)
{
	int			julian;

	if (kind == COLUMN_DATE)
		julian = (int) moment + POSTGRES_EPOCH_JDATE;
	else
	{
		double		days = moment / (double) USECS_PER_DAY;

		if (kind == COLUMN_TIMESTAMPTZ || days != floor(days))
			return false;
		julian = (int) days + POSTGRES_EPOCH_JDATE;
	}
	j2date(julian, year, month, day);
	return true;
}

/* Are all moments the same day of a month, or each the last one?  Then steps are months. */
static bool
monthly(Moments *m)
{
	bool		same = true,
				last = true;
	int			first_day = 0;

	for (size_t i = 0; i < m->n && (same || last); i++)
	{
		int			year,
					month,
					day,
					next_year,
					next_month,
					next_day;

		if (!whole_day(m->column->type.kind, m->moments[i], &year, &month, &day))
			return false;
		if (i == 0)
			first_day = day;
		same &= day == first_day;
		j2date(date2j(year, month, day) + 1, &next_year, &next_month, &next_day);
		last &= next_day == 1;
		m->scale[i] = year * 12.0 + month;
	}
	return same || last;
}

/* Distinct dates, and the rank of each row's. */
static Moments *
moments_of(const Frame *frame, int c)
{
	const FrameColumn *column = &frame->columns[c];
	Moments    *m = palloc0(sizeof(Moments));
	uint64	   *keys = palloc_rows(frame->nrows, sizeof(uint64));
	uint64	   *other = palloc_rows(frame->nrows, sizeof(uint64));
	uint64	   *sorted;

	m->column = column;
	m->nrows = frame->nrows;
	for (size_t i = 0; i < frame->nrows; i++)
		keys[i] = sort_key(column->values[i] + 0.0);
	sorted = (uint64 *) sort_keys(backend_env(), (uint64_t *) keys, (uint64_t *) other, frame->nrows);
	for (size_t i = 0; i < frame->nrows; i++)
		if (i == 0 || sorted[i] != sorted[m->n - 1])
			sorted[m->n++] = sorted[i];
	m->moments = palloc_rows(m->n, sizeof(double));
	m->scale = palloc_rows(m->n, sizeof(double));
	for (size_t i = 0; i < m->n; i++)
		m->moments[i] = sort_value(sorted[i]);
	pfree(keys);
	pfree(other);

	if (monthly(m))
		m->unit = "month";
	else
	{
		m->unit = column->type.kind == COLUMN_DATE ? "day" : NULL;
		for (size_t i = 0; i < m->n; i++)
			m->scale[i] = m->moments[i];
	}

	m->ranks = palloc_rows(frame->nrows, sizeof(uint32));
	for (size_t i = 0; i < frame->nrows; i++)
	{
		size_t		low = 0,
					high = m->n;

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		while (high - low > 1)
		{
			size_t		middle = low + (high - low) / 2;

			if (m->moments[middle] <= column->values[i])
				low = middle;
			else
				high = middle;
		}
		m->ranks[i] = (uint32) low;
	}
	return m;
}

static char *
moment_text(const Moments *m, double moment)
{
	ColumnKind	kind = m->column->type.kind;

	return JsonEncodeDateTime(NULL, kind == COLUMN_DATE ? DateADTGetDatum((DateADT) moment) : Int64GetDatum((int64) moment),
							  m->column->type.basetype, NULL);
}

/* ---- steps ------------------------------------------------------------------------- */

/* Codes of a column's values as groups; NULL where it has none. */
static uint32 *
groups_of(const Frame *frame, const FrameColumn *column)
{
	NumberFit  *fit;
	uint32	   *groups;

	if (column->codes)
		return column->codes;
	fit = fit_values(column->values, NULL, frame->nrows);
	if (fit->npoints != (int) fit->ndistinct)
		return NULL;			/* thousands of them: no series */
	groups = palloc_rows(frame->nrows, sizeof(uint32));
	for (size_t i = 0; i < frame->nrows; i++)
	{
		int			low = 0,
					high = fit->npoints;

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		while (high - low > 1)
		{
			int			middle = low + (high - low) / 2;

			if (fit->points[middle] <= column->values[i])
				low = middle;
			else
				high = middle;
		}
		/* rows without a value are a group of their own */
		groups[i] = isnan(column->values[i]) ? LEARN_MISSING : (uint32) low;
	}
	return groups;
}

/* The value of most of n steps, of the smallest on a tie; how many have it. */
static double
usual_step(uint64 *steps, uint64 *other, size_t n, size_t *times)
{
	uint64	   *sorted = (uint64 *) sort_keys(backend_env(), (uint64_t *) steps, (uint64_t *) other, n);
	double		usual = NAN;

	*times = 0;
	for (size_t first = 0, end; first < n; first = end)
	{
		for (end = first + 1; end < n && sorted[end] == sorted[first];)
			end++;
		if (end - first > *times)
		{
			*times = end - first;
			usual = sort_value(sorted[first]);
		}
	}
	return usual;
}

/* Sort by (group, date) and look at neighbours; groups NULL: all are one. */
static Steps
steps_of(const Moments *m, const uint32 *groups)
{
	uint64	   *keys = palloc_rows(m->nrows, sizeof(uint64));
	uint64	   *other = palloc_rows(m->nrows, sizeof(uint64));
	uint64	   *sorted;
	uint64	   *spare;
	uint64	   *steps;
	size_t		times;
	Steps		result;

	memset(&result, 0, sizeof(result));
	for (size_t i = 0; i < m->nrows; i++)
		keys[i] = (groups ? (uint64) groups[i] << 32 : 0) | m->ranks[i];
	sorted = (uint64 *) sort_keys(backend_env(), (uint64_t *) keys, (uint64_t *) other, m->nrows);
	spare = sorted == keys ? other : keys;
	steps = palloc_rows(m->nrows, sizeof(uint64));
	result.ngroups = m->nrows > 0;
	for (size_t i = 1; i < m->nrows; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (sorted[i] == sorted[i - 1])
			result.nrepeated++;
		else if (sorted[i] >> 32 != sorted[i - 1] >> 32)
			result.ngroups++;
		else
			steps[result.nsteps++] = sort_key(m->scale[(uint32) sorted[i]] - m->scale[(uint32) sorted[i - 1]]);
	}
	if (result.nsteps > 0)
	{
		uint64	   *scratch = palloc_rows(m->nrows, sizeof(uint64));

		result.usual = usual_step(steps, scratch, result.nsteps, &times);
		result.share = (double) times / result.nsteps;
		pfree(scratch);
	}
	result.after = NAN;
	for (size_t i = 1; i < m->nrows && result.share >= REGULAR_SHARE; i++)
	{
		double		step;

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (sorted[i] >> 32 != sorted[i - 1] >> 32)
			continue;
		step = (m->scale[(uint32) sorted[i]] - m->scale[(uint32) sorted[i - 1]]) / result.usual;
		/* one date far from all others is no gap of a series */
		if (step < 1.5 || step > (double) m->n)
			continue;
		result.ngaps++;
		result.missing += rint(step) - 1;
		if (isnan(result.after) || m->moments[(uint32) sorted[i - 1]] < result.after)
			result.after = m->moments[(uint32) sorted[i - 1]];
	}
	pfree(steps);
	pfree(sorted);
	pfree(spare);
	return result;
}

/* ---- findings ------------------------------------------------------------------------ */

/* A call that makes features of the series; by a span of time where days are missing. */
static char *
series_call(const Validation *v, int date, int group, bool span)
{
	const Frame *frame = v->frame;

	if (v->temporary)
		return NULL;
	return psprintf("SELECT * FROM echolon_create_features(%s, %s, date_column => %s%s%s%s);",
					validate_name_argument(v, "_features"), v->relation, quote_literal_cstr(frame->columns[date].name),
					group < 0 ? "" : psprintf(", group_by => %s", validate_names_literal(list_make1(frame->columns[group].name))),
					v->target ? psprintf(", target => %s", quote_literal_cstr(v->target)) : "",
					span ? ", rolling_window => '7 days'" : "");
}

static void
report_series(Validation *v, int date, int group, const Moments *m, const Steps *steps)
{
	const Frame *frame = v->frame;
	const char *name = frame->columns[date].name;
	const char *within = group < 0 ? NULL : frame->columns[group].name;

	if (steps->nrepeated > 0)
		validate_found(v, "repeated_dates", SEVERITY_WARNING, date, steps->nrepeated,
					   psprintf("%s a %s that another row%s has", validate_rows_have(v, steps->nrepeated), name,
								within ? psprintf(" of its %s", within) : ""),
					   psprintf("SELECT %s%s, count(*) FROM %s GROUP BY %s HAVING count(*) > 1;",
								within ? psprintf("%s, ", quote_identifier(within)) : "", quote_identifier(name), v->table,
								within ? "1, 2" : "1"));
	else if (within)
		validate_found(v, "repeated_dates", SEVERITY_INFO, date, frame->nrows,
					   psprintf("its dates repeat, but not within a %s: each %s is a series of its own", within, within),
					   series_call(v, date, group, false));
	if (steps->ngaps > 0)
	{
		const char *unit = m->unit && steps->usual == 1 ? m->unit : "date";

		validate_found(v, "gaps", SEVERITY_WARNING, date, (int64) steps->missing,
					   psprintf("%s %s%s %s missing between others%s, first after %s", words_count((uint64) steps->missing), unit,
								steps->missing == 1 ? "" : "s", steps->missing == 1 ? "is" : "are",
								within ? psprintf(" of their %s", within) : "", moment_text(m, steps->after)),
					   m->unit && strcmp(m->unit, "month") == 0 ? series_call(v, date, group, false)
					   : series_call(v, date, group, true));
	}
}

/* Few enough repeated dates in a series that is regular otherwise. */
static bool
nearly_unique(const Validation *v, const Steps *steps)
{
	return steps->share >= REGULAR_SHARE && steps->nrepeated <= REPEATED_SHARE * v->frame->nrows;
}

/* Can a column tell series apart?  *levels: how many. */
static bool
may_group(const Validation *v, int c, uint64 *levels)
{
	const FrameColumn *column = &v->frame->columns[c];

	*levels = 0;
	if (c == v->target_place || v->keys[c])
		return false;
	if (column->codes)
		*levels = column->pooled ? 0 : column->ncategories;
	else if (column->values && column->type.kind == COLUMN_NUMBER && column->type.integral)
		*levels = v->fits[c]->ndistinct;
	/* a row without a value is in none, which may stand beside the others */
	*levels += *levels > 0 && column->missing > 0;
	return *levels >= 2 && *levels <= v->frame->nrows / 2;
}

void
validate_series(Validation *v)
{
	Frame	   *frame = v->frame;
	MemoryContext context;
	MemoryContext caller;
	Moments    *m;
	Steps		steps;
	Steps		second;
	int			date = -1,
				group = -1,
				second_group = -1,
				tried = 0;
	bool		known;

	for (int c = 0; c < frame->ncolumns && date < 0; c++)
		if (frame->columns[c].type.kind >= COLUMN_DATE && frame->columns[c].values && frame->columns[c].missing == 0 &&
			v->fits[c]->ndistinct > 1)
			date = c;
	if (date < 0 || frame->nrows < VALIDATE_FEWEST_ROWS)
		return;

	context = AllocSetContextCreate(CurrentMemoryContext, "Echolon series", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(context);
	m = moments_of(frame, date);
	steps = steps_of(m, NULL);
	memset(&second, 0, sizeof(second));
	known = m->n == frame->nrows || nearly_unique(v, &steps);
	for (int c = 0; c < frame->ncolumns && !known && tried < COLUMNS_TRIED; c++)
	{
		uint64		levels;
		uint32	   *groups;

		if (!may_group(v, c, &levels) || (double) levels * m->n < frame->nrows * (1 - REPEATED_SHARE) ||
			(groups = groups_of(frame, &frame->columns[c])) == NULL)
			continue;
		tried++;
		steps = steps_of(m, groups);
		if (steps.nrepeated == 0)
		{
			group = c;
			known = true;
		}
		else if (second_group < 0 && nearly_unique(v, &steps))
		{
			second = steps;
			second_group = c;
		}
		if (groups != frame->columns[c].codes)
			pfree(groups);
	}
	if (!known && second_group >= 0)
	{
		steps = second;
		group = second_group;
		known = true;
	}
	MemoryContextSwitchTo(caller);
	if (known)
		report_series(v, date, group, m, &steps);
	MemoryContextDelete(context);
}
