/*
 * direct_node.c
 *		All rows of a feature set in SQL: echolon_feature_rows, and the plan node that stands for it in FROM.
 *
 * A function in FROM writes all its rows into a tuplestore first, from which they are read again, and
 * computes all its columns, whatever is done with them.  So the planner's FunctionScan is replaced by a
 * node that knows the columns which are wanted, has the direct path compute these only, and
 * gives a row when it is asked for one.  The function itself remains for other places (a target
 * list, ROWS FROM).  Its support function has the library loaded in time, as in rolling_plan.c.
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "features/direct.h"
#include "function.h"

/* ---- the function -------------------------------------------------------------------------- */

/* Raise unless a list of column definitions is the set's columns. */
static void
check_definitions(const FeatureSet *set, TupleDesc given, TupleDesc desc)
{
	for (int i = 0; i < Max(given->natts, desc->natts); i++)
	{
		Form_pg_attribute asked = i < given->natts ? TupleDescAttr(given, i) : NULL;
		Form_pg_attribute own = i < desc->natts ? TupleDescAttr(desc, i) : NULL;

		if (asked != NULL && own != NULL && asked->atttypid == own->atttypid &&
			strcmp(NameStr(asked->attname), NameStr(own->attname)) == 0)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the column definitions are not the columns of feature set \"%s\"", set->name),
				 asked == NULL ?
				 errdetail("Column %d, \"%s\" %s, is not defined.", i + 1, NameStr(own->attname),
						   format_type_be(own->atttypid)) :
				 own == NULL ?
				 errdetail("It has %d columns, %d are defined.", desc->natts, given->natts) :
				 errdetail("Column %d is \"%s\" %s, defined is \"%s\" %s.", i + 1, NameStr(own->attname),
						   format_type_be(own->atttypid), NameStr(asked->attname),
						   format_type_be(asked->atttypid)),
				 errhint("The view of the set has these columns, and is easier to read.")));
	}
}

/* The rows of a set, of its columns at these places (from 1 on; NIL: all); raises unless its columns are those given. */
static DirectScan *
begin_rows(const char *name, TupleDesc given, List *places)
{
	FeatureSet *set = feature_set_find(name);
	List	   *columns = feature_set_columns(set);
	List	   *wanted = NIL;
	DirectScan *scan;
	ListCell   *cell;

	feature_check_columns(set);
	scan = direct_scan_create(set, columns);
	check_definitions(set, given, direct_scan_desc(scan));
	if (list_length(places) == given->natts)
		return scan;
	foreach(cell, places)
		wanted = lappend(wanted, list_nth(columns, lfirst_int(cell) - 1));
	return direct_scan_create(set, wanted);
}

/* The places of all columns. */
static List *
all_places(TupleDesc desc)
{
	List	   *places = NIL;

	for (int i = 0; i < desc->natts; i++)
		places = lappend_int(places, i + 1);
	return places;
}

/* A row into the result. */
static void
put_row(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	ReturnSetInfo *result = arg;

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(echolon_feature_rows);

/* echolon_feature_rows(name): all rows of a set's view, by the direct path. */
Datum
echolon_feature_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	(void) direct_scan_all(begin_rows(text_to_cstring(PG_GETARG_TEXT_PP(0)), result->setDesc,
									  all_places(result->setDesc)), put_row, result);
	PG_RETURN_NULL();
}

/* echolon_feature_rows, as its support function was last asked for it: before any path for it is made. */
static Oid	rows_function = InvalidOid;

PG_FUNCTION_INFO_V1(echolon_feature_rows_support);

/* The support function of echolon_feature_rows; it has no estimates of its own. */
Datum
echolon_feature_rows_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestRows))
		rows_function = ((SupportRequestRows *) request)->funcid;
	PG_RETURN_POINTER(NULL);
}

/* ---- its planning -------------------------------------------------------------------------- */

/* The lists of the plan's custom_private, in their order; custom_exprs holds the call. */
typedef enum DirectNodePrivate
{
	DIRECT_NODE_PLACES,			/* integers: the columns that are wanted, from 1 on */
	DIRECT_NODE_NAMES,			/* the column definition list: strings, */
	DIRECT_NODE_TYPES,			/* OIDs, */
	DIRECT_NODE_TYPMODS,		/* integers, */
	DIRECT_NODE_COLLATIONS		/* OIDs */
} DirectNodePrivate;

static const CustomScanMethods direct_scan_methods;
static set_rel_pathlist_hook_type previous_hook = NULL;

