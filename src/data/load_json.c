/*
 * load_json.c
 *		Objects of JSON into the spool.
 *
 * A file is an array of objects or objects one behind the other, one a line.  It is split here into objects,
 * by brackets and quotes only, so that a file may be larger than a value of PostgreSQL; each is
 * then parsed by PostgreSQL's parser.  An object inside an object is flattened, its names with a dot
 * between them; an array is kept as a document.  Columns come in the order in which names appear; rows
 * before that lack them.
 *
 * What stands in quotes in JSON is a text or a date, never a number.
 */
#include "postgres.h"

#include "commands/progress.h"
#include "common/hashfn.h"
#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"

#include "data/frame.h"
#include "data/load.h"
#include "model/model.h"
#include "model/progress.h"

#define CHUNK				65536	/* bytes read at once */
#define DEPTH_MAX			1000	/* brackets inside brackets */
#define SLOTS				8192	/* of the table of names: a power of two above twice the most columns */
#define NAME_BYTES			8192	/* a longer name is none; it stands before every name inside of its object */
#define ABSENT				(-1)

/* One value of the object that is parsed. */
typedef struct FieldValue
{
	int			offset;			/* in values; ABSENT: NULL or missing */
	int			length;
	uint8		kinds;			/* what it can be */
} FieldValue;

typedef struct JsonReader
{
	Load	   *load;
	/* the splitter */
	char	   *chunk;
	size_t		chunk_length,
				chunk_next;
	StringInfoData record;
	size_t		limit;			/* bytes a record may have */
	uint64		line;			/* of the splitter */
	uint64		record_line;	/* in which the record begins */
	bool		array;			/* the source is an array of objects */
	bool		lines;			/* the source has an object a line: its first one was */
	bool		first;			/* nothing but its bracket has been read */
	bool		closed;			/* that array has ended */
	char	   *brackets;		/* open ones of the record, up to DEPTH_MAX */
	uint64		objects;		/* so far */
	/* the parser */
	JsonLexContext *lex;
	StringInfoData path;		/* names down to the current one, with dots between them */
	int		   *path_lengths;	/* of each level */
	int			depth;			/* of objects */
	int			arrays;			/* of arrays; inside one nothing is looked at */
	const char *array_start;
	/* the object */
	StringInfoData values;		/* each ends with '\0' */
	FieldValue *fields;
	int			nfields;		/* allocated */
	int			next;			/* the column that comes next if this object is like the last one */
	int		   *slots;			/* columns by the hash of their names; ABSENT: free */
} JsonReader;

/* ---- columns ------------------------------------------------------------------------- */

/* The slot a name is in or belongs into. */
static int *
find_slot(JsonReader *reader, const char *name, size_t length)
{
	uint32		hash = hash_bytes((const unsigned char *) name, (int) length);
	int		   *slot;

	for (;; hash++)
	{
		slot = &reader->slots[hash & (SLOTS - 1)];
		if (*slot == ABSENT || strcmp(reader->load->columns[*slot].source_name, name) == 0)
			return slot;
	}
}

/* The column of a name, which may be new. */
static int
find_column(JsonReader *reader, const char *name, size_t length)
{
	Load	   *load = reader->load;
	int		   *slot;

	if (reader->next < load->ncolumns &&
		strcmp(load->columns[reader->next].source_name, name) == 0)
		return reader->next++;
	slot = find_slot(reader, name, length);
	if (*slot == ABSENT)
	{
		load_check_columns(load, load->ncolumns + 1);
		/* An existing table has no column more than it has: say so at once. */
		if (OidIsValid(load->relid))
			relation_column(load->relid, name);
		*slot = load->ncolumns;
		load_add_column(load, name, length);
		if (load->nallocated > reader->nfields)
		{
			reader->fields = repalloc(reader->fields, sizeof(FieldValue) * load->nallocated);
			reader->nfields = load->nallocated;
		}
		reader->fields[load->ncolumns - 1].offset = ABSENT;
	}
	reader->next = *slot + 1;
	return *slot;
}

