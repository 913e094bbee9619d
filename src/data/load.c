/*
 * load.c
 *		echolon_load_csv and echolon_load_json: a file into a table that is new or exists.
 *
 * load.h says how.  Rights are those of the caller, as in COPY and CREATE TABLE, and are looked at
 * before the first byte is read; errors leave nothing, as all is one transaction.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/varlena.h"

#include "data/arguments.h"
#include "data/load.h"
#include "data/words.h"
#include "function.h"
#include "model/progress.h"
#include "model/table.h"

#define NOTED_VALUES		10	/* a column that became text after as many others gets a note */

PG_FUNCTION_INFO_V1(echolon_load_csv);
PG_FUNCTION_INFO_V1(echolon_load_json);

/* Places of the arguments that both functions have. */
enum
{
	ARG_TABLE_NAME,
	ARG_PATH,
	ARG_CONTENT,
	ARG_COLUMN_TYPES,
	ARG_MAX_ERRORS,
	/* of CSV only */
	ARG_DELIMITER,
	ARG_HEADER,
	ARG_NULL_MARKS,
	ARG_QUOTE,
	ARG_ESCAPE,
	ARG_ENCODING
};

/* ---- arguments --------------------------------------------------------------------- */

/* A text argument; NULL is NULL. */
static char *
text_argument(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/* The table: one that exists, or the schema a new one goes into; with the right to either. */
static void
find_table(Load *load, const char *name)
{
	load->range = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name)));
	load->table = load->range->relname;
	load->relid = RangeVarGetRelid(load->range, RowExclusiveLock, true);
	if (OidIsValid(load->relid))
	{
		Relation	relation = table_open(load->relid, NoLock);

		load_check_target(relation);
		table_close(relation, NoLock);
		return;
	}
	load->namespace = RangeVarGetCreationNamespace(load->range);
	if (namespace_aclcheck_compat(load->namespace, GetUserId(), ACL_CREATE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, get_namespace_name(load->namespace));
}

/* The arguments that both functions have. */
static Load *
begin_load(FunctionCallInfo fcinfo, const char *function, const char *unit)
{
	Load	   *load = palloc0(sizeof(Load));

	store_prevent(psprintf("%s()", function));
	load->function = function;
	load->unit = unit;
	load->context = CurrentMemoryContext;
	if (PG_ARGISNULL(ARG_TABLE_NAME))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("table_name must not be NULL")));
	if (PG_ARGISNULL(ARG_PATH) == PG_ARGISNULL(ARG_CONTENT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 PG_ARGISNULL(ARG_PATH) ? errmsg("neither path nor content is given") :
				 errmsg("both path and content are given"),
				 errhint("Pass the path of a file of the server, or the text itself: %s('sales', content => :'c').",
						 function)));
	load->max_errors = PG_ARGISNULL(ARG_MAX_ERRORS) ? 0 : PG_GETARG_INT32(ARG_MAX_ERRORS);
	if (load->max_errors < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_errors must not be negative"),
				 errdetail("It is %lld.", (long long) load->max_errors)));
	find_table(load, text_argument(fcinfo, ARG_TABLE_NAME));
	if (!PG_ARGISNULL(ARG_COLUMN_TYPES))
	{
		if (OidIsValid(load->relid))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column_types is for new tables, and \"%s\" exists", load->table),
					 errhint("Leave column_types out, or load into a new table.")));
		load->column_types = PG_GETARG_JSONB_P(ARG_COLUMN_TYPES);
	}
	if (PG_ARGISNULL(ARG_PATH))
	{
		text	   *content = PG_GETARG_TEXT_PP(ARG_CONTENT);

		load->source = load_source_content(VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content));
	}
	else
		load->source = load_source_file(text_argument(fcinfo, ARG_PATH));
	spool_init(&load->spool);
	return load;
}

/* ---- the table --------------------------------------------------------------------- */

