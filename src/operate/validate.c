/*
 * validate.c
 *		echolon_validate: what is wrong with data, before a training believes them.
 *
 * The relation is read once, into a frame that keeps all its columns; every check looks at that.  Messages are for
 * people who know their business and not statistics; a hint is a call that mends it, or what
 * Echolon does by itself.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/float.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "data/guess.h"
#include "data/words.h"
#include "features/fit.h"
#include "learn/hash.h"
#include "train/train.h"

#define FEWEST_ROWS		100		/* of a training */
#define FEW_VALUES		20		/* columns of no more different numbers have no outliers */
#define RARE_CLASS		5		/* rows */
#define MUCH_MISSING	0.5
#define NUMBERS_SHARE	0.9		/* of texts, to be numbers that were meant */
#define DATES_SHARE		0.8
#define UNBALANCED		0.05	/* share of the smaller of two classes */
#define SKEWED			5.0		/* (mean - median) / (q3 - q1) of a target, times so many */
#define MANY_LEVELS		10000	/* max_categories by default */
#define NEAR_UNIQUE		0.9		/* of the values of a text, as trainings have it */
#define FOLDED_LEVELS	20000	/* more are not compared by spelling */
#define LEAK_ROWS		20000
#define EXAMPLES		3
#define EXAMPLE_LENGTH	40		/* bytes of one */
#define NUMBER_PATTERN	"^ *-?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)? *$"
#define SERIES_COLUMNS	10		/* that are tried as what makes dates unique */

PG_FUNCTION_INFO_V1(echolon_validate);

typedef enum Severity
{
	SEVERITY_ERROR,
	SEVERITY_WARNING,
	SEVERITY_INFO
} Severity;

typedef struct Problem
{
	const char *rule;
	Severity	severity;
	const char *column;			/* NULL: the relation */
	int			place;			/* of the column; -1 */
	int			number;			/* in the order of finding */
	int64		affected;
	char	   *message;
	char	   *hint;			/* NULL: none */
} Problem;

typedef struct Validation
{
	Oid			relid;
	char	   *relation;		/* quoted, as an argument */
	char	   *table;			/* schema.name */
	char	   *relname;
	bool		view;			/* its columns are expressions of a query */
	const char *target;			/* NULL: none */
	double		iqr_factor;
	Frame	   *frame;
	int			target_place;	/* in the frame; -1 */
	NumberFit **fits;			/* [ncolumns] of numbers; NULL */
	bool	   *keys;			/* [ncolumns] it names the row */
	List	   *problems;		/* of Problem * */
} Validation;

/* ---- findings ---------------------------------------------------------------------- */

static void
found(Validation *v, const char *rule, Severity severity, int place, int64 affected, char *message, char *hint)
{
	Problem    *problem = palloc(sizeof(Problem));

	problem->rule = rule;
	problem->severity = severity;
	problem->column = place < 0 ? NULL : v->frame->columns[place].name;
	problem->place = place;
	problem->number = list_length(v->problems);
	problem->affected = affected;
	problem->message = message;
	problem->hint = hint;
	v->problems = lappend(v->problems, problem);
}

