/*
 * exchange_record.h
 *		The record that an export has beside the model's bytes: of nothing in it is the type believed.
 */
#ifndef ECHOLON_EXCHANGE_RECORD_H
#define ECHOLON_EXCHANGE_RECORD_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "model/format_envelope.h"

/* What of a record is stored with the version, each checked for its type. */
typedef struct ImportedRecord
{
	Jsonb	   *parameters;
	Jsonb	   *metrics;
	Jsonb	   *curve;
	Jsonb	   *split;			/* where the sides of the split part */
	Jsonb	   *updates;
	const char *metric;
	double		score,
				train_score,
				baseline;
	int64		rows_used;
	double		seconds;
	const char *fingerprint;
	List	   *notes;			/* of char * */
	const char *model;			/* what it was called, with the next two */
	int32		version;
	const char *relation;
} ImportedRecord;

/* Raise that a member of the record is not what it should be. */
pg_noreturn extern void record_lies(const char *key, const char *should);

/* Read and check the record of an export. */
extern void read_record(const ModelEnvelope *envelope, ImportedRecord *out);

#endif							/* ECHOLON_EXCHANGE_RECORD_H */
