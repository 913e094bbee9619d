/*
 * select.h
 *		Which columns of a relation are read, and which become features.  Of the
 *		data room only.
 */
#ifndef ECHOLON_SELECT_H
#define ECHOLON_SELECT_H

#include "postgres.h"

#include "data/cells.h"
#include "data/dictionary.h"
#include "data/frame.h"

/* What frame_read knows of a column beside the FrameColumn of the same place. */
typedef struct SourceColumn
{
	bool		read;			/* values are read: a feature so far, or a role */
	bool		is_role;		/* target, weight, split_by or split_groups */
	bool		kept;			/* a role, or asked for as part of a series: kept though it is no feature */
	double		low,			/* integral candidates: range over the rows that are left out */
				high;
	const CellGroup *group;		/* where its cells are, as read */
	int			slot;
	Dictionary	dictionary;		/* categories that are read */
} SourceColumn;

/*
 * Before reading: fills frame's columns and roles; returns a SourceColumn for
 * each.  feature is true for all that may still become one.
 */
extern SourceColumn *select_columns(const FrameSpec *spec, Frame *frame);

/*
 * After reading: drops candidates by what is in them (feature, left_out).
 */
extern void select_features(const FrameSpec *spec, Frame *frame, SourceColumn *sources);

/* The NOTICE that names what was left out; raises where no feature is left. */
extern void select_report(const FrameSpec *spec, const Frame *frame);

#endif							/* ECHOLON_SELECT_H */