/* Forget the columns that only a refused object has brought. */
static void
forget_columns(JsonReader *reader, int n)
{
	if (n == reader->load->ncolumns)
		return;
	load_cut_columns(reader->load, n);
	for (int i = 0; i < SLOTS; i++)
		reader->slots[i] = ABSENT;
	for (int i = 0; i < n; i++)
	{
		const char *name = reader->load->columns[i].source_name;

		*find_slot(reader, name, strlen(name)) = i;
	}
}

/* ---- the parser's actions ---------------------------------------------------------------- */

/* The value of the current name; the last one of an object counts. */
static void
put_value(JsonReader *reader, uint8 kinds, const char *value, size_t length)
{
	/* first, as a new column may move the fields */
	int			column = find_column(reader, reader->path.data, reader->path.len);
	FieldValue *field = &reader->fields[column];

	if (value == NULL)
	{
		field->offset = ABSENT;
		return;
	}
	field->offset = reader->values.len;
	field->length = (int) length;
	field->kinds = kinds;
	appendBinaryStringInfo(&reader->values, value, (int) length);
	appendStringInfoChar(&reader->values, '\0');
}

static JSON_ACTION
object_start(void *state)
{
	JsonReader *reader = state;

	if (reader->arrays == 0)
		reader->path_lengths[reader->depth++] = reader->path.len;
	JSON_ACTION_END;
}

static JSON_ACTION
object_end(void *state)
{
	JsonReader *reader = state;

	if (reader->arrays == 0)
		reader->depth--;
	JSON_ACTION_END;
}

static JSON_ACTION
field_start(void *state, char *name, bool isnull)
{
	JsonReader *reader = state;

	if (reader->arrays == 0)
	{
		if (reader->path.len + strlen(name) > NAME_BYTES)
			ereport(ERROR,
					(errcode(ERRCODE_NAME_TOO_LONG),
					 errmsg("object %llu, in line %llu, has a name of more than %d bytes",
							(unsigned long long) reader->objects, (unsigned long long) reader->record_line, NAME_BYTES),
					 errdetail("It begins with \"%s\".", load_excerpt(name, strlen(name), 60))));
		if (reader->depth > 1)
			appendStringInfoChar(&reader->path, '.');
		appendStringInfoString(&reader->path, name);
	}
	JSON_ACTION_END;
}

static JSON_ACTION
field_end(void *state, char *name, bool isnull)
{
	JsonReader *reader = state;

	if (reader->arrays == 0)
	{
		reader->path.len = reader->path_lengths[reader->depth - 1];
		reader->path.data[reader->path.len] = '\0';
	}
	JSON_ACTION_END;
}

static JSON_ACTION
array_start(void *state)
{
	JsonReader *reader = state;

	if (reader->arrays++ == 0)
		reader->array_start = reader->lex->token_start;
	JSON_ACTION_END;
}

static JSON_ACTION
array_end(void *state)
{
	JsonReader *reader = state;

	if (--reader->arrays == 0)
		put_value(reader, GUESS_DOCUMENT, reader->array_start,
				  reader->lex->prev_token_terminator - reader->array_start);
	JSON_ACTION_END;
}

static JSON_ACTION
scalar(void *state, char *token, JsonTokenType type)
{
	JsonReader *reader = state;

	/* an object may be of megabytes */
	CHECK_FOR_INTERRUPTS();
	if (reader->arrays == 0)
		switch (type)
		{
			case JSON_TOKEN_NULL:
				put_value(reader, 0, NULL, 0);
				break;
			case JSON_TOKEN_NUMBER:
				put_value(reader, GUESS_NUMBER, token, strlen(token));
				break;
			case JSON_TOKEN_TRUE:
			case JSON_TOKEN_FALSE:
				put_value(reader, GUESS_BOOLEAN, token, strlen(token));
				break;
			default:
				put_value(reader, GUESS_TIMES, token, strlen(token));
		}
	JSON_ACTION_END;
}

/* ---- one object ------------------------------------------------------------------------- */

/* Refuse what was read last. */
static void
refuse(JsonReader *reader, const char *why, const char *hint)
{
	Load	   *load = reader->load;
	size_t		shown = pg_mbcliplen(reader->record.data, reader->record.len, 2000);
	int			encoding = GetDatabaseEncoding();

	/* what is not in the encoding must not get into a message or the store */
	shown = pg_encoding_verifymbstr(encoding, reader->record.data, (int) shown);
	load_refuse(load, reader->objects, NULL, reader->record.data, shown,
				ERRCODE_INVALID_TEXT_REPRESENTATION,
				psprintf("object %llu, in line %llu, %s", (unsigned long long) reader->objects,
						 (unsigned long long) reader->record_line, why), hint);
}

