/*
 * load_errors.c
 *		Lines that a load refused, and where they are kept.
 *
 * echolon.load_error_store is private; echolon.load_errors shows everyone what their own loads
 * refused, for it holds values of their data.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "data/frame.h"
#include "data/load.h"
#include "function.h"
#include "model/model.h"
#include "model/table.h"

#define VALUE_BYTES			1000	/* kept of a value */
#define DETAIL_BYTES		200		/* shown of it in a message */
#define STORE_ROWS			1000	/* in one statement */

PG_FUNCTION_INFO_V1(echolon_clear_load_errors);

char *
load_excerpt(const char *value, size_t length, size_t n)
{
	int			kept;

	if (length <= n)
		return pnstrdup(value, length);
	kept = pg_mbcliplen(value, (int) Min(length, n + MAX_MULTIBYTE_CHAR_LEN), (int) n);
	return psprintf("%.*s...", kept, value);
}

char *
load_where(const Load *load, uint64 place, const char *column, const char *value, size_t length)
{
	StringInfoData where;

	initStringInfo(&where);
	appendStringInfo(&where, "%c%s %llu", pg_toupper((unsigned char) load->unit[0]), load->unit + 1,
					 (unsigned long long) place);
	if (column != NULL)
		appendStringInfo(&where, ", column \"%s\"", column);
	if (value != NULL)
		appendStringInfo(&where, column != NULL ? ": \"%s\"" : ": %s", load_excerpt(value, length, DETAIL_BYTES));
	if (where.data[where.len - 1] != '.')
		appendStringInfoChar(&where, '.');
	return where.data;
}

char *
load_advice(const Load *load)
{
	return psprintf("Nothing was loaded; max_errors => %lld would load the good %ss and keep bad ones in echolon.load_errors.",
					(long long) Max(load->max_errors * 10, 100), load->unit);
}

/* Keep a line that is allowed to be bad. */
static void
keep_error(Load *load, uint64 place, const char *column, const char *value, size_t length,
		   const char *message)
{
	MemoryContext old = MemoryContextSwitchTo(load->context);
	LoadError  *error = palloc(sizeof(LoadError));

	error->place = place;
	error->column = column == NULL ? NULL : pstrdup(column);
	error->value = value == NULL ? NULL : load_excerpt(value, length, VALUE_BYTES);
	error->message = pstrdup(message);
	load->errors = lappend(load->errors, error);
	load->error_bytes += sizeof(LoadError) + strlen(message) + (value == NULL ? 0 : strlen(error->value)) + 100;
	MemoryContextSwitchTo(old);
	if (load->error_bytes > max_memory_bytes())
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%d refused lines do not fit into echolon.max_memory", list_length(load->errors)),
				 errhint("Mend the file, or raise echolon.max_memory.")));
}

void
load_refuse(Load *load, uint64 place, const char *column, const char *value, size_t length,
			int code, const char *message, const char *hint)
{
	if (list_length(load->errors) < load->max_errors)
	{
		keep_error(load, place, column, value, length, message);
		return;
	}
	ereport(ERROR,
			(errcode(code),
			 errmsg("%s", message),
			 errdetail("%s%s", load_where(load, place, column, value, length),
					   load->max_errors > 0 ? " It is one more than max_errors allows." : ""),
			 errhint("%s%s%s", hint == NULL ? "" : hint, hint == NULL ? "" : " ", load_advice(load))));
}

/* ---- the store --------------------------------------------------------------------- */

static int
compare_places(const ListCell *a, const ListCell *b)
{
	uint64		left = ((LoadError *) lfirst(a))->place,
				right = ((LoadError *) lfirst(b))->place;

	return left < right ? -1 : left > right;
}

