/*
 * frame.c
 *		A relation read into columns, in the canonical order of rows.
 *
 * One pass over the rows stores every cell as a double, or as the code of a category by first
 * sight (cells.h).  Then it is known which columns are features (select.c) and in
 * which order the rows go (order.c); codes get their final numbers, and the
 * rows are moved into one array a column.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "data/order.h"
#include "data/select.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"

#include "compat.h"
#include "model/model.h"
#include "model/progress.h"

#define OTHER_LABEL		"(other)"

/* How a column's values are read: by the types that need no call, else by column_number. */
typedef enum CellKind
{
	CELL_FLOAT8,
	CELL_FLOAT4,
	CELL_INT8,
	CELL_INT4,
	CELL_INT2,
	CELL_NUMBER,
	CELL_CATEGORY
} CellKind;

/* A column while rows arrive. */
typedef struct CellReader
{
	CellKind	kind;
	int			place;			/* in the frame's columns and the sources */
	int			result;			/* in the query's columns */
} CellReader;

/* The readers of one group of cells. */
typedef struct GroupReader
{
	CellGroup  *group;
	char	   *row;			/* where the next row goes */
	CellReader	readers[GROUP_CODES];	/* by slot */
} GroupReader;

#define MAX_ROLES	4

typedef struct FrameState
{
	const FrameSpec *spec;
	Frame	   *frame;
	SourceColumn *sources;
	CellGroup  *groups;
	GroupReader *readers;		/* [ngroups] */
	int			ngroups;
	CellReader	roles[MAX_ROLES];	/* they decide whether a row is kept; the target first */
	int			nroles;
	size_t		nrows;
	MemoryContext context;		/* of the frame */
	MemoryContext scratch;		/* of what is needed until the frame is complete */
	FrameMemory memory;
	uint64		rows_without_split;
	double		weight_sum;
} FrameState;

/* ---- reading ----------------------------------------------------------- */

/* How a type is read. */
static CellKind
cell_kind(const ColumnType *type)
{
	switch (type->basetype)
	{
		case FLOAT8OID:
			return CELL_FLOAT8;
		case FLOAT4OID:
			return CELL_FLOAT4;
		case INT8OID:
			return CELL_INT8;
		case INT4OID:
			return CELL_INT4;
		case INT2OID:
			return CELL_INT2;
		default:
			return type->kind == COLUMN_CATEGORY ? CELL_CATEGORY : CELL_NUMBER;
	}
}

/* One number; NaN where there is none, which is counted. */
static inline double
read_number(FrameState *state, const CellReader *reader, const Datum *values, const bool *nulls)
{
	Datum		datum = values[reader->result];
	double		number = NAN;

	if (likely(!nulls[reader->result]))
	{
		switch (reader->kind)
		{
			case CELL_FLOAT8:
				number = DatumGetFloat8(datum);
				break;
			case CELL_FLOAT4:
				number = DatumGetFloat4(datum);
				break;
			case CELL_INT8:
				return (double) DatumGetInt64(datum);
			case CELL_INT4:
				return DatumGetInt32(datum);
			case CELL_INT2:
				return DatumGetInt16(datum);
			default:
				number = column_number(&state->frame->columns[reader->place].type, datum);
				break;
		}
	}
	if (unlikely(isnan(number)))
		state->frame->columns[reader->place].missing++;
	return number;
}

/* One category as its code by first sight. */
static inline uint32
read_code(FrameState *state, const CellReader *reader, const Datum *values, const bool *nulls)
{
	if (nulls[reader->result])
	{
		state->frame->columns[reader->place].missing++;
		return LEARN_MISSING;
	}
	return dictionary_code(&state->sources[reader->place].dictionary, values[reader->result]);
}

/* A double as SQL prints it. */
static char *
number_text(double number)
{
	return float8out_internal(number);
}