/* The values of a parsed object, as a row of the spool. */
static void
add_row(JsonReader *reader)
{
	Load	   *load = reader->load;

	for (int i = 0; i < load->ncolumns; i++)
	{
		FieldValue *field = &reader->fields[i];
		const char *value = reader->values.data + field->offset;

		if (field->offset == ABSENT)
			spool_null(&load->spool);
		else
		{
			if (!OidIsValid(load->relid))
				guess_among(&load->columns[i].guess, field->kinds, value, field->length, reader->objects);
			spool_field(&load->spool, value, field->length);
		}
	}
	spool_end_row(&load->spool, reader->objects);
}

/* Is the record in the database's encoding?  Converts it where the source is not in it. */
static bool
convert_record(JsonReader *reader)
{
	char	   *converted;

	/* JSON in files is UTF-8; content is a value of this database */
	if (reader->load->source->is_file && GetDatabaseEncoding() != PG_UTF8 &&
		GetDatabaseEncoding() != PG_SQL_ASCII)
	{
		if (pg_encoding_verifymbstr(PG_UTF8, reader->record.data, reader->record.len) != reader->record.len)
			return false;
		converted = pg_any_to_server(reader->record.data, reader->record.len, PG_UTF8);
		if (converted != reader->record.data)
		{
			resetStringInfo(&reader->record);
			appendStringInfoString(&reader->record, converted);
		}
	}
	return pg_encoding_verifymbstr(GetDatabaseEncoding(), reader->record.data, reader->record.len) ==
		reader->record.len;
}

/* The record is complete.  depth: how deep its brackets go. */
static void
add_record(JsonReader *reader, int depth)
{
	JsonSemAction actions = {
		.semstate = reader,
		.object_start = object_start,
		.object_end = object_end,
		.array_start = array_start,
		.array_end = array_end,
		.object_field_start = field_start,
		.object_field_end = field_end,
		.scalar = scalar
	};
	JsonParseErrorType result;
	int			before = reader->load->ncolumns;

	reader->objects++;
	if (depth > DEPTH_MAX)
	{
		refuse(reader, psprintf("is nested deeper than %d levels", DEPTH_MAX), NULL);
		return;
	}
	if (!convert_record(reader))
	{
		refuse(reader, reader->load->source->is_file ? "is not valid UTF-8" : "is not valid text",
			   "JSON in a file must be UTF-8; iconv converts it.");
		return;
	}
	if (reader->record.data[0] != '{')
	{
		refuse(reader, "is not an object", "It takes objects: {\"name\": value, ...}.");
		return;
	}
	for (int i = 0; i < before; i++)
		reader->fields[i].offset = ABSENT;
	resetStringInfo(&reader->values);
	resetStringInfo(&reader->path);
	reader->depth = reader->arrays = reader->next = 0;
	reader->lex = json_lexer_compat(reader->record.data, reader->record.len, GetDatabaseEncoding());
	result = pg_parse_json(reader->lex, &actions);
	if (result == JSON_SUCCESS)
	{
		add_row(reader);
		return;
	}
	forget_columns(reader, before);
	refuse(reader, psprintf("is not valid JSON: %s", json_errdetail(result, reader->lex)),
		   strstr(reader->record.data, "NaN") != NULL || strstr(reader->record.data, "Infinity") != NULL ?
		   "JSON has no NaN and no Infinity: a missing number is null." : NULL);
}

/* ---- the splitter ------------------------------------------------------------------------- */

/* The next byte, or -1; it stays there until it is taken. */
static inline int
peek_byte(JsonReader *reader)
{
	if (reader->chunk_next == reader->chunk_length)
	{
		reader->chunk_length = load_source_read(reader->load->source, reader->chunk, CHUNK);
		reader->chunk_next = 0;
		pgstat_progress_update_param(PROGRESS_COPY_BYTES_PROCESSED, (int64) reader->load->source->read);
		if (reader->chunk_length == 0)
			return -1;
	}
	return (unsigned char) reader->chunk[reader->chunk_next];
}

