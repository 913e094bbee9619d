/*
 * encoder.c
 *		A row of any composite type into the numbers a model's features are.
 *
 * Columns are matched by name, once a row type; what a value becomes is decided by
 * data/column.c, which training goes through as well.  Kinds of types have to agree, not
 * the types: any number serves for a number, and text, varchar, enum, boolean and uuid all
 * serve for a category by their labels.  A category is looked up in a hash table that is
 * built when its column brings the first label, so that a model with large
 * dictionaries predicts its first row without hashing all of them.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "data/frame.h"
#include "learn/hash.h"
#include "predict/encoder_parts.h"

/* So many names are listed in a message; the rest are counted. */
#define NAMES_LISTED 40

List *
encoder_columns(const CachedModel *model, Oid relid, const char *further, int *place)
{
	List	   *columns = NIL;

	*place = -1;
	for (uint32 c = 0; c < model->file.ncolumns; c++)
	{
		(void) relation_column(relid, model->column_names[c]);
		if (strcmp(model->column_names[c], further) == 0)
			*place = (int) c;
		columns = lappend(columns, pstrdup(model->column_names[c]));
	}
	if (*place >= 0)
		return columns;
	(void) relation_column(relid, further);
	*place = list_length(columns);
	return lappend(columns, pstrdup(further));
}

/* ---- what rows and documents share ------------------------------------------ */

/* The zone a model fixed at fit; an error where this server does not know it. */
static pg_tz *
encoder_zone(const Encoder *encoder, const EncoderColumn *column)
{
	pg_tz	   *zone = pg_tzset(column->column->zone);

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("time zone \"%s\" of %s is not known to this server",
						column->column->zone, encoder->title),
				 errdetail("The calendar parts of column \"%s\" are computed in it.", column->name),
				 errhint("Update the server's time zone data, or train the model again under a zone listed in pg_timezone_names.")));
	return zone;
}

/* Columns, features and zones, without a place to read from. */
Encoder *
encoder_begin(const CachedModel *model, const char *name, MemoryContext context)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	const ModelFile *file = &model->file;
	Encoder    *encoder = palloc0(sizeof(Encoder));
	Size		size = mul_size(sizeof(uint32), Max(file->nfeatures, 1));
	uint32	   *features = palloc(size);
	uint32		place = 0;

	encoder->model = model;
	encoder->title = name ? psprintf("model \"%s\"", name) : pstrdup("the model");
	encoder->context = context;
	encoder->file = file;
	encoder->ncolumns = file->ncolumns;
	encoder->columns = palloc0(mul_size(sizeof(EncoderColumn), Max(file->ncolumns, 1)));
	if (file->groups)
		encoder->raw = palloc(mul_size(sizeof(double), Max(file->ncolumns, 1)));

	for (uint32 f = 0; f < file->nfeatures; f++)
		encoder->columns[file->features[f].column].nfeatures++;
	for (int c = 0; c < encoder->ncolumns; c++)
	{
		EncoderColumn *column = &encoder->columns[c];

		column->column = &file->columns[c];
		column->name = model->column_names[c];
		column->type_name = pg_any_to_server(column->column->type_name,
											 strlen(column->column->type_name), PG_UTF8);
		column->categories = model->categories[c];
		column->attribute = -1;
		column->features = &features[place];
		place += column->nfeatures;
		column->nfeatures = 0;	/* counted again below */
		if (column->column->kind == COLUMN_TIMESTAMPTZ)
			column->zone = encoder_zone(encoder, column);
	}
	for (uint32 f = 0; f < file->nfeatures; f++)
	{
		EncoderColumn *column = &encoder->columns[file->features[f].column];

		column->features[column->nfeatures++] = f;
	}
	MemoryContextSwitchTo(caller);
	return encoder;
}

/* Put a column's number where its features are, as the model of the row has it. */
static void
encoder_spread(const Encoder *encoder, int c, double raw, double *x)
{
	const EncoderColumn *column = &encoder->columns[c];
	const ModelColumn *source = &encoder->file->columns[c];
	const ModelFeature *features = encoder->file->features;
	uint32		n = source->ncategories;

	if (source->treatment != NULL)
		raw = model_treated(source->treatment, raw);
	for (uint32 i = 0; i < column->nfeatures; i++)
	{
		uint32		f = column->features[i];

		if (source->kind != COLUMN_CATEGORY)
			x[f] = features[f].part == PART_VALUE ? raw :
				column_part(source->kind, features[f].part, raw, column->zone);
		else if (features[f].means == NULL)
			x[f] = raw < n ? raw : NAN;
		else
			x[f] = features[f].means[isnan(raw) ? model_mean_missing(n) : (uint32) raw];
	}
}

void
encoder_put(Encoder *encoder, int column, double raw, double *x)
{
	if (encoder->raw == NULL)
		encoder_spread(encoder, column, raw, x);
	else
		encoder->raw[column] = raw;
}

