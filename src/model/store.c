/*
 * store.c
 *		The store of models read: who may see what, versions, bytes, samples.
 *
 * The tables are read by their indexes under the active snapshot (table.c).  The right to the
 * model is checked first; a model one may not see is said not to exist.  store_write.c writes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/skey.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "function.h"
#include "model/store.h"

PG_FUNCTION_INFO_V1(echolon_model_state);

/* ---- models --------------------------------------------------------------- */

/* Read a row of model_store. */
static void
fill_model(StoreScan *scan, HeapTuple tuple, StoredModel *found)
{
	found->id = DatumGetInt64(store_column(scan, tuple, MODEL_STORE_ID));
	found->model = store_text_column(scan, tuple, MODEL_STORE_MODEL);
	found->owner = store_text_column(scan, tuple, MODEL_STORE_OWNER);
	found->owner_stamp = store_text_column(scan, tuple, MODEL_STORE_OWNER_STAMP);
	found->relation = store_text_column(scan, tuple, MODEL_STORE_RELATION);
	found->relation_stamp = store_text_column(scan, tuple, MODEL_STORE_RELATION_STAMP);
	found->relation_owner_stamp = store_text_column(scan, tuple, MODEL_STORE_RELATION_OWNER_STAMP);
	found->target = store_text_column(scan, tuple, MODEL_STORE_TARGET);
	found->task = store_text_column(scan, tuple, MODEL_STORE_TASK);
}

bool
store_find_model(const char *model, Snapshot snapshot, StoredModel *found)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, MODEL_STORE_MODEL, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(model));
	scan = store_scan("model_store", "model_store_model_key", snapshot, 1, &key);
	tuple = store_scan_next(&scan);
	if (HeapTupleIsValid(tuple))
		fill_model(&scan, tuple, found);
	store_scan_end(&scan);
	return HeapTupleIsValid(tuple);
}

List *
store_all_models(Snapshot snapshot)
{
	StoreScan	scan = store_scan("model_store", "model_store_pkey", snapshot, 0, NULL);
	List	   *models = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		StoredModel *found = palloc(sizeof(StoredModel));

		CHECK_FOR_INTERRUPTS();
		fill_model(&scan, tuple, found);
		models = lappend(models, found);
	}
	store_scan_end(&scan);
	return models;
}

/* The name most like this one among the models the user may see, or NULL. */
static const char *
near_name(const char *model, Snapshot snapshot)
{
	List	   *models = store_all_models(snapshot);
	const char **names = palloc(sizeof(char *) * (list_length(models) + 1));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, models)
	{
		StoredModel *found = lfirst(cell);

		if (rights_of_model(found, snapshot) > 0)
			names[n++] = found->model;
	}
	return closest_name(model, names, n);
}

void
store_no_model(const char *model, Snapshot snapshot)
{
	const char *near = near_name(model, snapshot);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" does not exist", model),
			 near != NULL ? errhint("Did you mean \"%s\"?", near) :
			 errhint("SELECT * FROM echolon.models lists the models you may use.")));
}

void
store_check_right(const StoredModel *model, ModelRight right, Snapshot snapshot)
{
	int			have = rights_of_model(model, snapshot);

	if (have == 0)
		store_no_model(model->model, snapshot);
	if (have < (int) right)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for model \"%s\"", model->model),
				 errdetail("This needs the right \"%s\", and you have \"%s\".",
						   rights_name(right), rights_name(have)),
				 errhint("Its owner \"%s\" can call echolon_grant_model(%s, %s, %s).",
						 model->owner, quote_literal_cstr(model->model),
						 quote_literal_cstr(GetUserNameFromId(GetUserId(), false)),
						 quote_literal_cstr(rights_name(right)))));
}

/* ---- versions -------------------------------------------------------------- */

int
store_last_version(int64 model_id, Snapshot snapshot, int *count)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;
	int			last = 0;

	*count = 0;
	ScanKeyInit(&key, VERSION_STORE_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(model_id));
	scan = store_scan("version_store", "version_store_model_id_version_key", snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		last = Max(last, DatumGetInt32(store_column(&scan, tuple, VERSION_STORE_VERSION)));
		(*count)++;
	}
	store_scan_end(&scan);
	return last;
}

