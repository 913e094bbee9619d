/*
 * csv.h
 *		Just enough CSV for fixtures: a header, numbers and words without quotes.
 */
#ifndef ECHOLON_UNIT_CSV_H
#define ECHOLON_UNIT_CSV_H

#include "unit.h"

#define CSV_MAX_COLUMNS	128
#define CSV_WORD		24

typedef struct Csv
{
	int			ncolumns;
	size_t		nrows;
	char		names[CSV_MAX_COLUMNS][64];
	double	   *values;			/* column-major; NaN for an empty field or a word */
	char		(*words)[CSV_WORD];	/* the same as text, cut off */
} Csv;

/* Read directory/name; false where there is no such file. */
static UNIT_UNUSED bool
csv_read(const char *directory, const char *name, Csv *csv)
{
	char		path[1024];
	char	   *line = NULL;
	size_t		size = 0,
				capacity = 0,
				row = 0;
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	memset(csv, 0, sizeof(*csv));
	while (getline(&line, &size, file) > 0)
		capacity++;
	rewind(file);
	for (bool header = true; getline(&line, &size, file) > 0; header = false)
	{
		char	   *rest = line;
		char	   *field;
		int			c = 0;

		line[strcspn(line, "\r\n")] = '\0';
		while ((field = strsep(&rest, ",")) != NULL && c < CSV_MAX_COLUMNS)
		{
			if (header)
				snprintf(csv->names[c], sizeof(csv->names[c]), "%s", field);
			else
			{
				char	   *end;
				double		v = strtod(field, &end);

				csv->values[c * capacity + row] = *field == '\0' || *end != '\0' ? NAN : v;
				snprintf(csv->words[c * capacity + row], CSV_WORD, "%.*s", CSV_WORD - 1, field);
			}
			c++;
		}
		if (header)
		{
			csv->ncolumns = c;
			csv->values = calloc((size_t) c * capacity, sizeof(double));
			csv->words = calloc((size_t) c * capacity, CSV_WORD);
		}
		else
			row++;
	}
	free(line);
	fclose(file);
	csv->nrows = row;
	for (int c = 0; c < csv->ncolumns; c++)
	{
		memmove(csv->values + c * row, csv->values + c * capacity, row * sizeof(double));
		memmove(csv->words + c * row, csv->words + c * capacity, row * CSV_WORD);
	}
	return true;
}

static UNIT_UNUSED int
csv_column(const Csv *csv, const char *name)
{
	for (int c = 0; c < csv->ncolumns; c++)
		if (strcmp(csv->names[c], name) == 0)
			return c;
	printf("Bail out! no column %s\n", name);
	exit(2);
}

static UNIT_UNUSED const double *
csv_values(const Csv *csv, const char *name)
{
	return csv->values + (size_t) csv_column(csv, name) * csv->nrows;
}

static UNIT_UNUSED void
csv_free(Csv *csv)
{
	free(csv->values);
	free(csv->words);
}

#endif							/* ECHOLON_UNIT_CSV_H */
