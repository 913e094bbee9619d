/*
 * versions.c
 *		What is done with the versions of a model: activated, rolled back, named, noted, retired.
 *
 * All of it under the lock on the model's name, in the caller's transaction: what is aborted was never
 * seen by anyone, and other sessions follow at commit, since a name is looked up under each statement's
 * own snapshot.
 *
 * A version remembers when it was promoted.  A rollback goes to the one promoted last before the active one,
 * and promotes nothing, so that the next rollback goes one further back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "function.h"
#include "model/store.h"

#define ALIAS_MAX		63		/* bytes of an alias */

PG_FUNCTION_INFO_V1(echolon_activate);
PG_FUNCTION_INFO_V1(echolon_activate_alias);
PG_FUNCTION_INFO_V1(echolon_rollback);
PG_FUNCTION_INFO_V1(echolon_set_alias);
PG_FUNCTION_INFO_V1(echolon_drop_alias);
PG_FUNCTION_INFO_V1(echolon_version);
PG_FUNCTION_INFO_V1(echolon_add_note);
PG_FUNCTION_INFO_V1(echolon_keep_versions);

/* ---- for other files ------------------------------------------------------------ */

void
store_set_active(int64 model_id, int32 version, bool again)
{
	StoreValue	values[] = {value_int8(model_id), value_int4(version), value_now(),
	{BOOLOID, BoolGetDatum(again), false}};

	store_execute("UPDATE echolon.version_store SET active = false"
				  " WHERE model_id OPERATOR(pg_catalog.=) $1 AND active", 1, values);
	store_execute("UPDATE echolon.version_store SET active = true,"
				  " activated_at = CASE WHEN $4 THEN activated_at ELSE $3 END"
				  " WHERE model_id OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2",
				  lengthof(values), values);
}

/*
 * The active version stays, the one a rollback would go to, those with an alias, and the newest ones.
 */
uint64
store_retire_versions(int64 model_id)
{
	StoreValue	values[] = {value_int8(model_id), value_now()};
	uint64		count = store_execute_any(
		"UPDATE echolon.version_store v SET retired_at = $2"
		" FROM echolon.model_store m"
		" WHERE m.id OPERATOR(pg_catalog.=) $1 AND m.keep_versions OPERATOR(pg_catalog.>) 0"
		" AND v.model_id OPERATOR(pg_catalog.=) $1 AND v.retired_at IS NULL AND NOT v.active"
		" AND NOT EXISTS (SELECT 1 FROM echolon.alias_store a"
		" WHERE a.model_id OPERATOR(pg_catalog.=) $1 AND a.version OPERATOR(pg_catalog.=) v.version)"
		" AND (SELECT pg_catalog.count(*) FROM echolon.version_store n"
		" WHERE n.model_id OPERATOR(pg_catalog.=) $1 AND n.retired_at IS NULL"
		" AND n.version OPERATOR(pg_catalog.>) v.version) OPERATOR(pg_catalog.>=) m.keep_versions"
		" AND v.version OPERATOR(pg_catalog.<>) COALESCE((SELECT b.version FROM echolon.version_store b,"
		" echolon.version_store c"
		" WHERE b.model_id OPERATOR(pg_catalog.=) $1 AND c.model_id OPERATOR(pg_catalog.=) $1 AND c.active"
		" AND b.retired_at IS NULL AND b.activated_at OPERATOR(pg_catalog.<) c.activated_at"
		" ORDER BY b.activated_at DESC, b.version DESC LIMIT 1), 0)", lengthof(values), values);

	if (count == 0)
		return 0;
#define OF_RETIRED_VERSIONS \
	" WHERE version_id OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT id FROM echolon.version_store" \
	" WHERE model_id OPERATOR(pg_catalog.=) $1 AND retired_at IS NOT NULL))"
	(void) store_execute_any("DELETE FROM echolon.chunk_store" OF_RETIRED_VERSIONS, 1, values);
	(void) store_execute_any("DELETE FROM echolon.holdout_store" OF_RETIRED_VERSIONS, 1, values);
	return count;
}

/* ---- which version ---------------------------------------------------------------- */

/* A version of a locked model, which must have its bytes where that is asked for. */
static void
check_version(const StoredModel *model, int32 number, bool bytes)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ModelVersion found;

	memset(&found, 0, sizeof(found));
	if (number <= 0 || store_find_version(model->id, number, snapshot, &found) == 0)
		store_no_version(model, number, snapshot);
	found.model = model->model;
	if (bytes && found.retired)
		store_retired(&found);
	UnregisterSnapshot(snapshot);
}

