/*
 * terms.c
 *		Rolling terms: what people and views write, read into what the engine computes.
 *
 * The grammar is in terms.h.  A term is split at white space; words up to the first option are
 * the window.  Every error names the term, says in the detail which word is wrong and why, and
 * gives the grammar, or the word that was meant, in the hint.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "features/terms.h"
#include "model/model.h"

#define MAX_WORDS	32			/* an interval of all its units, and all options, are fewer */

#define GRAMMAR_HINT	"A term is a statistic, a window and options: \"mean 7\" (rows), \"sum 7 days\", " \
	"\"stddev expanding\", \"sum ytd\", \"lag 1\", \"mean 7 end 1 min_periods 3\", \"ewma alpha 0.3\"."

/* By RollingStat. */
static const char *const stat_names[] = {
	"count", "sum", "mean", "stddev", "variance", "min", "max", "first", "last", "median", "slope",
	"zscore", "lag", "diff", "pct_change", "ewma", "value"
};

typedef enum TermOption
{
	OPTION_END,
	OPTION_MIN_PERIODS,
	OPTION_ALPHA,
	OPTION_UNADJUSTED
} TermOption;

static const char *const option_names[] = {"end", "min_periods", "alpha", "unadjusted"};

/* From ROLLING_EXPANDING on, by RollingExtent. */
static const char *const extent_names[] = {"expanding", "ytd", "qtd", "mtd"};

/* What else a word of a window can be; for near names only. */
static const char *const window_words[] = {
	"rows", "expanding", "ytd", "qtd", "mtd", "end", "min_periods", "alpha", "unadjusted",
	"years", "months", "weeks", "days", "hours", "minutes", "seconds"
};

typedef struct TermText
{
	const char *text;			/* as it was given */
	char	   *given[MAX_WORDS];	/* its words, */
	char	   *words[MAX_WORDS];	/* and the same in small letters */
	int			nwords;
} TermText;

/* ---- errors ------------------------------------------------------------------------ */

/* No term: why, and what to write (NULL: the grammar). */
pg_attribute_printf(3, 4)
pg_noreturn static void
term_error(const TermText *term, const char *hint, const char *format,...)
{
	StringInfoData detail;

	initStringInfo(&detail);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&detail, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&detail, needed);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid rolling term \"%s\"", term->text),
			 errdetail_internal("%s", detail.data),
			 errhint("%s", hint ? hint : GRAMMAR_HINT)));
}

/* "Perhaps you meant …" for a word near one of the candidates, else NULL. */
static const char *
near_hint(const char *word, const char *const *candidates, int n)
{
	const char *near = closest_name(word, candidates, n);

	return near && strcmp(near, word) != 0 ? psprintf("Perhaps you meant \"%s\".", near) : NULL;
}

/* "a, b, c" of names. */
static const char *
names_list(const char *const *names, int n)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", names[i]);
	return list.data;
}

/* ---- words --------------------------------------------------------------------------- */

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The words of a term. */
static void
term_split(TermText *term)
{
	const char *p = term->text;

	for (;;)
	{
		const char *begin;

		while (is_space(*p))
			p++;
		if (*p == '\0')
			break;
		if (term->nwords == MAX_WORDS)
			term_error(term, NULL, "It has more than %d words.", MAX_WORDS);
		begin = p;
		while (*p != '\0' && !is_space(*p))
			p++;
		term->given[term->nwords] = pnstrdup(begin, p - begin);
		term->words[term->nwords] = pnstrdup(begin, p - begin);
		for (char *c = term->words[term->nwords++]; *c; c++)
			*c = pg_ascii_tolower((unsigned char) *c);
	}
}

/* Words first … last - 1 as one text, as they were given. */
static char *
term_join(const TermText *term, int first, int last)
{
	StringInfoData joined;

	initStringInfo(&joined);
	for (int i = first; i < last; i++)
		appendStringInfo(&joined, "%s%s", i > first ? " " : "", term->given[i]);
	return joined.data;
}

/* Place of a word among names, or -1. */
static int
name_index(const char *word, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(word, names[i]) == 0)
			return i;
	}
	return -1;
}

/* Is the word a number as people write them?  "inf" and "nan" are words. */
static bool
word_number(const char *word, double *value)
{
	const char *digit = word + (*word == '-' || *word == '+');
	char	   *end;

	if (!(*digit >= '0' && *digit <= '9') && *digit != '.')
		return false;
	*value = strtod(word, &end);
	return *end == '\0';
}

