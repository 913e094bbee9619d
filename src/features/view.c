/*
 * view.c
 *		The SQL of a feature set's view.
 *
 * All windows of a column are one call of echolon_rolling, all over one ordering, so the view
 * needs one sort.  They are computed in an inner query and named in the outer one:
 *
 *		SELECT s.city, …, public.echolon_month(s.month) AS month_month, …,
 *			s.revenue_windows[1] AS revenue_lag1, …
 *		FROM (SELECT s.city, …, public.echolon_rolling(s.revenue, s.month, '{lag 1,…}') OVER w AS revenue_windows
 *			FROM public.sales AS s
 *			WINDOW w AS (PARTITION BY s.city ORDER BY s.month, s.row_id)) AS s
 *
 * A filter on a column of the partition passes through both to the relation.  Share and rank
 * within a date look at other rows of the same date, which is a second ordering.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_extension.h"
#include "lib/stringinfo.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "features/define.h"

/* The schema of the extension's functions. */
static Oid
extension_schema(void)
{
	Relation	table = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			schema = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("echolon"));
	scan = systable_beginscan(table, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	if (!OidIsValid(schema))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"echolon\" does not exist"),
				 errhint("The extension makes it: CREATE EXTENSION echolon.")));
	return schema;
}

char *
feature_function(const char *name)
{
	return quote_qualified_identifier(get_namespace_name(extension_schema()), name);
}

char *
feature_column(const char *name)
{
	return psprintf("s.%s", quote_identifier(name));
}

char *
feature_collate(Oid typid, Oid collation)
{
	HeapTuple	tuple;
	Form_pg_collation form;
	char	   *clause;

	if (!OidIsValid(collation) || collation == get_typcollation(typid))
		return pstrdup("");
	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	clause = psprintf(" COLLATE %s", quote_qualified_identifier(get_namespace_name(form->collnamespace),
																NameStr(form->collname)));
	ReleaseSysCache(tuple);
	return clause;
}

char *
feature_order(const FeatureSet *set)
{
	StringInfoData out;
	ListCell   *cell;

	initStringInfo(&out);
	foreach(cell, set->group_by)
		appendStringInfo(&out, "%s%s", cell == list_head(set->group_by) ? "PARTITION BY " : ", ",
						 feature_column(lfirst(cell)));
	appendStringInfo(&out, "%sORDER BY %s", set->group_by == NIL ? "" : " ",
					 feature_column(set->date_column));
	foreach(cell, set->order_by)
		appendStringInfo(&out, ", %s", feature_column(lfirst(cell)));
	return out.data;
}

char *
feature_rolling_call(const FeatureSet *set, const char *column, List *terms)
{
	StringInfoData out;
	StringInfoData array;
	ListCell   *cell;

	/* a term's words need no quoting within an array: letters, digits, points and blanks */
	initStringInfo(&array);
	foreach(cell, terms)
		appendStringInfo(&array, "%c%s", cell == list_head(terms) ? '{' : ',', (char *) lfirst(cell));
	appendStringInfoChar(&array, '}');

	initStringInfo(&out);
	appendStringInfo(&out, "%s(%s, %s, %s", feature_function("echolon_rolling"), feature_column(column),
					 feature_column(set->date_column), quote_literal_cstr(array.data));
	if (set->zone != NULL)
		appendStringInfo(&out, ", zone => %s", quote_literal_cstr(set->zone));
	if (set->fill)
		appendStringInfoString(&out, ", fill => 'forward'");
	appendStringInfoChar(&out, ')');
	return out.data;
}

/* Does one of the relation's columns end in this? */
static bool
ends_a_column(const FeatureSet *set, const char *ending)
{
	size_t		length = strlen(ending);
	ListCell   *cell;

	foreach(cell, set->columns)
	{
		const char *name = lfirst(cell);

		if (strlen(name) > length && strcmp(name + strlen(name) - length, ending) == 0)
			return true;
	}
	return false;
}

/*
 * A name for a column of the inner query: the relation's column with a suffix that none of the relation's
 * columns ends in, so it is neither one of them nor made of another one.
 */
static char *
inner_name(const FeatureSet *set, const char *column, const char *suffix)
{
	const char *ending = psprintf("_%s", suffix);

	while (ends_a_column(set, ending))
		ending = psprintf("%s_", ending);
	return feature_fit_name(psprintf("%s%s", column, ending));
}

/* Is there a feature of this kind? */
static bool
has_kind(const FeatureSet *set, FeatureKind kind)
{
	for (int i = 0; i < set->nfeatures; i++)
		if (set->features[i].kind == kind)
			return true;
	return false;
}

/* What an outer column of the view is. */
static char *
outer_expression(const FeatureSet *set, const Feature *feature)
{
	switch (feature->kind)
	{
		case FEATURE_ROW:
			return feature->expression;
		case FEATURE_WINDOW:
			return psprintf("%s[%d]",
							feature_column(inner_name(set, set->windows[feature->window].column, "windows")),
							feature->term + 1);
		case FEATURE_SHARE:
			return psprintf("%s(%s, %s)", feature_function("echolon_ratio"), feature_column(feature->column),
							feature_column(inner_name(set, feature->column, "total")));
		case FEATURE_RANK:
			return feature_column(inner_name(set, feature->column, "place"));
	}
	elog(ERROR, "unrecognized kind of feature %d", (int) feature->kind);
	return NULL;				/* keep compiler quiet */
}