/* A number written as a word; 0: it is none. */
static int32
number_of_word(const char *word)
{
	size_t		length = strlen(word);

	if (length == 0 || length > 9 || strspn(word, "0123456789") != length)
		return 0;
	return atoi(word);
}

/* The version of a locked model that a word stands for. */
static int32
version_of_word(const StoredModel *model, const char *word)
{
	Snapshot	snapshot;
	int32		number = number_of_word(word);

	if (number > 0)
		return number;
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	number = store_find_alias(model->id, word, snapshot);
	UnregisterSnapshot(snapshot);
	if (number == 0)
		store_no_alias(model, word);
	return number;
}

/* The active version of a locked model. */
static int32
active_version(const StoredModel *model)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	int32		active = store_find_version(model->id, 0, snapshot, NULL);

	UnregisterSnapshot(snapshot);
	return active;
}

/* ---- activating ----------------------------------------------------------------------- */

/* Activate a version of a locked model; the one that was active. */
static int32
activate(const StoredModel *model, int32 number, bool again)
{
	int32		active = active_version(model);
	StoreUser	before;

	check_version(model, number, true);
	if (active == number)
		return active;
	before = store_begin_write();
	store_set_active(model->id, number, again);
	store_end_write(before);
	return active;
}

/* echolon_activate(model text, version integer) returns integer */
Datum
echolon_activate(PG_FUNCTION_ARGS)
{
	StoredModel model;

	store_prevent("echolon_activate()");
	store_lock_model(text_to_cstring(PG_GETARG_TEXT_PP(0)), MODEL_TRAIN, &model);
	PG_RETURN_INT32(activate(&model, PG_GETARG_INT32(1), false));
}

/* echolon_activate(model text, alias text) returns integer */
Datum
echolon_activate_alias(PG_FUNCTION_ARGS)
{
	StoredModel model;

	store_prevent("echolon_activate()");
	store_lock_model(text_to_cstring(PG_GETARG_TEXT_PP(0)), MODEL_TRAIN, &model);
	PG_RETURN_INT32(activate(&model, version_of_word(&model, text_to_cstring(PG_GETARG_TEXT_PP(1))), false));
}

/* The version that was promoted last before the active one, of those that have their bytes; 0: none. */
static int32
version_before(int64 model_id)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TimestampTz limit = 0,
				latest = 0;
	int32		active = store_find_version(model_id, 0, snapshot, NULL);
	int32		before = 0;

	/* first when the active one was promoted, then the last one before that */
	for (int pass = 0; pass < 2; pass++)
	{
		ScanKeyData key;
		StoreScan	scan;
		HeapTuple	tuple;

		ScanKeyInit(&key, VERSION_STORE_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(model_id));
		scan = store_scan("version_store", "version_store_model_id_version_key", snapshot, 1, &key);
		while (HeapTupleIsValid(tuple = store_scan_next(&scan)))
		{
			int32		number = DatumGetInt32(store_column(&scan, tuple, VERSION_STORE_VERSION));
			bool		never,
						kept;
			TimestampTz at = DatumGetTimestampTz(heap_getattr(tuple, VERSION_STORE_ACTIVATED_AT,
															  RelationGetDescr(scan.table), &never));

			(void) heap_getattr(tuple, VERSION_STORE_RETIRED_AT, RelationGetDescr(scan.table), &kept);
			if (never)
				continue;
			if (pass == 0 && number == active)
				limit = at;
			if (pass == 1 && kept && at < limit && (before == 0 || at > latest))
			{
				before = number;
				latest = at;
			}
		}
		store_scan_end(&scan);
	}
	UnregisterSnapshot(snapshot);
	return before;
}

/* echolon_rollback(model text) returns integer */
Datum
echolon_rollback(PG_FUNCTION_ARGS)
{
	StoredModel model;
	int32		number;

	store_prevent("echolon_rollback()");
	store_lock_model(text_to_cstring(PG_GETARG_TEXT_PP(0)), MODEL_TRAIN, &model);
	number = version_before(model.id);
	if (number == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no version to go back to", model.model),
				 errdetail("No version that is still kept was active before version %d.", active_version(&model)),
				 errhint("echolon_activate(%s, version) makes any version the active one.",
						 quote_literal_cstr(model.model))));
	(void) activate(&model, number, true);
	PG_RETURN_INT32(number);
}

/* ---- aliases ---------------------------------------------------------------------------- */

static void
check_alias(const char *alias)
{
	if (alias[0] == '\0' || strlen(alias) > ALIAS_MAX || strchr(alias, '@') != NULL || number_of_word(alias) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" cannot be an alias", alias),
				 errdetail("An alias has 1 to %d bytes, no @ in it, and is not a number.", ALIAS_MAX)));
}

