/*
 * validate_hints.c
 *		Sentences and calls for the messages and hints of echolon_validate.
 *
 * A hint is made to be copied and run, so every name in it is quoted for the place it stands in: a
 * column may be called anything.
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_class.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "data/words.h"
#include "operate/validate.h"

#define EXAMPLE_BYTES	40

/* ---- counts ----------------------------------------------------------------------- */

char *
validate_of_rows(const Validation *v, uint64 n)
{
	double		share = (double) n / Max(v->frame->nrows, 1);

	return psprintf("%s of %s rows (%s)", words_count(n), words_count(v->frame->nrows),
					n > 0 && share < 0.0005 ? "under 0.1 %" : words_percent(share));
}

char *
validate_rows_have(const Validation *v, uint64 n)
{
	return psprintf("%s %s", validate_of_rows(v, n), n == 1 ? "has" : "have");
}

char *
validate_rows_are(const Validation *v, uint64 n)
{
	return psprintf("%s %s", validate_of_rows(v, n), n == 1 ? "is" : "are");
}

char *
validate_example(const char *text)
{
	int			length = (int) strlen(text);
	int			kept = pg_mbcliplen(text, length, EXAMPLE_BYTES);

	return kept == length ? quote_literal_cstr(text) : psprintf("%s...", quote_literal_cstr(pnstrdup(text, kept)));
}

/* ---- names -------------------------------------------------------------------------- */

/* Does an element of an array stand for itself? */
static bool
plain_element(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!islower((unsigned char) *p) && !isdigit((unsigned char) *p) && *p != '_')
			return false;
	return *name != '\0' && strcmp(name, "null") != 0;
}

char *
validate_names_literal(List *names)
{
	StringInfoData array;
	ListCell   *cell;

	initStringInfo(&array);
	foreach(cell, names)
	{
		const char *name = lfirst(cell);

		appendStringInfoChar(&array, array.len == 0 ? '{' : ',');
		if (plain_element(name))
		{
			appendStringInfoString(&array, name);
			continue;
		}
		appendStringInfoChar(&array, '"');
		for (const char *p = name; *p; p++)
		{
			if (*p == '"' || *p == '\\')
				appendStringInfoChar(&array, '\\');
			appendStringInfoChar(&array, *p);
		}
		appendStringInfoChar(&array, '"');
	}
	appendStringInfoChar(&array, '}');
	return quote_literal_cstr(array.data);
}

char *
validate_exclude(List *names)
{
	return psprintf("exclude => %s", validate_names_literal(names));
}

char *
validate_name_argument(const Validation *v, const char *suffix)
{
	int			room = NAMEDATALEN - 1 - (int) strlen(suffix);
	int			length = pg_mbcliplen(v->relname, (int) strlen(v->relname), room);
	char	   *name = psprintf("%.*s%s", length, v->relname, suffix);

	/* what has a dot is read as schema.name */
	return quote_literal_cstr(strchr(name, '.') ? quote_identifier(name) : name);
}

/* ---- calls ---------------------------------------------------------------------------- */

bool
validate_is_table(const Validation *v)
{
	return v->relkind == RELKIND_RELATION || v->relkind == RELKIND_PARTITIONED_TABLE;
}

char *
validate_training(const Validation *v, const char *arguments)
{
	if (v->target == NULL)
		return NULL;
	return psprintf("SELECT * FROM echolon_train_rf(%s, %s, %s);", v->relation, quote_literal_cstr(v->target), arguments);
}

char *
validate_preprocess(const Validation *v, const char *arguments)
{
	if (v->temporary)
		return NULL;
	return psprintf("SELECT * FROM echolon_preprocess(%s, %s, %s%s);", validate_name_argument(v, "_clean"), v->relation,
					v->target ? psprintf("target => %s, ", quote_literal_cstr(v->target)) : "", arguments);
}
