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
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "common/shortest_dec.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "data/arguments.h"
#include "data/words.h"
#include "features/define.h"
#include "operate/preprocess.h"

#define NEAR_UNIQUE		0.9		/* of the values of a text: nothing typical fills it */

PG_FUNCTION_INFO_V1(echolon_preprocess);

/* Arguments by their place in preprocess.sql. */
enum
{
	ARG_NAME, ARG_RELATION, ARG_TARGET, ARG_EXCLUDE, ARG_DUPLICATES, ARG_IMPUTE, ARG_IMPUTE_VALUE, ARG_OUTLIERS,
	ARG_IQR_FACTOR, ARG_SCALE, ARG_MISSING_INDICATORS, ARG_OVERRIDES, ARG_DATE_COLUMN, ARG_GROUP_BY, ARG_SPLIT_BY,
	ARG_SPLIT_GROUPS, ARG_TEST_FRACTION, ARG_SEED
};

static const char *const impute_words[] = {"mean", "median", "mode", "constant", "forward"};
static const char *const outlier_words[] = {"keep", "clip", "remove"};
static const char *const scale_words[] = {"standard", "minmax", "robust"};
static const char *const duplicate_words[] = {"drop", "keep"};

/* ---- rules ------------------------------------------------------------------------------ */

static void
rule_impute(PrepRule *rule, const char *word)
{
	if (word)
		argument_check_word(word, "impute", impute_words, lengthof(impute_words));
	rule->forward = word && strcmp(word, "forward") == 0;
	rule->impute = clean_impute(word);
}

static void
rule_outliers(PrepRule *rule, const char *word)
{
	argument_check_word(word, "outliers", outlier_words, lengthof(outlier_words));
	for (int i = 0; i < lengthof(outlier_words); i++)
		if (strcmp(word, outlier_words[i]) == 0)
			rule->outliers = (OutlierTreatment) i;
}

static void
rule_scale(PrepRule *rule, const char *word)
{
	if (word)
		argument_check_word(word, "scale", scale_words, lengthof(scale_words));
	rule->scale = clean_scale(word);
}

/* "mean" and the like; NULL: none. */
static const char *
impute_word(const PrepRule *rule)
{
	if (rule->forward)
		return "forward";
	return rule->impute == IMPUTE_NONE ? NULL : impute_words[rule->impute - 1];
}

static const char *
scale_word(const PrepRule *rule)
{
	return rule->scale == SCALE_NONE ? NULL : scale_words[rule->scale - 1];
}

/* ---- the call's arguments ------------------------------------------------------------------ */

static char *
text_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

static char *
name_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(argument)));
}

static List *
names_argument(FunctionCallInfo fcinfo, int argument, const char *parameter)
{
	List	   *names = PG_ARGISNULL(argument) ? NIL : argument_names(PG_GETARG_ARRAYTYPE_P(argument), parameter);

	argument_check_once(names, parameter);
	return names;
}

static void
out_of_range(const char *parameter, double value, const char *allowed)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" is out of range", parameter),
			 errdetail("It is %s; allowed is %s.", float8out_internal(value), allowed)));
}

static void
check_iqr_factor(double factor)
{
	if (!(factor > 0 && factor <= 1000))
		out_of_range("iqr_factor", factor, "above 0, at most 1000");
}

