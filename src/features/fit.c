/*
 * fit.c
 *		What a feature set learns from all rows of its relation: read in one pass, and summarised.
 *
 * A column of numbers is kept as the integers that sort like its doubles (learn/sort.h), sorted by
 * radix and read off in runs of equal values.  Mean and standard deviation come from exact sums,
 * so that a fit does not depend on the order of the rows.  Categories are counted in
 * dictionaries (data/dictionary.h), as for models.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "data/dictionary.h"
#include "data/frame.h"
#include "features/define.h"
#include "features/exact.h"
#include "features/fit.h"
#include "learn/sort.h"
#include "model/model.h"
#include "model/progress.h"

#define FIRST_VALUES	1024
#define CHECK_VALUES	(1024 * 1024)	/* a few milliseconds of work; a power of two */

/*
 * Which of more than FIT_MAX_POINTS distinct values become points: a value that leaves GAPS of a
 * gap and the one before it, the values around hundredth parts, the smallest and the largest one.
 * 2 (GAPS + 1) + 2 (HUNDREDTHS - 1) + 2 points at most.
 */
#define GAPS			4890
#define HUNDREDTHS		100
StaticAssertDecl(2 * (GAPS + 1) + 2 * (HUNDREDTHS - 1) + 2 <= FIT_MAX_POINTS, "points fit");

/* A column of numbers while rows arrive. */
typedef struct NumberColumn
{
	NumberFit  *fit;
	int			result;			/* in the query's columns */
	ColumnType	type;
	uint64	   *keys;
	size_t		capacity;
} NumberColumn;

typedef struct CategoryColumn
{
	CategoryFit *fit;
	int			result;
	ColumnType	type;
	Dictionary	dictionary;
	MemoryContext context;		/* of the dictionary; NULL: given up, too_large says why */
	size_t		used,			/* of memory, by the dictionary */
				text;
} CategoryColumn;

typedef struct FitState
{
	FrameMemory memory;
	int			nnumbers;
	NumberColumn *numbers;
	int			ncategories;
	CategoryColumn *categories;
	MemoryContext context;		/* of the fit */
	MemoryContext scratch;		/* of what is needed until it is complete */
} FitState;

/* ---- reading -------------------------------------------------------------------- */

/* Room for another number. */
static void
number_extend(FitState *state, NumberColumn *column)
{
	size_t		capacity = Max(column->capacity * 2, FIRST_VALUES);

	frame_memory_add(&state->memory, capacity - column->capacity, sizeof(uint64));
	if (column->keys == NULL)
		column->keys = MemoryContextAlloc(state->scratch, mul_size(capacity, sizeof(uint64)));
	else
		column->keys = repalloc_huge(column->keys, mul_size(capacity, sizeof(uint64)));
	column->capacity = capacity;
}

/* Stop counting the levels of a column that has too many of them. */
static void
category_give_up(FitState *state, CategoryColumn *column)
{
	MemoryContext old = MemoryContextSwitchTo(state->context);

	column->fit->too_large = column->dictionary.nentries > FIT_MAX_LEVELS ?
		psprintf("more than %d different values", FIT_MAX_LEVELS) :
		psprintf("different values of more than %zu MB",
				 state->memory.text_limit / (1024 * 1024));
	column->fit->nlevels = column->dictionary.nentries;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(column->context);
	column->context = NULL;
	frame_memory_subtract(&state->memory, 1, column->used);
	state->memory.text -= column->text;
}

/* Count one value of a category. */
static void
category_add(FitState *state, CategoryColumn *column, Datum datum)
{
	size_t		used = state->memory.used;
	size_t		text = state->memory.text;

	column->fit->n++;
	if (column->context == NULL)
		return;
	(void) dictionary_code(&column->dictionary, datum);
	column->used += state->memory.used - used;
	column->text += state->memory.text - text;
	if (column->dictionary.incomplete || column->dictionary.nentries > FIT_MAX_LEVELS)
		category_give_up(state, column);
}

