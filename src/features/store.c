/*
 * store.c
 *		The store of feature sets: which there are, who may use them, which view is whose.
 *
 * The right to a set is the right to its view: who may SELECT from the view, or a column of it, may
 * see the set and use what it has fitted; who owns the view may refresh and drop it.  The view
 * is found by its stamp (model/table.h): renamed or moved it stays the set's, and one that
 * was dropped and made anew under the name is not the set's, for what was fitted holds
 * labels of the data.  A set that has lost its view is nobody's but the superusers', and its
 * name is free: who makes a set of that name replaces it.
 *
 * Writers hold a lock on the name to the end of the transaction.  The tables are read and
 * written through model/table.c.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "features/feature.h"
#include "features/stored.h"
#include "function.h"
#include "model/model.h"

#define NAME_MAX_BYTES		255 /* of a set's name, which may have a schema in it */

PG_FUNCTION_INFO_V1(echolon_feature_view);
PG_FUNCTION_INFO_V1(echolon_stored_relation_name);
PG_FUNCTION_INFO_V1(echolon_may_use_features);
PG_FUNCTION_INFO_V1(echolon_feature_state);

/* ---- rights -------------------------------------------------------------------- */

/* May the current user SELECT from a relation, or from a column of it? */
static bool
may_select(Oid relid)
{
	bool		gone = false;	/* dropped just now: nobody may */

	return pg_class_aclcheck_ext(relid, GetUserId(), ACL_SELECT, &gone) == ACLCHECK_OK ||
		pg_attribute_aclcheck_all(relid, GetUserId(), ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
}

bool
feature_owns_view(Oid relid)
{
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) &&
		relation_ownercheck_compat(relid, GetUserId());
}

bool
feature_may_use_view(Oid view)
{
	return OidIsValid(view) ? may_select(view) || feature_owns_view(view) : superuser();
}

/* ---- reading -------------------------------------------------------------------- */

/* What a stored relation is called now. */
static char *
name_now(Oid relid, char *stored)
{
	char	   *name = OidIsValid(relid) ? get_rel_name(relid) : NULL;
	char	   *schema = name == NULL ? NULL : get_namespace_name(get_rel_namespace(relid));

	return schema == NULL ? stored : quote_qualified_identifier(schema, name);
}

/* Read a row of feature_set_store. */
static void
fill_set(StoreScan *scan, HeapTuple tuple, bool definition, StoredSet *found)
{
	char	   *materialized = store_optional_text(scan, tuple, FEATURE_SET_STORE_MATERIALIZED_VIEW);
	char	   *relation = store_text_column(scan, tuple, FEATURE_SET_STORE_RELATION);

	memset(found, 0, sizeof(*found));
	found->id = DatumGetInt64(store_column(scan, tuple, FEATURE_SET_STORE_ID));
	found->name = store_text_column(scan, tuple, FEATURE_SET_STORE_NAME);
	found->view = stamped_relation(store_text_column(scan, tuple, FEATURE_SET_STORE_VIEW),
								   store_text_column(scan, tuple, FEATURE_SET_STORE_VIEW_STAMP),
								   RELKIND_VIEW);
	if (materialized != NULL)
		found->materialized_view =
			stamped_relation(materialized,
							 store_text_column(scan, tuple, FEATURE_SET_STORE_MATERIALIZED_STAMP),
							 RELKIND_MATVIEW);
	found->relid =
		stamped_relation(relation,
						 store_text_column(scan, tuple, FEATURE_SET_STORE_RELATION_STAMP), '\0');
	found->relation = name_now(found->relid, relation);
	found->fit = *DatumGetUUIDP(store_column(scan, tuple, FEATURE_SET_STORE_FIT));
	if (definition)
		found->definition =
			DatumGetJsonbPCopy(store_column(scan, tuple, FEATURE_SET_STORE_DEFINITION));
}

/* The set of this name, whoever may see it; false: there is none. */
static bool
find_set(const char *name, Snapshot snapshot, bool definition, StoredSet *found)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, FEATURE_SET_STORE_NAME, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(name));
	scan = store_scan("feature_set_store", "feature_set_store_name_key", snapshot, 1, &key);
	tuple = store_scan_next(&scan);
	if (HeapTupleIsValid(tuple))
		fill_set(&scan, tuple, definition, found);
	store_scan_end(&scan);
	return HeapTupleIsValid(tuple);
}

/* All sets, without their definitions: of StoredSet *. */
static List *
all_sets(Snapshot snapshot)
{
	StoreScan	scan = store_scan("feature_set_store", "feature_set_store_pkey", snapshot, 0, NULL);
	List	   *sets = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		StoredSet  *found = palloc(sizeof(StoredSet));

		CHECK_FOR_INTERRUPTS();
		fill_set(&scan, tuple, false, found);
		sets = lappend(sets, found);
	}
	store_scan_end(&scan);
	return sets;
}