static void
read_arguments(FunctionCallInfo fcinfo, Preprocessing *p)
{
	static const char *const needed[] = {"name", "relation"};
	PrepArguments *a = &p->arguments;
	char	   *duplicates;
	ListCell   *cell;

	for (int i = 0; i < lengthof(needed); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("parameter \"%s\" must not be NULL", needed[i])));
	p->name = text_argument(fcinfo, ARG_NAME);
	p->relid = PG_GETARG_OID(ARG_RELATION);
	relation_lock(p->relid);
	p->relation = relation_name(p->relid);

	a->target = name_argument(fcinfo, ARG_TARGET);
	a->exclude = names_argument(fcinfo, ARG_EXCLUDE, "exclude");
	duplicates = text_argument(fcinfo, ARG_DUPLICATES);
	if (duplicates == NULL)
		duplicates = "keep";
	argument_check_word(duplicates, "duplicates", duplicate_words, lengthof(duplicate_words));
	a->drop_duplicates = strcmp(duplicates, "drop") == 0;
	rule_impute(&a->rule, text_argument(fcinfo, ARG_IMPUTE));
	a->rule.constant = text_argument(fcinfo, ARG_IMPUTE_VALUE);
	rule_outliers(&a->rule, PG_ARGISNULL(ARG_OUTLIERS) ? "keep" : text_argument(fcinfo, ARG_OUTLIERS));
	a->rule.iqr_factor = PG_ARGISNULL(ARG_IQR_FACTOR) ? 1.5 : PG_GETARG_FLOAT8(ARG_IQR_FACTOR);
	check_iqr_factor(a->rule.iqr_factor);
	rule_scale(&a->rule, text_argument(fcinfo, ARG_SCALE));
	a->indicators = !PG_ARGISNULL(ARG_MISSING_INDICATORS) && PG_GETARG_BOOL(ARG_MISSING_INDICATORS);
	a->overrides = PG_ARGISNULL(ARG_OVERRIDES) ? NULL : PG_GETARG_JSONB_P_COPY(ARG_OVERRIDES);
	a->date_column = name_argument(fcinfo, ARG_DATE_COLUMN);
	a->group_by = names_argument(fcinfo, ARG_GROUP_BY, "group_by");
	a->split_by = name_argument(fcinfo, ARG_SPLIT_BY);
	a->split_groups = name_argument(fcinfo, ARG_SPLIT_GROUPS);
	a->test_fraction = PG_ARGISNULL(ARG_TEST_FRACTION) ? 0.2 : PG_GETARG_FLOAT8(ARG_TEST_FRACTION);
	if (!(a->test_fraction >= 0 && a->test_fraction <= 0.9))
		out_of_range("test_fraction", a->test_fraction, "0 to 0.9");
	a->seed = PG_ARGISNULL(ARG_SEED) ? 42 : PG_GETARG_INT64(ARG_SEED);

	foreach(cell, list_concat(list_copy(a->exclude), a->group_by))
		relation_column(p->relid, lfirst(cell));
	for (int i = 0; i < 4; i++)
	{
		const char *column = i == 0 ? a->target : i == 1 ? a->date_column : i == 2 ? a->split_by : a->split_groups;

		if (column)
			relation_column(p->relid, column);
	}
	if ((a->rule.constant != NULL) != (a->rule.impute == IMPUTE_CONSTANT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 a->rule.constant ? errmsg("parameter \"impute_value\" needs impute => 'constant'") :
				 errmsg("impute => 'constant' needs the parameter \"impute_value\""),
				 errhint("Such as impute => 'constant', impute_value => '0'.")));
	if (a->split_by && a->split_groups)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("split_by and split_groups cannot be used together")));
}

/* ---- overrides ------------------------------------------------------------------------------- */

/* A text or NULL of an override. */
static const char *
override_word(const char *column, const char *key, const JsonbValue *value)
{
	if (value->type == jbvNull)
		return NULL;
	if (value->type == jbvString)
		return pnstrdup(value->val.string.val, value->val.string.len);
	if (value->type == jbvNumeric)
		return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" of column \"%s\" in overrides is no text", key, column)));
	return NULL;				/* keep compiler quiet */
}

