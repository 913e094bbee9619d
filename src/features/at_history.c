/*
 * at_history.c
 *		What the features of one row take from other rows: those of its group before it, and those
 *		of its date.
 *
 * Rows of the group come in the view's order backwards, from the row itself on, and are read until every
 * window has all it can see: so many rows, the first row too old for it, with filling also a value
 * to fill with.  Then they are pushed through the engine from the oldest on.  A window
 * that has begun in the middle of a group differs from the view's only in rows it no longer sees,
 * and exact sums don't remember these.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "compat.h"
#include "features/at.h"
#include "model/model.h"

#define FIRST_ROOM		64		/* rows */
#define CHECK_ROWS		1024	/* rows between two cancel checks; a power of two */

/* A term that has not seen enough rows. */
typedef struct Demand
{
	int			window;
	const RollingTerm *term;
	bool		bounded;		/* it goes back to this time: */
	int64		bound;
} Demand;

typedef struct History
{
	AtRow	   *row;
	MemoryContext context;
	TupleDesc	desc;			/* of other rows, once it was checked */
	int64		nrows;			/* the row itself is the first, older ones follow */
	int64		room;
	int64	   *times;
	double	  **values;			/* by window */
	bool	  **nulls;
	int64	   *depth;			/* by window: the oldest row that its recent terms see */
	int			ndemands;
	Demand	   *demands;
	bool		stop;			/* no demands are left, and not all rows are needed */
} History;

/* ---- which rows ------------------------------------------------------------------ */

/* Compare a column of the row itself with one of a row that was read. */
static inline int
compare_column(const AtRow *row, int number, const Datum *values, const bool *nulls)
{
	AtColumn   *column = &row->at->columns[number];

	return ApplySortComparator(row->values[number], row->nulls[number],
							   values[column->place], nulls[column->place], &column->order.sort);
}

/* Is a row that was read the row itself, as it is stored? */
static bool
same_row(const AtRow *row, const Datum *values, const bool *nulls)
{
	const AtSet *at = row->at;

	for (int i = 0; i < at->nidentity; i++)
		if (compare_column(row, at->identity[i], values, nulls) != 0)
			return false;
	return true;
}

/* Does a row of the group that was read stand before the row itself? */
static bool
row_before(const AtRow *row, int64 time, const Datum *values, const bool *nulls)
{
	const AtSet *at = row->at;

	if (time != row->time)
		return time < row->time;
	for (int i = 0; i < at->nkeys; i++)
	{
		int			result = compare_column(row, at->keys[i], values, nulls);

		if (result != 0)
			return result > 0;
	}
	return false;
}

/* ---- how many ------------------------------------------------------------------------- */

/* Has a term all it can see, with the row read last? */
static bool
demand_met(const History *history, Demand *demand)
{
	const RollingTerm *term = demand->term;
	const RollingClock *clock = history->row->at->clock;
	int64		last = history->nrows - 1;
	bool		met = false;

	if (term->stat == ROLLING_VALUE)
		met = last >= term->end;
	else if (term->extent == ROLLING_ROWS)
		met = last >= term->end + term->rows;
	else if (last >= term->end)
	{
		if (!demand->bounded)
		{
			int64		at = history->times[term->end];

			demand->bound = term->extent == ROLLING_SPAN ?
				clock->before(clock->arg, at, &term->span) :
				clock->period(clock->arg, at, term->extent);
			demand->bounded = true;
		}
		met = history->times[last] < demand->bound;
	}
	/* what was missing at the beginning is filled by what is before it */
	return met && !(history->row->at->set->fill && history->nulls[demand->window][last]);
}

/* Forget demands that are met. */
static void
history_look(History *history)
{
	for (int i = 0; i < history->ndemands;)
	{
		/* it is the oldest one so far in any case */
		history->depth[history->demands[i].window] = history->nrows - 1;
		if (demand_met(history, &history->demands[i]))
			history->demands[i] = history->demands[--history->ndemands];
		else
			i++;
	}
	history->stop = history->ndemands == 0 && !history->row->at->whole_group;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* Room for twice as many rows. */
static void
history_grow(History *history)
{
	const AtSet *at = history->row->at;
	int64		room = Max(FIRST_ROOM, history->room * 2);
	size_t		bytes = mul_size(room, sizeof(int64) +
								 mul_size(at->nwindows, sizeof(double) + sizeof(bool)));

	if (bytes > max_memory_bytes())
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("echolon_features_at needs more than the %zu MB that echolon.max_memory allows",
						max_memory_bytes() >> 20),
				 errdetail("The row has " INT64_FORMAT " rows of its group before it.", history->nrows),
				 errhint("Raise echolon.max_memory, or read the view.")));
	if (history->room == 0)
		history->times = MemoryContextAlloc(history->context, mul_size(room, sizeof(int64)));
	else
		history->times = repalloc_huge(history->times, mul_size(room, sizeof(int64)));
	for (int w = 0; w < at->nwindows; w++)
	{
		if (history->room == 0)
		{
			history->values[w] = MemoryContextAlloc(history->context, mul_size(room, sizeof(double)));
			history->nulls[w] = MemoryContextAlloc(history->context, room);
			continue;
		}
		history->values[w] = repalloc_huge(history->values[w], mul_size(room, sizeof(double)));
		history->nulls[w] = repalloc_huge(history->nulls[w], room);
	}
	history->room = room;
}

