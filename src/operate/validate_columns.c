/*
 * validate_columns.c
 *		What is wrong with the target, and with one column by itself.
 *
 * What a training refuses or leaves out is told by the rules of trainings (select.c, clean.c, target.c), so
 * that a finding says what will happen.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/float.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "data/words.h"
#include "operate/validate.h"

#define RARE_CLASS		5		/* rows */
#define MUCH_MISSING	0.5
#define UNBALANCED		0.95	/* share of the largest class */
#define SKEWED			0.75	/* (mean - median) / (q3 - q1) of a target */
#define MANY_LEVELS		10000	/* max_categories by default */
#define CHECK_ROWS		8192
#define EXACT_INTEGERS	9007199254740992.0	/* 2^53 */

/* ---- the target ----------------------------------------------------------------------- */

/* A class of a target, and its rows. */
typedef struct ClassCount
{
	const char *label;
	uint64		rows;
} ClassCount;

static void
refuse_target(Validation *v, const char *rule, int64 affected, char *message, char *hint)
{
	v->learnable = false;
	validate_found(v, rule, SEVERITY_ERROR, v->target_place, affected, message, hint);
}

static void
check_classes(Validation *v, const ClassCount *classes, uint32 nclasses)
{
	const FrameColumn *column = &v->frame->columns[v->target_place];
	const ClassCount *largest = &classes[0];
	uint64		with = 0;
	int64		affected = 0;
	uint32		nrare = 0;
	StringInfoData rare;

	initStringInfo(&rare);
	for (uint32 c = 0; c < nclasses; c++)
	{
		with += classes[c].rows;
		if (classes[c].rows > largest->rows)
			largest = &classes[c];
		if (classes[c].rows >= RARE_CLASS)
			continue;
		affected += classes[c].rows;
		if (nrare++ < VALIDATE_EXAMPLES)
			appendStringInfo(&rare, "%s%s (%s)", rare.len > 0 ? ", " : "", validate_example(classes[c].label),
							 words_count(classes[c].rows));
	}
	if (nclasses == 1)
		refuse_target(v, "target_constant", with,
					  psprintf("every row has the same class, %s: there is nothing to learn", validate_example(largest->label)), NULL);
	else if (nclasses > LEARN_MAX_CLASSES)
		refuse_target(v, "too_many_classes", with,
					  psprintf("it has %s classes, and at most %d can be learned", words_count(nclasses), LEARN_MAX_CLASSES),
					  pstrdup("Predict a coarser column, or a number."));
	else
	{
		if (nrare > 0)
			validate_found(v, "rare_class", SEVERITY_WARNING, v->target_place, affected,
						   psprintf("%u of its %u classes %s fewer than %d rows, too few to learn from and to measure: %s%s", nrare,
									nclasses, nrare == 1 ? "has" : "have", RARE_CLASS, rare.data,
									nrare > VALIDATE_EXAMPLES ? ", ..." : ""),
						   psprintf("SELECT * FROM %s WHERE %s IN (SELECT %s FROM %s GROUP BY 1 HAVING count(*) >= %d);",
									v->table, quote_identifier(column->name), quote_identifier(column->name), v->table, RARE_CLASS));
		if (largest->rows > UNBALANCED * with)
			validate_found(v, "unbalanced_classes", SEVERITY_INFO, v->target_place, with - largest->rows,
						   psprintf("only %s another class than %s: a model that always says that is right in %s",
									validate_rows_have(v, with - largest->rows), validate_example(largest->label),
									words_percent((double) largest->rows / with)),
						   validate_training(v, "class_weight => 'balanced'"));
	}
}

/* The classes of a category; a level that no row has is none. */
static void
check_category_target(Validation *v, const FrameColumn *column)
{
	ClassCount *classes = palloc_extended(mul_size(sizeof(ClassCount), Max(column->ncategories, 1)), MCXT_ALLOC_HUGE);
	uint32		n = 0;

	for (uint32 c = 0; c < column->ncategories; c++)
		if (column->counts[c] > 0)
			classes[n++] = (ClassCount) {column->categories[c], column->counts[c]};
	check_classes(v, classes, n);
}