/* One key of a column's override. */
static void
override_rule(PrepRule *rule, const char *column, const char *key, const JsonbValue *value)
{
	static const char *const keys[] = {"impute", "impute_value", "outliers", "iqr_factor", "scale"};

	if (strcmp(key, "impute") == 0)
		rule_impute(rule, override_word(column, key, value));
	else if (strcmp(key, "impute_value") == 0)
		rule->constant = override_word(column, key, value);
	else if (strcmp(key, "outliers") == 0)
	{
		const char *word = override_word(column, key, value);

		rule_outliers(rule, word ? word : "keep");
	}
	else if (strcmp(key, "scale") == 0)
		rule_scale(rule, override_word(column, key, value));
	else if (strcmp(key, "iqr_factor") == 0)
	{
		rule->iqr_factor = value->type == jbvNumeric ? numeric_to_double(NumericGetDatum(value->val.numeric)) : NAN;
		check_iqr_factor(rule->iqr_factor);
	}
	else
		argument_check_word(key, "overrides", keys, lengthof(keys));
}

static PrepColumn *
find_column(const Preprocessing *p, const char *name)
{
	for (int c = 0; c < p->ncolumns; c++)
		if (strcmp(p->columns[c].name, name) == 0)
			return &p->columns[c];
	return NULL;
}

static _Noreturn void
bad_overrides(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"overrides\" is no object of objects"),
			 errhint("Give each column its own, such as '{\"age\": {\"impute\": \"mean\"}}'.")));
}

static void
apply_overrides(Preprocessing *p)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	PrepColumn *column = NULL;
	char	   *key = NULL;
	int			depth = 0;

	if (p->arguments.overrides == NULL)
		return;
	iterator = JsonbIteratorInit(&p->arguments.overrides->root);
	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
		switch (token)
		{
			case WJB_BEGIN_OBJECT:
				if (++depth > 2)
					bad_overrides();
				break;
			case WJB_END_OBJECT:
				if (depth-- == 2 && column->rule.impute == IMPUTE_CONSTANT && column->rule.constant == NULL)
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							 errmsg("column \"%s\" in overrides has impute constant and no impute_value", column->name)));
				break;
			case WJB_KEY:
				key = pnstrdup(value.val.string.val, value.val.string.len);
				if (depth == 1)
				{
					relation_column(p->relid, key);
					column = find_column(p, key);
					/* who names a column wants it treated */
					column->untouched = false;
					if (!column->usable)
						ereport(ERROR,
								(errcode(ERRCODE_DATATYPE_MISMATCH),
								 errmsg("column \"%s\" in overrides cannot be treated", key),
								 errdetail("Its type is %s.", column->type_name)));
				}
				break;
			case WJB_VALUE:
				if (depth != 2)
					bad_overrides();
				override_rule(&column->rule, column->name, key, &value);
				break;
			default:
				bad_overrides();
		}
}

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
	apply_overrides(p);
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
static bool
is_touched(const PrepColumn *column)
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
		p->columns[c].touched = is_touched(&p->columns[c]);
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

/* ---- the view ------------------------------------------------------------------------------------------ */

/* A double that is read as the same one. */
static char *
number_literal(double value)
{
	return psprintf("'%s'::pg_catalog.float8", double_to_shortest_decimal(value));
}

static char *
source(const PrepColumn *column)
{
	return psprintf("s.%s", quote_identifier(column->name));
}

/* A number's treatment as a call of echolon_cleaned. */
static char *
number_expression(const PrepColumn *column, const char *value)
{
	const ModelTreatment *t = &column->treatment;
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "%s(%s::pg_catalog.float8", feature_function("echolon_cleaned"), value);
	if (t->impute != IMPUTE_NONE)
		appendStringInfo(&out, ", fill => %s", number_literal(t->fill));
	if (isfinite(t->low))
		appendStringInfo(&out, ", low => %s", number_literal(t->low));
	if (isfinite(t->high))
		appendStringInfo(&out, ", high => %s", number_literal(t->high));
	if (t->scale != SCALE_NONE)
		appendStringInfo(&out, ", center => %s, width => %s", number_literal(t->center), number_literal(t->width));
	appendStringInfoChar(&out, ')');
	return out.data;
}

