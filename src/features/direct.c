/*
 * direct.c
 *		The direct path: a feature set's rows without the windows of its view.
 *
 * One query reads the relation once, as the caller: the wanted columns, the features of one row
 * (PostgreSQL evaluates them, by the same functions as in the view), and what windows need.  Rows are
 * kept (rowstore.c), put into the order of (group, date, keys) by radix (roworder.c), and pushed
 * through the engine that is behind echolon_rolling too, so every bit is the view's.
 *
 * Where no windows are wanted rows pass through as they come.  Where they don't fit into
 * echolon.max_memory, or a group's type cannot be hashed, the view's own query is executed.
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "features/define.h"
#include "features/direct.h"
#include "features/rowstore.h"
#include "features/terms.h"
#include "model/model.h"

#define CHECK_ROWS		1024	/* rows between two cancel checks; a power of two */

/* A column of the query. */
typedef struct QueryColumn
{
	char	   *sql;
	Oid			typid;
	int32		typmod;
	Oid			collation;
	bool		keep_value;		/* wanted as it is */
	bool		keep_number;	/* wanted as a double */
	int			value;			/* fields of the store, or -1; the same one for a float8 */
	int			number;
	ColumnType	type;			/* keep_number */
} QueryColumn;

/* One column's windows. */
typedef struct DirectWindow
{
	int			source;
	RollingState *state;
	List	   *wanted;			/* of integers: its terms */
	double	   *numbers;		/* by place in wanted */
	bool	   *isnull;
} DirectWindow;

/* A share or a rank. */
typedef struct DirectDate
{
	FeatureKind kind;
	int			source;
	int			field;			/* of the store: where it goes */
} DirectDate;

/* A wanted column of the view: of the query, of the store beside it, or of a window. */
typedef struct DirectOutput
{
	int			source;			/* else -1 */
	int			date;			/* else -1 */
	int			window;			/* else -1 */
	int			term;			/* place in the window's wanted */
} DirectOutput;

struct DirectScan
{
	const FeatureSet *set;
	List	   *columns;		/* wanted */
	TupleDesc	desc;			/* of them */
	char	   *sql;			/* the query that reads the relation */

	int			nsources;
	QueryColumn *sources;
	int			nwindows;
	DirectWindow *windows;
	int			ndates;
	DirectDate *dates;
	DirectOutput *outputs;		/* one a wanted column */

	int			date;			/* sources of the order; -1: none */
	int			ngroups;
	int		   *groups;
	int			nkeys;
	int		   *key_sources;
	OrderKey   *keys;

	RowStore   *store;
	GroupTable *table;
	bool		stop;			/* reading, because the store is full */

	bool		ordered;		/* what follows is there */
	SortRow    *rows;
	RowBatch   *batch;
	size_t		next;
	uint32		group;			/* of the current row */

	RelationRow row;			/* the caller's */
	void	   *arg;
	MemoryContext row_context;
};

/* ---- what to read ---------------------------------------------------------------- */

/* The query's column of this SQL; it is added where it is new. */
static int
scan_source(DirectScan *scan, char *sql, bool value, bool number)
{
	int			i;

	for (i = 0; i < scan->nsources; i++)
		if (strcmp(scan->sources[i].sql, sql) == 0)
			break;
	if (i == scan->nsources)
	{
		scan->sources = scan->sources == NULL ? palloc(sizeof(QueryColumn)) :
			repalloc(scan->sources, mul_size(scan->nsources + 1, sizeof(QueryColumn)));
		memset(&scan->sources[i], 0, sizeof(QueryColumn));
		scan->sources[i].sql = sql;
		scan->nsources++;
	}
	scan->sources[i].keep_value |= value;
	scan->sources[i].keep_number |= number;
	return i;
}

/* A wanted column that is a window's term. */
static void
want_term(DirectScan *scan, const Feature *feature, DirectOutput *output)
{
	const FeatureWindow *window = &scan->set->windows[feature->window];
	DirectWindow *own = &scan->windows[feature->window];

	own->source = scan_source(scan, feature_column(window->column), false, true);
	output->window = feature->window;
	output->term = list_length(own->wanted);
	own->wanted = lappend_int(own->wanted, feature->term);
}