/* Raise that the user has no set of this name. */
static _Noreturn void
no_set(const char *name, Snapshot snapshot)
{
	List	   *sets = all_sets(snapshot);
	const char **names = palloc(mul_size(sizeof(char *), list_length(sets) + 1));
	const char *near;
	int			n = 0;
	ListCell   *cell;

	foreach(cell, sets)
	{
		StoredSet  *found = lfirst(cell);

		if (feature_may_use_view(found->view))
			names[n++] = found->name;
	}
	near = closest_name(name, names, n);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("feature set \"%s\" does not exist", name),
			 near != NULL ? errhint("Did you mean \"%s\"?", near) :
			 errhint("SELECT * FROM echolon.feature_sets lists the feature sets you may use.")));
}

/* Raise that a set has lost its view. */
static _Noreturn void
no_view(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("the view of feature set \"%s\" was dropped", name),
			 errdetail("What the set has fitted goes with its view: a new view of that name is another one."),
			 errhint("Make the set again with echolon_create_features(%s, ...), which replaces it.",
					 quote_literal_cstr(name))));
}

/* The set of this name, for one who may use it; what it is gone without is raised. */
static void
use_set(const char *name, Snapshot snapshot, bool definition, StoredSet *found)
{
	if (!find_set(name, snapshot, definition, found))
		no_set(name, snapshot);
	if (!OidIsValid(found->view))
		no_view(name);
	if (!feature_may_use_view(found->view))
		no_set(name, snapshot);
}

void
stored_set_use(const char *name, StoredSet *found)
{
	use_set(name, GetActiveSnapshot(), false, found);
}

/* A stored set as other files know it. */
static FeatureSet *
read_set(const StoredSet *stored)
{
	FeatureSet *set = feature_set_read(stored->name, stored->relation, stored->definition);

	set->id = stored->id;
	set->view = stored->view;
	set->materialized_view = stored->materialized_view;
	set->relid = stored->relid;
	return set;
}

FeatureSet *
feature_set_find(const char *name)
{
	StoredSet	stored;

	use_set(name, GetActiveSnapshot(), true, &stored);
	return read_set(&stored);
}

FeatureSet *
feature_set_of_view(Oid relid)
{
	char		kind = get_rel_relkind(relid);
	Snapshot	snapshot = GetActiveSnapshot();
	List	   *sets;
	ListCell   *cell;
	StoredSet	stored;

	if ((kind != RELKIND_VIEW && kind != RELKIND_MATVIEW) || !may_select(relid))
		return NULL;
	sets = all_sets(snapshot);
	foreach(cell, sets)
	{
		StoredSet  *found = lfirst(cell);

		if ((found->view == relid || found->materialized_view == relid) &&
			find_set(found->name, snapshot, true, &stored))
			return read_set(&stored);
	}
	return NULL;
}

/* ---- writing ---------------------------------------------------------------------- */

/* Raise where a name cannot be a new set's. */
static void
check_free(const char *name)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	StoredSet	found;

	if (find_set(name, snapshot, false, &found) && OidIsValid(found.view))
	{
		bool		visible = feature_may_use_view(found.view);

		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 visible ? errmsg("feature set \"%s\" exists already", name) :
				 errmsg("a feature set named \"%s\" belongs to another role", name),
				 visible ? errdetail("Its view is %s.", relation_name(found.view)) : 0,
				 feature_owns_view(found.view) ?
				 errhint("Drop it with echolon_drop_features(%s), fit it again with echolon_refresh_features(%s), or give the new one another name.",
						 quote_literal_cstr(name), quote_literal_cstr(name)) :
				 errhint("Give the new one another name.")));
	}
	UnregisterSnapshot(snapshot);
}

void
feature_store_check_name(const char *name)
{
	store_prevent("echolon_create_features()");
	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a feature set needs a name"),
				 errhint("It is the name of its view, for example sales_features.")));
	if (strlen(name) > NAME_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("the name of a feature set cannot be longer than %d bytes", NAME_MAX_BYTES),
				 errdetail("This one has %zu.", strlen(name))));

	/* A name that is taken must not even be waited for; and it may be taken while waiting. */
	check_free(name);
	store_lock_name("feature_set_store", name);
	check_free(name);
}

