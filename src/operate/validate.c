/*
 * validate.c
 *		echolon_validate: what is wrong with data, before a training believes them.
 *
 * The relation is read once, into a frame that keeps all its columns; every check looks at that.  Messages are for
 * people who know their business and not statistics; a hint is a call that mends it, or what
 * Echolon does by itself.  No hint changes a value that it does not name.
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "data/words.h"
#include "function.h"
#include "operate/validate.h"

#define NAMED_COLUMNS	10		/* of those that are told in one row */

PG_FUNCTION_INFO_V1(echolon_validate);

/* ---- findings ---------------------------------------------------------------------- */

void
validate_found(Validation *v, const char *rule, Severity severity, int place, int64 affected, char *message, char *hint)
{
	Problem    *problem = palloc0(sizeof(Problem));

	problem->rule = rule;
	problem->severity = severity;
	problem->column = place < 0 ? NULL : v->frame->columns[place].name;
	problem->place = place;
	problem->number = list_length(v->problems);
	problem->affected = affected;
	problem->message = message;
	problem->hint = hint;
	v->problems = lappend(v->problems, problem);
}

/* The worst first, then what is of the whole relation, then by column. */
static int
compare_problems(const ListCell *a, const ListCell *b)
{
	const Problem *x = lfirst(a);
	const Problem *y = lfirst(b);

	CHECK_FOR_INTERRUPTS();
	if (x->severity != y->severity)
		return x->severity < y->severity ? -1 : 1;
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* By rule; of a rule the most rows first, then by column. */
static int
compare_to_fold(const ListCell *a, const ListCell *b)
{
	const Problem *x = lfirst(a);
	const Problem *y = lfirst(b);
	int			order = strcmp(x->rule, y->rule);

	CHECK_FOR_INTERRUPTS();
	if (order != 0)
		return order;
	if (x->affected != y->affected)
		return x->affected > y->affected ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* Problems [first, end) of a sorted list, all of one rule, into one row. */
static void
fold_into_one(Validation *v, List *sorted, int first, int end)
{
	StringInfoData names;
	const char *rule = ((Problem *) list_nth(sorted, first))->rule;
	int64		most = ((Problem *) list_nth(sorted, first))->affected;
	Problem    *whole;

	initStringInfo(&names);
	for (int i = first; i < end; i++)
	{
		Problem    *part = list_nth(sorted, i);

		part->folded = true;
		if (i - first < NAMED_COLUMNS)
			appendStringInfo(&names, "%s%s", i > first ? ", " : "", part->column);
	}
	validate_found(v, rule, SEVERITY_INFO, -1, most,
				   psprintf("likewise in %s more columns, at most %s each: %s%s", words_count(end - first),
							validate_of_rows(v, most), names.data, end - first > NAMED_COLUMNS ? ", ..." : ""),
				   psprintf("SELECT * FROM echolon_validate(%s%s, columns_per_rule => NULL) WHERE rule = %s;", v->relation,
							v->target ? psprintf(", %s", quote_literal_cstr(v->target)) : "", quote_literal_cstr(rule)));
	whole = llast(v->problems);
	whole->place = INT_MAX;
}

/* Of a rule of severity info that many columns share, the ones with the most rows stand for themselves. */
static void
fold_problems(Validation *v)
{
	List	   *infos = NIL;
	List	   *kept = NIL;
	ListCell   *cell;

	if (v->columns_per_rule < 0)
		return;
	foreach(cell, v->problems)
	{
		Problem    *problem = lfirst(cell);

		if (problem->severity == SEVERITY_INFO && problem->place >= 0)
			infos = lappend(infos, problem);
	}
	list_sort(infos, compare_to_fold);
	for (int first = 0, end; first < list_length(infos); first = end)
	{
		const char *rule = ((Problem *) list_nth(infos, first))->rule;

		for (end = first + 1; end < list_length(infos) && strcmp(((Problem *) list_nth(infos, end))->rule, rule) == 0;)
			end++;
		/* one alone is told as well as named */
		if (end - first > v->columns_per_rule + 1)
			fold_into_one(v, infos, first + v->columns_per_rule, end);
	}
	foreach(cell, v->problems)
		if (!((Problem *) lfirst(cell))->folded)
			kept = lappend(kept, lfirst(cell));
	v->problems = kept;
}

/* ---- the read ------------------------------------------------------------------------------------------ */

bool
validate_has_cells(const FrameColumn *column)
{
	return column->codes != NULL || column->values != NULL;
}

/* What names the row: declared, or different in every row as a uuid or as numbers of rows. */
static void
find_key(Validation *v, Relation relation, int c)
{
	const FrameColumn *column = &v->frame->columns[c];
	const NumberFit *fit = v->fits[c];
	size_t		nrows = v->frame->nrows;

	if (relation_column_key(relation, get_attnum(v->relid, column->name), &column->type) != NULL)
	{
		v->keys[c] = true;
		return;
	}
	if (column->missing > 0 || nrows <= VALIDATE_FEW_VALUES || c == v->target_place)
		return;
	v->keys[c] = column->type.basetype == UUIDOID ? column->ncategories == nrows && !column->pooled :
		column->type.integral && fit->ndistinct == nrows && integers_dense(fit->minimum, fit->maximum, nrows);
	v->undeclared[c] = v->keys[c];
}

/* Read all columns; the target as well as the others. */
static void
validation_read(Validation *v)
{
	FrameSpec	spec;
	FeatureSet *features = feature_set_of_view(v->relid);
	Relation	relation;

	memset(&spec, 0, sizeof(spec));
	spec.relid = v->relid;
	spec.all_features = true;
	spec.unjudged = true;
	spec.near_unique = true;
	spec.max_categories = LEARN_MAX_CATEGORIES;
	spec.min_rows = 0;
	spec.remedy = "validate a view of some of its rows or columns";
	if (features != NULL)
		set_row_source(features, &spec);
	v->frame = frame_read(&spec);

	v->fits = palloc0(mul_size(sizeof(NumberFit *), Max(v->frame->ncolumns, 1)));
	v->keys = palloc0(mul_size(sizeof(bool), Max(v->frame->ncolumns, 1)));
	v->undeclared = palloc0(mul_size(sizeof(bool), Max(v->frame->ncolumns, 1)));
	v->target_place = -1;
	relation = relation_open(v->relid, NoLock);
	for (int c = 0; c < v->frame->ncolumns; c++)
	{
		const FrameColumn *column = &v->frame->columns[c];

		if (v->target && strcmp(column->name, v->target) == 0)
			v->target_place = c;
		if (!validate_has_cells(column))
			continue;
		if (column->values)
		{
			NumberFit  *fit = v->fits[c] = fit_values(column->values, NULL, v->frame->nrows);

			/* a quarter of a megabyte that nothing here asks for, of each column */
			pfree(fit->points);
			pfree(fit->smaller);
			pfree(fit->counts);
			fit->points = NULL;
			fit->smaller = fit->counts = NULL;
			fit->npoints = 0;
		}
		find_key(v, relation, c);
	}
	relation_close(relation, NoLock);
}

/* ---- the call ------------------------------------------------------------------------------------------ */

static void
put(ReturnSetInfo *result, const Problem *problem)
{
	static const char *const severities[] = {"error", "warning", "info"};
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = CStringGetTextDatum(problem->rule);
	values[1] = CStringGetTextDatum(severities[problem->severity]);
	nulls[2] = problem->column == NULL;
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(problem->column);
	values[3] = Int64GetDatum(problem->affected);
	values[4] = CStringGetTextDatum(problem->message);
	nulls[5] = problem->hint == NULL;
	values[5] = nulls[5] ? (Datum) 0 : CStringGetTextDatum(problem->hint);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
read_arguments(FunctionCallInfo fcinfo, Validation *v)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"relation\" must not be NULL")));
	v->iqr_factor = PG_ARGISNULL(2) ? 1.5 : PG_GETARG_FLOAT8(2);
	if (!(v->iqr_factor > 0) || isinf(v->iqr_factor))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"iqr_factor\" is out of range"),
				 errdetail("It is %s; allowed are numbers above 0.", float8out_internal(v->iqr_factor))));
	v->columns_per_rule = PG_ARGISNULL(3) ? -1 : PG_GETARG_INT32(3);
	if (!PG_ARGISNULL(3) && v->columns_per_rule < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"columns_per_rule\" is out of range"),
				 errdetail("It is %d; allowed are numbers above 0, and NULL for all columns.", v->columns_per_rule)));
}