/* A wanted column that is computed over the rows of a date. */
static void
want_date(DirectScan *scan, const Feature *feature, DirectOutput *output)
{
	DirectDate *date = &scan->dates[scan->ndates];

	date->kind = feature->kind;
	/* ranks compare the values themselves */
	date->source = scan_source(scan, feature_column(feature->column),
							   feature->kind == FEATURE_RANK, true);
	output->date = scan->ndates++;
}

/* Where a wanted column comes from. */
static void
want_column(DirectScan *scan, const char *name, DirectOutput *output)
{
	const Feature *feature = feature_find(scan->set, name);

	output->source = output->date = output->window = -1;
	if (feature == NULL)
	{
		if (!name_in(scan->set->columns, name))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("feature set \"%s\" has no column \"%s\"", scan->set->name, name)));
		output->source = scan_source(scan, feature_column(name), true, false);
		return;
	}
	switch (feature->kind)
	{
		case FEATURE_ROW:
			output->source = scan_source(scan, feature->expression, true, false);
			break;
		case FEATURE_WINDOW:
			want_term(scan, feature, output);
			break;
		case FEATURE_SHARE:
		case FEATURE_RANK:
			want_date(scan, feature, output);
			break;
	}
}

/* Are rows to be ordered at all? */
static bool
scan_is_ordered(const DirectScan *scan)
{
	if (scan->ndates > 0)
		return true;
	for (int i = 0; i < scan->nwindows; i++)
		if (scan->windows[i].wanted != NIL)
			return true;
	return false;
}

/* What rows are ordered by, into the query. */
static void
want_order(DirectScan *scan)
{
	const FeatureSet *set = scan->set;
	ListCell   *cell;

	scan->date = scan_source(scan, feature_column(set->date_column), false, false);
	scan->groups = palloc(mul_size(Max(list_length(set->group_by), 1), sizeof(int)));
	foreach(cell, set->group_by)
		scan->groups[scan->ngroups++] = scan_source(scan, feature_column(lfirst(cell)), false, false);
	scan->key_sources = palloc(mul_size(Max(list_length(set->order_by), 1), sizeof(int)));
	foreach(cell, set->order_by)
		scan->key_sources[scan->nkeys++] = scan_source(scan, feature_column(lfirst(cell)), true, false);
}

/* The query's text. */
static char *
scan_sql(const DirectScan *scan)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "SELECT");
	for (int i = 0; i < scan->nsources; i++)
		appendStringInfo(&out, "%s %s", i == 0 ? "" : ",", scan->sources[i].sql);
	appendStringInfo(&out, " FROM %s AS s", relation_name(scan->set->relid));
	return out.data;
}

/* Types of the query's columns. */
static void
scan_types(DirectScan *scan)
{
	TupleDesc	desc = ExecCleanTypeFromTL(direct_analyze(scan->sql)->targetList);

	Assert(desc->natts == scan->nsources);
	for (int i = 0; i < scan->nsources; i++)
	{
		QueryColumn *source = &scan->sources[i];
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		source->typid = attribute->atttypid;
		source->typmod = attribute->atttypmod;
		source->collation = attribute->attcollation;
		source->value = source->number = -1;
		if (source->keep_number &&
			(!column_type_resolve(source->typid, &source->type) ||
			 source->type.kind != COLUMN_NUMBER))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("%s is of type %s, which is no number", source->sql,
							format_type_be(source->typid)),
					 errdetail("Windows of feature set \"%s\" are made of it.", scan->set->name)));
	}
}

/* The names and types of the wanted columns. */
static void
scan_describe(DirectScan *scan)
{
	int			n = list_length(scan->columns);

	scan->desc = CreateTemplateTupleDesc(n);
	for (int i = 0; i < n; i++)
	{
		const DirectOutput *output = &scan->outputs[i];
		const char *name = list_nth(scan->columns, i);

		if (output->source >= 0)
		{
			const QueryColumn *source = &scan->sources[output->source];

			TupleDescInitEntry(scan->desc, i + 1, name, source->typid, source->typmod, 0);
			TupleDescInitEntryCollation(scan->desc, i + 1, source->collation);
		}
		else
			TupleDescInitEntry(scan->desc, i + 1, name,
							   output->date >= 0 && scan->dates[output->date].kind == FEATURE_RANK ?
							   INT8OID : FLOAT8OID, -1, 0);
	}
}

