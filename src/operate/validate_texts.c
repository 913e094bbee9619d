/*
 * validate_texts.c
 *		Texts that are numbers or dates but for some, and values that are written in several ways.
 *
 * Texts are judged by the recognisers that loading uses (guess.h).  Texts of digits that a number would
 * not keep, such as '01040', are codes: nothing is said of their column.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/memutils.h"

#include "data/guess.h"
#include "data/words.h"
#include "operate/validate.h"

#define NUMBERS_SHARE	0.9		/* of texts, to be numbers that were meant */
#define DATES_SHARE		0.8
#define CODE_LENGTH		5		/* digits; all texts so long are codes rather than numbers */
#define FOLDED_LEVELS	20000	/* more are not compared by spelling */
#define NAMED_LEVELS	20		/* in a hint that names them all */
#define NAMED_GROUPS	3

/* ---- what texts mean ------------------------------------------------------------------ */

/* The kinds a text may be of. */
static uint8
kinds_of(const char *text)
{
	Guess		guess;

	guess_init(&guess);
	guess_text(&guess, text, strlen(text), 0);
	return guess.kinds;
}

static bool
only_digits(const char *text)
{
	return *text != '\0' && strspn(text, "0123456789") == strlen(text);
}

/* The levels that are not of these kinds: a list of all, NULL where they are many; *examples: the first ones. */
static char *
strangers(const FrameColumn *column, uint32 nlevels, uint8 kinds, char **examples)
{
	StringInfoData all;
	StringInfoData some;
	int			n = 0;

	initStringInfo(&all);
	initStringInfo(&some);
	for (uint32 k = 0; k < nlevels && n <= NAMED_LEVELS; k++)
	{
		if (column->counts[k] == 0 || (kinds_of(column->categories[k]) & kinds) != 0)
			continue;
		appendStringInfo(&all, "%s%s", n > 0 ? ", " : "", quote_literal_cstr(column->categories[k]));
		if (n < VALIDATE_EXAMPLES)
			appendStringInfo(&some, "%s%s", n > 0 ? ", " : "", validate_example(column->categories[k]));
		n++;
	}
	*examples = some.data;
	return n > NAMED_LEVELS || column->pooled ? NULL : all.data;
}

/* A call that gives a text its type; but: what is to become NULL, as a list of literals. */
static char *
cast_call(const Validation *v, const char *name, const char *type, const char *but)
{
	char	   *cast = but ? psprintf("CASE WHEN %s NOT IN (%s) THEN %s::%s END", name, but, name, type) :
		psprintf("%s::%s", name, type);

	if (validate_is_table(v))
		return psprintf("ALTER TABLE %s ALTER %s TYPE %s USING %s;", v->table, name, type, cast);
	return psprintf("SELECT *, %s AS %s FROM %s;", cast, strcmp(type, "numeric") == 0 ? "number" : "moment", v->table);
}

static void
found_meant(Validation *v, int c, const char *rule, const char *what, const char *type, uint8 kinds, uint32 nlevels, uint64 with,
			uint64 meant)
{
	const FrameColumn *column = &v->frame->columns[c];
	const char *name = quote_identifier(column->name);
	char	   *examples;
	char	   *but = strangers(column, nlevels, kinds, &examples);
	uint64		others = with - meant;

	validate_found(v, rule, SEVERITY_WARNING, c, others,
				   psprintf("%s%s of its texts are %s, and %s row%s not, such as %s", column->pooled ? "about " : "",
							words_fine_percent((double) meant / with), what, words_count(others), others == 1 ? " is" : "s are",
							examples),
				   but ? cast_call(v, name, type, but)
				   : psprintf("SELECT %s, count(*) FROM %s GROUP BY 1 ORDER BY 2 DESC;", name, v->table));
}

bool
validate_meaning(Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];
	const char *name = quote_identifier(column->name);
	uint32		nlevels = column->ncategories - (column->pooled ? 1 : 0);	/* the last one stands for others */
	uint64		with = 0,
				numbers = 0,
				dates = 0;
	size_t		length = 0;
	bool		codes = true,	/* digits of one length */
				padded = false,
				days = true;	/* dates without a time */

	for (uint32 k = 0; k < nlevels; k++)
	{
		const char *text = column->categories[k];
		uint8		kinds;

		if (k % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (column->counts[k] == 0)
			continue;
		kinds = kinds_of(text);
		with += column->counts[k];
		if (kinds & GUESS_NUMBER)
			numbers += column->counts[k];
		else if (kinds & GUESS_TIMES)
		{
			dates += column->counts[k];
			days &= (kinds & GUESS_DATE) != 0;
		}
		else
			padded |= only_digits(text);
		codes &= only_digits(text) && strlen(text) >= CODE_LENGTH && (length == 0 || strlen(text) == length);
		length = strlen(text);
	}
	if (with == 0 || padded || codes)
		return false;
	if (numbers == with)
		validate_found(v, "numbers_as_text", SEVERITY_WARNING, c, with, pstrdup("all its texts are numbers"),
					   cast_call(v, name, "numeric", NULL));
	else if (numbers >= NUMBERS_SHARE * with)
		found_meant(v, c, "numbers_as_text", "numbers", "numeric", GUESS_NUMBER, nlevels, with, numbers);
	else if (dates == with)
		validate_found(v, "dates_as_text", SEVERITY_INFO, c, with, pstrdup("all its texts are dates"),
					   cast_call(v, name, days ? "date" : "timestamp", NULL));
	else if (dates >= DATES_SHARE * with)
		found_meant(v, c, "dates_that_do_not_parse", "dates", days ? "date" : "timestamp", GUESS_TIMES, nlevels, with, dates);
	else
		return false;
	return true;
}

