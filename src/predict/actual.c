/*
 * actual.c
 *		The target of a row as the number a model is measured against: a value, the
 *		number of its class, or on which side of the model's cut it is.
 */
#include "postgres.h"

#include <math.h>

#include "storage/shmem.h"
#include "utils/builtins.h"

#include "predict/actual.h"
#include "predict/encoder.h"

/* Can a column of this type be the target of this model? */
static bool
actual_fits(const ActualReader *reader)
{
	const ModelFile *file = &reader->model->file;

	if (reader->type.kind == COLUMN_NUMBER)
		return file->task == TASK_REGRESSION || file->numeric_labels || file->has_cut;
	return reader->type.kind == COLUMN_CATEGORY && file->task == TASK_CLASSIFICATION && !file->has_cut;
}

void
actual_begin(ActualReader *reader, const CachedModel *model, const char *name, Oid typid)
{
	const ModelFile *file = &model->file;

	reader->model = model;
	reader->numbers = NULL;
	if (!column_type_resolve(typid, &reader->type) || !actual_fits(reader))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has type %s, but model \"%s\" predicts %s", model->target,
						format_type_be(typid), name,
						file->task == TASK_REGRESSION ? "a number" :
						file->has_cut ? "whether a number is high" : "one of its classes"),
				 errhint("Give a relation like the one the model was trained on, or cast the column in a view.")));
	if (reader->type.kind == COLUMN_NUMBER && file->numeric_labels)
	{
		reader->numbers = palloc(mul_size(Max(file->nlabels, 1), sizeof(double)));
		for (uint32 k = 0; k < file->nlabels; k++)
			reader->numbers[k] = strtod(model->labels[k], NULL);
	}
}

ActualKind
actual_of_number(const ActualReader *reader, double number, double *actual)
{
	const ModelFile *file = &reader->model->file;

	if (isnan(number) || (file->task == TASK_REGRESSION && isinf(number)))
		return ACTUAL_MISSING;
	*actual = file->has_cut ? number > file->cut : number;
	if (reader->numbers == NULL)
		return ACTUAL_VALUE;
	for (uint32 k = 0; k < file->nlabels; k++)
		if (reader->numbers[k] == number)
		{
			*actual = k;
			return ACTUAL_VALUE;
		}
	return ACTUAL_UNKNOWN;
}

ActualKind
actual_of_label(const ActualReader *reader, const char *label, int length, double *actual)
{
	int			k = encoder_label(reader->model, label, length);

	*actual = k;
	return k >= 0 ? ACTUAL_VALUE : ACTUAL_UNKNOWN;
}

ActualKind
actual_read(const ActualReader *reader, Datum value, bool isnull, double *actual)
{
	const char *label;
	int			length;

	if (isnull)
		return ACTUAL_MISSING;
	if (reader->type.kind == COLUMN_NUMBER)
		return actual_of_number(reader, column_number(&reader->type, value), actual);
	label = column_label(&reader->type, value, &length);
	return actual_of_label(reader, label, length, actual);
}