/* The row itself, or one that was read (places: of its columns in values), behind all others. */
static void
history_add(History *history, int64 time, const Datum *values, const bool *nulls, bool places)
{
	const AtSet *at = history->row->at;

	if (history->nrows == history->room)
		history_grow(history);
	history->times[history->nrows] = time;
	for (int w = 0; w < at->nwindows; w++)
	{
		const AtColumn *column = &at->columns[at->windows[w].column];
		int			place = places ? column->place : at->windows[w].column;

		history->nulls[w][history->nrows] = nulls[place];
		history->values[w][history->nrows] = nulls[place] ? 0.0 :
			column_number(&column->type, values[place]);
	}
	history->nrows++;
	history_look(history);
}

/* A row of the group, from the latest on. */
static void
history_row(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	History    *history = arg;
	AtRow	   *row = history->row;
	const AtSet *at = row->at;
	int			place = at->columns[at->date].place;
	int64		time;

	if (history->desc != desc)
	{
		at_check_rows(at, desc);
		history->desc = desc;
	}
	time = row_time(at->set->date_kind, values[place], nulls[place]);

	/* a date of -infinity is in no window */
	if (time >= ROW_TIMELESS || !row_before(row, time, values, nulls) ||
		(!at->identity_once && same_row(row, values, nulls)))
		return;
	history_add(history, time, values, nulls, true);
}

/*
 * Execute a plan over other rows.
 *
 * A few of many rows are wanted, most of them lately read, and each on a page of its own: at the default
 * price of such a page the planner would rather read all groups in the order of an index on the date
 * alone.  The setting counts where a plan is made, which may be at any execution.
 */