/* echolon_set_alias(model text, alias text, version integer) returns void */
Datum
echolon_set_alias(PG_FUNCTION_ARGS)
{
	char	   *alias = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int32		number = PG_GETARG_INT32(2);
	StoredModel model;

	store_prevent("echolon_set_alias()");
	check_alias(alias);
	store_lock_model(text_to_cstring(PG_GETARG_TEXT_PP(0)), MODEL_TRAIN, &model);
	if (strcmp(alias, ALIAS_CHAMPION) == 0)
	{
		(void) activate(&model, number, false);
		PG_RETURN_VOID();
	}
	check_version(&model, number, true);

	StoreValue	values[] = {value_int8(model.id), value_text(alias), value_int4(number)};
	StoreUser	before = store_begin_write();

	store_execute("INSERT INTO echolon.alias_store (model_id, alias, version) VALUES ($1, $2, $3)"
				  " ON CONFLICT (model_id, alias) DO UPDATE SET version = EXCLUDED.version",
				  lengthof(values), values);
	store_end_write(before);
	PG_RETURN_VOID();
}

/* echolon_drop_alias(model text, alias text) returns void */
Datum
echolon_drop_alias(PG_FUNCTION_ARGS)
{
	char	   *alias = text_to_cstring(PG_GETARG_TEXT_PP(1));
	StoredModel model;
	StoreUser	before;
	StoreValue	values[2];
	uint64		dropped;

	store_prevent("echolon_drop_alias()");
	if (strcmp(alias, ALIAS_CHAMPION) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the alias \"%s\" cannot be dropped", alias),
				 errdetail("It is the active version of a model.")));
	store_lock_model(text_to_cstring(PG_GETARG_TEXT_PP(0)), MODEL_TRAIN, &model);
	values[0] = value_int8(model.id);
	values[1] = value_text(alias);
	before = store_begin_write();
	dropped = store_execute_any("DELETE FROM echolon.alias_store WHERE model_id OPERATOR(pg_catalog.=) $1"
								" AND alias OPERATOR(pg_catalog.=) $2", lengthof(values), values);
	store_end_write(before);
	if (dropped == 0)
		store_no_alias(&model, alias);
	PG_RETURN_VOID();
}

/* echolon_version(model text, alias text) returns integer */
Datum
echolon_version(PG_FUNCTION_ARGS)
{
	char	   *alias = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Snapshot	snapshot = GetActiveSnapshot();
	StoredModel model;
	int32		version;

	store_resolve_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), snapshot, &model, &version);
	store_check_right(&model, MODEL_PREDICT, snapshot);
	version = store_find_alias(model.id, alias, snapshot);
	if (version == 0)
		store_no_alias(&model, alias);
	PG_RETURN_INT32(version);
}

/* ---- notes and limits -------------------------------------------------------------------- */

/* echolon_add_note(model text, version integer, note text) returns void */
Datum
echolon_add_note(PG_FUNCTION_ARGS)
{
	char	   *note = text_to_cstring(PG_GETARG_TEXT_PP(2));
	int32		number = PG_GETARG_INT32(1);
	StoredModel model;

	store_prevent("echolon_add_note()");
	store_lock_model(text_to_cstring(PG_GETARG_TEXT_PP(0)), MODEL_TRAIN, &model);
	check_version(&model, number, false);

	StoreValue	values[] = {value_int8(model.id), value_int4(number), value_text(note)};
	StoreUser	before = store_begin_write();

	store_execute("UPDATE echolon.version_store"
				  " SET notes = pg_catalog.array_append(COALESCE(notes, '{}'::pg_catalog.text[]), $3)"
				  " WHERE model_id OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2",
				  lengthof(values), values);
	store_end_write(before);
	PG_RETURN_VOID();
}

/* echolon_keep_versions(model text, keep integer) returns integer */
Datum
echolon_keep_versions(PG_FUNCTION_ARGS)
{
	int32		keep = PG_GETARG_INT32(1);
	StoredModel model;
	StoreUser	before;
	StoreValue	values[2];
	uint64		retired;

	store_prevent("echolon_keep_versions()");
	if (keep < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"keep\" is out of range"),
				 errdetail("It is %d.", keep),
				 errhint("Give the number of versions to keep, or 0 for all.")));
	store_lock_model(text_to_cstring(PG_GETARG_TEXT_PP(0)), MODEL_OWN, &model);
	values[0] = value_int8(model.id);
	values[1] = value_int4(keep);
	before = store_begin_write();
	store_execute("UPDATE echolon.model_store SET keep_versions = $2 WHERE id OPERATOR(pg_catalog.=) $1",
				  lengthof(values), values);
	retired = store_retire_versions(model.id);
	store_end_write(before);
	PG_RETURN_INT32((int32) retired);
}