/* The worst first, then what is of the whole relation, then by column. */
static int
compare_problems(const ListCell *a, const ListCell *b)
{
	const Problem *x = lfirst(a);
	const Problem *y = lfirst(b);

	if (x->severity != y->severity)
		return x->severity < y->severity ? -1 : 1;
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* "412 of 5,000 rows (8.2 %)" */
static char *
of_rows(const Validation *v, uint64 n)
{
	return psprintf("%s of %s rows (%s)", words_count(n), words_count(v->frame->nrows),
					words_percent((double) n / Max(v->frame->nrows, 1)));
}

static char *
literal(const char *text)
{
	return quote_literal_cstr(text);
}

/* The call that mends a table's column; of a view, what its query needs in the column's place. */
static char *
mend(const Validation *v, const char *expression, char *call)
{
	return v->view ? psprintf("It is a view: write %s in its query, or mend the table behind it.", expression) : call;
}

/* "echolon_train_rf('sales', 'revenue', …)" with the arguments given. */
static char *
training(const Validation *v, const char *arguments)
{
	return psprintf("SELECT * FROM echolon_train_rf(%s, %s, %s);", v->relation,
					v->target ? literal(v->target) : "'…'", arguments);
}

/* ---- the target ----------------------------------------------------------------------- */

static bool
missing_in_row(const FrameColumn *column, size_t row)
{
	return column->codes ? column->codes[row] == LEARN_MISSING : isnan(column->values[row]);
}

/* Rows of each class; a class that no row has is none.  The number of them. */
static void
check_classes_of(Validation *v, const FrameColumn *column)
{
	uint64		smallest = PG_UINT64_MAX,
				with = 0;
	uint32		nclasses = 0,
				nrare = 0;
	const char *rarest = NULL;
	StringInfoData rare;
	int64		affected = 0;

	initStringInfo(&rare);
	for (uint32 c = 0; c < column->ncategories; c++)
	{
		uint64		n = column->counts[c];

		if (n == 0)
			continue;
		nclasses++;
		with += n;
		if (n < smallest)
		{
			smallest = n;
			rarest = column->categories[c];
		}
		if (n < RARE_CLASS)
		{
			affected += n;
			if (nrare++ < EXAMPLES)
				appendStringInfo(&rare, "%s%s (%s)", rare.len > 0 ? ", " : "", literal(column->categories[c]),
								 words_count(n));
		}
	}
	if (nclasses == 1)
		found(v, "target_constant", SEVERITY_ERROR, v->target_place, with,
			  psprintf("every row has the same class, %s: there is nothing to learn", literal(rarest)), NULL);
	else if (nclasses > LEARN_MAX_CLASSES)
		found(v, "too_many_classes", SEVERITY_ERROR, v->target_place, with,
			  psprintf("it has %s classes, and at most %d can be learned", words_count(nclasses), LEARN_MAX_CLASSES),
			  pstrdup("Predict a coarser column, or a number."));
	else if (nrare > 0)
		found(v, "rare_class", SEVERITY_WARNING, v->target_place, affected,
			  psprintf("%u of its %u classes %s fewer than %d rows, too few to learn from and to measure: %s%s", nrare, nclasses,
					   nrare == 1 ? "has" : "have", RARE_CLASS, rare.data, nrare > EXAMPLES ? ", …" : ""),
			  psprintf("Join rare classes in a view, or leave them out: CREATE VIEW … AS SELECT * FROM %s WHERE %s NOT IN (…);",
					   v->table, quote_identifier(column->name)));
	if (nclasses == 2 && smallest >= RARE_CLASS && smallest < UNBALANCED * with)
		found(v, "unbalanced_classes", SEVERITY_INFO, v->target_place, smallest,
			  psprintf("only %s are %s: a model that always says the other is right in %s", of_rows(v, smallest),
					   literal(rarest), words_percent(1 - (double) smallest / with)),
			  training(v, "class_weight => 'balanced', threshold => 'f1'"));
}

static void
check_target(Validation *v)
{
	const FrameColumn *column;
	size_t		with;

	if (v->target_place < 0)
		return;
	column = &v->frame->columns[v->target_place];
	if (column->values == NULL && column->codes == NULL)
	{
		found(v, "target_unusable", SEVERITY_ERROR, v->target_place, v->frame->nrows,
			  psprintf("it cannot be predicted: %s", column->left_out ? column->left_out : "it has no value"),
			  pstrdup("Predict a number, a text, an enum or a boolean."));
		return;
	}
	with = v->frame->nrows - column->missing;
	if (column->missing > 0)
		found(v, "target_missing", with == 0 ? SEVERITY_ERROR : SEVERITY_WARNING, v->target_place, column->missing,
			  psprintf("%s have no %s, and are left out of a training", of_rows(v, column->missing), column->name),
			  with == 0 ? NULL : pstrdup("Nothing needs to be done if these are the rows to be predicted."));
	if (with < FEWEST_ROWS)
		found(v, "too_few_rows", SEVERITY_ERROR, -1, with,
			  psprintf("%s rows have a %s, and a training needs at least %d", words_count(with), column->name, FEWEST_ROWS), NULL);
	if (column->type.kind >= COLUMN_DATE)
	{
		found(v, "target_unusable", SEVERITY_ERROR, v->target_place, v->frame->nrows,
			  psprintf("a %s cannot be predicted", column->type_name),
			  psprintf("Predict a number of days in a view: %s - current_date.", quote_identifier(column->name)));
		return;
	}
	if (with == 0)
		return;
	if (column->codes)
		check_classes_of(v, column);
	else
	{
		const NumberFit *fit = v->fits[v->target_place];

		if (fit->ndistinct == 1)
			found(v, "target_constant", SEVERITY_ERROR, v->target_place, with,
				  psprintf("every row has the same value, %s: there is nothing to learn", float8out_internal(fit->minimum)), NULL);
		else if (fit->ndistinct > FEW_VALUES && fit->q3 > fit->q1 &&
				 fabs(fit->mean - fit->median) > SKEWED * (fit->q3 - fit->q1))
			found(v, "skewed_target", SEVERITY_INFO, v->target_place, with,
				  psprintf("a few values are far larger than the rest: their mean is %s, the middle one %s",
						   words_number(fit->mean), words_number(fit->median)),
				  psprintf("SELECT * FROM echolon_train_gb(%s, %s, loss => 'absolute_error');", v->relation, literal(v->target)));
	}
}

/* ---- one column ---------------------------------------------------------------------------- */

static void
check_missing(Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];
	double		share = (double) column->missing / Max(v->frame->nrows, 1);

	if (c == v->target_place || column->missing == 0)
		return;
	if (column->missing == v->frame->nrows)
		found(v, "empty_column", SEVERITY_WARNING, c, column->missing,
			  pstrdup("it has no value in any row"),
			  pstrdup("A training leaves it out. Was it meant to be filled?"));
	else
		found(v, "missing_values", share > MUCH_MISSING ? SEVERITY_WARNING : SEVERITY_INFO, c, column->missing,
			  psprintf("%s have no %s", of_rows(v, column->missing), column->name),
			  share > MUCH_MISSING ?
			  psprintf("SELECT * FROM echolon_preprocess(%s, %s, impute => 'median');",
					   literal(psprintf("%s_clean", v->relname)), v->relation) :
			  pstrdup("Nothing needs to be done: trees learn which way a missing value goes."));
}