/* ---- spellings --------------------------------------------------------------------------- */

typedef struct Spelling
{
	char	   *folded;
	uint32		level;
} Spelling;

static int
compare_spellings(const void *a, const void *b)
{
	const Spelling *x = a;
	const Spelling *y = b;
	int			order = strcmp(x->folded, y->folded);

	CHECK_FOR_INTERRUPTS();
	return order != 0 ? order : (x->level > y->level) - (x->level < y->level);
}

/* In lower case, without blanks around it, of several blanks one. */
static char *
fold(const char *text)
{
	char	   *lower = str_tolower(text, strlen(text), DEFAULT_COLLATION_OID);
	char	   *to = lower;

	for (const char *from = lower; *from; from++)
	{
		bool		blank = *from == ' ' || (*from >= '\t' && *from <= '\r');

		if (blank && (to == lower || to[-1] == ' '))
			continue;
		*to++ = blank ? ' ' : *from;
	}
	if (to > lower && to[-1] == ' ')
		to--;
	*to = '\0';
	return lower;
}

/* An UPDATE that writes the variants of one value as most rows have it. */
static char *
unify_call(const Validation *v, const FrameColumn *column, const Spelling *spellings, uint32 n, uint32 most)
{
	const char *name = quote_identifier(column->name);
	StringInfoData others;

	initStringInfo(&others);
	for (uint32 k = 0; k < n; k++)
		if (spellings[k].level != most)
			appendStringInfo(&others, "%s%s", others.len > 0 ? ", " : "", quote_literal_cstr(column->categories[spellings[k].level]));
	return psprintf("UPDATE %s SET %s = %s WHERE %s IN (%s);", v->table, name, quote_literal_cstr(column->categories[most]), name,
					others.data);
}

void
validate_spelling(Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];
	const char *name = quote_identifier(column->name);
	MemoryContext context,
				caller;
	Spelling   *spellings;
	StringInfoData examples;
	StringInfoData calls;
	uint64		affected = 0;
	uint32		nlevels = column->ncategories - (column->pooled ? 1 : 0);
	int			groups = 0;

	if (nlevels > FOLDED_LEVELS)
		return;
	initStringInfo(&examples);
	initStringInfo(&calls);
	context = AllocSetContextCreate(CurrentMemoryContext, "Echolon spellings", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(context);
	spellings = palloc(mul_size(sizeof(Spelling), Max(nlevels, 1)));
	for (uint32 k = 0; k < nlevels; k++)
	{
		CHECK_FOR_INTERRUPTS();
		spellings[k] = (Spelling) {fold(column->categories[k]), k};
	}
	qsort(spellings, nlevels, sizeof(Spelling), compare_spellings);
	for (uint32 first = 0, end; first < nlevels; first = end)
	{
		uint64		rows = 0;
		uint32		most = spellings[first].level;

		for (end = first; end < nlevels && strcmp(spellings[end].folded, spellings[first].folded) == 0; end++)
		{
			uint32		level = spellings[end].level;

			rows += column->counts[level];
			if (column->counts[level] > column->counts[most])
				most = level;
		}
		if (end - first < 2)
			continue;
		affected += rows - column->counts[most];
		if (groups < NAMED_GROUPS)
			appendStringInfo(&calls, "%s%s", groups > 0 ? " " : "", unify_call(v, column, &spellings[first], end - first, most));
		if (groups++ > 0)
			continue;
		for (uint32 k = first; k < end && k < first + VALIDATE_EXAMPLES; k++)
			appendStringInfo(&examples, "%s%s (%s)", k > first ? ", " : "", validate_example(column->categories[spellings[k].level]),
							 words_count(column->counts[spellings[k].level]));
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	if (groups > 0)
	{
		char	   *folded = psprintf("lower(regexp_replace(btrim(%s, E' \\t\\n\\r\\f\\v'), '\\s+', ' ', 'g'))", name);

		validate_found(v, "spelling_variants", SEVERITY_WARNING, c, affected,
					   psprintf("%d of its values %s written in several ways, that differ in case or blanks only: %s%s", groups,
								groups == 1 ? "is" : "are", examples.data, groups > 1 ? ", ..." : ""),
					   !validate_is_table(v) ? psprintf("SELECT *, %s AS spelling FROM %s;", folded, v->table) :
					   groups > NAMED_GROUPS ? psprintf("UPDATE %s SET %s = %s;", v->table, name, folded) : calls.data);
	}
}