static inline void
take_byte(JsonReader *reader)
{
	if (reader->chunk[reader->chunk_next++] == '\n')
		reader->line++;
}

/* Take a byte into the record. */
static inline void
keep_byte(JsonReader *reader, char byte)
{
	if ((size_t) reader->record.len >= reader->limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the object that begins in line %llu is longer than %zu MB",
						(unsigned long long) reader->record_line, reader->limit / (1024 * 1024)),
				 errdetail("A quote or bracket that is not closed makes one object of all that follows."),
				 reader->limit < LOAD_RECORD_MAX ?
				 errhint("Mend the object, or raise echolon.max_memory.") : 0));
	appendStringInfoCharMacro(&reader->record, byte);
	take_byte(reader);
}

static inline bool
is_space(int byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Skip blanks; the byte behind them, or -1. */
static int
skip_space(JsonReader *reader)
{
	int			byte;

	while (is_space(byte = peek_byte(reader)))
		take_byte(reader);
	return byte;
}

/* Raise that the array around the objects is not one. */
static _Noreturn void
bad_array(const JsonReader *reader, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("%s in line %llu of %s", what, (unsigned long long) reader->line,
					reader->load->source->name),
			 errdetail("It is behind object %llu.", (unsigned long long) reader->objects)));
}

/*
 * The depth behind a closing bracket; -1: nothing is open that it closes.  One that is open inside of what it
 * closes is an error of the record, which is closed all the same.
 */
static int
close_bracket(const JsonReader *reader, int depth, char byte)
{
	if (depth > DEPTH_MAX)
		return depth - 1;
	while (--depth >= 0)
		if (reader->brackets[depth] == (byte == '}' ? '{' : '['))
			return depth;
	return -1;
}

/*
 * An object, array or whatever stands there, up to where it ends; how deep its brackets go.  Where there is an object a
 * line, a broken one ends with its line.  Elsewhere it ends where a line ends in the middle of a
 * string, or the next one begins an object where none can be.
 */
static int
read_record(JsonReader *reader)
{
	int			depth = 0,
				deepest = 0,
				byte;
	char		before = '\0';	/* the last byte that is not blank */
	bool		quoted = false,
				closes;

	resetStringInfo(&reader->record);
	reader->record_line = reader->line;
	while ((byte = peek_byte(reader)) >= 0)
	{
		if (byte == '\n' && (reader->lines || (quoted && !reader->array)) && reader->record.len > 0)
			break;
		if (quoted)
		{
			keep_byte(reader, byte);
			if (byte == '\\' && peek_byte(reader) >= 0 && peek_byte(reader) != '\n')
				keep_byte(reader, peek_byte(reader));
			else if (byte == '"')
				quoted = false;
			before = '"';
			continue;
		}
		/* what is no object ends with the line, or where the next one begins */
		if (depth == 0 && reader->record.len > 0 &&
			(reader->array ? byte == ',' || byte == ']' : byte == '\n'))
			break;
		if (byte == '{' && depth > 0 && !reader->array && reader->record.data[reader->record.len - 1] == '\n' &&
			before != ':' && before != ',' && before != '[')
			break;
		closes = byte == '}' || byte == ']';
		if (closes)
		{
			depth = close_bracket(reader, depth, (char) byte);
			/* of the array around: the record was not closed */
			if (depth < 0 && byte == ']' && reader->array && reader->record.len > 0)
				break;
		}
		keep_byte(reader, byte);
		if (byte == '"')
			quoted = true;
		else if (byte == '{' || byte == '[')
		{
			if (depth < DEPTH_MAX)
				reader->brackets[depth] = (char) byte;
			depth++;
			deepest = Max(deepest, depth);
		}
		if (!is_space(byte))
			before = (char) byte;
		if (closes && depth <= 0)
		{
			if (reader->objects == 0 && !reader->array && depth == 0)
				reader->lines = reader->line == reader->record_line;
			break;
		}
	}
	while (reader->record.len > 0 && is_space((unsigned char) reader->record.data[reader->record.len - 1]))
		reader->record.data[--reader->record.len] = '\0';
	return deepest;
}

