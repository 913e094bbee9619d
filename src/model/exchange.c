/*
 * exchange.c
 *		Models out of the store and into it: as their own bytes, or as an export that has the
 *		record of the version with it.
 *
 * A model's own bytes hold no user, time or name, so that equal trainings give equal bytes. An
 * export (format_envelope.c) wraps them with a JSON record: scores, parameters, learning curve, held-out
 * sample.  Both are hostile until proven otherwise: the model is checked byte by byte,
 * and of the record (exchange_record.c) nothing is stored whose type was not looked at.
 *
 * What a record says of rights, owners and relations is not believed: the importer owns what is
 * new, and the relation is the one the importer names.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "function.h"
#include "model/exchange_record.h"
#include "model/server_file.h"
#include "model/store.h"

PG_FUNCTION_INFO_V1(echolon_export_model);
PG_FUNCTION_INFO_V1(echolon_export_model_file);
PG_FUNCTION_INFO_V1(echolon_import_model);

/* ---- out: the record ----------------------------------------------------------- */

/* A member of the record, of a column of the version's row; none where that is null. */
static void
put_member(StringInfo record, const StoreScan *scan, HeapTuple tuple, const char *key, int column)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, column, RelationGetDescr(scan->table), &isnull);
	Jsonb	   *jsonb;

	if (isnull)
		return;
	appendStringInfo(record, ", \"%s\": ", key);
	switch (TupleDescAttr(RelationGetDescr(scan->table), column - 1)->atttypid)
	{
		case FLOAT8OID:
			if (isfinite(DatumGetFloat8(datum)))
				appendStringInfoString(record, double_to_shortest_decimal(DatumGetFloat8(datum)));
			else
				appendStringInfoString(record, "null");
			break;
		case INT8OID:
			appendStringInfo(record, INT64_FORMAT, DatumGetInt64(datum));
			break;
		case JSONBOID:
			jsonb = DatumGetJsonbP(datum);
			(void) JsonbToCString(record, &jsonb->root, VARSIZE(jsonb));
			break;
		default:
			escape_json(record, TextDatumGetCString(datum));
	}
}

/* The notes of the version, as an array. */
static void
put_notes(StringInfo record, const ModelVersion *version)
{
	const char *separator = ", \"notes\": [";
	ListCell   *cell;

	foreach(cell, store_read_notes(version))
	{
		appendStringInfoString(record, separator);
		escape_json(record, lfirst(cell));
		separator = ", ";
	}
	if (separator[2] == '\0')
		appendStringInfoChar(record, ']');
}

/* The record of a version: a JSON object in UTF-8. */
static char *
version_record(const ModelVersion *version)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;
	StringInfoData record;

	initStringInfo(&record);
	appendStringInfoString(&record, "{\"model\": ");
	escape_json(&record, version->model);
	appendStringInfo(&record, ", \"version\": %d", version->version);
	if (version->relation[0] != '\0')
	{
		appendStringInfoString(&record, ", \"relation\": ");
		escape_json(&record, version->relation);
	}
	ScanKeyInit(&key, VERSION_STORE_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(version->version_id));
	scan = store_scan("version_store", "version_store_pkey", GetActiveSnapshot(), 1, &key);
	tuple = store_scan_next(&scan);
	if (HeapTupleIsValid(tuple))
	{
		appendStringInfo(&record, ", \"trained_at\": \"%s\"",
						 timestamptz_to_str(DatumGetTimestampTz(store_column(&scan, tuple,
																			 VERSION_STORE_TRAINED_AT))));
		put_member(&record, &scan, tuple, "metric", VERSION_STORE_METRIC);
		put_member(&record, &scan, tuple, "score", VERSION_STORE_SCORE);
		put_member(&record, &scan, tuple, "train_score", VERSION_STORE_TRAIN_SCORE);
		put_member(&record, &scan, tuple, "baseline", VERSION_STORE_BASELINE);
		put_member(&record, &scan, tuple, "rows_used", VERSION_STORE_ROWS_USED);
		put_member(&record, &scan, tuple, "seconds", VERSION_STORE_SECONDS);
		put_member(&record, &scan, tuple, "fingerprint", VERSION_STORE_FINGERPRINT);
		put_member(&record, &scan, tuple, "parameters", VERSION_STORE_PARAMETERS);
		put_member(&record, &scan, tuple, "metrics", VERSION_STORE_METRICS);
		put_member(&record, &scan, tuple, "curve", VERSION_STORE_CURVE);
		put_member(&record, &scan, tuple, "recipe", VERSION_STORE_RECIPE);
	}
	store_scan_end(&scan);
	put_notes(&record, version);
	appendStringInfoChar(&record, '}');
	return pg_server_to_any(record.data, record.len, PG_UTF8);
}

