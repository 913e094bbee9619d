/*
 * rolling_plan.c
 *		Plans for echolon_rolling: one node in place of a Sort and a WindowAgg.
 *
 * PostgreSQL sorts rows by comparing them, keeps them once more for the frames of its windows, and asks for each
 * value through them.  That is most of the time of a view of rolling features.  Where all that a
 * WindowAgg computes are calls of echolon_rolling, its rows can go the way of the direct path instead:
 * kept as records, sorted by radix, pushed through the engine.  So a path of that kind is offered
 * beside each such WindowAgg, and the planner chooses by cost.  It has no order, since groups come as they
 * were met first: where one is asked for, it is the planner that weighs the Sort above this node
 * against the one below the WindowAgg.
 *
 * What it is offered for:
 *
 *		PARTITION BY columns whose types can be hashed ORDER BY date [, anything], all ascending, NULLs last;
 *		calls whose value and date are columns of the plan below, the date the one of ORDER BY, whose
 *		terms, zone and fill are constants.
 *
 * The library is loaded by the first function of it that is called or planned: the support function of
 * echolon_rolling is asked what a call costs before the planner is done with windows, so the hook
 * is there from the first query of a session on.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planner.h"
#include "optimizer/tlist.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/typcache.h"

#include "compat.h"
#include "data/column.h"
#include "features/rolling_scan.h"
#include "features/rowstore.h"
#include "features/window.h"
#include "function.h"

/* Fewer rows are done in a millisecond either way. */
#define FEWEST_ROWS		1000

/* Costs in units of cpu_operator_cost: of a call and each of its terms; of keeping and sorting a row. */
#define CALL_COST		10
#define TERM_COST		2
#define ROW_COST		6

static bool enable_rolling_scan = true;
static create_upper_paths_hook_type previous_hook = NULL;

/* echolon_rolling, as its support function was last asked for it: before any path for it can be made. */
static Oid	rolling_function = InvalidOid;

PG_FUNCTION_INFO_V1(echolon_rolling_support);

/* The support function of echolon_rolling: what a call costs a row. */
Datum
echolon_rolling_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestCost *cost = (SupportRequestCost *) request;
	int			nterms = 1;

	if (!IsA(request, SupportRequestCost))
		PG_RETURN_POINTER(NULL);
	rolling_function = cost->funcid;
	if (cost->node != NULL && IsA(cost->node, WindowFunc))
	{
		List	   *args = ((WindowFunc *) cost->node)->args;
		Const	   *terms = list_length(args) > ROLLING_ARG_TERMS ? list_nth(args, ROLLING_ARG_TERMS) : NULL;

		if (terms != NULL && IsA(terms, Const) && !terms->constisnull)
		{
			ArrayType  *array = DatumGetArrayTypeP(terms->constvalue);

			nterms = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
		}
	}
	cost->startup = 0;
	cost->per_tuple = cpu_operator_cost * (CALL_COST + TERM_COST * nterms);
	PG_RETURN_POINTER(cost);
}

/* ---- may it be offered? -------------------------------------------------------------- */

/* The type's own ascending order, NULLs last? */
static bool
order_is_plain(const SortGroupClause *clause, Oid typid)
{
	return !clause->nulls_first &&
		clause->sortop == lookup_type_cache(typid, TYPECACHE_LT_OPR)->lt_opr;
}

/* Can groups be told apart by hashing, and be sorted as well, where they do not fit into memory? */
static bool
group_is_plain(const SortGroupClause *clause, Oid typid)
{
	TypeCacheEntry *type = lookup_type_cache(typid, TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR |
											 TYPECACHE_HASH_PROC);

	return OidIsValid(type->hash_proc) && clause->eqop == type->eq_opr && OidIsValid(type->lt_opr);
}

/* Does the window sort and divide rows as the node can, by columns of the path below? */
static bool
window_is_plain(PlannerInfo *root, const WindowClause *window, const Path *below)
{
	ListCell   *cell;

	if (window->orderClause == NIL)
		return false;
	foreach(cell, window->partitionClause)
	{
		SortGroupClause *clause = lfirst(cell);
		Node	   *expression = get_sortgroupclause_expr(clause, root->processed_tlist);

		if (!list_member(below->pathtarget->exprs, expression) ||
			!group_is_plain(clause, exprType(expression)))
			return false;
	}
	foreach(cell, window->orderClause)
	{
		SortGroupClause *clause = lfirst(cell);
		Node	   *expression = get_sortgroupclause_expr(clause, root->processed_tlist);

		if (!list_member(below->pathtarget->exprs, expression) ||
			!order_is_plain(clause, exprType(expression)))
			return false;
	}
	return true;
}

