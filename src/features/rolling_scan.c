/*
 * rolling_scan.c
 *		The node that computes calls of echolon_rolling in place of a Sort and a WindowAgg.
 *
 * At the first row asked for, all rows of the plan below are read into a store (rowstore.c): what is
 * given on, the values of the windows as numbers, and what orders them.  They are put into order by
 * radix (roworder.c) and then, one at a time as they are asked for, pushed through the same
 * engine as behind the window function.
 *
 * Rows that turn out to need more than work_mem times hash_mem_multiplier go, as they are stored, to
 * PostgreSQL's own sort, which can use the disk.
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_type.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "compat.h"
#include "data/column.h"
#include "features/rolling_scan.h"
#include "features/rowstore.h"
#include "features/window.h"

/* One call of echolon_rolling. */
typedef struct ScanWindow
{
	int			column;			/* of the plan below, from 0 on, as all here */
	ColumnType	type;			/* of it */
	int			field;			/* of the store: the value as a number */
	List	   *settings;		/* of Const */
	RollingEngine engine;
	void	   *array;			/* that of the row given last */
} ScanWindow;

/* A field of the store, and of a row that is sorted outside of it. */
typedef struct ScanField
{
	Oid			typid;
	int32		typmod;
	Oid			collation;
} ScanField;

typedef struct RollingScan
{
	CustomScanState css;

	/* the plan */
	int			noutputs;
	int		   *outputs;		/* a field of the store, or the window -1 - n */
	int			nwindows;
	ScanWindow *windows;
	int			ngroups;
	int		   *groups;
	int			date;
	ColumnKind	date_kind;
	int			nkeys;			/* behind the date */
	int		   *key_fields;
	int			nfields;
	ScanField  *fields;
	int		   *values;			/* for each column below the field that keeps it as it is, or -1 */

	/* rows in memory; all in rows_context */
	bool		ready;			/* they are in order */
	MemoryContext rows_context;
	RowStore   *store;
	GroupTable *table;
	SortRow    *rows;
	RowBatch   *batch;
	size_t		next;
	uint32		group;			/* of the current row */

	/* or sorted elsewhere: columns of groups, time, fields */
	Tuplesortstate *sort;
	TupleTableSlot *spilled;	/* the current row; NULL: nothing was ever spilled */
	TupleTableSlot *previous;	/* the row before it */
	TupleTableSlot *to_spill;	/* one to be sorted */
	ExprState  *same_group;

	/* the current row */
	bool		first_of_group;
	int64		time;
	Datum	   *field_values;
	bool	   *field_nulls;

	/* what EXPLAIN ANALYZE shows */
	int64		peak;			/* bytes */
} RollingScan;

/* ---- what to keep ----------------------------------------------------------------------- */

/* A list of the plan's private data. */
static List *
private_list(const RollingScan *scan, RollingScanPrivate which)
{
	return list_nth(((CustomScan *) scan->css.ss.ps.plan)->custom_private, which);
}

static inline PlanState *
plan_below(const RollingScan *scan)
{
	return linitial(scan->css.custom_ps);
}

/* Columns of a private list, from 0 on. */
static int *
private_columns(const RollingScan *scan, RollingScanPrivate which, int *n)
{
	List	   *list = private_list(scan, which);
	int		   *columns = palloc(mul_size(Max(list_length(list), 1), sizeof(int)));
	ListCell   *cell;

	*n = 0;
	foreach(cell, list)
		columns[(*n)++] = lfirst_int(cell) - 1;
	return columns;
}

/* One more field of the store. */
static int
add_field(RollingScan *scan, Oid typid, int32 typmod, Oid collation)
{
	scan->fields[scan->nfields] = (ScanField) {typid, typmod, collation};
	return scan->nfields++;
}

/* The field that keeps a column as it is. */
static int
value_field(RollingScan *scan, TupleDesc below, int column)
{
	Form_pg_attribute attribute = TupleDescAttr(below, column);

	if (scan->values[column] < 0)
		scan->values[column] = add_field(scan, attribute->atttypid, attribute->atttypmod,
										 attribute->attcollation);
	return scan->values[column];
}

