/*
 * resolve.c
 *		The arguments of echolon_create_features checked, and what they leave open decided by the
 *		catalog: the numeric and category columns, the order of rows, the zone.
 */
#include "postgres.h"

#include <ctype.h>
#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "data/arguments.h"
#include "features/create.h"
#include "features/terms.h"

/* ---- arguments ---------------------------------------------------------------------- */

static bool
given(const Creation *c, int arg)
{
	return !c->fcinfo->args[arg].isnull;
}

static char *
name_argument(const Creation *c, int arg)
{
	return given(c, arg) ? pstrdup(NameStr(*DatumGetName(c->fcinfo->args[arg].value))) : NULL;
}

static List *
names_argument(const Creation *c, int arg, const char *parameter)
{
	List	   *names = NIL;

	if (given(c, arg))
		names = argument_names(DatumGetArrayTypeP(c->fcinfo->args[arg].value), parameter);
	argument_check_once(names, parameter);
	return names;
}

/* Words that must be among allowed. */
static List *
words_argument(const Creation *c, int arg, const char *parameter, const char *const *allowed, int n)
{
	List	   *words = given(c, arg) ? argument_words(DatumGetArrayTypeP(c->fcinfo->args[arg].value), parameter) : NIL;
	ListCell   *cell;

	argument_check_once(words, parameter);
	foreach(cell, words)
		argument_check_word(lfirst(cell), parameter, allowed, n);
	return words;
}

static int
integer_argument(const Creation *c, int arg, const char *parameter, int fallback, int minimum, int maximum)
{
	int			value;

	if (!given(c, arg))
		return fallback;
	value = DatumGetInt32(c->fcinfo->args[arg].value);
	if (value < minimum || value > maximum)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" is out of range", parameter),
				 errdetail("It is %d; allowed is %d to %d.", value, minimum, maximum)));
	return value;
}

/* Integers of at least minimum. */
static List *
integers_argument(const Creation *c, int arg, const char *parameter, int minimum)
{
	List	   *list = NIL;
	ListCell   *cell;

	if (!given(c, arg))
		return NIL;
	list = argument_integers(DatumGetArrayTypeP(c->fcinfo->args[arg].value), parameter);
	foreach(cell, list)
	{
		if (lfirst_int(cell) < minimum || lfirst_int(cell) > ROLLING_MAX_ROWS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"%s\" is out of range", parameter),
					 errdetail("It holds %d; allowed is %d to %lld.", lfirst_int(cell), minimum,
							   (long long) ROLLING_MAX_ROWS)));
	}
	return list;
}

/* A window as rows or a span of time; raises for what is neither. */
static char *
check_window(char *window)
{
	RollingTerm term;

	for (const char *p = window; *p != '\0'; p++)
		if (!isalnum((unsigned char) *p) && strchr(" .:", *p) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("window '%s' is neither a number of rows nor a span of time", window),
					 errhint("Use a number such as 7, or an interval such as '7 days'.")));
	term = term_parse(psprintf("mean %s", window));
	if ((term.extent != ROLLING_ROWS && term.extent != ROLLING_SPAN) || term.end != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window '%s' is neither a number of rows nor a span of time", window),
				 errhint("Use a number such as 7, or an interval such as '7 days'; running => for all rows.")));
	return term.extent == ROLLING_ROWS ? psprintf(INT64_FORMAT, term.rows) : window;
}

/* An interval as a window is written, whatever the session's IntervalStyle. */
static char *
interval_text(const Interval *interval)
{
	struct pg_itm parts;
	char		text[MAXDATELEN + 1];

	if (interval_is_infinite(interval))
		return pstrdup("infinity");
	interval2itm(*interval, &parts);
	EncodeInterval(&parts, INTSTYLE_POSTGRES, text);
	return pstrdup(text);
}