/* Does the column name rows?  So trainings leave it out, and rows that differ by it alone are duplicates. */
static void
check_identity(Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];
	uint64		with = v->frame->nrows - column->missing;
	uint64		ndistinct = column->codes ? column->ncategories : v->fits[c] ? v->fits[c]->ndistinct : 0;

	if (with == 0 || c == v->target_place)
		return;
	/* infinite ones are values too, and trainings take them */
	if (ndistinct == 1 && column->missing == 0 && (column->codes || v->fits[c]->n == v->frame->nrows))
		found(v, "constant", SEVERITY_INFO, c, with,
			  psprintf("every row has %s", column->codes ? literal(column->categories[0])
					   : float8out_internal(v->fits[c]->minimum)),
			  pstrdup("A training leaves it out."));
	else if (v->keys[c])
		return;
	else if (column->codes && !column->type.is_enum && with > FEW_VALUES && ndistinct > NEAR_UNIQUE * with)
		found(v, "near_unique", SEVERITY_INFO, c, with,
			  psprintf("%s of its %s texts are different: it names rows, and says nothing of new ones", words_count(ndistinct),
					   words_count(with)),
			  pstrdup("A training leaves it out."));
	else if (column->type.integral && ndistinct == with && with > FEW_VALUES && column->missing == 0 &&
			 v->fits[c]->maximum - v->fits[c]->minimum < 2.0 * with)
	{
		v->keys[c] = true;
		found(v, "near_unique", SEVERITY_INFO, c, with, pstrdup("it counts the rows"), pstrdup("A training leaves it out."));
	}
	if (column->codes && ndistinct > MANY_LEVELS && ndistinct <= NEAR_UNIQUE * with)
		found(v, "many_levels", SEVERITY_INFO, c, with,
			  psprintf("it has %s different values; a training puts the rarest together", words_count(ndistinct)),
			  training(v, "encode => 'target'"));
}

