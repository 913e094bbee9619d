/*
 * table.c
 *		Echolon's private tables: scans, writes, locks, and the names stored in them.
 *
 * Read with table_open and systable_beginscan: no plan, no permission that a caller would
 * need, the same in a parallel worker and on a standby.  Written by constant SQL
 * statements through SPI, as the owner of the tables, under a lock on the name of what
 * is changed: not on its number, because what is not yet committed has none that
 * others could see.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "compat.h"
#include "model/table.h"

/* ---- reading ------------------------------------------------------------------ */

Oid
echolon_table_oid(const char *name)
{
	Oid			namespace = get_namespace_oid("echolon", true);
	Oid			relid = OidIsValid(namespace) ? get_relname_relid(name, namespace) : InvalidOid;

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("\"echolon.%s\" does not exist", name),
				 errhint("The extension makes it: CREATE EXTENSION echolon.")));
	return relid;
}

StoreScan
store_scan(const char *table, const char *index, Snapshot snapshot, int nkeys, ScanKey keys)
{
	StoreScan	scan;

	scan.table = table_open(echolon_table_oid(table), AccessShareLock);
	scan.index = NULL;
	scan.scan = systable_beginscan(scan.table, echolon_table_oid(index), true, snapshot,
								   nkeys, keys);
	return scan;
}

StoreScan
store_scan_ordered(const char *table, const char *index, Snapshot snapshot, int nkeys, ScanKey keys)
{
	StoreScan	scan;

	scan.table = table_open(echolon_table_oid(table), AccessShareLock);
	scan.index = index_open(echolon_table_oid(index), AccessShareLock);
	scan.scan = systable_beginscan_ordered(scan.table, scan.index, snapshot, nkeys, keys);
	return scan;
}

HeapTuple
store_scan_next(StoreScan *scan)
{
	return scan->index == NULL ? systable_getnext(scan->scan) :
		systable_getnext_ordered(scan->scan, ForwardScanDirection);
}

void
store_scan_end(StoreScan *scan)
{
	if (scan->index == NULL)
		systable_endscan(scan->scan);
	else
	{
		systable_endscan_ordered(scan->scan);
		index_close(scan->index, AccessShareLock);
	}
	table_close(scan->table, AccessShareLock);
}

Datum
store_column(StoreScan *scan, HeapTuple tuple, int column)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, column, RelationGetDescr(scan->table), &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column %d of \"%s\"", column,
			 RelationGetRelationName(scan->table));
	return datum;
}

char *
store_text_column(StoreScan *scan, HeapTuple tuple, int column)
{
	return TextDatumGetCString(store_column(scan, tuple, column));
}

char *
store_optional_text(StoreScan *scan, HeapTuple tuple, int column)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, column, RelationGetDescr(scan->table), &isnull);

	return isnull ? NULL : TextDatumGetCString(datum);
}

void *
store_array(Datum datum, Oid type, Size size, int64 *n)
{
	ArrayType  *array = DatumGetArrayTypeP(datum);
	Size		bytes;
	void	   *elements;

	*n = ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];
	bytes = mul_size((Size) *n, size);
	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != type ||
		ARR_SIZE(array) < ARR_DATA_OFFSET(array) + bytes)
		return NULL;
	elements = palloc(Max(bytes, size));
	memcpy(elements, ARR_DATA_PTR(array), bytes);
	if ((Pointer) array != DatumGetPointer(datum))
		pfree(array);
	return elements;
}

/* ---- who writes ------------------------------------------------------------------ */

void
store_prevent(const char *command)
{
	PreventCommandIfReadOnly(command);
	PreventCommandIfParallelMode(command);
	PreventCommandDuringRecovery(command);
}

/* The number of a name's lock.  Two names of one hash wait for each other, and nothing worse. */
static Oid
name_hash(const char *name)
{
	return hash_bytes((const unsigned char *) name, (int) strlen(name));
}

void
store_lock_name(const char *table, const char *name)
{
	LockDatabaseObject(echolon_table_oid(table), name_hash(name), 0, ExclusiveLock);
}

