/*
 * replay.c
 *		A stored recipe once more: as the owner of its model, on its relation as it is today.
 *
 * Recipes hold names and values, never SQL.  But a relation may be a view, and a view calls what its owner likes:
 * so nothing of a recipe runs as anyone but the owner of the model.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "operate/replay.h"

/* ---- as the owner ---------------------------------------------------------- */

/* The search_path that ALTER ROLE or ALTER DATABASE gave a role in a database (0: any); NULL. */
static char *
stored_search_path(Relation settings, Oid database, Oid role)
{
	static const char prefix[] = "search_path=";
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *path = NULL;

	ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(database));
	ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(role));
	scan = systable_beginscan(settings, DbRoleSettingDatidRolidIndexId, true, NULL, 2, keys);
	while (path == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		datum = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig, RelationGetDescr(settings), &isnull);
		Datum	   *elements;
		bool	   *nulls;
		int			n;

		if (isnull)
			continue;
		deconstruct_array(DatumGetArrayTypeP(datum), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
		for (int i = 0; i < n; i++)
		{
			char	   *setting = nulls[i] ? "" : TextDatumGetCString(elements[i]);

			if (strncmp(setting, prefix, strlen(prefix)) == 0)
				path = setting + strlen(prefix);
		}
	}
	systable_endscan(scan);
	return path;
}

/* The search_path a session of this role would begin with. */
static char *
role_search_path(Oid role)
{
	Relation	settings = table_open(DbRoleSettingRelationId, AccessShareLock);
	char	   *path = stored_search_path(settings, MyDatabaseId, role);

	if (path == NULL)
		path = stored_search_path(settings, InvalidOid, role);
	if (path == NULL)
		path = stored_search_path(settings, MyDatabaseId, InvalidOid);
	if (path == NULL)
		path = stored_search_path(settings, InvalidOid, InvalidOid);
	table_close(settings, AccessShareLock);
	return path != NULL ? path : pstrdup("\"$user\", public");
}

void
replay_setting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/*
 * May the user have the owner read this relation, which is locked?  Another one than the model was trained on, made by a
 * third role, nobody has read: not even the owner or a superuser, who only meant to train again.  Whoever owns a
 * view, or a policy of a table, decides what code runs when it is read, and can change that at any time: with the
 * owner's rights, whenever somebody who was granted train or predict likes.  So those may only have read what runs
 * no code of a third role.  It stays locked, so it stays what it is.
 */
static void
check_relation(const ReplayUser *replay, Oid relid)
{
	const StoredModel *model = &replay->model;
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	bool		runs_code;
	Oid			relation_owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	form = (Form_pg_class) GETSTRUCT(tuple);
	relation_owner = form->relowner;
	runs_code = (form->relkind != RELKIND_RELATION && form->relkind != RELKIND_PARTITIONED_TABLE &&
				 form->relkind != RELKIND_MATVIEW) || form->relrowsecurity;
	ReleaseSysCache(tuple);
	if (rights_relation_foreign(model, relid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the relation of model \"%s\" is not the one it was trained on", model->model),
				 errdetail("%s was dropped or renamed since, and the one of that name now is of \"%s\".",
						   model->relation, GetUserNameFromId(relation_owner, false)),
				 errhint("If it is to be trusted, train the model on it once as \"%s\": echolon_train_rf or echolon_train_gb, with model => %s.",
						 model->owner, quote_literal_cstr(model->model))));
	if (runs_code && !has_privs_of_role(replay->user, replay->owner) && relation_owner != replay->owner &&
		!superuser_arg(relation_owner) && !has_privs_of_role(relation_owner, replay->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read the relation of model \"%s\" as its owner", model->model),
				 errdetail("Reading %s runs code of \"%s\", which would have the rights of \"%s\".",
						   model->relation, GetUserNameFromId(relation_owner, false), model->owner),
				 errhint("The owner of the model or a superuser can do this.")));
}

ReplayUser
replay_begin(const char *model)
{
	ReplayUser	replay = {0};
	StoredModel *stored = &replay.model;

	if (!store_find_model(model, GetActiveSnapshot(), stored))
		store_no_model(model, GetActiveSnapshot());
	if (!rights_role(stored->owner, stored->owner_stamp, &replay.owner) || replay.owner == ACL_ID_PUBLIC)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the owner of model \"%s\" does not exist", model),
				 errdetail("It was role \"%s\", which was dropped or renamed.", stored->owner),
				 errhint("A superuser can give its models away with echolon_reassign_models(%s, new_role).",
						 quote_literal_cstr(stored->owner))));

	GetUserIdAndSecContext(&replay.user, &replay.context);
	replay.nest = NewGUCNestLevel();
	SetUserIdAndSecContext(replay.owner,
						   replay.context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	if (replay.owner != replay.user)
		replay_setting("search_path", role_search_path(replay.owner));
	return replay;
}