static void
check_number_target(Validation *v, const FrameColumn *column)
{
	const NumberFit *fit = v->fits[v->target_place];
	double		distance = fit->mean - fit->median;

	if (fit->n == 0)
		return;					/* infinite ones only, which is said */
	if (fit->ndistinct == 1)
		refuse_target(v, "target_constant", fit->n,
					  psprintf("every row has the same value, %s: there is nothing to learn", float8out_internal(fit->minimum)), NULL);
	else if (fit->ndistinct == 2 && column->type.integral && Max(fabs(fit->minimum), fabs(fit->maximum)) >= EXACT_INTEGERS)
		refuse_target(v, "target_unusable", fit->n,
					  pstrdup("it has two integers of 2^53 or more, which cannot be told apart as classes"),
					  psprintf("Cast it to text in a view: %s::text.", quote_identifier(column->name)));
	else if (fit->ndistinct == 2 && column->type.integral)
	{
		ClassCount	classes[2] = {{psprintf("%.0f", fit->minimum), 0}, {psprintf("%.0f", fit->maximum), 0}};

		for (size_t i = 0; i < v->frame->nrows; i++)
			if (!isnan(column->values[i]))
				classes[column->values[i] == fit->maximum].rows++;
		check_classes(v, classes, 2);
	}
	else if (fit->ndistinct <= VALIDATE_FEW_VALUES)
		validate_found(v, "few_target_values", SEVERITY_INFO, v->target_place, fit->n,
					   psprintf("it has only %s different values, and is taken as a number, not as classes", words_count(fit->ndistinct)),
					   validate_training(v, "task => 'classification'"));
	else if (fit->q3 > fit->q1 && fabs(distance) > SKEWED * (fit->q3 - fit->q1))
		validate_found(v, "skewed_target", SEVERITY_INFO, v->target_place, fit->n,
					   psprintf("a few values are far %s than the rest: their mean is %s, the middle one %s",
								distance > 0 ? "larger" : "smaller", words_number(fit->mean), words_number(fit->median)),
					   psprintf("SELECT * FROM echolon_train_gb(%s, %s, loss => 'absolute_error');", v->relation,
								quote_literal_cstr(v->target)));
}

void
validate_target(Validation *v)
{
	const FrameColumn *column;
	size_t		with;

	if (v->target_place < 0)
		return;
	column = &v->frame->columns[v->target_place];
	v->learnable = true;
	with = v->frame->nrows - column->missing;
	if (!validate_has_cells(column) && column->left_out && strcmp(column->left_out, "all NULL") != 0)
	{
		refuse_target(v, "target_unusable", v->frame->nrows, psprintf("it cannot be predicted: %s", column->left_out),
					  strcmp(column->left_out, "near-unique text") == 0 ?
					  pstrdup("Predict a number, or a text of few different values.") :
					  strncmp(column->left_out, "unsupported", 11) == 0 ?
					  pstrdup("Predict a number, a text, an enum or a boolean.") : NULL);
		return;
	}
	if (column->type.kind >= COLUMN_DATE)
		refuse_target(v, "target_unusable", v->frame->nrows, psprintf("a %s cannot be predicted", column->type_name),
					  psprintf("Predict a number in a view: EXTRACT(EPOCH FROM %s).", quote_identifier(column->name)));
	if (column->missing > 0)
		validate_found(v, "target_missing", with == 0 ? SEVERITY_ERROR : SEVERITY_WARNING, v->target_place, column->missing,
					   psprintf("%s no %s, and %s left out of a training", validate_rows_have(v, column->missing), column->name,
								column->missing == 1 ? "is" : "are"),
					   with == 0 ? NULL : pstrdup("Nothing needs to be done if these are the rows to be predicted."));
	if ((with > 0 || v->frame->nrows == 0) && with < VALIDATE_FEWEST_ROWS)
	{
		v->learnable = false;
		validate_found(v, "too_few_rows", SEVERITY_ERROR, -1, with,
					   psprintf("%s row%s a %s, and a training needs at least %d", words_count(with), with == 1 ? " has" : "s have",
								column->name, VALIDATE_FEWEST_ROWS), NULL);
	}
	v->learnable &= with > 0;
	if (with < 2 || column->type.kind >= COLUMN_DATE)
		return;
	if (column->codes)
		check_category_target(v, column);
	else
		check_number_target(v, column);
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
		validate_found(v, "empty_column", SEVERITY_WARNING, c, column->missing, pstrdup("it has no value in any row"),
					   pstrdup("A training leaves it out. Was it meant to be filled?"));
	else if (share > MUCH_MISSING)
	{
		char	   *hint = validate_preprocess(v, "impute => 'median'");

		validate_found(v, "missing_values", SEVERITY_WARNING, c, column->missing,
					   psprintf("%s no %s", validate_rows_have(v, column->missing), column->name),
					   hint ? hint : validate_training(v, "impute => 'median'"));
	}
	else
		validate_found(v, "missing_values", SEVERITY_INFO, c, column->missing,
					   psprintf("%s no %s", validate_rows_have(v, column->missing), column->name),
					   pstrdup("Nothing needs to be done: trees learn which way a missing value goes."));
}

/* The value that every row has. */
static char *
only_value(const Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];
	double		value;

	if (column->codes)
		return validate_example(column->categories[0]);
	value = column->values[0];
	if (column->type.kind == COLUMN_DATE)
		return JsonEncodeDateTime(NULL, DateADTGetDatum((DateADT) value), column->type.basetype, NULL);
	if (column->type.kind > COLUMN_DATE)
		return JsonEncodeDateTime(NULL, Int64GetDatum((int64) value), column->type.basetype, NULL);
	return float8out_internal(value);
}

