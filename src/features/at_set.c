/*
 * at_set.c
 *		What the features of one row need of their set: columns, terms, prepared queries.
 *
 * It is kept in the session's cache under the set's number, so that a call neither expands a definition nor
 * plans a query.  All queries are executed as the caller and have
 * all columns of the row as their parameters; PostgreSQL plans them again by itself when something they
 * depend on changes.
 */
#include "postgres.h"

#include "access/relation.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "compat.h"
#include "features/at.h"
#include "features/define.h"
#include "learn/hash.h"
#include "model/cache.h"

#define LIMIT_SPARE		16		/* rows of the same date behind the row itself, before all are read */

/* ---- columns ---------------------------------------------------------------------- */

int
at_column(const AtSet *at, const char *name)
{
	for (int i = 0; i < at->ncolumns; i++)
		if (strcmp(at->columns[i].name, name) == 0)
			return i;
	return -1;
}

/* A column that is looked at; its place. */
static int
add_column(AtSet *at, char *name)
{
	int			i = at_column(at, name);
	AtColumn   *column;
	AttrNumber	number;

	if (i >= 0)
		return i;
	number = relation_column(at->set->relid, name);
	at->columns = at->columns == NULL ? palloc(sizeof(AtColumn)) :
		repalloc(at->columns, mul_size(at->ncolumns + 1, sizeof(AtColumn)));
	column = &at->columns[at->ncolumns];
	memset(column, 0, sizeof(*column));
	column->name = name;
	column->place = -1;
	get_atttypetypmodcoll(at->set->relid, number, &column->typid, &column->typmod,
						  &column->collation);
	return at->ncolumns++;
}

/* A list of columns that are looked at; their places. */
static int *
add_columns(AtSet *at, List *names, int *n)
{
	int		   *places = palloc(mul_size(Max(list_length(names), 1), sizeof(int)));
	ListCell   *cell;

	*n = 0;
	foreach(cell, names)
		places[(*n)++] = add_column(at, lfirst(cell));
	return places;
}

/* A number that windows, shares or ranks are made of. */
static int
add_number(AtSet *at, char *name)
{
	int			i = add_column(at, name);
	AtColumn   *column = &at->columns[i];

	column->number = true;
	if (!column_type_resolve(column->typid, &column->type) || column->type.kind != COLUMN_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s, which is no number", name,
						format_type_be(column->typid)),
				 errdetail("Windows of feature set \"%s\" are made of it.", at->set->name)));
	return i;
}

/* What makes a stored row the row itself: the relation's key, where the order has it, else all. */
static void
find_identity(AtSet *at)
{
	FeatureSet *set = at->set;
	List	   *order = list_concat_copy(set->group_by, set->order_by);
	List	   *key = NIL;
	ListCell   *cell;

	if (set->date_column != NULL)
		order = lappend(order, set->date_column);
	if (set->order_unique)
	{
		Relation	relation = relation_open(set->relid, AccessShareLock);

		key = feature_relation_key(relation);
		relation_close(relation, AccessShareLock);
		foreach(cell, key)
		{
			if (!name_in(order, lfirst(cell)))
			{
				key = NIL;		/* it is another one by now */
				break;
			}
		}
	}
	at->identity_once = key == NIL;
	at->identity = add_columns(at, key == NIL ? order : key, &at->nidentity);
}

/* Columns of queries over other rows. */
static void
choose_places(AtSet *at)
{
	int			n = 0;

	for (int i = 0; i < at->nkeys; i++)
		at->columns[at->keys[i]].place = 0;
	for (int i = 0; i < at->nidentity; i++)
		at->columns[at->identity[i]].place = 0;
	at->columns[at->date].place = 0;
	for (int i = 0; i < at->ncolumns; i++)
	{
		AtColumn   *column = &at->columns[i];

		if (column->place < 0 && !column->number)
			continue;
		column->place = n++;
		order_key_init(&column->order, column->typid, column->collation);
	}
}

/* ---- windows ------------------------------------------------------------------------- */

/* Does a term see all rows before the row? */
static bool
term_is_whole(const RollingTerm *term)
{
	return term->stat == ROLLING_EWMA ||
		(term->stat != ROLLING_VALUE && term->extent == ROLLING_EXPANDING);
}

/* How many rows before the row a term may need; -1: all up to some time, or all there are. */
static int64
term_rows(const RollingTerm *term)
{
	if (term->stat == ROLLING_VALUE)
		return term->end;
	if (term_is_whole(term) || term->extent != ROLLING_ROWS)
		return -1;
	return term->end + term->rows;
}

