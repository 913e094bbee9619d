/*
 * predict.c
 *		The SQL-callable prediction functions: by a model's name or its bytes, from a row or a
 *		document, for a value, a class or probabilities.
 *
 * All twelve are one function with three switches.  What a call finds out is kept in
 * fn_extra, in two layers that are thrown away separately:
 *
 *	the model	by name: looked up again, with its rights, whenever the active snapshot or the user
 *				differs (lookup.h).  The model itself is kept as long as the digest of what is found is the
 *				same.
 *				by bytes: kept while the argument is a constant, or the same stored value by its TOAST
 *				pointer, or the same bytes.
 *	the row type	compared at each call by (type, typmod, version of the type), because UNION ALL of
 *				ROWs and PL/pgSQL change it within one call site.
 *
 * Nothing here writes anything, and every function is parallel safe.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "common/shortest_dec.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "compat.h"
#include "data/row.h"
#include "function.h"
#include "learn/metrics.h"
#include "model/lookup.h"
#include "predict/encoder_parts.h"

/* Where the model comes from, what it predicts from, and what is asked for. */
typedef enum PredictSource
{
	FROM_NAME,
	FROM_BYTES
} PredictSource;

typedef enum PredictInput
{
	INPUT_ROW,
	INPUT_JSON
} PredictInput;

typedef enum PredictOutput
{
	OUTPUT_VALUE,				/* float8 */
	OUTPUT_CLASS,				/* text */
	OUTPUT_PROBA,				/* jsonb */
	OUTPUT_PROBA_LABEL			/* float8 */
} PredictOutput;

/* A call site's memory, in fn_extra; allocated in fn_mcxt. */
typedef struct PredictState
{
	/* by name; valid while model is not NULL */
	LookupStamp stamp;
	int32		version;		/* asked for; 0: the active one */
	int			name_length;
	uint8		digest[16];

	/* by bytes */
	bool		constant;		/* the argument is a constant: never look again */
	bool		has_pointer;	/* it was a stored value: */
	struct varatt_external pointer;
	Size		length;			/* else it is compared with our copy */
	const void *place;			/* where its value lay */
	uint8	   *bytes;			/* our copy; NULL where one of the above tells it */

	/* the model; all of this lies in model_context */
	MemoryContext model_context;
	const CachedModel *model;	/* NULL: none yet */
	char	   *name;			/* NULL: by bytes */
	char	   *title;			/* for messages */
	double	   *label_numbers;	/* numeric_labels: their values */
	double	   *x;
	uint32_t   *codes;
	double	   *out;

	InputRow	row;			/* its context lies within model_context, and holds the encoder */
	Encoder    *encoder;		/* NULL: none yet */
} PredictState;

PG_FUNCTION_INFO_V1(echolon_predict);
PG_FUNCTION_INFO_V1(echolon_predict_class);
PG_FUNCTION_INFO_V1(echolon_predict_proba);
PG_FUNCTION_INFO_V1(echolon_predict_proba_label);
PG_FUNCTION_INFO_V1(echolon_predict_json);
PG_FUNCTION_INFO_V1(echolon_predict_json_class);
PG_FUNCTION_INFO_V1(echolon_predict_json_proba);
PG_FUNCTION_INFO_V1(echolon_predict_json_proba_label);
PG_FUNCTION_INFO_V1(echolon_predict_model);
PG_FUNCTION_INFO_V1(echolon_predict_model_class);
PG_FUNCTION_INFO_V1(echolon_predict_model_proba);
PG_FUNCTION_INFO_V1(echolon_predict_model_proba_label);

/* ---- state ------------------------------------------------------------------- */

static PredictState *
predict_state(FunctionCallInfo fcinfo)
{
	PredictState *state = fcinfo->flinfo->fn_extra;

	if (state == NULL)
	{
		state = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(PredictState));
		state->model_context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt,
													 "echolon prediction", ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = state;
	}
	return state;
}

/*
 * Forget the model and all that hangs on it; its pin in the cache goes with the context.  What an
 * error in the middle of predict_adopt leaves behind is swept up here too.
 */
static void
predict_forget(PredictState *state)
{
	state->model = NULL;
	state->encoder = NULL;
	memset(&state->row, 0, sizeof(state->row));
	state->bytes = NULL;
	state->constant = false;
	state->has_pointer = false;
	state->place = NULL;
	MemoryContextReset(state->model_context);
}

double *
predict_label_numbers(const CachedModel *model)
{
	const ModelFile *file = &model->file;
	double	   *numbers;

	if (file->task != TASK_CLASSIFICATION || !file->numeric_labels)
		return NULL;
	numbers = palloc(mul_size(sizeof(double), file->nlabels));
	for (uint32 k = 0; k < file->nlabels; k++)
		numbers[k] = DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(model->labels[k])));
	return numbers;
}

