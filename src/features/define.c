/*
 * define.c
 *		The parameters of a feature set as a document, and back.
 *
 * A set is stored as names, words and numbers, never as SQL: what is executed is made from
 * them anew (expand.c, view.c).  One table says which member of FeatureParams has which key.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/float.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "data/column.h"
#include "features/define.h"

typedef enum MemberType
{
	MEMBER_TEXT,
	MEMBER_TEXTS,				/* List of char * */
	MEMBER_INTEGER,
	MEMBER_INTEGERS,			/* List of integers */
	MEMBER_NUMBER,
	MEMBER_BOOLEAN
} MemberType;

typedef struct Member
{
	const char *key;
	MemberType	type;
	size_t		offset;
} Member;

#define MEMBER(name, type) {#name, type, offsetof(FeatureParams, name)}

/* All but engagement_weights, whose length is a member of its own. */
static const Member members[] = {
	MEMBER(columns, MEMBER_TEXTS),
	MEMBER(date_column, MEMBER_TEXT),
	MEMBER(date_kind, MEMBER_INTEGER),
	MEMBER(zone, MEMBER_TEXT),
	MEMBER(numeric, MEMBER_TEXTS),
	MEMBER(category, MEMBER_TEXTS),
	MEMBER(group_by, MEMBER_TEXTS),
	MEMBER(order_by, MEMBER_TEXTS),
	MEMBER(order_unique, MEMBER_BOOLEAN),
	MEMBER(target, MEMBER_TEXT),
	MEMBER(families, MEMBER_TEXTS),
	MEMBER(windows, MEMBER_TEXTS),
	MEMBER(lags, MEMBER_INTEGERS),
	MEMBER(statistics, MEMBER_TEXTS),
	MEMBER(ewma_spans, MEMBER_INTEGERS),
	MEMBER(running, MEMBER_TEXTS),
	MEMBER(horizon, MEMBER_INTEGER),
	MEMBER(target_horizon, MEMBER_INTEGER),
	MEMBER(min_periods, MEMBER_INTEGER),
	MEMBER(fill, MEMBER_TEXT),
	MEMBER(interactions, MEMBER_TEXTS),
	MEMBER(interaction_degree, MEMBER_INTEGER),
	MEMBER(polynomial_degree, MEMBER_INTEGER),
	MEMBER(encodings, MEMBER_TEXTS),
	MEMBER(levels, MEMBER_TEXTS),
	MEMBER(scalings, MEMBER_TEXTS),
	MEMBER(buckets, MEMBER_INTEGER),
	MEMBER(revenue_column, MEMBER_TEXT),
	MEMBER(engagement_columns, MEMBER_TEXTS),
	MEMBER(recency_column, MEMBER_TEXT),
	MEMBER(high_value_percentile, MEMBER_NUMBER),
	MEMBER(churn_days, MEMBER_INTEGERS)
};

#define WEIGHTS_KEY "engagement_weights"

static const char *const family_names[NFAMILIES] = {
	"temporal", "rolling", "interaction", "categorical", "business", "polynomial", "scaling", "period"
};

const char *
feature_family_name(FeatureFamily family)
{
	return family_names[family];
}

const Feature *
feature_find(const FeatureSet *set, const char *name)
{
	for (int i = 0; i < set->nfeatures; i++)
		if (strcmp(set->features[i].name, name) == 0)
			return &set->features[i];
	return NULL;
}

/* ---- writing -------------------------------------------------------------------- */

/* Append one member's value. */
static void
write_member(StringInfo out, const Member *member, const FeatureParams *params)
{
	const char *place = (const char *) params + member->offset;
	ListCell   *cell;

	switch (member->type)
	{
		case MEMBER_TEXT:
			if (*(char *const *) place == NULL)
				appendStringInfoString(out, "null");
			else
				escape_json(out, *(char *const *) place);
			break;
		case MEMBER_TEXTS:
			appendStringInfoChar(out, '[');
			foreach(cell, *(List *const *) place)
			{
				if (cell != list_head(*(List *const *) place))
					appendStringInfoString(out, ", ");
				escape_json(out, lfirst(cell));
			}
			appendStringInfoChar(out, ']');
			break;
		case MEMBER_INTEGER:
			appendStringInfo(out, "%d", *(const int *) place);
			break;
		case MEMBER_INTEGERS:
			appendStringInfoChar(out, '[');
			foreach(cell, *(List *const *) place)
				appendStringInfo(out, "%s%d", cell == list_head(*(List *const *) place) ? "" : ", ", lfirst_int(cell));
			appendStringInfoChar(out, ']');
			break;
		case MEMBER_NUMBER:
			appendStringInfo(out, "%.17g", *(const double *) place);
			break;
		case MEMBER_BOOLEAN:
			appendStringInfoString(out, *(const bool *) place ? "true" : "false");
			break;
	}
}

