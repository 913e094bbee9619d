/*
 * param_table.h
 *		The parameters of the training functions: what each takes, means, and is called elsewhere.
 */
#ifndef ECHOLON_PARAM_TABLE_H
#define ECHOLON_PARAM_TABLE_H

#include "train/train.h"

#define IN_RF	1
#define IN_GB	2
#define IN_BOTH (IN_RF | IN_GB)

typedef struct ParamDef
{
	const char *name;
	ParamType	type;
	int			functions;		/* IN_RF, IN_GB */
	const char *rf_default;		/* NULL: none, or decided by the data */
	const char *gb_default;
	double		minimum,
				maximum;		/* numbers; both included unless open is set */
	bool		open_minimum;	/* the minimum itself is not allowed */
	const char *words;			/* allowed words, space-separated; NULL: any */
	const char *meaning;
	const char *scikit_learn;
	const char *lightgbm;
	const char *xgboost;
} ParamDef;

extern const ParamDef param_defs[PARAM_COUNT];

#endif							/* ECHOLON_PARAM_TABLE_H */