/* Make room for predictions of a model that lies in model_context; name NULL: by bytes. */
static void
predict_adopt(PredictState *state, const CachedModel *model, const char *name)
{
	MemoryContext caller = MemoryContextSwitchTo(state->model_context);
	const ModelFile *file = &model->file;

	state->name = name ? pstrdup(name) : NULL;
	state->title = name ? psprintf("model \"%s\"", name) : pstrdup("the model");
	state->x = palloc(mul_size(sizeof(double), Max(file->nfeatures, 1)));
	state->codes = palloc(mul_size(sizeof(uint32_t), Max(file->nfeatures, 1)));
	state->out = palloc(mul_size(sizeof(double), learn_noutputs(&file->learn)));
	state->label_numbers = predict_label_numbers(model);
	MemoryContextSwitchTo(caller);
	state->model = model;		/* last: an error above leaves no half state */
}

/* ---- which model --------------------------------------------------------------- */

/* The model of that name as this statement sees it.  Raises what store_lookup raises. */
static void
predict_by_name(PredictState *state, text *name, int32 version)
{
	LookupStamp stamp;
	int			length = VARSIZE_ANY_EXHDR(name);
	bool		same_name;
	char	   *wanted;
	ModelVersion *found;

	lookup_stamp(&stamp);
	same_name = state->model != NULL && state->name_length == length &&
		memcmp(state->name, VARDATA_ANY(name), length) == 0;
	if (same_name && state->version == version && lookup_same(&state->stamp, &stamp))
		return;

	wanted = text_to_cstring(name);
	found = store_lookup(wanted, version, MODEL_PREDICT);
	if (!same_name || memcmp(state->digest, found->digest, sizeof(state->digest)) != 0)
	{
		predict_forget(state);
		predict_adopt(state, cache_get(found, state->model_context), wanted);
		state->name_length = length;
		memcpy(state->digest, found->digest, sizeof(state->digest));
	}
	state->version = version;
	lookup_keep(&state->stamp, &stamp);
	pfree(wanted);
}

/* The expression of the first argument, where the call has one. */
static Node *
predict_model_argument(FunctionCallInfo fcinfo)
{
	Node	   *call = fcinfo->flinfo->fn_expr;

	if (call == NULL || !IsA(call, FuncExpr) || ((FuncExpr *) call)->args == NIL)
		return NULL;
	return linitial(((FuncExpr *) call)->args);
}

/* So many bytes of a model hold its header, with length and checksum. */
#define HEADER_COMPARED 64

/*
 * The model in a bytea argument.  A parameter is not as good as a constant: PL/pgSQL's variables
 * are parameters too, and change under one fn_extra.  But a value that still lies at the same
 * place, has the same length and the same header, with its checksum of all bytes, is taken for
 * the same: comparing a forest of 100 MB takes 20 ms a row.
 */
static void
predict_by_bytes(PredictState *state, FunctionCallInfo fcinfo)
{
	struct varlena *raw = (struct varlena *) DatumGetPointer(PG_GETARG_DATUM(0));
	struct varatt_external pointer;
	bool		stored = VARATT_IS_EXTERNAL_ONDISK(raw);
	struct varlena *value;
	const uint8 *bytes;
	Size		length;

	if (state->model != NULL && state->constant)
		return;
	if (stored)
	{
		VARATT_EXTERNAL_GET_POINTER(pointer, raw);
		if (state->model != NULL && state->has_pointer &&
			memcmp(&state->pointer, &pointer, sizeof(pointer)) == 0)
			return;
	}

	value = pg_detoast_datum_packed(raw);
	bytes = (const uint8 *) VARDATA_ANY(value);
	length = VARSIZE_ANY_EXHDR(value);
	if (state->model == NULL || state->bytes == NULL || state->length != length ||
		memcmp(state->bytes, bytes,
			   state->place == bytes ? Min(length, HEADER_COMPARED) : length) != 0)
	{
		Node	   *argument = predict_model_argument(fcinfo);
		const CachedModel *model;

		predict_forget(state);
		model = cache_load_bytes(bytes, length, state->model_context);
		state->constant = argument != NULL && IsA(argument, Const);
		if (!state->constant && !stored)
		{
			state->bytes = MemoryContextAllocHuge(state->model_context, Max(length, 1));
			memcpy(state->bytes, bytes, length);
			state->length = length;
		}
		predict_adopt(state, model, NULL);
	}
	/* A detoasted copy goes away, and its place may be another value's the next time. */
	state->place = value == raw ? bytes : NULL;
	state->has_pointer = stored;
	if (stored)
		state->pointer = pointer;
	if (value != raw)
		pfree(value);
}

