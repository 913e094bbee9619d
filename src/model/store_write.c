/*
 * store_write.c
 *		The store of models written: versions added, models dropped.  versions.c does the rest.
 *
 * Whoever writes holds a lock on the model's name until the end of the
 * transaction, so that versions are numbered one after the other, also where
 * two sessions train the first version of a name at once.  After the lock, the store is
 * looked at under a new snapshot.  Rows are written through table.c.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "compat.h"
#include "function.h"
#include "model/store.h"

#define SHA256_LENGTH		32

PG_FUNCTION_INFO_V1(echolon_drop_model);

/* ---- locks ------------------------------------------------------------------ */

void
store_lock_model(const char *model, ModelRight right, StoredModel *found)
{
	for (int pass = 0; pass < 2; pass++)
	{
		Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());

		/* Who has no right must not even wait; and it may be lost while waiting. */
		if (!store_find_model(model, snapshot, found))
			store_no_model(model, snapshot);
		store_check_right(found, right, snapshot);
		UnregisterSnapshot(snapshot);
		if (pass == 0)
			store_lock_name("model_store", model);
	}
}

/* ---- the right to a name ------------------------------------------------------ */

/* A hint with a name that says where the relation lives: schema_table_target. */
static char *
name_hint(const char *model, const char *relation, const char *target)
{
	char	   *copy = pstrdup(relation);
	char	   *name = NULL;
	List	   *parts;

	if (SplitIdentifierString(copy, '.', &parts) && list_length(parts) == 2)
		name = psprintf("%s_%s_%s", (char *) linitial(parts), (char *) lsecond(parts), target);
	if (name == NULL || strcmp(name, model) == 0 || strlen(name) > STORE_NAME_MAX)
		name = psprintf("%.200s_2", model);
	return psprintf("Give this model a name of its own, for example model => %s.",
					quote_literal_cstr(name));
}

/* The caller's right to a name for a model of this relation and target; true: the model exists. */
static bool
check_name(const char *model, const char *relation, const char *target, StoredModel *found)
{
	Snapshot	snapshot;
	bool		another;
	int			have;
	int			need = MODEL_TRAIN;

	if (model[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a model needs a name"),
				 errhint("Leave model => out, and it is named after its relation and target.")));
	if (strlen(model) > STORE_NAME_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("the name of a model cannot be longer than %d bytes", STORE_NAME_MAX),
				 errdetail("This one has %zu.", strlen(model)),
				 errhint("Give a shorter one with model => 'name'.")));

	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (!store_find_model(model, snapshot, found))
	{
		UnregisterSnapshot(snapshot);
		if (strchr(model, '@') != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_NAME),
					 errmsg("the name of a model cannot have an @ in it"),
					 errdetail("\"%s\" would be a version of another model: name@alias.", model),
					 errhint("Give another one with model => 'name'.")));
		return false;
	}
	have = rights_of_model(found, snapshot);
	if (have == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("a model named \"%s\" belongs to another role", model),
				 errhint("%s", name_hint(model, relation, target))));
	/* an imported model has no relation yet, and an import may bring none */
	another = found->relation[0] != '\0' && relation[0] != '\0' && strcmp(found->relation, relation) != 0;
	if (another || strcmp(found->target, target) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("a model named \"%s\" exists already for another %s", model,
						another ? "relation" : "target"),
				 found->relation[0] != '\0' && relation[0] != '\0' ? errdetail("It predicts \"%s\" of %s, this one \"%s\" of %s.",
									 found->target, found->relation, target, relation) :
				 errdetail("It predicts \"%s\", this one \"%s\".", found->target, target),
				 errhint("%s", name_hint(model, relation, target))));

	/* what is replayed for the owner is read from the relation: nobody else says which it is */
	if (found->relation[0] == '\0' && relation[0] != '\0')
		need = MODEL_OWN;
	if (have < need)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for model \"%s\"", model),
				 errdetail("%s needs the right \"%s\", and you have \"%s\".",
						   need == MODEL_OWN ? "Giving it a relation" : "A new version",
						   rights_name(need), rights_name(have)),
				 errhint("%s", name_hint(model, relation, target))));
	UnregisterSnapshot(snapshot);
	return true;
}

