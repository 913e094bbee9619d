/*
 * load_csv.c
 *		Lines of CSV into the spool.
 *
 * COPY splits lines and fields, takes quotes off and converts encodings: NextCopyFromRawFields, fed by a
 * callback, goes on where COPY itself would stop at a line with too few or too many
 * fields.  It wants a relation: the table, or a private one where the table is yet to be made; it
 * touches neither.  Meanwhile pg_stat_progress_copy shows the bytes read.
 *
 * What COPY cannot split raises, however many errors are allowed: a quote that never closes, mixed line
 * ends, bytes that cannot be converted to the database's encoding.  A file that needs no conversion is
 * read as bytes and looked at line by line, so that bytes of another encoding are an error of
 * their line and column.
 */
#include "postgres.h"

#include "access/table.h"
#include "commands/copy.h"
#include "commands/copyfrom_internal.h"
#include "commands/progress.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/backend_progress.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "data/load.h"
#include "model/model.h"
#include "model/progress.h"
#include "model/table.h"

#define EXCERPT_BYTES		200

/* The callback has no argument.  No user's code runs while lines are read, so there is one reader at a time. */
static LoadSource *current_source;
static size_t bytes_since_line;
static size_t line_limit;
static uint64 lines_read;
static bool as_bytes;			/* COPY does not look at the encoding */

/* Raise that a line does not end. */
static _Noreturn void
line_too_long(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("the record that begins in line %llu is longer than %zu MB",
					(unsigned long long) lines_read + 1, line_limit / (1024 * 1024)),
			 errdetail("A quote that is not closed makes one record of all that follows."),
			 line_limit < LOAD_RECORD_MAX ?
			 errhint("Mend the line, set quote to another character, or raise echolon.max_memory.") :
			 errhint("Mend the line, or set quote to another character.")));
}

/* Bytes for COPY. */
static int
read_source(void *buffer, int least, int most)
{
	size_t		got = load_source_read(current_source, buffer, most);

	bytes_since_line += got;
	if (bytes_since_line > line_limit)
		line_too_long();
	return (int) got;
}

/* What COPY needs to know.  Sets as_bytes. */
static List *
copy_options(Load *load, const CsvOptions *options)
{
	const char *encoding = options->encoding;
	int			database = GetDatabaseEncoding();
	List	   *list = NIL;

	as_bytes = false;
	if (!load->source->is_file)
		encoding = pg_encoding_to_char(GetDatabaseEncoding());
	else if (load->source->utf8)
	{
		if (encoding != NULL && pg_char_to_encoding(encoding) >= 0 && pg_char_to_encoding(encoding) != PG_UTF8)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s begins with the byte order mark of UTF8, not %s", load->source->name,
							encoding),
					 errhint("Leave encoding out.")));
		encoding = "UTF8";
	}
	if (load->source->is_file && database != PG_SQL_ASCII &&
		(encoding == NULL ? pg_get_client_encoding() : pg_char_to_encoding(encoding)) == database)
	{
		as_bytes = true;
		encoding = pg_encoding_to_char(PG_SQL_ASCII);
	}
	list = lappend(list, makeDefElem("format", (Node *) makeString("csv"), -1));
	list = lappend(list, makeDefElem("delimiter", (Node *) makeString(pstrdup(options->delimiter)), -1));
	list = lappend(list, makeDefElem("quote", (Node *) makeString(pstrdup(options->quote)), -1));
	if (options->escape != NULL)
		list = lappend(list, makeDefElem("escape", (Node *) makeString(pstrdup(options->escape)), -1));
	if (encoding != NULL)
		list = lappend(list, makeDefElem("encoding", (Node *) makeString(pstrdup(encoding)), -1));
	return list;
}

/* Is a value a mark of NULL? */
static inline bool
is_null(const List *marks, const char *value, size_t length)
{
	ListCell   *cell;

	foreach(cell, marks)
	{
		const char *mark = lfirst(cell);

		if (*mark == *value && strcmp(mark, value) == 0)
			return true;
	}
	return false;
}

/* The header, or as many columns as the first line has. */
static void
make_columns(Load *load, const CsvOptions *options, char **fields, int n)
{
	load_check_columns(load, n);
	for (int i = 0; i < n; i++)
		if (options->header)
			load_add_column(load, fields[i] != NULL ? fields[i] : "",
							fields[i] != NULL ? strlen(fields[i]) : 0);
		else
			load_add_column(load, NULL, 0);
	load_name_columns(load);
	load_type_columns(load);
	/* values of columns whose type is known are not looked at */
	for (int i = 0; i < n; i++)
		if (OidIsValid(load->relid) || load->columns[i].given_type != NULL)
			load->columns[i].guess.kinds = GUESS_TEXT;
	if (fields[0] != NULL && (fields[0][0] == '{' || fields[0][0] == '['))
		load_note(load, "the first line begins as JSON does: is echolon_load_json meant?");
	else if (n == 1 && options->header && fields[0] != NULL)
	{
		char		other = options->delimiter[0] == ';' ? ',' : ';';

		if (strchr(fields[0], other) != NULL || strchr(fields[0], '\t') != NULL || strchr(fields[0], '|') != NULL)
			load_note(load, "there is one column only, \"%s\": is delimiter => '%s' wrong?",
					  load->columns[0].name, options->delimiter);
	}
}