/* Go to the next record; false: there is none. */
static bool
find_record(JsonReader *reader)
{
	int			byte = skip_space(reader);

	if (!reader->array)
	{
		/* objects with commas between them are taken as well */
		if (byte == ',' && reader->objects > 0)
		{
			take_byte(reader);
			byte = skip_space(reader);
		}
		return byte >= 0;
	}
	if (reader->closed)
	{
		if (byte >= 0)
			bad_array(reader, "there is more behind the array");
		return false;
	}
	if (byte == ']' && reader->first)
	{
		take_byte(reader);
		reader->closed = true;
		return find_record(reader);
	}
	if (!reader->first)
	{
		if (byte == ']')
		{
			take_byte(reader);
			reader->closed = true;
			return find_record(reader);
		}
		if (byte != ',')
			bad_array(reader, byte < 0 ? "the array is not closed" : "a comma or ] is missing");
		take_byte(reader);
		byte = skip_space(reader);
	}
	reader->first = false;
	if (byte < 0)
		bad_array(reader, "the array is not closed");
	if (byte == ',' || byte == ']')
		bad_array(reader, "an object is missing");
	return true;
}

/* Where an error came up. */
static void
say_where(void *arg)
{
	const JsonReader *reader = arg;

	if (reader->objects > 0)
		errcontext("object %llu, line %llu of %s", (unsigned long long) reader->objects,
				   (unsigned long long) reader->record_line, reader->load->source->name);
}

/* All objects. */
static void
read_objects(JsonReader *reader)
{
	ErrorContextCallback callback = {error_context_stack, say_where, reader};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "object of a load", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;
	int			byte;

	error_context_stack = &callback;
	byte = skip_space(reader);
	if (byte < 0)
		load_source_empty(reader->load->source);
	if (byte == '[')
	{
		reader->array = reader->first = true;
		take_byte(reader);
	}
	while (find_record(reader))
	{
		int			depth;

		CHECK_FOR_INTERRUPTS();
		depth = read_record(reader);
		MemoryContextSwitchTo(context);
		add_record(reader, depth);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	error_context_stack = callback.previous;
}

void
load_read_json(Load *load)
{
	JsonReader *reader = palloc0(sizeof(JsonReader));

	reader->load = load;
	reader->line = 1;
	/* an object is there three times: as it is, as values, and escaped */
	reader->limit = Min(LOAD_RECORD_MAX, max_memory_bytes() / 4);
	reader->chunk = palloc(CHUNK);
	initStringInfo(&reader->record);
	initStringInfo(&reader->path);
	initStringInfo(&reader->values);
	reader->brackets = palloc(DEPTH_MAX);
	reader->path_lengths = palloc(sizeof(int) * (DEPTH_MAX + 1));
	reader->nfields = 1;
	reader->fields = palloc(sizeof(FieldValue));
	reader->slots = palloc(sizeof(int) * SLOTS);
	for (int i = 0; i < SLOTS; i++)
		reader->slots[i] = ABSENT;
	StaticAssertStmt(SLOTS > 2 * 1600, "room for every column a table can have");

	pgstat_progress_start_command(PROGRESS_COMMAND_COPY, load->relid);
	pgstat_progress_update_param(PROGRESS_COPY_COMMAND, PROGRESS_COPY_COMMAND_FROM);
	pgstat_progress_update_param(PROGRESS_COPY_TYPE, load->source->is_file ?
								 PROGRESS_COPY_TYPE_FILE : PROGRESS_COPY_TYPE_CALLBACK);
	pgstat_progress_update_param(PROGRESS_COPY_BYTES_TOTAL, (int64) load->source->length);
	progress_phase(PHASE_READING, load->source->length);
	read_objects(reader);
	pgstat_progress_end_command();

	if (load->ncolumns == 0 && OidIsValid(load->relid) && load->spool.rows == 0)
		return;
	if (load->ncolumns == 0)
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("there is no object with a name in %s", load->source->name),
				 errhint("It takes an array of objects, or one object a line: {\"name\": value, ...}.")));
	load_name_columns(load);
	load_type_columns(load);
}
