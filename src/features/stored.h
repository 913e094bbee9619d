/*
 * stored.h
 *		A feature set as it is stored, and its fits as they are loaded.  Of store.c, fit_store.c
 *		and encoders.c; others use feature.h and fit.h.
 */
#ifndef ECHOLON_STORED_H
#define ECHOLON_STORED_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/snapshot.h"
#include "utils/uuid.h"

#include "features/fit.h"
#include "model/table.h"

/* Columns of the tables by number, as store.sql creates them. */
enum
{
	FEATURE_SET_STORE_ID = 1, FEATURE_SET_STORE_NAME, FEATURE_SET_STORE_VIEW,
	FEATURE_SET_STORE_VIEW_STAMP, FEATURE_SET_STORE_MATERIALIZED_VIEW,
	FEATURE_SET_STORE_MATERIALIZED_STAMP, FEATURE_SET_STORE_RELATION,
	FEATURE_SET_STORE_RELATION_STAMP, FEATURE_SET_STORE_DATE_COLUMN, FEATURE_SET_STORE_COLUMNS,
	FEATURE_SET_STORE_DEFINITION, FEATURE_SET_STORE_FIT
};

enum
{
	FEATURE_FIT_STORE_SET_ID = 1, FEATURE_FIT_STORE_KIND, FEATURE_FIT_STORE_COLUMN_NAME,
	FEATURE_FIT_STORE_CHUNK, FEATURE_FIT_STORE_N, FEATURE_FIT_STORE_MEAN,
	FEATURE_FIT_STORE_STDDEV, FEATURE_FIT_STORE_MINIMUM, FEATURE_FIT_STORE_MAXIMUM,
	FEATURE_FIT_STORE_Q1, FEATURE_FIT_STORE_MEDIAN, FEATURE_FIT_STORE_Q3,
	FEATURE_FIT_STORE_POINTS, FEATURE_FIT_STORE_SMALLER, FEATURE_FIT_STORE_LABELS,
	FEATURE_FIT_STORE_COUNTS
};

/* ---- sets (store.c) ------------------------------------------------------------ */

/* What stands in a row of feature_set_store, and what its names stand for now. */
typedef struct StoredSet
{
	int64		id;
	char	   *name;
	Oid			view;			/* InvalidOid: gone, as the next two */
	Oid			materialized_view;	/* or none */
	Oid			relid;
	pg_uuid_t	fit;			/* another one for other fits */
	char	   *relation;		/* as it is called now; as stored where it is gone */
	Jsonb	   *definition;		/* NULL where it was not asked for */
} StoredSet;

/*
 * The set of this name under the active snapshot, for one who may use it; without its definition.
 * Raises where there is none, it may not be seen, or its view is gone.
 */
extern void stored_set_use(const char *name, StoredSet *found);

/* ---- fits (fit_store.c) --------------------------------------------------------- */

/*
 * The levels of a category, to be found by their labels: open addressing, never more than half full.
 * A short label lies in its slot, so that a lookup costs one cache line.
 */
#define LEVEL_SHORT		16

typedef struct Level
{
	uint32		number;			/* its code + 1; 0: an empty slot */
	uint32		length;			/* of the label, which is not NUL-terminated */
	uint64		count;			/* values */
	union
	{
		char		bytes[LEVEL_SHORT]; /* the label with zeros behind it */
		struct
		{
			const char *label;
			uint64		hash;
		}			pointer;	/* of a longer one */
	}			label;
} Level;

typedef struct LevelTable
{
	uint64		n;				/* values in all levels */
	uint32		nlevels;
	uint32		mask;			/* of the number of a slot */
	Level	   *slots;
} LevelTable;

/* The level of a label; NULL: it was not seen. */
extern const Level *level_find(const LevelTable *table, const char *label, int length);

/*
 * What a set has fitted of a column, kept by the session; pinned until context is reset or
 * deleted.  Raises where it has fitted no such column as this kind.
 */
extern const NumberFit *fit_load_number(const StoredSet *set, const char *column,
										MemoryContext context);
extern const LevelTable *fit_load_category(const StoredSet *set, const char *column,
										   MemoryContext context);

#endif							/* ECHOLON_STORED_H */
