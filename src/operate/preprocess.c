/*
 * preprocess.c
 *		echolon_preprocess: what to do to each column, learned from the rows, as a view.
 *
 * The view holds its numbers itself, so that it is read without Echolon's tables, is dumped like any view, and says what
 * it does.  What was asked for is stored beside it, for a refresh and for single rows.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "data/words.h"
#include "features/define.h"
#include "function.h"
#include "operate/preprocess.h"

#define NEAR_UNIQUE		0.9		/* of the values of a text: nothing typical fills it */

PG_FUNCTION_INFO_V1(echolon_preprocess);

/* ---- columns ------------------------------------------------------------------------------------- */

/*
 * A column of a stored preprocessing stays treated or not, whatever keys the relation has by now, and a constant date
 * what it was read as: 'today' and 1/2/2024 are others in another session.
 */
static void
keep_known(PrepColumn *column, const PrepColumn *known)
{
	column->untouched = known->untouched;
	if (column->type.kind >= COLUMN_DATE && column->rule.impute == IMPUTE_CONSTANT)
		column->fill = known->fill;
}

/* Does the rule of a number make it a double, whether or not the rows of today ask for a change? */
static bool
makes_double(const PrepColumn *column)
{
	const PrepRule *rule = &column->rule;

	return !column->untouched && column->type.kind == COLUMN_NUMBER &&
		(rule->impute != IMPUTE_NONE || rule->outliers == TREAT_CLIP || rule->scale != SCALE_NONE);
}

/* The columns of the relation, and what is asked for each; of a stored preprocessing those that its view has. */
static void
begin_columns(Preprocessing *p)
{
	const PrepArguments *a = &p->arguments;
	const Preprocessing known = *p;
	int			compared = 0;
	bool		surrogate = true;	/* a key that only numbers the rows */
	Relation	relation = relation_open(p->relid, NoLock);
	TupleDesc	desc = RelationGetDescr(relation);

	p->columns = palloc0(mul_size(sizeof(PrepColumn), Max(desc->natts, 1)));
	p->ncolumns = 0;
	p->key = feature_relation_key(relation);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		PrepColumn *column = &p->columns[p->ncolumns];
		const char *name;

		if (attribute->attisdropped || (known.columns && prep_find_column(&known, NameStr(attribute->attname)) == NULL))
			continue;
		p->ncolumns++;
		name = column->name = pstrdup(NameStr(attribute->attname));
		column->typid = attribute->atttypid;
		column->typmod = attribute->atttypmod;
		column->type_name = format_type_extended(attribute->atttypid, attribute->atttypmod,
												 FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
		/* an interval has no arithmetic of doubles, dates are filled where somebody says how */
		column->usable = column_type_resolve(attribute->atttypid, &column->type) &&
			!(column->type.kind == COLUMN_NUMBER && !column_countable(&column->type));
		column->rule = a->rule;
		column->untouched = !column->usable || name_in(a->exclude, name) || name_in(a->group_by, name) ||
			name_in(p->key, name) ||
			(a->target && strcmp(name, a->target) == 0) || (a->date_column && strcmp(name, a->date_column) == 0) ||
			(a->split_by && strcmp(name, a->split_by) == 0) ||
			(a->split_groups && strcmp(name, a->split_groups) == 0) ||
			relation_column_key(relation, attribute->attnum, &column->type) != NULL;
		if (name_in(p->key, name) && (list_length(p->key) > 1 || !column->usable ||
									  relation_column_key(relation, attribute->attnum, &column->type) == NULL))
			surrogate = false;
		if (column->usable && column->type.kind >= COLUMN_DATE && !a->rule.forward && a->rule.impute != IMPUTE_MODE)
			column->rule.impute = IMPUTE_NONE;
	}
	relation_close(relation, NoLock);
	prep_apply_overrides(p);
	for (int c = 0; c < p->ncolumns; c++)
	{
		PrepColumn *column = &p->columns[c];

		if (known.columns)
			keep_known(column, prep_find_column(&known, column->name));
		column->as_double = makes_double(column);
		compared += !name_in(p->key, column->name);
		if (!column->untouched && column->rule.forward && a->date_column == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("impute => 'forward' needs the parameter \"date_column\""),
					 errhint("Values are filled in its order, within group_by.")));
		/* before anything is read */
		(void) preprocess_indicator(p, column);
	}
	p->distinct = compared < 2 || !surrogate;
}

