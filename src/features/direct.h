/*
 * direct.h
 *		What the two forms of the direct path share: all rows (direct.c), and one row (at.c).
 */
#ifndef ECHOLON_DIRECT_H
#define ECHOLON_DIRECT_H

#include "access/tupdesc.h"
#include "nodes/parsenodes.h"

#include "data/frame.h"
#include "features/feature.h"
#include "features/rowstore.h"
#include "features/terms.h"

/* One SELECT, analyzed; nothing of it is executed. */
extern Query *direct_analyze(const char *sql);

/* Rows of a set, some of its columns, all in the context it was created in. */
typedef struct DirectScan DirectScan;

/* How the columns of a set, by their names, are computed.  Nothing is read. */
extern DirectScan *direct_scan_create(const FeatureSet *set, List *columns);

/* The names and types of the columns. */
extern TupleDesc direct_scan_desc(const DirectScan *scan);

/*
 * Read the relation; returns how many rows there are.  Where they could be put into order they are
 * taken one by one with direct_scan_next; else they have been given to row.
 */
extern uint64 direct_scan_read(DirectScan *scan, RelationRow row, void *arg);
extern bool direct_scan_ordered(const DirectScan *scan);

/* The next row in order; false: there is none.  Values live until the next call. */
extern bool direct_scan_next(DirectScan *scan, Datum *values, bool *nulls);

/* The first row in order is the next one again. */
extern void direct_scan_restart(DirectScan *scan);

/* Read the relation, and give all rows to row. */
extern uint64 direct_scan_all(DirectScan *scan, RelationRow row, void *arg);

/* Let the planner know the node that reads echolon_feature_rows; once, when the library is loaded. */
extern void direct_node_install(void);

/* Names of all columns of a set's view. */
extern List *feature_set_columns(const FeatureSet *set);

/* The calendar of a set's dates. */
extern RollingClock *direct_clock(const FeatureSet *set);

/* Push a row and raise where a result overflowed, as the window function does. */
extern void direct_push(RollingState *state, double value, bool isnull, int64 time,
						double *numbers, bool *isnulls);

#endif							/* ECHOLON_DIRECT_H */
