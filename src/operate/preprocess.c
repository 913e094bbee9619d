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
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "data/words.h"
#include "features/define.h"
#include "operate/preprocess.h"

#define NEAR_UNIQUE		0.9		/* of the values of a text: nothing typical fills it */

PG_FUNCTION_INFO_V1(echolon_preprocess);

/* ---- columns ------------------------------------------------------------------------------------- */

/* The columns of the relation, and what is asked for each. */
static void
begin_columns(Preprocessing *p)
{
	const PrepArguments *a = &p->arguments;
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

		if (attribute->attisdropped)
			continue;
		p->ncolumns++;
		name = column->name = pstrdup(NameStr(attribute->attname));
		column->typid = attribute->atttypid;
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
		if (column->usable && column->type.kind >= COLUMN_DATE && !a->rule.forward && a->rule.impute != IMPUTE_MODE)
			column->rule.impute = IMPUTE_NONE;
	}
	relation_close(relation, NoLock);
	prep_apply_overrides(p);
	for (int c = 0; c < p->ncolumns; c++)
		if (!p->columns[c].untouched && p->columns[c].rule.forward && a->date_column == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("impute => 'forward' needs the parameter \"date_column\""),
					 errhint("Values are filled in its order, within group_by.")));
}

/* A date's raw number as text of its type, which is read the same in any session: ISO, a timestamptz with its offset. */
static char *
date_text(const PrepColumn *column, double raw)
{
	Datum		value = column->type.kind == COLUMN_DATE ? DateADTGetDatum((DateADT) raw) : Int64GetDatum((int64) raw);

	return JsonEncodeDateTime(NULL, value, column->type.basetype, NULL);
}

/* The constant as text of the column's type; an error where it is not, and the column was named. */
static void
constant_fill(PrepColumn *column)
{
	const char *constant = column->rule.constant;
	bool		text = column->type.kind == COLUMN_CATEGORY &&
		(column->type.basetype == TEXTOID || column->type.basetype == VARCHAROID || column->type.basetype == BPCHAROID);

	if (column->type.kind == COLUMN_NUMBER)
	{
		char	   *end;
		double		number = strtod(constant, &end);

		if (end == constant || *end != '\0' || !isfinite(number))
		{
			column->note = psprintf("impute_value '%s' is no number", constant);
			return;
		}
		column->treatment.impute = IMPUTE_CONSTANT;
		column->treatment.fill = number;
	}
	else if (text)
		column->fill = pstrdup(constant);
	else if (column->type.kind >= COLUMN_DATE)
	{
		Oid			input,
					parameter;

		/* raises what is no date */
		getTypeInputInfo(column->type.basetype, &input, &parameter);
		(void) OidInputFunctionCall(input, unconstify(char *, constant), parameter, -1);
		column->fill = pstrdup(constant);
	}
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

/* Fences of the columns by which rows are left out; the rows that are not. */
static uint32 *
fit_removal(Preprocessing *p, const Frame *frame, const uint32 *rows, size_t n, size_t *nkept)
{
	uint32	   *kept = palloc_rows(n, sizeof(uint32));

	memcpy(kept, rows, sizeof(uint32) * n);
	*nkept = n;
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
	}
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];
		const double *values;
		size_t		m = 0;

		if (!column->remove)
			continue;
		values = frame_column(frame, column->name)->values;
		for (size_t i = 0; i < *nkept; i++)
			if (!(values[kept[i]] < column->low || values[kept[i]] > column->high))
				kept[m++] = kept[i];
		*nkept = m;
	}
	return kept;
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
	Target		nothing;
	Holdout		split;
	bool	   *keys;
	uint32	   *kept;
	size_t		nkept;

	begin_columns(p);
	memset(&spec, 0, sizeof(spec));
	spec.relid = p->relid;
	spec.all_features = true;
	spec.unjudged = true;
	spec.near_unique = true;
	spec.split_by = a->split_by;
	spec.split_groups = a->split_groups;
	spec.max_categories = LEARN_MAX_CATEGORIES;
	frame = frame_read(&spec);
	p->rows = (int64) frame->rows_read;

	memset(&nothing, 0, sizeof(nothing));
	if (frame->nrows == 0)
		memset(&split, 0, sizeof(split));
	else
		holdout_split(frame, &nothing, NULL, 0,
					  a->split_by ? HOLDOUT_TIME : a->split_groups ? HOLDOUT_GROUPS : HOLDOUT_NONE,
					  a->test_fraction, (uint64) a->seed, STREAM_OUTER, NULL, &split);
	p->fitted = (int64) split.ntrain;
	kept = fit_removal(p, frame, split.train, split.ntrain, &nkept);
	for (int c = 0; c < p->ncolumns; c++)
	{
		if (p->columns[c].untouched)
			continue;
		fit_column(frame, &p->columns[c], kept, nkept);
		p->columns[c].touched = prep_touched(&p->columns[c]);
	}
	keys = palloc0(mul_size(sizeof(bool), Max(frame->ncolumns, 1)));
	for (int f = 0; f < frame->ncolumns; f++)
		keys[f] = name_in(p->key, frame->columns[f].name);
	p->duplicates = frame_duplicates(frame, keys);
	if (a->split_by || a->split_groups)
		p->notes = lappend(p->notes,
						   psprintf("fitted to the %s rows that a training with %s => '%s'%s learns from", words_count(p->fitted),
									a->split_by ? "split_by" : "split_groups", a->split_by ? a->split_by : a->split_groups,
									a->test_fraction == 0.2 ? "" : psprintf(", test_fraction => %g", a->test_fraction)));
	else
		p->notes = lappend(p->notes, psprintf("fitted to all %s rows, those that a training will hold out among them: split_by or split_groups fit to training rows alone",
											  words_count(p->fitted)));
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
