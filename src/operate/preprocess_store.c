/*
 * preprocess_store.c
 *		Views of cleaned rows: stored, listed, refreshed, dropped; and a single row by what is stored.
 *
 * The right to one is the right to its view, as with feature sets (features/store.c): who may SELECT from it may see
 * what was fitted, who owns it may refresh and drop it.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "data/row.h"
#include "features/define.h"
#include "function.h"
#include "model/lookup.h"
#include "model/table.h"
#include "operate/preprocess.h"
#include "predict/evaluation.h"

#define NAME_MAX_BYTES 255

PG_FUNCTION_INFO_V1(echolon_preprocess_summary);
PG_FUNCTION_INFO_V1(echolon_refresh_preprocess);
PG_FUNCTION_INFO_V1(echolon_drop_preprocess);
PG_FUNCTION_INFO_V1(echolon_preprocess_row);

/* Columns of preprocess_store by number. */
enum
{
	PREPROCESS_STORE_NAME = 1, PREPROCESS_STORE_VIEW, PREPROCESS_STORE_VIEW_STAMP, PREPROCESS_STORE_RELATION,
	PREPROCESS_STORE_RELATION_STAMP, PREPROCESS_STORE_COLUMNS, PREPROCESS_STORE_DEFINITION
};

/* ---- reading ------------------------------------------------------------------------ */

/* What is stored under a name, whoever may see it; false: nothing. */
static bool
find(const char *name, Snapshot snapshot, Preprocessing *p)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;

	memset(p, 0, sizeof(*p));
	ScanKeyInit(&key, PREPROCESS_STORE_NAME, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(name));
	scan = store_scan("preprocess_store", "preprocess_store_pkey", snapshot, 1, &key);
	tuple = store_scan_next(&scan);
	if (HeapTupleIsValid(tuple))
	{
		p->name = store_text_column(&scan, tuple, PREPROCESS_STORE_NAME);
		p->relation = store_text_column(&scan, tuple, PREPROCESS_STORE_RELATION);
		p->view = stamped_relation(store_text_column(&scan, tuple, PREPROCESS_STORE_VIEW),
								   store_text_column(&scan, tuple, PREPROCESS_STORE_VIEW_STAMP), RELKIND_VIEW);
		p->relid = stamped_relation(p->relation,
									store_text_column(&scan, tuple, PREPROCESS_STORE_RELATION_STAMP), '\0');
		preprocess_read(DatumGetJsonbPCopy(store_column(&scan, tuple, PREPROCESS_STORE_DEFINITION)), p);
	}
	store_scan_end(&scan);
	return HeapTupleIsValid(tuple);
}

static _Noreturn void
no_preprocessing(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("preprocessing \"%s\" does not exist", name),
			 errhint("SELECT * FROM echolon.preprocessings lists those you may use.")));
}

/* The one of this name, for one who may use it. */
static void
use(const char *name, Preprocessing *p)
{
	if (!find(name, GetActiveSnapshot(), p) || !feature_may_use_view(p->view))
		no_preprocessing(name);
	if (!OidIsValid(p->view))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the view of preprocessing \"%s\" was dropped", name),
				 errhint("echolon_drop_preprocess(%s) drops what is left of it.", quote_literal_cstr(name))));
}

/* The same for its owner, its name locked to the end of the transaction. */
static void
lock(const char *name, const char *command, Preprocessing *p)
{
	store_prevent(command);
	for (int pass = 0; pass < 2; pass++)
	{
		Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
		bool		known = find(name, snapshot, p);

		UnregisterSnapshot(snapshot);
		/* who has no right must not even wait; and it may be lost while waiting */
		if (!known || !feature_may_use_view(p->view))
			no_preprocessing(name);
		if (OidIsValid(p->view) && !feature_owns_view(p->view))
			aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_VIEW, get_rel_name(p->view));
		if (pass == 0)
			store_lock_name("preprocess_store", name);
	}
}

/* ---- writing --------------------------------------------------------------------------- */

