/*
 * prepare.h
 *		Bins and codes of the training rows, made by all who take part.
 */
#ifndef ECHOLON_PREPARE_H
#define ECHOLON_PREPARE_H

#include "learn/crew.h"

typedef struct Prepared
{
	Crew		crew;			/* with others; its memory has the codes */
	bool		coded;
} Prepared;

/*
 * Make bins of the rows train[0 .. ntrain) of data; with others, codes too, which prepare_matrix then copies into memory of
 * shared's.  Else it makes them there.
 */
extern void prepare_bins(const LearnEnv *env, const LearnData *data, const uint32_t *train, size_t ntrain,
						 const LearnParams *params, Bins *bins, Prepared *prepared);
extern void prepare_matrix(const LearnEnv *shared, const LearnData *data, const uint32_t *train, size_t ntrain,
						   const LearnParams *params, const Bins *bins, Prepared *prepared, Matrix *matrix);

#endif							/* ECHOLON_PREPARE_H */