static uint64
scan_rows(const AtRow *row, SPIPlanPtr plan, RelationRow give, void *arg, const bool *stop)
{
	int			level = NewGUCNestLevel();
	uint64		rows;

	if (random_page_cost > seq_page_cost)
		(void) set_config_option("random_page_cost", psprintf("%.17g", seq_page_cost), PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	rows = plan_scan(plan, row->params, give, arg, stop);
	AtEOXact_GUC(true, level);
	return rows;
}

/* The row itself and all that its windows see before it. */
static History *
history_read(AtRow *row)
{
	AtSet	   *at = row->at;
	History    *history = palloc0(sizeof(History));
	Demand	   *demands;
	int			ndemands = 0;
	bool		limited = at->most_rows >= 0;

	for (int w = 0; w < at->nwindows; w++)
		ndemands += at->windows[w].recent.n;
	demands = palloc0(mul_size(ndemands, sizeof(Demand)));
	history->row = row;
	history->context = CurrentMemoryContext;
	history->values = palloc0(mul_size(at->nwindows, sizeof(double *)));
	history->nulls = palloc0(mul_size(at->nwindows, sizeof(bool *)));
	history->depth = palloc0(mul_size(at->nwindows, sizeof(int64)));
	history->demands = demands;
	for (;;)
	{
		uint64		read;

		history->desc = NULL;
		history->nrows = 0;
		history->ndemands = 0;
		for (int w = 0; w < at->nwindows; w++)
			for (int i = 0; i < at->windows[w].recent.n; i++)
				demands[history->ndemands++] = (Demand) {.window = w,.term = &at->windows[w].recent.terms[i]};
		history_add(history, row->time, row->values, row->nulls, false);
		if (history->stop)
			return history;
		read = scan_rows(row, at_history_plan(at, row->nulls, limited), history_row, history,
						 &history->stop);
		/* of a limited query some rows may have been of no use */
		if (history->stop || !limited || read < (uint64) at_limit(at))
			return history;
		limited = false;
	}
}

/* ---- computing -------------------------------------------------------------------------------- */

/*
 * Push a column's values into an engine for terms, from row oldest on; what it then gives is the row's own: out
 * and isnull, by place.
 */
static void
push_terms(const AtRow *row, const History *history, int w, const AtTerms *terms, int64 oldest,
		   const LearnEnv *env, double *out, bool *isnull)
{
	const AtSet *at = row->at;
	RollingState *state;
	double	   *values;
	bool	   *nulls;

	if (terms->n == 0)
		return;
	state = rolling_create(env, terms->terms, terms->n, at->clock, at->set->fill);
	values = palloc(mul_size(terms->n, sizeof(double)));
	nulls = palloc(terms->n);
	rolling_restart(state);
	for (int64 i = oldest; i >= 0; i--)
	{
		if ((i & (CHECK_ROWS - 1)) == 0)
			CHECK_FOR_INTERRUPTS();
		rolling_push(state, history->values[w][i], history->nulls[w][i], history->times[i], values,
					 nulls);
	}
	if (rolling_overflowed(state))
		float_overflow_error();
	for (int i = 0; i < terms->n; i++)
	{
		out[terms->places[i]] = values[i];
		isnull[terms->places[i]] = nulls[i];
	}
	rolling_free(state);
}

void
at_windows(AtRow *row)
{
	AtSet	   *at = row->at;
	const FeatureSet *set = at->set;
	const LearnEnv *env;
	History    *history;
	double	  **out;
	bool	  **isnull;

	/* a row that has no place in time has no windows */
	if (at->nwindows == 0 || row->time >= ROW_TIMELESS)
		return;
	env = limited_env(CurrentMemoryContext, "echolon_features_at");
	out = palloc(mul_size(at->nwindows, sizeof(double *)));
	isnull = palloc(mul_size(at->nwindows, sizeof(bool *)));
	history = history_read(row);
	for (int w = 0; w < at->nwindows; w++)
	{
		int			nterms = Max(at->windows[w].nterms, 1);

		out[w] = palloc(mul_size(nterms, sizeof(double)));
		isnull[w] = palloc(nterms);
		push_terms(row, history, w, &at->windows[w].recent, history->depth[w], env, out[w], isnull[w]);
		push_terms(row, history, w, &at->windows[w].whole, history->nrows - 1, env, out[w], isnull[w]);
	}
	for (int i = 0; i < set->nfeatures; i++)
	{
		const Feature *feature = &set->features[i];

		if (feature->kind != FEATURE_WINDOW || isnull[feature->window][feature->term])
			continue;
		row->features[i] = Float8GetDatum(out[feature->window][feature->term]);
		row->features_null[i] = false;
	}
}

/* ---- the date ------------------------------------------------------------------------------------ */

/* A share or rank as it is counted. */
typedef struct DateCount
{
	int			feature;
	int			column;
	Moments    *sum;			/* FEATURE_SHARE */
	int64		larger;			/* FEATURE_RANK */
} DateCount;

typedef struct DateCounts
{
	AtRow	   *row;
	TupleDesc	desc;			/* of other rows, once it was checked */
	bool		found;			/* the row itself */
	int			n;
	DateCount  *counts;
} DateCounts;

/* Another row of the date. */
static void
date_row(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	DateCounts *counts = arg;
	AtRow	   *row = counts->row;

	if (counts->desc != desc)
	{
		at_check_rows(row->at, desc);
		counts->desc = desc;
	}
	if (!(row->at->identity_once && counts->found) && same_row(row, values, nulls))
	{
		counts->found = true;
		return;
	}
	for (int i = 0; i < counts->n; i++)
	{
		DateCount  *count = &counts->counts[i];
		const AtColumn *column = &row->at->columns[count->column];

		if (nulls[column->place])
			continue;
		if (count->sum != NULL)
			moments_add(count->sum, column_number(&column->type, values[column->place]));
		else if (compare_column(row, count->column, values, nulls) < 0)
			count->larger++;
	}
}

void
at_dates(AtRow *row)
{
	AtSet	   *at = row->at;
	const FeatureSet *set = at->set;
	DateCounts	counts = {.row = row};

	if (!at->dates)
		return;
	counts.counts = palloc0(mul_size(set->nfeatures, sizeof(DateCount)));
	for (int i = 0; i < set->nfeatures; i++)
	{
		const Feature *feature = &set->features[i];
		DateCount  *count = &counts.counts[counts.n];

		if (feature->kind != FEATURE_SHARE && feature->kind != FEATURE_RANK)
			continue;
		count->feature = i;
		count->column = at_column(at, feature->column);
		if (row->nulls[count->column])
			continue;
		if (feature->kind == FEATURE_SHARE)
		{
			count->sum = palloc(moments_size(0));
			moments_init(count->sum, 0);
			moments_add(count->sum, column_number(&at->columns[count->column].type,
												  row->values[count->column]));
		}
		counts.n++;
	}
	if (counts.n == 0)
		return;
	(void) scan_rows(row, at_date_plan(at, row->nulls[at->date]), date_row, &counts, NULL);
	for (int i = 0; i < counts.n; i++)
	{
		const DateCount *count = &counts.counts[i];
		double		share;

		if (count->sum == NULL)
			row->features[count->feature] = Int64GetDatum(count->larger + 1);
		else if (share_of(count->sum, column_number(&at->columns[count->column].type,
													row->values[count->column]), &share))
			row->features[count->feature] = Float8GetDatum(share);
		else
			continue;
		row->features_null[count->feature] = false;
	}
}