/* Errors from one on, as four arrays. */
static int
store_some(const Load *load, int from, int64 load_id)
{
	int			n = Min(list_length(load->errors) - from, STORE_ROWS);
	int64	   *places = palloc(sizeof(int64) * n);
	const char **columns = palloc(sizeof(char *) * n),
			  **values = palloc(sizeof(char *) * n),
			  **messages = palloc(sizeof(char *) * n);
	StoreValue	arguments[5];

	for (int i = 0; i < n; i++)
	{
		LoadError  *error = list_nth(load->errors, from + i);

		places[i] = (int64) error->place;
		columns[i] = error->column == NULL ? "" : error->column;
		/* an empty value is no value either */
		values[i] = error->value == NULL ? "" : error->value;
		messages[i] = error->message;
	}
	arguments[0] = value_int8(load_id);
	arguments[1] = value_counts((const uint64 *) places, n);
	arguments[2] = value_texts(columns, n);
	arguments[3] = value_texts(values, n);
	arguments[4] = value_texts(messages, n);
	store_execute_any("INSERT INTO echolon.load_error_store (load_id, place, column_name, value, message)"
					  " SELECT $1, place, CASE WHEN column_name OPERATOR(pg_catalog.<>) '' THEN column_name END,"
					  " CASE WHEN value OPERATOR(pg_catalog.<>) '' THEN value END, message"
					  " FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5))"
					  " AS e (place, column_name, value, message)", 5, arguments);
	return n;
}

void
load_store_errors(Load *load)
{
	Oid			user = GetUserId();
	StoreValue	arguments[8];
	StoreUser	before;
	int64		load_id;

	if (load->errors == NIL)
		return;
	list_sort(load->errors, compare_places);
	arguments[0] = value_text(relation_name(load->relid));
	arguments[1] = value_text(stamp_make(STAMP_RELATION, load->relid));
	arguments[2] = value_text(load->source->name);
	arguments[3] = value_text(load->unit);
	arguments[4] = value_int8(list_length(load->errors));
	arguments[5] = value_text(GetUserNameFromId(user, false));
	arguments[6] = value_text(stamp_make(STAMP_ROLE, user));
	arguments[7] = value_now();
	before = store_begin_write();
	store_execute("INSERT INTO echolon.load_store (relation, relation_stamp, source, unit, refused, loaded_by, loaded_by_stamp, loaded_at)"
				  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id", 8, arguments);
	load_id = store_returned(1);
	for (int from = 0; from < list_length(load->errors);)
	{
		CHECK_FOR_INTERRUPTS();
		from += store_some(load, from, load_id);
	}
	store_end_write(before);
}

/* echolon_clear_load_errors(relation regclass) returns bigint: lines that were forgotten. */
Datum
echolon_clear_load_errors(PG_FUNCTION_ARGS)
{
	Oid			user = GetUserId();
	char	   *stamp = stamp_make(STAMP_ROLE, user);
	StoreValue	arguments[4];
	StoreUser	before;
	uint64		n;

	/* By its stamp, or by its name where the store came from another cluster. */
	static const char mine[] =
		"(l.loaded_by_stamp OPERATOR(pg_catalog.=) $1 OR (l.loaded_by OPERATOR(pg_catalog.=) $3"
		" AND pg_catalog.left(l.loaded_by_stamp, pg_catalog.length($4)) OPERATOR(pg_catalog.<>) $4))"
		" AND ($2 IS NULL OR l.relation_stamp OPERATOR(pg_catalog.=) $2)";

	store_prevent("echolon_clear_load_errors()");
	arguments[0] = value_text(stamp);
	arguments[1] = value_text(PG_ARGISNULL(0) ? NULL : stamp_make(STAMP_RELATION, PG_GETARG_OID(0)));
	arguments[2] = value_text(GetUserNameFromId(user, false));
	arguments[3] = value_text(pnstrdup(stamp, strcspn(stamp, ":") + 1));
	before = store_begin_write();
	n = store_execute_any(psprintf("DELETE FROM echolon.load_error_store AS e USING echolon.load_store AS l"
								   " WHERE e.load_id OPERATOR(pg_catalog.=) l.id AND %s", mine), 4, arguments);
	store_execute_any(psprintf("DELETE FROM echolon.load_store AS l WHERE %s", mine), 4, arguments);
	store_end_write(before);
	PG_RETURN_INT64((int64) n);
}
