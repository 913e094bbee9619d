/*
 * json.c
 *		A jsonb document into the numbers a model's features are.
 *
 * Keys are the model's column names.  A key has to be there, with null for a value that is
 * missing: a misspelt key must not turn into a prediction from nothing.  to_jsonb of a row gives
 * the same predictions as the row itself: blanks at the end of a character(n) do not count,
 * intervals and dates are read from their text, and the few digits of a real lie on the same
 * side of every threshold as the real does, because a threshold is a midpoint.  Dates have to be
 * ISO 8601, so that no DateStyle decides what 01-02-2024 is, and are taken apart here: neither
 * the session's style nor its zone has a part in it.
 */
#include "postgres.h"

#include <ctype.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "predict/encoder_parts.h"

/* Longer values are cut in messages. */
#define VALUE_SHOWN 100

/* An encoder of documents; name is the model's, for messages.  Raises: the model's time zone is unknown. */
Encoder *
encoder_create_json(const CachedModel *model, const char *name, MemoryContext context)
{
	Encoder    *encoder = encoder_begin(model, name, context);
	MemoryContext caller = MemoryContextSwitchTo(context);

	for (int c = 0; c < encoder->ncolumns; c++)
	{
		EncoderColumn *column = &encoder->columns[c];
		Oid			typid = TEXTOID;

		switch ((ColumnKind) column->column->kind)
		{
			case COLUMN_NUMBER:
				/* Of all numbers only an interval has a text of another form. */
				typid = strncmp(column->type_name, "interval", 8) == 0 ? INTERVALOID : FLOAT8OID;
				break;
			case COLUMN_CATEGORY:
				column->padded = strncmp(column->type_name, "character", 9) == 0 &&
					(column->type_name[9] == '(' || column->type_name[9] == '\0');
				break;
			case COLUMN_DATE:
				typid = DATEOID;
				break;
			case COLUMN_TIMESTAMP:
				typid = TIMESTAMPOID;
				break;
			case COLUMN_TIMESTAMPTZ:
				typid = TIMESTAMPTZOID;
				break;
		}
		if (!column_type_resolve(typid, &column->type))
			elog(ERROR, "type %u cannot be resolved", typid);
	}
	MemoryContextSwitchTo(caller);
	return encoder;
}

/* ---- errors ------------------------------------------------------------------ */

pg_noreturn static void
json_key_missing(const Encoder *encoder, const char *name, Jsonb *document)
{
	const char **keys = palloc(mul_size(sizeof(char *), Max(JB_ROOT_COUNT(document), 1)));
	int			n = 0;
	JsonbIterator *iterator = JsonbIteratorInit(&document->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	const char *near;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_KEY)
			keys[n++] = pnstrdup(value.val.string.val, value.val.string.len);
	near = encoder_nearest(name, keys, n);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("key \"%s\" that %s needs is not in the document", name, encoder->title),
			 n == 0 ? errdetail("The document has no keys.") :
			 errdetail("The document's keys are %s.", encoder_list(keys, n)),
			 near != NULL ?
			 errhint("Keys are the model's column names: if \"%s\" is meant, call it \"%s\".", near, name) :
			 errhint("Write \"%s\": null where the value is not known.", name)));
}

/* A value as a message shows it. */
static char *
json_show(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			if (value->val.string.len <= VALUE_SHOWN)
				return psprintf("\"%s\"", pnstrdup(value->val.string.val, value->val.string.len));
			return psprintf("\"%s...\"",
							pnstrdup(value->val.string.val,
									 pg_mbcliplen(value->val.string.val, value->val.string.len,
												  VALUE_SHOWN)));
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return value->val.boolean ? "true" : "false";
		default:
			return JsonContainerIsArray(value->val.binary.data) ? "an array" : "an object";
	}
}

pg_noreturn static void
json_bad_value(const Encoder *encoder, const EncoderColumn *column, const JsonbValue *value)
{
	const char *hint = "Write a number, or null where it is not known.";

	switch ((ColumnKind) column->column->kind)
	{
		case COLUMN_NUMBER:
			break;
		case COLUMN_CATEGORY:
			hint = "Write a string, or null where it is not known.";
			break;
		case COLUMN_DATE:
			hint = "Write an ISO 8601 date, as \"2024-12-31\", or null where it is not known.";
			break;
		case COLUMN_TIMESTAMP:
			hint = "Write an ISO 8601 timestamp, as \"2024-12-31T23:59:59\", or null where it is not known.";
			break;
		case COLUMN_TIMESTAMPTZ:
			hint = "Write an ISO 8601 timestamp, as \"2024-12-31T23:59:59+01:00\", or null where it is not known.";
			break;
	}
	ereport(ERROR,
			(errcode(value->type == jbvString ? ERRCODE_INVALID_TEXT_REPRESENTATION :
					 ERRCODE_DATATYPE_MISMATCH),
			 errmsg("key \"%s\" has a value that %s cannot use as %s",
					column->name, encoder->title, column->type_name),
			 errdetail("The value is %s.", json_show(value)),
			 errhint("%s", hint)));
}