/* A row of the relation, called by relation_scan. */
static void
fit_row(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	FitState   *state = arg;

	if (unlikely(++state->memory.rows % 1024 == 0))
		progress_done(state->memory.rows);
	for (int i = 0; i < state->nnumbers; i++)
	{
		NumberColumn *column = &state->numbers[i];
		double		number;

		if (nulls[column->result])
			continue;
		number = column_number(&column->type, values[column->result]);
		if (!isfinite(number))
			continue;
		if (column->fit->n == column->capacity)
			number_extend(state, column);
		column->keys[column->fit->n++] = sort_key(number + 0.0);	/* -0 is 0 */
	}
	for (int i = 0; i < state->ncategories; i++)
	{
		CategoryColumn *column = &state->categories[i];

		if (!nulls[column->result])
			category_add(state, column, values[column->result]);
	}
}

/* ---- which columns --------------------------------------------------------------- */

/* The place of a column among those that are read; it is read from now on. */
static int
column_read(List **columns, char *name)
{
	int			place = 0;
	ListCell   *cell;

	foreach(cell, *columns)
	{
		if (strcmp(lfirst(cell), name) == 0)
			return place;
		place++;
	}
	*columns = lappend(*columns, name);
	return place;
}

/* A column's type, which must do for what it is taken for. */
static void
column_type(Oid relid, const char *name, bool category, ColumnType *type)
{
	AttrNumber	number = relation_column(relid, name);
	Oid			typid = get_atttype(relid, number);

	if (column_type_resolve(typid, type) &&
		(column_countable(type) || (category && type->kind == COLUMN_CATEGORY)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of \"%s\" is no %s", name, get_rel_name(relid),
					category ? "category" : "number"),
			 errdetail("It is of type %s.", format_type_be(typid)),
			 category ?
			 errhint("A category is a text, boolean, enum, uuid or number; a view may cast it.") :
			 errhint("A number is an integer, float or numeric; a view may cast it.")));
}

/* Prepare for reading: the columns to read, in the order of the query. */
static List *
fit_begin(FitState *state, Fit *fit, Oid relid, List *numeric, List *category)
{
	List	   *columns = NIL;
	ListCell   *cell;

	state->numbers = palloc0(mul_size(Max(list_length(numeric), 1), sizeof(NumberColumn)));
	foreach(cell, numeric)
	{
		NumberColumn *column = &state->numbers[state->nnumbers++];

		column_type(relid, lfirst(cell), false, &column->type);
		column->result = column_read(&columns, lfirst(cell));
		column->fit = palloc0(sizeof(NumberFit));
		column->fit->column = pstrdup(lfirst(cell));
		fit->numbers = lappend(fit->numbers, column->fit);
	}
	state->categories = palloc0(mul_size(Max(list_length(category), 1), sizeof(CategoryColumn)));
	foreach(cell, category)
	{
		CategoryColumn *column = &state->categories[state->ncategories++];
		size_t		used = state->memory.used;

		column_type(relid, lfirst(cell), true, &column->type);
		column->result = column_read(&columns, lfirst(cell));
		column->fit = palloc0(sizeof(CategoryFit));
		column->fit->column = pstrdup(lfirst(cell));
		fit->categories = lappend(fit->categories, column->fit);
		column->context = AllocSetContextCreate(state->scratch, "echolon levels",
												ALLOCSET_DEFAULT_SIZES);
		dictionary_init(&column->dictionary, &column->type, column->context, &state->memory);
		column->used = state->memory.used - used;
	}
	return columns;
}

/* ---- numbers ---------------------------------------------------------------------- */

/* Distinct values of n sorted keys. */
static uint64
count_distinct(const uint64 *keys, uint64 n)
{
	uint64		distinct = n > 0;

	for (uint64 i = 1; i < n; i++)
	{
		if ((i & (CHECK_VALUES - 1)) == 0)
			CHECK_FOR_INTERRUPTS();
		distinct += keys[i] != keys[i - 1];
	}
	return distinct;
}

/* A run of equal values. */
typedef struct Run
{
	uint64		first;			/* its first rank */
	uint64		count;			/* 0: none yet */
} Run;

static void
add_point(NumberFit *fit, const uint64 *keys, Run run)
{
	Assert(fit->npoints < FIT_MAX_POINTS);
	fit->points[fit->npoints] = sort_value(keys[run.first]);
	fit->smaller[fit->npoints] = run.first;
	fit->counts[fit->npoints] = run.count;
	fit->npoints++;
}