static char *
column_expression(const PrepColumn *column)
{
	char	   *value = source(column);

	if (!column->touched)
		return value;
	if (column->rule.forward)
		value = psprintf("%s(%s) OVER w", feature_function("echolon_forward_fill"), value);
	if (column->type.kind == COLUMN_NUMBER)
	{
		ModelTreatment untreated = MODEL_UNTREATED;

		return memcmp(&column->treatment, &untreated, sizeof(untreated)) == 0 ? value : number_expression(column, value);
	}
	return column->fill == NULL ? value : psprintf("COALESCE(%s, %s::%s)", value, quote_literal_cstr(column->fill), column->type_name);
}

static bool
is_float(const PrepColumn *column)
{
	return column->type.basetype == FLOAT4OID || column->type.basetype == FLOAT8OID || column->type.basetype == NUMERICOID;
}

/* The name of an indicator. */
static char *
indicator_name(const PrepColumn *column)
{
	char	   *name = psprintf("%s_missing", column->name);

	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("column \"%s\" has too long a name for an indicator", column->name),
				 errhint("Rename it, or name it in exclude.")));
	return name;
}

/* What rows are compared by, where duplicates are dropped; types without an order by their texts. */
static char *
duplicate_columns(const Preprocessing *p)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];

		if (name_in(p->key, column->name))
			continue;
		appendStringInfo(&out, "%s%s%s", out.len > 0 ? ", " : "", source(column),
						 OidIsValid(lookup_type_cache(column->typid, TYPECACHE_LT_OPR)->lt_opr) ? "" : "::pg_catalog.text");
	}
	return out.data;
}

static char *
key_order(const Preprocessing *p)
{
	StringInfoData out;
	ListCell   *cell;

	initStringInfo(&out);
	foreach(cell, p->key)
		appendStringInfo(&out, "%ss.%s", out.len > 0 ? ", " : "", quote_identifier(lfirst(cell)));
	return out.data;
}

/* A name that no column has. */
static char *
free_name(const Preprocessing *p, const char *wanted)
{
	char	   *name = pstrdup(wanted);

	for (int i = 1; find_column(p, name) != NULL; i++)
		name = psprintf("%s_%d", wanted, i);
	return name;
}

char *
preprocess_indicator(const Preprocessing *p, const PrepColumn *column)
{
	return p->arguments.indicators && !column->untouched ? indicator_name(column) : NULL;
}

char *
preprocess_sql(const Preprocessing *p)
{
	const PrepArguments *a = &p->arguments;
	char	   *compared = a->drop_duplicates ? duplicate_columns(p) : "";
	char	   *number = free_name(p, "duplicate_number");
	const char *and = " WHERE ";
	bool		forward = false;
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "SELECT ");
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];

		appendStringInfo(&out, "%s%s AS %s", c == 0 ? "" : ",\n\t", column_expression(column), quote_identifier(column->name));
		forward |= column->touched && column->rule.forward;
	}
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];
		char	   *indicator = preprocess_indicator(p, column);

		if (indicator == NULL)
			continue;
		appendStringInfo(&out, ",\n\t%s IS NULL%s AS %s", source(column),
						 is_float(column) ? psprintf(" OR %s OPERATOR(pg_catalog.=) 'NaN'", source(column)) : "",
						 quote_identifier(indicator));
	}
	if (compared[0] != '\0')
		appendStringInfo(&out, "\nFROM (SELECT s.*, pg_catalog.row_number() OVER (PARTITION BY %s%s%s) AS %s\n\tFROM %s AS s) AS s",
						 compared, p->key != NIL ? " ORDER BY " : "", key_order(p), quote_identifier(number), p->relation);
	else
		appendStringInfo(&out, "\nFROM %s AS s", p->relation);
	if (compared[0] != '\0')
	{
		appendStringInfo(&out, "\n%ss.%s OPERATOR(pg_catalog.=) 1", and, quote_identifier(number));
		and = " AND ";
	}
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];

		if (!column->remove)
			continue;
		appendStringInfo(&out, "\n%s(%s IS NULL%s OR %s::pg_catalog.float8 BETWEEN %s AND %s)", and, source(column),
						 is_float(column) ? psprintf(" OR %s OPERATOR(pg_catalog.=) 'NaN'", source(column)) : "",
						 source(column), number_literal(column->low), number_literal(column->high));
		and = " AND ";
	}
	if (forward)
	{
		ListCell   *cell;

		appendStringInfoString(&out, "\nWINDOW w AS (");
		foreach(cell, a->group_by)
			appendStringInfo(&out, "%ss.%s", cell == list_head(a->group_by) ? "PARTITION BY " : ", ", quote_identifier(lfirst(cell)));
		appendStringInfo(&out, " ORDER BY s.%s%s%s)", quote_identifier(a->date_column), p->key != NIL ? ", " : "", key_order(p));
	}
	return out.data;
}

