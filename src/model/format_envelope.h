/*
 * format_envelope.h
 *		A model's bytes together with the record of its version: what travels from one
 *		database to another.
 *
 * Plain C, as format.h.  docs/model-format.md describes the bytes.  The record is a JSON
 * document that is opaque here; the held-out sample are plain numbers.
 */
#ifndef ECHOLON_FORMAT_ENVELOPE_H
#define ECHOLON_FORMAT_ENVELOPE_H

#include "learn/learn.h"

#define ENVELOPE_MAX_RECORD		((size_t) 64 << 20) /* bytes of a record: far above any that is written */
#define ENVELOPE_MAX_SAMPLE		1000000 /* rows of a sample */

typedef struct ModelEnvelope
{
	const char *record;			/* UTF-8, not NUL-terminated */
	size_t		record_length;
	/* the sample of held-out rows; nsample 0: none */
	uint64_t	held_out;		/* rows it was taken from */
	uint32_t	nsample;
	uint32_t	noutputs;
	const double *actual;		/* [nsample] */
	const double *predicted;	/* [nsample * noutputs] */
	const double *weight;		/* [nsample], or NULL */
	const uint8_t *model;		/* what model_file_read takes, 8-byte aligned as the whole is */
	size_t		model_length;
} ModelEnvelope;

/* Do bytes begin as an envelope does? */
extern bool envelope_is(const uint8_t *bytes, size_t length);

/* Bytes envelope_write will fill; SIZE_MAX where they do not add up. */
extern size_t envelope_size(const ModelEnvelope *envelope);

/* Write into bytes[0 .. envelope_size), 8-byte aligned. */
extern void envelope_write(const ModelEnvelope *envelope, uint8_t *bytes);

/*
 * Check everything but what is in the record and in the model, and fill *envelope with pointers
 * into bytes, which must be 8-byte aligned.  False: why (of size whysize) says what is wrong.
 */
extern bool envelope_read(const LearnEnv *env, const uint8_t *bytes, size_t length,
						  ModelEnvelope *envelope, char *why, size_t whysize);

/*
 * What bytes that are neither a model nor an envelope look like ("a PNG image"), or NULL where they look
 * like nothing that is known.  *hint (may stay NULL): how to get from there to a model.
 */
extern const char *envelope_foreign(const uint8_t *bytes, size_t length, const char **hint);

#endif							/* ECHOLON_FORMAT_ENVELOPE_H */