/* rolling_windows, or rolling_window alone, which is declared "any". */
static List *
windows_argument(const Creation *c)
{
	List	   *windows = NIL;
	Oid			type;
	Datum		value;
	ColumnType	column;
	ListCell   *cell;

	if (given(c, ARG_ROLLING_WINDOWS))
	{
		foreach(cell, argument_words(DatumGetArrayTypeP(c->fcinfo->args[ARG_ROLLING_WINDOWS].value), "rolling_windows"))
		{
			char	   *window = check_window(lfirst(cell));

			if (!name_in(windows, window))
				windows = lappend(windows, window);
		}
		return windows;
	}
	if (!given(c, ARG_ROLLING_WINDOW))
		return NIL;
	type = get_fn_expr_argtype(c->fcinfo->flinfo, ARG_ROLLING_WINDOW);
	value = c->fcinfo->args[ARG_ROLLING_WINDOW].value;
	if (type == UNKNOWNOID)
		return list_make1(check_window(pstrdup(DatumGetCString(value))));
	if (type == TEXTOID || type == VARCHAROID)
		return list_make1(check_window(TextDatumGetCString(value)));
	if (type == INTERVALOID)
		return list_make1(check_window(interval_text(DatumGetIntervalP(value))));
	if (OidIsValid(type) && column_type_resolve(type, &column) && column.kind == COLUMN_NUMBER)
	{
		double		rows = column_number(&column, value);

		if (!(rows >= 1 && rows <= ROLLING_MAX_ROWS) || rows != floor(rows))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"rolling_window\" is out of range"),
					 errdetail("It is %g; a window has a whole number of rows, 1 to %lld.", rows,
							   (long long) ROLLING_MAX_ROWS)));
		return list_make1(psprintf("%.0f", rows));
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("parameter \"rolling_window\" must be a number of rows or a span of time"),
			 errhint("Use a number such as 7, or an interval such as '7 days'.")));
}

static void
read_horizons(Creation *c)
{
	FeatureParams *params = c->params;
	int			horizon = integer_argument(c, ARG_HORIZON, "horizon", 0, 0, 1000000);

	if (!given(c, ARG_HORIZON) && given(c, ARG_INCLUDE_CURRENT) &&
		!DatumGetBool(c->fcinfo->args[ARG_INCLUDE_CURRENT].value))
		horizon = 1;
	if (given(c, ARG_HORIZON) && given(c, ARG_INCLUDE_CURRENT) &&
		DatumGetBool(c->fcinfo->args[ARG_INCLUDE_CURRENT].value) != (horizon == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("horizon => %d does not fit include_current => %s", horizon,
						horizon == 0 ? "false" : "true"),
				 errhint("Leave include_current out: windows include the current row where horizon is 0.")));
	params->horizon = horizon;
	params->target_horizon = given(c, ARG_HORIZON) || given(c, ARG_INCLUDE_CURRENT) ? horizon : 1;
}

/* All that needs no look at the relation. */
void
creation_read_arguments(Creation *c)
{
	static const char *const statistics[] = {"count", "sum", "mean", "stddev", "variance", "min", "max",
	"first", "last", "median", "slope", "zscore"};
	static const char *const interactions[] = {"product", "ratio", "sum", "difference"};
	static const char *const encodings[] = {"frequency", "label", "onehot"};
	static const char *const scalings[] = {"standard", "minmax", "robust", "percentile", "bucket"};
	static const char *const fills[] = {"forward"};
	const char *families[NFAMILIES];
	FeatureParams *params = c->params;

	for (int i = 0; i < NFAMILIES; i++)
		families[i] = feature_family_name((FeatureFamily) i);
	params->families = words_argument(c, ARG_FAMILIES, "families", families, NFAMILIES);
	if (params->families == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("families is empty"),
				 errhint("Name at least one family, or leave families out for the usual ones.")));
	params->windows = windows_argument(c);
	params->lags = integers_argument(c, ARG_LAGS, "lags", 1);
	params->statistics = words_argument(c, ARG_STATISTICS, "statistics", statistics, lengthof(statistics));
	params->ewma_spans = integers_argument(c, ARG_EWMA_SPANS, "ewma_spans", 1);
	params->running = words_argument(c, ARG_RUNNING, "running", statistics, lengthof(statistics));
	read_horizons(c);
	params->min_periods = integer_argument(c, ARG_MIN_PERIODS, "min_periods", 0, 1, 1000000000);
	params->fill = given(c, ARG_FILL) ? text_to_cstring(DatumGetTextPP(c->fcinfo->args[ARG_FILL].value)) : NULL;
	if (params->fill != NULL)
		argument_check_word(params->fill, "fill", fills, lengthof(fills));
	params->interactions = words_argument(c, ARG_INTERACTIONS, "interactions", interactions, lengthof(interactions));
	params->interaction_degree = integer_argument(c, ARG_INTERACTION_DEGREE, "interaction_degree", 2, 2, FEATURE_DEGREE_MAX);
	params->polynomial_degree = integer_argument(c, ARG_POLYNOMIAL_DEGREE, "polynomial_degree", 2, 1, FEATURE_DEGREE_MAX);
	params->encodings = words_argument(c, ARG_ENCODINGS, "encodings", encodings, lengthof(encodings));
	c->max_levels = integer_argument(c, ARG_MAX_LEVELS, "max_levels", FEATURE_LEVELS_DEFAULT, 1, 1000);
	params->scalings = words_argument(c, ARG_SCALINGS, "scalings", scalings, lengthof(scalings));
	params->buckets = integer_argument(c, ARG_BUCKETS, "buckets", 10, 2, FEATURE_BUCKETS_MAX);
	params->high_value_percentile = given(c, ARG_HIGH_VALUE_PERCENTILE) ?
		DatumGetFloat8(c->fcinfo->args[ARG_HIGH_VALUE_PERCENTILE].value) : 0.75;
	if (!(params->high_value_percentile > 0 && params->high_value_percentile < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"high_value_percentile\" is out of range"),
				 errdetail("It is %g; allowed is above 0 and below 1.", params->high_value_percentile)));
	params->churn_days = given(c, ARG_CHURN_DAYS) ? integers_argument(c, ARG_CHURN_DAYS, "churn_days", 1) :
		list_make2_int(30, 90);
	if (list_length(params->churn_days) != 2 ||
		linitial_int(params->churn_days) >= lsecond_int(params->churn_days))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"churn_days\" must hold two numbers of days, the smaller one first"),
				 errhint("For example churn_days => '{30,90}': active up to 30 days, at risk up to 90, then churned.")));
	if (given(c, ARG_ENGAGEMENT_WEIGHTS))
		params->engagement_weights = argument_numbers(DatumGetArrayTypeP(c->fcinfo->args[ARG_ENGAGEMENT_WEIGHTS].value),
													  "engagement_weights", &params->nweights);
}