/* A date's raw number as text of its type, which is read the same in any session: ISO, a timestamptz with its offset. */
static char *
date_text(const PrepColumn *column, double raw)
{
	Datum		value = column->type.kind == COLUMN_DATE ? DateADTGetDatum((DateADT) raw) : Int64GetDatum((int64) raw);

	return JsonEncodeDateTime(NULL, value, column->type.basetype, NULL);
}

/* Is a text a value of a category's type?  Without its input function, which raises where it is none. */
static bool
is_label(const PrepColumn *column, const char *text)
{
	bool		boolean;

	/* a domain has a word of its own to say */
	if (column->typid != column->type.basetype)
		return false;
	if (column->type.is_enum)
		return SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(column->typid), CStringGetDatum(text));
	switch (column->type.basetype)
	{
		case BOOLOID:
			return parse_bool(text, &boolean);
		case TEXTOID:
			return true;
		case VARCHAROID:
		case BPCHAROID:
			return column->typmod < 0 || pg_mbstrlen(text) <= column->typmod - VARHDRSZ;
		case NAMEOID:
			return strlen(text) < NAMEDATALEN;
		default:
			return false;
	}
}

/* A constant that is no value of the column: an error where it was given for this one, else it stays as it is. */
static void
unfit_constant(PrepColumn *column)
{
	if (column->named)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("impute_value '%s' is no value of column \"%s\"", column->rule.constant, column->name),
				 errdetail("Its type is %s.", column->type_name),
				 errhint("Give the column another impute_value in overrides, or \"impute\": null.")));
	column->note = psprintf("impute_value '%s' is no value of its type", column->rule.constant);
}

/* The constant for a number, or as text of the column's type. */
static void
constant_fill(PrepColumn *column)
{
	const char *constant = column->rule.constant;

	if (column->type.kind == COLUMN_NUMBER)
	{
		char	   *end;
		double		number = strtod(constant, &end);

		if (end == constant || *end != '\0' || !isfinite(number))
		{
			unfit_constant(column);
			return;
		}
		column->treatment.impute = IMPUTE_CONSTANT;
		column->treatment.fill = number;
	}
	else if (column->fill != NULL)
		return;					/* a date that was read before */
	else if (column->type.kind == COLUMN_CATEGORY && is_label(column, constant))
	{
		bool		boolean;

		column->fill = pstrdup(constant);
		if (column->type.basetype == BOOLOID && parse_bool(constant, &boolean))
			column->fill = boolean ? "true" : "false";
	}
	else if (column->named && (column->type.kind >= COLUMN_DATE || column->typid != column->type.basetype ||
							   column->type.basetype == UUIDOID))
	{
		Oid			input,
					parameter;
		Datum		value;

		/* raises what is no value of the type, or of the domain */
		getTypeInputInfo(column->typid, &input, &parameter);
		value = OidInputFunctionCall(input, unconstify(char *, constant), parameter, column->typmod);
		column->fill = column->type.kind >= COLUMN_DATE ? JsonEncodeDateTime(NULL, value, column->type.basetype, NULL)
			: pstrdup(constant);
	}
	else
		unfit_constant(column);
}

/* The frame's column of this name; NULL where it was not read. */
static const FrameColumn *
frame_column(const Frame *frame, const char *name)
{
	for (int f = 0; f < frame->ncolumns; f++)
		if (strcmp(frame->columns[f].name, name) == 0)
			return &frame->columns[f];
	return NULL;
}

/* Fences of the columns by which rows are left out, learned from rows.  Returns whether there are any. */
static bool
fit_fences(Preprocessing *p, const Frame *frame, const uint32 *rows, size_t n)
{
	bool		any = false;

	for (int c = 0; c < p->ncolumns; c++)
	{
		PrepColumn *column = &p->columns[c];
		const FrameColumn *values = frame_column(frame, column->name);

		column->remove = false;
		column->low = -INFINITY;
		column->high = INFINITY;
		if (column->untouched || column->rule.outliers != TREAT_REMOVE || column->type.kind != COLUMN_NUMBER ||
			values == NULL || values->values == NULL)
			continue;
		column->remove = clean_fences(fit_values(values->values, rows, n), column->rule.iqr_factor,
									  &column->low, &column->high) == NULL;
		any |= column->remove;
	}
	return any;
}