/* Tell what a person would not expect of the types. */
static void
note_types(Load *load)
{
	StringInfoData empty;
	int			n = 0;

	initStringInfo(&empty);
	for (int i = 0; i < load->ncolumns; i++)
	{
		const LoadColumn *column = &load->columns[i];
		const Guess *guess = &column->guess;

		if (column->given_type != NULL)
			continue;
		if (guess->kinds == GUESS_ANY)
			appendStringInfo(&empty, "%s\"%s\"", n++ == 0 ? "" : ", ", column->name);
		else if (guess->other_order != NULL)
			load_note(load, "column \"%s\" is text because \"%s\" in %s %llu is no date in this DateStyle; SET datestyle = 'ISO, %s' reads it",
					  column->name, guess->value, load->unit, (unsigned long long) guess->place,
					  guess->other_order);
		else if (guess->before != NULL && guess->values >= NOTED_VALUES)
			load_note(load, "column \"%s\" is text because of \"%s\" in %s %llu: the %s values before it are %s",
					  column->name, guess->value, load->unit, (unsigned long long) guess->place,
					  words_count(guess->values), guess->before);
	}
	if (load->spool.rows == 0)
		load_note(load, "there are no rows, so every column without a given type is text");
	else if (n > 0)
		load_note(load, "text for want of a value: %s", empty.data);
	pfree(empty.data);
}

/* A column's type in SQL that means the same whatever the search_path. */
static const char *
column_type(const LoadColumn *column)
{
	const char *type;

	if (column->given_type != NULL)
		return column->given_type;
	type = guess_type(&column->guess);
	/* the others are words of the grammar */
	return strcmp(type, "text") == 0 || strcmp(type, "date") == 0 || strncmp(type, "json", 4) == 0 ?
		psprintf("pg_catalog.%s", type) : type;
}

static void
create_table(Load *load)
{
	StringInfoData sql;

	note_types(load);
	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TABLE %s (",
					 quote_qualified_identifier(get_namespace_name(load->namespace), load->table));
	for (int i = 0; i < load->ncolumns; i++)
	{
		const LoadColumn *column = &load->columns[i];

		appendStringInfo(&sql, "%s%s %s", i == 0 ? "" : ", ", quote_identifier(column->name), column_type(column));
	}
	appendStringInfoChar(&sql, ')');
	SPI_connect();
	if (SPI_execute(sql.data, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
	pfree(sql.data);
	load->relid = get_relname_relid(load->table, load->namespace);
	if (!OidIsValid(load->relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s\" was not created", load->table),
				 errdetail("An event trigger has dropped or renamed it.")));
}

/* ---- the report ------------------------------------------------------------------------ */

/* name type of each column, as the table has them. */
static ArrayType *
report_columns(const Load *load)
{
	Relation	relation = table_open(load->relid, AccessShareLock);
	Datum	   *columns = palloc(sizeof(Datum) * Max(load->ncolumns, 1));
	ArrayType  *array;

	for (int i = 0; i < load->ncolumns; i++)
	{
		AttrNumber	number = get_attnum(load->relid, load->columns[i].name);
		Form_pg_attribute attribute;

		/* an event trigger may have done anything to a new table */
		if (number <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of table \"%s\" is gone", load->columns[i].name, load->table)));
		attribute = TupleDescAttr(RelationGetDescr(relation), number - 1);
		columns[i] = CStringGetTextDatum(psprintf("%s %s", quote_identifier(NameStr(attribute->attname)),
												  format_type_with_typemod(attribute->atttypid, attribute->atttypmod)));
	}
	table_close(relation, AccessShareLock);
	array = construct_array(columns, load->ncolumns, TEXTOID, -1, false, TYPALIGN_INT);
	return array;
}

/* The NOTICE that says it in one sentence. */
static void
tell(const Load *load, bool created, uint64 rows, int refused)
{
	StringInfoData notes;
	ListCell   *cell;

	initStringInfo(&notes);
	foreach(cell, load->notes)
	{
		const char *note = lfirst(cell);

		appendStringInfo(&notes, "%s%c%s%s", notes.len == 0 ? "" : "\n", pg_toupper((unsigned char) note[0]), note + 1,
						 note[strlen(note) - 1] == '?' ? "" : ".");
	}
	ereport(NOTICE,
			(errmsg(created ? "%s: %s %s loaded into a new table of %s %s%s" : "%s: %s %s added, %s %s from the source%s",
					load->table, words_count(rows), rows == 1 ? "row" : "rows", words_count(load->ncolumns),
					load->ncolumns == 1 ? "column" : "columns",
					refused == 0 ? "" : psprintf("; %s %s%s refused", words_count(refused), load->unit, refused == 1 ? "" : "s")),
			 notes.len > 0 ? errdetail("%s", notes.data) : 0,
			 refused > 0 ? errhint("SELECT * FROM echolon.load_errors shows what was refused.") : 0));
}

