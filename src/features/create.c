/*
 * create.c
 *		echolon_create_features: from arguments to a stored set and its view.
 *
 * What the call leaves open is resolved once, from the catalog and from one pass over the rows,
 * and stored: the numeric and category columns, the order of rows, the zone, the levels that become
 * columns.  The view is made by the caller's own CREATE VIEW, so that all of PostgreSQL's
 * rules for views hold: names, rights, what depends on what.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "compat.h"
#include "features/create.h"
#include "features/direct.h"
#include "function.h"
#include "model/progress.h"

#define REPEAT_SAMPLE		100000	/* rows in which repeated dates are looked for */
#define REPEAT_CANDIDATES	10	/* columns that may tell groups */
#define NEAR_UNIQUE_LEVELS	50	/* as in training: so many levels that are more than … */
#define NEAR_UNIQUE_SHARE	0.5 /* … this part of the rows name the row */
#define DENSE_RANGE			1.1

PG_FUNCTION_INFO_V1(echolon_create_features);

/* ---- what is learned from the rows --------------------------------------------------- */

/* The fit of a column; NULL: it was not fitted. */
static NumberFit *
number_fit(const Creation *c, const char *column)
{
	ListCell   *cell;

	foreach(cell, c->fit->numbers)
	{
		NumberFit  *fit = lfirst(cell);

		if (strcmp(fit->column, column) == 0)
			return fit;
	}
	return NULL;
}

/* Unique, dense integers number the rows. */
static bool
numbers_rows(const Creation *c, const char *column)
{
	NumberFit  *fit = number_fit(c, column);
	ColumnType	type = creation_column_type(c, column, "in numeric_columns");

	return type.integral && fit != NULL && fit->n >= 100 && fit->n == c->fit->rows &&
		fit->ndistinct == fit->n &&
		fit->maximum - fit->minimum + 1 >= fit->n &&
		fit->maximum - fit->minimum + 1 <= DENSE_RANGE * fit->n;
}

/* Drop what was chosen by type and turned out to name the row. */
static void
drop_names_of_rows(Creation *c)
{
	FeatureParams *params = c->params;
	List	   *numeric = NIL;
	List	   *category = NIL;
	ListCell   *cell;

	foreach(cell, params->numeric)
	{
		if (c->chosen_numeric && numbers_rows(c, lfirst(cell)))
			creation_note(c, psprintf("\"%s\" left out: unique integers", (char *) lfirst(cell)));
		else
			numeric = lappend(numeric, lfirst(cell));
	}
	foreach(cell, params->category)
	{
		CategoryFit *fit = NULL;
		ListCell   *inner;

		foreach(inner, c->fit->categories)
			if (strcmp(((CategoryFit *) lfirst(inner))->column, lfirst(cell)) == 0)
				fit = lfirst(inner);
		if (c->chosen_category && fit != NULL && fit->too_large != NULL)
			creation_note(c, psprintf("\"%s\" left out: %s", fit->column, fit->too_large));
		else if (c->chosen_category && fit != NULL && fit->nlevels >= NEAR_UNIQUE_LEVELS &&
				 fit->nlevels > NEAR_UNIQUE_SHARE * fit->n)
			creation_note(c, psprintf("\"%s\" left out: near-unique text", (char *) lfirst(cell)));
		else
			category = lappend(category, lfirst(cell));
	}
	params->numeric = numeric;
	params->category = category;
}

/* The levels that become columns of their own. */
static void
choose_levels(Creation *c)
{
	ListCell   *cell;

	if (!creation_has_family(c, FAMILY_CATEGORICAL) || !name_in(c->params->encodings, "onehot"))
		return;
	foreach(cell, c->fit->categories)
	{
		CategoryFit *fit = lfirst(cell);

		if (!name_in(c->params->category, fit->column))
			continue;
		if (fit->nlevels > (uint32) c->max_levels)
		{
			creation_note(c, psprintf("\"%s\" is not one-hot: it has %u levels, max_levels allows %d", fit->column,
							 fit->nlevels, c->max_levels));
			continue;
		}
		for (uint32 i = 0; i < fit->nlevels; i++)
		{
			c->params->levels = lappend(c->params->levels, fit->column);
			c->params->levels = lappend(c->params->levels, fit->labels[i]);
		}
	}
}

