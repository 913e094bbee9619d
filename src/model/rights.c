/*
 * rights.c
 *		Who may do what with a model.
 *
 * A right is 'predict', 'train' or 'own', each one containing those before it.
 * Superusers, the owner and the owner's members own; the rest is in grant_store.
 *
 * Roles are stored by name with a stamp beside it (table.h).  In the cluster where it was written
 * both must match, and a role that was dropped, made anew or renamed is nobody:
 * its models are the superusers', who give them on with echolon_reassign_models.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/skey.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "function.h"
#include "model/store.h"

#define PUBLIC_NAME			"public"	/* no role can have this name */

PG_FUNCTION_INFO_V1(echolon_has_model_role);
PG_FUNCTION_INFO_V1(echolon_grant_model);
PG_FUNCTION_INFO_V1(echolon_revoke_model);
PG_FUNCTION_INFO_V1(echolon_reassign_models);

/* ---- roles ------------------------------------------------------------------- */

bool
rights_role(const char *name, const char *stamp, Oid *role)
{
	Oid			stamped;

	if (strcmp(name, PUBLIC_NAME) == 0)
	{
		*role = ACL_ID_PUBLIC;
		return true;
	}
	*role = get_role_oid(name, true);
	if (!OidIsValid(*role))
		return false;

	/* Of this cluster: the number must be the same. */
	stamped = stamp_number(STAMP_ROLE, stamp);
	return !OidIsValid(stamped) || stamped == *role;
}

/* Has the current user the rights of a stored role? */
static bool
has_role(const char *name, const char *stamp)
{
	Oid			role;

	if (superuser())
		return true;
	return rights_role(name, stamp, &role) &&
		(role == ACL_ID_PUBLIC || has_privs_of_role(GetUserId(), role));
}

/* ---- rights ------------------------------------------------------------------ */

const char *
rights_name(int right)
{
	switch (right)
	{
		case MODEL_PREDICT:
			return "predict";
		case MODEL_TRAIN:
			return "train";
		case MODEL_OWN:
			return "own";
		default:
			return "none";
	}
}

/* The right of this name. */
static ModelRight
parse_right(const char *name)
{
	for (int right = MODEL_PREDICT; right <= MODEL_OWN; right++)
		if (pg_strcasecmp(name, rights_name(right)) == 0)
			return (ModelRight) right;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown privilege \"%s\"", name),
			 errhint("A privilege is predict, train or own.")));
}

int
rights_of_model(const StoredModel *model, Snapshot snapshot)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;
	int			largest = 0;

	if (has_role(model->owner, model->owner_stamp))
		return MODEL_OWN;
	ScanKeyInit(&key, GRANT_STORE_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(model->id));
	scan = store_scan("grant_store", "grant_store_pkey", snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		int			right = DatumGetInt16(store_column(&scan, tuple, GRANT_STORE_PRIVILEGE));

		if (right > largest &&
			has_role(store_text_column(&scan, tuple, GRANT_STORE_GRANTEE),
					 store_text_column(&scan, tuple, GRANT_STORE_GRANTEE_STAMP)))
			largest = right;
	}
	store_scan_end(&scan);
	return largest;
}

/* What was granted to a name, whoever bears it now, and its stamp; 0: nothing. */
static int
stored_grant(int64 model_id, const char *role, char **stamp)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key[2];
	StoreScan	scan;
	HeapTuple	tuple;
	int			right = 0;

	ScanKeyInit(&key[0], GRANT_STORE_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(model_id));
	ScanKeyInit(&key[1], GRANT_STORE_GRANTEE, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(role));
	scan = store_scan("grant_store", "grant_store_pkey", snapshot, 2, key);
	tuple = store_scan_next(&scan);
	if (HeapTupleIsValid(tuple))
	{
		right = DatumGetInt16(store_column(&scan, tuple, GRANT_STORE_PRIVILEGE));
		*stamp = store_text_column(&scan, tuple, GRANT_STORE_GRANTEE_STAMP);
	}
	store_scan_end(&scan);
	UnregisterSnapshot(snapshot);
	return right;
}

bool
rights_relation_foreign(const StoredModel *model, Oid relid)
{
	Oid			stamped = stamp_number(STAMP_RELATION, model->relation_stamp);
	Oid			relation_owner = relation_owner_oid(relid);
	Oid			owner;

	/* stamped elsewhere, or not yet: the name decides */
	if (!OidIsValid(stamped) || stamped == relid || !OidIsValid(relation_owner))
		return false;
	if (relation_owner == stamp_number(STAMP_ROLE, model->relation_owner_stamp) || superuser_arg(relation_owner))
		return false;
	return !rights_role(model->owner, model->owner_stamp, &owner) || owner == ACL_ID_PUBLIC ||
		!has_privs_of_role(relation_owner, owner);
}

/* ---- SQL --------------------------------------------------------------------- */

/* echolon.has_model_role(role text, stamp text) returns boolean */
Datum
echolon_has_model_role(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(has_role(text_to_cstring(PG_GETARG_TEXT_PP(0)),
							text_to_cstring(PG_GETARG_TEXT_PP(1))));
}