/* The query that computes windows, or just the relation where there are none. */
static char *
inner_query(const FeatureSet *set)
{
	StringInfoData out;
	ListCell   *cell;
	bool		periods = has_kind(set, FEATURE_SHARE) || has_kind(set, FEATURE_RANK);

	if (set->nwindows == 0 && !periods)
		return relation_name(set->relid);

	initStringInfo(&out);
	appendStringInfoString(&out, "(SELECT ");
	foreach(cell, set->columns)
		appendStringInfo(&out, "%s%s", cell == list_head(set->columns) ? "" : ", ",
						 feature_column(lfirst(cell)));
	for (int i = 0; i < set->nwindows; i++)
		appendStringInfo(&out, ",\n        %s OVER w AS %s",
						 feature_rolling_call(set, set->windows[i].column, set->windows[i].terms),
						 quote_identifier(inner_name(set, set->windows[i].column, "windows")));
	for (int i = 0; i < set->nfeatures; i++)
	{
		const char *column = set->features[i].column;

		if (set->features[i].kind == FEATURE_SHARE)
			appendStringInfo(&out, ",\n        %s(%s) OVER (PARTITION BY %s) AS %s",
							 feature_function("echolon_rolling_sum"), feature_column(column),
							 feature_column(set->date_column),
							 quote_identifier(inner_name(set, column, "total")));
		if (set->features[i].kind == FEATURE_RANK)
			appendStringInfo(&out, ",\n        %s AS %s", set->features[i].expression,
							 quote_identifier(inner_name(set, column, "place")));
	}
	appendStringInfo(&out, "\n    FROM %s AS s", relation_name(set->relid));
	if (set->nwindows > 0)
		appendStringInfo(&out, "\n    WINDOW w AS (%s)", feature_order(set));
	appendStringInfoString(&out, ")");
	return out.data;
}

char *
feature_view_sql(const FeatureSet *set)
{
	StringInfoData out;
	ListCell   *cell;

	initStringInfo(&out);
	appendStringInfoString(&out, "SELECT ");
	foreach(cell, set->columns)
		appendStringInfo(&out, "%s%s", cell == list_head(set->columns) ? "" : ", ",
						 feature_column(lfirst(cell)));
	for (int i = 0; i < set->nfeatures; i++)
		appendStringInfo(&out, ",\n    %s AS %s", outer_expression(set, &set->features[i]),
						 quote_identifier(set->features[i].name));
	appendStringInfo(&out, "\nFROM %s AS s", inner_query(set));
	return out.data;
}

/* ---- what has become of it -------------------------------------------------------------- */

/* The relation's attribute that a column of a view's query shows as it is; 0: none. */
static AttrNumber
shown_attribute(const Query *query, const Node *shown, Oid relid)
{
	while (shown != NULL && IsA(shown, Var))
	{
		const Var  *var = (const Var *) shown;
		const RangeTblEntry *rte;
		const TargetEntry *entry;

		if (var->varlevelsup > 0)
			break;
		rte = rt_fetch(var->varno, query->rtable);
		if (rte->rtekind == RTE_RELATION)
			return rte->relid == relid ? var->varattno : InvalidAttrNumber;
		if (rte->rtekind != RTE_SUBQUERY)
			break;
		query = rte->subquery;
		entry = get_tle_by_resno(query->targetList, var->varattno);
		shown = entry == NULL ? NULL : (const Node *) entry->expr;
	}
	return InvalidAttrNumber;
}

char *
feature_renamed_column(Oid viewid, Oid relid, char **now)
{
	Relation	view = OidIsValid(viewid) ? try_relation_open(viewid, AccessShareLock) : NULL;
	char	   *renamed = NULL;
	ListCell   *cell;

	*now = NULL;
	if (view == NULL)
		return NULL;
	if (view->rd_rel->relkind == RELKIND_VIEW)
	{
		const Query *query = get_view_query(view);

		foreach(cell, query->targetList)
		{
			const TargetEntry *entry = lfirst(cell);
			AttrNumber	attribute = shown_attribute(query, (const Node *) entry->expr, relid);

			if (attribute <= 0)
				continue;
			*now = get_attname(relid, attribute, true);
			if (*now != NULL && strcmp(*now, entry->resname) != 0)
			{
				renamed = pstrdup(entry->resname);
				break;
			}
		}
	}
	relation_close(view, AccessShareLock);
	return renamed;
}

void
feature_check_columns(const FeatureSet *set)
{
	ListCell   *cell;
	char	   *now;
	char	   *renamed = feature_renamed_column(set->view, set->relid, &now);

	if (renamed != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of %s was renamed", renamed, set->relation),
				 errdetail("It is called \"%s\" now, and the view of feature set \"%s\" goes on to show it as \"%s\".",
						   now, set->name, renamed),
				 errhint("Give it its name again, or drop the set and make a new one.")));

	/* the view of a materialized set does not look at the relation, and lets its columns be renamed */
	foreach(cell, set->columns)
		if (get_attnum(set->relid, lfirst(cell)) == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of %s, which feature set \"%s\" is made of, does not exist any more",
							(char *) lfirst(cell), set->relation, set->name),
					 errhint("If it was renamed, give it its name again; else drop the set with echolon_drop_features(%s) and make a new one.",
							 quote_literal_cstr(set->name))));
}