static void
note_high_value(Creation *c)
{
	NumberFit  *fit;
	double		threshold,
				above;
	bool		moved;

	if (!creation_has_family(c, FAMILY_BUSINESS) || c->params->revenue_column == NULL)
		return;
	fit = number_fit(c, c->params->revenue_column);
	if (fit == NULL || fit->n == 0)
		return;
	threshold = fit_high_value(fit, c->params->high_value_percentile, &above, &moved);
	if (moved)
		creation_note(c, psprintf("high_value is above %g, which is %.1f %% of the rows: many rows have the value of percentile %g",
						 threshold, 100 * above, 100 * c->params->high_value_percentile));
}

static void
fit_rows(Creation *c)
{
	FeatureParams *params = c->params;
	List	   *numbers = NIL;
	ListCell   *cell;

	foreach(cell, params->numeric)
	{
		ColumnType	type = creation_column_type(c, lfirst(cell), "in numeric_columns");

		if (creation_has_family(c, FAMILY_SCALING) || (c->chosen_numeric && type.integral))
			numbers = lappend(numbers, lfirst(cell));
	}
	if (creation_has_family(c, FAMILY_BUSINESS))
	{
		if (params->revenue_column != NULL && !name_in(numbers, params->revenue_column))
			numbers = lappend(numbers, params->revenue_column);
		foreach(cell, params->engagement_columns)
			if (!name_in(numbers, lfirst(cell)))
				numbers = lappend(numbers, lfirst(cell));
	}
	c->fit = fit_relation(c->set->relid, numbers,
						  creation_has_family(c, FAMILY_CATEGORICAL) || c->chosen_category ? params->category : NIL);
	drop_names_of_rows(c);
	choose_levels(c);
	note_high_value(c);
}

/* Does an integer of this name stand for something, rather than measure it? */
static bool
names_things(const char *name)
{
	static const char *const endings[] = {"id", "key", "code", "number"};
	size_t		length = strlen(name);

	for (int i = 0; i < lengthof(endings); i++)
	{
		size_t		ending = strlen(endings[i]);

		if (length >= ending && pg_strcasecmp(name + length - ending, endings[i]) == 0)
			return true;
	}
	return false;
}

/* A column that, with the date, tells rows apart: groups that were forgotten. */
static void
note_repeated_dates(Creation *c)
{
	FeatureParams *params = c->params;
	StringInfoData query;
	StringInfoData key;
	List	   *candidates = NIL;
	int64		rows,
				distinct;
	int64		best = 0;
	char	   *likely = NULL;
	ListCell   *cell;
	int			column = 3;

	if (params->date_column == NULL || !creation_has_family(c, FAMILY_ROLLING) || params->group_by != NIL)
		return;
	initStringInfo(&key);
	appendStringInfoString(&key, feature_column(params->date_column));
	initStringInfo(&query);
	appendStringInfo(&query, "SELECT pg_catalog.count(*), pg_catalog.count(DISTINCT %s)", key.data);
	foreach(cell, params->columns)
	{
		AttrNumber	number = get_attnum(c->set->relid, lfirst(cell));
		ColumnType	type;

		/* integers are measures unless their name says otherwise; a key alone tells no groups */
		if (!column_type_resolve(get_atttype(c->set->relid, number), &type) ||
			(type.kind != COLUMN_CATEGORY && !(type.integral && names_things(lfirst(cell)))) ||
			(params->order_unique && list_length(params->order_by) == 1 && name_in(params->order_by, lfirst(cell))) ||
			list_length(candidates) == REPEAT_CANDIDATES)
			continue;
		candidates = lappend(candidates, lfirst(cell));
		appendStringInfo(&query, ", pg_catalog.count(DISTINCT ROW(%s, %s))", feature_column(lfirst(cell)), key.data);
	}
	appendStringInfo(&query, " FROM (SELECT * FROM %s LIMIT %d) AS s WHERE %s IS NOT NULL",
					 relation_name(c->set->relid), REPEAT_SAMPLE, key.data);
	SPI_connect();
	if (SPI_execute(query.data, true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not look for repeated dates");
	else
	{
		bool		isnull;
		HeapTuple	tuple = SPI_tuptable->vals[0];

		rows = DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &isnull));
		distinct = DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &isnull));
		foreach(cell, candidates)
		{
			int64		n = DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, column++, &isnull));

			/* one that makes dates unique, the first of equals */
			if (n > best)
			{
				best = n;
				likely = lfirst(cell);
			}
		}
	}
	SPI_finish();
	if (distinct == rows)
		return;
	ereport(NOTICE,
			(errmsg("dates in \"%s\" repeat, and windows run over all rows in one order", params->date_column),
			 likely != NULL && best > distinct + (rows - distinct) / 2 ?
			 errhint("Use group_by => '{%s}' for windows within each %s.", likely, likely) :
			 errhint("Use group_by => for windows within a group, or rolling_window => '7 days' for spans of time.")));
}

