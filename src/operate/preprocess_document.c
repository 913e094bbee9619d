/*
 * preprocess_document.c
 *		What was asked for and what was fitted, as the document that is stored, and back.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "operate/preprocess.h"

/* "mean" and the like; NULL: none. */
static const char *
impute_word(const PrepRule *rule)
{
	if (rule->forward)
		return "forward";
	return rule->impute == IMPUTE_NONE ? NULL : prep_impute_words[rule->impute - 1];
}

static const char *
scale_word(const PrepRule *rule)
{
	return rule->scale == SCALE_NONE ? NULL : prep_scale_words[rule->scale - 1];
}

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
	put_text(out, "outliers", prep_outlier_words[rule->outliers]);
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
	put_text(&out, "duplicates", prep_duplicate_words[a->drop_duplicates ? 0 : 1]);
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
	put_key(&out, "distinct");
	appendStringInfoString(&out, p->distinct ? "true" : "false");
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
			put_key(&out, "as_double");
			appendStringInfoString(&out, column->as_double ? "true" : "false");
			put_number(&out, "missing", (double) column->missing);
			put_number(&out, "outlier_values", (double) column->outliers);
			put_text(&out, "fill", column->fill);
			if (t->impute != IMPUTE_NONE)
			{
				put_text(&out, "filled_by", prep_impute_words[t->impute - 1]);
				put_number(&out, "fill_number", t->fill);
			}
			put_number(&out, "clip_low", t->low);
			put_number(&out, "clip_high", t->high);
			if (t->scale != SCALE_NONE)
			{
				put_text(&out, "scaled_by", prep_scale_words[t->scale - 1]);
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

static bool
flag_member(JsonbContainer *object, const char *key)
{
	JsonbValue *value = member(object, key);

	return value && value->type == jbvBool && value->val.boolean;
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

	prep_rule_impute(rule, text_member(object, "impute"));
	rule->constant = text_member(object, "impute_value");
	prep_rule_outliers(rule, outliers ? outliers : "keep");
	rule->iqr_factor = number_member(object, "iqr_factor", 1.5);
	prep_rule_scale(rule, text_member(object, "scale"));
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
	column->as_double = flag_member(object, "as_double");
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
	column->touched = prep_touched(column);
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
	a->indicators = flag_member(root, "missing_indicators");
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
	p->distinct = flag_member(root, "distinct");
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