/* Those of the rows that the fences leave in. */
static uint32 *
within_fences(const Preprocessing *p, const Frame *frame, const uint32 *rows, size_t n, size_t *nkept)
{
	uint32	   *kept = palloc_rows(n, sizeof(uint32));

	if (n > 0)
		memcpy(kept, rows, sizeof(uint32) * n);
	*nkept = n;
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];
		const double *values;
		size_t		m = 0;

		if (!column->remove)
			continue;
		CHECK_FOR_INTERRUPTS();
		values = frame_column(frame, column->name)->values;
		for (size_t i = 0; i < *nkept; i++)
			if (!(values[kept[i]] < column->low || values[kept[i]] > column->high))
				kept[m++] = kept[i];
		*nkept = m;
	}
	return kept;
}

/* All rows; with a split those that have a target, if one is named: a training splits no others. */
static uint32 *
splittable_rows(const Preprocessing *p, const Frame *frame, size_t *n)
{
	const PrepArguments *a = &p->arguments;
	const FrameColumn *target = a->target && (a->split_by || a->split_groups) ? frame_column(frame, a->target) : NULL;
	uint32	   *rows = palloc_rows(frame->nrows, sizeof(uint32));

	*n = 0;
	for (size_t i = 0; i < frame->nrows; i++)
		if (target == NULL || (target->codes ? target->codes[i] != LEARN_MISSING :
							   target->values == NULL || !isnan(target->values[i])))
			rows[(*n)++] = (uint32) i;
	return rows;
}

/*
 * Learn the fences, and tell the rows that all else is learned from: with a split none that a training on the view holds
 * out.  That one splits the rows which the fences leave in, so its boundary moves with them, and they were learned from
 * rows on this side of the first boundary: what has come to the other side is left out until none has.
 */
static const uint32 *
learning_rows(Preprocessing *p, const Frame *frame, size_t *n)
{
	const PrepArguments *a = &p->arguments;
	HoldoutKind kind = a->split_by ? HOLDOUT_TIME : a->split_groups ? HOLDOUT_GROUPS : HOLDOUT_NONE;
	size_t		nall,
				nlearn,
				nleft;
	uint32	   *all = splittable_rows(p, frame, &nall);
	uint32	   *learn = all;
	bool	   *held;
	Target		nothing;
	Holdout		split;

	memset(&nothing, 0, sizeof(nothing));
	if (kind == HOLDOUT_NONE || frame->nrows == 0)
	{
		(void) fit_fences(p, frame, all, nall);
		return within_fences(p, frame, all, nall, n);
	}
	held = palloc_rows(frame->nrows, sizeof(bool));
	holdout_split(frame, &nothing, all, nall, kind, a->test_fraction, (uint64) a->seed, STREAM_OUTER, NULL, &split);
	learn = split.train;
	nlearn = split.ntrain;
	while (fit_fences(p, frame, learn, nlearn))
	{
		const uint32 *left = within_fences(p, frame, all, nall, &nleft);
		size_t		m = 0;

		CHECK_FOR_INTERRUPTS();
		holdout_split(frame, &nothing, left, nleft, kind, a->test_fraction, (uint64) a->seed, STREAM_OUTER, NULL, &split);
		memset(held, 0, frame->nrows);
		for (size_t i = 0; i < split.ntest; i++)
			held[split.test[i]] = true;
		for (size_t i = 0; i < nlearn; i++)
			if (!held[learn[i]])
				learn[m++] = learn[i];
		if (m == nlearn)
			break;
		nlearn = m;
	}
	return within_fences(p, frame, learn, nlearn, n);
}

/* A scan that passes the first of equal rows on. */
typedef struct FirstRows
{
	Preprocessing *p;
	RelationRow row;
	void	   *arg;
} FirstRows;

static void
first_row(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	FirstRows  *first = arg;

	first->p->rows++;
	if (DatumGetInt64(values[desc->natts - 1]) == 1)
		first->row(first->arg, desc, values, nulls);
	else
		first->p->duplicates++;
}

