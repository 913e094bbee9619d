/*
 * scan.c
 *		Any relation, row by row, as the calling user.
 *
 * A query through SPI reads tables, views, partitions, foreign and temporary tables alike,
 * with the caller's rights, row-level security and search_path.  Its rows go
 * straight into a DestReceiver: nothing is materialized, and a value stays in the
 * slot the executor has it in.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "data/frame.h"
#include "data/select.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "tcop/dest.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "model/model.h"

#define INTERRUPT_ROWS	1024	/* a power of two */
#define HINT_COLUMNS	20		/* names listed in a hint */

/* The receiver: each row of the query to the caller's function. */
typedef struct RowReceiver
{
	DestReceiver pub;
	RelationRow row;
	void	   *arg;
	const bool *stop;			/* no more rows once it is true; may be NULL */
	MemoryContext context;		/* of the row function; reset after each row */
	TupleDesc	desc;			/* of the query, which a slot's own may lack the names of */
	uint64		rows;
} RowReceiver;

/* The query begins.  Under a UNION ALL the slots' own descriptors have no column names. */
static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	((RowReceiver *) self)->desc = desc;
}

/* One row, deformed once. */
static bool
receiver_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *receiver = (RowReceiver *) self;
	MemoryContext old;

	slot_getallattrs(slot);

	old = MemoryContextSwitchTo(receiver->context);
	receiver->row(receiver->arg, receiver->desc, slot->tts_values, slot->tts_isnull);
	MemoryContextSwitchTo(old);

	/* does nothing unless something was allocated, such as a detoasted value */
	MemoryContextReset(receiver->context);

	if ((++receiver->rows & (INTERRUPT_ROWS - 1)) == 0)
		CHECK_FOR_INTERRUPTS();
	return receiver->stop == NULL || !*receiver->stop;
}

/* The query ends: nothing to do. */
static void
receiver_shutdown(DestReceiver *self)
{
}

/* The receiver lives on the stack of its caller. */
static void
receiver_destroy(DestReceiver *self)
{
}

/* Raise that a relation is gone. */
static void
relation_gone(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("relation with OID %u does not exist", relid),
			 errdetail("It was dropped, perhaps while it was about to be read.")));
}

/* Raise unless it has rows, and the user may read at least a column of them. */
static void
check_readable(Oid relid)
{
	Oid			user = GetUserId();
	char		relkind = get_rel_relkind(relid);
	char	   *name = get_rel_name(relid);

	if (relkind == '\0' || name == NULL)
		relation_gone(relid);

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_VIEW && relkind != RELKIND_MATVIEW &&
		relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot read rows from \"%s\"", name),
				 errdetail_relkind_not_supported(relkind),
				 errhint("Give a table, view, materialized view, partitioned or foreign table.")));

	/* a lock is for those who may read at least a column */
	if (pg_class_aclcheck(relid, user, ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relid, user, ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(relkind), name);
}

void
relation_lock(Oid relid)
{
	check_readable(relid);

	/* held to the end of the transaction, as for a query: columns stay as they are seen */
	LockRelationOid(relid, AccessShareLock);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		relation_gone(relid);
}

/* Called before a lock is taken, each time the name stands for another relation. */
static void
lock_callback(const RangeVar *name, Oid relid, Oid before, void *arg)
{
	if (OidIsValid(relid))
		check_readable(relid);
}

Oid
relation_lock_name(char *schema, char *name)
{
	return RangeVarGetRelidExtended(makeRangeVar(schema, name, -1), AccessShareLock, RVR_MISSING_OK,
									lock_callback, NULL);
}

char *
relation_name(Oid relid)
{
	char	   *name = get_rel_name(relid);
	char	   *schema = name == NULL ? NULL : get_namespace_name(get_rel_namespace(relid));

	if (schema == NULL)
		relation_gone(relid);
	return quote_qualified_identifier(schema, name);
}

bool
name_in(List *names, const char *name)
{
	ListCell   *cell;

	foreach(cell, names)
	{
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	}
	return false;
}

List *
relation_columns(Oid relid)
{
	List	   *names = NIL;
	Relation	relation;
	TupleDesc	desc;

	relation_lock(relid);
	relation = relation_open(relid, NoLock);
	desc = RelationGetDescr(relation);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped)
			names = lappend(names, pstrdup(NameStr(attribute->attname)));
	}
	relation_close(relation, NoLock);
	return names;
}