/* Does a run hold one of the ranks around a hundredth part?  *next: the first part not passed yet. */
static bool
holds_hundredth(Run run, uint64 n, int *next)
{
	bool		holds = false;

	while (*next < HUNDREDTHS)
	{
		double		place = (double) *next / HUNDREDTHS * (double) (n - 1);
		uint64		low = (uint64) floor(place);
		uint64		high = (uint64) ceil(place);

		if (low >= run.first + run.count)
			break;
		holds |= low >= run.first || high < run.first + run.count;
		if (high >= run.first + run.count)
			break;
		(*next)++;
	}
	return holds;
}

/* The points of a distribution: all distinct values, or those that tell of the others. */
static void
choose_points(NumberFit *fit, const uint64 *keys)
{
	uint64		n = fit->n;
	bool		all = fit->ndistinct <= FIT_MAX_POINTS;
	int			room = (int) Min(fit->ndistinct, FIT_MAX_POINTS);
	uint64		gap = (n + GAPS - 1) / GAPS;
	uint64		last = 0;		/* first rank of the last point */
	int			hundredth = 1;
	Run			before = {0, 0};	/* the run before this one, where it is no point */

	fit->points = palloc(sizeof(double) * Max(room, 1));
	fit->smaller = palloc(sizeof(uint64) * Max(room, 1));
	fit->counts = palloc(sizeof(uint64) * Max(room, 1));
	for (uint64 i = 0; i < n;)
	{
		Run			run = {i, 0};
		bool		hundredths;

		do
		{
			if ((i & (CHECK_VALUES - 1)) == 0)
				CHECK_FOR_INTERRUPTS();
			i++;
		} while (i < n && keys[i] == keys[run.first]);
		run.count = i - run.first;

		hundredths = holds_hundredth(run, n, &hundredth);
		if (!all && run.first - last >= gap && before.count > 0)
			add_point(fit, keys, before);
		if (all || run.first == 0 || i == n || hundredths || run.first - last >= gap)
		{
			add_point(fit, keys, run);
			last = run.first;
			before.count = 0;
		}
		else
			before = run;
	}
}

/* Summarise the fit->n values whose keys these are; other: scratch for as many. */
static void
number_finish(NumberFit *fit, uint64 *keys, uint64 *other)
{
	Moments    *moments = palloc(moments_size(MOMENTS_SQUARES));

	if (fit->n > 0)
		keys = (uint64 *) sort_keys(backend_env(), (uint64_t *) keys, (uint64_t *) other, fit->n);
	fit->ndistinct = count_distinct(keys, fit->n);
	choose_points(fit, keys);

	moments_init(moments, MOMENTS_SQUARES);
	for (uint64 i = 0; i < fit->n; i++)
	{
		if ((i & (CHECK_VALUES / 8 - 1)) == 0)
			CHECK_FOR_INTERRUPTS();
		moments_add(moments, sort_value(keys[i]));
	}
	if (!moments_mean(moments, &fit->mean))
		fit->mean = NAN;
	if (!moments_stddev(moments, &fit->stddev) || isinf(fit->stddev))
		fit->stddev = NAN;
	pfree(moments);

	fit->minimum = fit->n == 0 ? NAN : fit->points[0];
	fit->maximum = fit->n == 0 ? NAN : fit->points[fit->npoints - 1];
	fit->q1 = fit_quantile(fit, 0.25);
	fit->median = fit_quantile(fit, 0.5);
	fit->q3 = fit_quantile(fit, 0.75);
}

NumberFit *
fit_values(const double *values, const uint32 *rows, size_t n)
{
	NumberFit  *fit = palloc0(sizeof(NumberFit));
	Size		size = mul_size(sizeof(uint64), Max(n, 1));
	uint64	   *keys = palloc_extended(size, MCXT_ALLOC_HUGE);
	uint64	   *other = palloc_extended(size, MCXT_ALLOC_HUGE);

	for (size_t i = 0; i < n; i++)
	{
		double		value = values[rows ? rows[i] : i];

		if (isfinite(value))
			keys[fit->n++] = sort_key(value + 0.0);	/* -0 is 0 */
	}
	number_finish(fit, keys, other);
	pfree(keys);
	pfree(other);
	return fit;
}

/* ---- categories -------------------------------------------------------------------- */