void
store_check_writable(const char *model, const char *relation, const char *target)
{
	StoredModel found;

	store_prevent("model training");
	(void) check_name(model, relation, target, &found);
}

/* ---- a new version ------------------------------------------------------------- */

/* The first 128 bits of the SHA-256 of the bytes. */
static void
digest_bytes(const uint8 *bytes, size_t length, uint8 *digest)
{
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	uint8		hash[SHA256_LENGTH];
	size_t		done = 0;
	bool		good = context != NULL && pg_cryptohash_init(context) >= 0;

	while (good && done < length)
	{
		size_t		n = Min(length - done, (size_t) 1 << 20);

		CHECK_FOR_INTERRUPTS();
		good = pg_cryptohash_update(context, bytes + done, n) >= 0;
		done += n;
	}
	if (!good || pg_cryptohash_final(context, hash, sizeof(hash)) < 0)
		elog(ERROR, "could not compute the SHA-256 of a model");
	pg_cryptohash_free(context);
	memcpy(digest, hash, sizeof(((ModelVersion *) NULL)->digest));
}

/*
 * What the record of a version has from its bytes: the columns a row must bring, as text[] in the database's
 * encoding, and the importance of its features.  The bytes are checked on the way: what predict would refuse is
 * never stored.
 */
static void
describe_bytes(const uint8 *bytes, size_t length, ArrayType **columns, Jsonb **importance)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "echolon model check",
												  ALLOCSET_DEFAULT_SIZES);
	ModelFile	file;
	Datum	   *names;
	char		why[256];

	MemoryContextSwitchTo(scratch);
	if (!model_file_read(backend_env(), bytes, length, &file, why, sizeof(why)))
		elog(ERROR, "the new model is damaged: %s", why);
	names = palloc(sizeof(Datum) * (file.ncolumns + 1));
	for (uint32 c = 0; c < file.ncolumns; c++)
	{
		const char *name = file.columns[c].name;

		names[c] = CStringGetTextDatum(pg_any_to_server(name, (int) strlen(name), PG_UTF8));
	}
	MemoryContextSwitchTo(caller);
	*columns = construct_array(names, (int) file.ncolumns, TEXTOID, -1, false, TYPALIGN_INT);
	*importance = model_importance(&file);
	MemoryContextDelete(scratch);
}

/* The stamps of a version's relation and of its owner; empty where it has none. */
static void
relation_stamps(const NewVersion *version, StoreValue *relation, StoreValue *owner)
{
	Oid			role = OidIsValid(version->relid) ? relation_owner_oid(version->relid) : InvalidOid;

	*relation = value_text(OidIsValid(role) ? stamp_make(STAMP_RELATION, version->relid) : "");
	*owner = value_text(OidIsValid(role) ? stamp_make(STAMP_ROLE, role) : "");
}

/* Insert the row of a new model of the current user; its number. */
static int64
insert_model(const NewVersion *version, Oid user)
{
	StoreValue	values[] = {
		value_text(version->model),
		value_text(GetUserNameFromId(user, false)),
		value_text(stamp_make(STAMP_ROLE, user)),
		value_text(version->relation),
		value_text(version->target),
		value_text(version->task),
		value_now(),
		{0},
		{0}
	};

	relation_stamps(version, &values[7], &values[8]);
	store_execute("INSERT INTO echolon.model_store"
				  " (model, owner, owner_stamp, relation, target, task, created_at, relation_stamp, relation_owner_stamp)"
				  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
				  lengthof(values), values);
	return store_returned(1);
}