bool
store_try_lock_name(const char *table, const char *name, bool keep)
{
	Oid			relid = echolon_table_oid(table);

	if (!ConditionalLockDatabaseObject(relid, name_hash(name), 0, ExclusiveLock))
		return false;
	if (!keep)
		UnlockDatabaseObject(relid, name_hash(name), 0, ExclusiveLock);
	return true;
}

/* The owner of the private tables. */
static Oid
store_owner(void)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(echolon_table_oid("model_store")));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for table \"echolon.model_store\"");
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

StoreUser
store_begin_write(void)
{
	StoreUser	before;
	Oid			owner = store_owner();

	GetUserIdAndSecContext(&before.user, &before.context);
	before.nest = NewGUCNestLevel();
	SetUserIdAndSecContext(owner, before.context | SECURITY_LOCAL_USERID_CHANGE);
	/* what the caller has put before pg_catalog must not run as the owner, though a statement forgot to say OPERATOR(pg_catalog.=) */
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	return before;
}

void
store_end_write(StoreUser before)
{
	SPI_finish();
	AtEOXact_GUC(true, before.nest);
	SetUserIdAndSecContext(before.user, before.context);
}

/* ---- statements ------------------------------------------------------------------ */

void
store_serialization_failure(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update"),
			 errdetail("Another session has changed the same model or feature set."),
			 errhint("The transaction might succeed if retried.")));
}

uint64
store_execute_any(const char *sql, int n, const StoreValue *values)
{
	Oid		   *types = palloc(sizeof(Oid) * n);
	Datum	   *datums = palloc(sizeof(Datum) * n);
	char	   *nulls = palloc(n + 1);
	int			result;

	for (int i = 0; i < n; i++)
	{
		types[i] = values[i].type;
		datums[i] = values[i].value;
		nulls[i] = values[i].isnull ? 'n' : ' ';
	}
	nulls[n] = '\0';
	result = SPI_execute_with_args(sql, n, types, datums, nulls, false, 0);
	if (result < 0)
		elog(ERROR, "could not write Echolon's tables: %s", SPI_result_code_string(result));
	pfree(types);
	pfree(datums);
	pfree(nulls);
	return SPI_processed;
}

void
store_execute(const char *sql, int n, const StoreValue *values)
{
	/* Under the name's lock, only a snapshot older than the lock can miss a row. */
	if (store_execute_any(sql, n, values) != 1)
		store_serialization_failure();
}

int64
store_returned(int column)
{
	bool		isnull;
	Datum		datum = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null from Echolon's tables");
	return SPI_gettypeid(SPI_tuptable->tupdesc, column) == INT8OID ?
		DatumGetInt64(datum) : DatumGetInt32(datum);
}

/* ---- values ----------------------------------------------------------------------- */

StoreValue
value_text(const char *text)
{
	StoreValue	value = {TEXTOID, (Datum) 0, text == NULL};

	if (text != NULL)
		value.value = CStringGetTextDatum(text);
	return value;
}

StoreValue
value_texts(const char *const *texts, int n)
{
	StoreValue	value = {TEXTARRAYOID, (Datum) 0, false};
	Datum	   *datums = palloc(mul_size(sizeof(Datum), Max(n, 1)));

	for (int i = 0; i < n; i++)
		datums[i] = CStringGetTextDatum(texts[i]);
	value.value = PointerGetDatum(construct_array(datums, n, TEXTOID, -1, false, TYPALIGN_INT));
	for (int i = 0; i < n; i++)
		pfree(DatumGetPointer(datums[i]));
	pfree(datums);
	return value;
}

StoreValue
value_jsonb(Jsonb *jsonb)
{
	StoreValue	value = {JSONBOID, PointerGetDatum(jsonb), jsonb == NULL};

	return value;
}

StoreValue
value_int8(int64 number)
{
	StoreValue	value = {INT8OID, Int64GetDatum(number), false};

	return value;
}

StoreValue
value_int4(int32 number)
{
	StoreValue	value = {INT4OID, Int32GetDatum(number), false};

	return value;
}

StoreValue
value_float8(double number)
{
	StoreValue	value = {FLOAT8OID, Float8GetDatum(number), isnan(number)};

	return value;
}

