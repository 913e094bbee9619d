/*
 * validate_rows.c
 *		Rows and columns beside each other: duplicates, columns that hold the same, columns that
 *		know the target.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "data/words.h"
#include "learn/hash.h"
#include "operate/validate.h"

#define LEAK_ROWS		20000
#define NAMED_COLUMNS	20		/* in a call */
#define CHECK_ROWS		8192
#define EXACT_NUMBERS	9007199254740992.0	/* 2^53: from it on two of them may be one double */

/* ---- duplicates ------------------------------------------------------------------------ */

/* Can two different values of the column be taken for one? */
static bool
comparable(const Validation *v, int c)
{
	const FrameColumn *column = &v->frame->columns[c];

	if (!validate_has_cells(column))
		return column->left_out && strcmp(column->left_out, "all NULL") == 0;
	if (column->codes)
		return !column->pooled;
	return column->type.kind != COLUMN_NUMBER || v->fits[c]->n == 0 ||
		(fabs(v->fits[c]->minimum) < EXACT_NUMBERS && fabs(v->fits[c]->maximum) < EXACT_NUMBERS);
}

/* One row of several that are the same in all columns but keys. */
static char *
distinct_call(const Validation *v)
{
	const Frame *frame = v->frame;
	StringInfoData columns;
	int			n = 0;

	initStringInfo(&columns);
	for (int c = 0; c < frame->ncolumns; c++)
		if (!v->keys[c] && n++ < NAMED_COLUMNS)
			appendStringInfo(&columns, "%s%s", columns.len > 0 ? ", " : "", quote_identifier(frame->columns[c].name));
	return n > NAMED_COLUMNS ? NULL : psprintf("SELECT DISTINCT ON (%s) * FROM %s;", columns.data, v->table);
}

void
validate_duplicates(Validation *v)
{
	Frame	   *frame = v->frame;
	int64		duplicates = frame_duplicates(frame, v->keys);
	bool		keyed = false,
				undeclared = false;
	StringInfoData others;
	int			nothers = 0;
	char	   *hint;

	if (duplicates == 0)
		return;
	initStringInfo(&others);
	for (int c = 0; c < frame->ncolumns; c++)
	{
		keyed |= v->keys[c];
		undeclared |= v->undeclared[c];
		if (!v->keys[c] && !comparable(v, c) && nothers++ < VALIDATE_EXAMPLES)
			appendStringInfo(&others, "%s%s", others.len > 0 ? ", " : "", frame->columns[c].name);
	}
	/* a key that only its values tell is one to us alone */
	hint = undeclared ? NULL : validate_preprocess(v, "duplicates => 'drop'");
	if (nothers > 0)
		validate_found(v, "duplicate_rows", SEVERITY_INFO, -1, duplicates,
					   psprintf("%s the same as a row before, except perhaps in %s%s, which cannot be compared here",
								validate_rows_are(v, duplicates), others.data, nothers > VALIDATE_EXAMPLES ? ", ..." : ""), hint);
	else
		validate_found(v, "duplicate_rows", SEVERITY_WARNING, -1, duplicates,
					   psprintf("%s the same as a row before%s", validate_rows_are(v, duplicates),
								keyed ? " in all columns but keys" : ""), hint ? hint : distinct_call(v));
}

/* ---- columns that hold the same --------------------------------------------------------- */

/* Do two columns of one hash hold the same in every row? */
static bool
same_columns(const Frame *frame, const FrameColumn *a, const FrameColumn *b)
{
	if (a->type.kind != b->type.kind || a->ncategories != b->ncategories || a->pooled || b->pooled)
		return false;
	for (uint32 k = 0; k < a->ncategories; k++)
		if (strcmp(a->categories[k], b->categories[k]) != 0)
			return false;
	for (size_t i = 0; i < frame->nrows; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (frame_cell(a, i) != frame_cell(b, i))
			return false;
	}
	return true;
}