/* The fields of the store: outputs and keys as they are, values of windows as numbers. */
static void
describe_fields(RollingScan *scan, TupleDesc below)
{
	List	   *outputs = private_list(scan, ROLLING_SCAN_OUTPUTS);
	List	   *order = private_list(scan, ROLLING_SCAN_ORDER);
	int		   *numbers = palloc(mul_size(Max(below->natts, 1), sizeof(int)));

	scan->noutputs = list_length(outputs);
	scan->outputs = palloc(mul_size(Max(scan->noutputs, 1), sizeof(int)));
	scan->fields = palloc(mul_size(mul_size(Max(below->natts, 1), 2), sizeof(ScanField)));
	scan->values = palloc(mul_size(Max(below->natts, 1), sizeof(int)));
	for (int i = 0; i < below->natts; i++)
		scan->values[i] = numbers[i] = -1;

	for (int i = 0; i < scan->noutputs; i++)
	{
		int			output = list_nth_int(outputs, i);

		scan->outputs[i] = output < 0 ? output : value_field(scan, below, output - 1);
	}
	scan->nkeys = list_length(order) - 1;
	scan->key_fields = palloc(mul_size(Max(scan->nkeys, 1), sizeof(int)));
	for (int i = 0; i < scan->nkeys; i++)
		scan->key_fields[i] = value_field(scan, below, list_nth_int(order, i + 1) - 1);
	for (int i = 0; i < scan->nwindows; i++)
	{
		ScanWindow *window = &scan->windows[i];
		int		   *number = &numbers[window->column];

		if (*number < 0)
			*number = window->type.basetype == FLOAT8OID && scan->values[window->column] >= 0 ?
				scan->values[window->column] : add_field(scan, FLOAT8OID, -1, InvalidOid);
		window->field = *number;
	}
}

/*
 * For EXPLAIN, calls are functions of columns: from PostgreSQL 18 on it finds fault with a WindowFunc that is
 * under no WindowAgg, also where a node above refers to it.  The planner had to see the WindowFunc, to find it in the
 * node's list; for executions any expression of the type will do, so the plan is changed here, once.
 */
static void
show_calls(CustomScan *plan)
{
	ListCell   *cell;

	foreach(cell, plan->custom_scan_tlist)
	{
		TargetEntry *entry = lfirst(cell);
		WindowFunc *call = (WindowFunc *) entry->expr;
		MemoryContext caller;

		if (!IsA(call, WindowFunc))
			continue;
		/* where the plan is: it may be kept for the next execution */
		caller = MemoryContextSwitchTo(GetMemoryChunkContext(plan));
		entry->expr = (Expr *) makeFuncExpr(call->winfnoid, call->wintype, call->args, call->wincollid,
											call->inputcollid, COERCE_EXPLICIT_CALL);
		MemoryContextSwitchTo(caller);
	}
}

