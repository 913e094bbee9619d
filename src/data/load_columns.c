/*
 * load_columns.c
 *		Names and types of the columns of a load.
 *
 * A new table gets the names of the file as they are, as far as a table can have them: without
 * blanks around them, cut to 63 bytes, made up where there is none, numbered where they repeat.  Into an
 * existing table they must be its columns' names.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/heap.h"
#include "mb/pg_wchar.h"
#include "parser/parse_type.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "data/frame.h"
#include "data/load.h"
#include "model/model.h"

#define NOTES_MAX			30
#define COLUMNS_FIRST		32	/* allocated at once */

void
load_note(Load *load, const char *format,...)
{
	MemoryContext old = MemoryContextSwitchTo(load->context);
	StringInfoData note;
	int			more;

	if (list_length(load->notes) < NOTES_MAX)
	{
		initStringInfo(&note);
		for (;;)
		{
			va_list		args;

			va_start(args, format);
			more = appendStringInfoVA(&note, format, args);
			va_end(args);
			if (more == 0)
				break;
			enlargeStringInfo(&note, more);
		}
		load->notes = lappend(load->notes, note.data);
	}
	else if (list_length(load->notes) == NOTES_MAX)
		load->notes = lappend(load->notes, "there are more notes than these");
	MemoryContextSwitchTo(old);
}

void
load_check_columns(const Load *load, int64 n)
{
	if (n > MaxHeapAttributeNumber)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_COLUMNS),
				 errmsg("%s has more columns than a table can have", load->source->name),
				 errdetail("It has at least %lld, a table at most %d.", (long long) n,
						   MaxHeapAttributeNumber),
				 errhint("Split the file, or turn columns into rows of (name, value).")));
}

LoadColumn *
load_add_column(Load *load, const char *name, size_t length)
{
	MemoryContext old = MemoryContextSwitchTo(load->context);
	LoadColumn *column;

	if (load->ncolumns == load->nallocated)
	{
		load->nallocated = Max(load->nallocated * 2, COLUMNS_FIRST);
		if (load->columns == NULL)
			load->columns = palloc(mul_size(sizeof(LoadColumn), load->nallocated));
		else
			load->columns = repalloc(load->columns, mul_size(sizeof(LoadColumn), load->nallocated));
	}
	column = &load->columns[load->ncolumns++];
	memset(column, 0, sizeof(*column));
	guess_init(&column->guess);
	if (name != NULL)
		column->source_name = pnstrdup(name, length);
	MemoryContextSwitchTo(old);
	return column;
}

void
load_cut_columns(Load *load, int n)
{
	load->ncolumns = Min(load->ncolumns, n);
}

/* ---- names -------------------------------------------------------------------------- */

/* A name without blanks around it, as long as an identifier can be. */
static char *
tidy_name(const char *name)
{
	size_t		length;

	while (*name != '\0' && scanner_isspace(*name))
		name++;
	length = strlen(name);
	while (length > 0 && scanner_isspace(name[length - 1]))
		length--;
	return pnstrdup(name, pg_mbcliplen(name, (int) Min(length, INT_MAX), NAMEDATALEN - 1));
}

/* A name with a number behind it, cut before that. */
static char *
numbered_name(const char *name, int number)
{
	char	   *suffix = psprintf("_%d", number);
	int			kept = pg_mbcliplen(name, (int) strlen(name), NAMEDATALEN - 1 - (int) strlen(suffix));

	return psprintf("%.*s%s", kept, name, suffix);
}

/* Take a name; false: it is taken. */
static bool
take_name(HTAB *taken, const char *name)
{
	char		key[NAMEDATALEN] = {0};
	bool		found;

	if (SystemAttributeByName(name) != NULL)
		return false;
	strlcpy(key, name, sizeof(key));
	hash_search(taken, key, HASH_ENTER, &found);
	return !found;
}

