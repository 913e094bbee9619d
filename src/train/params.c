/*
 * params.c
 *		What is made from the table of training parameters (param_table.c): reading
 *		and checking of arguments, the learner's parameters, echolon_parameters().
 *
 * Arguments are found by their names in pg_proc, so the order of the SQL
 * signature is of no importance here.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/syscache.h"

#include "data/arguments.h"
#include "data/column.h"
#include "features/feature.h"
#include "function.h"
#include "train/param_table.h"

static const char *
param_type_name(ParamType type)
{
	switch (type)
	{
		case PTYPE_REGCLASS:
			return "regclass";
		case PTYPE_INTEGER:
			return "integer";
		case PTYPE_BIGINT:
			return "bigint";
		case PTYPE_FLOAT8:
			return "double precision";
		case PTYPE_BOOLEAN:
			return "boolean";
		case PTYPE_TEXT:
			return "text";
		case PTYPE_NAME:
			return "name";
		case PTYPE_NAMES:
			return "name[]";
		case PTYPE_NUMBER_OR_WORD:
			return "number or text";
	}
	return NULL;				/* keep compiler quiet */
}

/* A bound for people: integers without exponent, others as short as they go. */
static char *
bound_text(double bound)
{
	if (bound == rint(bound) && fabs(bound) < 1e10)
		return psprintf("%.0f", bound);
	return psprintf("%g", bound);
}

/* "1 to 100000", "above 0, at most 1", "sqrt, log2, all", or NULL where anything goes. */
static char *
param_range(const ParamDef *def)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (def->maximum > def->minimum && def->type != PTYPE_BIGINT)
	{
		if (def->open_minimum)
			appendStringInfo(&buf, "above %s, at most %s", bound_text(def->minimum), bound_text(def->maximum));
		else
			appendStringInfo(&buf, "%s to %s", bound_text(def->minimum), bound_text(def->maximum));
	}
	if (def->words)
	{
		char	   *words = pstrdup(def->words);
		char	   *save = NULL;

		if (buf.len > 0)
			appendStringInfoString(&buf, ", or ");
		for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
			appendStringInfo(&buf, "%s%s", word == words ? "" : ", ", word);
	}
	return buf.len > 0 ? buf.data : NULL;
}

/* Is word one of the space-separated words? */
static bool
word_in(const char *word, const char *words)
{
	size_t		length = strlen(word);

	if (length == 0 || strchr(word, ' ') != NULL)
		return false;
	for (const char *p = words; (p = strstr(p, word)) != NULL; p += length)
		if ((p == words || p[-1] == ' ') && (p[length] == ' ' || p[length] == '\0'))
			return true;
	return false;
}

pg_noreturn static void
range_error(const ParamDef *def, const char *given)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" is out of range", def->name),
			 errdetail("It is %s; allowed is %s.", given, param_range(def)),
			 errhint("SELECT * FROM echolon_parameters() lists every parameter with its range.")));
}

static void
check_number(const ParamDef *def, double number, const char *given)
{
	if (def->maximum <= def->minimum)
		return;
	if (def->type == PTYPE_INTEGER && def->words && word_in(given, def->words))
		return;					/* a number of a meaning of its own */
	if (isnan(number) || number > def->maximum || number < def->minimum ||
		(def->open_minimum && number <= def->minimum))
		range_error(def, given);
}

/* A word that is no number, checked against the allowed ones. */
static void
check_word(const ParamDef *def, const char *word)
{
	if (def->words && !word_in(word, def->words))
		range_error(def, psprintf("'%s'", word));
}

/* Is a parameter part of what a model is made from, and so of its recipe? */
static bool
param_in_recipe(int id)
{
	return id != PARAM_MODEL && id != PARAM_N_JOBS;
}