/*
 * The bytes of a version, with its record where wanted, behind offset bytes that are left free; palloc'd (huge).
 * limit: most bytes, for a value; 0: as many as the memory allows.
 */
static uint8 *
export_bytes(const ModelVersion *version, bool with_record, Size offset, Size limit, Size *length)
{
	ModelEnvelope envelope = {0};
	HoldoutSample *sample;
	uint8	   *model = NULL;
	uint8	   *bytes;

	*length = (Size) Max(version->length, 0);
	if (with_record)
	{
		char	   *record = version_record(version);

		envelope.record = record;
		envelope.record_length = strlen(record);
		envelope.model_length = *length;
		sample = store_read_holdout(version);
		if (sample != NULL && sample->n > 0)
		{
			envelope.held_out = (uint64) sample->rows;
			envelope.nsample = (uint32) sample->n;
			envelope.noutputs = (uint32) sample->noutputs;
			envelope.actual = sample->actual;
			envelope.predicted = sample->predicted;
			envelope.weight = sample->weight;
		}
		*length = envelope_size(&envelope);
		if (*length == SIZE_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the record of version %d of model \"%s\" is too large to be exported",
							version->version, version->model),
					 errhint("Export the model without it: with_record => false.")));
	}
	if (limit > 0 && *length > limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("version %d of model \"%s\" is too large to be one value",
						version->version, version->model),
				 errdetail("It has %zu MB, and a value of more than %zu MB cannot be sent or dumped.",
						   *length >> 20, limit >> 20),
				 errhint("Write it to a file with echolon_export_model_file, or train with smaller n_estimators, max_depth or max_leaf_nodes.")));
	if (!with_record && offset == 0)
		return store_read_bytes(version);
	model = store_read_bytes(version);
	bytes = MemoryContextAllocHuge(CurrentMemoryContext, add_size(offset, *length));
	if (with_record)
	{
		/* offset may not keep the bytes aligned, and they are written as they lie in memory */
		uint8	   *aligned = (uintptr_t) (bytes + offset) % 8 == 0 ? bytes + offset :
			MemoryContextAllocHuge(CurrentMemoryContext, *length);

		envelope.model = model;
		envelope_write(&envelope, aligned);
		if (aligned != bytes + offset)
		{
			memcpy(bytes + offset, aligned, *length);
			pfree(aligned);
		}
	}
	else
		memcpy(bytes + offset, model, *length);
	pfree(model);
	return bytes;
}

/* (model, version, with_record) -> bytea */
Datum
echolon_export_model(PG_FUNCTION_ARGS)
{
	ModelVersion *version;
	bytea	   *result;
	Size		length;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	version = store_lookup_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_ARGISNULL(1),
								   PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1), MODEL_OWN);
	result = (bytea *) export_bytes(version, !PG_ARGISNULL(2) && PG_GETARG_BOOL(2), VARHDRSZ,
									STORE_EXPORT_MAX, &length);
	SET_VARSIZE(result, VARHDRSZ + length);
	PG_RETURN_BYTEA_P(result);
}