/* Is it a call of echolon_rolling of columns and constants, in this window, by the date it is ordered by? */
static bool
call_is_plain(const WindowFunc *call, const WindowClause *window, const Node *date, const Path *below)
{
	Node	   *value;
	ColumnType	type;

	if (call->winfnoid != rolling_function || call->winref != window->winref ||
		list_length(call->args) != ROLLING_ARGS)
		return false;
	value = list_nth(call->args, ROLLING_ARG_VALUE);
	if (!list_member(below->pathtarget->exprs, value) ||
		!column_type_resolve(exprType(value), &type) || type.kind != COLUMN_NUMBER)
		return false;
	if (!equal(list_nth(call->args, ROLLING_ARG_AT), date) ||
		!column_type_resolve(exprType(date), &type) ||
		(type.kind != COLUMN_DATE && type.kind != COLUMN_TIMESTAMP && type.kind != COLUMN_TIMESTAMPTZ))
		return false;
	for (int i = ROLLING_ARG_TERMS; i < ROLLING_ARGS; i++)
		if (!IsA(list_nth(call->args, i), Const))
			return false;
	return true;
}

/* What the node gives, each column and call once; NIL: it cannot give what is asked of the WindowAgg. */
static List *
window_outputs(PlannerInfo *root, const WindowAggPath *path, const Path *below)
{
	List	   *found = pull_var_clause((Node *) path->path.pathtarget->exprs,
										PVC_INCLUDE_AGGREGATES | PVC_INCLUDE_WINDOWFUNCS |
										PVC_INCLUDE_PLACEHOLDERS);
	Node	   *date = get_sortgroupclause_expr(linitial(path->winclause->orderClause),
												root->processed_tlist);
	List	   *outputs = NIL;
	ListCell   *cell;

	foreach(cell, found)
	{
		Node	   *node = lfirst(cell);

		if (IsA(node, WindowFunc) ?
			!call_is_plain((WindowFunc *) node, path->winclause, date, below) :
			!list_member(below->pathtarget->exprs, node))
			return NIL;
		outputs = list_append_unique(outputs, node);
	}
	return outputs;
}

/* ---- paths ------------------------------------------------------------------------------ */

static Plan *plan_rolling_scan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
							   List *clauses, List *custom_plans);

static const CustomPathMethods rolling_path_methods = {
	.CustomName = "EcholonRolling",
	.PlanCustomPath = plan_rolling_scan
};

/* The cheapest way to a WindowAgg that is preceded by a Sort. */
static WindowAggPath *
cheapest_sorted_window(const RelOptInfo *rel)
{
	WindowAggPath *cheapest = NULL;
	ListCell   *cell;

	foreach(cell, rel->pathlist)
	{
		WindowAggPath *path = lfirst(cell);

		if (IsA(path, WindowAggPath) && IsA(path->subpath, SortPath) &&
			(cheapest == NULL || path->path.total_cost < cheapest->path.total_cost))
			cheapest = path;
	}
	return cheapest;
}

/* Will the rows fit into memory, or go to a sort like any other? */
static bool
rows_fit(const Path *below)
{
	double		row = below->pathtarget->width + sizeof(RowHead) + 2 * sizeof(SortRow) + sizeof(double);

	return below->rows * row <= (double) get_hash_memory_limit();
}