AttrNumber
relation_column(Oid relid, const char *name)
{
	AttrNumber	number = get_attnum(relid, name);
	List	   *columns;
	const char **candidates;
	int			n = 0;
	const char *closest;
	StringInfoData list;
	ListCell   *cell;

	/* ctid and its like are no columns to learn from */
	if (number > 0)
		return number;

	columns = relation_columns(relid);
	candidates = palloc(mul_size(sizeof(char *), Max(list_length(columns), 1)));
	initStringInfo(&list);
	foreach(cell, columns)
	{
		candidates[n] = lfirst(cell);
		if (n < HINT_COLUMNS)
			appendStringInfo(&list, "%s%s", n == 0 ? "" : ", ", candidates[n]);
		n++;
	}
	if (n > HINT_COLUMNS)
		appendStringInfo(&list, " and %d more", n - HINT_COLUMNS);

	closest = closest_name(name, candidates, n);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" does not exist in \"%s\"", name, get_rel_name(relid)),
			 closest != NULL ? errhint("Check the column's name: did you mean \"%s\"?", closest) :
			 n == 0 ? errhint("It has no columns.") :
			 errhint("Its columns are %s.", list.data)));
	return InvalidAttrNumber;	/* keep compiler quiet */
}

/* A receiver that gives rows to a function, and the options of SPI that lead to it. */
static void
receiver_init(RowReceiver *receiver, RelationRow row, void *arg, const bool *stop,
			  SPIExecuteOptions *options)
{
	memset(receiver, 0, sizeof(*receiver));
	receiver->pub.receiveSlot = receiver_row;
	receiver->pub.rStartup = receiver_startup;
	receiver->pub.rShutdown = receiver_shutdown;
	receiver->pub.rDestroy = receiver_destroy;
	receiver->pub.mydest = DestTuplestore;	/* SPI takes a query into DestNone for a utility */
	receiver->row = row;
	receiver->arg = arg;
	receiver->stop = stop;
	receiver->context = AllocSetContextCreate(CurrentMemoryContext, "echolon row",
											  ALLOCSET_DEFAULT_SIZES);

	memset(options, 0, sizeof(*options));
	options->read_only = true;
	options->must_return_tuples = true;
	options->dest = &receiver->pub;
}

uint64
query_scan(const char *query, RelationRow row, void *arg, const bool *stop)
{
	SPIExecuteOptions options;
	RowReceiver receiver;
	int			result;

	receiver_init(&receiver, row, arg, stop, &options);
	if ((result = SPI_connect()) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed: %s", SPI_result_code_string(result));
	result = SPI_execute_extended(query, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_extended failed: %s", SPI_result_code_string(result));
	if ((result = SPI_finish()) != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed: %s", SPI_result_code_string(result));

	MemoryContextDelete(receiver.context);
	return receiver.rows;
}

uint64
plan_scan(SPIPlanPtr plan, ParamListInfo params, RelationRow row, void *arg, const bool *stop)
{
	SPIExecuteOptions options;
	RowReceiver receiver;
	int			result;

	receiver_init(&receiver, row, arg, stop, &options);
	options.params = params;
	result = SPI_execute_plan_extended(plan, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan_extended failed: %s", SPI_result_code_string(result));

	MemoryContextDelete(receiver.context);
	return receiver.rows;
}

/*
 * A locked relation keeps its name, but its schema may get another one, and a new schema of the old name another
 * relation: nothing is read but the relation that was asked for.  A plan that was made between two looks at one name is
 * of the relation of that name.
 */
static SPIPlanPtr
relation_plan(Oid relid, const char *name, const char *query)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(query, 0, NULL, CURSOR_OPT_PARALLEL_OK);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	AcceptInvalidationMessages();
	if (strcmp(relation_name(relid), name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation %s was renamed while it was about to be read", name)));
	return plan;
}

uint64
relation_scan(Oid relid, List *columns, RelationRow row, void *arg)
{
	StringInfoData query;
	ListCell   *cell;
	char	   *name;
	uint64		rows;
	int			result;

	relation_lock(relid);
	name = relation_name(relid);

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT");
	foreach(cell, columns)
		appendStringInfo(&query, "%s %s", cell == list_head(columns) ? "" : ",",
						 quote_identifier(lfirst(cell)));
	appendStringInfo(&query, " FROM %s", name);
	if ((result = SPI_connect()) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed: %s", SPI_result_code_string(result));
	rows = plan_scan(relation_plan(relid, name, query.data), NULL, row, arg, NULL);
	if ((result = SPI_finish()) != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed: %s", SPI_result_code_string(result));
	pfree(query.data);
	return rows;
}
