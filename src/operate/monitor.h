/*
 * monitor.h
 *		What the records of a model over time share: points that were monitored, predictions that were logged.
 */
#ifndef ECHOLON_MONITOR_H
#define ECHOLON_MONITOR_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* The time that is so long ago, by an argument older_than of type interval; raises where it is below 0. */
extern TimestampTz monitor_older_than(Datum older_than);

#endif							/* ECHOLON_MONITOR_H */
