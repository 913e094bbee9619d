/*
 * load_copy.c
 *		The spool into the table, by COPY.
 *
 * A callback hands COPY one row at a call and tells it which line that is, so that what
 * COPY says of an error is about the line of the file.  Without max_errors the first error ends the
 * load.  With it rows are copied CHUNK_ROWS at a time in subtransactions: where one fails, the row
 * COPY was at is refused, whatever it was that failed: the type, a constraint, a trigger.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/copy.h"
#include "commands/copyfrom_internal.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "utils/acl.h"
#include "utils/backend_progress.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "data/load.h"
#include "model/progress.h"

#define CHUNK_ROWS			10000	/* in a subtransaction; after an error at most as many are copied again */

/* What the callback hands out; the callback has no argument. */
typedef struct Feed
{
	Load	   *load;
	CopyFromState cstate;
	uint64		next;			/* row of the spool */
	uint64		end;			/* and the one to stop before */
	const List *refused;		/* of uint64 *: rows from next on that are left out */
	uint64	   *places;			/* of the rows of a chunk; NULL: not wanted */
	uint64		first;			/* the row that places begin with */
	int			given;			/* bytes of the current row */
	bool		in_row;
} Feed;

static Feed *current_feed;

/* Was this row refused by an earlier try? */
static bool
is_refused(const List *refused, uint64 row)
{
	ListCell   *cell;

	foreach(cell, refused)
		if (*(uint64 *) lfirst(cell) == row)
			return true;
	return false;
}

/* Get the next row ready; false: there is none. */
static bool
next_row(Feed *feed)
{
	Spool	   *spool = &feed->load->spool;
	SpoolRow	row;

	do
	{
		if (feed->next == feed->end || !spool_next(spool, &row))
			return false;
		if (feed->places != NULL)
			feed->places[feed->next - feed->first] = row.place;
	} while (is_refused(feed->refused, feed->next++));
	for (int i = row.nfields; i < feed->load->ncolumns; i++)
		appendStringInfoString(&spool->row, i > 0 ? "\t\\N" : "\\N");
	appendStringInfoChar(&spool->row, '\n');
	feed->cstate->cur_lineno = row.place;
	return true;
}

/* Bytes for COPY: of one row only, as COPY has its number from here. */
static int
feed_copy(void *buffer, int least, int most)
{
	Feed	   *feed = current_feed;
	StringInfo	row = &feed->load->spool.row;
	int			n;

	CHECK_FOR_INTERRUPTS();
	if (!feed->in_row)
	{
		if (!next_row(feed))
		{
			/* what is raised from here on is about no row in particular */
			feed->cstate->cur_lineno = 0;
			return 0;
		}
		feed->in_row = true;
		feed->given = 0;
	}
	n = Min(row->len - feed->given, most);
	memcpy(buffer, row->data + feed->given, n);
	feed->given += n;
	feed->in_row = feed->given < row->len;
	return n;
}

/* ---- rights ------------------------------------------------------------------------- */

/* The relation as the target of an INSERT into columns. */
static ParseState *
make_target(Relation relation, List *columns)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item = addRangeTableEntryForRelation(pstate, relation, RowExclusiveLock,
															 NULL, false, false);
	ListCell   *cell;

	nsitem_permissions(item)->requiredPerms = ACL_INSERT;
	foreach(cell, CopyGetAttnums(RelationGetDescr(relation), relation, columns))
		nsitem_permissions(item)->insertedCols =
			bms_add_member(nsitem_permissions(item)->insertedCols,
						   lfirst_int(cell) - FirstLowInvalidHeapAttributeNumber);
	return pstate;
}

/* Names as COPY wants them. */
static List *
copy_columns(const Load *load)
{
	List	   *names = NIL;

	for (int i = 0; i < load->ncolumns; i++)
		names = lappend(names, makeString(load->columns[i].name));
	return names;
}