void
encoder_end(Encoder *encoder, double *x)
{
	if (encoder->raw != NULL)
		encoder_values(encoder, encoder->raw, x);
}

/* Hash a column's labels; codes stay what they are. */
static void
encoder_build_dictionary(Encoder *encoder, EncoderColumn *column)
{
	MemoryContext caller = MemoryContextSwitchTo(encoder->context);
	uint32		n = column->column->ncategories;
	uint32		size = 8;
	uint32	   *lengths = palloc(mul_size(sizeof(uint32), Max(n, 1)));
	uint32	   *slots;

	while (size < n * 2)		/* at most half full; n is at most LEARN_MAX_CATEGORIES */
		size *= 2;
	slots = palloc0(mul_size(sizeof(uint32), size));
	for (uint32 code = 0; code < n; code++)
	{
		uint32		slot;

		lengths[code] = strlen(column->categories[code]);
		slot = hash_bytes(column->categories[code], lengths[code], 0) & (size - 1);
		while (slots[slot] != 0)
			slot = (slot + 1) & (size - 1);
		slots[slot] = code + 1;
	}
	column->lengths = lengths;
	column->mask = size - 1;
	column->slots = slots;
	MemoryContextSwitchTo(caller);
}

/*
 * Code of a label as a number.  A label that isn't in the dictionary is the pooled category where
 * the column has one; else it is ncategories, and *unseen (may be NULL) goes up.
 */
double
encoder_category(Encoder *encoder, EncoderColumn *column, const char *label, int length,
				 uint64 *unseen)
{
	uint32		slot;

	if (column->slots == NULL)
		encoder_build_dictionary(encoder, column);
	slot = hash_bytes(label, length, 0) & column->mask;
	while (column->slots[slot] != 0)
	{
		uint32		code = column->slots[slot] - 1;

		if (column->lengths[code] == length &&
			memcmp(column->categories[code], label, length) == 0)
			return code;
		slot = (slot + 1) & column->mask;
	}
	if (column->column->pooled && column->column->ncategories > 0)
		return column->column->ncategories - 1;
	if (unseen != NULL)
		(*unseen)++;
	if (encoder->unseen != NULL)
		encoder->unseen[column - encoder->columns]++;
	return model_mean_unknown(column->column->ncategories);
}

void
encoder_count_unseen(Encoder *encoder, uint64 *counts)
{
	encoder->unseen = counts;
}

/* Names for a message: '"a", "b"', many of them cut short with their number. */
char *
encoder_list(const char *const *names, int n)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < Min(n, NAMES_LISTED); i++)
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", names[i]);
	if (n > NAMES_LISTED)
		appendStringInfo(&list, " and %d more", n - NAMES_LISTED);
	return list.data;
}

/* The name that may have been meant: one that differs in case, else the nearest; or NULL. */
const char *
encoder_nearest(const char *name, const char *const *candidates, int n)
{
	for (int i = 0; i < n; i++)
		if (pg_strcasecmp(candidates[i], name) == 0)
			return candidates[i];
	return closest_name(name, candidates, n);
}

/*
 * Class number of a label (length bytes, in the database's encoding); -1 where it is not a label
 * of the model.
 */
int
encoder_label(const CachedModel *model, const char *label, int length)
{
	for (uint32 k = 0; k < model->file.nlabels; k++)
	{
		if (strncmp(model->labels[k], label, length) == 0 && model->labels[k][length] == '\0')
			return k;
	}
	return -1;
}

/* ---- rows ------------------------------------------------------------------- */

pg_noreturn static void
encoder_column_missing(const Encoder *encoder, const char *name, TupleDesc desc)
{
	const char **names = palloc(mul_size(sizeof(char *), Max(desc->natts, 1)));
	int			n = 0;
	bool		anonymous = true;
	const char *near;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped)
			continue;
		names[n++] = NameStr(attribute->attname);
		anonymous &= strcmp(names[n - 1], psprintf("f%d", i + 1)) == 0;
	}
	near = encoder_nearest(name, names, n);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" that %s needs is not in the row", name, encoder->title),
			 n == 0 ? errdetail("The row has no columns.") :
			 errdetail("The row's columns are %s.", encoder_list(names, n)),
			 anonymous && n > 0 ?
			 errhint("The columns of ROW(...) have no names of their own: give them names in a subquery, as in FROM (SELECT ... AS %s, ...) AS input.",
					 quote_identifier(name)) :
			 near != NULL ?
			 errhint("Columns are matched by name: if \"%s\" is meant, rename it in a subquery, as in FROM (SELECT %s AS %s, ...) AS input.",
					 near, quote_identifier(near), quote_identifier(name)) :
			 errhint("Columns are matched by name: add it to the row, as NULL where it is not known.")));
}

