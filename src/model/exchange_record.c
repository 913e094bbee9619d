/*
 * exchange_record.c
 *		The record that an export has beside the model's bytes, read and checked.
 *
 * It is hostile until proven otherwise: JSON that is looked at member by member, as deep as it is written and no deeper,
 * so that nothing is stored whose type a view or a retraining would have to doubt.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "model/exchange_record.h"
#include "model/store.h"

#define MAX_NOTES			1000	/* of a record */

void
record_lies(const char *key, const char *should)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the bytes are not a model that can be used"),
			 errdetail("The record of the export is damaged: \"%s\" is not %s.", key, should),
			 errhint("Pass what echolon_export_model returned.")));
}

/* A member of the record that is not null; false: there is none. */
static bool
record_member(const Jsonb *record, const char *key, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &record->root), key,
										(int) strlen(key), value) != NULL &&
		value->type != jbvNull;
}

static const char *
record_string(const Jsonb *record, const char *key, int longest)
{
	JsonbValue	value;

	if (!record_member(record, key, &value))
		return NULL;
	if (value.type != jbvString || value.val.string.len > longest)
		record_lies(key, "a string, or too long a one");
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/* A finite number within bounds; NaN: there is none. */
static double
record_number(const Jsonb *record, const char *key, double least, double most)
{
	JsonbValue	value;
	double		number;

	if (!record_member(record, key, &value))
		return NAN;
	if (value.type != jbvNumeric)
		record_lies(key, "a number");
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												NumericGetDatum(value.val.numeric)));
	if (!isfinite(number) || number < least || number > most)
		record_lies(key, "a number in its range");
	return number;
}

/* Raise unless a container holds only what is allowed on this level; see record_document. */
static void
check_shape(JsonbContainer *container, const char *key, int depth, bool strings)
{
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue	value;
	int			level = 0;

	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (token == WJB_BEGIN_ARRAY || token == WJB_BEGIN_OBJECT)
		{
			if (++level > depth)
				record_lies(key, "as flat as it is written");
		}
		else if (token == WJB_END_ARRAY || token == WJB_END_OBJECT)
			level--;
		else if ((token == WJB_VALUE || token == WJB_ELEM) && !strings && value.type == jbvString)
			record_lies(key, "made of numbers");
	}
}

/* An object or array of at most so many levels, of numbers, nulls and, where strings is set, anything scalar. */
static Jsonb *
record_document(const Jsonb *record, const char *key, bool array, int depth, bool strings)
{
	JsonbValue	value;

	if (!record_member(record, key, &value))
		return NULL;
	if (value.type != jbvBinary ||
		(array ? !JsonContainerIsArray(value.val.binary.data) || JsonContainerIsScalar(value.val.binary.data) :
		 !JsonContainerIsObject(value.val.binary.data)))
		record_lies(key, array ? "an array" : "an object");
	check_shape(value.val.binary.data, key, depth, strings);
	return JsonbValueToJsonb(&value);
}

/* Counts are numbers of rows. */
static void
check_counts(const Jsonb *group)
{
	static const char *const counts[] = {"rows", "training", "measured"};

	for (int i = 0; i < lengthof(counts); i++)
		(void) record_number(group, counts[i], 0, LEARN_MAX_ROWS);
}

/* A group's key has a value for each column. */
static void
check_group(JsonbValue *value, uint32 ncolumns)
{
	Jsonb	   *group;
	Jsonb	   *key;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		record_lies("groups", "a list of objects");
	group = JsonbValueToJsonb(value);
	key = record_document(group, "key", true, 1, true);
	if (key == NULL || JB_ROOT_COUNT(key) != ncolumns)
		record_lies("key", "of the columns of its groups");
	check_counts(group);
	pfree(key);
	pfree(group);
}

/* The metrics of groups. */
static void
check_groups(const Jsonb *groups)
{
	Jsonb	   *columns = record_document(groups, "columns", true, 1, true);
	Jsonb	   *each = record_document(groups, "each", true, 3, true);
	Jsonb	   *rest = record_document(groups, "rest", false, 1, true);

	if (columns == NULL || JB_ROOT_COUNT(columns) > MODEL_MAX_GROUP_COLUMNS)
		record_lies("columns", "a list of few columns");
	for (uint32 i = 0; i < JB_ROOT_COUNT(columns); i++)
		if (getIthJsonbValueFromContainer(&columns->root, i)->type != jbvString)
			record_lies("columns", "made of names");
	if (rest)
		check_counts(rest);
	if (each && JB_ROOT_COUNT(each) > MODEL_MAX_GROUPS)
		record_lies("groups", "a list of a size that is written");
	for (uint32 i = 0; each && i < JB_ROOT_COUNT(each); i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_group(getIthJsonbValueFromContainer(&each->root, i), JB_ROOT_COUNT(columns));
	}
}