void
validate_identical(Validation *v)
{
	Frame	   *frame = v->frame;
	uint64	   *hashes = palloc0(mul_size(sizeof(uint64), Max(frame->ncolumns, 1)));
	bool	   *judged = palloc0(mul_size(sizeof(bool), Max(frame->ncolumns, 1)));

	for (int c = 0; c < frame->ncolumns; c++)
	{
		const FrameColumn *column = &frame->columns[c];

		/* constants are told as such, the target's copies as leaks */
		judged[c] = validate_has_cells(column) && c != v->target_place && column->missing < frame->nrows &&
			(column->codes ? column->ncategories : v->fits[c]->ndistinct) > 1;
		if (!judged[c])
			continue;
		for (size_t i = 0; i < frame->nrows; i++)
		{
			if (i % CHECK_ROWS == 0)
				CHECK_FOR_INTERRUPTS();
			hashes[c] = hash_pair(hashes[c], frame_cell(column, i));
		}
		for (int b = 0; b < c; b++)
		{
			const FrameColumn *before = &frame->columns[b];
			char	   *hint;

			if (!judged[b] || hashes[b] != hashes[c] || !same_columns(frame, before, column))
				continue;
			hint = validate_training(v, validate_exclude(list_make1(column->name)));
			validate_found(v, "identical_columns", SEVERITY_INFO, c, frame->nrows,
						   psprintf("it is the same as %s in every row", before->name),
						   hint ? hint : pstrdup("One of them is enough."));
			break;
		}
	}
}

/* ---- leaks ------------------------------------------------------------------------------------ */

/*
 * Rows with a target, as a frame of their own: the first ones, which are a sample, since rows stand in the order
 * of a hash.  Columns that a training leaves out are no features of it.
 */
static Frame *
leak_frame(const Validation *v)
{
	const Frame *frame = v->frame;
	const FrameColumn *target = &frame->columns[v->target_place];
	uint32	   *rows = palloc_rows(LEAK_ROWS, sizeof(uint32));
	size_t		n = 0;
	Frame	   *sample;

	for (size_t i = 0; i < frame->nrows && n < LEAK_ROWS; i++)
		if (target->codes ? target->codes[i] != LEARN_MISSING : isfinite(target->values[i]))
			rows[n++] = (uint32) i;
	sample = frame_rows(frame, rows, n);
	sample->target = v->target_place;
	for (int c = 0; c < frame->ncolumns; c++)
	{
		const FrameColumn *from = &frame->columns[c];
		FrameColumn *to = &sample->columns[c];

		to->feature = from->feature && validate_has_cells(from) && c != v->target_place && !v->keys[c] &&
			from->type.basetype != UUIDOID &&
			!(from->codes && !from->type.is_enum && texts_near_unique(from->ncategories, frame->nrows - from->missing));
		if (!to->feature && to->left_out == NULL)
			to->left_out = "it names rows";
		if (to->codes == NULL)
			continue;
		to->counts = palloc0(mul_size(sizeof(uint64), Max(to->ncategories, 1)));
		for (size_t i = 0; i < n; i++)
			if (to->codes[i] != LEARN_MISSING)
				to->counts[to->codes[i]]++;
	}
	return sample;
}

/* Are there two values at least? */
static bool
varies(const Frame *sample)
{
	const FrameColumn *target = &sample->columns[sample->target];

	for (size_t i = 1; i < sample->nrows; i++)
		if (frame_cell(target, i) != frame_cell(target, 0))
			return true;
	return false;
}

void
validate_leaks(Validation *v)
{
	Frame	   *sample;
	List	   *leaks;
	List	   *names = NIL;
	ListCell   *cell;

	if (v->target_place < 0 || !v->learnable)
		return;
	sample = leak_frame(v);
	if (sample->nrows < VALIDATE_FEWEST_ROWS || !varies(sample))
		return;
	leaks = leakage_find(sample, v->relid, v->target);
	/* what is to be left out is left out by one call */
	foreach(cell, leaks)
	{
		const Leak *leak = lfirst(cell);

		if (leak->certain && list_length(names) < NAMED_COLUMNS)
			names = lappend(names, unconstify(char *, leak->column));
	}
	foreach(cell, leaks)
	{
		const Leak *leak = lfirst(cell);
		int			place = -1;

		for (int c = 0; c < v->frame->ncolumns; c++)
			if (strcmp(v->frame->columns[c].name, leak->column) == 0)
				place = c;
		validate_found(v, "target_leakage", SEVERITY_WARNING, place, sample->nrows,
					   leak->certain ? psprintf("it gives the target away: %s", leak->reason) : pstrdup(leak->reason),
					   validate_training(v, validate_exclude(leak->certain && name_in(names, leak->column) ? names :
															 list_make1(unconstify(char *, leak->column)))));
	}
}