/* ---- numbers ------------------------------------------------------------------ */

/* Says where a text stood that one of PostgreSQL's own input functions refuses. */
static void
json_context(void *name)
{
	errcontext("key \"%s\" of the document", (const char *) name);
}

/* Seconds of an interval's text; its errors are interval_in's. */
static double
json_interval(const EncoderColumn *column, char *text)
{
	ErrorContextCallback context;
	Datum		interval;

	context.callback = json_context;
	context.arg = unconstify(char *, column->name);
	context.previous = error_context_stack;
	error_context_stack = &context;
	interval = DirectFunctionCall3(interval_in, CStringGetDatum(text),
								   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	error_context_stack = context.previous;
	return column_number(&column->type, interval);
}

/* A number, or the text of one, as float8 reads it; NaN is missing. */
static double
json_number(const Encoder *encoder, const EncoderColumn *column, const JsonbValue *value)
{
	double		number;

	if (value->type == jbvNumeric)
		number = numeric_to_double(NumericGetDatum(value->val.numeric));
	else if (value->type == jbvString)
	{
		char	   *text = pnstrdup(value->val.string.val, value->val.string.len);
		char	   *end;

		/* The server runs with LC_NUMERIC C: the decimal point is a point. */
		errno = 0;
		number = strtod(text, &end);
		if (end != text && errno == ERANGE && isinf(number))
			json_bad_value(encoder, column, value);
		while (isspace((unsigned char) *end))
			end++;
		if (end == text || *end != '\0')
		{
			if (column->type.typid != INTERVALOID)
				json_bad_value(encoder, column, value);
			number = json_interval(column, text);
		}
		pfree(text);
		if (column->type.typid == INTERVALOID && isinf(number))
			number = NAN;		/* what column_number makes of an infinite interval */
	}
	else
		json_bad_value(encoder, column, value);
	return number;
}

/* ---- dates -------------------------------------------------------------------- */

/* An ISO 8601 text taken apart; every part in its range. */
typedef struct JsonTime
{
	struct pg_tm tm;
	fsec_t		fsec;			/* microseconds */
	bool		has_time;
	bool		has_zone;
	int			east;			/* seconds east of Greenwich */
} JsonTime;

/* Between least and most digits, as many as there are; false: fewer. */
static bool
json_digits(const char **p, int least, int most, int *number)
{
	int			n = 0;

	*number = 0;
	while (n < most && isdigit((unsigned char) **p))
	{
		*number = *number * 10 + (*(*p)++ - '0');
		n++;
	}
	return n >= least;
}

static bool
json_take(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* HH:MM[:SS[.ffffff]] */
static bool
json_scan_clock(const char **p, JsonTime *time)
{
	struct pg_tm *tm = &time->tm;

	if (!json_digits(p, 2, 2, &tm->tm_hour) || !json_take(p, ':') ||
		!json_digits(p, 2, 2, &tm->tm_min))
		return false;
	if (json_take(p, ':'))
	{
		if (!json_digits(p, 2, 2, &tm->tm_sec))
			return false;
		if (json_take(p, '.'))
		{
			double		unit = 100000.0;
			double		fraction = 0.0;

			if (!isdigit((unsigned char) **p))
				return false;
			for (; isdigit((unsigned char) **p); (*p)++, unit /= 10.0)
				fraction += (**p - '0') * unit;
			time->fsec = (fsec_t) rint(fraction);
		}
	}
	return tm->tm_min < 60 && tm->tm_sec <= 60 &&
		(tm->tm_hour < 24 || (tm->tm_hour == 24 && tm->tm_min == 0 && tm->tm_sec == 0 &&
							  time->fsec == 0));
}

/* Z, or +HH, +HHMM, +HH:MM, +HH:MM:SS */
static bool
json_scan_zone(const char **p, JsonTime *time)
{
	int			sign,
				hours,
				minutes = 0,
				seconds = 0;

	time->has_zone = true;
	time->east = 0;
	if (json_take(p, 'Z') || json_take(p, 'z'))
		return true;
	if (json_take(p, '+'))
		sign = 1;
	else if (json_take(p, '-'))
		sign = -1;
	else
		return false;
	if (!json_digits(p, 2, 2, &hours))
		return false;
	if (json_take(p, ':') || isdigit((unsigned char) **p))
	{
		if (!json_digits(p, 2, 2, &minutes))
			return false;
		if (json_take(p, ':') && !json_digits(p, 2, 2, &seconds))
			return false;
	}
	time->east = sign * (hours * SECS_PER_HOUR + minutes * SECS_PER_MINUTE + seconds);
	return hours <= MAX_TZDISP_HOUR && minutes < 60 && seconds < 60;
}

/* YYYY-MM-DD[T| HH:MM[:SS[.ffffff]][zone]]; false: it is not that. */
static bool
json_scan_time(const char *text, JsonTime *time)
{
	const char *p = text;
	struct pg_tm *tm = &time->tm;

	memset(time, 0, sizeof(*time));
	if (!json_digits(&p, 4, 6, &tm->tm_year) || !json_take(&p, '-') ||
		!json_digits(&p, 2, 2, &tm->tm_mon) || !json_take(&p, '-') ||
		!json_digits(&p, 2, 2, &tm->tm_mday))
		return false;
	if (tm->tm_year < 1 || tm->tm_mon < 1 || tm->tm_mon > 12 ||
		tm->tm_mday < 1 || tm->tm_mday > day_tab[isleap(tm->tm_year)][tm->tm_mon - 1])
		return false;
	if (*p == '\0')
		return true;
	time->has_time = true;
	if (!json_take(&p, 'T') && !json_take(&p, 't') && !json_take(&p, ' '))
		return false;
	if (!json_scan_clock(&p, time))
		return false;
	return *p == '\0' || (json_scan_zone(&p, time) && *p == '\0');
}

/*
 * What column_number gives for the date or timestamp in a string.  An offset is ignored where the column has no
 * zone, as PostgreSQL does; where it has one and the text brings no offset, the model's zone holds.
 */
static double
json_date(const Encoder *encoder, const EncoderColumn *column, const JsonbValue *value)
{
	char	   *text;
	JsonTime	time;
	Timestamp	timestamp;
	int			west;

	if (value->type != jbvString)
		json_bad_value(encoder, column, value);
	text = pnstrdup(value->val.string.val, value->val.string.len);
	if (strcmp(text, "infinity") == 0 || strcmp(text, "-infinity") == 0)
		return NAN;				/* what column_number makes of them */
	if (!json_scan_time(text, &time))
		json_bad_value(encoder, column, value);
	pfree(text);

	if (column->column->kind == COLUMN_DATE)
	{
		DateADT		date;

		if (time.has_time || !IS_VALID_JULIAN(time.tm.tm_year, time.tm.tm_mon, time.tm.tm_mday))
			json_bad_value(encoder, column, value);
		date = date2j(time.tm.tm_year, time.tm.tm_mon, time.tm.tm_mday) - POSTGRES_EPOCH_JDATE;
		if (!IS_VALID_DATE(date))
			json_bad_value(encoder, column, value);
		return column_number(&column->type, DateADTGetDatum(date));
	}
	if (column->column->kind == COLUMN_TIMESTAMP)
	{
		if (tm2timestamp(&time.tm, time.fsec, NULL, &timestamp) != 0)
			json_bad_value(encoder, column, value);
		return column_number(&column->type, TimestampGetDatum(timestamp));
	}
	west = time.has_zone ? -time.east : DetermineTimeZoneOffset(&time.tm, column->zone);
	if (tm2timestamp(&time.tm, time.fsec, &west, &timestamp) != 0)
		json_bad_value(encoder, column, value);
	return column_number(&column->type, TimestampTzGetDatum(timestamp));
}

/* ---- the document -------------------------------------------------------------- */

/* Code of a category's label: a string, or a boolean or number by its text. */
static double
json_category(Encoder *encoder, EncoderColumn *column, const JsonbValue *value, uint64 *unseen)
{
	char	   *label;

	if (value->type == jbvString)
		return encoder_category(encoder, column, value->val.string.val,
								column->padded ?
								bpchartruelen(value->val.string.val, value->val.string.len) :
								value->val.string.len,
								unseen);
	if (value->type != jbvBool && value->type != jbvNumeric)
		json_bad_value(encoder, column, value);
	label = json_show(value);
	return encoder_category(encoder, column, label, strlen(label), unseen);
}

/*
 * One document: fills x[nfeatures] as learn_predict_row wants it.  Raises: not an object; a key is
 * missing; a value that its column cannot have, named with its key.
 */
void
encoder_json(Encoder *encoder, Jsonb *document, double *x, uint64 *unseen)
{
	if (!JB_ROOT_IS_OBJECT(document))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the document to predict from is not an object"),
				 errdetail("It is %s.", JB_ROOT_IS_SCALAR(document) ? "a scalar" : "an array"),
				 errhint("Pass one row's values by column name, as to_jsonb(row) gives them; for an array, one call each element of jsonb_array_elements.")));

	for (int c = 0; c < encoder->ncolumns; c++)
	{
		EncoderColumn *column = &encoder->columns[c];
		JsonbValue	buffer;
		JsonbValue *value = getKeyJsonValueFromContainer(&document->root, column->name,
														 strlen(column->name), &buffer);
		double		raw;

		if (value == NULL)
			json_key_missing(encoder, column->name, document);
		if (value->type == jbvNull)
			raw = NAN;
		else if (column->column->kind == COLUMN_CATEGORY)
			raw = json_category(encoder, column, value, unseen);
		else if (column->column->kind == COLUMN_NUMBER)
			raw = json_number(encoder, column, value);
		else
			raw = json_date(encoder, column, value);
		encoder_put(encoder, c, raw, x);
	}
	encoder_end(encoder, x);
}