static HTAB *
name_table(void)
{
	HASHCTL		control = {0};

	control.keysize = NAMEDATALEN;
	control.entrysize = NAMEDATALEN;
	control.hcxt = CurrentMemoryContext;
	return hash_create("names of a load", 64, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/* Names that a new table can have. */
static void
name_new(Load *load)
{
	HTAB	   *taken = name_table();

	/* Names as they stand come first: what has to be changed must not take one away. */
	for (int i = 0; i < load->ncolumns; i++)
	{
		LoadColumn *column = &load->columns[i];
		char	   *name = tidy_name(column->source_name != NULL ? column->source_name : "");

		if (*name != '\0' && take_name(taken, name))
		{
			column->name = name;
			if (strlen(column->source_name) >= NAMEDATALEN && strlen(name) > NAMEDATALEN - 1 - MAX_MULTIBYTE_CHAR_LEN)
				load_note(load, "column %d has a name of %zu bytes, which was cut to \"%s\"", i + 1,
						  strlen(column->source_name), name);
		}
	}
	for (int i = 0; i < load->ncolumns; i++)
	{
		LoadColumn *column = &load->columns[i];
		char	   *wanted;
		int			number = 2;

		if (column->name != NULL)
			continue;
		wanted = tidy_name(column->source_name != NULL ? column->source_name : "");
		if (*wanted == '\0')
			column->name = psprintf("column_%d", i + 1);
		else
			column->name = numbered_name(wanted, number++);
		while (!take_name(taken, column->name))
			column->name = numbered_name(*wanted == '\0' ? psprintf("column_%d", i + 1) : wanted, number++);
		if (*wanted != '\0')
			load_note(load, "column %d is called \"%s\", as the name \"%s\" is taken", i + 1, column->name, wanted);
		else if (column->source_name != NULL)
			load_note(load, "column %d has no name and is called \"%s\"", i + 1, column->name);
	}
	hash_destroy(taken);
}

/* The columns of the table a file without names is for: those COPY would take. */
static List *
columns_by_place(Oid relid)
{
	Relation	relation = table_open(relid, NoLock);
	List	   *names = NIL;

	for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

		if (!attribute->attisdropped && attribute->attgenerated == '\0')
			names = lappend(names, pstrdup(NameStr(attribute->attname)));
	}
	table_close(relation, NoLock);
	return names;
}

/* Names that must be those of an existing table. */
static void
name_existing(Load *load)
{
	HTAB	   *taken;
	bool		named = false;

	for (int i = 0; i < load->ncolumns; i++)
		named |= load->columns[i].source_name != NULL;
	if (!named)
	{
		List	   *names = columns_by_place(load->relid);

		if (list_length(names) != load->ncolumns)
			ereport(ERROR,
					(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
					 errmsg("%s has %d columns and table \"%s\" has %d", load->source->name,
							load->ncolumns, get_rel_name(load->relid), list_length(names)),
					 errdetail("Without a header columns are matched by their place."),
					 errhint("Add a line with the names of the columns, which may be fewer, and leave header out.")));
		for (int i = 0; i < load->ncolumns; i++)
			load->columns[i].name = list_nth(names, i);
		return;
	}

	taken = name_table();
	for (int i = 0; i < load->ncolumns; i++)
	{
		LoadColumn *column = &load->columns[i];

		column->name = tidy_name(column->source_name);
		if (*column->name == '\0')
			ereport(ERROR,
					(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
					 errmsg("column %d of %s has no name", i + 1, load->source->name),
					 errhint("An existing table is loaded by the names of its columns.")));
		relation_column(load->relid, column->name);
		if (!take_name(taken, column->name))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column \"%s\" appears twice in %s", column->name, load->source->name)));
	}
	hash_destroy(taken);
}

void
load_name_columns(Load *load)
{
	MemoryContext old = MemoryContextSwitchTo(load->context);

	if (OidIsValid(load->relid))
	{
		name_existing(load);
		load_check_target_columns(load);
	}
	else
		name_new(load);
	MemoryContextSwitchTo(old);
}

/* ---- types that were given --------------------------------------------------------------- */

/* Raise that column_types names a column that is not there. */
static _Noreturn void
no_column(const Load *load, const char *name)
{
	const char **names = palloc(mul_size(sizeof(char *), Max(load->ncolumns, 1)));
	const char *near;

	for (int i = 0; i < load->ncolumns; i++)
		names[i] = load->columns[i].name;
	near = closest_name(name, names, load->ncolumns);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of column_types does not exist in %s", name, load->source->name),
			 near != NULL ? errhint("Check the column's name: did you mean \"%s\"?", near) :
			 errhint("Name columns as the new table will have them.")));
}

/* A type as SQL that means the same whatever the search_path. */
static char *
type_sql(const char *column, const char *type)
{
	Oid			oid;
	int32		typmod;

	if (strspn(type, " \t\r\n") == strlen(type))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column_types has no type for column \"%s\"", column)));
	parse_type_compat(type, &oid, &typmod);
	return format_type_extended(oid, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

void
load_type_columns(Load *load)
{
	MemoryContext old = MemoryContextSwitchTo(load->context);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (load->column_types == NULL)
	{
		MemoryContextSwitchTo(old);
		return;
	}
	iterator = JsonbIteratorInit(&load->column_types->root);
	if (JsonbIteratorNext(&iterator, &value, false) != WJB_BEGIN_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column_types must be an object of names and types"),
				 errhint("For example '{\"postal_code\": \"text\", \"price\": \"numeric(10,2)\"}'.")));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_KEY)
	{
		char	   *name = pnstrdup(value.val.string.val, value.val.string.len);
		LoadColumn *column = NULL;

		for (int i = 0; i < load->ncolumns && column == NULL; i++)
			if (strcmp(load->columns[i].name, name) == 0)
				column = &load->columns[i];
		if (column == NULL)
			no_column(load, name);
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (value.type != jbvString)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column_types must have a type's name for column \"%s\"", name),
					 errhint("For example '{\"postal_code\": \"text\", \"price\": \"numeric(10,2)\"}'.")));
		column->given_type = type_sql(name, pnstrdup(value.val.string.val, value.val.string.len));
	}
	MemoryContextSwitchTo(old);
}