static void
rolling_scan_begin(CustomScanState *node, EState *estate, int eflags)
{
	RollingScan *scan = (RollingScan *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	PlanState  *below = ExecInitNode(linitial(plan->custom_plans), estate,
									 eflags & ~(EXEC_FLAG_REWIND | EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK));
	TupleDesc	desc = ExecGetResultType(below);
	Oid			function = linitial_oid(private_list(scan, ROLLING_SCAN_FUNCTION));
	List	   *settings;
	ColumnType	type;
	int		   *values;

	node->custom_ps = list_make1(below);
	/* as for any function */
	if (procedure_aclcheck_compat(function, GetUserId()) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(function));
	InvokeFunctionExecuteHook(function);
	show_calls(plan);
	scan->groups = private_columns(scan, ROLLING_SCAN_GROUPS, &scan->ngroups);
	scan->date = linitial_int(private_list(scan, ROLLING_SCAN_ORDER)) - 1;
	if (!column_type_resolve(TupleDescAttr(desc, scan->date)->atttypid, &type))
		elog(ERROR, "a rolling window is ordered by no date");
	scan->date_kind = type.kind;

	values = private_columns(scan, ROLLING_SCAN_VALUES, &scan->nwindows);
	settings = private_list(scan, ROLLING_SCAN_SETTINGS);
	scan->windows = palloc0(mul_size(Max(scan->nwindows, 1), sizeof(ScanWindow)));
	for (int i = 0; i < scan->nwindows; i++)
	{
		scan->windows[i].column = values[i];
		scan->windows[i].settings = list_nth(settings, i);
		if (!column_type_resolve(TupleDescAttr(desc, values[i])->atttypid, &scan->windows[i].type))
			elog(ERROR, "a rolling window is of no number");
	}
	describe_fields(scan, desc);
	scan->field_values = palloc(mul_size(Max(scan->nfields, 1), sizeof(Datum)));
	scan->field_nulls = palloc(Max(scan->nfields, 1));
	scan->rows_context = AllocSetContextCreate(estate->es_query_cxt, "echolon rolling rows",
											   ALLOCSET_DEFAULT_SIZES);
}

/* The engines, at the first row there is: what is wrong with their settings is raised then. */
static void
make_engines(RollingScan *scan)
{
	MemoryContext caller = MemoryContextSwitchTo(scan->css.ss.ps.state->es_query_cxt);

	for (int i = 0; i < scan->nwindows; i++)
	{
		ScanWindow *window = &scan->windows[i];
		NullableDatum settings[ROLLING_SETTINGS];

		if (window->engine.state != NULL)
			continue;
		for (int s = 0; s < ROLLING_SETTINGS; s++)
		{
			const Const *setting = list_nth_node(Const, window->settings, s);

			settings[s].value = setting->constvalue;
			settings[s].isnull = setting->constisnull;
		}
		rolling_engine_create(&window->engine, settings, true, scan->date_kind);
		window->array = palloc(rolling_array_size(window->engine.nterms));
	}
	MemoryContextSwitchTo(caller);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* The store and its groups, empty. */
static void
open_store(RollingScan *scan, TupleDesc below)
{
	RowStore   *store = rowstore_create(scan->rows_context, get_hash_memory_limit());
	Oid		   *types = palloc(mul_size(Max(scan->ngroups, 1), sizeof(Oid)));
	Oid		   *collations = palloc(mul_size(Max(scan->ngroups, 1), sizeof(Oid)));

	for (int i = 0; i < scan->nfields; i++)
		(void) rowstore_field(store, scan->fields[i].typid);
	rowstore_open(store);
	for (int i = 0; i < scan->ngroups; i++)
	{
		types[i] = TupleDescAttr(below, scan->groups[i])->atttypid;
		collations[i] = TupleDescAttr(below, scan->groups[i])->attcollation;
	}
	scan->store = store;
	scan->table = groups_create(store, scan->ngroups, types, collations);
	if (scan->table == NULL)
		elog(ERROR, "groups of a rolling window cannot be hashed");
}

/* The fields of a row of the plan below that are not only its columns: numbers. */
static inline double
window_number(const ScanWindow *window, const TupleTableSlot *slot)
{
	return column_number(&window->type, slot->tts_values[window->column]);
}

/* A row of the plan below into the store; false: it is full, and the row not in it. */
static bool
keep_row(RollingScan *scan, const TupleTableSlot *slot, int64 time)
{
	RowStore   *store = scan->store;
	char	   *record = rowstore_add(store, time, groups_find(scan->table, scan->groups,
															   slot->tts_values, slot->tts_isnull));

	if (record == NULL)
		return false;
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
		if (scan->values[i] >= 0 && !slot->tts_isnull[i])
			row_put(store, record, scan->values[i], slot->tts_values[i]);
	for (int i = 0; i < scan->nwindows; i++)
	{
		const ScanWindow *window = &scan->windows[i];

		if (!slot->tts_isnull[window->column] && window->field != scan->values[window->column])
			row_put_number(store, record, window->field, window_number(window, slot));
	}
	if (!store->full)
		return true;
	store->nrows--;
	return false;
}

/* ---- rows that do not fit into memory ----------------------------------------------------------- */

/* What such rows look like: (columns of groups, time, fields). */
static TupleDesc
spill_desc(const RollingScan *scan, TupleDesc below)
{
	int			ngroups = scan->ngroups;
	TupleDesc	desc = CreateTemplateTupleDesc(ngroups + 1 + scan->nfields);

	for (int i = 0; i < ngroups; i++)
		TupleDescCopyEntry(desc, i + 1, below, scan->groups[i] + 1);
	TupleDescInitEntry(desc, ngroups + 1, "time", INT8OID, -1, 0);
	for (int i = 0; i < scan->nfields; i++)
	{
		TupleDescInitEntry(desc, ngroups + 2 + i, NULL, scan->fields[i].typid, scan->fields[i].typmod, 0);
		TupleDescInitEntryCollation(desc, ngroups + 2 + i, scan->fields[i].collation);
	}
	return desc;
}

/* PostgreSQL's sort by (groups, time, keys).  What is only needed here is left in the current context. */
static void
spill_open(RollingScan *scan, TupleDesc below)
{
	int			ngroups = scan->ngroups;
	int			nkeys = ngroups + 1 + scan->nkeys;
	AttrNumber *columns = palloc(mul_size(nkeys, sizeof(AttrNumber)));
	Oid		   *less = palloc(mul_size(nkeys, sizeof(Oid)));
	Oid		   *equality = palloc(mul_size(Max(ngroups, 1), sizeof(Oid)));
	Oid		   *collations = palloc(mul_size(nkeys, sizeof(Oid)));
	bool	   *nulls_first = palloc0(nkeys);
	MemoryContext caller;

	for (int i = 0; i < ngroups; i++)
	{
		columns[i] = i + 1;
		less[i] = list_nth_oid(private_list(scan, ROLLING_SCAN_LESS), i);
		equality[i] = list_nth_oid(private_list(scan, ROLLING_SCAN_EQUALITY), i);
		collations[i] = TupleDescAttr(below, scan->groups[i])->attcollation;
	}
	columns[ngroups] = ngroups + 1;
	less[ngroups] = lookup_type_cache(INT8OID, TYPECACHE_LT_OPR)->lt_opr;
	collations[ngroups] = InvalidOid;
	for (int i = 0; i < scan->nkeys; i++)
	{
		const ScanField *field = &scan->fields[scan->key_fields[i]];
		int			place = ngroups + 1 + i;

		columns[place] = ngroups + 2 + scan->key_fields[i];
		less[place] = lookup_type_cache(field->typid, TYPECACHE_LT_OPR)->lt_opr;
		collations[place] = field->collation;
	}

	caller = MemoryContextSwitchTo(scan->css.ss.ps.state->es_query_cxt);
	if (scan->spilled == NULL)
	{
		TupleDesc	desc = spill_desc(scan, below);

		scan->spilled = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
		scan->previous = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
		scan->to_spill = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
		scan->same_group = ngroups == 0 ? NULL :
			execTuplesMatchPrepare(desc, ngroups, columns, equality, collations, &scan->css.ss.ps);
	}
	scan->sort = tuplesort_begin_heap(scan->spilled->tts_tupleDescriptor, nkeys, columns, less,
									  collations, nulls_first, work_mem, NULL, TUPLESORT_NONE);
	MemoryContextSwitchTo(caller);
}

/* A row of the plan below to the sort. */
static void
spill_row(RollingScan *scan, const TupleTableSlot *slot, int64 time)
{
	TupleTableSlot *to = scan->to_spill;
	int			fields = scan->ngroups + 1;

	ExecClearTuple(to);
	memset(to->tts_isnull, true, fields + scan->nfields);
	for (int i = 0; i < scan->ngroups; i++)
	{
		to->tts_values[i] = slot->tts_values[scan->groups[i]];
		to->tts_isnull[i] = slot->tts_isnull[scan->groups[i]];
	}
	to->tts_values[scan->ngroups] = Int64GetDatum(time);
	to->tts_isnull[scan->ngroups] = false;
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
		if (scan->values[i] >= 0)
		{
			to->tts_values[fields + scan->values[i]] = slot->tts_values[i];
			to->tts_isnull[fields + scan->values[i]] = slot->tts_isnull[i];
		}
	for (int i = 0; i < scan->nwindows; i++)
	{
		const ScanWindow *window = &scan->windows[i];

		if (slot->tts_isnull[window->column])
			continue;
		to->tts_values[fields + window->field] = Float8GetDatum(window_number(window, slot));
		to->tts_isnull[fields + window->field] = false;
	}
	ExecStoreVirtualTuple(to);
	tuplesort_puttupleslot(scan->sort, to);
}

/* All rows of the store to the sort. */
static void
spill_store(RollingScan *scan)
{
	TupleTableSlot *to = scan->to_spill;
	const RowStore *store = scan->store;
	int			fields = scan->ngroups + 1;

	for (size_t i = 0; i < store->nrows; i++)
	{
		const char *record = rowstore_row(store, i);
		const Datum *values;
		const bool *nulls;

		CHECK_FOR_INTERRUPTS();
		ExecClearTuple(to);
		groups_values(scan->table, ((const RowHead *) record)->group, &values, &nulls);
		for (int g = 0; g < scan->ngroups; g++)
		{
			to->tts_values[g] = values[g];
			to->tts_isnull[g] = nulls[g];
		}
		to->tts_values[scan->ngroups] = Int64GetDatum(((const RowHead *) record)->time);
		to->tts_isnull[scan->ngroups] = false;
		for (int f = 0; f < scan->nfields; f++)
		{
			to->tts_isnull[fields + f] = row_isnull(record, f);
			to->tts_values[fields + f] = to->tts_isnull[fields + f] ? (Datum) 0 : row_get(store, record, f);
		}
		ExecStoreVirtualTuple(to);
		tuplesort_puttupleslot(scan->sort, to);
	}
}

/* The next row of the sort; false: there is none. */
static bool
spill_next(RollingScan *scan)
{
	TupleTableSlot *slot = scan->previous;
	int			fields = scan->ngroups + 1;

	scan->previous = scan->spilled;
	scan->spilled = slot;
	/* a copy: it is looked at once more when the next one is there */
	if (!tuplesort_gettupleslot(scan->sort, true, true, slot, NULL))
		return false;
	slot_getallattrs(slot);
	scan->first_of_group = TupIsNull(scan->previous);
	if (!scan->first_of_group && scan->same_group != NULL)
	{
		ExprContext *econtext = scan->css.ss.ps.ps_ExprContext;

		econtext->ecxt_innertuple = slot;
		econtext->ecxt_outertuple = scan->previous;
		scan->first_of_group = !ExecQualAndReset(scan->same_group, econtext);
	}
	scan->time = DatumGetInt64(slot->tts_values[scan->ngroups]);
	memcpy(scan->field_values, slot->tts_values + fields, sizeof(Datum) * scan->nfields);
	memcpy(scan->field_nulls, slot->tts_isnull + fields, sizeof(bool) * scan->nfields);
	return true;
}

/* ---- rows in order ---------------------------------------------------------------------------------- */

/* Put the store's rows into order. */
static void
sort_store(RollingScan *scan)
{
	OrderKey   *keys = palloc0(mul_size(Max(scan->nkeys, 1), sizeof(OrderKey)));

	for (int i = 0; i < scan->nkeys; i++)
	{
		const ScanField *field = &scan->fields[scan->key_fields[i]];

		order_key_init(&keys[i], field->typid, field->collation);
		keys[i].field = scan->key_fields[i];
	}
	scan->rows = roworder_sort(scan->store, groups_count(scan->table), keys, scan->nkeys,
							   row_time_unit(scan->date_kind));
	scan->batch = rowbatch_create(scan->store);
}

/* Read all rows, and put them into order. */
static void
read_rows(RollingScan *scan)
{
	PlanState  *below = plan_below(scan);
	TupleDesc	desc = ExecGetResultType(below);
	ExprContext *econtext = scan->css.ss.ps.ps_ExprContext;
	MemoryContext caller = CurrentMemoryContext;

	ResetExprContext(econtext);
	MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	open_store(scan, desc);
	MemoryContextSwitchTo(caller);
	for (;;)
	{
		TupleTableSlot *slot = ExecProcNode(below);
		int64		time;

		if (TupIsNull(slot))
			break;
		slot_getallattrs(slot);
		/* values that are unpacked live until the next row */
		ResetExprContext(econtext);
		MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		time = row_time(scan->date_kind, slot->tts_values[scan->date], slot->tts_isnull[scan->date]);
		if (scan->sort != NULL)
			spill_row(scan, slot, time);
		else if (!keep_row(scan, slot, time))
		{
			spill_open(scan, desc);
			spill_store(scan);
			scan->peak = scan->store->memory.used;
			spill_row(scan, slot, time);
			scan->store = NULL;
			MemoryContextReset(scan->rows_context);
		}
		MemoryContextSwitchTo(caller);
	}
	if (scan->sort != NULL)
		tuplesort_performsort(scan->sort);
	else
	{
		ResetExprContext(econtext);
		MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		if (scan->store->nrows > 0)
			sort_store(scan);
		MemoryContextSwitchTo(caller);
		scan->peak = scan->store->memory.used;
	}
	scan->next = 0;
	scan->ready = true;
}

/* The next row of the store; false: there is none. */
static bool
store_next(RollingScan *scan)
{
	const RowStore *store = scan->store;
	const char *record;

	if (scan->next == store->nrows)
		return false;
	record = rowbatch_row(scan->batch, store, scan->rows, scan->next);
	scan->first_of_group = scan->next == 0 || ((const RowHead *) record)->group != scan->group;
	scan->group = ((const RowHead *) record)->group;
	scan->next++;
	scan->time = ((const RowHead *) record)->time;
	for (int i = 0; i < scan->nfields; i++)
	{
		scan->field_nulls[i] = row_isnull(record, i);
		scan->field_values[i] = scan->field_nulls[i] ? (Datum) 0 : row_get(store, record, i);
	}
	return true;
}

/* The current row through a window. */
static inline void
push_row(const RollingScan *scan, ScanWindow *window)
{
	bool		isnull = scan->field_nulls[window->field];

	if (scan->first_of_group)
		rolling_restart(window->engine.state);
	/* a row that has no place in time is in no window, and has none */
	if (scan->time >= ROW_TIMELESS)
		rolling_engine_skip(&window->engine);
	else
		rolling_engine_push(&window->engine,
							isnull ? 0.0 : DatumGetFloat8(scan->field_values[window->field]), isnull,
							scan->time);
}

/* The next row. */
static TupleTableSlot *
next_row(ScanState *node)
{
	RollingScan *scan = (RollingScan *) node;
	TupleTableSlot *slot = node->ss_ScanTupleSlot;

	if (!scan->ready)
		read_rows(scan);
	ExecClearTuple(slot);
	if (scan->sort != NULL ? !spill_next(scan) : !store_next(scan))
		return slot;
	make_engines(scan);
	for (int i = 0; i < scan->nwindows; i++)
		push_row(scan, &scan->windows[i]);
	for (int i = 0; i < scan->noutputs; i++)
	{
		int			output = scan->outputs[i];

		if (output < 0)
		{
			ScanWindow *window = &scan->windows[-1 - output];

			slot->tts_values[i] = PointerGetDatum(rolling_array(window->array, &window->engine));
			slot->tts_isnull[i] = false;
		}
		else
		{
			slot->tts_values[i] = scan->field_values[output];
			slot->tts_isnull[i] = scan->field_nulls[output];
		}
	}
	return ExecStoreVirtualTuple(slot);
}

/* There is nothing that could have become of a row that was locked. */
static bool
recheck_row(ScanState *node, TupleTableSlot *slot)
{
	return true;
}

static TupleTableSlot *
rolling_scan_exec(CustomScanState *node)
{
	return ExecScan(&node->ss, next_row, recheck_row);
}

/* ---- the rest of a node's life -------------------------------------------------------------------------- */

/* Forget all rows. */
static void
forget_rows(RollingScan *scan)
{
	if (scan->sort != NULL)
	{
		ExecClearTuple(scan->spilled);
		ExecClearTuple(scan->previous);
		ExecClearTuple(scan->to_spill);
		tuplesort_end(scan->sort);
		scan->sort = NULL;
	}
	scan->store = NULL;
	scan->ready = false;
	MemoryContextReset(scan->rows_context);
}

static void
rolling_scan_end(CustomScanState *node)
{
	RollingScan *scan = (RollingScan *) node;

	forget_rows(scan);
	if (scan->spilled != NULL)
	{
		ExecDropSingleTupleTableSlot(scan->spilled);
		ExecDropSingleTupleTableSlot(scan->previous);
		ExecDropSingleTupleTableSlot(scan->to_spill);
	}
	MemoryContextDelete(scan->rows_context);
	ExecEndNode(plan_below(scan));
}

static void
rolling_scan_rescan(CustomScanState *node)
{
	RollingScan *scan = (RollingScan *) node;
	PlanState  *below = plan_below(scan);

	if (node->ss.ps.chgParam != NULL)
		UpdateChangedParamSet(below, node->ss.ps.chgParam);
	/* the same rows again are there already */
	if (scan->ready && scan->sort == NULL && below->chgParam == NULL)
	{
		scan->next = 0;
		return;
	}
	forget_rows(scan);
	if (below->chgParam == NULL)
		ExecReScan(below);
}

/* "Sort Key", and where rows were sorted. */
static void
rolling_scan_explain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	RollingScan *scan = (RollingScan *) node;
	Plan	   *below = plan_below(scan)->plan;
	List	   *columns = list_concat_copy(private_list(scan, ROLLING_SCAN_GROUPS),
										   private_list(scan, ROLLING_SCAN_ORDER));
	List	   *context = set_deparse_context_plan(es->deparse_cxt, below,
												   lcons(node->ss.ps.plan, ancestors));
	bool		prefix = list_length(es->rtable) > 1 || es->verbose;
	List	   *keys = NIL;
	ListCell   *cell;

	foreach(cell, columns)
	{
		const TargetEntry *entry = list_nth(below->targetlist, lfirst_int(cell) - 1);

		keys = lappend(keys, deparse_expression((Node *) entry->expr, context, prefix, true));
	}
	ExplainPropertyList("Sort Key", keys, es);
	if (es->analyze && scan->ready)
	{
		ExplainPropertyText("Sort Method", scan->sort != NULL ? "external" : "radix", es);
		ExplainPropertyInteger("Peak Memory Usage", "kB", (scan->peak + 1023) / 1024, es);
	}
}

static const CustomExecMethods rolling_exec_methods = {
	.CustomName = "EcholonRolling",
	.BeginCustomScan = rolling_scan_begin,
	.ExecCustomScan = rolling_scan_exec,
	.EndCustomScan = rolling_scan_end,
	.ReScanCustomScan = rolling_scan_rescan,
	.ExplainCustomScan = rolling_scan_explain
};

/* The state of a plan that begins to be executed. */
static Node *
rolling_scan_create(CustomScan *plan)
{
	RollingScan *scan = palloc0(sizeof(RollingScan));

	NodeSetTag(scan, T_CustomScanState);
	scan->css.methods = &rolling_exec_methods;
	return (Node *) scan;
}

const CustomScanMethods rolling_scan_methods = {
	.CustomName = "EcholonRolling",
	.CreateCustomScanState = rolling_scan_create
};