/* The table made, the rows copied, the report returned. */
static Datum
finish_load(FunctionCallInfo fcinfo, Load *load, instr_time begin, bool began)
{
	bool		created = !OidIsValid(load->relid);
	uint64		rows = 0;
	instr_time	duration;
	TupleDesc	desc;
	const char **notes;
	int			n = 0;
	Datum		values[7];
	bool		nulls[7] = {false};
	ListCell   *cell;

	load_source_close(load->source);
	if (created)
		create_table(load);
	progress_phase(PHASE_WRITING, 0);
	if (load->spool.rows > 0)
		rows = load_copy(load);
	spool_close(&load->spool);
	load_store_errors(load);
	progress_end(began);
	tell(load, created, rows, list_length(load->errors));

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	notes = palloc(sizeof(char *) * (list_length(load->notes) + 1));
	foreach(cell, load->notes)
		notes[n++] = lfirst(cell);
	INSTR_TIME_SET_CURRENT(duration);
	INSTR_TIME_SUBTRACT(duration, begin);
	values[0] = value_text(quote_qualified_identifier(get_namespace_name(get_rel_namespace(load->relid)), load->table)).value;
	values[1] = BoolGetDatum(created);
	values[2] = Int64GetDatum((int64) rows);
	values[3] = Int64GetDatum((int64) list_length(load->errors));
	values[4] = PointerGetDatum(report_columns(load));
	values[5] = Float8GetDatum(INSTR_TIME_GET_DOUBLE(duration));
	values[6] = value_texts(notes, n).value;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* ---- the functions ------------------------------------------------------------------------ */

/* echolon_load_csv(table_name, path, content, column_types, max_errors, delimiter, header, …) */
Datum
echolon_load_csv(PG_FUNCTION_ARGS)
{
	instr_time	begin;
	CsvOptions	options;
	Load	   *load;
	bool		began;

	INSTR_TIME_SET_CURRENT(begin);
	load = begin_load(fcinfo, "echolon_load_csv", "line");
	options.delimiter = PG_ARGISNULL(ARG_DELIMITER) ? "," : text_argument(fcinfo, ARG_DELIMITER);
	/* how a tab is written where E'\t' is not known */
	if (strcmp(options.delimiter, "\\t") == 0)
		options.delimiter = "\t";
	options.header = PG_ARGISNULL(ARG_HEADER) || PG_GETARG_BOOL(ARG_HEADER);
	options.null_marks = PG_ARGISNULL(ARG_NULL_MARKS) ? list_make1("") :
		argument_words(PG_GETARG_ARRAYTYPE_P(ARG_NULL_MARKS), "null_marks");
	options.quote = PG_ARGISNULL(ARG_QUOTE) ? "\"" : text_argument(fcinfo, ARG_QUOTE);
	options.escape = text_argument(fcinfo, ARG_ESCAPE);
	options.encoding = text_argument(fcinfo, ARG_ENCODING);
	if (options.encoding != NULL && !load->source->is_file)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("encoding is for files"),
				 errdetail("content is text, which has been converted when it was sent."),
				 errhint("Leave encoding out, and let client_encoding be that of the text.")));
	began = progress_begin(COMMAND_LOAD, NULL, load->relid);
	load_read_csv(load, &options);
	return finish_load(fcinfo, load, begin, began);
}

/* echolon_load_json(table_name, path, content, column_types, max_errors) */
Datum
echolon_load_json(PG_FUNCTION_ARGS)
{
	instr_time	begin;
	Load	   *load;
	bool		began;

	INSTR_TIME_SET_CURRENT(begin);
	load = begin_load(fcinfo, "echolon_load_json", "object");
	began = progress_begin(COMMAND_LOAD, NULL, load->relid);
	load_read_json(load);
	return finish_load(fcinfo, load, begin, began);
}
