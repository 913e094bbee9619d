/*
 * scoring.c
 *		Rows that data/frame.c has read, as a stored model sees and predicts them.
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "learn/predict.h"
#include "operate/replay.h"

struct FrameEncoder
{
	Encoder    *encoder;
	uint32		ncolumns;		/* of the model, */
	const FrameColumn **read;	/* [ncolumns] the frame's of the same name */
	double	  **codes;			/* [ncolumns] the model's codes in place of the frame's; NULL: numbers */
	double	   *raw;			/* [ncolumns] of a row */
};

/* The frame's column of a name, which was read. */
static const FrameColumn *
frame_column(const Frame *frame, const char *name)
{
	for (int c = 0; c < frame->ncolumns; c++)
		if (strcmp(frame->columns[c].name, name) == 0)
			return &frame->columns[c];
	elog(ERROR, "column \"%s\" was not read", name);
}

/* Raise where a column is not what the model needs. */
static void
check_column(const char *name, const ModelColumn *column, const FrameColumn *read)
{
	if (read->type.kind != column->kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has type %s, but model \"%s\" needs %s", read->name, read->type_name,
						name, pg_any_to_server(column->type_name, (int) strlen(column->type_name), PG_UTF8)),
				 errhint("Cast the column in a view, or train the model again.")));
}

/* Codes of the model in place of a column's own; rows of levels that it does not know are counted. */
static double *
column_codes(Encoder *encoder, uint32 c, const FrameColumn *read, uint64 *unknown)
{
	double	   *codes = palloc_rows(read->ncategories, sizeof(double));

	for (uint32 i = 0; i < read->ncategories; i++)
	{
		bool		unseen;

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		codes[i] = encoder_code(encoder, c, read->categories[i], &unseen);
		if (unseen)
			*unknown += read->counts[i];
	}
	return codes;
}

FrameEncoder *
frame_encoder(const CachedModel *model, const char *name, const Frame *frame, uint64 *unknown)
{
	const ModelFile *file = &model->file;
	FrameEncoder *e = palloc(sizeof(FrameEncoder));

	e->encoder = encoder_create_values(model, name, CurrentMemoryContext);
	e->ncolumns = file->ncolumns;
	e->read = palloc(mul_size(sizeof(FrameColumn *), file->ncolumns));
	e->codes = palloc0(mul_size(sizeof(double *), file->ncolumns));
	e->raw = palloc(mul_size(sizeof(double), file->ncolumns));
	for (uint32 c = 0; c < file->ncolumns; c++)
	{
		e->read[c] = frame_column(frame, model->column_names[c]);
		check_column(name, &file->columns[c], e->read[c]);
		if (file->columns[c].kind == COLUMN_CATEGORY)
			e->codes[c] = column_codes(e->encoder, c, e->read[c], unknown);
	}
	return e;
}

void
frame_encode(FrameEncoder *e, size_t row, double *x)
{
	for (uint32 c = 0; c < e->ncolumns; c++)
		e->raw[c] = e->codes[c] == NULL ? e->read[c]->values[row] :
			e->read[c]->codes[row] == LEARN_MISSING ? NAN : e->codes[c][e->read[c]->codes[row]];
	encoder_values(e->encoder, e->raw, x);
}

/* The target's number of each class of a model, -1 where it has no such class. */
static int *
class_places(const CachedModel *model, const Target *target)
{
	int		   *places = palloc(mul_size(sizeof(int), Max(model->file.nlabels, 1)));

	for (uint32 k = 0; k < model->file.nlabels; k++)
	{
		places[k] = -1;
		for (uint32 j = 0; j < target->nclasses; j++)
			if (strcmp(model->labels[k], target->labels[j]) == 0)
				places[k] = (int) j;
	}
	return places;
}

double *
score_rows(const CachedModel *model, const char *name, const Frame *frame, const Target *target,
		   const uint32 *rows, size_t n)
{
	const ModelFile *file = &model->file;
	uint64		unknown = 0;
	FrameEncoder *encoder = frame_encoder(model, name, frame, &unknown);
	uint32		width = Max(target->nclasses, 1);
	int		   *places = class_places(model, target);
	double	   *x = palloc(mul_size(sizeof(double), Max(file->nfeatures, 1)));
	uint32_t   *codes = palloc(mul_size(sizeof(uint32_t), Max(file->nfeatures, 1)));
	double	   *one = palloc(mul_size(sizeof(double), learn_noutputs(&file->learn)));
	double	   *predicted = palloc_rows(n, mul_size(sizeof(double), width));

	for (size_t i = 0; i < n; i++)
	{
		double	   *out = &predicted[i * width];

		if (i % 64 == 0)
			CHECK_FOR_INTERRUPTS();
		frame_encode(encoder, rows[i], x);
		learn_predict_row(encoder_model(encoder->encoder), x, codes, one);
		if (target->nclasses == 0)
		{
			*out = one[0];
			continue;
		}
		memset(out, 0, sizeof(double) * width);
		for (uint32 k = 0; k < file->nlabels; k++)
			if (places[k] >= 0)
				out[places[k]] = one[k];
	}
	return predicted;
}
