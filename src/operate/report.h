/*
 * report.h
 *		What a model is and how good, in plain sentences.
 */
#ifndef ECHOLON_REPORT_H
#define ECHOLON_REPORT_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "predict/evaluation.h"

typedef struct Sentence
{
	const char *topic;			/* "model", "score", "error", ... */
	char	   *text;
} Sentence;

/* Of an opened version, whose model is loaded here: of Sentence *, in the order a person reads them. */
extern List *report_sentences(Evaluation *evaluation);

#endif							/* ECHOLON_REPORT_H */