/* Fill in a text that stands for a parameter: a default, or a word of PTYPE_NUMBER_OR_WORD. */
static void
value_from_text(const ParamDef *def, const char *text, ParamValue *value)
{
	value->given = true;
	switch (def->type)
	{
		case PTYPE_INTEGER:
		case PTYPE_BIGINT:
			value->integer = strtoll(text, NULL, 10);
			value->number = (double) value->integer;
			break;
		case PTYPE_FLOAT8:
			value->number = strtod(text, NULL);
			break;
		case PTYPE_BOOLEAN:
			value->boolean = strcmp(text, "true") == 0;
			break;
		case PTYPE_NUMBER_OR_WORD:
			{
				char	   *end;
				double		number = strtod(text, &end);

				if (end != text && *end == '\0')
				{
					value->is_number = true;
					value->is_integral = strpbrk(text, ".eE") == NULL;
					value->number = number;
					check_number(def, number, text);
					break;
				}
				check_word(def, text);
			}
			/* FALLTHROUGH */
		default:
			value->word = pstrdup(text);
	}
}

/* An argument declared "any": a number of any type, or a text. */
static void
value_from_any(const ParamDef *def, Oid type, Datum datum, ParamValue *value)
{
	ColumnType	column;

	if (type == UNKNOWNOID)
	{
		value_from_text(def, DatumGetCString(datum), value);
		return;
	}
	if (type == TEXTOID || type == VARCHAROID)
	{
		value_from_text(def, TextDatumGetCString(datum), value);
		return;
	}
	if (!OidIsValid(type) || !column_type_resolve(type, &column) || column.kind != COLUMN_NUMBER ||
		column.basetype == INTERVALOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("parameter \"%s\" must be a number or a text", def->name),
				 errdetail("Its type is %s.", OidIsValid(type) ? format_type_be(type) : "not known")));
	value->given = true;
	value->is_number = true;
	value->is_integral = column.integral;
	value->number = column_number(&column, datum);
	check_number(def, value->number, float8out_internal(value->number));
}

void
params_defaults(LearnAlgorithm algorithm, ParamValues *values)
{
	int			function = algorithm == LEARN_FOREST ? IN_RF : IN_GB;

	memset(values, 0, sizeof(*values));
	values->algorithm = algorithm;
	for (int id = 0; id < PARAM_COUNT; id++)
	{
		const ParamDef *def = &param_defs[id];
		const char *fallback = algorithm == LEARN_FOREST ? def->rf_default : def->gb_default;

		if ((def->functions & function) != 0 && fallback)
			value_from_text(def, fallback, &values->value[id]);
	}
}

/* An array of names in a JSON object. */
static List *
json_names(const JsonbValue *array, const ParamDef *def, bool *good)
{
	JsonbContainer *container = array->type == jbvBinary ? array->val.binary.data : NULL;
	List	   *names = NIL;

	*good = container != NULL && JsonContainerIsArray(container);
	for (uint32 i = 0; *good && i < JsonContainerSize(container); i++)
	{
		JsonbValue *name = getIthJsonbValueFromContainer(container, i);

		*good = name->type == jbvString && name->val.string.len < NAMEDATALEN;
		if (*good)
			names = lappend(names, pnstrdup(name->val.string.val, name->val.string.len));
	}
	return names;
}

/* A parameter from a JSON value that is not null; false: it is of another type. */
static bool
value_from_json(const ParamDef *def, const JsonbValue *json, ParamValue *value)
{
	bool		number = json->type == jbvNumeric;
	bool		word = json->type == jbvString;
	bool		good = true;

	value->given = true;
	switch (def->type)
	{
		case PTYPE_REGCLASS:
			return false;
		case PTYPE_INTEGER:
		case PTYPE_BIGINT:
			if (!number)
				return false;
			value->integer = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(json->val.numeric)));
			value->number = (double) value->integer;
			check_number(def, value->number, psprintf(INT64_FORMAT, value->integer));
			return true;
		case PTYPE_NUMBER_OR_WORD:
		case PTYPE_FLOAT8:
			if (number)
			{
				value->is_number = true;
				value->number = numeric_to_double(NumericGetDatum(json->val.numeric));
				value->is_integral = value->number == rint(value->number);
				check_number(def, value->number, float8out_internal(value->number));
				return true;
			}
			if (def->type == PTYPE_FLOAT8)
				return false;
			/* FALLTHROUGH */
		case PTYPE_TEXT:
		case PTYPE_NAME:
			if (!word || (def->type == PTYPE_NAME && json->val.string.len >= NAMEDATALEN))
				return false;
			value->word = pnstrdup(json->val.string.val, json->val.string.len);
			check_word(def, value->word);
			return true;
		case PTYPE_BOOLEAN:
			value->boolean = json->type == jbvBool && json->val.boolean;
			return json->type == jbvBool;
		case PTYPE_NAMES:
			value->names = json_names(json, def, &good);
			return good;
	}
	return false;
}