void
preprocess_check_name(const char *name)
{
	Preprocessing taken;
	Snapshot	snapshot;

	store_prevent("echolon_preprocess()");
	if (name[0] == '\0' || strlen(name) > NAME_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name of a preprocessing must have 1 to %d bytes", NAME_MAX_BYTES),
				 errdetail("This one has %zu.", strlen(name)),
				 errhint("It is the name of its view, for example sales_clean.")));
	store_lock_name("preprocess_store", name);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (find(name, snapshot, &taken) && OidIsValid(taken.view))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("preprocessing \"%s\" exists already", name),
				 feature_owns_view(taken.view) ?
				 errhint("Drop it with echolon_drop_preprocess(%s), fit it again with echolon_refresh_preprocess(%s), or give the new one another name.",
						 quote_literal_cstr(name), quote_literal_cstr(name)) :
				 errhint("Give the new one another name.")));
	UnregisterSnapshot(snapshot);
}

/* Columns of the relation that are used. */
static StoreValue
used_columns(const Preprocessing *p)
{
	const char **names = palloc(mul_size(sizeof(char *), Max(p->ncolumns, 1)));

	for (int c = 0; c < p->ncolumns; c++)
		names[c] = p->columns[c].name;
	return value_texts(names, p->ncolumns);
}

void
preprocess_store_add(const Preprocessing *p)
{
	StoreValue	values[10];
	StoreUser	before;

	values[0] = value_text(p->name);
	values[1] = value_text(relation_name(p->view));
	values[2] = value_text(stamp_make(STAMP_RELATION, p->view));
	values[3] = value_text(p->relation);
	values[4] = value_text(stamp_make(STAMP_RELATION, p->relid));
	values[5] = used_columns(p);
	values[6] = value_jsonb(preprocess_jsonb(p));
	values[7] = value_int8(p->fitted);
	values[8] = value_now();
	values[9] = value_text(GetUserNameFromId(GetUserId(), false));
	before = store_begin_write();
	/* one whose view was dropped gives its name away */
	(void) store_execute_any("DELETE FROM echolon.preprocess_store WHERE name OPERATOR(pg_catalog.=) $1", 1, values);
	store_execute("INSERT INTO echolon.preprocess_store (name, view, view_stamp, relation, relation_stamp, columns, definition,"
				  " rows_fitted, created_at, created_by, refreshed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9)",
				  lengthof(values), values);
	store_end_write(before);
}

/* ---- summary ------------------------------------------------------------------------------- */

static Datum
number_or_null(double number, bool *isnull)
{
	*isnull = !isfinite(number);
	return Float8GetDatum(*isnull ? 0 : number);
}

static void
put_column(ReturnSetInfo *result, const PrepColumn *column)
{
	const ModelTreatment *t = &column->treatment;
	char	   *phrase = column->untouched ? NULL : preprocess_phrase(column);
	Datum		values[10];
	bool		nulls[10] = {false};

	memset(values, 0, sizeof(values));
	values[0] = CStringGetTextDatum(column->name);
	nulls[1] = phrase == NULL;
	if (phrase)
		values[1] = CStringGetTextDatum(phrase);
	nulls[2] = column->untouched || (column->fill == NULL && t->impute == IMPUTE_NONE);
	if (!nulls[2])
		values[2] = CStringGetTextDatum(column->fill ? column->fill : double_to_shortest_decimal(t->fill));
	values[3] = number_or_null(column->untouched ? NAN : column->remove ? column->low : t->low, &nulls[3]);
	values[4] = number_or_null(column->untouched ? NAN : column->remove ? column->high : t->high, &nulls[4]);
	values[5] = number_or_null(column->untouched || t->scale == SCALE_NONE ? NAN : t->center, &nulls[5]);
	values[6] = number_or_null(column->untouched || t->scale == SCALE_NONE ? NAN : t->width, &nulls[6]);
	nulls[7] = nulls[8] = column->untouched;
	values[7] = Int64GetDatum(column->missing);
	values[8] = Int64GetDatum(column->outliers);
	nulls[9] = column->note == NULL;
	if (column->note)
		values[9] = CStringGetTextDatum(column->note);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* (name) -> one row of whole rows, then one a column */
Datum
echolon_preprocess_summary(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Preprocessing p;
	Datum		values[10] = {0};
	bool		nulls[10];

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"name\" must not be NULL")));
	use(text_to_cstring(PG_GETARG_TEXT_PP(0)), &p);
	InitMaterializedSRF(fcinfo, 0);
	memset(nulls, true, sizeof(nulls));
	nulls[1] = false;
	values[1] = CStringGetTextDatum(p.arguments.drop_duplicates && !p.distinct ? "rows that are the same in all columns but keys are shown once"
									: "every row is shown");
	nulls[9] = false;
	values[9] = CStringGetTextDatum(psprintf(INT64_FORMAT " of " INT64_FORMAT " rows were the same as one before; learned from " INT64_FORMAT " rows",
											 p.duplicates, p.rows, p.fitted));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	for (int c = 0; c < p.ncolumns; c++)
		put_column(result, &p.columns[c]);
	return (Datum) 0;
}