/* Metrics have numbers, but for where they were measured, the baseline's name, and what tells groups. */
static void
check_metrics(const Jsonb *metrics)
{
	static const char *const parts[] = {"score", "train", "oob", "baseline"};
	Jsonb	   *groups = record_document(metrics, "groups", false, 4, true);

	(void) record_string(metrics, "measured_on", 100);
	for (int i = 0; i < lengthof(parts); i++)
		(void) record_document(metrics, parts[i], false, 1, true);
	if (groups)
		check_groups(groups);
}

/* Is a number a count that an integer can hold? */
static bool
in_int4_range(const JsonbValue *value)
{
	double		number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
															NumericGetDatum(value->val.numeric)));

	return number >= 0 && number <= PG_INT32_MAX;
}

/* A learning curve: arrays of a whole number and two numbers or nulls. */
static void
check_curve(const Jsonb *curve)
{
	uint32		n = JB_ROOT_COUNT(curve);

	for (uint32 i = 0; i < n; i++)
	{
		JsonbValue *point = getIthJsonbValueFromContainer(unconstify(JsonbContainer *, &curve->root), i);
		JsonbValue *rounds;

		CHECK_FOR_INTERRUPTS();
		if (point->type != jbvBinary || !JsonContainerIsArray(point->val.binary.data) ||
			JsonContainerSize(point->val.binary.data) != 3)
			record_lies("curve", "made of points");
		rounds = getIthJsonbValueFromContainer(point->val.binary.data, 0);
		if (rounds->type != jbvNumeric || !in_int4_range(rounds))
			record_lies("curve", "made of points");
		pfree(rounds);
		pfree(point);
	}
}

/* The notes that came with it, as they are. */
static List *
record_notes_list(const Jsonb *record)
{
	Jsonb	   *notes = record_document(record, "notes", true, 1, true);
	List	   *list = NIL;

	if (notes == NULL)
		return NIL;
	if (JB_ROOT_COUNT(notes) > MAX_NOTES)
		record_lies("notes", "a list of a size that is written");
	for (uint32 i = 0; i < JB_ROOT_COUNT(notes); i++)
	{
		JsonbValue *note = getIthJsonbValueFromContainer(&notes->root, i);

		if (note->type != jbvString)
			record_lies("notes", "made of strings");
		list = lappend(list, pnstrdup(note->val.string.val, note->val.string.len));
	}
	return list;
}

static void
record_context(void *arg)
{
	errcontext("reading the record of an exported model");
}

void
read_record(const ModelEnvelope *envelope, ImportedRecord *out)
{
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = record_context
	};
	char	   *text = pnstrdup(envelope->record, envelope->record_length);
	Jsonb	   *record;
	Jsonb	   *recipe;
	double		number;

	error_context_stack = &callback;
	text = pg_any_to_server(text, (int) envelope->record_length, PG_UTF8);
	if (pg_parse_json(json_lexer_compat(text, (int) strlen(text), GetDatabaseEncoding()), &nullSemAction) != JSON_SUCCESS)
		record_lies("record", "JSON");
	record = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	if (!JB_ROOT_IS_OBJECT(record))
		record_lies("record", "an object");
	out->model = record_string(record, "model", STORE_NAME_MAX * 4);
	number = record_number(record, "version", 1, INT32_MAX);
	out->version = isnan(number) ? 0 : (int32) number;
	out->relation = record_string(record, "relation", 1000);
	out->metric = record_string(record, "metric", 100);
	out->score = record_number(record, "score", -DBL_MAX, DBL_MAX);
	out->train_score = record_number(record, "train_score", -DBL_MAX, DBL_MAX);
	out->baseline = record_number(record, "baseline", -DBL_MAX, DBL_MAX);
	number = record_number(record, "rows_used", 0, LEARN_MAX_ROWS);
	out->rows_used = isnan(number) ? -1 : (int64) number;
	out->seconds = record_number(record, "seconds", 0, DBL_MAX);
	out->fingerprint = record_string(record, "fingerprint", 100);
	out->parameters = record_document(record, "parameters", false, 2, true);
	out->metrics = record_document(record, "metrics", false, 5, true);
	if (out->metrics != NULL)
		check_metrics(out->metrics);
	out->curve = record_document(record, "curve", true, 2, false);
	if (out->curve != NULL)
		check_curve(out->curve);
	recipe = record_document(record, "recipe", false, 16, true);
	if (recipe != NULL)
	{
		out->split = record_document(recipe, "split", false, 2, true);
		out->updates = record_document(recipe, "updates", true, 2, true);
	}
	out->notes = record_notes_list(record);
	error_context_stack = callback.previous;
}