/* Terms of all windows. */
static void
read_windows(AtSet *at)
{
	FeatureSet *set = at->set;

	at->nwindows = set->nwindows;
	at->windows = palloc0(mul_size(Max(set->nwindows, 1), sizeof(AtWindow)));
	for (int w = 0; w < set->nwindows; w++)
	{
		AtWindow   *window = &at->windows[w];
		int			room = Max(list_length(set->windows[w].terms), 1);
		ListCell   *cell;

		window->column = add_number(at, set->windows[w].column);
		window->recent.terms = palloc(mul_size(room, sizeof(RollingTerm)));
		window->recent.places = palloc(mul_size(room, sizeof(int)));
		window->whole.terms = palloc(mul_size(room, sizeof(RollingTerm)));
		window->whole.places = palloc(mul_size(room, sizeof(int)));
		foreach(cell, set->windows[w].terms)
		{
			RollingTerm term = term_parse(lfirst(cell));
			int64		rows = term_rows(&term);
			AtTerms    *terms = term_is_whole(&term) ? &window->whole : &window->recent;

			terms->places[terms->n] = window->nterms++;
			terms->terms[terms->n++] = term;
			at->whole_group |= term_is_whole(&term);
			if (rows < 0)
				at->most_rows = -1;
			else if (at->most_rows >= 0)
				at->most_rows = Max(at->most_rows, rows);
		}
	}
	if (at->nwindows > 0)
		at->clock = direct_clock(set);
}

/* ---- the cache --------------------------------------------------------------------------- */

/* The session forgets a set. */
static void
free_plans(void *arg)
{
	AtSet	   *at = arg;
	ListCell   *cell;

	foreach(cell, at->plans)
		SPI_freeplan(lfirst(cell));
}

/* What a set needs, in the current context, where the set is. */
static AtSet *
at_set_create(FeatureSet *set)
{
	AtSet	   *at = palloc0(sizeof(AtSet));

	feature_check_columns(set);
	at->context = CurrentMemoryContext;
	at->set = set;
	at->date = set->date_column == NULL ? -1 : add_column(at, set->date_column);
	at->groups = add_columns(at, set->group_by, &at->ngroups);
	at->keys = add_columns(at, set->order_by, &at->nkeys);
	(void) add_columns(at, set->columns, &(int) {0});
	find_identity(at);
	read_windows(at);
	for (int i = 0; i < set->nfeatures; i++)
	{
		const Feature *feature = &set->features[i];

		(void) add_columns(at, feature->sources, &(int) {0});
		if (feature->kind != FEATURE_SHARE && feature->kind != FEATURE_RANK)
			continue;
		(void) add_number(at, feature->column);
		at->dates = true;
	}
	if (at->date >= 0)
		choose_places(at);
	at->types = palloc(mul_size(Max(at->ncolumns, 1), sizeof(Oid)));
	for (int i = 0; i < at->ncolumns; i++)
		at->types[i] = at->columns[i].typid;
	at->callback.func = free_plans;
	at->callback.arg = at;
	MemoryContextRegisterResetCallback(at->context, &at->callback);
	return at;
}

/*
 * The digest is of all that a set is, and of its relation as it is now: queries name the relation and its
 * columns, and expect their types.  The number of the relation's row type is another one in this
 * session whenever the relation was altered.  A definition never changes under the set's number.
 */
AtSet *
at_set_get(const StoredSet *stored, MemoryContext context)
{
	Oid			type = get_rel_type_id(stored->relid);
	uint64		version = OidIsValid(type) ? assign_record_type_identifier(type, -1) : 0;
	uint64		digest[2];
	AtSet	   *at;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext own;

	for (int i = 0; i < 2; i++)
	{
		digest[i] = hash_pair(hash_bytes(stored->fit.data, UUID_LEN, i),
							  (uint64) stored->view << 32 | stored->relid);
		digest[i] = hash_pair(digest[i], version);
		digest[i] = hash_pair(digest[i], hash_bytes(stored->name, strlen(stored->name), i));
		digest[i] = hash_pair(digest[i], hash_bytes(stored->relation, strlen(stored->relation), i));
	}
	at = cache_find(CACHE_FEATURES, stored->id, (uint8 *) digest, context);
	if (at != NULL)
		return at;

	own = AllocSetContextCreate(caller, "echolon features of a row", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(own);
	at = at_set_create(feature_set_find(stored->name));
	MemoryContextSwitchTo(caller);
	cache_keep(CACHE_FEATURES, stored->id, (uint8 *) digest, at, own, context);
	return at;
}

/* ---- queries ------------------------------------------------------------------------------- */

/* A plan that lives as long as the set. */
static SPIPlanPtr
prepare(AtSet *at, const char *sql, int options)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, at->ncolumns, at->types, options);
	MemoryContext caller;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	caller = MemoryContextSwitchTo(at->context);
	at->plans = lappend(at->plans, plan);
	MemoryContextSwitchTo(caller);
	/* it cannot fail now that it is on the list */
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	return plan;
}