void
params_from_json(const Jsonb *parameters, LearnAlgorithm algorithm, const char *whose, ParamValues *values)
{
	int			function = algorithm == LEARN_FOREST ? IN_RF : IN_GB;

	params_defaults(algorithm, values);
	if (parameters == NULL || !JB_ROOT_IS_OBJECT(parameters))
		return;
	for (int id = PARAM_FEATURES; id < PARAM_COUNT; id++)
	{
		const ParamDef *def = &param_defs[id];
		ParamValue *value = &values->value[id];
		JsonbValue	json;

		if ((def->functions & function) == 0 || !param_in_recipe(id) ||
			getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &parameters->root), def->name,
										 (int) strlen(def->name), &json) == NULL)
			continue;
		/* as an argument: what has a default is never without a value */
		if (json.type == jbvNull)
			continue;
		memset(value, 0, sizeof(*value));
		if (!value_from_json(def, &json, value))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("the recipe of %s has a parameter \"%s\" of a wrong type", whose, def->name),
					 errhint("Train the model again, or import it without its record.")));
	}
}

void
params_set_number(ParamValues *values, ParamId id, double number)
{
	const ParamDef *def = &param_defs[id];
	ParamValue *value = &values->value[id];

	check_number(def, number, float8out_internal(number));
	value->given = true;
	value->is_number = true;
	value->number = number;
	if (def->type == PTYPE_INTEGER || def->type == PTYPE_BIGINT)
		value->integer = (int64) number;
}

void
params_set_word(ParamValues *values, ParamId id, const char *word)
{
	check_word(&param_defs[id], word);
	values->value[id].given = true;
	values->value[id].is_number = false;
	values->value[id].word = word;
}

void
params_read(FunctionCallInfo fcinfo, LearnAlgorithm algorithm, ParamValues *values)
{
	int			function = algorithm == LEARN_FOREST ? IN_RF : IN_GB;
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			nargs;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	nargs = get_func_arg_info(tuple, &types, &names, &modes);
	ReleaseSysCache(tuple);

	params_defaults(algorithm, values);
	for (int id = 0; id < PARAM_COUNT; id++)
	{
		const ParamDef *def = &param_defs[id];
		ParamValue *value = &values->value[id];
		int			arg;

		if ((def->functions & function) == 0)
			continue;
		for (arg = 0; arg < nargs; arg++)
			if (names != NULL && strcmp(names[arg], def->name) == 0)
				break;
		if (arg >= fcinfo->nargs)
			function_outdated(fcinfo);
		if (fcinfo->args[arg].isnull)
			continue;

		Datum		datum = fcinfo->args[arg].value;

		memset(value, 0, sizeof(*value));
		value->given = true;
		switch (def->type)
		{
			case PTYPE_REGCLASS:
				value->relation = DatumGetObjectId(datum);
				break;
			case PTYPE_INTEGER:
				value->integer = DatumGetInt32(datum);
				value->number = (double) value->integer;
				check_number(def, value->number, psprintf(INT64_FORMAT, value->integer));
				break;
			case PTYPE_BIGINT:
				value->integer = DatumGetInt64(datum);
				value->number = (double) value->integer;
				break;
			case PTYPE_FLOAT8:
				value->number = DatumGetFloat8(datum);
				check_number(def, value->number, float8out_internal(value->number));
				break;
			case PTYPE_BOOLEAN:
				value->boolean = DatumGetBool(datum);
				break;
			case PTYPE_TEXT:
				value->word = text_to_cstring(DatumGetTextPP(datum));
				check_word(def, value->word);
				break;
			case PTYPE_NAME:
				value->word = pstrdup(NameStr(*DatumGetName(datum)));
				break;
			case PTYPE_NAMES:
				value->names = argument_names(DatumGetArrayTypeP(datum), def->name);
				break;
			case PTYPE_NUMBER_OR_WORD:
				value_from_any(def, get_fn_expr_argtype(fcinfo->flinfo, arg), datum, value);
				break;
		}
	}

	if (!values->value[PARAM_RELATION].given || !values->value[PARAM_TARGET].given)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"%s\" must not be NULL",
						values->value[PARAM_RELATION].given ? "target" : "relation")));
}