char *
preprocess_phrase(const PrepColumn *column)
{
	const ModelTreatment *t = &column->treatment;
	StringInfoData out;

	initStringInfo(&out);
	if (column->remove)
		appendStringInfo(&out, "rows below %s or above %s are left out", words_number(column->low), words_number(column->high));
	if (column->touched && (isfinite(t->low) || isfinite(t->high)))
		appendStringInfo(&out, "%sclipped to %s ... %s", out.len > 0 ? "; " : "", words_number(t->low), words_number(t->high));
	if (column->touched && column->rule.forward)
		appendStringInfo(&out, "%sa missing value becomes the last one before", out.len > 0 ? "; " : "");
	else if (column->fill != NULL)
		appendStringInfo(&out, "%sa missing value becomes %s", out.len > 0 ? "; " : "", quote_literal_cstr(column->fill));
	else if (column->touched && t->impute != IMPUTE_NONE)
		appendStringInfo(&out, "%sa missing value becomes %s, the %s", out.len > 0 ? "; " : "", words_number(t->fill),
						 impute_words[t->impute - 1]);
	if (column->touched && t->scale != SCALE_NONE)
		appendStringInfo(&out, "%sless %s, divided by %s (%s)", out.len > 0 ? "; " : "", words_number(t->center),
						 words_number(t->width), scale_words[t->scale - 1]);
	return out.len > 0 ? out.data : NULL;
}

void
preprocess_comment(const Preprocessing *p)
{
	CreateComments(p->view, RelationRelationId, 0,
				   psprintf("cleaned rows of %s, made by echolon_preprocess. SELECT * FROM echolon_preprocess_summary(%s) explains them",
							p->relation, quote_literal_cstr(p->name)));
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];
		char	   *phrase = preprocess_phrase(column);
		char	   *comment = GetComment(p->relid, RelationRelationId, get_attnum(p->relid, column->name));

		if (phrase != NULL || comment != NULL)
			CreateComments(p->view, RelationRelationId, get_attnum(p->view, column->name),
						   phrase == NULL ? comment : comment == NULL ? phrase : psprintf("%s (%s)", comment, phrase));
	}
}

/* ---- as a document ------------------------------------------------------------------------------------------ */

static void
put_key(StringInfo out, const char *key)
{
	appendStringInfo(out, "%s\"%s\": ", out->data[out->len - 1] == '{' ? "" : ", ", key);
}

static void
put_text(StringInfo out, const char *key, const char *text)
{
	if (text == NULL)
		return;
	put_key(out, key);
	json_string(out, text);
}

/* A finite number; an infinite one is left out. */
static void
put_number(StringInfo out, const char *key, double number)
{
	if (!isfinite(number))
		return;
	put_key(out, key);
	json_number(out, number);
}

static void
put_names(StringInfo out, const char *key, List *names)
{
	ListCell   *cell;

	put_key(out, key);
	appendStringInfoChar(out, '[');
	foreach(cell, names)
	{
		if (cell != list_head(names))
			appendStringInfoString(out, ", ");
		json_string(out, lfirst(cell));
	}
	appendStringInfoChar(out, ']');
}