/* ---- the view ------------------------------------------------------------------------- */

void
feature_place_view(const char *name, Oid relid, const char *what, const char **schema, const char **view)
{
	RangeVar   *range;
	Oid			namespace;

	if (strchr(name, '.') != NULL)
		range = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name)));
	else
	{
		if (strlen(name) >= NAMEDATALEN)
			ereport(ERROR,
					(errcode(ERRCODE_NAME_TOO_LONG),
					 errmsg("the name of %s cannot be longer than %d bytes", what, NAMEDATALEN - 1),
					 errdetail("It is the name of its view, and \"%s\" has %zu.", name, strlen(name))));
		range = makeRangeVar(NULL, pstrdup(name), -1);
	}
	if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s cannot be made of a temporary table", what),
				 errdetail("It would outlive the table."),
				 errhint("Make an ordinary or an unlogged table.")));
	namespace = RangeVarGetCreationNamespace(range);
	if (isTempNamespace(namespace))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the view of %s cannot be a temporary one", what),
				 errdetail("What is stored of it would outlive the view."),
				 errhint("Name a schema, as in public.%s, or set search_path to one.", quote_identifier(range->relname))));
	*schema = get_namespace_name(namespace);
	*view = range->relname;
	if (OidIsValid(get_relname_relid(*view, namespace)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("relation \"%s\" already exists in schema \"%s\"", *view, *schema),
				 errhint("Give %s, whose name is that of its view, another name.", what)));
}

/* "(city text, month date, …)": what a query gives, as a list of column definitions. */
static char *
column_definitions(const char *sql)
{
	TupleDesc	desc = ExecCleanTypeFromTL(direct_analyze(sql)->targetList);
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		appendStringInfo(&out, "%s%s %s%s", i == 0 ? "(" : ", ", quote_identifier(NameStr(attribute->attname)),
						 format_type_extended(attribute->atttypid, attribute->atttypmod,
											  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY),
						 feature_collate(attribute->atttypid, attribute->attcollation));
	}
	appendStringInfoChar(&out, ')');
	return out.data;
}

/*
 * The materialized view behind the plain one.  Its rows come from the direct path; the second part
 * has none, and tells PostgreSQL what it depends on and the reader what the rows are.
 */
static char *
materialized_sql(const Creation *c)
{
	const char *sql = feature_view_sql(c->set);

	return psprintf("SELECT * FROM %s(%s) AS f %s\nUNION ALL\nSELECT * FROM (%s) AS definition WHERE false",
					feature_function("echolon_feature_rows"), quote_literal_cstr(c->set->name),
					column_definitions(sql), sql);
}