/* Raise for a weight no row can have. */
static void
check_weight(const FrameColumn *column, bool isnull, double weight)
{
	if (!isnull && weight >= 0 && !isinf(weight))
		return;
	ereport(ERROR,
			(errcode(isnull ? ERRCODE_NULL_VALUE_NOT_ALLOWED :
					 ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("column \"%s\" holds the sample weight %s", column->name,
					isnull ? "NULL" : number_text(weight)),
			 errdetail("A weight is a finite number of 0 or more."),
			 errhint("Use a view that leaves such rows out, or gives them the weight 0.")));
}

/* Raise for an infinite target. */
static void
check_target(const FrameColumn *column, double target)
{
	if (column->type.kind != COLUMN_NUMBER || !isinf(target))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("the target \"%s\" holds the value %s", column->name, number_text(target)),
			 errdetail("Nothing can be learned from an infinite target."),
			 errhint("Use a view that leaves such rows out: WHERE %s < 'Infinity' AND %s > '-Infinity'.",
					 quote_identifier(column->name), quote_identifier(column->name))));
}

/* The next row: does it have what every row must have? */
static bool
row_usable(FrameState *state, const Datum *values, const bool *nulls)
{
	const Frame *frame = state->frame;
	bool		without_target = false;
	bool		without_split = false;
	double		weight = 1;

	for (int i = 0; i < state->nroles; i++)
	{
		const CellReader *reader = &state->roles[i];
		const FrameColumn *column = &frame->columns[reader->place];
		bool		isnull = nulls[reader->result];
		double		number = 0;

		if (reader->kind != CELL_CATEGORY)
			number = isnull ? NAN : column_number(&column->type, values[reader->result]);

		if (reader->place == frame->target)
		{
			without_target = isnull || isnan(number);
			if (!without_target)
				check_target(column, number);
		}
		if (reader->place == frame->split_by)
			without_split = isnan(number);
		if (reader->place == frame->weight && !without_target)
		{
			check_weight(column, isnull, number);
			weight = number;
		}
	}
	if (without_target)
		state->frame->rows_without_target++;
	else if (without_split)
		state->rows_without_split++;
	else
		state->weight_sum += weight;
	return !without_target && !without_split;
}

/* Note the integers of a row that is left out: its number belongs to the numbering. */
static void
row_left_out(FrameState *state, const Datum *values, const bool *nulls)
{
	for (int g = 0; g < state->ngroups; g++)
	{
		const GroupReader *group = &state->readers[g];

		for (int i = 0; i < group->group->ncolumns; i++)
		{
			const CellReader *reader = &group->readers[i];
			const ColumnType *type = &state->frame->columns[reader->place].type;
			SourceColumn *source = &state->sources[reader->place];
			double		number;

			if (!type->integral || nulls[reader->result])
				continue;
			number = column_number(type, values[reader->result]);
			source->low = Min(source->low, number);
			source->high = Max(source->high, number);
		}
	}
}

/* Room for more rows in every group. */
static void
frame_extend(FrameState *state)
{
	if (state->nrows >= LEARN_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("\"%s\" has more than %d rows", state->memory.relation,
						LEARN_MAX_ROWS),
				 errhint("Use a view of a sample of the rows.")));
	for (int g = 0; g < state->ngroups; g++)
	{
		cells_extend(&state->groups[g], state->scratch, &state->memory);
		state->readers[g].row = cell_row(&state->groups[g], state->nrows);
	}
}

/* A row of the relation, called by relation_scan. */
static void
frame_row(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	FrameState *state = arg;

	state->memory.rows++;
	if (!row_usable(state, values, nulls))
	{
		row_left_out(state, values, nulls);
		return;
	}
	if (unlikely(state->nrows % SEGMENT_ROWS == 0))
	{
		frame_extend(state);
		progress_done(state->memory.rows);
	}
	for (int g = 0; g < state->ngroups; g++)
	{
		GroupReader *reader = &state->readers[g];
		int			ncolumns = reader->group->ncolumns;

		if (reader->group->codes)
		{
			uint32	   *row = (uint32 *) reader->row;

			for (int i = 0; i < ncolumns; i++)
				row[i] = read_code(state, &reader->readers[i], values, nulls);
		}
		else
		{
			double	   *row = (double *) reader->row;

			for (int i = 0; i < ncolumns; i++)
				row[i] = read_number(state, &reader->readers[i], values, nulls);
		}
		reader->row += reader->group->stride;
	}
	state->nrows++;
}