Jsonb *
feature_params_write(const FeatureParams *params)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	for (int i = 0; i < lengthof(members); i++)
	{
		appendStringInfo(&out, "\"%s\": ", members[i].key);
		write_member(&out, &members[i], params);
		appendStringInfoString(&out, ", ");
	}
	appendStringInfoString(&out, "\"" WEIGHTS_KEY "\": [");
	for (int i = 0; i < params->nweights; i++)
		appendStringInfo(&out, "%s%.17g", i == 0 ? "" : ", ", params->engagement_weights[i]);
	appendStringInfoString(&out, "]}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

/* ---- reading -------------------------------------------------------------------- */

/* Raise that a stored definition is not what was written. */
static _Noreturn void
definition_damaged(const char *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the stored definition of a feature set is damaged"),
			 errdetail("\"%s\" is missing, or is not what it must be.", key)));
}

static double
read_number(const JsonbValue *value, const char *key)
{
	if (value == NULL || value->type != jbvNumeric)
		definition_damaged(key);
	return numeric_to_double(NumericGetDatum(value->val.numeric));
}

static int
read_integer(const JsonbValue *value, const char *key)
{
	double		number = read_number(value, key);

	if (!(number >= 0 && number <= ROLLING_MAX_ROWS) || number != (int) number)
		definition_damaged(key);
	return (int) number;
}

static char *
read_text(const JsonbValue *value, const char *key)
{
	if (value == NULL || value->type != jbvString)
		definition_damaged(key);
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* Into *place what stands under a member's key. */
static void
read_member(const Member *member, const JsonbValue *value, char *place)
{
	JsonbContainer *array;

	switch (member->type)
	{
		case MEMBER_TEXT:
			if (value != NULL && value->type == jbvNull)
				*(char **) place = NULL;
			else
				*(char **) place = read_text(value, member->key);
			return;
		case MEMBER_INTEGER:
			*(int *) place = read_integer(value, member->key);
			return;
		case MEMBER_NUMBER:
			*(double *) place = read_number(value, member->key);
			return;
		case MEMBER_BOOLEAN:
			if (value == NULL || value->type != jbvBool)
				definition_damaged(member->key);
			*(bool *) place = value->val.boolean;
			return;
		case MEMBER_TEXTS:
		case MEMBER_INTEGERS:
			break;
	}
	if (value == NULL || value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		definition_damaged(member->key);
	array = value->val.binary.data;
	for (uint32 i = 0; i < JsonContainerSize(array); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(array, i);
		List	  **list = (List **) place;

		if (member->type == MEMBER_TEXTS)
			*list = lappend(*list, read_text(element, member->key));
		else
			*list = lappend_int(*list, read_integer(element, member->key));
	}
}

FeatureParams *
feature_params_read(Jsonb *definition)
{
	FeatureParams *params = palloc0(sizeof(FeatureParams));
	JsonbValue	value;
	const JsonbValue *weights;

	if (!JB_ROOT_IS_OBJECT(definition))
		definition_damaged("definition");
	for (int i = 0; i < lengthof(members); i++)
		read_member(&members[i],
					getKeyJsonValueFromContainer(&definition->root, members[i].key,
												 strlen(members[i].key), &value),
					(char *) params + members[i].offset);

	weights = getKeyJsonValueFromContainer(&definition->root, WEIGHTS_KEY, strlen(WEIGHTS_KEY), &value);
	if (weights == NULL || weights->type != jbvBinary || !JsonContainerIsArray(weights->val.binary.data))
		definition_damaged(WEIGHTS_KEY);
	params->nweights = JsonContainerSize(weights->val.binary.data);
	params->engagement_weights = palloc(sizeof(double) * Max(params->nweights, 1));
	for (int i = 0; i < params->nweights; i++)
		params->engagement_weights[i] =
			read_number(getIthJsonbValueFromContainer(weights->val.binary.data, i), WEIGHTS_KEY);
	if (params->nweights != 0 && params->nweights != list_length(params->engagement_columns))
		definition_damaged(WEIGHTS_KEY);
	if (list_length(params->churn_days) != 2)
		definition_damaged("churn_days");
	if (list_length(params->levels) % 2 != 0)
		definition_damaged("levels");
	return params;
}

/* ---- a set ------------------------------------------------------------------------ */

FeatureSet *
feature_set_read(const char *name, const char *relation, Jsonb *definition)
{
	FeatureSet *set = palloc0(sizeof(FeatureSet));
	FeatureParams *params = feature_params_read(definition);

	set->name = pstrdup(name);
	set->relation = pstrdup(relation);
	set->definition = definition;
	set->columns = params->columns;
	set->date_column = params->date_column;
	set->zone = params->zone;
	set->numeric = params->numeric;
	set->category = params->category;
	set->group_by = params->group_by;
	set->order_by = params->order_by;
	set->order_unique = params->order_unique;
	set->target = params->target;
	set->fill = params->fill != NULL;
	set->date_kind = (ColumnKind) params->date_kind;
	feature_set_expand(set, params);
	return set;
}

void
feature_fitted_columns(const FeatureSet *set, List **numbers, List **categories)
{
	*numbers = NIL;
	*categories = NIL;
	for (int i = 0; i < set->nfeatures; i++)
	{
		const Feature *feature = &set->features[i];
		List	  **list = feature->family == FAMILY_CATEGORICAL ? categories : numbers;
		ListCell   *cell;

		if (!feature->fitted)
			continue;
		foreach(cell, feature->sources)
			if (!name_in(*list, lfirst(cell)))
				*list = lappend(*list, lfirst(cell));
	}
}