/* Comments on a view and its columns, for people and BI tools. */
static void
comment_view(const Creation *c, Oid view)
{
	const FeatureSet *set = c->set;
	ListCell   *cell;

	CreateComments(view, RelationRelationId, 0,
				   psprintf("%d features of %s, made by echolon_create_features. SELECT * FROM echolon_feature_summary(%s) explains them",
							set->nfeatures, set->relation, quote_literal_cstr(set->name)));
	foreach(cell, set->columns)
	{
		char	   *comment = GetComment(set->relid, RelationRelationId, get_attnum(set->relid, lfirst(cell)));

		if (comment != NULL)
			CreateComments(view, RelationRelationId, get_attnum(view, lfirst(cell)), comment);
	}
	for (int i = 0; i < set->nfeatures; i++)
		CreateComments(view, RelationRelationId, get_attnum(view, set->features[i].name),
					   set->features[i].description);
}

/* The relation of this name in the view's schema. */
static Oid
made_relation(const Creation *c, const char *name)
{
	Oid			relid;

	CommandCounterIncrement();
	relid = get_relname_relid(name, get_namespace_oid(c->schema, false));
	if (!OidIsValid(relid))
		elog(ERROR, "relation \"%s\" was not made", name);
	return relid;
}

/* A key of the materialized view, for REFRESH … CONCURRENTLY and for features_at. */
static char *
materialized_index(const FeatureSet *set, const char *materialized)
{
	StringInfoData out;
	List	   *columns = list_copy(set->group_by);
	ListCell   *cell;

	if (set->date_column != NULL)
		columns = lappend(columns, set->date_column);
	columns = list_concat(columns, set->order_unique ? set->order_by : NIL);
	if (columns == NIL)
		return NULL;
	initStringInfo(&out);
	appendStringInfo(&out, "CREATE %sINDEX ON %s (", set->order_unique ? "UNIQUE " : "", materialized);
	foreach(cell, columns)
		appendStringInfo(&out, "%s%s", cell == list_head(columns) ? "" : ", ", quote_identifier(lfirst(cell)));
	appendStringInfoChar(&out, ')');
	return out.data;
}

/* Make the view (and the materialized one behind it), store the set and its fit. */
static void
make_view(Creation *c, bool materialized)
{
	FeatureSet *set = c->set;
	const char *view = quote_qualified_identifier(c->schema, c->view);
	const char *data = NULL;
	List	   *numbers,
			   *categories;
	char	   *index;

	feature_fitted_columns(set, &numbers, &categories);
	fit_keep(c->fit, numbers, categories);
	if (materialized)
	{
		char	   *name = feature_fit_name(psprintf("%s_materialized", c->view));

		data = quote_qualified_identifier(c->schema, name);
		feature_execute(psprintf("CREATE MATERIALIZED VIEW %s AS\n%s\nWITH NO DATA", data, materialized_sql(c)));
		set->materialized_view = made_relation(c, name);
		comment_view(c, set->materialized_view);
		/* readers need no right to the relation, whose rows these no longer are */
		feature_execute(psprintf("CREATE VIEW %s AS SELECT * FROM %s", view, data));
	}
	else
		feature_execute(psprintf("CREATE VIEW %s WITH (security_invoker = true) AS\n%s", view, feature_view_sql(set)));
	set->view = made_relation(c, c->view);
	comment_view(c, set->view);

	set->id = feature_store_add(set, set->view, set->materialized_view, c->fit->rows);
	fit_store(set->id, c->fit);
	CommandCounterIncrement();
	if (materialized)
	{
		feature_execute(psprintf("REFRESH MATERIALIZED VIEW %s", data));
		index = materialized_index(set, data);
		if (index != NULL)
			feature_execute(index);
		if (!set->order_unique)
			creation_note(c, psprintf("%s has no key, so the materialized view cannot be refreshed CONCURRENTLY", set->relation));
	}
}

/* ---- the call ----------------------------------------------------------------------------- */

/* "15 temporal, 12 rolling" */
static char *
totals_text(const FeatureSet *set)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int family = 0; family < NFAMILIES; family++)
	{
		int			n = 0;

		for (int i = 0; i < set->nfeatures; i++)
			n += set->features[i].family == family;
		if (n > 0)
			appendStringInfo(&out, "%s%d %s", out.len == 0 ? "" : ", ", n, feature_family_name((FeatureFamily) family));
	}
	return out.data;
}