int
store_find_version(int64 model_id, int32 version, Snapshot snapshot, ModelVersion *found)
{
	ScanKeyData key[2];
	StoreScan	scan;
	HeapTuple	tuple;
	int			number = 0;

	ScanKeyInit(&key[0], VERSION_STORE_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(model_id));
	ScanKeyInit(&key[1], VERSION_STORE_VERSION, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(version));
	if (version == 0)
		scan = store_scan("version_store", "version_store_active", snapshot, 1, key);
	else
		scan = store_scan("version_store", "version_store_model_id_version_key", snapshot, 2, key);
	while (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		bytea	   *digest;
		bool		kept;

		/* A scan that could not use the partial index sees all versions. */
		if (version == 0 && !DatumGetBool(store_column(&scan, tuple, VERSION_STORE_ACTIVE)))
			continue;
		number = DatumGetInt32(store_column(&scan, tuple, VERSION_STORE_VERSION));
		if (found == NULL)
			break;
		found->model_id = model_id;
		found->version = number;
		found->version_id = DatumGetInt64(store_column(&scan, tuple, VERSION_STORE_ID));
		found->algorithm = store_text_column(&scan, tuple, VERSION_STORE_ALGORITHM);
		found->length = DatumGetInt64(store_column(&scan, tuple, VERSION_STORE_BYTES));
		(void) heap_getattr(tuple, VERSION_STORE_RETIRED_AT, RelationGetDescr(scan.table), &kept);
		found->retired = !kept;
		digest = DatumGetByteaPP(store_column(&scan, tuple, VERSION_STORE_DIGEST));
		if (VARSIZE_ANY_EXHDR(digest) != sizeof(found->digest))
			elog(ERROR, "digest of version " INT64_FORMAT " has a wrong length",
				 found->version_id);
		memcpy(found->digest, VARDATA_ANY(digest), sizeof(found->digest));
		break;
	}
	store_scan_end(&scan);
	return number;
}

int
store_find_alias(int64 model_id, const char *alias, Snapshot snapshot)
{
	ScanKeyData key[2];
	StoreScan	scan;
	HeapTuple	tuple;
	int			version = 0;

	if (strcmp(alias, ALIAS_CHAMPION) == 0)
		return store_find_version(model_id, 0, snapshot, NULL);
	ScanKeyInit(&key[0], ALIAS_STORE_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(model_id));
	ScanKeyInit(&key[1], ALIAS_STORE_ALIAS, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(alias));
	scan = store_scan("alias_store", "alias_store_pkey", snapshot, 2, key);
	if (HeapTupleIsValid(tuple = store_scan_next(&scan)))
		version = DatumGetInt32(store_column(&scan, tuple, ALIAS_STORE_VERSION));
	store_scan_end(&scan);
	return version;
}

void
store_resolve_name(const char *name, Snapshot snapshot, StoredModel *found, int32 *version)
{
	const char *at;
	char	   *model;

	*version = 0;
	if (store_find_model(name, snapshot, found))
		return;
	if ((at = strrchr(name, '@')) == NULL)
		store_no_model(name, snapshot);
	model = pnstrdup(name, at - name);
	if (!store_find_model(model, snapshot, found) || rights_of_model(found, snapshot) == 0)
		store_no_model(model, snapshot);
	if ((*version = store_find_alias(found->id, at + 1, snapshot)) == 0)
		store_no_alias(found, at + 1);
}

void
store_no_alias(const StoredModel *model, const char *alias)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" has no version called \"%s\"", model->model, alias),
			 errhint("SELECT * FROM echolon.model_aliases WHERE model = %s lists them.",
					 quote_literal_cstr(model->model))));
}

void
store_no_version(const StoredModel *model, int32 version, Snapshot snapshot)
{
	int			count;
	int			last = store_last_version(model->id, snapshot, &count);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" has no version %d", model->model, version),
			 errdetail("Its last version is %d.", last),
			 errhint("SELECT * FROM echolon.model_versions WHERE model = %s lists them.",
					 quote_literal_cstr(model->model))));
}

int32
store_find_fingerprint(int64 model_id, const char *fingerprint)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;
	int32		found = 0;

	ScanKeyInit(&key, VERSION_STORE_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(model_id));
	scan = store_scan("version_store", "version_store_model_id_version_key", GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		char	   *stored = store_optional_text(&scan, tuple, VERSION_STORE_FINGERPRINT);
		bool		kept;

		(void) heap_getattr(tuple, VERSION_STORE_RETIRED_AT, RelationGetDescr(scan.table), &kept);
		if (kept && stored != NULL && strcmp(stored, fingerprint) == 0)
			found = Max(found, DatumGetInt32(store_column(&scan, tuple, VERSION_STORE_VERSION)));
	}
	store_scan_end(&scan);
	return found;
}