static void
validate(Validation *v)
{
	validation_read(v);
	validate_target(v);
	if (v->target_place < 0 && v->frame->nrows < VALIDATE_FEWEST_ROWS)
		validate_found(v, "too_few_rows", SEVERITY_ERROR, -1, v->frame->nrows,
					   psprintf("it has %s row%s, and a training needs at least %d", words_count(v->frame->nrows),
								v->frame->nrows == 1 ? "" : "s", VALIDATE_FEWEST_ROWS), NULL);
	if (v->frame->nrows > 0)
	{
		for (int c = 0; c < v->frame->ncolumns; c++)
			validate_column(v, c);
		validate_duplicates(v);
		validate_identical(v);
		validate_series(v);
		validate_leaks(v);
	}
	fold_problems(v);
	if (v->problems == NIL)
		validate_found(v, "ok", SEVERITY_INFO, -1, v->frame->nrows,
					   psprintf("nothing is wrong with the %s rows and %d columns of %s", words_count(v->frame->nrows),
								v->frame->ncolumns, v->table), NULL);
	list_sort(v->problems, compare_problems);
}

/* echolon_validate(relation, target, iqr_factor, columns_per_rule) -> (rule, severity, column_name, affected, message, hint) */
Datum
echolon_validate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "Echolon validation", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;
	Validation	v;
	ListCell   *cell;

	memset(&v, 0, sizeof(v));
	read_arguments(fcinfo, &v);
	InitMaterializedSRF(fcinfo, 0);
	caller = MemoryContextSwitchTo(context);
	v.relid = PG_GETARG_OID(0);
	relation_lock(v.relid);
	v.relname = get_rel_name(v.relid);
	v.relkind = get_rel_relkind(v.relid);
	v.temporary = get_rel_persistence(v.relid) == RELPERSISTENCE_TEMP;
	v.table = relation_name(v.relid);
	v.relation = quote_literal_cstr(v.table);
	if (!PG_ARGISNULL(1))
	{
		v.target = pstrdup(NameStr(*PG_GETARG_NAME(1)));
		relation_column(v.relid, v.target);
	}
	validate(&v);
	MemoryContextSwitchTo(caller);
	foreach(cell, v.problems)
		put(result, lfirst(cell));
	MemoryContextDelete(context);
	return (Datum) 0;
}