/* The word as a whole number of least or more; what: of what, for messages. */
static int64
word_rows(const TermText *term, const char *word, int64 least, const char *what)
{
	double		value;

	if (!word_number(word, &value))
		term_error(term, NULL, "%s is a whole number, not \"%s\".", what, word);
	if (!(value >= (double) least))
		term_error(term, NULL, "%s must be " INT64_FORMAT " or more, not %s.", what, least, word);
	if (!(value <= (double) ROLLING_MAX_ROWS))
		term_error(term, NULL, "%s may be " INT64_FORMAT " at most, not %s.",
				   what, ROLLING_MAX_ROWS, word);
	if (value != floor(value))
		term_error(term, NULL, "%s is a whole number, not %s.", what, word);
	return (int64) value;
}

/* ---- windows --------------------------------------------------------------------------- */

/* The interval a text is; NULL: it is none, or longer than one can be. */
static Interval *
interval_parse(const char *text, bool *too_long)
{
	MemoryContext context = CurrentMemoryContext;
	Interval   *volatile interval = NULL;

	PG_TRY();
	{
		interval = DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text),
														 ObjectIdGetDatum(InvalidOid),
														 Int32GetDatum(-1)));
	}
	PG_CATCH();
	{
		/* the caller raises an error of its own, which names the term */
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		*too_long = geterrcode() != ERRCODE_INVALID_DATETIME_FORMAT;
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return interval;
}

/* Words that should be an interval; endless_hint: what to write for one without end. */
static RollingSpan
term_span(const TermText *term, int first, int last, const char *endless_hint)
{
	char	   *text = term_join(term, first, last);
	bool		too_long = false;
	Interval   *interval = interval_parse(text, &too_long);

	if (too_long)
		term_error(term, endless_hint, "\"%s\" is longer than an interval can be.", text);
	if (interval == NULL)
	{
		for (int i = first; i < last; i++)
		{
			const char *hint = near_hint(term->words[i], window_words, lengthof(window_words));

			if (hint)
				term_error(term, hint, "\"%s\" is no window: the word \"%s\" is not known.",
						   text, term->given[i]);
		}
		term_error(term, NULL, "\"%s\" is no window: neither a number of rows nor an interval nor one of %s.",
				   text, names_list(extent_names, lengthof(extent_names)));
	}
	if (interval_is_infinite(interval))
		term_error(term, endless_hint, "A span of time cannot be infinite.");

	/* a minus in front, because the sql_standard style has it count for all fields */
	if (interval->month < 0 || interval->day < 0 || interval->time < 0 || *text == '-')
		term_error(term, NULL, "A span of time must be above zero in all its parts, not \"%s\".", text);
	if (interval->month == 0 && interval->day == 0 && interval->time == 0)
		term_error(term, NULL, "A span of time must be above zero, not \"%s\".", text);
	return (RollingSpan) {interval->month, interval->day, interval->time};
}

/* The window of words first … last - 1, at least one. */
static void
term_extent(const TermText *term, int first, int last, RollingTerm *result)
{
	const char *word = term->words[first];
	double		number;
	int			extent = name_index(word, extent_names, lengthof(extent_names));

	if (extent >= 0 && last == first + 1)
		result->extent = ROLLING_EXPANDING + extent;
	else if (word_number(word, &number) &&
			 (last == first + 1 ||
			  (last == first + 2 && (strcmp(term->words[first + 1], "rows") == 0 ||
									 strcmp(term->words[first + 1], "row") == 0))))
	{
		result->extent = ROLLING_ROWS;
		result->rows = word_rows(term, word, 1, result->stat < ROLLING_LAG ?
								 "The length of a window in rows" : "The number of rows");
	}
	else
	{
		result->extent = ROLLING_SPAN;
		result->span = term_span(term, first, last, result->stat < ROLLING_LAG ?
								 "For all rows up to the current one write expanding." : NULL);
	}
}

/* What the statistic needs of a window and lacks, or has and cannot use. */
static void
term_check_window(const TermText *term, int last, RollingTerm *result, bool has_alpha)
{
	const char *stat = stat_names[result->stat];
	const char *window = term_join(term, 1, last);
	bool		none = last == 1;

	switch (result->stat)
	{
		case ROLLING_VALUE:
			if (!none)
				term_error(term, "For the value of an earlier row write lag.",
						   "value takes no window, such as \"%s\".", window);
			result->extent = ROLLING_ROWS;
			result->rows = 1;
			break;

		case ROLLING_LAG:
		case ROLLING_DIFF:
		case ROLLING_PCT_CHANGE:
			if (none)
			{
				result->extent = ROLLING_ROWS;
				result->rows = 1;
			}
			else if (result->extent != ROLLING_ROWS && result->extent != ROLLING_SPAN)
				term_error(term, NULL, "%s takes a number of rows or an interval, not \"%s\".",
						   stat, window);
			break;

		case ROLLING_EWMA:
			if (none != has_alpha)
				term_error(term, NULL, none ? "ewma needs a number of rows or alpha." :
						   "ewma takes a number of rows or alpha, not both.");
			if (!none && result->extent != ROLLING_ROWS)
				term_error(term, NULL, "ewma takes a number of rows, not \"%s\".", window);
			if (!none)
				result->alpha = 2.0 / ((double) result->rows + 1.0);
			result->extent = ROLLING_EXPANDING;
			result->rows = 0;
			break;

		default:
			if (none)
				term_error(term, NULL, "%s needs a window.", stat);
	}
}