/* ---- refresh and drop --------------------------------------------------------------------------- */

/*
 * Fit again as the owner of the view: what the relation calls, if it is a view, must not run with the rights of whoever
 * refreshes.
 */
static void
fit_as_owner(Preprocessing *p)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(p->view));
	Oid			user,
				owner;
	int			context;
	int			nest;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", p->view);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	/* an error restores user and settings with the (sub)transaction */
	GetUserIdAndSecContext(&user, &context);
	nest = NewGUCNestLevel();
	if (owner != user)
		SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	PushActiveSnapshot(GetTransactionSnapshot());
	preprocess_fit(p);
	PopActiveSnapshot();
	AtEOXact_GUC(false, nest);
	SetUserIdAndSecContext(user, context);
}

/* A refresh changes numbers, not the view: tell of columns that came to the relation. */
static void
note_new_columns(const Preprocessing *p)
{
	List	   *known = NIL;
	ListCell   *cell;

	for (int c = 0; c < p->ncolumns; c++)
		known = lappend(known, p->columns[c].name);
	foreach(cell, relation_columns(p->relid))
		if (!name_in(known, lfirst(cell)))
			ereport(NOTICE,
					(errmsg("column \"%s\" of %s is newer than preprocessing \"%s\" and stays out of it",
							(char *) lfirst(cell), p->relation, p->name),
					 errhint("Drop it with echolon_drop_preprocess(%s) and make it again to have the column.",
							 quote_literal_cstr(p->name))));
}

/* echolon_refresh_preprocess(name) returns bigint: rows it was learned from. */
Datum
echolon_refresh_preprocess(PG_FUNCTION_ARGS)
{
	Preprocessing p;
	StoreValue	values[5];
	StoreUser	before;

	lock(text_to_cstring(PG_GETARG_TEXT_PP(0)), "echolon_refresh_preprocess()", &p);
	if (!OidIsValid(p.view) || !OidIsValid(p.relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("preprocessing \"%s\" has lost its %s", p.name, OidIsValid(p.view) ? "relation" : "view"),
				 errhint("echolon_drop_preprocess(%s) drops what is left of it.", quote_literal_cstr(p.name))));
	for (int c = 0; c < p.ncolumns; c++)
		if (get_attnum(p.relid, p.columns[c].name) == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of %s, which preprocessing \"%s\" knows, does not exist any more",
							p.columns[c].name, p.relation, p.name),
					 errhint("If it was renamed, give it its name again; else drop it with echolon_drop_preprocess(%s) and make a new one.",
							 quote_literal_cstr(p.name))));
	p.relation = relation_name(p.relid);
	relation_lock(p.relid);
	note_new_columns(&p);
	fit_as_owner(&p);
	feature_execute(psprintf("CREATE OR REPLACE VIEW %s WITH (security_invoker = true) AS\n%s",
							 relation_name(p.view), preprocess_sql(&p)));
	CommandCounterIncrement();
	preprocess_comment(&p);
	values[0] = value_text(p.name);
	values[1] = value_jsonb(preprocess_jsonb(&p));
	values[2] = value_int8(p.fitted);
	values[3] = value_now();
	values[4] = used_columns(&p);
	before = store_begin_write();
	store_execute("UPDATE echolon.preprocess_store SET definition = $2, rows_fitted = $3, refreshed_at = $4, columns = $5"
				  " WHERE name OPERATOR(pg_catalog.=) $1", lengthof(values), values);
	store_end_write(before);
	PG_RETURN_INT64(p.fitted);
}