/* ---- errors --------------------------------------------------------------------- */

/* The name of the function that gives another output from the same source and input. */
static const char *
predict_function(PredictSource source, PredictInput input, PredictOutput output)
{
	if (source == FROM_BYTES)
		return output == OUTPUT_VALUE ? "echolon_predict_model" :
			output == OUTPUT_CLASS ? "echolon_predict_model_class" : "echolon_predict_model_proba";
	if (input == INPUT_JSON)
		return output == OUTPUT_VALUE ? "echolon_predict_json" :
			output == OUTPUT_CLASS ? "echolon_predict_json_class" : "echolon_predict_json_proba";
	return output == OUTPUT_VALUE ? "echolon_predict" :
		output == OUTPUT_CLASS ? "echolon_predict_class" : "echolon_predict_proba";
}

/* See that the model can give what the function asks for. */
static void
predict_check_output(const PredictState *state, PredictSource source, PredictInput input,
					 PredictOutput output)
{
	const ModelFile *file = &state->model->file;

	if (file->task == TASK_REGRESSION && output != OUTPUT_VALUE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s predicts a number and has no classes", state->title),
				 errdetail("Its target is \"%s\".", state->model->target),
				 errhint("Use %s(model, input).", predict_function(source, input, OUTPUT_VALUE))));
	if (file->task == TASK_CLASSIFICATION && output == OUTPUT_VALUE && !file->numeric_labels)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s predicts classes that are not numbers", state->title),
				 errdetail("Its classes are %s.",
						   encoder_list(state->model->labels, file->nlabels)),
				 errhint("Use %s(model, input) for the class, or %s(model, input, '%s') for a probability.",
						 predict_function(source, input, OUTPUT_CLASS),
						 predict_function(source, input, OUTPUT_PROBA_LABEL),
						 state->model->labels[file->positive])));
}

/* Class number of the label asked for. */
static int
predict_label(const PredictState *state, text *label)
{
	const CachedModel *model = state->model;
	int			k = encoder_label(model, VARDATA_ANY(label), VARSIZE_ANY_EXHDR(label));

	if (k < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s has no class \"%s\"", state->title, text_to_cstring(label)),
				 errhint("Its classes are %s.", encoder_list(model->labels, model->file.nlabels))));
	return k;
}

/*
 * A number as the third argument is a class to people whose classes are 0 and 1, and the version
 * to the parser: refuse what can be both.
 */
static void
predict_check_ambiguous(const PredictState *state, PredictSource source, PredictInput input,
						int32 version)
{
	char		label[16];

	if (version == 0 || !state->model->file.numeric_labels)
		return;
	if (encoder_label(state->model, label, snprintf(label, sizeof(label), "%d", version)) >= 0)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("%d may be a class of %s or a version of it", version, state->title),
				 errhint("For the probability of a class write it as text, as in %s(model, input, '%d'), if need be with version => %d.",
						 predict_function(source, input, OUTPUT_PROBA), version, version)));
}

/* ---- input ----------------------------------------------------------------------- */

/* Fill x from a row of any type. */
static void
predict_encode_row(PredictState *state, HeapTupleHeader row)
{
	if (input_row_type(&state->row, row, state->model_context) || state->encoder == NULL)
	{
		state->encoder = NULL;
		state->encoder = encoder_create_named(state->model, state->name, state->row.desc,
											  state->row.context);
	}
	input_row_deform(&state->row, row);
	encoder_row(state->encoder, state->row.values, state->row.nulls, state->x, NULL);
}

/* Fill x from a document. */
static void
predict_encode_json(PredictState *state, Jsonb *document)
{
	if (state->encoder == NULL)
		state->encoder = encoder_create_json(state->model, state->name, state->model_context);
	encoder_json(state->encoder, document, state->x, NULL);
}

/* ---- output ---------------------------------------------------------------------- */

Jsonb *
predict_probabilities(const CachedModel *model, const double *out)
{
	JsonbParseState *parse = NULL;
	JsonbValue *object;

	pushJsonbValue(&parse, WJB_BEGIN_OBJECT, NULL);
	for (uint32 k = 0; k < model->file.nlabels; k++)
	{
		char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];
		JsonbValue	value;

		value.type = jbvString;
		value.val.string.val = unconstify(char *, model->labels[k]);
		value.val.string.len = strlen(model->labels[k]);
		pushJsonbValue(&parse, WJB_KEY, &value);

		double_to_shortest_decimal_buf(out[k], digits);
		value.type = jbvNumeric;
		value.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
																ObjectIdGetDatum(InvalidOid),
																Int32GetDatum(-1)));
		pushJsonbValue(&parse, WJB_VALUE, &value);
	}
	object = pushJsonbValue(&parse, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(object);
}

