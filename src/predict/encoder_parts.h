/*
 * encoder_parts.h
 *		What encoders of rows and of documents share.  For encoder.c and json.c only.
 */
#ifndef ECHOLON_ENCODER_PARTS_H
#define ECHOLON_ENCODER_PARTS_H

#include "data/column.h"
#include "predict/encoder.h"

/* One source column of the model, and where its numbers go. */
typedef struct EncoderColumn
{
	const ModelColumn *column;
	const char *name;			/* in the database's encoding */
	const char *type_name;		/* likewise */
	const char *const *categories;	/* likewise */
	pg_tz	   *zone;			/* COLUMN_TIMESTAMPTZ */
	uint32		nfeatures;		/* what is made of it: */
	uint32	   *features;		/* their numbers */

	/* How a value is read: of the row's type, or of the type json.c makes of a text. */
	ColumnType	type;
	int			attribute;		/* rows: place of the value, from 0 */
	bool		only_null;		/* rows: text where the model needs something else, as an
								 * untyped NULL has; a value is an error */
	bool		padded;			/* documents: it saw character(n), whose trailing blanks do not count */

	/* Dictionary: open addressing; encoder_category builds it when the first label comes. */
	uint32	   *slots;			/* code + 1, or 0 */
	uint32	   *lengths;		/* of the labels */
	uint32		mask;			/* size of slots - 1 */
} EncoderColumn;

struct Encoder
{
	const CachedModel *model;
	char	   *title;			/* 'model "m"', for messages */
	MemoryContext context;		/* lives as long as the encoder */
	int			ncolumns;
	EncoderColumn *columns;
	uint64	   *unseen;			/* [ncolumns] categories never seen; NULL: not counted by column */
	double	   *raw;			/* [ncolumns] a model of groups: the row, whose columns must all be known first */
	const ModelFile *file;		/* the model, or that of the row's group */
};

/* Columns, features and zones, without a place to read from. */
extern Encoder *encoder_begin(const CachedModel *model, const char *name, MemoryContext context);

/*
 * A column's number (a code, a value, a raw date); NaN: missing, a code of ncategories: a level the model does not
 * know.  It goes where the column's features are, by encoder_end at the latest.
 */
extern void encoder_put(Encoder *encoder, int column, double raw, double *x);
extern void encoder_end(Encoder *encoder, double *x);

/*
 * Code of a label as a number.  A label that isn't in the dictionary is the pooled category where
 * the column has one; else it is ncategories, and *unseen (may be NULL) goes up.
 */
extern double encoder_category(Encoder *encoder, EncoderColumn *column, const char *label,
							   int length, uint64 *unseen);

/* Names for a message: '"a", "b"', many of them cut short with their number. */
extern char *encoder_list(const char *const *names, int n);

/* The name that may have been meant: one that differs in case, else the nearest; or NULL. */
extern const char *encoder_nearest(const char *name, const char *const *candidates, int n);

#endif							/* ECHOLON_ENCODER_PARTS_H */