DirectScan *
direct_scan_create(const FeatureSet *set, List *columns)
{
	DirectScan *scan = palloc0(sizeof(DirectScan));
	int			i = 0;
	ListCell   *cell;

	if (!OidIsValid(set->relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the relation %s of feature set \"%s\" does not exist", set->relation,
						set->name)));
	scan->set = set;
	scan->columns = columns;
	scan->nwindows = set->nwindows;
	scan->windows = palloc0(mul_size(Max(set->nwindows, 1), sizeof(DirectWindow)));
	scan->dates = palloc0(mul_size(Max(list_length(columns), 1), sizeof(DirectDate)));
	scan->outputs = palloc0(mul_size(Max(list_length(columns), 1), sizeof(DirectOutput)));
	scan->date = -1;
	foreach(cell, columns)
		want_column(scan, lfirst(cell), &scan->outputs[i++]);
	if (scan_is_ordered(scan))
		want_order(scan);
	scan->sql = scan_sql(scan);
	scan_types(scan);
	scan_describe(scan);
	return scan;
}

/* ---- keeping rows ------------------------------------------------------------------ */

RollingClock *
direct_clock(const FeatureSet *set)
{
	return clock_create(set->date_kind,
						set->date_kind == COLUMN_TIMESTAMPTZ ? calendar_zone(set->zone) : NULL);
}

/* The store, its fields and groups; false where groups cannot be told apart by a hash. */
static bool
scan_open(DirectScan *scan, MemoryContext context)
{
	RowStore   *store = rowstore_create(context, max_memory_bytes());
	Oid		   *types = palloc(mul_size(Max(scan->ngroups, 1), sizeof(Oid)));
	Oid		   *collations = palloc(mul_size(Max(scan->ngroups, 1), sizeof(Oid)));

	scan->store = store;
	for (int i = 0; i < scan->nsources; i++)
	{
		QueryColumn *source = &scan->sources[i];

		if (source->keep_value)
			source->value = rowstore_field(store, source->typid);
		if (source->keep_number)
			source->number = source->keep_value && source->type.basetype == FLOAT8OID ?
				source->value : rowstore_field(store, FLOAT8OID);
	}
	for (int i = 0; i < scan->ndates; i++)
		scan->dates[i].field = rowstore_field(store, scan->dates[i].kind == FEATURE_RANK ?
											  INT8OID : FLOAT8OID);
	rowstore_open(store);

	scan->keys = palloc0(mul_size(Max(scan->nkeys, 1), sizeof(OrderKey)));
	for (int i = 0; i < scan->nkeys; i++)
	{
		const QueryColumn *source = &scan->sources[scan->key_sources[i]];

		order_key_init(&scan->keys[i], source->typid, source->collation);
		scan->keys[i].field = source->value;
	}
	for (int i = 0; i < scan->ngroups; i++)
	{
		types[i] = scan->sources[scan->groups[i]].typid;
		collations[i] = scan->sources[scan->groups[i]].collation;
	}
	scan->table = groups_create(store, scan->ngroups, types, collations);
	return scan->table != NULL;
}

/* A row of the query, to be kept. */
static void
scan_keep(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	DirectScan *scan = arg;
	RowStore   *store = scan->store;
	char	   *record;

	record = rowstore_add(store, row_time(scan->set->date_kind, values[scan->date], nulls[scan->date]),
						  groups_find(scan->table, scan->groups, values, nulls));
	if (record != NULL)
	{
		for (int i = 0; i < scan->nsources; i++)
		{
			const QueryColumn *source = &scan->sources[i];

			if (nulls[i])
				continue;
			if (source->value >= 0)
				row_put(store, record, source->value, values[i]);
			if (source->number >= 0 && source->number != source->value)
				row_put_number(store, record, source->number,
							   column_number(&source->type, values[i]));
		}
	}
	scan->stop = store->full;
}

/* ---- computing ---------------------------------------------------------------------- */