/* ---- columns ------------------------------------------------------------------------- */

/* The type of a column that must exist and be of use; role for the message. */
ColumnType
creation_column_type(const Creation *c, const char *name, const char *role)
{
	AttrNumber	number = relation_column(c->set->relid, name);
	Oid			typid = get_atttype(c->set->relid, number);
	ColumnType	type;

	if (!column_type_resolve(typid, &type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" cannot be %s", name, role),
				 errdetail("Type %s is not supported.", format_type_be(typid))));
	return type;
}

/* Raise unless a column is a number. */
static void
check_numeric(const Creation *c, const char *name, const char *role)
{
	ColumnType	type = creation_column_type(c, name, role);

	if (type.kind != COLUMN_NUMBER || type.basetype == INTERVALOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" cannot be %s", name, role),
				 errdetail("It is of type %s, which is no number.", format_type_be(type.typid)),
				 errhint(type.kind == COLUMN_CATEGORY ? "Name it in category_columns instead." :
						 "Use a view that turns it into a number.")));
}

/* Raise unless rows can be put into an order, or groups, by a column. */
static void
check_sortable(const Creation *c, const char *name, const char *role)
{
	Oid			typid = get_atttype(c->set->relid, relation_column(c->set->relid, name));
	TypeCacheEntry *cache = lookup_type_cache(typid, TYPECACHE_LT_OPR | TYPECACHE_EQ_OPR);

	if (!OidIsValid(cache->lt_opr) || !OidIsValid(cache->eq_opr))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" cannot be %s", name, role),
				 errdetail("Type %s has no order.", format_type_be(typid))));
}

static void
read_date(Creation *c)
{
	FeatureParams *params = c->params;
	ColumnType	type;

	params->date_column = name_argument(c, ARG_DATE_COLUMN);
	if (given(c, ARG_TIME_ZONE))
		params->zone = text_to_cstring(DatumGetTextPP(c->fcinfo->args[ARG_TIME_ZONE].value));
	if (params->date_column == NULL)
	{
		if (params->zone != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("time_zone needs a date_column of type timestamp with time zone")));
		return;
	}
	type = creation_column_type(c, params->date_column, "the date");
	if (type.kind != COLUMN_DATE && type.kind != COLUMN_TIMESTAMP && type.kind != COLUMN_TIMESTAMPTZ)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" cannot be the date", params->date_column),
				 errdetail("It is of type %s; a date or a timestamp is needed.", format_type_be(type.typid)),
				 errhint("Use a view that turns it into one, for example to_date(%s, 'YYYY-MM-DD').",
						 quote_identifier(params->date_column))));
	params->date_kind = type.kind;
	if (type.kind != COLUMN_TIMESTAMPTZ)
	{
		if (params->zone != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("time_zone needs a date_column of type timestamp with time zone"),
					 errdetail("Column \"%s\" is of type %s.", params->date_column, format_type_be(type.typid))));
		return;
	}
	if (params->zone == NULL)
		params->zone = pstrdup(pg_get_timezone_name(session_timezone));
	else
		(void) calendar_zone(params->zone);
}

