/*
 * at.c
 *		echolon_features_at: the features of one row, which need not be in the relation.
 *
 * The row is matched to the relation's columns by name and made what an INSERT would make of it.
 * Its own features are computed by one query over its values, those of windows from as few rows
 * before it as they need, read through an index (at_history.c); the functions and the engine are those of
 * the view, and so are the bits.
 *
 * A call site keeps the set (looked up again whenever the snapshot or the user differs), what the
 * row type needs, and where results go.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "compat.h"
#include "data/row.h"
#include "features/at.h"
#include "features/define.h"
#include "function.h"
#include "model/lookup.h"
#include "model/model.h"

#define NAMES_LISTED	40		/* in a message */

/* How a column of the relation comes from the row. */
typedef struct AtCast
{
	int			attribute;		/* from 0; -1: NULL */
	ExprState  *state;			/* NULL: as it is */
	bool		only_null;		/* a text where something else is needed: an untyped NULL, or an error */
} AtCast;

/* A call site's memory, in fn_extra. */
typedef struct AtCall
{
	LookupStamp stamp;			/* valid while at is not NULL */
	char	   *name;
	MemoryContext set_context;	/* of the name, of the pin, and of all that follows */
	AtSet	   *at;

	TupleDesc	desc;			/* of the result: */
	uint64		identifier;		/* of this version of its type */
	int		   *sources;		/* of its attributes: a place in columns, or that of a feature behind them */

	InputRow	input;			/* its context lies within set_context, and holds: */
	AtCast	   *casts;			/* by place in columns; NULL: not made yet */
	ExprContext *econtext;
} AtCall;

PG_FUNCTION_INFO_V1(echolon_features_at);

/* ---- the set ----------------------------------------------------------------------- */

static AtCall *
call_state(FunctionCallInfo fcinfo)
{
	AtCall	   *call = fcinfo->flinfo->fn_extra;

	if (call == NULL)
	{
		call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(AtCall));
		fcinfo->flinfo->fn_extra = call;
	}
	return call;
}

/* The place of a result's attribute among columns and features; -1: the set has none of this name. */
static int
result_source(const AtSet *at, const char *name)
{
	const Feature *feature;

	if (name_in(at->set->columns, name))
		return at_column(at, name);
	feature = feature_find(at->set, name);
	return feature == NULL ? -1 : at->ncolumns + (int) (feature - at->set->features);
}

/* What is returned: rows of the view, or of the type of the third argument. */
static void
call_result(AtCall *call, const AtSet *at, FunctionCallInfo fcinfo)
{
	Oid			typid = PG_NARGS() > 2 ? get_fn_expr_argtype(fcinfo->flinfo, 2) :
		get_rel_type_id(at->set->view);

	if (!OidIsValid(typid) || !type_is_rowtype(typid) || typid == RECORDOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the third argument of echolon_features_at is of type %s, which is no named row type",
						format_type_be(typid)),
				 errhint("Give a NULL of the view's row type: NULL::%s.",
						 relation_name(at->set->view))));
	call->desc = lookup_rowtype_tupdesc_copy(typid, -1);
	call->identifier = assign_record_type_identifier(typid, -1);
	call->sources = palloc(mul_size(Max(call->desc->natts, 1), sizeof(int)));
	for (int i = 0; i < call->desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(call->desc, i);

		call->sources[i] = -1;
		if (attribute->attisdropped)
			continue;
		call->sources[i] = result_source(at, NameStr(attribute->attname));
		if (call->sources[i] < 0 ||
			(call->sources[i] < at->ncolumns &&
			 at->columns[call->sources[i]].typid != attribute->atttypid))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("feature set \"%s\" has no column \"%s\" of type %s", at->set->name,
							NameStr(attribute->attname), format_type_be(attribute->atttypid)),
					 errdetail("It is a column of the row type %s.", format_type_be(typid)),
					 errhint("Give a NULL of the view's row type: NULL::%s.",
							 relation_name(at->set->view))));
	}
}

/* The set of this name as this statement sees it. */
static void
call_lookup(AtCall *call, FunctionCallInfo fcinfo, const char *name)
{
	LookupStamp stamp;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext next;
	StoredSet	stored;
	AtSet	   *at;

	lookup_stamp(&stamp);
	if (call->at != NULL && lookup_same(&call->stamp, &stamp) && strcmp(call->name, name) == 0)
		return;

	stored_set_use(name, &stored);
	if (!OidIsValid(stored.relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the relation %s of feature set \"%s\" does not exist", stored.relation, name)));

	next = AllocSetContextCreate(caller, "echolon features at", ALLOCSET_SMALL_SIZES);
	at = at_set_get(&stored, next);
	if (at == call->at && call->identifier ==
		assign_record_type_identifier(call->desc->tdtypeid, call->desc->tdtypmod))
		MemoryContextDelete(next);
	else
	{
		MemoryContext old = call->set_context;

		call->at = NULL;
		call->casts = NULL;
		memset(&call->input, 0, sizeof(call->input));
		MemoryContextSwitchTo(next);
		call->name = pstrdup(name);
		call_result(call, at, fcinfo);
		MemoryContextSwitchTo(caller);
		MemoryContextSetParent(next, fcinfo->flinfo->fn_mcxt);
		call->set_context = next;
		call->at = at;
		if (old != NULL)
			MemoryContextDelete(old);
	}
	lookup_keep(&call->stamp, &stamp);
}