/* The plan of a path: its columns are those of the function that are wanted. */
static Plan *
plan_direct_node(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
				 List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	RangeTblFunction *function = linitial(path->custom_private);
	Bitmapset  *attributes = NULL;
	List	   *places = NIL;
	int			attribute = -1;

	clauses = extract_actual_clauses(clauses, false);
	pull_varattnos((Node *) path->path.pathtarget->exprs, rel->relid, &attributes);
	pull_varattnos((Node *) clauses, rel->relid, &attributes);
	while ((attribute = bms_next_member(attributes, attribute)) >= 0)
	{
		int			place = attribute + FirstLowInvalidHeapAttributeNumber;
		Var		   *var = makeVar(rel->relid, place,
								  list_nth_oid(function->funccoltypes, place - 1),
								  list_nth_int(function->funccoltypmods, place - 1),
								  list_nth_oid(function->funccolcollations, place - 1), 0);

		places = lappend_int(places, place);
		scan->custom_scan_tlist = lappend(scan->custom_scan_tlist,
										  makeTargetEntry((Expr *) var, list_length(places), NULL, false));
	}
	scan->custom_exprs = list_make1(function->funcexpr);
	scan->custom_private = list_make5(places, function->funccolnames, function->funccoltypes,
									  function->funccoltypmods, function->funccolcollations);
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = clauses;
	scan->scan.scanrelid = 0;
	scan->methods = &direct_scan_methods;
	return &scan->scan.plan;
}

static const CustomPathMethods direct_path_methods = {
	.CustomName = "EcholonFeatureRows",
	.PlanCustomPath = plan_direct_node
};

/* Is it a call in FROM whose rows the node can give: alone, of no row of another relation, by its columns? */
static bool
call_is_plain(const RelOptInfo *rel, const RangeTblEntry *rte)
{
	RangeTblFunction *function;
	Bitmapset  *attributes = NULL;
	int			first;

	if (rel->rtekind != RTE_FUNCTION || rte->funcordinality || list_length(rte->functions) != 1 ||
		!bms_is_empty(rel->lateral_relids))
		return false;
	function = linitial(rte->functions);
	if (!IsA(function->funcexpr, FuncExpr) ||
		((FuncExpr *) function->funcexpr)->funcid != rows_function || function->funccolnames == NIL)
		return false;
	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &attributes);
	pull_varattnos((Node *) extract_actual_clauses(rel->baserestrictinfo, false), rel->relid, &attributes);
	first = bms_next_member(attributes, -1);
	/* the whole row */
	return first < 0 || first + FirstLowInvalidHeapAttributeNumber > 0;
}

/* The hook: the node in place of the FunctionScan. */
static void
replace_function_scan(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	Path	   *replaced;
	CustomPath *path;

	if (previous_hook != NULL)
		previous_hook(root, rel, rti, rte);
	if (!OidIsValid(rows_function) || rel->pathlist == NIL || !call_is_plain(rel, rte))
		return;
	replaced = linitial(rel->pathlist);
	if (replaced->pathtype != T_FunctionScan)
		return;

	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.rows = replaced->rows;
	path->path.startup_cost = replaced->startup_cost;
	path->path.total_cost = replaced->total_cost;
	path->custom_private = list_make1(linitial(rte->functions));
	path->methods = &direct_path_methods;
	/* the same rows without the tuplestore between: never worse */
	rel->pathlist = list_make1(path);
}

/* ---- its execution --------------------------------------------------------------------------- */

typedef struct DirectNode
{
	CustomScanState css;
	MemoryContext context;		/* of what follows */
	DirectScan *scan;			/* NULL: the relation is not read yet */
	Tuplestorestate *rows;		/* where the direct path gave all rows at once */
	TupleTableSlot *stored;		/* the current one of these */
	bool		strict_null;	/* the set's name is NULL: no rows */
} DirectNode;