/* echolon_drop_preprocess(name) returns integer: how many columns were treated. */
Datum
echolon_drop_preprocess(PG_FUNCTION_ARGS)
{
	Preprocessing p;
	StoreValue	value;
	StoreUser	before;
	int32		treated = 0;

	lock(text_to_cstring(PG_GETARG_TEXT_PP(0)), "echolon_drop_preprocess()", &p);
	if (OidIsValid(p.view))
		feature_execute(psprintf("DROP VIEW %s", relation_name(p.view)));
	value = value_text(p.name);
	before = store_begin_write();
	store_execute("DELETE FROM echolon.preprocess_store WHERE name OPERATOR(pg_catalog.=) $1", 1, &value);
	store_end_write(before);
	for (int c = 0; c < p.ncolumns; c++)
		treated += p.columns[c].touched || p.columns[c].remove;
	PG_RETURN_INT32(treated);
}

/* ---- one row ------------------------------------------------------------------------------------ */

/* What a call site keeps: the preprocessing, and the row's type matched to it. */
typedef struct RowState
{
	MemoryContext context;		/* of all that follows */
	LookupStamp stamp;
	char	   *name;			/* NULL: none yet */
	Preprocessing p;
	InputRow	row;
	int		   *attributes;		/* [ncolumns] place in the row */
	ColumnType *types;			/* in the row; all zero where a column can be no feature */
	bool	   *numbers;		/* is it a number there? */
} RowState;

/* Match the row's columns by name. */
static void
match_row(RowState *state)
{
	MemoryContext caller = MemoryContextSwitchTo(state->row.context);
	TupleDesc	desc = state->row.desc;

	state->attributes = palloc(mul_size(sizeof(int), Max(state->p.ncolumns, 1)));
	state->types = palloc0(mul_size(sizeof(ColumnType), Max(state->p.ncolumns, 1)));
	state->numbers = palloc0(mul_size(sizeof(bool), Max(state->p.ncolumns, 1)));
	for (int c = 0; c < state->p.ncolumns; c++)
	{
		const PrepColumn *column = &state->p.columns[c];
		int			found = -1;

		for (int i = 0; i < desc->natts; i++)
			if (!TupleDescAttr(desc, i)->attisdropped && strcmp(NameStr(TupleDescAttr(desc, i)->attname), column->name) == 0)
				found = i;
		state->attributes[c] = found;
		if (found < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" that preprocessing \"%s\" needs is not in the row", column->name, state->p.name),
					 errhint("Columns are matched by name: add it to the row, as NULL where it is not known.")));
		if (!column_type_resolve(TupleDescAttr(desc, found)->atttypid, &state->types[c]))
			memset(&state->types[c], 0, sizeof(ColumnType));
		state->numbers[c] = OidIsValid(state->types[c].basetype) && state->types[c].kind == COLUMN_NUMBER &&
			column_countable(&state->types[c]);
		if (column->as_double && !state->numbers[c])
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" has type %s in the row, but preprocessing \"%s\" needs a number", column->name,
							format_type_be(TupleDescAttr(desc, found)->atttypid), state->p.name)));
	}
	MemoryContextSwitchTo(caller);
}

/* Is the value of a number NaN? */
static bool
is_nan(const RowState *state, int c)
{
	int			place = state->attributes[c];

	return state->numbers[c] && !state->row.nulls[place] &&
		isnan(column_number(&state->types[c], state->row.values[place]));
}