StoreValue
value_now(void)
{
	StoreValue	value = {TIMESTAMPTZOID, TimestampTzGetDatum(GetCurrentTimestamp()), false};

	return value;
}

StoreValue
value_bytes(const uint8 *bytes, Size length)
{
	bytea	   *copy = palloc(VARHDRSZ + length);
	StoreValue	value = {BYTEAOID, PointerGetDatum(copy), false};

	SET_VARSIZE(copy, VARHDRSZ + length);
	memcpy(VARDATA(copy), bytes, length);
	return value;
}

/* n elements of eight bytes as an array. */
static StoreValue
value_array(Oid array_type, Oid type, const void *elements, int64 n)
{
	StoreValue	value = {array_type, (Datum) 0, elements == NULL};
	Size		size;
	ArrayType  *array;

	StaticAssertStmt(sizeof(double) == sizeof(int64), "one size for numbers and counts");
	if (elements == NULL)
		return value;
	if (n < 0 || n > (int64) ((MaxAllocSize - ARR_OVERHEAD_NONULLS(1)) / sizeof(int64)))
		elog(ERROR, "array of " INT64_FORMAT " numbers is too large", n);
	if (n == 0)
	{
		value.value = PointerGetDatum(construct_empty_array(type));
		return value;
	}
	size = ARR_OVERHEAD_NONULLS(1) + sizeof(int64) * n;
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = type;
	ARR_DIMS(array)[0] = (int) n;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), elements, sizeof(int64) * n);
	value.value = PointerGetDatum(array);
	return value;
}

StoreValue
value_numbers(const double *numbers, int64 n)
{
	return value_array(FLOAT8ARRAYOID, FLOAT8OID, numbers, n);
}

StoreValue
value_counts(const uint64 *counts, int64 n)
{
	return value_array(INT8ARRAYOID, INT8OID, counts, n);
}

/* ---- stored names ------------------------------------------------------------------- */

/* The place where stamps of this kind are made here, with the colon that ends it. */
static char *
stamp_place(StampKind kind)
{
	if (kind == STAMP_ROLE)
		return psprintf(UINT64_FORMAT ":", GetSystemIdentifier());

	/*
	 * A copy of a database has the same numbers in it, and one restored over itself others: the
	 * number of the database tells the first, that of a table of ours the second.
	 */
	return psprintf(UINT64_FORMAT ".%u.%u:", GetSystemIdentifier(), MyDatabaseId,
					echolon_table_oid("model_store"));
}

char *
stamp_make(StampKind kind, Oid number)
{
	return psprintf("%s%u", stamp_place(kind), number);
}

Oid
stamp_number(StampKind kind, const char *stamp)
{
	char	   *place = stamp_place(kind);
	size_t		length = strlen(place);

	if (strncmp(stamp, place, length) != 0)
		return InvalidOid;
	return (Oid) strtoul(stamp + length, NULL, 10);
}

bool
stored_relation_parts(const char *name, char **schema, char **relation)
{
	char	   *copy = pstrdup(name);
	List	   *parts;

	if (!SplitIdentifierString(copy, '.', &parts) || list_length(parts) != 2)
		return false;
	*schema = linitial(parts);
	*relation = lsecond(parts);
	return true;
}

Oid
stored_relation(const char *name)
{
	char	   *schema,
			   *relation;
	Oid			namespace;

	if (!stored_relation_parts(name, &schema, &relation))
		return InvalidOid;
	namespace = get_namespace_oid(schema, true);
	if (!OidIsValid(namespace))
		return InvalidOid;
	return get_relname_relid(relation, namespace);
}

Oid
relation_owner_oid(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

Oid
stamped_relation(const char *name, const char *stamp, char relkind)
{
	Oid			relid = stamp_number(STAMP_RELATION, stamp);
	char		kind;

	if (!OidIsValid(relid))
		relid = stored_relation(name);
	kind = OidIsValid(relid) ? get_rel_relkind(relid) : '\0';
	if (kind == '\0' || (relkind != '\0' && kind != relkind))
		return InvalidOid;
	return relid;
}