/*
 * Make room for a new version, where it is to be the active one; stamp the owner of a model restored from
 * elsewhere; and give one that was imported without a relation the one it has now.  Which relation of the name it
 * is, only somebody with the owner's rights says: everybody's retrainings read it as the owner.
 */
static void
update_model(const StoredModel *model, const NewVersion *version, Oid user)
{
	StoreValue	values[] = {value_int8(model->id), value_text(model->owner_stamp), {0}, {0}};
	Oid			owner;
	bool		exists = rights_role(model->owner, model->owner_stamp, &owner) && owner != ACL_ID_PUBLIC;

	if (exists && strcmp(model->owner_stamp, stamp_make(STAMP_ROLE, owner)) != 0)
	{
		values[1] = value_text(stamp_make(STAMP_ROLE, owner));
		store_execute("UPDATE echolon.model_store SET owner_stamp = $2"
					  " WHERE id OPERATOR(pg_catalog.=) $1", 2, values);
	}
	if (OidIsValid(version->relid) && (model->relation[0] == '\0' || (exists && has_privs_of_role(user, owner))))
	{
		values[1] = value_text(version->relation);
		relation_stamps(version, &values[2], &values[3]);
		store_execute("UPDATE echolon.model_store SET relation = $2, relation_stamp = $3, relation_owner_stamp = $4"
					  " WHERE id OPERATOR(pg_catalog.=) $1", 4, values);
	}
	if (version->active)
		store_execute("UPDATE echolon.version_store SET active = false"
					  " WHERE model_id OPERATOR(pg_catalog.=) $1 AND active", 1, values);
}

/* Insert the bytes of a version, 8 MB a row. */
static void
insert_chunks(int64 version_id, const uint8 *bytes, size_t length)
{
	size_t		done = 0;

	for (int32 chunk = 0; done < length; chunk++)
	{
		size_t		n = Min(length - done, (size_t) STORE_CHUNK);
		StoreValue	values[] = {
			value_int8(version_id), value_int4(chunk), value_bytes(bytes + done, n)
		};

		CHECK_FOR_INTERRUPTS();
		store_execute("INSERT INTO echolon.chunk_store (version_id, chunk, bytes)"
					  " VALUES ($1, $2, $3)", lengthof(values), values);
		pfree(DatumGetPointer(values[2].value));
		done += n;
	}
}

/* Insert the held-out sample of a version. */
static void
insert_holdout(int64 version_id, const HoldoutSample *sample)
{
	StoreValue	values[] = {
		value_int8(version_id),
		value_int8(sample->rows),
		value_int4(sample->noutputs),
		value_numbers(sample->actual, sample->n),
		value_numbers(sample->predicted, (int64) sample->n * sample->noutputs),
		value_numbers(sample->weight, sample->n)
	};

	store_execute("INSERT INTO echolon.holdout_store"
				  " (version_id, held_out, outputs, actual, predicted, weight)"
				  " VALUES ($1, $2, $3, $4, $5, $6)", lengthof(values), values);
}

