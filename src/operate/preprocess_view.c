/*
 * preprocess_view.c
 *		The SQL of a view of cleaned rows, and what it says of itself.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "data/words.h"
#include "features/define.h"
#include "operate/preprocess.h"

/* A double that is read as the same one. */
static char *
number_literal(double value)
{
	return psprintf("'%s'::pg_catalog.float8", double_to_shortest_decimal(value));
}

static char *
source(const PrepColumn *column)
{
	return psprintf("s.%s", quote_identifier(column->name));
}

/* A number's treatment as a call of echolon_cleaned. */
static char *
number_expression(const PrepColumn *column, const char *value)
{
	const ModelTreatment *t = &column->treatment;
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "%s(%s::pg_catalog.float8", feature_function("echolon_cleaned"), value);
	if (t->impute != IMPUTE_NONE)
		appendStringInfo(&out, ", fill => %s", number_literal(t->fill));
	if (isfinite(t->low))
		appendStringInfo(&out, ", low => %s", number_literal(t->low));
	if (isfinite(t->high))
		appendStringInfo(&out, ", high => %s", number_literal(t->high));
	if (t->scale != SCALE_NONE)
		appendStringInfo(&out, ", center => %s, width => %s", number_literal(t->center), number_literal(t->width));
	appendStringInfoChar(&out, ')');
	return out.data;
}

static bool
is_float(const PrepColumn *column)
{
	return column->type.basetype == FLOAT4OID || column->type.basetype == FLOAT8OID || column->type.basetype == NUMERICOID;
}

/* Is it missing, as a condition? */
static char *
missing_condition(const PrepColumn *column)
{
	return is_float(column) ? psprintf("%s IS NULL OR %s OPERATOR(pg_catalog.=) 'NaN'", source(column), source(column))
		: psprintf("%s IS NULL", source(column));
}

/*
 * The last value before.  A row without a date is before or after none, and comes last in the window, where it fills
 * nobody.  The cast keeps what a function's result has not: varchar(3).
 */
static char *
forward_expression(const Preprocessing *p, const PrepColumn *column)
{
	char	   *value = source(column);

	if (is_float(column))
		value = psprintf("CASE WHEN %s OPERATOR(pg_catalog.=) 'NaN' THEN NULL ELSE %s END", value, value);
	return psprintf("CASE WHEN s.%s IS NULL THEN %s ELSE %s(%s) OVER w END::%s",
					quote_identifier(p->arguments.date_column), source(column), feature_function("echolon_forward_fill"),
					value, column->type_name);
}

static char *
column_expression(const Preprocessing *p, const PrepColumn *column)
{
	char	   *value = source(column);

	if (column->touched && column->rule.forward)
		value = forward_expression(p, column);
	if (column->as_double)
		return number_expression(column, value);
	return column->fill == NULL ? value : psprintf("COALESCE(%s, %s::%s)", value, quote_literal_cstr(column->fill), column->type_name);
}

/* What rows are compared by, where duplicates are dropped; types without an order by their texts. */
static char *
duplicate_columns(const Preprocessing *p)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];

		if (name_in(p->key, column->name))
			continue;
		appendStringInfo(&out, "%s%s%s", out.len > 0 ? ", " : "", source(column),
						 OidIsValid(lookup_type_cache(column->typid, TYPECACHE_LT_OPR)->lt_opr) ? "" : "::pg_catalog.text");
	}
	return out.data;
}

static char *
key_order(const Preprocessing *p)
{
	StringInfoData out;
	ListCell   *cell;

	initStringInfo(&out);
	foreach(cell, p->key)
		appendStringInfo(&out, "%ss.%s", out.len > 0 ? ", " : "", quote_identifier(lfirst(cell)));
	return out.data;
}

/* A name that no column has. */
char *
prep_free_name(const Preprocessing *p, const char *wanted)
{
	char	   *name = pstrdup(wanted);

	for (int i = 1; prep_find_column(p, name) != NULL; i++)
		name = psprintf("%s_%d", wanted, i);
	return name;
}

bool
prep_drops_duplicates(const Preprocessing *p)
{
	return p->arguments.drop_duplicates && !p->distinct;
}

/*
 * The rows of the relation, each with its number among its equals.  The columns by name: a newer one of the relation
 * is none of the view's business, and may have the very name of the number.
 */
char *
prep_rows_sql(const Preprocessing *p, const char *number)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "(SELECT ");
	for (int c = 0; c < p->ncolumns; c++)
		appendStringInfo(&out, "%s, ", source(&p->columns[c]));
	appendStringInfo(&out, "pg_catalog.row_number() OVER (PARTITION BY %s%s%s) AS %s\n\tFROM %s AS s) AS s",
					 duplicate_columns(p), p->key != NIL ? " ORDER BY " : "", key_order(p), quote_identifier(number),
					 p->relation);
	return out.data;
}

