/*
 * load_copy.c
 *		The spool into the table, by COPY.
 *
 * A callback hands COPY one row at a call and tells it which line that is, so that what
 * COPY says of an error is about the line of the file.  Without max_errors the first error ends the
 * load.  With it rows are copied CHUNK_ROWS at a time in subtransactions: where one fails, the row
 * COPY was at is refused and the others of the chunk are copied again.
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

#define CHUNK_ROWS			1000
#define CHECK_ROWS			64	/* between looks for a cancel: COPY looks at each row itself */

/* What the callback hands out; the callback has no argument. */
typedef struct Feed
{
	Load	   *load;
	CopyFromState cstate;
	const List *refused;		/* of LoadError *: rows of the chunk that are left out */
	uint64		left;			/* rows until the end of the chunk */
	int			given;			/* bytes of the current row */
	bool		in_row;
} Feed;

static Feed *current_feed;

/* Was this row refused by an earlier try? */
static bool
is_refused(const List *refused, uint64 place)
{
	ListCell   *cell;

	foreach(cell, refused)
		if (((LoadError *) lfirst(cell))->place == place)
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
		if (feed->left == 0 || !spool_next(spool, &row))
			return false;
		feed->left--;
	} while (is_refused(feed->refused, row.place));
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
load_check_target(Relation relation, List *columns)
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
	if (columns != NIL)
		check_permissions_compat(make_target(relation, columns));
	else if (pg_class_aclcheck(relid, GetUserId(), ACL_INSERT) != ACLCHECK_OK &&
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
	StringInfoData detail;

	if (!about_row(error->sqlerrcode) || cstate->cur_lineno == 0)
		return;
	initStringInfo(&detail);
	if (error->detail != NULL)
		appendStringInfo(&detail, "%s ", error->detail);
	appendStringInfo(&detail, "%c%s %llu", pg_toupper((unsigned char) load->unit[0]), load->unit + 1,
					 (unsigned long long) cstate->cur_lineno);
	if (cstate->cur_attname != NULL)
		appendStringInfo(&detail, ", column \"%s\"", cstate->cur_attname);
	if (cstate->cur_attname != NULL && cstate->cur_attval != NULL)
		appendStringInfo(&detail, ": \"%s\"", load_excerpt(cstate->cur_attval, strlen(cstate->cur_attval), 200));
	appendStringInfoChar(&detail, '.');
	error->detail = detail.data;
	if (error->hint == NULL)
		error->hint = psprintf("Nothing was loaded; max_errors => %d would load the good %ss and keep bad ones in echolon.load_errors.",
							   100, load->unit);
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

/*
 * Try a chunk in a subtransaction.  False: it failed at a row, which is refused and added to refused;
 * then nothing of the chunk is there.
 */
static bool
try_chunk(Feed *feed, Relation relation, ParseState *target, List *columns, List **refused, uint64 *rows)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		*rows = copy_feed(feed, relation, target, columns, true);
		ReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;
		char	   *column,
				   *value;
		uint64		place = feed->cstate != NULL ? feed->cstate->cur_lineno : 0;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		if (!about_row(error->sqlerrcode) || place == 0)
		{
			/* a foreign key, say, which is checked for all rows at once */
			PG_RE_THROW();
		}
		FlushErrorState();
		column = feed->cstate->cur_attname != NULL ? pstrdup(feed->cstate->cur_attname) :
			error->column_name != NULL ? pstrdup(error->column_name) : NULL;
		value = feed->cstate->cur_attname != NULL && feed->cstate->cur_attval != NULL ?
			load_excerpt(feed->cstate->cur_attval, strlen(feed->cstate->cur_attval), 2000) :
			error->detail;
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old);
		CurrentResourceOwner = owner;
		load_refuse(feed->load, place, column, value, value == NULL ? 0 : strlen(value), error->sqlerrcode,
					error->message, NULL);
		MemoryContextSwitchTo(feed->load->context);
		*refused = lappend(*refused, llast(feed->load->errors));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	return done;
}

/* All rows, but for those that are refused. */
static uint64
copy_chunks(Feed *feed, Relation relation, ParseState *target, List *columns)
{
	Spool	   *spool = &feed->load->spool;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunk of a load", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	uint64		rows = 0;

	for (uint64 from = 0; from < spool->rows; from += CHUNK_ROWS)
	{
		SpoolPosition position = spool_tell(spool);
		List	   *refused = NIL;
		uint64		copied = 0;

		for (;;)
		{
			feed->left = Min(CHUNK_ROWS, spool->rows - from);
			feed->refused = refused;
			feed->cstate = NULL;
			if (try_chunk(feed, relation, target, columns, &refused, &copied))
				break;
			spool_seek(spool, position);
			MemoryContextReset(context);
		}
		list_free(refused);
		rows += copied;
		MemoryContextReset(context);
		CommandCounterIncrement();
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return rows;
}

uint64
load_copy(Load *load)
{
	Feed		feed = {.load = load, .left = PG_UINT64_MAX};
	Relation	relation = table_open(load->relid, RowExclusiveLock);
	List	   *columns = copy_columns(load);
	ParseState *target;
	uint64		rows;

	load_check_target(relation, columns);
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
