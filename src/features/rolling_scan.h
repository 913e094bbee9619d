/*
 * rolling_scan.h
 *		The plan node that stands for the Sort and the WindowAgg below echolon_rolling: what its planning
 *		(rolling_plan.c) and its execution (rolling_scan.c) share.
 */
#ifndef ECHOLON_ROLLING_SCAN_H
#define ECHOLON_ROLLING_SCAN_H

#include "postgres.h"

#include "nodes/extensible.h"

/* Let the planner know the node; once, when the library is loaded. */
extern void rolling_scan_install(void);

/* The lists of the plan's custom_private, in their order.  Columns are those of the plan below, from 1 on. */
typedef enum RollingScanPrivate
{
	ROLLING_SCAN_OUTPUTS,		/* integers: a column, or the window -n, from 1 on */
	ROLLING_SCAN_GROUPS,		/* integers: columns of PARTITION BY */
	ROLLING_SCAN_EQUALITY,		/* OIDs: operators for these, = */
	ROLLING_SCAN_LESS,			/* and < */
	ROLLING_SCAN_ORDER,			/* integers: columns of ORDER BY; the first one is the date */
	ROLLING_SCAN_VALUES,		/* integers: the column of each window */
	ROLLING_SCAN_SETTINGS,		/* a list of Consts for each window: terms, zone, fill */
	ROLLING_SCAN_FUNCTION		/* one OID: echolon_rolling */
} RollingScanPrivate;

extern const CustomScanMethods rolling_scan_methods;

#endif							/* ECHOLON_ROLLING_SCAN_H */