/* Put a column into the last group of its kind, or a new one. */
static void
frame_place(FrameState *state, CellReader reader)
{
	bool		codes = reader.kind == CELL_CATEGORY;
	int			width = codes ? GROUP_CODES : GROUP_VALUES;
	SourceColumn *source = &state->sources[reader.place];
	CellGroup  *group = NULL;
	int			g;

	for (g = state->ngroups - 1; g >= 0 && group == NULL; g--)
	{
		if (state->groups[g].codes == codes)
		{
			if (state->groups[g].ncolumns < width)
				group = &state->groups[g];
			break;
		}
	}
	if (group == NULL)
	{
		g = state->ngroups++;
		group = &state->groups[g];
		group->codes = codes;
		state->readers[g].group = group;
	}
	g = group - state->groups;
	state->readers[g].readers[group->ncolumns] = reader;
	group->places[group->ncolumns] = reader.place;
	source->group = group;
	source->slot = group->ncolumns++;
	group->stride = group->ncolumns * (codes ? sizeof(uint32) : sizeof(double));
}

/*
 * A place in a group for each column that is read; returns the query's columns, in the
 * table's order, so that a row of all columns needs no projection.
 */
static List *
frame_readers(FrameState *state)
{
	Frame	   *frame = state->frame;
	List	   *columns = NIL;

	state->groups = palloc0(mul_size(frame->ncolumns, sizeof(CellGroup)));
	state->readers = palloc0(mul_size(frame->ncolumns, sizeof(GroupReader)));
	for (int i = 0; i < frame->ncolumns; i++)
	{
		SourceColumn *source = &state->sources[i];
		CellReader	reader;

		if (!source->read)
			continue;
		reader.kind = cell_kind(&frame->columns[i].type);
		reader.place = i;
		reader.result = list_length(columns);
		frame_place(state, reader);
		if (reader.kind == CELL_CATEGORY)
			dictionary_init(&source->dictionary, &frame->columns[i].type, state->scratch,
							&state->memory);
		if (source->is_role)
			state->roles[state->nroles++] = reader;
		columns = lappend(columns, frame->columns[i].name);
	}

	/* the target first: a weight is checked only where there is one */
	for (int i = 1; i < state->nroles; i++)
	{
		if (state->roles[i].place == frame->target)
		{
			CellReader	target = state->roles[i];

			state->roles[i] = state->roles[0];
			state->roles[0] = target;
		}
	}
	return columns;
}

/* Raise where there is not enough to learn from. */
static void
check_rows(const FrameState *state)
{
	const Frame *frame = state->frame;
	const FrameSpec *spec = state->spec;
	const char *name = state->memory.relation;
	bool		rls = check_enable_rls(spec->relid, InvalidOid, true) == RLS_ENABLED;
	StringInfoData detail;

	if (spec->min_rows == 0)
		return;
	if (frame->rows_read == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" has no rows, at least %d are needed", name, spec->min_rows),
				 rls ? errhint("Row-level security is in force: rows your policies hide are not read.") : 0));

	if (frame->nrows < (size_t) spec->min_rows)
	{
		initStringInfo(&detail);
		appendStringInfo(&detail, "%llu rows were read",
						 (unsigned long long) frame->rows_read);
		if (frame->rows_without_target > 0)
			appendStringInfo(&detail, ", %llu have no value in the target \"%s\"",
							 (unsigned long long) frame->rows_without_target, spec->target);
		if (state->rows_without_split > 0)
			appendStringInfo(&detail, ", %llu have no value in \"%s\", which they are split by",
							 (unsigned long long) state->rows_without_split, spec->split_by);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("too few usable rows in \"%s\": %zu, at least %d are needed",
						name, frame->nrows, spec->min_rows),
				 errdetail("%s.", detail.data),
				 rls ? errhint("Row-level security is in force: rows your policies hide are not read.") : 0));
	}
	if (spec->weight != NULL && state->weight_sum == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("every sample weight in column \"%s\" is zero", spec->weight)));
}

/* ---- categories ------------------------------------------------------------ */

typedef struct LevelCount
{
	uint64		count;
	uint32		level;			/* in sorted order */
} LevelCount;