/* The names in a list of lists that are not among names yet, behind them. */
static int
add_names(const char **names, int n, List *more)
{
	ListCell   *cell;

	foreach(cell, more)
	{
		int			i = 0;

		while (i < n && strcmp(names[i], lfirst(cell)) != 0)
			i++;
		if (i == n)
			names[n++] = lfirst(cell);
	}
	return n;
}

/* The columns of its relation that a set uses. */
static StoreValue
used_columns(const FeatureSet *set)
{
	List	   *others = NIL;
	const char **names;
	int			n = 0;

	if (set->date_column != NULL)
		others = lappend(others, set->date_column);
	if (set->target != NULL)
		others = lappend(others, set->target);
	names = palloc(mul_size(sizeof(char *),
							list_length(set->columns) + list_length(set->numeric) +
							list_length(set->category) + list_length(set->group_by) +
							list_length(set->order_by) + list_length(others) + 1));
	n = add_names(names, n, set->columns);
	n = add_names(names, n, set->numeric);
	n = add_names(names, n, set->category);
	n = add_names(names, n, set->group_by);
	n = add_names(names, n, set->order_by);
	n = add_names(names, n, others);
	return value_texts(names, n);
}

/* A relation's name and stamp; NULLs for none. */
static void
value_relation(Oid relid, StoreValue *name, StoreValue *stamp)
{
	*name = value_text(OidIsValid(relid) ? relation_name(relid) : NULL);
	*stamp = value_text(OidIsValid(relid) ? stamp_make(STAMP_RELATION, relid) : NULL);
}

/*
 * Take a set with what it has fitted out of the tables, within store_begin_write.  A fit is written with an
 * update of its set, so a snapshot that would miss a newer fit fails on the set.
 */
static void
delete_set(int64 id)
{
	StoreValue	value = value_int8(id);

	store_execute("DELETE FROM echolon.feature_set_store WHERE id OPERATOR(pg_catalog.=) $1",
				  1, &value);
	(void) store_execute_any("DELETE FROM echolon.feature_fit_store"
							 " WHERE set_id OPERATOR(pg_catalog.=) $1", 1, &value);
}

int64
feature_store_add(const FeatureSet *set, Oid view, Oid materialized, uint64 rows_fitted)
{
	Snapshot	snapshot;
	StoredSet	older;
	StoreUser	before;
	StoreValue	values[21];
	int32		totals[NFAMILIES] = {0};
	int			n = 0;
	bool		replaces;
	int64		id;

	feature_store_check_name(set->name);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	replaces = find_set(set->name, snapshot, false, &older);
	UnregisterSnapshot(snapshot);
	for (int i = 0; i < set->nfeatures; i++)
		totals[set->features[i].family]++;

	values[n++] = value_text(set->name);
	value_relation(view, &values[0 + n], &values[1 + n]);
	n += 2;
	value_relation(materialized, &values[0 + n], &values[1 + n]);
	n += 2;
	value_relation(set->relid, &values[0 + n], &values[1 + n]);
	n += 2;
	values[n++] = value_text(set->date_column);
	values[n++] = used_columns(set);
	values[n++] = value_jsonb(set->definition);
	for (int family = 0; family < NFAMILIES; family++)
		values[n++] = value_int4(totals[family]);
	values[n++] = value_int8((int64) rows_fitted);
	values[n++] = value_now();
	values[n++] = value_text(GetUserNameFromId(GetUserId(), false));
	Assert(n == lengthof(values));

	before = store_begin_write();
	if (replaces)
		delete_set(older.id);
	store_execute("INSERT INTO echolon.feature_set_store"
				  " (name, view, view_stamp, materialized_view, materialized_stamp, relation,"
				  " relation_stamp, date_column, columns, definition, fit, temporal, rolling,"
				  " interaction, categorical, business, polynomial, scaling, period, rows_fitted,"
				  " created_at, created_by, refreshed_at)"
				  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, pg_catalog.gen_random_uuid(),"
				  " $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $20) RETURNING id",
				  n, values);
	id = store_returned(1);
	store_end_write(before);
	return id;
}

FeatureSet *
feature_set_lock(const char *name, const char *command)
{
	StoredSet	stored;

	store_prevent(command);
	for (int pass = 0; pass < 2; pass++)
	{
		Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());

		/* Who has no right must not even wait; and it may be lost while waiting. */
		if (!find_set(name, snapshot, true, &stored))
			no_set(name, snapshot);
		if (!OidIsValid(stored.view) && !superuser())
			no_view(name);
		if (!feature_may_use_view(stored.view))
			no_set(name, snapshot);
		if (OidIsValid(stored.view) && !feature_owns_view(stored.view))
			aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_VIEW, get_rel_name(stored.view));
		UnregisterSnapshot(snapshot);
		if (pass == 0)
			store_lock_name("feature_set_store", name);
	}
	return read_set(&stored);
}