ModelVersion *
store_lookup_version(const char *model, bool active, int32 version, ModelRight right)
{
	Snapshot	snapshot = GetActiveSnapshot();
	ModelVersion *found = palloc0(sizeof(ModelVersion));
	StoredModel stored;
	int32		aliased;

	store_resolve_name(model, snapshot, &stored, &aliased);
	store_check_right(&stored, right, snapshot);
	if (aliased != 0 && !active && version != aliased)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is version %d, and version %d is asked for", model, aliased, version),
				 errhint("Give an alias or a version.")));
	if (aliased != 0)
		version = aliased;
	else if (active)
		version = 0;
	if ((!active && version <= 0) || store_find_version(stored.id, version, snapshot, found) == 0)
		store_no_version(&stored, version, snapshot);
	found->model = stored.model;
	found->owner = stored.owner;
	found->relation = stored.relation;
	found->target = stored.target;
	return found;
}

ModelVersion *
store_lookup(const char *model, int32 version, ModelRight right)
{
	return store_lookup_version(model, version == 0, version, right);
}

char *
store_task(const char *model)
{
	Snapshot	snapshot = GetActiveSnapshot();
	StoredModel stored;

	if (!store_find_model(model, snapshot, &stored) || rights_of_model(&stored, snapshot) == 0)
		return NULL;
	return stored.task;
}

/* ---- what a version holds --------------------------------------------------- */

/* Raise that the stored rows of a version are not what they must be. */
static void
version_damaged(const ModelVersion *version, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("version %d of model \"%s\" is damaged", version->version, version->model),
			 errdetail("%s", why)));
}

/* Copy the chunks of a version to bytes[0 .. version->length). */
static void
read_chunks(const ModelVersion *version, uint8 *bytes)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;
	int64		done = 0;
	int32		expected = 0;

	ScanKeyInit(&key, CHUNK_STORE_VERSION_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(version->version_id));
	scan = store_scan_ordered("chunk_store", "chunk_store_pkey", GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		int32		chunk = DatumGetInt32(store_column(&scan, tuple, CHUNK_STORE_CHUNK));
		Datum		datum = store_column(&scan, tuple, CHUNK_STORE_BYTES);
		bytea	   *piece;

		CHECK_FOR_INTERRUPTS();
		if (chunk != expected++)
			version_damaged(version, "A chunk of its bytes is missing.");
		piece = DatumGetByteaPP(datum);
		if ((int64) VARSIZE_ANY_EXHDR(piece) > version->length - done)
			version_damaged(version, "It has more bytes than it should have.");
		memcpy(bytes + done, VARDATA_ANY(piece), VARSIZE_ANY_EXHDR(piece));
		done += VARSIZE_ANY_EXHDR(piece);
		if ((Pointer) piece != DatumGetPointer(datum))
			pfree(piece);
	}
	store_scan_end(&scan);
	if (done != version->length)
		version_damaged(version, "It has fewer bytes than it should have.");
}

void
store_retired(const ModelVersion *version)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("version %d of model \"%s\" is retired", version->version, version->model),
			 errdetail("Its bytes were deleted when newer versions came; its record is in echolon.model_versions."),
			 errhint("echolon_keep_versions(%s, n) keeps more of them in future.",
					 quote_literal_cstr(version->model))));
}

uint8 *
store_read_bytes(const ModelVersion *version)
{
	uint8	   *bytes;

	if (version->retired)
		store_retired(version);

	if (version->length <= 0 || (uint64) version->length > MaxAllocHugeSize)
		version_damaged(version, "Its length is out of range.");
	bytes = MemoryContextAllocHuge(CurrentMemoryContext, (Size) version->length);
	read_chunks(version, bytes);
	return bytes;
}

/* A varlena column of the version's row, detoasted and copied; NULL where it is null. */
static struct varlena *
read_column(const ModelVersion *version, int column)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;
	struct varlena *result = NULL;

	ScanKeyInit(&key, VERSION_STORE_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(version->version_id));
	scan = store_scan("version_store", "version_store_pkey", GetActiveSnapshot(), 1, &key);
	tuple = store_scan_next(&scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		datum = heap_getattr(tuple, column, RelationGetDescr(scan.table), &isnull);

		if (!isnull)
			result = PG_DETOAST_DATUM_COPY(datum);
	}
	store_scan_end(&scan);
	return result;
}

Jsonb *
store_read_metrics(const ModelVersion *version)
{
	return (Jsonb *) read_column(version, VERSION_STORE_METRICS);
}