/* ---- terms -------------------------------------------------------------------------------- */

RollingTerm
term_parse(const char *text)
{
	TermText	term = {.text = text};
	RollingTerm result = {.adjust = true};
	bool		given[lengthof(option_names)] = {false};
	int			stat,
				next = 1,
				window_end;

	term_split(&term);
	if (term.nwords == 0)
		term_error(&term, NULL, "It is empty.");
	stat = name_index(term.words[0], stat_names, lengthof(stat_names));
	if (stat < 0)
		term_error(&term, near_hint(term.words[0], stat_names, lengthof(stat_names)),
				   "\"%s\" is none of the statistics %s.", term.given[0],
				   names_list(stat_names, lengthof(stat_names)));
	result.stat = (RollingStat) stat;

	while (next < term.nwords &&
		   name_index(term.words[next], option_names, lengthof(option_names)) < 0)
		next++;
	window_end = next;
	if (window_end > 1)
		term_extent(&term, 1, window_end, &result);

	while (next < term.nwords)
	{
		const char *word = term.words[next++];
		const char *value = next < term.nwords ? term.words[next] : NULL;
		int			option = name_index(word, option_names, lengthof(option_names));

		if (option < 0)
			term_error(&term, near_hint(word, option_names, lengthof(option_names)),
					   "\"%s\" is none of the options %s.", term.given[next - 1],
					   names_list(option_names, lengthof(option_names)));
		if (given[option])
			term_error(&term, NULL, "%s stands there twice.", word);
		given[option] = true;
		if (option != OPTION_UNADJUSTED)
		{
			if (value == NULL)
				term_error(&term, NULL, "%s needs a number.", word);
			next++;
		}

		switch ((TermOption) option)
		{
			case OPTION_END:
				result.end = word_rows(&term, value, 0, word);
				break;
			case OPTION_MIN_PERIODS:
				result.min_periods = word_rows(&term, value, 1, word);
				break;
			case OPTION_ALPHA:
				if (!word_number(value, &result.alpha) || !(result.alpha > 0 && result.alpha <= 1))
					term_error(&term, NULL, "alpha is a number above 0 and at most 1, not \"%s\".", value);
				break;
			case OPTION_UNADJUSTED:
				result.adjust = false;
				break;
		}
	}

	if (result.stat != ROLLING_EWMA && (given[OPTION_ALPHA] || given[OPTION_UNADJUSTED]))
		term_error(&term, NULL, "%s goes with ewma, not with %s.",
				   option_names[given[OPTION_ALPHA] ? OPTION_ALPHA : OPTION_UNADJUSTED],
				   stat_names[stat]);
	term_check_window(&term, window_end, &result, given[OPTION_ALPHA]);

	if (given[OPTION_MIN_PERIODS])
	{
		if (result.stat == ROLLING_LAG || result.stat == ROLLING_DIFF ||
			result.stat == ROLLING_PCT_CHANGE || result.stat == ROLLING_VALUE)
			term_error(&term, NULL, "min_periods goes with windows, not with %s.", stat_names[stat]);
		if (result.extent == ROLLING_ROWS && result.min_periods > result.rows)
			term_error(&term, NULL, "min_periods " INT64_FORMAT " is more than the window of " INT64_FORMAT " rows can hold.",
					   result.min_periods, result.rows);
	}
	else if (result.stat != ROLLING_COUNT)
		result.min_periods = result.extent == ROLLING_ROWS && result.stat < ROLLING_LAG ? result.rows : 1;
	return result;
}

RollingTerm *
terms_parse(ArrayType *array, int *nterms)
{
	RollingTerm *terms;
	Datum	   *texts;
	bool	   *nulls;
	int			n;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("rolling terms must be an array of one dimension, not %d", ARR_NDIM(array))));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &n);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no rolling terms are given"),
				 errhint(GRAMMAR_HINT)));
	if (n > ROLLING_MAX_TERMS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%d rolling terms are more than %d", n, ROLLING_MAX_TERMS),
				 errhint("Spread them over several calls of echolon_rolling.")));

	terms = palloc(mul_size(n, sizeof(RollingTerm)));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("rolling term %d is NULL", i + 1),
					 errhint(GRAMMAR_HINT)));
		terms[i] = term_parse(TextDatumGetCString(texts[i]));
	}
	*nterms = n;
	return terms;
}

bool
term_needs_time(const RollingTerm *term)
{
	return term->extent != ROLLING_ROWS && term->extent != ROLLING_EXPANDING;
}