/* How many features are drawn for a split: a count, a fraction or a word, never below 1. */
static uint32
resolve_max_features(const ParamValue *value, LearnAlgorithm algorithm, uint32 nfeatures, uint32 nclasses)
{
	double		wanted;

	if (!value->given)
	{
		if (algorithm == LEARN_BOOSTING)
			wanted = nfeatures;
		else
			wanted = nclasses == 0 ? nfeatures / 3.0 : sqrt(nfeatures);
	}
	else if (value->is_number)
	{
		if (value->is_integral && value->number > nfeatures)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"max_features\" is out of range"),
					 errdetail("It is %.0f, and there are %u features.", value->number, nfeatures),
					 errhint("Give a count up to %u, or a fraction such as 0.33.", nfeatures)));
		if (!value->is_integral && value->number > 1.0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"max_features\" is out of range"),
					 errdetail("It is %g; a number with a decimal point is a fraction, above 0 and at most 1.",
							   value->number),
					 errhint("Give an integer for a count of features.")));
		wanted = value->is_integral ? value->number : value->number * nfeatures;
	}
	else if (strcmp(value->word, "sqrt") == 0)
		wanted = sqrt(nfeatures);
	else if (strcmp(value->word, "log2") == 0)
	{
		/* the C library's log2 is exact enough for a whole number, but not the same everywhere */
		wanted = 0;
		while ((nfeatures >> (int) (wanted + 1)) > 0)
			wanted++;
	}
	else
		wanted = nfeatures;
	return wanted < 1 ? 1 : (uint32) wanted;
}

pg_noreturn static void
word_does_not_fit(ParamId id, const char *word, const char *what, const char *instead)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" does not fit: '%s'", param_defs[id].name, word),
			 errdetail("This is %s.", what),
			 errhint("Use %s, or leave it out.", instead)));
}

static LearnLoss
resolve_loss(const ParamValue *value, uint32 nclasses)
{
	static const char *const words[] = {"squared_error", "absolute_error", "quantile", "huber", "poisson"};
	const char *word = value->given ? value->word : nclasses > 0 ? "log_loss" : "squared_error";

	if (nclasses > 0)
	{
		if (strcmp(word, "log_loss") != 0)
			word_does_not_fit(PARAM_LOSS, word, "a classification", "'log_loss'");
		return nclasses == 2 ? LOSS_LOGISTIC : LOSS_SOFTMAX;
	}
	for (int i = 0; i < lengthof(words); i++)
		if (strcmp(word, words[i]) == 0)
			return (LearnLoss) (LOSS_SQUARED_ERROR + i);
	word_does_not_fit(PARAM_LOSS, word, "a regression",
					  "'squared_error', 'absolute_error', 'quantile', 'huber' or 'poisson'");
}