static void
direct_node_begin(CustomScanState *node, EState *estate, int eflags)
{
	DirectNode *direct = (DirectNode *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	FuncExpr   *call = linitial(plan->custom_exprs);

	/* as for any function */
	if (procedure_aclcheck_compat(call->funcid, GetUserId()) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(call->funcid));
	InvokeFunctionExecuteHook(call->funcid);
	node->custom_ps = NIL;
	direct->context = AllocSetContextCreate(estate->es_query_cxt, "echolon feature rows node",
											ALLOCSET_DEFAULT_SIZES);
}

/* A row that came at once, to be read again. */
static void
store_row(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	DirectNode *direct = arg;

	tuplestore_putvalues(direct->rows, desc, values, nulls);
}

/* Read the set's relation. */
static void
read_set(DirectNode *direct)
{
	CustomScan *plan = (CustomScan *) direct->css.ss.ps.plan;
	FuncExpr   *call = linitial(plan->custom_exprs);
	TupleDesc	given = BuildDescFromLists(list_nth(plan->custom_private, DIRECT_NODE_NAMES),
										   list_nth(plan->custom_private, DIRECT_NODE_TYPES),
										   list_nth(plan->custom_private, DIRECT_NODE_TYPMODS),
										   list_nth(plan->custom_private, DIRECT_NODE_COLLATIONS));
	ExprState  *name = ExecInitExpr(linitial(call->args), &direct->css.ss.ps);
	Datum		datum = ExecEvalExpr(name, direct->css.ss.ps.ps_ExprContext, &direct->strict_null);

	if (direct->strict_null)
		return;
	direct->rows = tuplestore_begin_heap(false, false, work_mem);
	tuplestore_set_eflags(direct->rows, EXEC_FLAG_REWIND);
	direct->scan = begin_rows(TextDatumGetCString(datum), given,
							  list_nth(plan->custom_private, DIRECT_NODE_PLACES));
	direct->stored = MakeSingleTupleTableSlot(direct_scan_desc(direct->scan), &TTSOpsMinimalTuple);
	(void) direct_scan_read(direct->scan, store_row, direct);
}

/* The next row. */
static TupleTableSlot *
next_row(ScanState *node)
{
	DirectNode *direct = (DirectNode *) node;
	TupleTableSlot *slot = node->ss_ScanTupleSlot;

	if (direct->scan == NULL && !direct->strict_null)
	{
		MemoryContext caller = MemoryContextSwitchTo(direct->context);

		read_set(direct);
		MemoryContextSwitchTo(caller);
	}
	ExecClearTuple(slot);
	if (direct->strict_null)
		return slot;
	if (direct_scan_ordered(direct->scan))
		return direct_scan_next(direct->scan, slot->tts_values, slot->tts_isnull) ?
			ExecStoreVirtualTuple(slot) : slot;
	if (!tuplestore_gettupleslot(direct->rows, true, false, direct->stored))
		return slot;
	slot_getallattrs(direct->stored);
	memcpy(slot->tts_values, direct->stored->tts_values, sizeof(Datum) * slot->tts_tupleDescriptor->natts);
	memcpy(slot->tts_isnull, direct->stored->tts_isnull, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	return ExecStoreVirtualTuple(slot);
}

/* There is nothing that could have become of a row that was locked. */
static bool
recheck_row(ScanState *node, TupleTableSlot *slot)
{
	return true;
}

static TupleTableSlot *
direct_node_exec(CustomScanState *node)
{
	return ExecScan(&node->ss, next_row, recheck_row);
}

/* Forget what was read. */
static void
forget_set(DirectNode *direct)
{
	if (direct->stored != NULL)
		ExecDropSingleTupleTableSlot(direct->stored);
	if (direct->rows != NULL)
		tuplestore_end(direct->rows);
	direct->stored = NULL;
	direct->rows = NULL;
	direct->scan = NULL;
	direct->strict_null = false;
	MemoryContextReset(direct->context);
}

static void
direct_node_end(CustomScanState *node)
{
	DirectNode *direct = (DirectNode *) node;

	forget_set(direct);
	MemoryContextDelete(direct->context);
}

static void
direct_node_rescan(CustomScanState *node)
{
	DirectNode *direct = (DirectNode *) node;

	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	if (node->ss.ps.chgParam == NULL && direct->scan != NULL)
	{
		if (direct_scan_ordered(direct->scan))
			direct_scan_restart(direct->scan);
		else
			tuplestore_rescan(direct->rows);
	}
	else
		forget_set(direct);
}

/* "Function Call", as of a FunctionScan. */
static void
direct_node_explain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	List	   *context = set_deparse_context_plan(es->deparse_cxt, &plan->scan.plan, ancestors);

	ExplainPropertyText("Function Call", deparse_expression(linitial(plan->custom_exprs), context,
															 es->verbose, false), es);
}

static const CustomExecMethods direct_exec_methods = {
	.CustomName = "EcholonFeatureRows",
	.BeginCustomScan = direct_node_begin,
	.ExecCustomScan = direct_node_exec,
	.EndCustomScan = direct_node_end,
	.ReScanCustomScan = direct_node_rescan,
	.ExplainCustomScan = direct_node_explain
};

/* The state of a plan that begins to be executed. */
static Node *
direct_node_create(CustomScan *plan)
{
	DirectNode *direct = palloc0(sizeof(DirectNode));

	NodeSetTag(direct, T_CustomScanState);
	direct->css.methods = &direct_exec_methods;
	return (Node *) direct;
}

static const CustomScanMethods direct_scan_methods = {
	.CustomName = "EcholonFeatureRows",
	.CreateCustomScanState = direct_node_create
};

void
direct_node_install(void)
{
	RegisterCustomScanMethods(&direct_scan_methods);
	previous_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = replace_function_scan;
}