static void
category_finish(FitState *state, CategoryColumn *column)
{
	CategoryFit *fit = column->fit;
	Dictionary *dictionary = &column->dictionary;
	uint32	   *order;

	if (column->context == NULL)
		return;
	fit->nlevels = dictionary->nentries;
	frame_memory_add(&state->memory, fit->nlevels,
					 sizeof(uint32) + sizeof(char *) + sizeof(uint64));
	order = MemoryContextAlloc(column->context, mul_size(Max(fit->nlevels, 1), sizeof(uint32)));
	fit->labels = palloc(mul_size(Max(fit->nlevels, 1), sizeof(char *)));
	fit->counts = palloc(mul_size(Max(fit->nlevels, 1), sizeof(uint64)));
	dictionary_sort(dictionary, order, fit->labels);
	for (uint32 i = 0; i < fit->nlevels; i++)
		fit->counts[i] = dictionary->entries[order[i]].count;
	MemoryContextDelete(column->context);
}

void
fit_check_category(const CategoryFit *fit)
{
	if (fit->too_large == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("column \"%s\" is too large for a category", fit->column),
			 errdetail("It has %s.", fit->too_large),
			 errhint("Leave it out of category_columns, or make fewer of them in a view.")));
}

/* ---- the whole --------------------------------------------------------------------- */

Fit *
fit_relation(Oid relid, List *numeric, List *category)
{
	Fit		   *fit = palloc0(sizeof(Fit));
	FitState	state;
	List	   *columns;
	uint64	   *other;
	uint64		most = 0;

	memset(&state, 0, sizeof(state));
	state.memory.limit = max_memory_bytes();
	state.memory.text_limit = state.memory.limit / 4;
	state.memory.relation = get_rel_name(relid);
	state.memory.remedy = "name fewer columns in numeric_columns and category_columns";
	state.context = CurrentMemoryContext;
	state.scratch = AllocSetContextCreate(CurrentMemoryContext, "echolon fit",
										  ALLOCSET_DEFAULT_SIZES);

	relation_lock(relid);
	columns = fit_begin(&state, fit, relid, numeric, category);
	progress_phase(PHASE_READING, progress_relation_rows(relid));
	fit->rows = relation_scan(relid, columns, fit_row, &state);
	progress_done(fit->rows);

	for (int i = 0; i < state.nnumbers; i++)
		most = Max(most, state.numbers[i].fit->n);
	frame_memory_add(&state.memory, most, sizeof(uint64));
	other = MemoryContextAllocHuge(state.scratch, mul_size(Max(most, 1), sizeof(uint64)));
	for (int i = 0; i < state.nnumbers; i++)
		number_finish(state.numbers[i].fit, state.numbers[i].keys, other);
	for (int i = 0; i < state.ncategories; i++)
		category_finish(&state, &state.categories[i]);
	MemoryContextDelete(state.scratch);
	return fit;
}

/* The owner of a relation. */
static Oid
relation_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

Fit *
fit_set(const FeatureSet *set, List *numeric, List *category)
{
	Fit		   *fit;
	Oid			user,
				owner;
	int			context;
	int			nest;

	if (!OidIsValid(set->view))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the view of feature set \"%s\" was dropped", set->name),
				 errhint("echolon_drop_features(%s) drops the set.",
						 quote_literal_cstr(set->name))));

	/* an error restores user and settings with the (sub)transaction */
	GetUserIdAndSecContext(&user, &context);
	owner = relation_owner(set->view);
	nest = NewGUCNestLevel();
	if (owner != user)
		SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
	/* the caller's snapshot may be from before another session's refresh that was waited for */
	PushActiveSnapshot(GetTransactionSnapshot());
	fit = fit_relation(set->relid, numeric, category);
	PopActiveSnapshot();
	AtEOXact_GUC(false, nest);
	SetUserIdAndSecContext(user, context);
	return fit;
}

void
fit_keep(Fit *fit, List *numbers, List *categories)
{
	List	   *kept_numbers = NIL;
	List	   *kept_categories = NIL;
	ListCell   *cell;

	foreach(cell, fit->numbers)
	{
		if (name_in(numbers, ((NumberFit *) lfirst(cell))->column))
			kept_numbers = lappend(kept_numbers, lfirst(cell));
	}
	foreach(cell, fit->categories)
	{
		if (name_in(categories, ((CategoryFit *) lfirst(cell))->column))
			kept_categories = lappend(kept_categories, lfirst(cell));
	}
	fit->numbers = kept_numbers;
	fit->categories = kept_categories;
}