/* ---- the row -------------------------------------------------------------------------- */

/* Raise that a column the rows are ordered or grouped by is not in the row. */
static void
column_missing(const AtSet *at, const char *name, TupleDesc desc)
{
	const char **names = palloc(mul_size(Max(desc->natts, 1), sizeof(char *)));
	StringInfoData list;
	const char *closest;
	int			n = 0;

	initStringInfo(&list);
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		names[n] = NameStr(TupleDescAttr(desc, i)->attname);
		if (n < NAMES_LISTED)
			appendStringInfo(&list, "%s\"%s\"", n == 0 ? "" : ", ", names[n]);
		n++;
	}
	if (n > NAMES_LISTED)
		appendStringInfo(&list, " and %d more", n - NAMES_LISTED);
	closest = closest_name(name, names, n);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" that feature set \"%s\" needs is not in the row", name, at->set->name),
			 n == 0 ? errdetail("The row has no columns.") :
			 errdetail("The row's columns are %s.", list.data),
			 closest != NULL ?
			 errhint("Columns are matched by name: if \"%s\" is meant, rename it in a subquery, as in FROM (SELECT %s AS %s, ...) AS input.",
					 closest, quote_identifier(closest), quote_identifier(name)) :
			 errhint("Columns are matched by name: add it to the row, as in FROM (SELECT ... AS %s, ...) AS input.",
					 quote_identifier(name))));
}

/* Raise that a value cannot become what its column is. */
static void
column_mismatch(const AtSet *at, const AtColumn *column, Oid typid)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" is of type %s in the row, but %s in %s", column->name,
					format_type_be(typid), format_type_be(column->typid), at->set->relation),
			 errhint("Cast it in a subquery, as in FROM (SELECT ... %s::%s, ...) AS input.",
					 quote_identifier(column->name), format_type_be(column->typid))));
}

/*
 * The value of an attribute as the relation's column would store it: by the casts of an INSERT, and
 * between what are categories by their labels.
 */