/* Key columns of an index that tells rows apart, or NIL. */
static List *
index_key(Relation relation, Oid indexid, bool *primary)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(indexid));
	List	   *key = NIL;
	Form_pg_index index;

	if (!HeapTupleIsValid(tuple))
		return NIL;
	index = (Form_pg_index) GETSTRUCT(tuple);
	*primary = index->indisprimary;
	if (index->indisunique && index->indisvalid && index->indimmediate &&
		heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
	{
		for (int i = 0; i < index->indnkeyatts; i++)
		{
			AttrNumber	number = index->indkey.values[i];

			/* an expression, or a column that may be NULL, does not tell rows apart */
			if (number <= 0 || !TupleDescAttr(RelationGetDescr(relation), number - 1)->attnotnull)
			{
				key = NIL;
				break;
			}
			key = lappend(key, pstrdup(NameStr(TupleDescAttr(RelationGetDescr(relation), number - 1)->attname)));
		}
	}
	ReleaseSysCache(tuple);
	return key;
}

List *
feature_relation_key(Relation relation)
{
	List	   *key = NIL;
	bool		primary = false;
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(relation))
	{
		bool		is_primary;
		List	   *columns = index_key(relation, lfirst_oid(cell), &is_primary);

		if (columns != NIL && (key == NIL || (is_primary && !primary)))
		{
			key = columns;
			primary = is_primary;
		}
	}
	return key;
}

/*
 * All columns that have an order.  Numbers stand behind the others and the target stands last: a row's place
 * must tell as little as possible of what may be predicted, or its lags would.
 */
static List *
sortable_columns(Relation relation, const char *target)
{
	List	   *others = NIL;
	List	   *numbers = NIL;
	List	   *last = NIL;

	for (int i = 0; i < RelationGetDescr(relation)->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);
		char	   *name = pstrdup(NameStr(attribute->attname));
		List	  **list = &others;
		ColumnType	type;

		if (attribute->attisdropped ||
			!OidIsValid(lookup_type_cache(attribute->atttypid, TYPECACHE_LT_OPR)->lt_opr))
			continue;
		if (target != NULL && strcmp(name, target) == 0)
			list = &last;
		else if (column_type_resolve(attribute->atttypid, &type) && type.kind == COLUMN_NUMBER)
			list = &numbers;
		*list = lappend(*list, name);
	}
	return list_concat(list_concat(others, numbers), last);
}

/* What makes the order of rows the same every time: a key, else all columns that have an order. */
static void
choose_order(Creation *c, Relation relation)
{
	FeatureParams *params = c->params;
	List	   *key = feature_relation_key(relation);
	ListCell   *cell;

	params->order_unique = key != NIL;
	if (key == NIL)
		key = sortable_columns(relation, params->target);
	foreach(cell, key)
	{
		char	   *name = lfirst(cell);

		if (!name_in(params->group_by, name) &&
			(params->date_column == NULL || strcmp(params->date_column, name) != 0))
			params->order_by = lappend(params->order_by, name);
	}
}

/* numeric_columns and category_columns that were left open: by type, without what names the row. */
static void
choose_columns(Creation *c, Relation relation)
{
	FeatureParams *params = c->params;

	for (int i = 0; i < RelationGetDescr(relation)->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);
		char	   *name = pstrdup(NameStr(attribute->attname));
		ColumnType	type;

		if (attribute->attisdropped)
			continue;
		params->columns = lappend(params->columns, name);
		if (!column_type_resolve(attribute->atttypid, &type) ||
			(params->date_column != NULL && strcmp(name, params->date_column) == 0) ||
			relation_column_key(relation, attribute->attnum, &type) != NULL)
			continue;
		if (c->chosen_numeric && type.kind == COLUMN_NUMBER && type.basetype != INTERVALOID &&
			!name_in(params->group_by, name))
			params->numeric = lappend(params->numeric, name);
		if (c->chosen_category && type.kind == COLUMN_CATEGORY && type.basetype != UUIDOID)
			params->category = lappend(params->category, name);
	}
}