static LearnCriterion
resolve_criterion(const ParamValue *value, LearnAlgorithm algorithm, uint32 nclasses)
{
	const char *word = value->given ? value->word : NULL;

	if (algorithm == LEARN_BOOSTING)
	{
		if (word == NULL || strcmp(word, "newton") == 0)
			return CRITERION_NEWTON;
		if (strcmp(word, "friedman_mse") == 0)
			return CRITERION_FRIEDMAN_MSE;
		word_does_not_fit(PARAM_CRITERION, word, "boosting", "'newton' or 'friedman_mse'");
	}
	if (nclasses > 0)
	{
		if (word == NULL || strcmp(word, "gini") == 0)
			return CRITERION_GINI;
		if (strcmp(word, "entropy") == 0)
			return CRITERION_ENTROPY;
		word_does_not_fit(PARAM_CRITERION, word, "a forest for classes", "'gini' or 'entropy'");
	}
	if (word == NULL || strcmp(word, "squared_error") == 0)
		return CRITERION_SQUARED_ERROR;
	word_does_not_fit(PARAM_CRITERION, word, "a forest for numbers", "'squared_error'");
}

void
params_resolve(const ParamValues *values, uint32 nfeatures, uint32 nclasses, LearnParams *params)
{
	const ParamValue *v = values->value;
	bool		boosting = values->algorithm == LEARN_BOOSTING;

	memset(params, 0, sizeof(*params));
	params->algorithm = values->algorithm;
	params->n_estimators = (uint32) v[PARAM_N_ESTIMATORS].integer;
	params->max_depth = (uint32) v[PARAM_MAX_DEPTH].integer;	/* 0 where not given */
	params->max_leaf_nodes = (uint32) v[PARAM_MAX_LEAF_NODES].integer;
	params->max_features = resolve_max_features(&v[PARAM_MAX_FEATURES], values->algorithm, nfeatures, nclasses);
	params->min_samples_leaf = (uint32) v[PARAM_MIN_SAMPLES_LEAF].integer;
	params->min_samples_split = (uint32) v[PARAM_MIN_SAMPLES_SPLIT].integer;
	params->bootstrap = v[PARAM_BOOTSTRAP].boolean;
	params->max_samples = boosting ? 1.0 : v[PARAM_MAX_SAMPLES].number;
	params->learning_rate = boosting ? v[PARAM_LEARNING_RATE].number : 1.0;
	params->subsample = boosting ? v[PARAM_SUBSAMPLE].number : 1.0;
	params->l2_regularization = v[PARAM_L2_REGULARIZATION].number;
	if (boosting)
		params->loss = resolve_loss(&v[PARAM_LOSS], nclasses);
	params->quantile = boosting ? v[PARAM_QUANTILE].number : 0.5;
	params->criterion = resolve_criterion(&v[PARAM_CRITERION], values->algorithm, nclasses);
	params->split_rule = !boosting && strcmp(v[PARAM_SPLIT_RULE].word, "random") == 0 ? SPLIT_RANDOM : SPLIT_BEST;
	params->early_stopping_rounds = (uint32) v[PARAM_EARLY_STOPPING_ROUNDS].integer;
	params->max_bins = (uint32) v[PARAM_MAX_BINS].integer;
	params->seed = (uint64) v[PARAM_SEED].integer;
}