static void
announce(const Creation *c)
{
	StringInfoData detail;
	ListCell   *cell;

	initStringInfo(&detail);
	foreach(cell, c->notes)
		appendStringInfo(&detail, "%s%s", cell == list_head(c->notes) ? "" : "; ", (char *) lfirst(cell));
	if (detail.len > 0)
		appendStringInfoChar(&detail, '.');
	ereport(NOTICE,
			(errmsg("%s: %d features of %s (%s)", c->set->name, c->set->nfeatures, c->set->relation,
					totals_text(c->set)),
			 detail.len > 0 ? errdetail_internal("%s", detail.data) : 0));
}

/*
 * echolon_create_features(name, relation, …): fit, store, make the view.  Returns one row: feature_set,
 * view, features, rows_fitted, seconds, notes.
 */
Datum
echolon_create_features(PG_FUNCTION_ARGS)
{
	Creation	c;
	instr_time	start,
				end;
	TupleDesc	desc;
	Datum		row[6];
	bool		nulls[6] = {false};
	Datum	   *notes;
	ListCell   *cell;
	int			n = 0;
	bool		began;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function returns no row type");
	if (PG_NARGS() < ARG_COUNT)
		function_outdated(fcinfo);
	INSTR_TIME_SET_CURRENT(start);
	if (PG_ARGISNULL(ARG_NAME) || PG_ARGISNULL(ARG_RELATION))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"%s\" must not be NULL", PG_ARGISNULL(ARG_NAME) ? "name" : "relation")));

	memset(&c, 0, sizeof(c));
	c.fcinfo = fcinfo;
	c.set = palloc0(sizeof(FeatureSet));
	c.params = palloc0(sizeof(FeatureParams));
	c.set->name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_NAME));
	c.set->relid = PG_GETARG_OID(ARG_RELATION);
	feature_store_check_name(c.set->name);
	relation_lock(c.set->relid);
	c.set->relation = relation_name(c.set->relid);
	feature_place_view(c.set->name, c.set->relid, "a feature set", &c.schema, &c.view);
	began = progress_begin(COMMAND_CREATE_FEATURES, NULL, c.set->relid);
	creation_read_arguments(&c);
	creation_read_columns(&c);
	fit_rows(&c);
	note_repeated_dates(&c);

	/* from here on the set is what is stored */
	{
		FeatureSet *set = feature_set_read(c.set->name, c.set->relation, feature_params_write(c.params));

		set->relid = c.set->relid;
		c.set = set;
	}
	if (c.set->nfeatures == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" would have no features", c.set->name),
				 errdetail("There are %d numeric and %d category columns, and %s date.",
						   list_length(c.set->numeric), list_length(c.set->category),
						   c.set->date_column == NULL ? "no" : "a"),
				 errhint("Name columns in numeric_columns, category_columns or date_column, or other families.")));
	progress_phase(PHASE_WRITING, 0);
	make_view(&c, !PG_ARGISNULL(ARG_MATERIALIZED) && PG_GETARG_BOOL(ARG_MATERIALIZED));
	progress_end(began);
	announce(&c);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);

	notes = palloc(sizeof(Datum) * Max(list_length(c.notes), 1));
	foreach(cell, c.notes)
		notes[n++] = CStringGetTextDatum(lfirst(cell));
	row[0] = CStringGetTextDatum(c.set->name);
	row[1] = CStringGetTextDatum(relation_name(c.set->view));
	row[2] = Int32GetDatum(c.set->nfeatures);
	row[3] = Int64GetDatum((int64) c.fit->rows);
	row[4] = Float8GetDatum(INSTR_TIME_GET_DOUBLE(end));
	row[5] = PointerGetDatum(construct_array(notes, n, TEXTOID, -1, false, TYPALIGN_INT));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), row, nulls)));
}