static void
check_numbers(Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];
	const NumberFit *fit = v->fits[c];
	uint64		infinite = 0,
				outside = 0;
	double		low,
				high;

	if (fit == NULL)
		return;
	for (size_t i = 0; i < v->frame->nrows; i++)
		infinite += isinf(column->values[i]);
	if (infinite > 0)
		found(v, "infinite_values", SEVERITY_WARNING, c, infinite,
			  psprintf("%s have an infinite %s", of_rows(v, infinite), column->name),
			  mend(v, psprintf("NULLIF(NULLIF(%s, 'Infinity'), '-Infinity')", quote_identifier(column->name)),
				   psprintf("UPDATE %s SET %s = NULL WHERE %s IN ('Infinity', '-Infinity');", v->table,
							quote_identifier(column->name), quote_identifier(column->name))));
	if (v->keys[c] || fit->ndistinct <= FEW_VALUES || !(fit->q3 > fit->q1))
		return;
	low = fit->q1 - v->iqr_factor * (fit->q3 - fit->q1);
	high = fit->q3 + v->iqr_factor * (fit->q3 - fit->q1);
	for (size_t i = 0; i < v->frame->nrows; i++)
		outside += isfinite(column->values[i]) && (column->values[i] < low || column->values[i] > high);
	if (outside > 0)
		found(v, "outliers", SEVERITY_INFO, c, outside,
			  psprintf("%s are far from the rest: below %s or above %s", of_rows(v, outside), words_number(low), words_number(high)),
			  c == v->target_place ? NULL : training(v, "outliers => 'auto'"));
}

static void
check_dates(Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];
	double		now;
	uint64		future = 0;

	switch ((ColumnKind) column->type.kind)
	{
		case COLUMN_DATE:
			now = GetSQLCurrentDate();
			break;
		case COLUMN_TIMESTAMP:
			now = (double) GetSQLLocalTimestamp(-1);
			break;
		case COLUMN_TIMESTAMPTZ:
			now = (double) GetCurrentTransactionStartTimestamp();
			break;
		default:
			return;
	}
	for (size_t i = 0; i < v->frame->nrows; i++)
		future += column->values[i] > now;
	if (future > 0)
		found(v, "future_dates", SEVERITY_WARNING, c, future,
			  psprintf("%s have a %s in the future", of_rows(v, future), column->name),
			  psprintf("SELECT * FROM %s WHERE %s > now();", v->table, quote_identifier(column->name)));
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* "'n/a' and '-'": the first levels that are not of these kinds. */
static char *
strangers(const FrameColumn *column, uint8 kinds, bool *all)
{
	StringInfoData list;
	int			n = 0;

	initStringInfo(&list);
	*all = true;
	for (uint32 c = 0; c < column->ncategories && n <= EXAMPLES; c++)
	{
		Guess		guess;

		guess_init(&guess);
		guess_text(&guess, column->categories[c], strlen(column->categories[c]), 0);
		if (column->counts[c] == 0 || (guess.kinds & kinds) != 0)
			continue;
		*all = *all && n < EXAMPLES && strlen(column->categories[c]) <= EXAMPLE_LENGTH;
		if (n < EXAMPLES)
			appendStringInfo(&list, "%s%s", n++ > 0 ? ", " : "",
							 literal(pnstrdup(column->categories[c],
											  pg_mbcliplen(column->categories[c], strlen(column->categories[c]), EXAMPLE_LENGTH))));
		else
			n++;
	}
	return list.data;
}

/* The call that makes numbers of a column's texts. */
static char *
number_hint(const Validation *v, const FrameColumn *column, const char *name, bool clean)
{
	bool		all;
	char	   *others = strangers(column, GUESS_NUMBER, &all);
	char	   *which = all ? psprintf("%s IN (%s)", name, others) : psprintf("%s !~ '%s'", name, NUMBER_PATTERN);

	if (clean)
		return mend(v, psprintf("%s::numeric", name),
					psprintf("ALTER TABLE %s ALTER %s TYPE numeric USING %s::numeric;", v->table, name, name));
	return mend(v, psprintf("CASE WHEN NOT (%s) THEN %s::numeric END", which, name),
				psprintf("UPDATE %s SET %s = NULL WHERE %s; ALTER TABLE %s ALTER %s TYPE numeric USING %s::numeric;",
						 v->table, name, which, v->table, name, name));
}

