/*
 * direct_view.c
 *		May the direct path stand for a view?
 *
 * A view belongs to its owner, who may have replaced it, renamed its columns or changed whose rights it
 * has; and it has been written anew by every dump and restore.  So what it is now is compared with
 * what the set would make of it now.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "features/direct.h"

Query *
direct_analyze(const char *sql)
{
	List	   *parsed = raw_parser(sql, RAW_PARSE_DEFAULT);
	ParseState *pstate = make_parsestate(NULL);
	Query	   *query;

	pstate->p_sourcetext = sql;
	query = transformTopLevelStmt(pstate, linitial_node(RawStmt, parsed));
	free_parsestate(pstate);
	return query;
}

/* Are all columns that the set's SQL names still there? */
static bool
columns_exist(const FeatureSet *set)
{
	List	   *names = list_concat_copy(set->columns, set->group_by);
	ListCell   *cell;

	names = list_concat(names, set->order_by);
	names = list_concat(names, set->numeric);
	names = list_concat(names, set->category);
	if (set->date_column != NULL)
		names = lappend(names, set->date_column);
	for (int i = 0; i < set->nfeatures; i++)
		names = list_concat(names, set->features[i].sources);
	foreach(cell, names)
	{
		if (get_attnum(set->relid, lfirst(cell)) == InvalidAttrNumber)
			return false;
	}
	return true;
}

/* Has the view the set's columns, by their names, and the relation's own by its types? */
static bool
view_has_columns(const FeatureSet *set, TupleDesc desc)
{
	int			ncolumns = list_length(set->columns);

	if (desc->natts != ncolumns + set->nfeatures)
		return false;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		const char *name = i < ncolumns ? list_nth(set->columns, i) :
			set->features[i - ncolumns].name;

		if (strcmp(NameStr(attribute->attname), name) != 0)
			return false;
		/* a column that has come to another one's name may have a type the set's SQL has no use for */
		if (i < ncolumns &&
			get_atttype(set->relid, get_attnum(set->relid, name)) != attribute->atttypid)
			return false;
	}
	return true;
}

/* Forget what relations are called in a query; a view that is dumped and restored gets other aliases. */
static bool
forget_aliases(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *entry = (RangeTblEntry *) node;

		entry->alias = NULL;
		entry->eref->aliasname = "";
		return false;			/* the walker goes into subqueries by itself */
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, forget_aliases, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, forget_aliases, context);
}

/*
 * The view's rule is compared as a tree with what the set's SQL becomes now, so it is of no importance how
 * either is written or where names are looked up.  equal() looks neither at places in the text nor at
 * how a call is displayed.
 */
bool
feature_scan_possible(const FeatureSet *set)
{
	Relation	view;
	bool		possible = false;

	/* what was computed once is not what the relation holds now */
	if (OidIsValid(set->materialized_view) || !OidIsValid(set->relid) ||
		!OidIsValid(set->view) || get_rel_relkind(set->view) != RELKIND_VIEW ||
		!columns_exist(set))
		return false;

	view = relation_open(set->view, AccessShareLock);
	if (RelationHasSecurityInvoker(view) && view_has_columns(set, RelationGetDescr(view)))
	{
		Query	   *stored = copyObject(get_view_query(view));
		Query	   *fresh = direct_analyze(feature_view_sql(set));

		if (VIEW_RULE_ENTRIES > 0)
		{
			stored->rtable = list_copy_tail(stored->rtable, VIEW_RULE_ENTRIES);
			OffsetVarNodes((Node *) stored, -VIEW_RULE_ENTRIES, 0);
		}
		(void) forget_aliases((Node *) stored, NULL);
		(void) forget_aliases((Node *) fresh, NULL);
		possible = equal(stored, fresh);
	}
	relation_close(view, AccessShareLock);
	return possible;
}