/* The hook: a path beside the WindowAgg. */
static void
offer_rolling_scan(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input_rel,
				   RelOptInfo *output_rel, void *extra)
{
	WindowAggPath *window;
	Path	   *below;
	List	   *outputs;
	CustomPath *path;

	if (previous_hook != NULL)
		previous_hook(root, stage, input_rel, output_rel, extra);
	if (stage != UPPERREL_WINDOW || !enable_rolling_scan || !OidIsValid(rolling_function))
		return;
	window = cheapest_sorted_window(output_rel);
	if (window == NULL)
		return;
	below = ((SortPath *) window->subpath)->subpath;
	if (below->rows < FEWEST_ROWS || !window_is_plain(root, window->winclause, below))
		return;
	outputs = window_outputs(root, window, below);
	if (outputs == NIL)
		return;

	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = output_rel;
	path->path.pathtarget = window->path.pathtarget;
	path->path.parallel_safe = window->path.parallel_safe;
	path->path.rows = window->path.rows;
	path->path.startup_cost = rows_fit(below) ?
		below->total_cost + below->rows * ROW_COST * cpu_operator_cost :
		window->subpath->total_cost;
	/* calls cost what they cost there, but rows are not kept for frames */
	path->path.total_cost = path->path.startup_cost +
		(window->path.total_cost - window->subpath->total_cost) - below->rows * cpu_tuple_cost;
	path_keep_disabled_nodes(&path->path, below);
	path->custom_paths = list_make1(below);
	path->custom_private = list_make2(outputs, window->winclause);
	path->methods = &rolling_path_methods;
	add_path(output_rel, &path->path);
}

/* ---- the plan ----------------------------------------------------------------------------- */

/* The column of the plan below that an expression is. */
static int
plan_column(const Plan *below, Node *expression)
{
	TargetEntry *entry = tlist_member((Expr *) expression, below->targetlist);

	if (entry == NULL)
		elog(ERROR, "a column of a rolling window is missing in the plan below");
	return entry->resno;
}

/* The columns of PARTITION BY or ORDER BY. */
static List *
plan_clause_columns(PlannerInfo *root, const Plan *below, List *clauses)
{
	List	   *columns = NIL;
	ListCell   *cell;

	foreach(cell, clauses)
		columns = lappend_int(columns, plan_column(below, get_sortgroupclause_expr(lfirst(cell),
																				   root->processed_tlist)));
	return columns;
}

/* The plan of a path: its columns are found in the plan below, its calls are described for the executor. */
static Plan *
plan_rolling_scan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
				  List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	Plan	   *below = linitial(custom_plans);
	WindowClause *window = lsecond(path->custom_private);
	List	   *outputs = NIL;
	List	   *equality = NIL;
	List	   *less = NIL;
	List	   *values = NIL;
	List	   *settings = NIL;
	ListCell   *cell;

	foreach(cell, (List *) linitial(path->custom_private))
	{
		Node	   *node = lfirst(cell);

		scan->custom_scan_tlist = lappend(scan->custom_scan_tlist,
										  makeTargetEntry((Expr *) copyObject(node),
														  list_length(scan->custom_scan_tlist) + 1,
														  NULL, false));
		if (IsA(node, WindowFunc))
		{
			List	   *args = ((WindowFunc *) node)->args;

			values = lappend_int(values, plan_column(below, list_nth(args, ROLLING_ARG_VALUE)));
			settings = lappend(settings, list_copy_tail(args, ROLLING_ARG_TERMS));
			outputs = lappend_int(outputs, -list_length(values));
		}
		else
			outputs = lappend_int(outputs, plan_column(below, node));
	}
	foreach(cell, window->partitionClause)
	{
		const SortGroupClause *clause = lfirst(cell);

		equality = lappend_oid(equality, clause->eqop);
		less = lappend_oid(less, clause->sortop);
	}
	scan->custom_private = list_make5(outputs,
									  plan_clause_columns(root, below, window->partitionClause),
									  equality, less,
									  plan_clause_columns(root, below, window->orderClause));
	scan->custom_private = list_concat(scan->custom_private,
									   list_make3(values, settings, list_make1_oid(rolling_function)));
	scan->scan.plan.targetlist = tlist;
	scan->scan.scanrelid = 0;
	scan->custom_plans = custom_plans;
	scan->methods = &rolling_scan_methods;
	return &scan->scan.plan;
}

void
rolling_scan_install(void)
{
	DefineCustomBoolVariable("echolon.enable_rolling_scan",
							 "Enables the planner's use of one node in place of a Sort and a WindowAgg below echolon_rolling.",
							 NULL,
							 &enable_rolling_scan,
							 true,
							 PGC_USERSET, GUC_EXPLAIN,
							 NULL, NULL, NULL);
	RegisterCustomScanMethods(&rolling_scan_methods);
	previous_hook = create_upper_paths_hook;
	create_upper_paths_hook = offer_rolling_scan;
}