void
replay_end(const ReplayUser *replay)
{
	if (replay->snapshot)
		PopActiveSnapshot();
	AtEOXact_GUC(false, replay->nest);
	SetUserIdAndSecContext(replay->user, replay->context);
}

/* ---- the recipe --------------------------------------------------------------- */

Oid
replay_relation(ReplayUser *replay, const ModelVersion *version)
{
	char	   *schema,
			   *name;

	if (OidIsValid(replay->relid))
		return replay->relid;
	if (version->relation[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no relation to read rows from", version->model),
				 errdetail("It was imported without one."),
				 errhint("Train it once under this name: echolon_train_%s(relation, %s, model => %s).",
						 strcmp(version->algorithm, "random_forest") == 0 ? "rf" : "gb",
						 quote_literal_cstr(version->target), quote_literal_cstr(version->model))));
	if (stored_relation_parts(version->relation, &schema, &name))
		replay->relid = relation_lock_name(schema, name);
	if (!OidIsValid(replay->relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the relation of model \"%s\" does not exist", version->model),
				 errdetail("It was trained on %s, which was dropped or renamed.", version->relation),
				 errhint("Make a view of that name, or train a model on another relation under a name of its own.")));
	check_relation(replay, replay->relid);
	/* what was committed while the lock was waited for is read: as a query does, which locks before it looks */
	PushActiveSnapshot(GetTransactionSnapshot());
	replay->snapshot = true;
	return replay->relid;
}

bool
replay_values(const ModelVersion *version, const CachedModel *model, const Jsonb *recipe, Oid relid,
			  ParamValues *values)
{
	JsonbValue *parameters = recipe && JB_ROOT_IS_OBJECT(recipe) ?
		json_object_value(&recipe->root, "parameters") : NULL;
	bool		known = parameters && parameters->type == jbvBinary;
	ParamValue *v = values->value;

	params_from_json(known ? JsonbValueToJsonb(parameters) : NULL, (LearnAlgorithm) model->file.learn.algorithm,
					 psprintf("model \"%s\"", version->model), values);
	v[PARAM_RELATION].given = true;
	v[PARAM_RELATION].relation = relid;
	v[PARAM_TARGET].given = true;
	v[PARAM_TARGET].word = model->target;
	v[PARAM_TASK].given = true;
	v[PARAM_TASK].word = model->file.task == TASK_REGRESSION ? "regression" : "classification";
	return known;
}

/* The columns of a recipe; NULL: it has none. */
static JsonbContainer *
recipe_columns(const Jsonb *recipe)
{
	JsonbValue *array = recipe && JB_ROOT_IS_OBJECT(recipe) ? json_object_value(&recipe->root, "columns") : NULL;

	if (!array || array->type != jbvBinary || !JsonContainerIsArray(array->val.binary.data) ||
		JsonContainerSize(array->val.binary.data) == 0)
		return NULL;
	return array->val.binary.data;
}

bool
replay_has_recipe(const Jsonb *recipe)
{
	return recipe_columns(recipe) != NULL;
}

List *
replay_columns(const ModelVersion *version, const Jsonb *recipe, Oid relid)
{
	JsonbContainer *array = recipe_columns(recipe);
	List	   *columns = NIL;

	if (array == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" has no recipe", version->version, version->model),
				 errdetail("It was imported as bare bytes: what it was trained with is not known."),
				 errhint("Train it once under this name: echolon_train_%s(%s, %s, model => %s).",
						 strcmp(version->algorithm, "random_forest") == 0 ? "rf" : "gb",
						 quote_literal_cstr(version->relation), quote_literal_cstr(version->target),
						 quote_literal_cstr(version->model))));
	for (uint32 i = 0; i < JsonContainerSize(array); i++)
	{
		JsonbValue *name = getIthJsonbValueFromContainer(array, i);
		char	   *column;

		if (name->type != jbvString)
			continue;
		column = pnstrdup(name->val.string.val, name->val.string.len);
		(void) relation_column(relid, column);
		columns = lappend(columns, column);
	}
	return columns;
}

Training *
replay_training(ReplayUser *replay, const ModelVersion *version, const CachedModel *model, const Jsonb *recipe)
{
	Training   *t = palloc0(sizeof(Training));
	Oid			relid = replay_relation(replay, version);

	INSTR_TIME_SET_CURRENT(t->start);
	t->context = CurrentMemoryContext;
	(void) relation_column(relid, model->target);
	t->columns = replay_columns(version, recipe, relid);
	(void) replay_values(version, model, recipe, relid, &t->values);
	t->relation = relation_name(relid);
	t->model = version->model;
	t->recipe = unconstify(Jsonb *, recipe);
	t->task_kept = true;
	set_prepare(t);
	return t;
}