void
feature_store_touch(int64 id, uint64 rows_fitted)
{
	ScanKeyData key;
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	StoreScan	scan;
	HeapTuple	tuple;
	StoredSet	stored;
	StoreUser	before;
	StoreValue	values[9];

	ScanKeyInit(&key, FEATURE_SET_STORE_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(id));
	scan = store_scan("feature_set_store", "feature_set_store_pkey", snapshot, 1, &key);
	tuple = store_scan_next(&scan);
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "feature set " INT64_FORMAT " is not stored", id);
	fill_set(&scan, tuple, false, &stored);
	store_scan_end(&scan);
	UnregisterSnapshot(snapshot);

	values[0] = value_int8(id);
	values[1] = value_int8((int64) rows_fitted);
	values[2] = value_now();
	value_relation(stored.view, &values[3], &values[4]);
	value_relation(stored.materialized_view, &values[5], &values[6]);
	value_relation(stored.relid, &values[7], &values[8]);

	/* with the names and numbers of here and now, where it was restored or something renamed */
	before = store_begin_write();
	store_execute("UPDATE echolon.feature_set_store SET rows_fitted = $2, refreshed_at = $3,"
				  " view = COALESCE($4, view), view_stamp = COALESCE($5, view_stamp),"
				  " materialized_view = COALESCE($6, materialized_view),"
				  " materialized_stamp = COALESCE($7, materialized_stamp),"
				  " relation = COALESCE($8, relation),"
				  " relation_stamp = COALESCE($9, relation_stamp)"
				  " WHERE id OPERATOR(pg_catalog.=) $1", lengthof(values), values);
	store_end_write(before);
}

void
feature_store_delete(int64 id)
{
	StoreUser	before = store_begin_write();

	delete_set(id);
	store_end_write(before);
}

/* ---- SQL: what the view asks --------------------------------------------------------- */

/* The relation that two arguments, a stored name and its stamp, stand for. */
static Oid
argument_relation(FunctionCallInfo fcinfo, int argument, char relkind)
{
	return stamped_relation(text_to_cstring(PG_GETARG_TEXT_PP(argument)),
							text_to_cstring(PG_GETARG_TEXT_PP(argument + 1)), relkind);
}

/* echolon.feature_view(view text, stamp text) returns oid */
Datum
echolon_feature_view(PG_FUNCTION_ARGS)
{
	Oid			relid = argument_relation(fcinfo, 0, RELKIND_VIEW);

	if (!OidIsValid(relid))
		PG_RETURN_NULL();
	PG_RETURN_OID(relid);
}

/* echolon.stored_relation_name(name text, stamp text) returns text */
Datum
echolon_stored_relation_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(name_now(argument_relation(fcinfo, 0, '\0'),
											  text_to_cstring(PG_GETARG_TEXT_PP(0)))));
}

/* echolon.may_use_features(view text, stamp text) returns boolean */
Datum
echolon_may_use_features(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(feature_may_use_view(argument_relation(fcinfo, 0, RELKIND_VIEW)));
}

/* echolon.feature_state(view, view_stamp, relation, relation_stamp text, columns text[]) returns text */
Datum
echolon_feature_state(PG_FUNCTION_ARGS)
{
	Oid			view = argument_relation(fcinfo, 0, RELKIND_VIEW);
	Oid			relid = argument_relation(fcinfo, 2, '\0');
	ArrayType  *columns = PG_GETARG_ARRAYTYPE_P(4);
	Datum	   *names;
	bool	   *nulls;
	int			n;

	if (!OidIsValid(view))
		PG_RETURN_TEXT_P(cstring_to_text("view dropped"));
	if (!OidIsValid(relid))
		PG_RETURN_TEXT_P(cstring_to_text("relation dropped"));
	/* a list of sets waits for nobody who is changing one of them */
	if (ConditionalLockRelationOid(view, AccessShareLock))
	{
		char	   *now;
		char	   *renamed = feature_renamed_column(view, relid, &now);

		UnlockRelationOid(view, AccessShareLock);
		if (renamed != NULL)
			PG_RETURN_TEXT_P(cstring_to_text(psprintf("column \"%s\" renamed", renamed)));
	}
	deconstruct_array(columns, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name = nulls[i] ? NULL : TextDatumGetCString(names[i]);

		if (name != NULL && get_attnum(relid, name) <= 0)
			PG_RETURN_TEXT_P(cstring_to_text(psprintf("column \"%s\" dropped", name)));
	}
	PG_RETURN_TEXT_P(cstring_to_text("ready"));
}