static void
put_rule(StringInfo out, const PrepRule *rule)
{
	put_text(out, "impute", impute_word(rule));
	put_text(out, "impute_value", rule->constant);
	put_text(out, "outliers", outlier_words[rule->outliers]);
	put_number(out, "iqr_factor", rule->iqr_factor);
	put_text(out, "scale", scale_word(rule));
}

Jsonb *
preprocess_jsonb(const Preprocessing *p)
{
	const PrepArguments *a = &p->arguments;
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	put_text(&out, "target", a->target);
	put_names(&out, "exclude", a->exclude);
	put_text(&out, "duplicates", duplicate_words[a->drop_duplicates ? 0 : 1]);
	put_rule(&out, &a->rule);
	put_key(&out, "missing_indicators");
	appendStringInfoString(&out, a->indicators ? "true" : "false");
	if (a->overrides)
	{
		put_key(&out, "overrides");
		appendStringInfoString(&out, JsonbToCString(NULL, &a->overrides->root, VARSIZE(a->overrides)));
	}
	put_text(&out, "date_column", a->date_column);
	put_names(&out, "group_by", a->group_by);
	put_text(&out, "split_by", a->split_by);
	put_text(&out, "split_groups", a->split_groups);
	put_number(&out, "test_fraction", a->test_fraction);
	/* JSON's readers round numbers */
	put_text(&out, "seed", psprintf(INT64_FORMAT, a->seed));
	put_number(&out, "rows", (double) p->rows);
	put_number(&out, "fitted", (double) p->fitted);
	put_number(&out, "duplicate_rows", (double) p->duplicates);
	put_key(&out, "columns");
	appendStringInfoChar(&out, '[');
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];
		const ModelTreatment *t = &column->treatment;

		appendStringInfoString(&out, c == 0 ? "{" : ", {");
		put_text(&out, "name", column->name);
		put_text(&out, "type", column->type_name);
		if (!column->untouched)
		{
			put_rule(&out, &column->rule);
			put_number(&out, "missing", (double) column->missing);
			put_number(&out, "outlier_values", (double) column->outliers);
			put_text(&out, "fill", column->fill);
			if (t->impute != IMPUTE_NONE)
			{
				put_text(&out, "filled_by", impute_words[t->impute - 1]);
				put_number(&out, "fill_number", t->fill);
			}
			put_number(&out, "clip_low", t->low);
			put_number(&out, "clip_high", t->high);
			if (t->scale != SCALE_NONE)
			{
				put_text(&out, "scaled_by", scale_words[t->scale - 1]);
				put_number(&out, "center", t->center);
				put_number(&out, "width", t->width);
			}
			if (column->remove)
			{
				put_number(&out, "remove_low", column->low);
				put_number(&out, "remove_high", column->high);
			}
			put_text(&out, "note", column->note);
		}
		appendStringInfoChar(&out, '}');
	}
	appendStringInfoString(&out, "]}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

/* A member of a stored object; NULL: there is none. */
static JsonbValue *
member(JsonbContainer *object, const char *key)
{
	return getKeyJsonValueFromContainer(object, key, (int) strlen(key), NULL);
}

static char *
text_member(JsonbContainer *object, const char *key)
{
	JsonbValue *value = member(object, key);

	return value && value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : NULL;
}

static double
number_member(JsonbContainer *object, const char *key, double fallback)
{
	double		number = json_object_number(object, key);

	return isnan(number) ? fallback : number;
}

static List *
names_member(JsonbContainer *object, const char *key)
{
	JsonbValue *value = member(object, key);
	List	   *names = NIL;

	if (value && value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
		for (uint32 i = 0; i < JsonContainerSize(value->val.binary.data); i++)
		{
			JsonbValue *element = getIthJsonbValueFromContainer(value->val.binary.data, i);

			if (element && element->type == jbvString)
				names = lappend(names, pnstrdup(element->val.string.val, element->val.string.len));
		}
	return names;
}

static void
read_rule(JsonbContainer *object, PrepRule *rule)
{
	char	   *outliers = text_member(object, "outliers");

	rule_impute(rule, text_member(object, "impute"));
	rule->constant = text_member(object, "impute_value");
	rule_outliers(rule, outliers ? outliers : "keep");
	rule->iqr_factor = number_member(object, "iqr_factor", 1.5);
	rule_scale(rule, text_member(object, "scale"));
}

static void
read_column(JsonbContainer *object, PrepColumn *column)
{
	char	   *scaled = text_member(object, "scaled_by");

	memset(column, 0, sizeof(*column));
	column->name = text_member(object, "name");
	column->type_name = text_member(object, "type");
	column->untouched = member(object, "missing") == NULL;
	column->treatment = MODEL_UNTREATED;
	column->low = -INFINITY;
	column->high = INFINITY;
	if (column->name == NULL)
		elog(ERROR, "a column of a preprocessing has no name");
	if (column->untouched)
		return;
	read_rule(object, &column->rule);
	column->missing = (int64) number_member(object, "missing", 0);
	column->outliers = (int64) number_member(object, "outlier_values", 0);
	column->fill = text_member(object, "fill");
	column->treatment.impute = clean_impute(text_member(object, "filled_by"));
	column->treatment.fill = number_member(object, "fill_number", 0);
	column->treatment.low = number_member(object, "clip_low", -INFINITY);
	column->treatment.high = number_member(object, "clip_high", INFINITY);
	column->treatment.scale = clean_scale(scaled);
	column->treatment.center = number_member(object, "center", 0);
	column->treatment.width = number_member(object, "width", 1);
	column->remove = member(object, "remove_low") != NULL || member(object, "remove_high") != NULL;
	column->low = number_member(object, "remove_low", -INFINITY);
	column->high = number_member(object, "remove_high", INFINITY);
	column->note = text_member(object, "note");
	column->touched = is_touched(column);
}

void
preprocess_read(Jsonb *definition, Preprocessing *p)
{
	JsonbContainer *root = &definition->root;
	PrepArguments *a = &p->arguments;
	char	   *duplicates = text_member(root, "duplicates");
	char	   *seed = text_member(root, "seed");
	JsonbValue *value;

	a->target = text_member(root, "target");
	a->exclude = names_member(root, "exclude");
	a->drop_duplicates = duplicates && strcmp(duplicates, "drop") == 0;
	read_rule(root, &a->rule);
	value = member(root, "missing_indicators");
	a->indicators = value && value->type == jbvBool && value->val.boolean;
	value = member(root, "overrides");
	a->overrides = value && value->type == jbvBinary ? JsonbValueToJsonb(value) : NULL;
	a->date_column = text_member(root, "date_column");
	a->group_by = names_member(root, "group_by");
	a->split_by = text_member(root, "split_by");
	a->split_groups = text_member(root, "split_groups");
	a->test_fraction = number_member(root, "test_fraction", 0.2);
	a->seed = seed ? strtoll(seed, NULL, 10) : 42;
	p->rows = (int64) number_member(root, "rows", 0);
	p->fitted = (int64) number_member(root, "fitted", 0);
	p->duplicates = (int64) number_member(root, "duplicate_rows", 0);
	value = member(root, "columns");
	if (value == NULL || value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		elog(ERROR, "a preprocessing has no columns");
	p->ncolumns = (int) JsonContainerSize(value->val.binary.data);
	p->columns = palloc0(mul_size(sizeof(PrepColumn), Max(p->ncolumns, 1)));
	for (int c = 0; c < p->ncolumns; c++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(value->val.binary.data, (uint32) c);

		if (element == NULL || element->type != jbvBinary)
			elog(ERROR, "a column of a preprocessing is no object");
		read_column(element->val.binary.data, &p->columns[c]);
	}
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
	read_arguments(fcinfo, &p);
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