void
load_check_target(Relation relation)
{
	char		kind = relation->rd_rel->relkind;
	Oid			relid = RelationGetRelid(relation);

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_FOREIGN_TABLE &&
		kind != RELKIND_VIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot load into \"%s\"", RelationGetRelationName(relation)),
				 errdetail("It is not a table."),
				 errhint("Give the new table another name.")));
	if (pg_class_aclcheck(relid, GetUserId(), ACL_INSERT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relid, GetUserId(), ACL_INSERT, ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(kind), RelationGetRelationName(relation));
	if (check_enable_rls(relid, InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot load into table \"%s\" with row-level security",
						RelationGetRelationName(relation)),
				 errdetail("COPY does not apply its policies."),
				 errhint("Load into a new table, and INSERT from that.")));
}

void
load_check_target_columns(const Load *load)
{
	Relation	relation = table_open(load->relid, RowExclusiveLock);

	load_check_target(relation);
	check_permissions_compat(make_target(relation, copy_columns(load)));
	table_close(relation, NoLock);
}

/* ---- copying -------------------------------------------------------------------------- */

/* Is an error about a value or a row? */
static bool
about_row(int sqlerrcode)
{
	int			class = ERRCODE_TO_CATEGORY(sqlerrcode);

	return class == ERRCODE_DATA_EXCEPTION || class == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		sqlerrcode == ERRCODE_BAD_COPY_FILE_FORMAT || sqlerrcode == ERRCODE_RAISE_EXCEPTION;
}

/* Name line, column and value where COPY's context does, which not every client shows. */
static void
explain_error(const Load *load, const CopyFromState cstate, ErrorData *error)
{
	const char *column = cstate->cur_attname;
	const char *value = column != NULL ? cstate->cur_attval : NULL;
	char	   *where;

	if (!about_row(error->sqlerrcode) || cstate->cur_lineno == 0)
		return;
	where = load_where(load, cstate->cur_lineno, column, value, value != NULL ? strlen(value) : 0);
	error->detail = error->detail != NULL ? psprintf("%s %s", error->detail, where) : where;
	if (error->hint == NULL)
		error->hint = load_advice(load);
}

/* COPY what feed has; an error is passed on with more in it, or as it is where raw is set. */
static uint64
copy_feed(Feed *feed, Relation relation, ParseState *target, List *columns, bool raw)
{
	Feed	   *before = current_feed;
	MemoryContext old = CurrentMemoryContext;
	List	   *options = list_make1(makeDefElem("encoding",
												 (Node *) makeString(pstrdup(GetDatabaseEncodingName())), -1));
	uint64		rows = 0;

	feed->in_row = false;
	feed->cstate = BeginCopyFrom(target, relation, NULL, NULL, false, feed_copy, columns, options);
	pgstat_progress_update_param(PROGRESS_COPY_BYTES_TOTAL, (int64) feed->load->spool.bytes);
	/* COPY has taken the session's entry for itself */
	progress_show();
	/* A trigger or a default may load as well. */
	current_feed = feed;
	PG_TRY();
	{
		rows = CopyFrom(feed->cstate);
	}
	PG_CATCH();
	{
		current_feed = before;
		if (!raw)
		{
			ErrorData  *error;

			MemoryContextSwitchTo(old);
			error = CopyErrorData();
			FlushErrorState();
			explain_error(feed->load, feed->cstate, error);
			ReThrowError(error);
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	current_feed = before;
	EndCopyFrom(feed->cstate);
	return rows;
}

/* The row of a chunk that has a place; -1: none has. */
static int64
row_of_place(const Feed *feed, uint64 place)
{
	for (uint64 row = feed->first; row < feed->next; row++)
		if (feed->places[row - feed->first] == place)
			return (int64) row;
	return -1;
}

/*
 * Try the rows from feed->next to feed->end in a subtransaction: -1, or the row that failed, which is
 * refused; then none of them is there.
 */
static int64
try_chunk(Feed *feed, Relation relation, ParseState *target, List *columns, uint64 *copied)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile int64 failed = -1;

	feed->first = feed->next;
	feed->cstate = NULL;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		*copied = copy_feed(feed, relation, target, columns, true);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		CopyFromState cstate = feed->cstate;
		ErrorData  *error;
		char	   *column,
				   *value;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		failed = cstate != NULL && about_row(error->sqlerrcode) ? row_of_place(feed, cstate->cur_lineno) : -1;
		column = cstate == NULL || cstate->cur_attname == NULL ? error->column_name : pstrdup(cstate->cur_attname);
		value = cstate == NULL || cstate->cur_attname == NULL || cstate->cur_attval == NULL ? error->detail :
			load_excerpt(cstate->cur_attval, strlen(cstate->cur_attval), 2000);
		FlushErrorState();
		/* whoever catches what is passed on expects to be in his own subtransaction */
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old);
		CurrentResourceOwner = owner;
		/* a foreign key, say, which is checked for all rows at once; or a cancel */
		if (failed < 0)
			ReThrowError(error);
		load_refuse(feed->load, feed->places[failed - feed->first], column, value,
					value == NULL ? 0 : strlen(value), error->sqlerrcode, error->message, NULL);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	return failed;
}