/* (model, path, version, with_record) -> bytes written */
Datum
echolon_export_model_file(PG_FUNCTION_ARGS)
{
	ModelVersion *version;
	uint8	   *bytes;
	Size		length;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"%s\" must not be null", PG_ARGISNULL(0) ? "model" : "path")));
	version = store_lookup_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_ARGISNULL(2),
								   PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2), MODEL_OWN);
	bytes = export_bytes(version, PG_ARGISNULL(3) || PG_GETARG_BOOL(3), 0, 0, &length);
	server_file_write(text_to_cstring(PG_GETARG_TEXT_PP(1)), bytes, length);
	PG_RETURN_INT64((int64) length);
}

/* ---- in: the model -------------------------------------------------------------- */

/* The sample of an export, of the shape the model has; NULL: there is none. */
static HoldoutSample *
import_sample(const ModelEnvelope *envelope, const ModelFile *file)
{
	HoldoutSample *sample;

	if (envelope->nsample == 0)
		return NULL;
	if (envelope->noutputs != learn_noutputs(&file->learn))
		record_lies("sample", "of the model's outputs");
	for (uint32 i = 0; file->nlabels > 0 && i < envelope->nsample; i++)
		if (envelope->actual[i] < 0 || envelope->actual[i] >= file->nlabels ||
			envelope->actual[i] != floor(envelope->actual[i]))
			record_lies("sample", "of the model's classes");
	/* numbers whose difference is one */
	for (uint32 i = 0; i < envelope->nsample; i++)
		if (!(fabs(envelope->actual[i]) <= DBL_MAX / 4))
			record_lies("sample", "made of numbers in their range");
	for (size_t i = 0; i < (size_t) envelope->nsample * envelope->noutputs; i++)
		if (!(fabs(envelope->predicted[i]) <= DBL_MAX / 4))
			record_lies("sample", "made of numbers in their range");
	sample = palloc0(sizeof(HoldoutSample));
	sample->rows = (int64) envelope->held_out;
	sample->n = (int) envelope->nsample;
	sample->noutputs = (int) envelope->noutputs;
	sample->actual = unconstify(double *, envelope->actual);
	sample->predicted = unconstify(double *, envelope->predicted);
	sample->weight = unconstify(double *, envelope->weight);
	return sample;
}

/*
 * A new version may not change what callers of the model rely on: its target, task and labels.  That the name
 * is the caller's to write, and the target the same, store_add_version sees to.
 */
static void
check_replaces(const char *name, const CachedModel *model)
{
	Snapshot	snapshot = GetActiveSnapshot();
	StoredModel stored;
	ModelVersion *version;
	const CachedModel *now;

	if (!store_find_model(name, snapshot, &stored) || rights_of_model(&stored, snapshot) < MODEL_PREDICT ||
		strcmp(stored.target, model->target) != 0)
		return;
	version = store_lookup(name, 0, MODEL_PREDICT);
	now = cache_get(version, CurrentMemoryContext);
	if (now->file.task != model->file.task)
		return;
	for (uint32 k = 0; k < Max(now->file.nlabels, model->file.nlabels); k++)
		if (k >= now->file.nlabels || k >= model->file.nlabels ||
			strcmp(now->labels[k], model->labels[k]) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("model \"%s\" has other classes than the one to be imported", name),
					 errdetail("Class %u is %s in the first, and %s in the second.", k + 1,
							   k < now->file.nlabels ? quote_literal_cstr(now->labels[k]) : "none",
							   k < model->file.nlabels ? quote_literal_cstr(model->labels[k]) : "none"),
					 errhint("Import it under a name of its own.")));
}