/*
 * Every prediction: arguments (model, input[, label][, version]).  NULL for the model, the
 * input or the label gives NULL.
 */
static Datum
predict_call(FunctionCallInfo fcinfo, PredictSource source, PredictInput input,
			 PredictOutput output)
{
	int			label_argument = output == OUTPUT_PROBA_LABEL ? 2 : -1;
	int			place = source == FROM_BYTES ? -1 : output == OUTPUT_PROBA_LABEL ? 3 : 2;
	PredictState *state;
	const ModelFile *file;
	int			k = 0;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) ||
		(label_argument >= 0 && PG_ARGISNULL(label_argument)))
		PG_RETURN_NULL();

	state = predict_state(fcinfo);
	if (source == FROM_BYTES)
		predict_by_bytes(state, fcinfo);
	else
	{
		int32		version = version_argument(fcinfo, place);

		predict_by_name(state, PG_GETARG_TEXT_PP(0), version);
		if (output == OUTPUT_PROBA)
			predict_check_ambiguous(state, source, input, version);
	}
	predict_check_output(state, source, input, output);
	if (label_argument >= 0)
		k = predict_label(state, PG_GETARG_TEXT_PP(label_argument));

	if (input == INPUT_JSON)
		predict_encode_json(state, PG_GETARG_JSONB_P(1));
	else
		predict_encode_row(state, PG_GETARG_HEAPTUPLEHEADER(1));
	file = &state->model->file;
	learn_predict_row(encoder_model(state->encoder), state->x, state->codes, state->out);

	if (file->task == TASK_REGRESSION)
		PG_RETURN_FLOAT8(state->out[0]);
	if (output == OUTPUT_PROBA)
		PG_RETURN_JSONB_P(predict_probabilities(state->model, state->out));
	if (output == OUTPUT_PROBA_LABEL)
		PG_RETURN_FLOAT8(state->out[k]);
	k = metrics_predicted_class(state->out, file->nlabels, file->positive, file->threshold);
	if (output == OUTPUT_VALUE)
		PG_RETURN_FLOAT8(state->label_numbers[k]);
	PG_RETURN_TEXT_P(cstring_to_text(state->model->labels[k]));
}

/* ---- the SQL functions: by name, of a row ------------------------------------------ */

Datum
echolon_predict(PG_FUNCTION_ARGS)
{
	return predict_call(fcinfo, FROM_NAME, INPUT_ROW, OUTPUT_VALUE);
}

Datum
echolon_predict_class(PG_FUNCTION_ARGS)
{
	return predict_call(fcinfo, FROM_NAME, INPUT_ROW, OUTPUT_CLASS);
}

Datum
echolon_predict_proba(PG_FUNCTION_ARGS)
{
	return predict_call(fcinfo, FROM_NAME, INPUT_ROW, OUTPUT_PROBA);
}

Datum
echolon_predict_proba_label(PG_FUNCTION_ARGS)
{
	return predict_call(fcinfo, FROM_NAME, INPUT_ROW, OUTPUT_PROBA_LABEL);
}

/* ---- by name, of a document ---------------------------------------------------------- */

Datum
echolon_predict_json(PG_FUNCTION_ARGS)
{
	return predict_call(fcinfo, FROM_NAME, INPUT_JSON, OUTPUT_VALUE);
}

Datum
echolon_predict_json_class(PG_FUNCTION_ARGS)
{
	return predict_call(fcinfo, FROM_NAME, INPUT_JSON, OUTPUT_CLASS);
}

Datum
echolon_predict_json_proba(PG_FUNCTION_ARGS)
{
	return predict_call(fcinfo, FROM_NAME, INPUT_JSON, OUTPUT_PROBA);
}

Datum
echolon_predict_json_proba_label(PG_FUNCTION_ARGS)
{
	return predict_call(fcinfo, FROM_NAME, INPUT_JSON, OUTPUT_PROBA_LABEL);
}

/* ---- by bytes, of a row ---------------------------------------------------------------- */

Datum
echolon_predict_model(PG_FUNCTION_ARGS)
{
	return predict_call(fcinfo, FROM_BYTES, INPUT_ROW, OUTPUT_VALUE);
}

Datum
echolon_predict_model_class(PG_FUNCTION_ARGS)
{
	return predict_call(fcinfo, FROM_BYTES, INPUT_ROW, OUTPUT_CLASS);
}

Datum
echolon_predict_model_proba(PG_FUNCTION_ARGS)
{
	return predict_call(fcinfo, FROM_BYTES, INPUT_ROW, OUTPUT_PROBA);
}

Datum
echolon_predict_model_proba_label(PG_FUNCTION_ARGS)
{
	return predict_call(fcinfo, FROM_BYTES, INPUT_ROW, OUTPUT_PROBA_LABEL);
}