/* A line with another number of fields. */
static void
refuse_ragged(Load *load, CopyFromState cstate, char **fields, int n)
{
	uint64		line = cstate->cur_lineno;
	char	   *message;

	if (n < load->ncolumns)
	{
		message = psprintf("line %llu has no value for column \"%s\": %d of %d fields are there",
						   (unsigned long long) line, load->columns[n].name, n, load->ncolumns);
		load_refuse(load, line, load->columns[n].name, cstate->line_buf.data, cstate->line_buf.len,
					ERRCODE_BAD_COPY_FILE_FORMAT, message, NULL);
	}
	else
	{
		message = psprintf("line %llu has %d fields, and there are %d columns",
						   (unsigned long long) line, n, load->ncolumns);
		load_refuse(load, line, NULL, cstate->line_buf.data, cstate->line_buf.len,
					ERRCODE_BAD_COPY_FILE_FORMAT, message,
					"A field that has the delimiter in it must be quoted.");
	}
}

/* Is a text in the database's encoding? */
static bool
is_valid(const char *text, int length)
{
	return !as_bytes || pg_encoding_verifymbstr(GetDatabaseEncoding(), text, length) == length;
}

/* The first bytes of a value, those that are no letters as \xNN. */
static char *
show_bytes(const char *value)
{
	int			encoding = GetDatabaseEncoding(),
				left = (int) Min(strlen(value), EXCERPT_BYTES);
	StringInfoData shown;

	initStringInfo(&shown);
	while (left > 0)
	{
		int			length = pg_encoding_verifymbchar(encoding, value, left);

		if (length > 0)
			appendBinaryStringInfo(&shown, value, length);
		else
			appendStringInfo(&shown, "\\x%02x", (unsigned char) *value);
		length = Max(length, 1);
		value += length;
		left -= length;
	}
	return shown.data;
}

/* A line with bytes of another encoding. */
static void
refuse_bytes(Load *load, CopyFromState cstate, char **fields, int n)
{
	uint64		line = cstate->cur_lineno;
	int			i = 0;
	char	   *value;

	while (i < n - 1 && (fields[i] == NULL || is_valid(fields[i], (int) strlen(fields[i]))))
		i++;
	value = show_bytes(fields[i] != NULL ? fields[i] : "");
	if (load->ncolumns == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("line %llu is not valid %s", (unsigned long long) line, GetDatabaseEncodingName()),
				 errdetail("It is the first one, and has the name \"%s\" in it.", value),
				 errhint("Name the encoding of the file, for example encoding => 'LATIN1'.")));
	load_refuse(load, line, i < load->ncolumns ? load->columns[i].name : NULL, value, strlen(value),
				ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
				psprintf("line %llu is not valid %s", (unsigned long long) line, GetDatabaseEncodingName()),
				"Name the encoding of the file, for example encoding => 'LATIN1'.");
}

/* One line of data, which may be a blank one. */
static void
add_line(Load *load, const CsvOptions *options, CopyFromState cstate, char **fields, int n)
{
	/* Blank lines are no rows, but where they are the one value of one column. */
	if (n == 1 && load->ncolumns > 1 && fields[0] == NULL && cstate->line_buf.len == 0)
		return;
	if (n != load->ncolumns)
	{
		refuse_ragged(load, cstate, fields, n);
		return;
	}
	for (int i = 0; i < n; i++)
	{
		const char *value = fields[i] != NULL ? fields[i] : "";
		size_t		length = strlen(value);

		CHECK_FOR_INTERRUPTS();
		if (is_null(options->null_marks, value, length))
			spool_null(&load->spool);
		else
		{
			guess_text(&load->columns[i].guess, value, length, cstate->cur_lineno);
			spool_field(&load->spool, value, length);
		}
	}
	spool_end_row(&load->spool, cstate->cur_lineno);
}

/* COPY found the end of the source before it had it all: \. stands there. */
static void
check_end(Load *load, CopyFromState cstate)
{
	char		byte;

	if (INPUT_BUF_BYTES(cstate) > 0 ||
		(!load->source->ended && load_source_read(load->source, &byte, 1) > 0))
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("line %llu ends the data, and there is more behind it",
						(unsigned long long) cstate->cur_lineno),
				 errdetail("To COPY, \\. alone in a line is the end of the data."),
				 errhint("Quote it where it is a value, or cut off what follows.")));
}

