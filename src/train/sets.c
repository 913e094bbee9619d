/*
 * sets.c
 *		Training on the view of a feature set: what may be learned from, how the rows are split,
 *		where they are read.
 *
 * A feature that the target's own value of the row goes into gives the answer away, and is not
 * known when the row is to be predicted.  The set knows which ones: features have sources, and say
 * whether they use the current row.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "train/train.h"

#define NAMED_FEATURES	12		/* in a notice */
#define NAMED_FITTED	5		/* in a note */

/* Columns of the relation whose current value tells the target: itself, or what it is made of. */
static List *
telling_columns(const FeatureSet *set, const char *target)
{
	const Feature *feature = feature_find(set, target);

	if (feature == NULL)
		return list_make1(pstrdup(target));
	return feature->uses_current ? feature->sources : NIL;
}

/*
 * Does the row's own value of a column go into a feature?  As one of its sources, or by the rows
 * that it is computed over: windows are those of the row's group and its place in time.
 */
static bool
feature_tells(const FeatureSet *set, const Feature *feature, const char *column)
{
	if (feature->uses_current && name_in(feature->sources, column))
		return true;
	if (feature->kind == FEATURE_WINDOW && name_in(set->group_by, column))
		return true;
	return feature->kind != FEATURE_ROW && strcmp(set->date_column, column) == 0;
}

List *
set_withheld(const FeatureSet *set, const char *target)
{
	List	   *telling = telling_columns(set, target);
	List	   *withheld = NIL;
	ListCell   *cell;

	/* where the target is a feature itself, so are its sources */
	foreach(cell, telling)
		if (strcmp(lfirst(cell), target) != 0 && name_in(set->columns, lfirst(cell)))
			withheld = lappend(withheld, lfirst(cell));
	for (int i = 0; i < set->nfeatures; i++)
	{
		const Feature *feature = &set->features[i];
		bool		tells = false;

		if (strcmp(feature->name, target) == 0)
			continue;
		foreach(cell, telling)
			tells |= feature_tells(set, feature, lfirst(cell));
		if (tells)
			withheld = lappend(withheld, feature->name);
	}
	return withheld;
}

char *
set_withheld_reason(const char *target)
{
	return psprintf("contains the row's own \"%s\"", target);
}

/* Is it a window of the target, which could end at the row before? */
static bool
window_of_target(const Feature *feature, const char *target)
{
	return feature != NULL && feature->kind == FEATURE_WINDOW && name_in(feature->sources, target);
}

/* Refuse a feature that was asked for by name and gives the target away. */
static void
check_named(const Training *t, List *withheld)
{
	const char *target = t->values.value[PARAM_TARGET].word;
	ListCell   *cell;

	foreach(cell, t->columns != NIL ? t->columns : t->values.value[PARAM_FEATURES].names)
	{
		const Feature *feature = feature_find(t->feature_set, lfirst(cell));

		if (!name_in(withheld, lfirst(cell)))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" cannot be a feature", (char *) lfirst(cell)),
				 errdetail("It contains the row's own \"%s\", which is the target.", target),
				 window_of_target(feature, target) ?
				 errhint("Create the feature set with target => %s: its windows then end at the row before.",
						 quote_literal_cstr(target)) :
				 errhint("Leave it out: it is not known when a row is to be predicted.")));
	}
}

/* Hold out the latest rows, unless it was said how to. */
static void
default_split(Training *t)
{
	ParamValue *v = t->values.value;
	const FeatureSet *set = t->feature_set;

	if (set->date_column == NULL || v[PARAM_SPLIT_BY].given || v[PARAM_SPLIT_GROUPS].given ||
		v[PARAM_TEST_FRACTION].number == 0 || strcmp(set->date_column, v[PARAM_TARGET].word) == 0 ||
		get_attnum(v[PARAM_RELATION].relation, set->date_column) == InvalidAttrNumber)
		return;
	v[PARAM_SPLIT_BY].given = true;
	v[PARAM_SPLIT_BY].word = set->date_column;
	ereport(NOTICE,
			(errmsg("the latest rows are held out: split_by => %s, the date of feature set \"%s\"",
					quote_literal_cstr(set->date_column), set->name),
			 errhint("split_by, split_groups or test_fraction => 0 say otherwise.")));
}

/* A RowSource: the view's rows without its windows. */
static uint64
scan_directly(void *source, List *columns, RelationRow row, void *arg)
{
	return feature_scan(source, columns, row, arg);
}