/* What a retraining needs to know: names and values, nothing that would be run. */
static Jsonb *
import_recipe(const CachedModel *model, const char *relation, const char *task, const ImportedRecord *record)
{
	const Jsonb *parts[3] = {record->parameters, record->split, record->updates};
	static const char *const keys[3] = {"parameters", "split", "updates"};
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"function\": \"%s\", \"relation\": ",
					 model->file.learn.algorithm == LEARN_FOREST ? "echolon_train_rf" : "echolon_train_gb");
	if (relation[0] != '\0')
		escape_json(&buf, relation);
	else
		appendStringInfoString(&buf, "null");
	appendStringInfoString(&buf, ", \"target\": ");
	escape_json(&buf, model->target);
	appendStringInfo(&buf, ", \"task\": \"%s\", \"columns\": [", task);
	for (uint32 c = 0; c < model->file.ncolumns; c++)
	{
		appendStringInfoString(&buf, c == 0 ? "" : ", ");
		escape_json(&buf, model->column_names[c]);
	}
	appendStringInfoChar(&buf, ']');
	for (int i = 0; i < 3; i++)
		if (parts[i] != NULL)
		{
			appendStringInfo(&buf, ", \"%s\": ", keys[i]);
			(void) JsonbToCString(&buf, unconstify(JsonbContainer *, &parts[i]->root), VARSIZE(parts[i]));
		}
	appendStringInfoString(&buf, ", \"imported\": {");
	if (record->model != NULL)
	{
		appendStringInfoString(&buf, "\"model\": ");
		escape_json(&buf, record->model);
		appendStringInfo(&buf, ", \"version\": %d", record->version);
		if (record->relation != NULL)
		{
			appendStringInfoString(&buf, ", \"relation\": ");
			escape_json(&buf, record->relation);
		}
	}
	appendStringInfoString(&buf, "}}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

/* The notes of an imported version: how it came here, and those it had. */
static ArrayType *
import_notes(const ImportedRecord *record)
{
	int			n = list_length(record->notes) + 1;
	Datum	   *notes = palloc(sizeof(Datum) * n);
	ListCell   *cell;
	int			i = 0;

	notes[i++] = record->metrics == NULL ?
		CStringGetTextDatum("imported without a record: nothing is known of its training and scores") :
		CStringGetTextDatum("imported: its scores were measured where it was trained");
	foreach(cell, record->notes)
	{
		/* imported twice, it is said once */
		if (strncmp(lfirst(cell), "imported", 8) != 0)
			notes[i++] = CStringGetTextDatum(lfirst(cell));
	}
	return construct_array(notes, i, TEXTOID, -1, false, TYPALIGN_INT);
}

/* Bytes from an argument or a file, 8-byte aligned. */
static uint8 *
import_bytes(FunctionCallInfo fcinfo, Size *length)
{
	bytea	   *value;
	uint8	   *bytes;

	if (PG_ARGISNULL(1) == PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg(PG_ARGISNULL(1) ? "there is nothing to import" : "bytes and path cannot be given together"),
				 errhint("Give bytes => what echolon_export_model returned, or path => a file of the server.")));
	if (!PG_ARGISNULL(2))
		return server_file_read(text_to_cstring(PG_GETARG_TEXT_PP(2)), length);
	value = PG_GETARG_BYTEA_PP(1);
	*length = VARSIZE_ANY_EXHDR(value);
	bytes = MemoryContextAllocHuge(CurrentMemoryContext, Max(*length, 1));
	memcpy(bytes, VARDATA_ANY(value), *length);
	return bytes;
}

/* "schema.name" of the relation argument; empty: none was given. */
static char *
import_relation(FunctionCallInfo fcinfo)
{
	char	   *name;

	if (PG_ARGISNULL(3))
		return pstrdup("");
	name = get_rel_name(PG_GETARG_OID(3));
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", PG_GETARG_OID(3))));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(PG_GETARG_OID(3))), name);
}

