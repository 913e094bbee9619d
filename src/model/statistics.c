/*
 * statistics.c
 *		What the record of a version says of it in numbers, for views (statistics.sql): the importance of
 *		features, computed from the bytes once, when they are stored, and a reader of JSON numbers.
 *
 * Source of the importance: Breiman, Friedman, Olshen, Stone, Classification and Regression Trees (1984).
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "function.h"
#include "model/model.h"

PG_FUNCTION_INFO_V1(echolon_json_number);

/* By importance, then by splits, then by their order in the model. */
static int
feature_compare(const void *a, const void *b)
{
	const FeatureRank *x = a;
	const FeatureRank *y = b;

	if (x->importance != y->importance)
		return x->importance > y->importance ? -1 : 1;
	if (x->splits != y->splits)
		return x->splits > y->splits ? -1 : 1;
	return (x->feature > y->feature) - (x->feature < y->feature);
}

/* Weight of the training rows of a model: of the root of its first tree. */
static double
training_weight(const LearnModel *model)
{
	return model->covers[model->tree_first[0]];
}

/* Add a model's shares of its total gain, times weight. */
static void
add_shares(const LearnModel *model, double weight, FeatureRank *ranks)
{
	double		total = 0.0;

	for (uint32 f = 0; f < model->nfeatures; f++)
		total += model->gain[f];
	for (uint32 f = 0; f < model->nfeatures; f++)
	{
		ranks[f].splits += model->splits[f];
		ranks[f].importance += total > 0.0 ? weight * (model->gain[f] / total) : 0.0;
	}
}

FeatureRank *
model_ranks(const ModelFile *file)
{
	const ModelGroups *groups = file->groups;
	FeatureRank *ranks = palloc0(mul_size(Max(file->nfeatures, 1), sizeof(FeatureRank)));
	double		total = 0.0;

	for (uint32 f = 0; f < file->nfeatures; f++)
		ranks[f].feature = f;
	/* of groups the mean of their models, each as heavy as its rows: gains of different targets do not add up */
	for (uint32 g = 0; groups && g < groups->ngroups; g++)
		total += training_weight(&groups->models[g].learn);
	if (total > 0.0)
		for (uint32 g = 0; g < groups->ngroups; g++)
			add_shares(&groups->models[g].learn, training_weight(&groups->models[g].learn) / total, ranks);
	else
		add_shares(&file->learn, 1.0, ranks);
	qsort(ranks, file->nfeatures, sizeof(FeatureRank), feature_compare);
	return ranks;
}

char *
model_feature_name(const ModelFile *file, uint32 feature)
{
	const char *name = file->features[feature].name;

	return pg_any_to_server(name, (int) strlen(name), PG_UTF8);
}

/* A number as JSON has it, to its last bit; gains are finite, and so are their shares. */
static JsonbValue
json_share(double value)
{
	return (JsonbValue)
	{
		.type = jbvNumeric,
		.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(float8out_internal(value)),
														   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)))
	};
}

/* [[feature, importance, splits], ...], the most important first. */
Jsonb *
model_importance(const ModelFile *file)
{
	FeatureRank *ranks = model_ranks(file);
	JsonbParseState *parse = NULL;

	pushJsonbValue(&parse, WJB_BEGIN_ARRAY, NULL);
	for (uint32 i = 0; i < file->nfeatures; i++)
	{
		char	   *name = model_feature_name(file, ranks[i].feature);
		JsonbValue	feature = {.type = jbvString, .val.string = {.len = (int) strlen(name), .val = name}};
		JsonbValue	share = json_share(ranks[i].importance);
		JsonbValue	splits = {
			.type = jbvNumeric,
			.val.numeric = int64_to_numeric((int64) ranks[i].splits)
		};

		pushJsonbValue(&parse, WJB_BEGIN_ARRAY, NULL);
		pushJsonbValue(&parse, WJB_ELEM, &feature);
		pushJsonbValue(&parse, WJB_ELEM, &share);
		pushJsonbValue(&parse, WJB_ELEM, &splits);
		pushJsonbValue(&parse, WJB_END_ARRAY, NULL);
	}
	return JsonbValueToJsonb(pushJsonbValue(&parse, WJB_END_ARRAY, NULL));
}

/* echolon.json_number(jsonb): a finite number; NULL is anything else, so that no record can make a view fail. */
Datum
echolon_json_number(PG_FUNCTION_ARGS)
{
	Jsonb	   *json = PG_GETARG_JSONB_P(0);
	JsonbValue	value;
	double		number;

	if (!JsonbExtractScalar(&json->root, &value) || value.type != jbvNumeric)
		PG_RETURN_NULL();
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value.val.numeric)));
	if (!isfinite(number))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(number);
}