/* Shares and ranks into the records. */
static void
scan_dates(DirectScan *scan)
{
	RowStore   *store = scan->store;
	SortRow    *rows;

	if (scan->ndates == 0)
		return;
	rows = roworder_sort(store, 0, NULL, 0, row_time_unit(scan->set->date_kind));
	for (int i = 0; i < scan->ndates; i++)
	{
		const DirectDate *date = &scan->dates[i];
		const QueryColumn *source = &scan->sources[date->source];
		OrderKey	exact;

		if (date->kind == FEATURE_SHARE)
		{
			bydate_share(store, rows, source->number, date->field);
			continue;
		}
		order_key_init(&exact, source->typid, source->collation);
		exact.field = source->value;
		switch (source->type.basetype)
		{
			case INT2OID:
			case INT4OID:
			case FLOAT4OID:
			case FLOAT8OID:
				bydate_rank(store, rows, source->number, NULL, date->field);
				break;
			default:
				bydate_rank(store, rows, source->number, &exact, date->field);
		}
	}
	pfree(rows);
	frame_memory_subtract(&store->memory, store->nrows, sizeof(SortRow));
}

/* The engines of the windows that are wanted. */
static void
scan_states(DirectScan *scan)
{
	RollingClock *clock = direct_clock(scan->set);
	const LearnEnv *env = limited_env(CurrentMemoryContext, "echolon_feature_rows");

	for (int w = 0; w < scan->nwindows; w++)
	{
		DirectWindow *window = &scan->windows[w];
		int			nterms = list_length(window->wanted);
		RollingTerm *terms;

		if (nterms == 0)
			continue;
		terms = palloc(mul_size(nterms, sizeof(RollingTerm)));
		for (int i = 0; i < nterms; i++)
			terms[i] = term_parse(list_nth(scan->set->windows[w].terms,
										   list_nth_int(window->wanted, i)));
		window->state = rolling_create(env, terms, nterms, clock, scan->set->fill);
		window->numbers = palloc(mul_size(nterms, sizeof(double)));
		window->isnull = palloc(mul_size(nterms, sizeof(bool)));
	}
}

void
direct_push(RollingState *state, double value, bool isnull, int64 time, double *numbers,
			bool *isnulls)
{
	rolling_push(state, value, isnull, time, numbers, isnulls);
	if (unlikely(rolling_overflowed(state)))
		float_overflow_error();
}

/* The next row in order through all windows. */
static void
scan_push(DirectScan *scan, const char *record)
{
	int64		time = ((const RowHead *) record)->time;

	for (int w = 0; w < scan->nwindows; w++)
	{
		DirectWindow *window = &scan->windows[w];
		int			number;

		if (window->state == NULL)
			continue;
		/* a row that has no place in time is in no window, and has none */
		if (time >= ROW_TIMELESS)
		{
			memset(window->isnull, true, list_length(window->wanted));
			continue;
		}
		number = scan->sources[window->source].number;
		direct_push(window->state, row_number(scan->store, record, number),
					row_isnull(record, number), time, window->numbers, window->isnull);
	}
}

/* The wanted columns of a row. */
static void
scan_row(DirectScan *scan, const char *record, Datum *values, bool *nulls)
{
	int			n = scan->desc->natts;

	for (int i = 0; i < n; i++)
	{
		const DirectOutput *output = &scan->outputs[i];

		if (output->window >= 0)
		{
			const DirectWindow *window = &scan->windows[output->window];

			nulls[i] = window->isnull[output->term];
			values[i] = nulls[i] ? (Datum) 0 : Float8GetDatum(window->numbers[output->term]);
		}
		else
		{
			int			field = output->date >= 0 ? scan->dates[output->date].field :
				scan->sources[output->source].value;

			nulls[i] = row_isnull(record, field);
			values[i] = nulls[i] ? (Datum) 0 : row_get(scan->store, record, field);
		}
	}
}

/* Put the rows into order, and compute what does not depend on it. */
static void
scan_order(DirectScan *scan)
{
	RowStore   *store = scan->store;

	scan_dates(scan);
	scan->rows = roworder_sort(store, groups_count(scan->table), scan->keys, scan->nkeys,
							   row_time_unit(scan->set->date_kind));
	scan->batch = rowbatch_create(store);
	scan_states(scan);
}