/* What of a role is stored: its stamp; none for public.  Raises where there is no such role. */
static char *
grantee_stamp(const char *role)
{
	if (strcmp(role, PUBLIC_NAME) == 0)
		return pstrdup("");
	return stamp_make(STAMP_ROLE, get_role_oid(role, false));
}

/* Set what a grantee may do with a model; 0 takes the row away. */
static void
write_grant(int64 model_id, const char *role, const char *stamp, int right)
{
	char	   *grantor = GetUserNameFromId(GetUserId(), false);
	StoreUser	before = store_begin_write();
	StoreValue	values[] = {
		{INT8OID, Int64GetDatum(model_id), false},
		{TEXTOID, CStringGetTextDatum(role), false},
		{TEXTOID, CStringGetTextDatum(stamp), false},
		{INT2OID, Int16GetDatum(right), false},
		{TEXTOID, CStringGetTextDatum(grantor), false},
		{TIMESTAMPTZOID, TimestampTzGetDatum(GetCurrentTimestamp()), false}
	};

	if (right == 0)
		store_execute("DELETE FROM echolon.grant_store"
					  " WHERE model_id OPERATOR(pg_catalog.=) $1"
					  " AND grantee OPERATOR(pg_catalog.=) $2", 2, values);
	else
		store_execute("INSERT INTO echolon.grant_store"
					  " (model_id, grantee, grantee_stamp, privilege, granted_by, granted_at)"
					  " VALUES ($1, $2, $3, $4, $5, $6)"
					  " ON CONFLICT (model_id, grantee) DO UPDATE"
					  " SET grantee_stamp = EXCLUDED.grantee_stamp,"
					  " privilege = EXCLUDED.privilege, granted_by = EXCLUDED.granted_by,"
					  " granted_at = EXCLUDED.granted_at", lengthof(values), values);
	store_end_write(before);
}

/* echolon_grant_model(model text, role text, privilege text) returns void */
Datum
echolon_grant_model(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *role = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int			right = parse_right(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	char	   *stamp,
			   *before;
	StoredModel model;
	Oid			oid;
	int			have;

	store_prevent("echolon_grant_model()");
	store_lock_model(name, MODEL_OWN, &model);
	stamp = grantee_stamp(role);

	/* A grant adds to what the role has; an earlier role of the name leaves nothing. */
	have = stored_grant(model.id, role, &before);
	if (have > right && rights_role(role, before, &oid))
		right = have;
	write_grant(model.id, role, stamp, right);
	PG_RETURN_VOID();
}

/* echolon_revoke_model(model text, role text, privilege text) returns void */
Datum
echolon_revoke_model(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *role = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int			right = parse_right(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	StoredModel model;
	char	   *stamp;
	int			have;

	store_prevent("echolon_revoke_model()");
	store_lock_model(name, MODEL_OWN, &model);

	/* Also what was granted to a role that is gone. */
	have = stored_grant(model.id, role, &stamp);
	if (have == 0 && strcmp(role, PUBLIC_NAME) != 0)
		(void) get_role_oid(role, false);
	if (have >= right)
		write_grant(model.id, role, stamp, right - 1);
	PG_RETURN_VOID();
}

/* echolon_reassign_models(old_role text, new_role text) returns integer */
Datum
echolon_reassign_models(PG_FUNCTION_ARGS)
{
	char	   *old_role = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *new_role = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid			old_oid = get_role_oid(old_role, superuser());
	Oid			new_oid = get_role_oid(new_role, false);
	Snapshot	snapshot;
	List	   *models;
	ListCell   *cell;
	char	   *stamp = stamp_make(STAMP_ROLE, new_oid);
	int			count = 0;

	store_prevent("echolon_reassign_models()");
	if (!superuser() && (!has_privs_of_role(GetUserId(), old_oid) ||
						 !has_privs_of_role(GetUserId(), new_oid)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to reassign models"),
				 errdetail("This needs the privileges of \"%s\" and of \"%s\".",
						   old_role, new_role)));

	snapshot = RegisterSnapshot(GetLatestSnapshot());
	models = store_all_models(snapshot);
	UnregisterSnapshot(snapshot);
	foreach(cell, models)
	{
		StoredModel *model = lfirst(cell);
		StoredModel now;
		StoreUser	before;
		StoreValue	values[] = {
			{INT8OID, Int64GetDatum(model->id), false},
			{TEXTOID, CStringGetTextDatum(new_role), false},
			{TEXTOID, CStringGetTextDatum(stamp), false}
		};

		/* Models of an earlier role of the old name are not its own. */
		if (strcmp(model->owner, old_role) != 0 || !has_role(model->owner, model->owner_stamp))
			continue;
		store_lock_model(model->model, MODEL_OWN, &now);
		if (now.id != model->id || strcmp(now.owner, old_role) != 0)
			continue;
		before = store_begin_write();
		store_execute("UPDATE echolon.model_store SET owner = $2, owner_stamp = $3"
					  " WHERE id OPERATOR(pg_catalog.=) $1", lengthof(values), values);
		store_end_write(before);
		count++;
	}
	PG_RETURN_INT32(count);
}
