/*
 * drift.h
 *		How far the rows of a relation are from what a model was trained on.
 */
#ifndef ECHOLON_DRIFT_H
#define ECHOLON_DRIFT_H

#include "postgres.h"

#include "model/model.h"

#define DRIFT_THRESHOLD		0.2 /* of psi, where none is given */

/* Kinds of what has drifted, besides number and category: see echolon.feature_drift. */
#define DRIFT_CALENDAR		"calendar"	/* a part of a date */
#define DRIFT_PREDICTION	"prediction"

#define VERDICT_STABLE		"stable"
#define VERDICT_DRIFT		"drift"
#define VERDICT_FEW_ROWS	"too few rows"

/* What echolon_drift says of a feature, or of the predictions; NaN is NULL. */
typedef struct DriftLine
{
	char	   *feature;
	char	   *kind;
	int64		rows;
	double		psi,
				jensen_shannon,
				ks,
				missing,
				training_missing,
				unseen;
	char	   *verdict;
} DriftLine;

/*
 * The drift of a relation, read as the current user: n lines, the most drifted first, palloc'd.  None: the
 * relation has no rows.
 */
extern DriftLine *drift_of_relation(const ModelVersion *version, Oid relid, double threshold, int *n);

/* The most drifted line that means something: no part of a date, which drifts by nature; NULL: nothing has drifted. */
extern const DriftLine *drift_worst(const DriftLine *lines, int n);

#endif							/* ECHOLON_DRIFT_H */
