/*
 * table.h
 *		Echolon's private tables: scans, writes, locks, and the names stored in them.
 *
 * The rooms that keep something in the schema echolon go through here: models (store*.c) and
 * feature sets (features/store.c).  The tables have no grants.  C code checks the
 * right first, reads by index under a snapshot, and writes as the tables' owner.
 */
#ifndef ECHOLON_TABLE_H
#define ECHOLON_TABLE_H

#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "utils/jsonb.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "compat.h"

/* ---- reading ------------------------------------------------------------------ */

/* A table or an index of the schema echolon. */
extern Oid	echolon_table_oid(const char *name);

/* A scan of a private table by one of its indexes; keys name the table's columns. */
typedef struct StoreScan
{
	Relation	table,
				index;			/* NULL: rows come in any order */
	SysScanDesc scan;
} StoreScan;

extern StoreScan store_scan(const char *table, const char *index, Snapshot snapshot,
							int nkeys, ScanKey keys);
extern StoreScan store_scan_ordered(const char *table, const char *index, Snapshot snapshot,
									int nkeys, ScanKey keys);
extern HeapTuple store_scan_next(StoreScan *scan);
extern void store_scan_end(StoreScan *scan);

/* A column that cannot be null; and text that can. */
extern Datum store_column(StoreScan *scan, HeapTuple tuple, int column);
extern char *store_text_column(StoreScan *scan, HeapTuple tuple, int column);
extern char *store_optional_text(StoreScan *scan, HeapTuple tuple, int column);

/*
 * A copy of the elements of a stored array of one dimension whose type is of fixed length, at
 * least one element long; NULL where it is another array or has nulls.
 */
extern void *store_array(Datum datum, Oid type, Size size, int64 *n);

/* ---- writing ------------------------------------------------------------------- */

/* Refuse read-only and parallel transactions and standbys. */
extern void store_prevent(const char *command);

/* Wait for whoever else changes what has this name, and keep them out until the transaction ends. */
extern void store_lock_name(const char *table, const char *name);

/* The same without waiting: false where somebody does.  keep: until the transaction ends; else it is only tried. */
extern bool store_try_lock_name(const char *table, const char *name, bool keep);

/*
 * Between begin and end the tables' owner runs, with a search_path of pg_catalog alone, and SPI is connected.  Only
 * constant statements of Echolon are executed there.  An error restores the user and the path with the
 * (sub)transaction.
 */
typedef struct StoreUser
{
	Oid			user;
	int			context;
	int			nest;			/* of settings */
} StoreUser;

extern StoreUser store_begin_write(void);
extern void store_end_write(StoreUser before);

/* One parameter of a statement. */
typedef struct StoreValue
{
	Oid			type;
	Datum		value;
	bool		isnull;
} StoreValue;

extern StoreValue value_text(const char *text); /* NULL is NULL */
extern StoreValue value_texts(const char *const *texts, int n);	/* text[] */
extern StoreValue value_jsonb(Jsonb *jsonb);	/* NULL is NULL */
extern StoreValue value_int8(int64 number);
extern StoreValue value_int4(int32 number);
extern StoreValue value_float8(double number);	/* NaN is NULL */
extern StoreValue value_now(void);
extern StoreValue value_bytes(const uint8 *bytes, Size length);

/* n numbers as float8[] or bigint[], without a Datum each; NULL is NULL. */
extern StoreValue value_numbers(const double *numbers, int64 n);
extern StoreValue value_counts(const uint64 *counts, int64 n);

/* Execute a statement that must change exactly one row; and one that may change any number. */
extern void store_execute(const char *sql, int n, const StoreValue *values);
extern uint64 store_execute_any(const char *sql, int n, const StoreValue *values);

/* What the last statement with RETURNING returned in one of its columns, an integer. */
extern int64 store_returned(int column);

/* Raise that another transaction changed what this one's snapshot still shows unchanged. */
extern _Noreturn void store_serialization_failure(void);

/* ---- stored names ---------------------------------------------------------------- */

/*
 * Roles and relations are stored by name, because a dump must be restorable where they have other
 * numbers or are missing.  A name alone would pass what a dropped one had to the next of that
 * name, so a stamp stands beside it: where it was written, and the number there.  Where the stamp
 * was made here, the number decides.  Elsewhere, where the store was restored or copied to,
 * the name decides, until the next write stamps it.
 */
typedef enum StampKind
{
	STAMP_ROLE,					/* here: in this cluster */
	STAMP_RELATION				/* here: in this database, since the extension was created in it */
} StampKind;

/* The stamp of a role or relation. */
extern char *stamp_make(StampKind kind, Oid number);

/* The number in a stamp that was made here; InvalidOid: it was made elsewhere, and says nothing. */
extern Oid	stamp_number(StampKind kind, const char *stamp);

/* The relation a name "schema.name" stands for; InvalidOid: there is none. */
extern Oid	stored_relation(const char *name);

/* The parts of such a name, in memory of the caller's; false: it is none. */
extern bool stored_relation_parts(const char *name, char **schema, char **relation);

/* The owner of a relation; InvalidOid: it is gone. */
extern Oid	relation_owner_oid(Oid relid);

/*
 * The relation a name and its stamp stand for now, of this kind ('\0': any).  A relation that was
 * renamed is found; one that was dropped and made again is not.
 */
extern Oid	stamped_relation(const char *name, const char *stamp, char relkind);

#endif							/* ECHOLON_TABLE_H */