Jsonb *
store_read_curve(const ModelVersion *version)
{
	return (Jsonb *) read_column(version, VERSION_STORE_CURVE);
}

Jsonb *
store_read_recipe(const ModelVersion *version)
{
	return (Jsonb *) read_column(version, VERSION_STORE_RECIPE);
}

List *
store_read_notes(const ModelVersion *version)
{
	ArrayType  *array = (ArrayType *) read_column(version, VERSION_STORE_NOTES);
	List	   *notes = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (array == NULL)
		return NIL;
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			notes = lappend(notes, TextDatumGetCString(elements[i]));
	return notes;
}

/* The numbers of a stored array, copied; it must have n of them, or any number where n is -1. */
static double *
read_numbers(const ModelVersion *version, Datum datum, int64 n, int64 *found)
{
	double	   *numbers = store_array(datum, FLOAT8OID, sizeof(double), found);

	if (numbers == NULL || (n >= 0 && *found != n))
		version_damaged(version, "The arrays of its held-out sample do not fit each other.");
	return numbers;
}

HoldoutSample *
store_read_holdout(const ModelVersion *version)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;
	HoldoutSample *sample = NULL;

	ScanKeyInit(&key, HOLDOUT_STORE_VERSION_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(version->version_id));
	scan = store_scan("holdout_store", "holdout_store_pkey", GetActiveSnapshot(), 1, &key);
	tuple = store_scan_next(&scan);
	if (HeapTupleIsValid(tuple))
	{
		int64		n,
					m;
		bool		isnull;
		Datum		weight;

		sample = palloc0(sizeof(HoldoutSample));
		sample->rows = DatumGetInt64(store_column(&scan, tuple, HOLDOUT_STORE_HELD_OUT));
		sample->noutputs = DatumGetInt32(store_column(&scan, tuple, HOLDOUT_STORE_OUTPUTS));
		sample->actual = read_numbers(version, store_column(&scan, tuple, HOLDOUT_STORE_ACTUAL),
									  -1, &n);
		sample->predicted = read_numbers(version,
										 store_column(&scan, tuple, HOLDOUT_STORE_PREDICTED),
										 n * sample->noutputs, &m);
		weight = heap_getattr(tuple, HOLDOUT_STORE_WEIGHT, RelationGetDescr(scan.table), &isnull);
		if (!isnull)
			sample->weight = read_numbers(version, weight, n, &m);
		sample->n = (int) n;
	}
	store_scan_end(&scan);
	return sample;
}

/* ---- SQL ------------------------------------------------------------------- */

/*
 * echolon.model_state(relation text, relation_stamp text, relation_owner_stamp text, owner text, owner_stamp text,
 * columns text[], target text) returns text
 */
Datum
echolon_model_state(PG_FUNCTION_ARGS)
{
	StoredModel model = {
		.relation = text_to_cstring(PG_GETARG_TEXT_PP(0)),
		.relation_stamp = text_to_cstring(PG_GETARG_TEXT_PP(1)),
		.relation_owner_stamp = text_to_cstring(PG_GETARG_TEXT_PP(2)),
		.owner = text_to_cstring(PG_GETARG_TEXT_PP(3)),
		.owner_stamp = text_to_cstring(PG_GETARG_TEXT_PP(4))
	};
	Oid			relid = stored_relation(model.relation);
	ArrayType  *columns = PG_GETARG_ARRAYTYPE_P(5);
	char	   *target = text_to_cstring(PG_GETARG_TEXT_PP(6));
	char	   *missing = NULL;
	Datum	   *names;
	bool	   *nulls;
	int			n;

	if (model.relation[0] == '\0')
		PG_RETURN_TEXT_P(cstring_to_text("imported, no relation"));
	if (!OidIsValid(relid))
		PG_RETURN_TEXT_P(cstring_to_text("relation missing"));
	if (rights_relation_foreign(&model, relid))
		PG_RETURN_TEXT_P(cstring_to_text("relation of another role"));
	deconstruct_array(columns, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
	for (int i = 0; i < n && missing == NULL; i++)
	{
		char	   *name;

		if (nulls[i])
			continue;
		name = TextDatumGetCString(names[i]);
		if (get_attnum(relid, name) <= 0)
			missing = name;
	}
	if (missing == NULL && get_attnum(relid, target) <= 0)
		missing = target;
	if (missing == NULL)
		PG_RETURN_TEXT_P(cstring_to_text("ready"));
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("column missing: %s", missing)));
}