/* Insert the row of a version with the next number; sets its id and gives the number. */
static int32
insert_version(const NewVersion *version, int64 model_id, ArrayType *columns, Jsonb *importance,
			   const char *trainer, int64 *version_id)
{
	uint8		digest[sizeof(((ModelVersion *) NULL)->digest)];
	StoreValue	none = {TEXTARRAYOID, (Datum) 0, true};
	StoreValue	rows = value_int8(version->rows_used);

	rows.isnull = version->rows_used < 0;
	digest_bytes(version->bytes, version->length, digest);

	StoreValue	values[] = {
		value_int8(model_id),
		value_text(version->algorithm),
		{TEXTARRAYOID, PointerGetDatum(columns), false},
		value_jsonb(version->recipe),
		value_jsonb(version->parameters),
		value_jsonb(version->metrics),
		value_jsonb(version->curve),
		value_text(version->metric),
		value_float8(version->score),
		value_float8(version->train_score),
		value_float8(version->baseline),
		rows,
		value_float8(version->seconds),
		value_text(version->fingerprint),
		value_bytes(digest, sizeof(digest)),
		value_int8((int64) version->length),
		none,
		value_now(),
		value_text(trainer),
		{BOOLOID, BoolGetDatum(version->active), false},
		value_now(),
		value_jsonb(importance)
	};

	values[20].isnull = !version->active;

	if (version->notes != NULL)
	{
		values[16].value = PointerGetDatum(version->notes);
		values[16].isnull = false;
	}
	store_execute("INSERT INTO echolon.version_store"
				  " (model_id, version, active, algorithm, columns, recipe, parameters, metrics,"
				  " curve, metric, score, train_score, baseline, rows_used, seconds,"
				  " fingerprint, digest, bytes, notes, trained_at, trained_by, activated_at, importance)"
				  " SELECT $1, COALESCE(pg_catalog.max(s.version), 0) OPERATOR(pg_catalog.+) 1,"
				  " $20, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
				  " $18, $19, $21, $22"
				  " FROM echolon.version_store s WHERE s.model_id OPERATOR(pg_catalog.=) $1"
				  " RETURNING id, version",
				  lengthof(values), values);
	*version_id = store_returned(1);
	return (int32) store_returned(2);
}

/*
 * Is the version that another one was made of still there, and active?  Raises where its model was dropped
 * meanwhile, even if there is a new one of its name.
 */
static bool
still_active(const ModelVersion *after, const StoredModel *model, bool exists)
{
	Snapshot	snapshot;
	int			active;

	if (!exists || model->id != after->model_id)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" was dropped while a version was made of it", after->model)));
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	active = store_find_version(model->id, 0, snapshot, NULL);
	UnregisterSnapshot(snapshot);
	return active == after->version;
}

int32
store_add_version(NewVersion *version)
{
	Oid			user = GetUserId();
	const char *trainer = GetUserNameFromId(user, false);
	ArrayType  *columns;
	Jsonb	   *importance;
	StoredModel model,
				older;
	StoreUser	before;
	int64		model_id,
				version_id;
	int32		number;
	bool		exists;

	store_prevent("model training");
	describe_bytes(version->bytes, version->length, &columns, &importance);
	store_lock_name("model_store", version->model);
	exists = check_name(version->model, version->relation, version->target, &model);
	if (exists && strcmp(model.task, version->task) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("model \"%s\" is for %s, not %s", version->model, model.task,
						version->task),
				 errhint("Train with task => %s, or give this model a name of its own with model => 'name'.",
						 quote_literal_cstr(model.task))));

	/* A snapshot from before the lock would number the version by what it no longer is. */
	if (exists && IsolationUsesXactSnapshot())
	{
		Snapshot	latest = RegisterSnapshot(GetLatestSnapshot());
		int			now,
					then,
					n;

		if (!store_find_model(version->model, GetTransactionSnapshot(), &older))
			store_serialization_failure();
		now = store_last_version(model.id, latest, &n);
		then = store_last_version(model.id, GetTransactionSnapshot(), &n);
		UnregisterSnapshot(latest);
		if (now != then)
			store_serialization_failure();
	}

	version->active = !version->inactive || !exists;
	if (version->after != NULL && !still_active(version->after, &model, exists) && version->if_current)
		version->active = false;
	before = store_begin_write();
	if (exists)
	{
		update_model(&model, version, user);
		model_id = model.id;
	}
	else
		model_id = insert_model(version, user);
	number = insert_version(version, model_id, columns, importance, trainer, &version_id);
	insert_chunks(version_id, version->bytes, version->length);
	if (version->holdout != NULL)
		insert_holdout(version_id, version->holdout);
	(void) store_retire_versions(model_id);
	store_end_write(before);
	return number;
}