bool
direct_scan_next(DirectScan *scan, Datum *values, bool *nulls)
{
	const char *record;

	if (scan->next == scan->store->nrows)
		return false;
	if ((scan->next & (CHECK_ROWS - 1)) == 0)
		CHECK_FOR_INTERRUPTS();
	record = rowbatch_row(scan->batch, scan->store, scan->rows, scan->next);
	if (scan->next == 0 || ((const RowHead *) record)->group != scan->group)
	{
		scan->group = ((const RowHead *) record)->group;
		for (int w = 0; w < scan->nwindows; w++)
			if (scan->windows[w].state != NULL)
				rolling_restart(scan->windows[w].state);
	}
	scan->next++;
	scan_push(scan, record);
	scan_row(scan, record, values, nulls);
	return true;
}

void
direct_scan_restart(DirectScan *scan)
{
	scan->next = 0;
}

/* All rows in order to the caller. */
static void
scan_give_all(DirectScan *scan)
{
	Datum	   *values = palloc(mul_size(Max(scan->desc->natts, 1), sizeof(Datum)));
	bool	   *nulls = palloc(Max(scan->desc->natts, 1));

	while (direct_scan_next(scan, values, nulls))
	{
		MemoryContext old = MemoryContextSwitchTo(scan->row_context);

		scan->row(scan->arg, scan->desc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scan->row_context);
	}
}

/* A row that passes through; it is in a context of its own already. */
static void
scan_pass(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	DirectScan *scan = arg;

	scan->row(scan->arg, scan->desc, values, nulls);
}

/* The same columns by the view's own query. */
static uint64
scan_view(DirectScan *scan)
{
	StringInfoData out;
	ListCell   *cell;

	initStringInfo(&out);
	appendStringInfoString(&out, "SELECT");
	foreach(cell, scan->columns)
		appendStringInfo(&out, "%s %s", cell == list_head(scan->columns) ? "" : ",",
						 feature_column(lfirst(cell)));
	appendStringInfo(&out, " FROM (%s) AS s", feature_view_sql(scan->set));
	return query_scan(out.data, scan_pass, scan, NULL);
}

uint64
direct_scan_read(DirectScan *scan, RelationRow row, void *arg)
{
	MemoryContext context;
	uint64		rows;

	scan->row = row;
	scan->arg = arg;
	if (!scan_is_ordered(scan))
		return query_scan(scan->sql, scan_pass, scan, NULL);

	context = AllocSetContextCreate(CurrentMemoryContext, "echolon feature rows",
									ALLOCSET_DEFAULT_SIZES);
	scan->row_context = AllocSetContextCreate(CurrentMemoryContext, "echolon feature row",
											  ALLOCSET_DEFAULT_SIZES);
	if (!scan_open(scan, context))
		return scan_view(scan);
	rows = query_scan(scan->sql, scan_keep, scan, &scan->stop);
	if (scan->stop)
	{
		MemoryContextDelete(context);
		return scan_view(scan);
	}
	scan_order(scan);
	scan->ordered = true;
	return rows;
}

bool
direct_scan_ordered(const DirectScan *scan)
{
	return scan->ordered;
}

TupleDesc
direct_scan_desc(const DirectScan *scan)
{
	return scan->desc;
}

uint64
direct_scan_all(DirectScan *scan, RelationRow row, void *arg)
{
	uint64		rows = direct_scan_read(scan, row, arg);

	if (scan->ordered)
		scan_give_all(scan);
	return rows;
}

uint64
feature_scan(const FeatureSet *set, List *columns, RelationRow row, void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "echolon feature scan",
												  ALLOCSET_DEFAULT_SIZES);
	uint64		rows;

	MemoryContextSwitchTo(context);
	rows = direct_scan_all(direct_scan_create(set, columns), row, arg);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return rows;
}

List *
feature_set_columns(const FeatureSet *set)
{
	List	   *columns = list_copy(set->columns);

	for (int i = 0; i < set->nfeatures; i++)
		columns = lappend(columns, set->features[i].name);
	return columns;
}