SPIPlanPtr
at_row_plan(AtSet *at)
{
	StringInfoData out;
	int			n = 0;

	if (at->row_plan != NULL)
		return at->row_plan;
	initStringInfo(&out);
	appendStringInfoString(&out, "SELECT");
	for (int i = 0; i < at->set->nfeatures; i++)
		if (at->set->features[i].kind == FEATURE_ROW)
			appendStringInfo(&out, "%s %s", n++ == 0 ? "" : ",", at->set->features[i].expression);
	appendStringInfoString(&out, " FROM (SELECT");
	for (int i = 0; i < at->ncolumns; i++)
	{
		const AtColumn *column = &at->columns[i];

		appendStringInfo(&out, "%s $%d%s AS %s", i == 0 ? "" : ",", i + 1,
						 feature_collate(column->typid, column->collation), quote_identifier(column->name));
	}
	appendStringInfoString(&out, ") AS s");
	at->row_plan = prepare(at, out.data, CURSOR_OPT_GENERIC_PLAN);
	return at->row_plan;
}

/* "SELECT s.day, … FROM public.sales AS s WHERE " */
static void
append_select(StringInfo out, const AtSet *at)
{
	int			n = 0;

	appendStringInfoString(out, "SELECT");
	for (int i = 0; i < at->ncolumns; i++)
		if (at->columns[i].place >= 0)
			appendStringInfo(out, "%s %s", n++ == 0 ? "" : ",", feature_column(at->columns[i].name));
	appendStringInfo(out, " FROM %s AS s WHERE ", relation_name(at->set->relid));
}

void
at_check_rows(const AtSet *at, TupleDesc desc)
{
	for (int c = 0; c < at->ncolumns; c++)
	{
		const AtColumn *column = &at->columns[c];

		if (column->place >= 0 && TupleDescAttr(desc, column->place)->atttypid != column->typid)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("%s was altered while features of its rows were computed", at->set->relation),
					 errdetail("Column \"%s\" was of type %s and is of type %s.", column->name,
							   format_type_be(column->typid),
							   format_type_be(TupleDescAttr(desc, column->place)->atttypid))));
	}
}

/* "s.city OPERATOR(pg_catalog.=) $2", by the type's own equality, which an index knows. */
static void
append_equal(StringInfo out, const AtSet *at, int column)
{
	Oid			typid = at->columns[column].typid;
	TypeCacheEntry *type = lookup_type_cache(typid, TYPECACHE_EQ_OPR);

	if (!OidIsValid(type->eq_opr))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify an equality operator for type %s",
						format_type_be(typid))));
	generate_operator_clause(out, feature_column(at->columns[column].name), typid, type->eq_opr,
							 psprintf("$%d", column + 1), typid);
}

int64
at_limit(const AtSet *at)
{
	return at->most_rows + LIMIT_SPARE;
}

SPIPlanPtr
at_history_plan(AtSet *at, const bool *nulls, bool limited)
{
	AtHistoryPlan *history;
	Bitmapset  *pattern = NULL;
	StringInfoData out;
	ListCell   *cell;
	MemoryContext caller;
	SPIPlanPtr	plan;

	for (int i = 0; i < at->ngroups; i++)
		if (nulls[at->groups[i]])
			pattern = bms_add_member(pattern, i);
	foreach(cell, at->history)
	{
		history = lfirst(cell);
		if (history->limited == limited && bms_equal(history->nulls, pattern))
			return history->plan;
	}

	initStringInfo(&out);
	append_select(&out, at);
	for (int i = 0; i < at->ngroups; i++)
	{
		if (nulls[at->groups[i]])
			appendStringInfo(&out, "%s IS NULL", feature_column(at->columns[at->groups[i]].name));
		else
			append_equal(&out, at, at->groups[i]);
		appendStringInfoString(&out, " AND ");
	}
	appendStringInfo(&out, "%s OPERATOR(pg_catalog.<=) $%d ORDER BY %s DESC",
					 feature_column(at->columns[at->date].name), at->date + 1,
					 feature_column(at->columns[at->date].name));
	for (int i = 0; i < at->nkeys; i++)
		appendStringInfo(&out, ", %s DESC", feature_column(at->columns[at->keys[i]].name));
	if (limited)
		appendStringInfo(&out, " LIMIT " INT64_FORMAT, at_limit(at));
	/* rows are read until there are enough, unless all are needed */
	plan = prepare(at, out.data,
				   CURSOR_OPT_GENERIC_PLAN | (at->whole_group ? 0 : CURSOR_OPT_FAST_PLAN));

	caller = MemoryContextSwitchTo(at->context);
	history = palloc(sizeof(AtHistoryPlan));
	history->nulls = bms_copy(pattern);
	history->limited = limited;
	history->plan = plan;
	at->history = lappend(at->history, history);
	MemoryContextSwitchTo(caller);
	return plan;
}

SPIPlanPtr
at_date_plan(AtSet *at, bool isnull)
{
	SPIPlanPtr *plan = isnull ? &at->dateless_plan : &at->date_plan;
	StringInfoData out;

	if (*plan != NULL)
		return *plan;
	initStringInfo(&out);
	append_select(&out, at);
	if (isnull)
		appendStringInfo(&out, "%s IS NULL", feature_column(at->columns[at->date].name));
	else
		append_equal(&out, at, at->date);
	*plan = prepare(at, out.data, CURSOR_OPT_GENERIC_PLAN);
	return *plan;
}