/* ---- dropping ---------------------------------------------------------------- */

void
store_keep_model(int64 model_id)
{
	StoreValue	value = value_int8(model_id);

	store_execute("SELECT 1 FROM echolon.model_store WHERE id OPERATOR(pg_catalog.=) $1 FOR KEY SHARE", 1, &value);
}

#define VERSIONS_OF_MODEL \
	" WHERE version_id OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT id FROM echolon.version_store" \
	" WHERE model_id OPERATOR(pg_catalog.=) $1))"

/*
 * Take a model that has so many versions out of all tables.  A snapshot from before another session's
 * training misses its version.
 */
static void
delete_model(const char *model, int64 id, int versions)
{
	StoreValue	value = value_int8(id);

	/* first: whoever is adding records of it is waited for (store_keep_model), and then they are seen */
	store_execute("DELETE FROM echolon.model_store WHERE id OPERATOR(pg_catalog.=) $1", 1, &value);
	(void) store_execute_any("DELETE FROM echolon.chunk_store" VERSIONS_OF_MODEL, 1, &value);
	(void) store_execute_any("DELETE FROM echolon.holdout_store" VERSIONS_OF_MODEL, 1, &value);
	if (store_execute_any("DELETE FROM echolon.version_store"
						  " WHERE model_id OPERATOR(pg_catalog.=) $1", 1, &value) != (uint64) versions)
		store_serialization_failure();
	(void) store_execute_any("DELETE FROM echolon.run_store"
							 " WHERE model_id OPERATOR(pg_catalog.=) $1", 1, &value);
	(void) store_execute_any("DELETE FROM echolon.retrain_store"
							 " WHERE model_id OPERATOR(pg_catalog.=) $1", 1, &value);
	(void) store_execute_any("DELETE FROM echolon.monitor_store WHERE point_id OPERATOR(pg_catalog.=)"
							 " ANY (ARRAY(SELECT id FROM echolon.point_store"
							 " WHERE model_id OPERATOR(pg_catalog.=) $1))", 1, &value);
	(void) store_execute_any("DELETE FROM echolon.prediction_store"
							 " WHERE model_id OPERATOR(pg_catalog.=) $1", 1, &value);
	(void) store_execute_any("DELETE FROM echolon.point_store"
							 " WHERE model_id OPERATOR(pg_catalog.=) $1", 1, &value);
	(void) store_execute_any("DELETE FROM echolon.alias_store"
							 " WHERE model_id OPERATOR(pg_catalog.=) $1", 1, &value);
	/* the job may be another role's: it is left to whoever may end it */
	if (store_execute_any("DELETE FROM echolon.schedule_store"
						  " WHERE model_id OPERATOR(pg_catalog.=) $1 RETURNING job_id", 1, &value) > 0)
	{
		int64		job = store_returned(1);

		ereport(WARNING,
				(errmsg("model \"%s\" was scheduled to be trained again", model),
				 errdetail("Job " INT64_FORMAT " of pg_cron goes on calling, and will fail.", job),
				 errhint("SELECT cron.unschedule(" INT64_FORMAT "); next time echolon_unschedule(%s) first.",
						 job, quote_literal_cstr(model))));
	}
	(void) store_execute_any("DELETE FROM echolon.grant_store"
							 " WHERE model_id OPERATOR(pg_catalog.=) $1", 1, &value);
}

/* echolon_drop_model(model text) returns integer */
Datum
echolon_drop_model(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	StoredModel model;
	StoreUser	before;
	Snapshot	snapshot;
	int			count;

	store_prevent("echolon_drop_model()");
	store_lock_model(name, MODEL_OWN, &model);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	(void) store_last_version(model.id, snapshot, &count);
	UnregisterSnapshot(snapshot);

	before = store_begin_write();
	delete_model(model.model, model.id, count);
	store_end_write(before);
	PG_RETURN_INT32(count);
}