/* A RowSource: the rows of the relation that the view shows, but for outliers. */
static uint64
scan_first(void *source, List *columns, RelationRow row, void *arg)
{
	FirstRows	first = {source, row, arg};
	char	   *number = prep_free_name(first.p, "duplicate_number");
	StringInfoData query;
	ListCell   *cell;

	first.p->rows = first.p->duplicates = 0;
	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	foreach(cell, columns)
		appendStringInfo(&query, "s.%s, ", quote_identifier(lfirst(cell)));
	appendStringInfo(&query, "s.%s FROM %s", quote_identifier(number), prep_rows_sql(first.p, number));
	(void) query_scan(query.data, first_row, &first, NULL);
	pfree(query.data);
	return (uint64) (first.p->rows - first.p->duplicates);
}

/* Columns that came to the relation after the view was made. */
static List *
newer_columns(const Preprocessing *p)
{
	List	   *newer = NIL;
	ListCell   *cell;

	foreach(cell, relation_columns(p->relid))
		if (prep_find_column(p, lfirst(cell)) == NULL)
			newer = lappend(newer, lfirst(cell));
	return newer;
}

/* Learn a column's treatment from rows; frame column NULL: its values were not kept. */
static void
fit_column(const Frame *frame, PrepColumn *column, const uint32 *rows, size_t n)
{
	const FrameColumn *values = frame_column(frame, column->name);
	const PrepRule *rule = &column->rule;
	CleanRule	clean = {rule->forward ? IMPUTE_NONE : rule->impute, rule->constant, rule->outliers == TREAT_CLIP,
	rule->iqr_factor, rule->scale};

	column->treatment = MODEL_UNTREATED;
	if (values == NULL || (values->values == NULL && values->codes == NULL))
	{
		column->note = "its values could not be kept";
		return;
	}
	column->missing = (int64) values->missing;
	if (column->type.kind == COLUMN_CATEGORY && column->type.basetype != BOOLOID && !column->type.is_enum &&
		rule->impute != IMPUTE_CONSTANT && !rule->forward &&
		values->ncategories > NEAR_UNIQUE * (double) (frame->nrows - values->missing) && values->ncategories > 20)
	{
		column->note = "its values nearly all differ: none is typical";
		return;
	}
	if (clean.impute == IMPUTE_CONSTANT)
	{
		constant_fill(column);
		clean.impute = IMPUTE_NONE;
	}
	if (column->type.kind == COLUMN_NUMBER || clean.impute != IMPUTE_NONE)
	{
		ModelTreatment constant = column->treatment;

		clean_learn(&clean, values, rows, n, &column->treatment);
		if (constant.impute == IMPUTE_CONSTANT)
		{
			column->treatment.impute = constant.impute;
			column->treatment.fill = constant.fill;
		}
	}
	if (column->type.kind == COLUMN_NUMBER)
	{
		double		low = column->low,
					high = column->high;
		const char *why = column->remove ? NULL :
			clean_fences(fit_values(values->values, rows, n), rule->iqr_factor, &low, &high);

		for (size_t i = 0; i < frame->nrows; i++)
			column->outliers += values->values[i] < low || values->values[i] > high;
		if (rule->outliers != TREAT_KEEP && why != NULL && column->outliers > 0)
			column->note = psprintf("outliers stay: %s", why);
	}
	else if (column->treatment.impute != IMPUTE_NONE)
		column->fill = column->type.kind == COLUMN_CATEGORY ? values->categories[(uint32) column->treatment.fill]
			: date_text(column, column->treatment.fill);
	if (clean.impute != IMPUTE_NONE && column->treatment.impute == IMPUTE_NONE && column->note == NULL)
		column->note = "it has no value to fill others with";
}

/* Does the view show another value than the relation? */
bool
prep_touched(const PrepColumn *column)
{
	const ModelTreatment *t = &column->treatment;

	return column->rule.forward || column->fill != NULL || t->impute != IMPUTE_NONE || t->scale != SCALE_NONE ||
		isfinite(t->low) || isfinite(t->high);
}

