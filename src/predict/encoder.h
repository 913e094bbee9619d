/*
 * encoder.h
 *		A row of any composite type into the numbers a model's features are.
 */
#ifndef ECHOLON_ENCODER_H
#define ECHOLON_ENCODER_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "model/model.h"

typedef struct Encoder Encoder;

/*
 * What to read of a relation for predictions: the model's columns (a list of char *), and one column more, unless it is
 * one of them; *place is where it is.  Raises where the relation lacks one.
 */
extern List *encoder_columns(const CachedModel *model, Oid relid, const char *further, int *place);

/*
 * Match a row type to the model's columns by name: types checked, extra columns and order of
 * no importance; a missing column is named in the error.  Allocates in context.
 */
extern Encoder *encoder_create(const CachedModel *model, TupleDesc desc, MemoryContext context);

/* The same with the model's name for messages; NULL: "the model". */
extern Encoder *encoder_create_named(const CachedModel *model, const char *name, TupleDesc desc,
									 MemoryContext context);

/*
 * One row: fills x[nfeatures] as learn_predict_row wants it.  Adds the number of
 * categories never seen at training to *unseen (may be NULL).
 */
extern void encoder_row(Encoder *encoder, const Datum *values, const bool *nulls, double *x,
						uint64 *unseen);

/*
 * From now on, count the categories never seen at training of each column c of the model in
 * counts[c].
 */
extern void encoder_count_unseen(Encoder *encoder, uint64 *counts);

/* An encoder of documents instead of rows. */
extern Encoder *encoder_create_json(const CachedModel *model, const char *name,
									MemoryContext context);

/* One document: keys by column name; a missing key is an error, null is missing. */
extern void encoder_json(Encoder *encoder, Jsonb *document, double *x, uint64 *unseen);

/*
 * An encoder of what data/frame.c has read: encoder_code for each level of a column once, then encoder_values for
 * each row, with the codes or numbers of the model's columns in their order; NaN is missing.
 */
extern Encoder *encoder_create_values(const CachedModel *model, const char *name,
									  MemoryContext context);
extern double encoder_code(Encoder *encoder, uint32 column, const char *label, bool *unseen);
extern void encoder_values(Encoder *encoder, const double *raw, double *x);

/*
 * The trees that predict the row which was encoded last: the model's, or those of its group.
 */
extern const LearnModel *encoder_model(const Encoder *encoder);

/* That row once more, as the model itself has it, whatever its group. */
extern void encoder_common(Encoder *encoder, double *x);

/*
 * Class number of a label (length bytes, in the database's encoding); -1 where it is not a label of
 * the model.
 */
extern int	encoder_label(const CachedModel *model, const char *label, int length);

/* What a classifier's labels are as numbers; NULL where they are none, or of a regression (predict.c). */
extern double *predict_label_numbers(const CachedModel *model);

/* A classifier's outputs as {label: probability}, with every digit of the float8s (predict.c). */
extern Jsonb *predict_probabilities(const CachedModel *model, const double *out);

#endif							/* ECHOLON_ENCODER_H */