/* Most rows first; ties by label. */
static int
compare_counts(const void *a, const void *b)
{
	const LevelCount *x = a;
	const LevelCount *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->level < y->level ? -1 : x->level > y->level;
}

/*
 * Which levels stand for themselves: the max_categories - 1 most frequent.  A
 * level that happens to be called "(other)" is one of the others.
 */
static void
pick_levels(const uint64 *counts, char **labels, uint32 nlevels, uint32 limit, bool *kept)
{
	LevelCount *levels = MemoryContextAllocHuge(CurrentMemoryContext,
												mul_size(nlevels, sizeof(LevelCount)));
	uint32		nkept = 0;

	for (uint32 i = 0; i < nlevels; i++)
	{
		levels[i].count = counts[i];
		levels[i].level = i;
	}
	qsort(levels, nlevels, sizeof(LevelCount), compare_counts);
	for (uint32 i = 0; i < nlevels && nkept < limit - 1; i++)
	{
		if (strcmp(labels[levels[i].level], OTHER_LABEL) == 0)
			continue;
		kept[levels[i].level] = true;
		nkept++;
	}
	pfree(levels);
}

/*
 * Levels in their order, the rare ones of a feature pooled; returns the code of each
 * code by first sight.
 */
static uint32 *
frame_categories(FrameState *state, int place)
{
	Frame	   *frame = state->frame;
	FrameColumn *column = &frame->columns[place];
	SourceColumn *source = &state->sources[place];
	Dictionary *dictionary = &source->dictionary;
	uint32		nlevels = dictionary->nentries;
	uint32		limit = Max(2, Min(state->spec->max_categories, LEARN_MAX_CATEGORIES));
	size_t		room = Max((size_t) nlevels, 1);
	uint32	   *order;
	uint32	   *recode;
	uint64	   *counts;
	char	  **labels;
	bool	   *kept;
	uint32		n = 0;

	frame_memory_add(&state->memory, room,
					 2 * sizeof(uint32) + sizeof(uint64) + sizeof(char *) + 1);
	order = MemoryContextAllocHuge(state->context, mul_size(room, sizeof(uint32)));
	recode = MemoryContextAllocHuge(state->context, mul_size(room, sizeof(uint32)));
	counts = MemoryContextAllocExtended(state->context, mul_size(room, sizeof(uint64)),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	labels = MemoryContextAllocHuge(state->context, mul_size(room, sizeof(char *)));
	kept = MemoryContextAllocExtended(state->context, room,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	dictionary_sort(dictionary, order, labels);
	for (uint32 i = 0; i < nlevels; i++)
		counts[i] = dictionary->entries[order[i]].count;

	/* labels of a target are what is predicted, groups must not be joined */
	column->pooled = column->feature && nlevels > limit;
	if (column->pooled)
		pick_levels(counts, labels, nlevels, limit, kept);
	else
		memset(kept, true, room);

	for (uint32 i = 0; i < nlevels; i++)
	{
		if (!kept[i])
			continue;
		recode[order[i]] = n;
		labels[n] = labels[i];
		counts[n] = counts[i];
		n++;
	}
	if (column->pooled)
	{
		uint64		pooled = 0;

		for (uint32 i = 0; i < nlevels; i++)
		{
			if (kept[i])
				continue;
			recode[order[i]] = n;
			pooled += dictionary->entries[order[i]].count;
		}
		column->npooled = nlevels - n;
		labels[n] = pstrdup(OTHER_LABEL);
		counts[n] = pooled;
		n++;
		frame->notices = lappend(frame->notices,
								 psprintf("\"%s\" has %u levels: the %u rarest are one, \"%s\"",
										  column->name, nlevels, column->npooled, OTHER_LABEL));
	}
	column->ncategories = n;
	column->categories = labels;
	column->counts = counts;
	pfree(order);
	pfree(kept);
	frame_memory_subtract(&state->memory, room, sizeof(uint32) + 1);
	return recode;
}

/* ---- the door ------------------------------------------------------------ */

/* Rows left out, one phrase a reason. */
static void
note_rows(FrameState *state)
{
	Frame	   *frame = state->frame;

	if (frame->rows_without_target > 0)
		frame->notices = lappend(frame->notices,
								 psprintf("%llu rows without a value in \"%s\" left out",
										  (unsigned long long) frame->rows_without_target,
										  state->spec->target));
	if (state->rows_without_split > 0)
		frame->notices = lappend(frame->notices,
								 psprintf("%llu rows without a value in \"%s\", which they are split by, left out",
										  (unsigned long long) state->rows_without_split,
										  state->spec->split_by));
}

/* All groups into columns, in the order of rows; frees them. */
static void
frame_move(FrameState *state, const uint32 *order)
{
	Frame	   *frame = state->frame;

	for (int g = 0; g < state->ngroups; g++)
	{
		CellGroup  *group = &state->groups[g];
		uint32	   *recode[GROUP_CODES] = {NULL};

		for (int slot = 0; slot < group->ncolumns; slot++)
		{
			int			place = group->places[slot];

			if (group->codes && (frame->columns[place].feature || state->sources[place].kept))
				recode[slot] = frame_categories(state, place);
		}
		order_move(frame, state->sources, group, order, recode, state->context,
				   &state->memory);
		for (int slot = 0; slot < group->ncolumns; slot++)
		{
			if (recode[slot] != NULL)
				pfree(recode[slot]);
		}
	}
}

Frame *
frame_read(const FrameSpec *spec)
{
	Frame	   *frame = palloc0(sizeof(Frame));
	FrameState	state;
	List	   *columns;
	uint32	   *order;

	memset(&state, 0, sizeof(state));
	state.spec = spec;
	state.frame = frame;
	state.context = CurrentMemoryContext;
	state.scratch = AllocSetContextCreate(CurrentMemoryContext, "echolon frame",
										  ALLOCSET_DEFAULT_SIZES);
	state.sources = select_columns(spec, frame);
	state.memory.relation = get_rel_name(spec->relid);
	state.memory.remedy = spec->remedy ? spec->remedy : "leave columns out with exclude";
	state.memory.limit = max_memory_bytes();
	state.memory.text_limit = state.memory.limit / 4;

	columns = frame_readers(&state);
	frame->rows_read = spec->rows ? spec->rows(spec->rows_source, columns, frame_row, &state) :
		relation_scan(spec->relid, columns, frame_row, &state);
	frame->nrows = state.nrows;
	progress_done(frame->rows_read);
	check_rows(&state);
	note_rows(&state);
	for (int i = 0; i < frame->ncolumns; i++)
		dictionary_close(&state.sources[i].dictionary);

	select_features(spec, frame, state.sources);
	select_report(spec, frame);

	order = order_rows(frame, state.sources, state.groups, state.ngroups, state.scratch,
					   state.context, &state.memory);
	frame_move(&state, order);
	MemoryContextDelete(state.scratch);
	return frame;
}

Frame *
frame_rows(const Frame *frame, const uint32 *rows, size_t n)
{
	Frame	   *some = palloc(sizeof(Frame));
	Size		width = mul_size(sizeof(double), Max(n, 1));

	*some = *frame;
	some->nrows = n;
	some->notices = NIL;
	some->columns = palloc(mul_size(sizeof(FrameColumn), Max(frame->ncolumns, 1)));
	some->row_hash = MemoryContextAllocHuge(CurrentMemoryContext, width);
	for (size_t i = 0; i < n; i++)
		some->row_hash[i] = frame->row_hash[rows[i]];
	for (int c = 0; c < frame->ncolumns; c++)
	{
		const FrameColumn *from = &frame->columns[c];
		FrameColumn *column = &some->columns[c];

		CHECK_FOR_INTERRUPTS();
		*column = *from;
		column->counts = NULL;
		column->missing = 0;
		if (from->values)
		{
			column->values = MemoryContextAllocHuge(CurrentMemoryContext, width);
			for (size_t i = 0; i < n; i++)
			{
				column->values[i] = from->values[rows[i]];
				column->missing += isnan(column->values[i]);
			}
		}
		if (from->codes)
		{
			column->codes = MemoryContextAllocHuge(CurrentMemoryContext, width / 2);
			for (size_t i = 0; i < n; i++)
			{
				column->codes[i] = from->codes[rows[i]];
				column->missing += column->codes[i] == LEARN_MISSING;
			}
		}
	}
	return some;
}
