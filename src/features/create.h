/*
 * create.h
 *		What the steps of echolon_create_features hand to each other: resolve.c reads arguments and
 *		columns, create.c learns from the rows and makes the view.
 */
#ifndef ECHOLON_CREATE_H
#define ECHOLON_CREATE_H

#include "fmgr.h"

#include "features/define.h"

/* Arguments by their place in sets.sql. */
enum
{
	ARG_NAME, ARG_RELATION, ARG_DATE_COLUMN, ARG_NUMERIC_COLUMNS, ARG_CATEGORY_COLUMNS, ARG_GROUP_BY,
	ARG_TARGET, ARG_FAMILIES, ARG_ROLLING_WINDOW, ARG_ROLLING_WINDOWS, ARG_LAGS, ARG_STATISTICS,
	ARG_HORIZON, ARG_INCLUDE_CURRENT, ARG_MIN_PERIODS, ARG_FILL, ARG_EWMA_SPANS, ARG_RUNNING,
	ARG_INTERACTIONS, ARG_INTERACTION_DEGREE, ARG_POLYNOMIAL_DEGREE, ARG_ENCODINGS, ARG_MAX_LEVELS,
	ARG_SCALINGS, ARG_BUCKETS, ARG_REVENUE_COLUMN, ARG_ENGAGEMENT_COLUMNS, ARG_ENGAGEMENT_WEIGHTS,
	ARG_RECENCY_COLUMN, ARG_HIGH_VALUE_PERCENTILE, ARG_CHURN_DAYS, ARG_TIME_ZONE, ARG_MATERIALIZED,
	ARG_COUNT
};

/* A call's work. */
typedef struct Creation
{
	FunctionCallInfo fcinfo;
	FeatureSet *set;
	FeatureParams *params;
	bool		chosen_numeric; /* not asked for by name */
	bool		chosen_category;
	int			max_levels;
	Fit		   *fit;
	List	   *notes;			/* of char * */
	const char *schema;			/* of the view */
	const char *view;
} Creation;

/* One more thing the caller should know. */
static inline void
creation_note(Creation *c, char *text)
{
	c->notes = lappend(c->notes, text);
}

static inline bool
creation_has_family(const Creation *c, FeatureFamily family)
{
	return name_in(c->params->families, feature_family_name(family));
}

/* ---- resolve.c ---- */

/* The parameters from the arguments: those that need no look at the relation, then its columns. */
extern void creation_read_arguments(Creation *c);
extern void creation_read_columns(Creation *c);

/* The type of a column that must exist and be of use; role for the message. */
extern ColumnType creation_column_type(const Creation *c, const char *name, const char *role);

#endif							/* ECHOLON_CREATE_H */