void
preprocess_fit(Preprocessing *p)
{
	const PrepArguments *a = &p->arguments;
	FrameSpec	spec;
	Frame	   *frame;
	const uint32 *rows;
	size_t		n;

	begin_columns(p);
	memset(&spec, 0, sizeof(spec));
	spec.relid = p->relid;
	spec.all_features = true;
	spec.exclude = newer_columns(p);
	spec.unjudged = true;
	spec.near_unique = true;
	spec.split_by = a->split_by;
	spec.split_groups = a->split_groups;
	spec.max_categories = LEARN_MAX_CATEGORIES;
	if (prep_drops_duplicates(p))
	{
		spec.rows = scan_first;
		spec.rows_source = p;
	}
	frame = frame_read(&spec);
	if (!prep_drops_duplicates(p))
	{
		p->rows = (int64) frame->rows_read;
		p->duplicates = 0;
	}

	rows = learning_rows(p, frame, &n);
	p->fitted = (int64) n;
	for (int c = 0; c < p->ncolumns; c++)
	{
		if (p->columns[c].untouched)
			continue;
		fit_column(frame, &p->columns[c], rows, n);
		p->columns[c].touched = prep_touched(&p->columns[c]);
	}
	p->notes = NIL;
	if (a->split_by || a->split_groups)
		p->notes = lappend(p->notes,
						   psprintf("fitted to the %s rows that a training with %s => '%s'%s learns from", words_count(p->fitted),
									a->split_by ? "split_by" : "split_groups", a->split_by ? a->split_by : a->split_groups,
									a->test_fraction == 0.2 ? "" : psprintf(", test_fraction => %g", a->test_fraction)));
	else
		p->notes = lappend(p->notes, psprintf("fitted to all %s rows it shows, those that a training will hold out among them: split_by or split_groups fit to training rows alone",
											  words_count(p->fitted)));
	if ((a->split_by || a->split_groups) && a->target == NULL)
		p->notes = lappend(p->notes, "without the parameter target, rows that have none were split with the others: name it where some lack it");
	if (a->drop_duplicates && p->distinct)
		p->notes = lappend(p->notes, p->key == NIL || list_length(p->key) == 1 ?
							   "every row is shown: values of one column, or of different dates, repeat by nature" :
							   "every row is shown: its key is of several columns, so no two rows are the same");
}

/* ---- the call --------------------------------------------------------------------------------------------- */

static Datum
result(FunctionCallInfo fcinfo, const Preprocessing *p, double seconds)
{
	TupleDesc	desc;
	Datum		values[7];
	bool		nulls[7] = {false};
	Datum	   *notes = palloc(sizeof(Datum) * Max(list_length(p->notes), 1));
	int32		treated = 0;
	int			n = 0;
	ListCell   *cell;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function returns no row type");
	for (int c = 0; c < p->ncolumns; c++)
		treated += p->columns[c].touched || p->columns[c].remove;
	foreach(cell, p->notes)
		notes[n++] = CStringGetTextDatum(lfirst(cell));
	values[0] = CStringGetTextDatum(p->name);
	values[1] = CStringGetTextDatum(relation_name(p->view));
	values[2] = Int32GetDatum(treated);
	values[3] = Int64GetDatum(p->rows);
	values[4] = Int64GetDatum(p->fitted);
	values[5] = Float8GetDatum(seconds);
	values[6] = PointerGetDatum(construct_array(notes, n, TEXTOID, -1, false, TYPALIGN_INT));
	ereport(NOTICE,
			(errmsg("%s: %d of %d columns of %s are treated", p->name, treated, p->ncolumns, p->relation),
			 errdetail_internal("%s.", (char *) linitial(p->notes))));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* echolon_preprocess(name, relation, ...): a view of cleaned rows. */
Datum
echolon_preprocess(PG_FUNCTION_ARGS)
{
	Preprocessing p;
	instr_time	start,
				end;
	const char *schema;
	const char *view;

	INSTR_TIME_SET_CURRENT(start);
	memset(&p, 0, sizeof(p));
	prep_read_arguments(fcinfo, &p);
	preprocess_check_name(p.name);
	feature_place_view(p.name, p.relid, "a preprocessing", &schema, &view);
	preprocess_fit(&p);
	feature_execute(psprintf("CREATE VIEW %s WITH (security_invoker = true) AS\n%s",
							 quote_qualified_identifier(schema, view), preprocess_sql(&p)));
	CommandCounterIncrement();
	p.view = get_relname_relid(view, get_namespace_oid(schema, false));
	if (!OidIsValid(p.view))
		elog(ERROR, "view \"%s\" was not made", view);
	preprocess_comment(&p);
	preprocess_store_add(&p);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	return result(fcinfo, &p, INSTR_TIME_GET_DOUBLE(end));
}