/* All lines. */
static void
read_lines(Load *load, const CsvOptions *options, CopyFromState cstate)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "line of a load", ALLOCSET_SMALL_SIZES);
	MemoryContext old = CurrentMemoryContext;
	char	  **fields;
	int			n;

	while (NextCopyFromRawFields(cstate, &fields, &n))
	{
		CHECK_FOR_INTERRUPTS();
		bytes_since_line = 0;
		lines_read = cstate->cur_lineno;
		MemoryContextSwitchTo(context);
		if (!is_valid(cstate->line_buf.data, cstate->line_buf.len))
			refuse_bytes(load, cstate, fields, n);
		else if (load->ncolumns > 0)
			add_line(load, options, cstate, fields, n);
		else if (cstate->line_buf.len > 0)	/* blank lines before the first are none */
		{
			make_columns(load, options, fields, n);
			if (!options->header)
				add_line(load, options, cstate, fields, n);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	check_end(load, cstate);
	MemoryContextDelete(context);
}

/* Say more about an error of COPY, where there is more to say. */
static void
explain_error(const Load *load, ErrorData *error, const CopyFromState cstate)
{
	if (error->detail != NULL)
		return;
	if (as_bytes && error->sqlerrcode == ERRCODE_CHARACTER_NOT_IN_REPERTOIRE)
	{
		/* the only one that is never valid */
		error->message = psprintf("line %llu has a NUL byte", (unsigned long long) cstate->cur_lineno);
		error->hint = pstrdup("A file of UTF-16 has many: iconv -f UTF-16 -t UTF-8.");
	}
	else if (error->sqlerrcode == ERRCODE_CHARACTER_NOT_IN_REPERTOIRE ||
		error->sqlerrcode == ERRCODE_UNTRANSLATABLE_CHARACTER)
	{
		error->detail = psprintf("%s was read as %s, in line %llu.", load->source->name,
								 pg_encoding_to_char(cstate->file_encoding),
								 (unsigned long long) cstate->cur_lineno);
		if (load->source->is_file && error->hint == NULL)
			error->hint = pstrdup("Name the encoding of the file, for example encoding => 'LATIN1'.");
	}
	else if (error->sqlerrcode == ERRCODE_BAD_COPY_FILE_FORMAT)
		error->detail = psprintf("The record begins in line %llu.", (unsigned long long) lines_read + 1);
}

/* The context of an error is COPY's, but bytes that are no text must not get into it. */
static void
say_line(void *arg)
{
	CopyFromState cstate = arg;

	if (cstate->line_buf_valid && !is_valid(cstate->line_buf.data, cstate->line_buf.len))
		cstate->line_buf_valid = false;
	CopyFromErrorCallback(cstate);
}

void
load_read_csv(Load *load, const CsvOptions *options)
{
	MemoryContext old = CurrentMemoryContext;
	ErrorContextCallback callback;
	Relation	relation;
	CopyFromState cstate;

	if (OidIsValid(load->relid))
		relation = table_open(load->relid, NoLock);
	else
		relation = table_open(echolon_table_oid("load_error_store"), AccessShareLock);
	cstate = BeginCopyFrom(NULL, relation, NULL, NULL, false, read_source, NIL, copy_options(load, options));
	cstate->cur_relname = load->table;
	if (!OidIsValid(load->relid))
		pgstat_progress_start_command(PROGRESS_COMMAND_COPY, InvalidOid);
	pgstat_progress_update_param(PROGRESS_COPY_COMMAND, PROGRESS_COPY_COMMAND_FROM);
	pgstat_progress_update_param(PROGRESS_COPY_TYPE, load->source->is_file ?
								 PROGRESS_COPY_TYPE_FILE : PROGRESS_COPY_TYPE_CALLBACK);
	pgstat_progress_update_param(PROGRESS_COPY_BYTES_TOTAL, (int64) load->source->length);
	progress_phase(PHASE_READING, load->source->length);

	current_source = load->source;
	bytes_since_line = 0;
	lines_read = 0;
	/* a line is there three times: as it is, split, and escaped */
	line_limit = Min(LOAD_RECORD_MAX, max_memory_bytes() / 4);
	callback.callback = say_line;
	callback.arg = cstate;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	PG_TRY();
	{
		read_lines(load, options, cstate);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		explain_error(load, error, cstate);
		ReThrowError(error);
	}
	PG_END_TRY();
	error_context_stack = callback.previous;

	EndCopyFrom(cstate);
	table_close(relation, OidIsValid(load->relid) ? NoLock : AccessShareLock);
	if (load->ncolumns == 0)
		load_source_empty(load->source);
}