/* Texts that are numbers, or dates, but for some. */
static void
check_meaning(Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];
	const char *name = quote_identifier(column->name);
	uint64		with = 0,
				numbers = 0,
				dates = 0;
	bool		all;

	for (uint32 k = 0; k < column->ncategories; k++)
	{
		Guess		guess;

		if (k % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		guess_init(&guess);
		guess_text(&guess, column->categories[k], strlen(column->categories[k]), 0);
		with += column->counts[k];
		if (guess.kinds & GUESS_NUMBER)
			numbers += column->counts[k];
		else if (guess.kinds & GUESS_TIMES)
			dates += column->counts[k];
	}
	if (with == 0)
		return;
	if (numbers >= NUMBERS_SHARE * with)
		found(v, "numbers_as_text", SEVERITY_WARNING, c, with - numbers,
			  numbers == with ? pstrdup("all its texts are numbers")
			  : psprintf("%s of its texts are numbers, and %s rows are not, such as %s", words_fine_percent((double) numbers / with),
						 words_count(with - numbers), strangers(column, GUESS_NUMBER, &all)),
			  number_hint(v, column, name, numbers == with));
	else if (dates == with)
		found(v, "dates_as_text", SEVERITY_INFO, c, with, pstrdup("all its texts are dates"),
			  mend(v, psprintf("%s::timestamp", name),
				   psprintf("ALTER TABLE %s ALTER %s TYPE timestamp USING %s::timestamp;", v->table, name, name)));
	else if (dates >= DATES_SHARE * with)
		found(v, "dates_that_do_not_parse", SEVERITY_WARNING, c, with - dates,
			  psprintf("%s of its texts are dates, and %s rows are not, such as %s", words_fine_percent((double) dates / with),
					   words_count(with - dates), strangers(column, GUESS_TIMES, &all)),
			  psprintf("SELECT %s, count(*) FROM %s GROUP BY 1;", name, v->table));
}

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

/* Levels that differ in case and blanks only. */
static void
check_spelling(Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];
	const char *name = quote_identifier(column->name);
	MemoryContext context,
				caller;
	Spelling   *spellings;
	StringInfoData examples;
	uint64		affected = 0;
	int			groups = 0;

	if (column->ncategories > FOLDED_LEVELS || column->type.is_enum)
		return;
	initStringInfo(&examples);
	context = AllocSetContextCreate(CurrentMemoryContext, "Echolon spellings", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(context);
	spellings = palloc(mul_size(sizeof(Spelling), Max(column->ncategories, 1)));
	for (uint32 k = 0; k < column->ncategories; k++)
		spellings[k] = (Spelling) {fold(column->categories[k]), k};
	qsort(spellings, column->ncategories, sizeof(Spelling), compare_spellings);
	for (uint32 first = 0, end; first < column->ncategories; first = end)
	{
		uint64		rows = 0,
					most = 0;

		for (end = first; end < column->ncategories && strcmp(spellings[end].folded, spellings[first].folded) == 0; end++)
		{
			rows += column->counts[spellings[end].level];
			most = Max(most, column->counts[spellings[end].level]);
		}
		if (end - first < 2)
			continue;
		affected += rows - most;
		if (groups++ > 0)
			continue;
		for (uint32 k = first; k < end && k < first + EXAMPLES; k++)
			appendStringInfo(&examples, "%s%s (%s)", k > first ? ", " : "", literal(column->categories[spellings[k].level]),
							 words_count(column->counts[spellings[k].level]));
	}
	MemoryContextSwitchTo(caller);
	if (groups > 0)
		found(v, "spelling_variants", SEVERITY_WARNING, c, affected,
			  psprintf("%d of its values %s written in several ways, that differ in case or blanks only: %s%s", groups,
					   groups == 1 ? "is" : "are", examples.data, groups > 1 ? ", …" : ""),
			  mend(v, psprintf("lower(trim(%s))", name),
				   psprintf("UPDATE %s SET %s = lower(trim(%s));", v->table, name, name)));
	MemoryContextDelete(context);
}

/* ---- rows, and columns beside each other -------------------------------------------------------- */

static bool
has_cells(const FrameColumn *column)
{
	return column->codes != NULL || column->values != NULL;
}