/* A business column: named (arg), or found by its usual name where it is a number. */
static char *
business_column(Creation *c, int arg, const char *usual, const char *role)
{
	char	   *name = arg == ARG_COUNT ? NULL : name_argument(c, arg);
	ColumnType	type;

	if (name != NULL)
	{
		check_numeric(c, name, role);
		return name;
	}
	if (name_in(c->params->columns, usual) &&
		column_type_resolve(get_atttype(c->set->relid, get_attnum(c->set->relid, usual)), &type) &&
		type.kind == COLUMN_NUMBER && type.basetype != INTERVALOID)
		return pstrdup(usual);
	return NULL;
}

static void
read_business(Creation *c)
{
	FeatureParams *params = c->params;
	ListCell   *cell;
	double		total = 0;

	params->revenue_column = business_column(c, ARG_REVENUE_COLUMN, "revenue", "the revenue column");
	params->recency_column = business_column(c, ARG_RECENCY_COLUMN, "last_purchase_days_ago", "the recency column");
	params->engagement_columns = names_argument(c, ARG_ENGAGEMENT_COLUMNS, "engagement_columns");
	foreach(cell, params->engagement_columns)
		check_numeric(c, lfirst(cell), "an engagement column");
	if (params->engagement_columns == NIL)
	{
		char	   *name = business_column(c, ARG_COUNT, "engagement", "an engagement column");

		if (name != NULL)
			params->engagement_columns = list_make1(name);
	}
	if (params->nweights == 0)
		return;
	if (params->nweights != list_length(params->engagement_columns))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("engagement_weights has %d elements, engagement_columns %d", params->nweights,
						list_length(params->engagement_columns)),
				 errhint("Give each column its weight.")));
	for (int i = 0; i < params->nweights; i++)
	{
		if (!(params->engagement_weights[i] >= 0) || isinf(params->engagement_weights[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("engagement_weights holds %g", params->engagement_weights[i]),
					 errdetail("A weight is a finite number of 0 or more.")));
		total += params->engagement_weights[i];
	}
	/* a row's score is a mean by these weights */
	if (total == 0 || isinf(total))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 total == 0 ? errmsg("every weight in engagement_weights is zero") :
				 errmsg("the sum of engagement_weights is out of range")));
}

/* Which columns there are and what they are for. */
void
creation_read_columns(Creation *c)
{
	FeatureParams *params = c->params;
	Relation	relation;
	ListCell   *cell;

	params->target = name_argument(c, ARG_TARGET);
	if (params->target != NULL)
		relation_column(c->set->relid, params->target);
	read_date(c);
	params->group_by = names_argument(c, ARG_GROUP_BY, "group_by");
	foreach(cell, params->group_by)
	{
		if (params->date_column != NULL && strcmp(lfirst(cell), params->date_column) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" cannot be both the date and in group_by", params->date_column)));
		check_sortable(c, lfirst(cell), "in group_by");
	}
	if (params->group_by != NIL && params->date_column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("group_by needs a date_column"),
				 errhint("Groups are for windows, which need an order in time.")));

	params->numeric = names_argument(c, ARG_NUMERIC_COLUMNS, "numeric_columns");
	params->category = names_argument(c, ARG_CATEGORY_COLUMNS, "category_columns");
	c->chosen_numeric = !given(c, ARG_NUMERIC_COLUMNS);
	c->chosen_category = !given(c, ARG_CATEGORY_COLUMNS);
	foreach(cell, params->numeric)
		check_numeric(c, lfirst(cell), "in numeric_columns");
	foreach(cell, params->category)
	{
		ColumnType	type = creation_column_type(c, lfirst(cell), "in category_columns");

		if (type.kind != COLUMN_CATEGORY && !type.integral)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" cannot be in category_columns", (char *) lfirst(cell)),
					 errdetail("It is of type %s; a category is a text, an enum, a boolean or an integer.",
							   format_type_be(type.typid))));
	}

	relation = relation_open(c->set->relid, NoLock);
	choose_columns(c, relation);
	choose_order(c, relation);
	relation_close(relation, NoLock);
	if (creation_has_family(c, FAMILY_BUSINESS))
		read_business(c);
}