/* The rows of refused from one on. */
static List *
forget_rows(List *refused, uint64 row)
{
	ListCell   *cell;

	foreach(cell, refused)
		if (*(uint64 *) lfirst(cell) < row)
		{
			pfree(lfirst(cell));
			refused = foreach_delete_current(refused, cell);
		}
	return refused;
}

/*
 * All rows, but for those that are refused.  Where a chunk fails at a row, those before it are tried again and
 * the next chunk begins behind it.  A row before it may fail then: values are converted, a thousand rows at a
 * time, before unique indexes are looked at.  So after an error chunks are short, and each that succeeds is
 * followed by one twice as long: the work for a bad row is that for a few of the rows around it.
 */
static uint64
copy_chunks(Feed *feed, Relation relation, ParseState *target, List *columns)
{
	Spool	   *spool = &feed->load->spool;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunk of a load", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;
	uint64		from = 0,
				length = CHUNK_ROWS,
				longest = CHUNK_ROWS,
				rows = 0;
	List	   *refused = NIL;

	feed->places = palloc(sizeof(uint64) * CHUNK_ROWS);
	while (from < spool->rows)
	{
		SpoolPosition position = spool_tell(spool);
		uint64		copied = 0;
		int64		failed;

		feed->next = from;
		feed->end = Min(from + length, spool->rows);
		feed->refused = refused;
		MemoryContextSwitchTo(context);
		failed = try_chunk(feed, relation, target, columns, &copied);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		CommandCounterIncrement();
		if (failed < 0)
		{
			rows += copied;
			from = feed->end;
			longest = Min(longest * 2, CHUNK_ROWS);
			length = longest;
			refused = forget_rows(refused, from);
		}
		else
		{
			uint64	   *row = palloc(sizeof(uint64));

			*row = (uint64) failed;
			refused = lappend(refused, row);
			longest = 1;
			/* the one at its beginning is left out, and does not count */
			length = *row > from ? *row - from : longest + 1;
			spool_seek(spool, position);
		}
	}
	MemoryContextDelete(context);
	pfree(feed->places);
	return rows;
}

uint64
load_copy(Load *load)
{
	Feed		feed = {.load = load, .end = PG_UINT64_MAX};
	Relation	relation = table_open(load->relid, RowExclusiveLock);
	List	   *columns = copy_columns(load);
	ParseState *target;
	uint64		rows;

	load_check_target_columns(load);
	target = make_target(relation, columns);
	spool_rewind(&load->spool);

	/* Expressions of defaults and constraints see the table as it is now. */
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	rows = load->max_errors == 0 ? copy_feed(&feed, relation, target, columns, false) :
		copy_chunks(&feed, relation, target, columns);
	PopActiveSnapshot();
	table_close(relation, NoLock);
	CommandCounterIncrement();
	return rows;
}