/* Say the essence. */
static void
import_announce(const NewVersion *v, int32 number, const ModelFile *file)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s version %d: imported, %u trees on %u columns", v->model, number,
					 file->learn.ntrees, file->ncolumns);
	if (v->metric != NULL && isfinite(v->score))
		appendStringInfo(&buf, "; %s %.3f where it was trained", v->metric, v->score);
	if (!v->active)
		appendStringInfoString(&buf, "; not active");
	ereport(NOTICE, (errmsg("%s", buf.data),
					 v->metrics == NULL ?
					 errhint("Measure it on rows of your own: SELECT * FROM echolon_evaluate(%s, relation).",
							 quote_literal_cstr(v->model)) : 0));
}

/* (model, bytes, path, relation, activate) -> echolon.import_result */
Datum
echolon_import_model(PG_FUNCTION_ARGS)
{
	ImportedRecord record = {.score = NAN, .train_score = NAN, .baseline = NAN, .rows_used = -1, .seconds = NAN};
	ModelEnvelope envelope = {0};
	NewVersion	v = {0};
	const CachedModel *model;
	TupleDesc	desc;
	uint8	   *bytes;
	Size		length;
	char		why[256];
	int32		number;
	Datum		row[11];
	bool		nulls[11] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function returns no row type");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"model\" must not be null")));
	store_prevent("echolon_import_model()");
	v.model = text_to_cstring(PG_GETARG_TEXT_PP(0));
	v.relation = import_relation(fcinfo);
	v.relid = v.relation[0] != '\0' ? PG_GETARG_OID(3) : InvalidOid;
	bytes = import_bytes(fcinfo, &length);
	envelope.model = bytes;
	envelope.model_length = length;
	if (envelope_is(bytes, length))
	{
		if (!envelope_read(backend_env(), bytes, length, &envelope, why, sizeof(why)))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("the bytes are not a model that can be used"),
					 errdetail("The export is damaged: %s.", why),
					 errhint("Pass what echolon_export_model returned.")));
	}
	/* the model first: nothing is said of a record whose model is none */
	model = cache_load_bytes(envelope.model, envelope.model_length, CurrentMemoryContext);
	if (envelope.record != NULL)
		read_record(&envelope, &record);
	check_replaces(v.model, model);

	v.target = model->target;
	v.task = model->file.task == TASK_REGRESSION ? "regression" : "classification";
	v.algorithm = model->file.learn.algorithm == LEARN_FOREST ? "random_forest" : "gradient_boosting";
	v.recipe = import_recipe(model, v.relation, v.task, &record);
	v.parameters = record.parameters;
	v.metrics = record.metrics;
	v.curve = record.curve;
	v.metric = record.metric;
	v.score = record.score;
	v.train_score = record.train_score;
	v.baseline = record.baseline;
	v.rows_used = record.rows_used;
	v.seconds = record.seconds;
	v.fingerprint = record.fingerprint;
	v.notes = import_notes(&record);
	v.holdout = import_sample(&envelope, &model->file);
	v.bytes = envelope.model;
	v.length = envelope.model_length;
	v.inactive = !PG_ARGISNULL(4) && !PG_GETARG_BOOL(4);
	number = store_add_version(&v);
	import_announce(&v, number, &model->file);

	row[0] = CStringGetTextDatum(v.model);
	row[1] = Int32GetDatum(number);
	row[2] = BoolGetDatum(v.active);
	row[3] = CStringGetTextDatum(v.task);
	row[4] = CStringGetTextDatum(v.algorithm);
	row[5] = CStringGetTextDatum(v.target);
	row[6] = Int32GetDatum((int32) model->file.learn.ntrees);
	nulls[7] = v.metric == NULL;
	row[7] = nulls[7] ? (Datum) 0 : CStringGetTextDatum(v.metric);
	nulls[8] = isnan(v.score);
	row[8] = Float8GetDatum(v.score);
	nulls[9] = envelope.record == NULL;
	row[9] = nulls[9] || record.model == NULL ? (Datum) 0 :
		CStringGetTextDatum(psprintf("%s version %d", record.model, record.version));
	nulls[9] = nulls[9] || record.model == NULL;
	row[10] = PointerGetDatum(v.notes);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), row, nulls)));
}