char *
preprocess_indicator(const Preprocessing *p, const PrepColumn *column)
{
	char	   *name;

	if (!p->arguments.indicators || column->untouched)
		return NULL;
	name = psprintf("%s_missing", column->name);
	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("column \"%s\" has too long a name for an indicator", column->name),
				 errhint("Rename it, or name it in exclude.")));
	if (prep_find_column(p, name) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("the indicator of column \"%s\" would have the name of column \"%s\"", column->name, name),
				 errhint("Rename one of them, or name \"%s\" in exclude.", column->name)));
	return name;
}

char *
preprocess_sql(const Preprocessing *p)
{
	const PrepArguments *a = &p->arguments;
	char	   *number = prep_free_name(p, "duplicate_number");
	const char *and = " WHERE ";
	bool		forward = false;
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "SELECT ");
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];

		appendStringInfo(&out, "%s%s AS %s", c == 0 ? "" : ",\n\t", column_expression(p, column), quote_identifier(column->name));
		forward |= column->touched && column->rule.forward;
	}
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];
		char	   *indicator = preprocess_indicator(p, column);

		if (indicator == NULL)
			continue;
		appendStringInfo(&out, ",\n\t%s AS %s", missing_condition(column), quote_identifier(indicator));
	}
	if (prep_drops_duplicates(p))
	{
		appendStringInfo(&out, "\nFROM %s\n%ss.%s OPERATOR(pg_catalog.=) 1", prep_rows_sql(p, number), and,
						 quote_identifier(number));
		and = " AND ";
	}
	else
		appendStringInfo(&out, "\nFROM %s AS s", p->relation);
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];

		if (!column->remove)
			continue;
		/* not BETWEEN, whose operators are those of the search path */
		appendStringInfo(&out, "\n%s(%s OR %s::pg_catalog.float8 OPERATOR(pg_catalog.>=) %s"
						 " AND %s::pg_catalog.float8 OPERATOR(pg_catalog.<=) %s)", and, missing_condition(column),
						 source(column), number_literal(column->low), source(column), number_literal(column->high));
		and = " AND ";
	}
	if (forward)
	{
		ListCell   *cell;

		appendStringInfoString(&out, "\nWINDOW w AS (");
		foreach(cell, a->group_by)
			appendStringInfo(&out, "%ss.%s", cell == list_head(a->group_by) ? "PARTITION BY " : ", ", quote_identifier(lfirst(cell)));
		appendStringInfo(&out, " ORDER BY s.%s%s%s)", quote_identifier(a->date_column), p->key != NIL ? ", " : "", key_order(p));
	}
	return out.data;
}

char *
preprocess_phrase(const PrepColumn *column)
{
	const ModelTreatment *t = &column->treatment;
	StringInfoData out;

	initStringInfo(&out);
	if (column->remove)
		appendStringInfo(&out, "rows below %s or above %s are left out", words_number(column->low), words_number(column->high));
	if (column->touched && (isfinite(t->low) || isfinite(t->high)))
		appendStringInfo(&out, "%sclipped to %s ... %s", out.len > 0 ? "; " : "", words_number(t->low), words_number(t->high));
	if (column->touched && column->rule.forward)
		appendStringInfo(&out, "%sa missing value becomes the last one before", out.len > 0 ? "; " : "");
	else if (column->fill != NULL)
		appendStringInfo(&out, "%sa missing value becomes %s", out.len > 0 ? "; " : "", quote_literal_cstr(column->fill));
	else if (column->touched && t->impute != IMPUTE_NONE)
		appendStringInfo(&out, "%sa missing value becomes %s, the %s", out.len > 0 ? "; " : "", words_number(t->fill),
						 prep_impute_words[t->impute - 1]);
	if (column->touched && t->scale != SCALE_NONE)
		appendStringInfo(&out, "%sless %s, divided by %s (%s)", out.len > 0 ? "; " : "", words_number(t->center),
						 words_number(t->width), prep_scale_words[t->scale - 1]);
	return out.len > 0 ? out.data : NULL;
}

void
preprocess_comment(const Preprocessing *p)
{
	CreateComments(p->view, RelationRelationId, 0,
				   psprintf("cleaned rows of %s, made by echolon_preprocess. SELECT * FROM echolon_preprocess_summary(%s) explains them",
							p->relation, quote_literal_cstr(p->name)));
	for (int c = 0; c < p->ncolumns; c++)
	{
		const PrepColumn *column = &p->columns[c];
		char	   *phrase = preprocess_phrase(column);
		char	   *indicator = preprocess_indicator(p, column);
		char	   *comment = GetComment(p->relid, RelationRelationId, get_attnum(p->relid, column->name));

		if (phrase != NULL || comment != NULL)
			CreateComments(p->view, RelationRelationId, get_attnum(p->view, column->name),
						   phrase == NULL ? comment : comment == NULL ? phrase : psprintf("%s (%s)", comment, phrase));
		if (indicator != NULL)
			CreateComments(p->view, RelationRelationId, get_attnum(p->view, indicator),
						   psprintf("whether %s was missing", quote_identifier(column->name)));
	}
}