static void
check_duplicates(Validation *v)
{
	int64		duplicates = frame_duplicates(v->frame, v->keys);

	if (duplicates > 0)
		found(v, "duplicate_rows", SEVERITY_WARNING, -1, duplicates,
			  psprintf("%s are the same as a row before in all columns but keys", of_rows(v, duplicates)),
			  psprintf("SELECT * FROM echolon_preprocess(%s, %s, duplicates => 'drop');",
					   literal(psprintf("%s_clean", v->relname)), v->relation));
}

/* Columns that hold the same in every row. */
static void
check_identical(Validation *v)
{
	Frame	   *frame = v->frame;
	uint64	   *hashes = palloc0(mul_size(sizeof(uint64), Max(frame->ncolumns, 1)));

	for (int c = 0; c < frame->ncolumns; c++)
	{
		const FrameColumn *column = &frame->columns[c];

		if (!has_cells(column))
			continue;
		for (size_t i = 0; i < frame->nrows; i++)
		{
			if (i % 8192 == 0)
				CHECK_FOR_INTERRUPTS();
			hashes[c] = hash_pair(hashes[c], frame_cell(column, i));
		}
		for (int b = 0; b < c; b++)
		{
			const FrameColumn *before = &frame->columns[b];
			bool		same = has_cells(before) && hashes[b] == hashes[c] && before->type.kind == column->type.kind &&
				before->ncategories == column->ncategories && column->missing < frame->nrows;

			for (uint32 k = 0; same && k < column->ncategories; k++)
				same = strcmp(before->categories[k], column->categories[k]) == 0;
			/* constants are told as such, the target's copies as leaks */
			if (!same || (column->codes ? column->ncategories : v->fits[c] ? v->fits[c]->ndistinct : 2) < 2 ||
				b == v->target_place || c == v->target_place)
				continue;
			found(v, "identical_columns", SEVERITY_INFO, c, frame->nrows,
				  psprintf("it is the same as \"%s\" in every row", before->name),
				  training(v, psprintf("exclude => '{%s}'", quote_identifier(column->name))));
			break;
		}
	}
}

/* Dates that repeat, and what makes them unique. */
static void
check_series(Validation *v)
{
	Frame	   *frame = v->frame;
	int			date = -1,
				tried = 0;

	for (int c = 0; c < frame->ncolumns && date < 0; c++)
		if (frame->columns[c].type.kind >= COLUMN_DATE && frame->columns[c].values && frame->columns[c].missing == 0)
			date = c;
	if (date < 0 || frame->nrows < FEWEST_ROWS || !baseline_dates_repeat(frame, frame->columns[date].name, NIL))
		return;
	for (int c = 0; c < frame->ncolumns && tried < SERIES_COLUMNS; c++)
	{
		const FrameColumn *column = &frame->columns[c];

		if (column->codes == NULL || column->ncategories < 2 || column->ncategories > frame->nrows / 2 || c == v->target_place)
			continue;
		tried++;
		if (baseline_dates_repeat(frame, frame->columns[date].name, list_make1(column->name)))
			continue;
		found(v, "repeated_dates", SEVERITY_INFO, date, frame->nrows,
			  psprintf("its dates repeat, but not within a %s: each %s is a series of its own", column->name, column->name),
			  psprintf("SELECT * FROM echolon_create_features(%s, %s, date_column => %s, group_by => '{%s}'%s);",
					   literal(psprintf("%s_features", v->relname)), v->relation, literal(frame->columns[date].name),
					   quote_identifier(column->name),
					   v->target ? psprintf(", target => %s", literal(v->target)) : ""));
		return;
	}
}

/* ---- leaks ------------------------------------------------------------------------------------------ */