void
params_json(const ParamValues *values, const LearnParams *params, StringInfo out)
{
	static const char *const losses[] = {"squared_error", "absolute_error", "quantile", "huber",
	"poisson", "log_loss", "log_loss"};
	static const char *const criteria[] = {"squared_error", "gini", "entropy", "newton", "friedman_mse"};
	int			function = values->algorithm == LEARN_FOREST ? IN_RF : IN_GB;
	bool		first = true;

	appendStringInfoChar(out, '{');
	for (int id = PARAM_FEATURES; id < PARAM_COUNT; id++)
	{
		const ParamDef *def = &param_defs[id];
		const ParamValue *value = &values->value[id];

		if ((def->functions & function) == 0 || !param_in_recipe(id))
			continue;
		appendStringInfo(out, "%s\"%s\": ", first ? "" : ", ", def->name);
		first = false;
		/* what was resolved stands as it was used */
		if (id == PARAM_MAX_FEATURES)
			appendStringInfo(out, "%u", params->max_features);
		else if (id == PARAM_LOSS)
			json_string(out, losses[params->loss]);
		else if (id == PARAM_CRITERION)
			json_string(out, criteria[params->criterion]);
		else if (!value->given)
			appendStringInfoString(out, "null");
		else if (def->type == PTYPE_INTEGER || def->type == PTYPE_BIGINT)
			appendStringInfo(out, INT64_FORMAT, value->integer);
		else if (def->type == PTYPE_FLOAT8 || (def->type == PTYPE_NUMBER_OR_WORD && value->is_number))
			json_number(out, value->number);
		else if (def->type == PTYPE_BOOLEAN)
			appendStringInfoString(out, value->boolean ? "true" : "false");
		else if (def->type == PTYPE_NAMES)
		{
			ListCell   *cell;

			appendStringInfoChar(out, '[');
			foreach(cell, value->names)
			{
				if (cell != list_head(value->names))
					appendStringInfoString(out, ", ");
				json_string(out, lfirst(cell));
			}
			appendStringInfoChar(out, ']');
		}
		else
			json_string(out, value->word);
	}
	appendStringInfoChar(out, '}');
}

PG_FUNCTION_INFO_V1(echolon_parameters);

/* One row of echolon_parameters(). */
static void
put_parameter(ReturnSetInfo *result, const char *const texts[9])
{
	Datum		row[9];
	bool		nulls[9];

	for (int i = 0; i < 9; i++)
	{
		nulls[i] = texts[i] == NULL;
		row[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
}

/* The parameters of a training function, from the table above. */
static void
put_training_parameters(ReturnSetInfo *result, const char *name, int function)
{
	for (int id = 0; id < PARAM_COUNT; id++)
	{
		const ParamDef *def = &param_defs[id];

		if ((def->functions & function) == 0)
			continue;
		put_parameter(result, (const char *const[9])
					  {
						  name, def->name, param_type_name(def->type),
						  function == IN_RF ? def->rf_default : def->gb_default, param_range(def),
						  def->meaning, def->scikit_learn, def->lightgbm, def->xgboost
					  });
	}
}

/* The parameters of echolon_create_features, from the table of that room. */
static void
put_feature_parameters(ReturnSetInfo *result, const char *name)
{
	int			n;
	const FeatureParameter *parameters = feature_parameters(&n);

	for (int i = 0; i < n; i++)
		put_parameter(result, (const char *const[9])
					  {
						  name, parameters[i].name, parameters[i].type, parameters[i].fallback,
						  parameters[i].range, parameters[i].meaning, parameters[i].scikit_learn, NULL, NULL
					  });
}

/*
 * echolon_parameters(function text): one row a parameter, of the functions that have many or of the one
 * named.
 */
Datum
echolon_parameters(PG_FUNCTION_ARGS)
{
	static const char *const functions[] = {"echolon_train_rf", "echolon_train_gb", "echolon_create_features"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *only = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		known = only == NULL;

	for (int f = 0; f < lengthof(functions); f++)
		known = known || strcmp(only, functions[f]) == 0;
	if (!known)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("function \"%s\" has no list of parameters", only),
				 errhint("Use 'echolon_train_rf', 'echolon_train_gb' or 'echolon_create_features', or nothing for all.")));

	InitMaterializedSRF(fcinfo, 0);
	if (only == NULL || strcmp(only, functions[0]) == 0)
		put_training_parameters(result, functions[0], IN_RF);
	if (only == NULL || strcmp(only, functions[1]) == 0)
		put_training_parameters(result, functions[1], IN_GB);
	if (only == NULL || strcmp(only, functions[2]) == 0)
		put_feature_parameters(result, functions[2]);
	return (Datum) 0;
}
