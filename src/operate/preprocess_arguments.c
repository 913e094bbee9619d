/*
 * preprocess_arguments.c
 *		What a call of echolon_preprocess asks for, of all columns and of each.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "data/arguments.h"
#include "function.h"
#include "operate/preprocess.h"

/* Arguments by their place in preprocess.sql. */
enum
{
	ARG_NAME, ARG_RELATION, ARG_TARGET, ARG_EXCLUDE, ARG_DUPLICATES, ARG_IMPUTE, ARG_IMPUTE_VALUE, ARG_OUTLIERS,
	ARG_IQR_FACTOR, ARG_SCALE, ARG_MISSING_INDICATORS, ARG_OVERRIDES, ARG_DATE_COLUMN, ARG_GROUP_BY, ARG_SPLIT_BY,
	ARG_SPLIT_GROUPS, ARG_TEST_FRACTION, ARG_SEED
};

const char *const prep_impute_words[PREP_IMPUTE_WORDS] = {"mean", "median", "mode", "constant", "forward"};
const char *const prep_outlier_words[PREP_OUTLIER_WORDS] = {"keep", "clip", "remove"};
const char *const prep_scale_words[PREP_SCALE_WORDS] = {"standard", "minmax", "robust"};
const char *const prep_duplicate_words[PREP_DUPLICATE_WORDS] = {"drop", "keep"};

/* ---- rules ------------------------------------------------------------------------------ */

void
prep_rule_impute(PrepRule *rule, const char *word)
{
	if (word)
		argument_check_word(word, "impute", prep_impute_words, lengthof(prep_impute_words));
	rule->forward = word && strcmp(word, "forward") == 0;
	rule->impute = clean_impute(word);
}

void
prep_rule_outliers(PrepRule *rule, const char *word)
{
	argument_check_word(word, "outliers", prep_outlier_words, lengthof(prep_outlier_words));
	for (int i = 0; i < lengthof(prep_outlier_words); i++)
		if (strcmp(word, prep_outlier_words[i]) == 0)
			rule->outliers = (OutlierTreatment) i;
}

void
prep_rule_scale(PrepRule *rule, const char *word)
{
	if (word)
		argument_check_word(word, "scale", prep_scale_words, lengthof(prep_scale_words));
	rule->scale = clean_scale(word);
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

void
prep_read_arguments(FunctionCallInfo fcinfo, Preprocessing *p)
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
	argument_check_word(duplicates, "duplicates", prep_duplicate_words, lengthof(prep_duplicate_words));
	a->drop_duplicates = strcmp(duplicates, "drop") == 0;
	prep_rule_impute(&a->rule, text_argument(fcinfo, ARG_IMPUTE));
	a->rule.constant = text_argument(fcinfo, ARG_IMPUTE_VALUE);
	prep_rule_outliers(&a->rule, PG_ARGISNULL(ARG_OUTLIERS) ? "keep" : text_argument(fcinfo, ARG_OUTLIERS));
	a->rule.iqr_factor = PG_ARGISNULL(ARG_IQR_FACTOR) ? 1.5 : PG_GETARG_FLOAT8(ARG_IQR_FACTOR);
	check_iqr_factor(a->rule.iqr_factor);
	prep_rule_scale(&a->rule, text_argument(fcinfo, ARG_SCALE));
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
		prep_rule_impute(rule, override_word(column, key, value));
	else if (strcmp(key, "impute_value") == 0)
		rule->constant = override_word(column, key, value);
	else if (strcmp(key, "outliers") == 0)
	{
		const char *word = override_word(column, key, value);

		prep_rule_outliers(rule, word ? word : "keep");
	}
	else if (strcmp(key, "scale") == 0)
		prep_rule_scale(rule, override_word(column, key, value));
	else if (strcmp(key, "iqr_factor") == 0)
	{
		rule->iqr_factor = value->type == jbvNumeric ? numeric_to_double(NumericGetDatum(value->val.numeric)) : NAN;
		check_iqr_factor(rule->iqr_factor);
	}
	else
		argument_check_word(key, "overrides", keys, lengthof(keys));
}

PrepColumn *
prep_find_column(const Preprocessing *p, const char *name)
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

/* A constant needs its value, and a value somebody who uses it. */
static void
end_override(const PrepColumn *column, bool has_value)
{
	bool		constant = column->rule.impute == IMPUTE_CONSTANT;

	if (constant && column->rule.constant == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" in overrides has impute constant and no impute_value", column->name)));
	if (has_value && !constant)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("impute_value of column \"%s\" in overrides needs \"impute\": \"constant\"", column->name)));
}

void
prep_apply_overrides(Preprocessing *p)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	PrepColumn *column = NULL;
	char	   *key = NULL;
	bool		has_value = false;
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
				if (depth-- == 2)
					end_override(column, has_value);
				break;
			case WJB_KEY:
				key = pnstrdup(value.val.string.val, value.val.string.len);
				if (depth == 1)
				{
					relation_column(p->relid, key);
					if (p->arguments.target && strcmp(key, p->arguments.target) == 0)
						ereport(ERROR,
								(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
								 errmsg("column \"%s\" in overrides is the target, which is never treated", key),
								 errhint("Leave it out of overrides: a model would learn from values that nobody measured.")));
					column = prep_find_column(p, key);
					/* who names a column wants it treated */
					column->untouched = false;
					has_value = false;
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
				column->named |= strcmp(key, "impute") == 0 || strcmp(key, "impute_value") == 0;
				has_value |= strcmp(key, "impute_value") == 0;
				break;
			default:
				bad_overrides();
		}
}