static void
make_cast(const AtSet *at, const AtColumn *column, Form_pg_attribute attribute, AtCast *cast)
{
	CaseTestExpr *value;
	Node	   *expression;
	ColumnType	from,
				to;

	if (attribute->atttypid == column->typid &&
		(column->typmod < 0 || column->typmod == attribute->atttypmod))
		return;
	value = makeNode(CaseTestExpr);
	value->typeId = attribute->atttypid;
	value->typeMod = attribute->atttypmod;
	value->collation = attribute->attcollation;
	expression = coerce_to_target_type(NULL, (Node *) value, attribute->atttypid, column->typid,
									   column->typmod, COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (expression == NULL &&
		column_type_resolve(attribute->atttypid, &from) && from.kind == COLUMN_CATEGORY &&
		column_type_resolve(column->typid, &to) && to.kind == COLUMN_CATEGORY)
		expression = coerce_to_target_type(NULL, (Node *) value, attribute->atttypid, column->typid,
										   column->typmod, COERCION_EXPLICIT, COERCE_EXPLICIT_CAST, -1);
	if (expression != NULL)
		cast->state = ExecInitExpr(expression_planner((Expr *) expression), NULL);
	else if (attribute->atttypid == TEXTOID || attribute->atttypid == UNKNOWNOID)
		cast->only_null = true;
	else
		column_mismatch(at, column, attribute->atttypid);
}

/* Match the relation's columns to a row type; allocates in the current context. */
static AtCast *
make_casts(const AtSet *at, TupleDesc desc)
{
	AtCast	   *casts = palloc0(mul_size(Max(at->ncolumns, 1), sizeof(AtCast)));

	for (int c = 0; c < at->ncolumns; c++)
	{
		casts[c].attribute = -1;
		for (int i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute attribute = TupleDescAttr(desc, i);

			if (attribute->attisdropped || strcmp(NameStr(attribute->attname), at->columns[c].name) != 0)
				continue;
			if (casts[c].attribute >= 0)
				ereport(ERROR,
						(errcode(ERRCODE_AMBIGUOUS_COLUMN),
						 errmsg("column \"%s\" is in the row more than once", at->columns[c].name),
						 errhint("Select only one of them, or rename the others in the subquery.")));
			casts[c].attribute = i;
			make_cast(at, &at->columns[c], attribute, &casts[c]);
		}
	}
	if (at->date >= 0 && casts[at->date].attribute < 0)
		column_missing(at, at->columns[at->date].name, desc);
	for (int i = 0; i < at->ngroups; i++)
		if (casts[at->groups[i]].attribute < 0)
			column_missing(at, at->columns[at->groups[i]].name, desc);
	return casts;
}

/* What the row is as one of the relation's. */
static void
read_row(AtCall *call, HeapTupleHeader header, AtRow *row)
{
	AtSet	   *at = call->at;
	InputRow   *input = &call->input;

	if (input_row_type(input, header, call->set_context))
		call->casts = NULL;
	if (call->casts == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(input->context);

		call->econtext = CreateStandaloneExprContext();
		call->casts = make_casts(at, input->desc);
		MemoryContextSwitchTo(caller);
	}
	input_row_deform(input, header);

	row->at = at;
	row->values = palloc0(mul_size(Max(at->ncolumns, 1), sizeof(Datum)));
	row->nulls = palloc(Max(at->ncolumns, 1));
	row->params = makeParamList(at->ncolumns);
	for (int c = 0; c < at->ncolumns; c++)
	{
		const AtCast *cast = &call->casts[c];
		bool		isnull = cast->attribute < 0 || input->nulls[cast->attribute];
		Datum		value = isnull ? (Datum) 0 : input->values[cast->attribute];
		ParamExternData *param = &row->params->params[c];

		if (cast->only_null && !isnull)
			column_mismatch(at, &at->columns[c], TEXTOID);
		if (cast->state != NULL)
		{
			call->econtext->caseValue_datum = value;
			call->econtext->caseValue_isNull = isnull;
			value = ExecEvalExpr(cast->state, call->econtext, &isnull);
		}
		row->values[c] = value;
		row->nulls[c] = isnull;
		param->value = value;
		param->isnull = isnull;
		param->pflags = PARAM_FLAG_CONST;
		param->ptype = at->types[c];
	}
	/* a date that is no timestamp is an error where there are windows, as in the view */
	row->time = at->nwindows == 0 ? ROW_DATELESS :
		row_time(at->set->date_kind, row->values[at->date], row->nulls[at->date]);
}

/* ---- its features ------------------------------------------------------------------------ */

/* Where the one row of the row plan goes. */
typedef struct RowFeatures
{
	AtRow	   *row;
	MemoryContext context;
} RowFeatures;

/* The features that come from the row alone. */
static void
keep_features(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	RowFeatures *features = arg;
	AtRow	   *row = features->row;
	const FeatureSet *set = row->at->set;
	int			n = 0;

	MemoryContextSwitchTo(features->context);
	for (int i = 0; i < set->nfeatures; i++)
	{
		Form_pg_attribute attribute;

		if (set->features[i].kind != FEATURE_ROW)
			continue;
		attribute = TupleDescAttr(desc, n);
		row->features_null[i] = nulls[n];
		if (!nulls[n])
			row->features[i] = datumCopy(values[n], attribute->attbyval, attribute->attlen);
		n++;
	}
}

/* All features of a row. */
static void
compute_features(AtRow *row)
{
	AtSet	   *at = row->at;
	int			nfeatures = Max(at->set->nfeatures, 1);
	RowFeatures features = {row, CurrentMemoryContext};
	bool		own = false;

	row->features = palloc0(mul_size(nfeatures, sizeof(Datum)));
	row->features_null = palloc(nfeatures);
	memset(row->features_null, true, nfeatures);
	for (int i = 0; i < at->set->nfeatures; i++)
		own |= at->set->features[i].kind == FEATURE_ROW;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	MemoryContextSwitchTo(features.context);
	if (own)
		(void) plan_scan(at_row_plan(at), row->params, keep_features, &features, NULL);
	at_windows(row);
	at_dates(row);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

/*
 * echolon_features_at(name, input [, result]): the row of the set's view that the input is, or would be
 * if it were inserted, as a record or as the type of result.  NULL for a NULL name or input.
 */
Datum
echolon_features_at(PG_FUNCTION_ARGS)
{
	AtCall	   *call;
	AtRow		row;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	Datum	   *values;
	bool	   *nulls;
	HeapTuple	tuple;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	context = AllocSetContextCreate(caller, "echolon row", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	call = call_state(fcinfo);
	call_lookup(call, fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	memset(&row, 0, sizeof(row));
	read_row(call, PG_GETARG_HEAPTUPLEHEADER(1), &row);
	compute_features(&row);

	values = palloc0(mul_size(Max(call->desc->natts, 1), sizeof(Datum)));
	nulls = palloc(Max(call->desc->natts, 1));
	for (int i = 0; i < call->desc->natts; i++)
	{
		int			source = call->sources[i];

		nulls[i] = source < 0 || (source < call->at->ncolumns ? row.nulls[source] :
								  row.features_null[source - call->at->ncolumns]);
		if (!nulls[i])
			values[i] = source < call->at->ncolumns ? row.values[source] :
				row.features[source - call->at->ncolumns];
	}
	MemoryContextSwitchTo(caller);
	tuple = heap_form_tuple(call->desc, values, nulls);
	MemoryContextDelete(context);
	PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}