/* Rows with a target, as a frame of their own: the first ones, which are a sample, since rows stand in the order of a hash. */
static Frame *
leak_frame(const Validation *v)
{
	const Frame *frame = v->frame;
	const FrameColumn *target = &frame->columns[v->target_place];
	Frame	   *sample = palloc0(sizeof(Frame));
	uint32	   *rows = palloc_rows(LEAK_ROWS, sizeof(uint32));

	*sample = *frame;
	sample->target = v->target_place;
	sample->nrows = 0;
	for (size_t i = 0; i < frame->nrows && sample->nrows < LEAK_ROWS; i++)
		if (!missing_in_row(target, i) && (target->codes || isfinite(target->values[i])))
			rows[sample->nrows++] = (uint32) i;
	sample->row_hash = palloc_rows(sample->nrows, sizeof(uint64));
	for (size_t i = 0; i < sample->nrows; i++)
		sample->row_hash[i] = frame->row_hash[rows[i]];
	sample->columns = palloc(mul_size(sizeof(FrameColumn), frame->ncolumns));
	for (int c = 0; c < frame->ncolumns; c++)
	{
		const FrameColumn *from = &frame->columns[c];
		FrameColumn *to = &sample->columns[c];

		*to = *from;
		to->feature = from->feature && has_cells(from) && c != v->target_place &&
			!(from->codes && from->ncategories > NEAR_UNIQUE * (frame->nrows - from->missing));
		if (!to->feature && to->left_out == NULL)
			to->left_out = "near-unique text";
		if (from->codes)
		{
			to->codes = palloc_rows(sample->nrows, sizeof(uint32));
			to->counts = palloc0(mul_size(sizeof(uint64), Max(from->ncategories, 1)));
			for (size_t i = 0; i < sample->nrows; i++)
				if ((to->codes[i] = from->codes[rows[i]]) != LEARN_MISSING)
					to->counts[to->codes[i]]++;
		}
		else if (from->values)
		{
			to->values = palloc_rows(sample->nrows, sizeof(double));
			for (size_t i = 0; i < sample->nrows; i++)
				to->values[i] = from->values[rows[i]];
		}
	}
	return sample;
}

/* Where a training would accept the target. */
static void
check_leaks(Validation *v)
{
	Frame	   *sample;
	const FrameColumn *target;
	uint32		distinct = 0;
	ListCell   *cell;

	foreach(cell, v->problems)
		if (((Problem *) lfirst(cell))->severity == SEVERITY_ERROR)
			return;
	if (v->target_place < 0)
		return;
	sample = leak_frame(v);
	target = &sample->columns[v->target_place];
	for (uint32 k = 0; k < target->ncategories; k++)
		distinct += target->counts[k] > 0;
	for (size_t i = 1; i < sample->nrows && target->values && distinct < 2; i++)
		distinct = target->values[i] != target->values[0] ? 2 : 1;
	if (sample->nrows < FEWEST_ROWS || distinct < 2)
		return;
	foreach(cell, leakage_find(sample, v->relid, v->target))
	{
		const Leak *leak = lfirst(cell);
		int			place = -1;

		for (int c = 0; c < v->frame->ncolumns; c++)
			if (strcmp(v->frame->columns[c].name, leak->column) == 0)
				place = c;
		found(v, "target_leakage", SEVERITY_WARNING, place, sample->nrows,
			  leak->certain ? psprintf("it gives the target away: %s", leak->reason) : pstrdup(leak->reason),
			  training(v, psprintf("exclude => '{%s}'", quote_identifier(leak->column))));
	}
}

/* ---- the call ------------------------------------------------------------------------------------------ */

/* Read all columns; the target as well as the others. */
static void
validation_read(Validation *v)
{
	FrameSpec	spec;
	FeatureSet *features = feature_set_of_view(v->relid);
	Relation	relation;

	memset(&spec, 0, sizeof(spec));
	spec.relid = v->relid;
	spec.all_features = true;
	spec.unjudged = true;
	spec.near_unique = true;
	spec.max_categories = LEARN_MAX_CATEGORIES;
	spec.min_rows = 0;
	if (features != NULL)
		set_row_source(features, &spec);
	v->frame = frame_read(&spec);

	v->fits = palloc0(mul_size(sizeof(NumberFit *), Max(v->frame->ncolumns, 1)));
	v->keys = palloc0(mul_size(sizeof(bool), Max(v->frame->ncolumns, 1)));
	v->target_place = -1;
	relation = relation_open(v->relid, NoLock);
	for (int c = 0; c < v->frame->ncolumns; c++)
	{
		const FrameColumn *column = &v->frame->columns[c];

		if (v->target && strcmp(column->name, v->target) == 0)
			v->target_place = c;
		if (!has_cells(column))
			continue;
		if (column->type.kind == COLUMN_NUMBER)
			v->fits[c] = fit_values(column->values, NULL, v->frame->nrows);
		v->keys[c] = column->type.basetype == UUIDOID ||
			relation_column_key(relation, get_attnum(v->relid, column->name), &column->type) != NULL;
	}
	relation_close(relation, NoLock);
}