pg_noreturn static void
encoder_type_mismatch(const Encoder *encoder, const EncoderColumn *column, Oid typid)
{
	const char *hint = NULL;

	switch ((ColumnKind) column->column->kind)
	{
		case COLUMN_NUMBER:
			hint = "Any type of number will do: cast the column in a subquery, or train the model again.";
			break;
		case COLUMN_CATEGORY:
			hint = "Any text, enum, boolean or uuid will do: cast the column in a subquery, or train the model again.";
			break;
		case COLUMN_DATE:
		case COLUMN_TIMESTAMP:
		case COLUMN_TIMESTAMPTZ:
			hint = "Dates and the two kinds of timestamps do not stand for each other: cast the column in a subquery, or train the model again.";
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" has type %s in the row, but %s needs %s",
					column->name, format_type_be(typid), encoder->title, column->type_name),
			 errhint("%s", hint)));
}

/* Find one of the model's columns in the row type, and see that its type serves. */
static void
encoder_match(const Encoder *encoder, EncoderColumn *column, TupleDesc desc)
{
	Oid			typid = InvalidOid;
	bool		usable;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped || strcmp(NameStr(attribute->attname), column->name) != 0)
			continue;
		if (column->attribute >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("column \"%s\" that %s needs is in the row more than once",
							column->name, encoder->title),
					 errhint("Select only one of them, or rename the others in the subquery.")));
		column->attribute = i;
		typid = attribute->atttypid;
	}
	if (column->attribute < 0)
		encoder_column_missing(encoder, column->name, desc);

	usable = column_type_resolve(typid, &column->type);
	if (usable && column->type.kind == column->column->kind)
		return;
	/* SELECT NULL AS x has type text: take it for the missing value that is meant. */
	if (typid != TEXTOID)
		encoder_type_mismatch(encoder, column, typid);
	column->only_null = true;
}

Encoder *
encoder_create(const CachedModel *model, TupleDesc desc, MemoryContext context)
{
	return encoder_create_named(model, NULL, desc, context);
}

/*
 * Match a row type to the model's columns by name; name is the model's, for messages.
 * Raises: a column is missing, is there twice, or has a type of another kind; the model's time zone is unknown.
 */
Encoder *
encoder_create_named(const CachedModel *model, const char *name, TupleDesc desc,
					 MemoryContext context)
{
	Encoder    *encoder = encoder_begin(model, name, context);
	MemoryContext caller = MemoryContextSwitchTo(context);

	for (int c = 0; c < encoder->ncolumns; c++)
		encoder_match(encoder, &encoder->columns[c], desc);
	MemoryContextSwitchTo(caller);
	return encoder;
}

/*
 * One row: fills x[nfeatures] as learn_predict_row wants it.  Values of columns that the model
 * does not need are never looked at, so that they are not detoasted.
 */
void
encoder_row(Encoder *encoder, const Datum *values, const bool *nulls, double *x, uint64 *unseen)
{
	for (int c = 0; c < encoder->ncolumns; c++)
	{
		EncoderColumn *column = &encoder->columns[c];
		double		raw;

		if (nulls[column->attribute])
			raw = NAN;
		else if (column->only_null)
			encoder_type_mismatch(encoder, column, TEXTOID);
		else if (column->column->kind == COLUMN_CATEGORY)
		{
			int			length;
			const char *label = column_label(&column->type, values[column->attribute], &length);

			raw = encoder_category(encoder, column, label, length, unseen);
		}
		else
			raw = column_number(&column->type, values[column->attribute]);
		encoder_put(encoder, c, raw, x);
	}
	encoder_end(encoder, x);
}

/* ---- what was read before --------------------------------------------------- */

Encoder *
encoder_create_values(const CachedModel *model, const char *name, MemoryContext context)
{
	return encoder_begin(model, name, context);
}

/* What a label's rows have in place of it; *unseen: the model does not know it. */
double
encoder_code(Encoder *encoder, uint32 column, const char *label, bool *unseen)
{
	uint64		n = 0;
	double		code = encoder_category(encoder, &encoder->columns[column], label, (int) strlen(label), &n);

	*unseen = n > 0;
	return code;
}

void
encoder_values(Encoder *encoder, const double *raw, double *x)
{
	encoder->file = model_file_of(&encoder->model->file, raw);
	for (int c = 0; c < encoder->ncolumns; c++)
		encoder_spread(encoder, c, raw[c], x);
}

const LearnModel *
encoder_model(const Encoder *encoder)
{
	return &encoder->file->learn;
}

void
encoder_common(Encoder *encoder, double *x)
{
	if (encoder->raw == NULL)
		return;
	encoder->file = &encoder->model->file;
	for (int c = 0; c < encoder->ncolumns; c++)
		encoder_spread(encoder, c, encoder->raw[c], x);
}