/* What fills a column of character(n) has blanks to its length in the view, and so in a row. */
static const char *
padded_fill(const RowState *state, int c)
{
	const char *fill = state->p.columns[c].fill;
	Form_pg_attribute attribute = TupleDescAttr(state->row.desc, state->attributes[c]);
	int32		typmod = attribute->atttypmod;

	if (getBaseTypeAndTypmod(attribute->atttypid, &typmod) != BPCHAROID || typmod < (int32) VARHDRSZ ||
		pg_mbstrlen(fill) > typmod - VARHDRSZ)
		return fill;
	return TextDatumGetCString(DirectFunctionCall3(bpcharin, CStringGetDatum(fill), ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(typmod)));
}

/* The treated value of a column as JSON; as: the row as PostgreSQL has it, where a column is as it was. */
static void
put_value(const RowState *state, int c, Jsonb *as, StringInfo out)
{
	const PrepColumn *column = &state->p.columns[c];
	int			place = state->attributes[c];
	bool		isnull = state->row.nulls[place];
	JsonbValue *value;
	Jsonb	   *document;

	if (column->as_double)
	{
		json_number(out, model_treated(&column->treatment, isnull ? NAN :
									   column_number(&state->types[c], state->row.values[place])));
		return;
	}
	if (isnull && column->touched && column->fill != NULL)
	{
		if (state->types[c].basetype == BOOLOID)
			appendStringInfoString(out, column->fill);
		else
			json_string(out, padded_fill(state, c));
		return;
	}
	value = getKeyJsonValueFromContainer(&as->root, column->name, (int) strlen(column->name), NULL);
	/* a number that JSON has none of comes as its name */
	if (value == NULL || value->type == jbvNull || (state->numbers[c] && value->type != jbvNumeric))
	{
		appendStringInfoString(out, "null");
		return;
	}
	document = JsonbValueToJsonb(value);
	JsonbToCString(out, &document->root, VARSIZE(document));
}

/* echolon_preprocess_row(name, input) -> jsonb: one row with what was fitted. */
Datum
echolon_preprocess_row(PG_FUNCTION_ARGS)
{
	RowState   *state = fcinfo->flinfo->fn_extra;
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	LookupStamp stamp;
	Jsonb	   *as;
	StringInfoData out;

	if (state == NULL)
	{
		state = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(RowState));
		state->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "echolon preprocessing", ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = state;
	}
	lookup_stamp(&stamp);
	if (state->name == NULL || strcmp(state->name, name) != 0 || !lookup_same(&state->stamp, &stamp))
	{
		MemoryContext caller;

		state->name = NULL;
		memset(&state->row, 0, sizeof(state->row));
		MemoryContextReset(state->context);
		caller = MemoryContextSwitchTo(state->context);
		use(name, &state->p);
		MemoryContextSwitchTo(caller);
		state->name = MemoryContextStrdup(state->context, name);
		lookup_keep(&state->stamp, &stamp);
	}
	if (input_row_type(&state->row, PG_GETARG_HEAPTUPLEHEADER(1), state->context))
		match_row(state);
	input_row_deform(&state->row, PG_GETARG_HEAPTUPLEHEADER(1));
	as = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(
									DirectFunctionCall1(row_to_json, PG_GETARG_DATUM(1))))));
	initStringInfo(&out);
	for (int c = 0; c < state->p.ncolumns; c++)
	{
		appendStringInfoString(&out, c == 0 ? "{" : ", ");
		json_string(&out, state->p.columns[c].name);
		appendStringInfoString(&out, ": ");
		put_value(state, c, as, &out);
	}
	for (int c = 0; c < state->p.ncolumns; c++)
	{
		char	   *indicator = preprocess_indicator(&state->p, &state->p.columns[c]);

		if (indicator == NULL)
			continue;
		appendStringInfoString(&out, ", ");
		json_string(&out, indicator);
		appendStringInfo(&out, ": %s", state->row.nulls[state->attributes[c]] || is_nan(state, c) ? "true" : "false");
	}
	appendStringInfoString(&out, state->p.ncolumns == 0 ? "{}" : "}");
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}