static void
check_column(Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];

	if (!has_cells(column))
	{
		if (column->left_out && strcmp(column->left_out, "all NULL") == 0)
			check_missing(v, c);
		else if (c != v->target_place)
			found(v, "left_out", SEVERITY_INFO, c, v->frame->nrows,
				  psprintf("it is not looked at: %s", column->left_out ? column->left_out : "it cannot be read"), NULL);
		return;
	}
	check_missing(v, c);
	check_identity(v, c);
	check_numbers(v, c);
	check_dates(v, c);
	if (column->codes && column->type.basetype != BOOLOID && column->type.basetype != UUIDOID && !column->type.is_enum)
	{
		check_meaning(v, c);
		check_spelling(v, c);
	}
}

static void
put(ReturnSetInfo *result, const Problem *problem)
{
	static const char *const severities[] = {"error", "warning", "info"};
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = CStringGetTextDatum(problem->rule);
	values[1] = CStringGetTextDatum(severities[problem->severity]);
	nulls[2] = problem->column == NULL;
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(problem->column);
	values[3] = Int64GetDatum(problem->affected);
	values[4] = CStringGetTextDatum(problem->message);
	nulls[5] = problem->hint == NULL;
	values[5] = nulls[5] ? (Datum) 0 : CStringGetTextDatum(problem->hint);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* echolon_validate(relation, target, iqr_factor) -> (rule, severity, column_name, affected, message, hint) */
Datum
echolon_validate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "Echolon validation", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;
	Validation	v;
	ListCell   *cell;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"relation\" must not be NULL")));
	memset(&v, 0, sizeof(v));
	v.iqr_factor = PG_ARGISNULL(2) ? 1.5 : PG_GETARG_FLOAT8(2);
	if (!(v.iqr_factor > 0) || isinf(v.iqr_factor))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"iqr_factor\" is out of range"),
				 errdetail("It is %s; allowed are numbers above 0.", float8out_internal(v.iqr_factor))));
	InitMaterializedSRF(fcinfo, 0);
	caller = MemoryContextSwitchTo(context);
	v.relid = PG_GETARG_OID(0);
	relation_lock(v.relid);
	v.relname = get_rel_name(v.relid);
	v.view = get_rel_relkind(v.relid) == RELKIND_VIEW || get_rel_relkind(v.relid) == RELKIND_MATVIEW;
	v.table = relation_name(v.relid);
	v.relation = literal(v.table);
	if (!PG_ARGISNULL(1))
	{
		v.target = pstrdup(NameStr(*PG_GETARG_NAME(1)));
		relation_column(v.relid, v.target);
	}

	validation_read(&v);
	check_target(&v);
	if (v.target_place < 0 && v.frame->nrows < FEWEST_ROWS)
		found(&v, "too_few_rows", SEVERITY_ERROR, -1, v.frame->nrows,
			  psprintf("it has %s rows, and a training needs at least %d", words_count(v.frame->nrows), FEWEST_ROWS), NULL);
	if (v.frame->nrows > 0)
	{
		for (int c = 0; c < v.frame->ncolumns; c++)
			check_column(&v, c);
		check_duplicates(&v);
		check_identical(&v);
		check_series(&v);
		check_leaks(&v);
	}
	if (v.problems == NIL)
		found(&v, "ok", SEVERITY_INFO, -1, v.frame->nrows,
			  psprintf("nothing is wrong with the %s rows and %d columns of %s", words_count(v.frame->nrows),
					   v.frame->ncolumns, v.table), NULL);
	list_sort(v.problems, compare_problems);
	MemoryContextSwitchTo(caller);
	foreach(cell, v.problems)
		put(result, lfirst(cell));
	MemoryContextDelete(context);
	return (Datum) 0;
}