/* Does the column have one value, or name rows?  Trainings leave it out then.  meant: as numbers or dates. */
static void
check_identity(Validation *v, int c, bool meant)
{
	const FrameColumn *column = &v->frame->columns[c];
	uint64		with = v->frame->nrows - column->missing;
	uint64		ndistinct = column->codes ? column->ncategories : v->fits[c]->ndistinct;

	if (v->frame->nrows < 2 || c == v->target_place)
		return;
	if (ndistinct == 1 && column->missing == 0 && (column->codes || v->fits[c]->n == with))
		validate_found(v, "constant", SEVERITY_INFO, c, with, psprintf("every row has %s", only_value(v, c)),
					   pstrdup("A training leaves it out."));
	else if (v->undeclared[c])
		validate_found(v, "near_unique", SEVERITY_INFO, c, with,
					   pstrdup(column->codes ? "every row has another one: it names rows" : "it numbers the rows"),
					   pstrdup("A training leaves it out."));
	else if (v->keys[c] || meant)
		return;
	else if (column->type.basetype == UUIDOID)
		validate_found(v, "near_unique", SEVERITY_INFO, c, with,
					   psprintf("its %s uuids are names, and say little of new rows", words_count(ndistinct)),
					   pstrdup("A training leaves it out, unless it is named in features."));
	else if (column->codes && !column->type.is_enum && texts_near_unique(ndistinct, with))
		validate_found(v, "near_unique", SEVERITY_INFO, c, with,
					   psprintf("%s of its %s values are different: it names rows, and says little of new ones",
								words_count(ndistinct), words_count(with)), pstrdup("A training leaves it out."));
	else if (column->codes && ndistinct > MANY_LEVELS)
		validate_found(v, "many_levels", SEVERITY_INFO, c, with,
					   psprintf("it has %s%s different values; a training puts the rarest together", column->pooled ? "over " : "",
								words_count(ndistinct)), validate_training(v, "encode => 'target'"));
}

/* A fence; what is left of 0 after rounding is 0. */
static char *
fence_text(double fence, double width)
{
	return isinf(fence) ? pstrdup(fence > 0 ? "infinity" : "-infinity") :
		words_number(fabs(fence) < 1e-12 * width ? 0 : fence);
}

static void
check_numbers(Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];
	const char *name = quote_identifier(column->name);
	uint64		infinite = 0,
				outside = 0;
	double		low,
				high;

	for (size_t i = 0; i < v->frame->nrows; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		infinite += isinf(column->values[i]) != 0;	/* it may be -1 */
	}
	if (infinite > 0)
		validate_found(v, "infinite_values", c == v->target_place ? SEVERITY_ERROR : SEVERITY_WARNING, c, infinite,
					   psprintf("%s an infinite %s%s", validate_rows_have(v, infinite), column->name,
								c == v->target_place ? ", and a training refuses them" : ""),
					   validate_is_table(v) ?
					   psprintf("UPDATE %s SET %s = NULL WHERE %s IN ('Infinity', '-Infinity');", v->table, name, name) :
					   psprintf("SELECT * FROM %s WHERE %s NOT IN ('Infinity', '-Infinity');", v->table, name));
	if (v->keys[c] || clean_fences(v->fits[c], v->iqr_factor, &low, &high) != NULL)
		return;
	for (size_t i = 0; i < v->frame->nrows; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		outside += isfinite(column->values[i]) && (column->values[i] < low || column->values[i] > high);
	}
	if (outside > 0)
		validate_found(v, "outliers", SEVERITY_INFO, c, outside,
					   psprintf("%s far from the rest: below %s or above %s", validate_rows_are(v, outside), fence_text(low, high - low),
								fence_text(high, high - low)),
					   c == v->target_place ? NULL :
					   v->target ? validate_training(v, "outliers => 'auto'") : validate_preprocess(v, "outliers => 'clip'"));
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
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		future += column->values[i] > now;
	}
	/* where most are, they are plans */
	if (future > 0)
		validate_found(v, "future_dates", future > v->frame->nrows / 2 ? SEVERITY_INFO : SEVERITY_WARNING, c, future,
					   psprintf("%s a %s in the future", validate_rows_have(v, future), column->name),
					   psprintf("SELECT * FROM %s WHERE %s > now();", v->table, quote_identifier(column->name)));
}

void
validate_column(Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];
	bool		meant = false;

	if (!validate_has_cells(column))
	{
		if (column->left_out && strcmp(column->left_out, "all NULL") == 0)
			check_missing(v, c);
		else if (c != v->target_place)
			validate_found(v, "left_out", SEVERITY_INFO, c, v->frame->nrows,
						   psprintf("it is not looked at: %s", column->left_out ? column->left_out : "it cannot be read"), NULL);
		return;
	}
	check_missing(v, c);
	if (column->codes && column->type.basetype != BOOLOID && column->type.basetype != UUIDOID && !column->type.is_enum)
	{
		meant = validate_meaning(v, c);
		validate_spelling(v, c);
	}
	check_identity(v, c, meant);
	if (column->type.kind == COLUMN_NUMBER)
		check_numbers(v, c);
	check_dates(v, c);
}