void
set_row_source(FeatureSet *set, FrameSpec *spec)
{
	/* a materialized view's rows are read as they were stored */
	if (OidIsValid(set->materialized_view) || spec->relid != set->view || !feature_scan_possible(set))
		return;
	spec->rows = scan_directly;
	spec->rows_source = set;
}

void
set_prepare(Training *t)
{
	t->feature_set = feature_set_of_view(t->values.value[PARAM_RELATION].relation);
	if (t->feature_set != NULL)
		default_split(t);
}

void
set_frame_spec(const Training *t, FrameSpec *spec)
{
	FeatureSet *set = t->feature_set;

	if (set == NULL)
		return;
	spec->withheld = set_withheld(set, spec->target);
	spec->withheld_reason = set_withheld_reason(spec->target);
	check_named(t, spec->withheld);
	spec->series = set->group_by;
	set_row_source(set, spec);
}

void
set_announce(const Training *t)
{
	const char *target = t->values.value[PARAM_TARGET].word;
	StringInfoData names;
	int			n = 0;
	bool		window = false;

	initStringInfo(&names);
	for (int c = 0; c < t->frame->ncolumns; c++)
	{
		const FrameColumn *column = &t->frame->columns[c];

		if (!column->withheld)
			continue;
		if (n < NAMED_FEATURES)
			appendStringInfo(&names, "%s%s", n == 0 ? "" : ", ", column->name);
		n++;
		window |= window_of_target(feature_find(t->feature_set, column->name), target);
	}
	if (n > NAMED_FEATURES)
		appendStringInfo(&names, " and %d more", n - NAMED_FEATURES);
	if (n > 0)
		ereport(NOTICE,
				(errmsg("left out, since each %s: %s", set_withheld_reason(target), names.data),
				 window ? errhint("Create the feature set with target => %s for windows that end at the row before.",
								  quote_literal_cstr(target)) : 0));
	pfree(names.data);
}

int
set_horizon(const Training *t)
{
	const FeatureSet *set = t->feature_set;
	const char *target = t->values.value[PARAM_TARGET].word;
	double		horizon;

	if (set == NULL)
		return 1;
	horizon = json_object_number(&set->definition->root,
								 set->target && strcmp(set->target, target) == 0 ? "target_horizon" : "horizon");
	return horizon >= 1 && horizon <= ROLLING_MAX_ROWS ? (int) horizon : 1;
}

char *
set_fitted_note(const Training *t)
{
	StringInfoData note;
	int			n = 0;

	if (t->feature_set == NULL)
		return NULL;
	initStringInfo(&note);
	for (int c = 0; c < t->frame->ncolumns; c++)
	{
		const FrameColumn *column = &t->frame->columns[c];
		const Feature *feature = column->feature ? feature_find(t->feature_set, column->name) : NULL;

		if (feature == NULL || !feature->fitted)
			continue;
		if (n < NAMED_FITTED)
			appendStringInfo(&note, "%s%s", n == 0 ? "" : ", ", column->name);
		n++;
	}
	if (n > NAMED_FITTED)
		appendStringInfo(&note, " and %d more", n - NAMED_FITTED);
	if (n == 0)
		return NULL;
	appendStringInfo(&note, " %s fitted to all rows of the feature set, the held-out ones too",
					 n == 1 ? "was" : "were");
	return note.data;
}

/*
 * Without a key rows of one date are told apart by all their columns.  Is the target among them, then the
 * row before is one of a smaller target, and every window that ends there knows it.
 */
char *
set_order_note(const Training *t)
{
	const FeatureSet *set = t->feature_set;
	const char *target = t->values.value[PARAM_TARGET].word;
	bool		window = false;

	if (set == NULL || set->date_column == NULL || !name_in(set->order_by, target))
		return NULL;
	for (int c = 0; c < t->frame->ncolumns; c++)
	{
		const FrameColumn *column = &t->frame->columns[c];
		const Feature *feature = column->feature ? feature_find(set, column->name) : NULL;

		window |= feature && feature->kind == FEATURE_WINDOW;
	}
	if (!window || !baseline_dates_repeat(t->frame, set->date_column, set->group_by))
		return NULL;
	return psprintf("rows of one \"%s\" are in the order of \"%s\" itself, so windows tell something of it: give %s a primary key, and make the set again",
					set->date_column, target, set->relation);
}
