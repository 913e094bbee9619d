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

/* Raise where it is none. */
extern void drift_check_threshold(double threshold);

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

/*
 * The line that says most, parts of dates left out, which drift by nature: the most drifted one, or where nothing has drifted
 * that of the largest psi; NULL: there is none.
 */
extern const DriftLine *drift_worst(const DriftLine *lines, int n);

/* Is the verdict of a line drift, and does that mean something? */
extern bool drift_found(const DriftLine *line);

#endif							/* ECHOLON_DRIFT_H */
