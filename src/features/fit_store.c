/*
 * fit_store.c
 *		What a feature set has fitted: stored, and loaded once a session.
 *
 * A number is a row of feature_fit_store.  A category may have a million levels, so it is a row for
 * each piece of some megabytes, which a dump can carry.  Each fit of a set has an identifier
 * of its own (feature_set_store.fit), and what was loaded of it is kept in the session's cache by
 * that: another fit, a rollback or a restore shows in the identifier that a lookup finds.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "learn/hash.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "features/stored.h"
#include "model/cache.h"
#include "model/model.h"

/* Where a piece of a category ends. */
#define CHUNK_BYTES			(4 * 1024 * 1024)
#define CHUNK_LEVELS		65536

#define KIND_NUMBER			"number"
#define KIND_CATEGORY		"category"

/* Seeds of the two halves of a digest. */
#define DIGEST_SEED_1		UINT64CONST(0x666974206469673a)
#define DIGEST_SEED_2		UINT64CONST(0x6563686f6c6f6e3a)
#define LABEL_SEED			UINT64CONST(0x6c6162656c000000)

#define LISTED_COLUMNS		20	/* in a hint */

/* ---- storing --------------------------------------------------------------------- */

static void
store_number(int64 set_id, const NumberFit *fit)
{
	StoreValue	values[] = {
		value_int8(set_id),
		value_text(fit->column),
		value_int8((int64) fit->n),
		value_float8(fit->mean),
		value_float8(fit->stddev),
		value_float8(fit->minimum),
		value_float8(fit->maximum),
		value_float8(fit->q1),
		value_float8(fit->median),
		value_float8(fit->q3),
		value_numbers(fit->points, fit->npoints),
		value_counts(fit->smaller, fit->npoints),
		value_counts(fit->counts, fit->npoints)
	};

	store_execute("INSERT INTO echolon.feature_fit_store"
				  " (set_id, kind, column_name, chunk, n, mean, stddev, minimum, maximum, q1,"
				  " median, q3, points, smaller, counts)"
				  " VALUES ($1, '" KIND_NUMBER "', $2, 0, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
				  lengthof(values), values);
}

static void
store_category(int64 set_id, const CategoryFit *fit)
{
	uint32		from = 0;
	int32		chunk = 0;

	do
	{
		uint32		until = from;
		Size		bytes = 0;

		while (until < fit->nlevels && until - from < CHUNK_LEVELS && bytes < CHUNK_BYTES)
			bytes += strlen(fit->labels[until++]);

		StoreValue	values[] = {
			value_int8(set_id),
			value_text(fit->column),
			value_int4(chunk++),
			value_int8((int64) fit->n),
			value_texts((const char *const *) fit->labels + from, (int) (until - from)),
			value_counts(fit->counts + from, until - from)
		};

		CHECK_FOR_INTERRUPTS();
		store_execute("INSERT INTO echolon.feature_fit_store"
					  " (set_id, kind, column_name, chunk, n, labels, counts)"
					  " VALUES ($1, '" KIND_CATEGORY "', $2, $3, $4, $5, $6)",
					  lengthof(values), values);
		pfree(DatumGetPointer(values[4].value));
		pfree(DatumGetPointer(values[5].value));
		from = until;
	} while (from < fit->nlevels);
}

void
fit_store(int64 set_id, const Fit *fit)
{
	StoreValue	id = value_int8(set_id);
	StoreUser	before;
	ListCell   *cell;

	foreach(cell, fit->categories)
		fit_check_category(lfirst(cell));

	before = store_begin_write();
	(void) store_execute_any("DELETE FROM echolon.feature_fit_store"
							 " WHERE set_id OPERATOR(pg_catalog.=) $1", 1, &id);
	store_execute("UPDATE echolon.feature_set_store SET fit = pg_catalog.gen_random_uuid()"
				  " WHERE id OPERATOR(pg_catalog.=) $1", 1, &id);
	foreach(cell, fit->numbers)
		store_number(set_id, lfirst(cell));
	foreach(cell, fit->categories)
		store_category(set_id, lfirst(cell));
	store_end_write(before);
}

/* ---- what is not there -------------------------------------------------------------- */

/* Raise that the stored rows of a fit are not what they must be. */
static _Noreturn void
fit_damaged(const StoredSet *set, const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("what feature set \"%s\" has fitted of \"%s\" is damaged", set->name, column),
			 errhint("Fit it again: SELECT echolon_refresh_features(%s).",
					 quote_literal_cstr(set->name))));
}

/* Names of columns as a phrase: "a, b and 3 more", or "none". */
static char *
list_columns(const char *const *names, int n)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n && i < LISTED_COLUMNS; i++)
		appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", names[i]);
	if (n > LISTED_COLUMNS)
		appendStringInfo(&list, " and %d more", n - LISTED_COLUMNS);
	if (n == 0)
		appendStringInfoString(&list, "none");
	return list.data;
}

/* The columns a set has fitted as one kind. */
static const char **
fitted_columns(const StoredSet *set, const char *kind, int *n)
{
	ScanKeyData key[2];
	StoreScan	scan;
	HeapTuple	tuple;
	int			room = 32;
	const char **names = palloc(sizeof(char *) * room);

	*n = 0;
	ScanKeyInit(&key[0], FEATURE_FIT_STORE_SET_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(set->id));
	ScanKeyInit(&key[1], FEATURE_FIT_STORE_KIND, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(kind));
	scan = store_scan_ordered("feature_fit_store", "feature_fit_store_pkey", GetActiveSnapshot(),
							  2, key);
	while (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		if (DatumGetInt32(store_column(&scan, tuple, FEATURE_FIT_STORE_CHUNK)) != 0)
			continue;
		if (*n == room)
			names = repalloc(names, sizeof(char *) * (room *= 2));
		names[(*n)++] = store_text_column(&scan, tuple, FEATURE_FIT_STORE_COLUMN_NAME);
	}
	store_scan_end(&scan);
	return names;
}

/* Raise that a set has not fitted a column as one kind. */
static _Noreturn void
no_fit(const StoredSet *set, const char *kind, const char *column)
{
	bool		category = strcmp(kind, KIND_CATEGORY) == 0;
	int			n,
				nothers;
	const char **names = fitted_columns(set, kind, &n);
	const char **others = fitted_columns(set, category ? KIND_NUMBER : KIND_CATEGORY, &nothers);
	const char *near = closest_name(column, names, n);
	bool		other = false;

	for (int i = 0; i < nothers; i++)
		other |= strcmp(others[i], column) == 0;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("feature set \"%s\" has fitted no %s \"%s\"", set->name, kind, column),
			 other ? errdetail("It has fitted \"%s\" as a %s.", column,
							   category ? KIND_NUMBER : KIND_CATEGORY) :
			 errdetail(category ? "Its categories: %s." : "Its numbers: %s.",
					   list_columns(names, n)),
			 near != NULL ? errhint("Did you mean \"%s\"?", near) :
			 other && category ? errhint("Name it in category_columns when the set is made.") :
			 other ? errhint("Name it in numeric_columns when the set is made.") :
			 errhint("A set fits the columns that its features need: SELECT * FROM echolon_feature_summary(%s) WHERE fitted.",
					 quote_literal_cstr(set->name))));
}

/* ---- loading ------------------------------------------------------------------------ */

/* The rows of a column's fit, in their order. */
static StoreScan
fit_scan(const StoredSet *set, const char *kind, const char *column)
{
	ScanKeyData key[3];

	ScanKeyInit(&key[0], FEATURE_FIT_STORE_SET_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(set->id));
	ScanKeyInit(&key[1], FEATURE_FIT_STORE_KIND, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(kind));
	ScanKeyInit(&key[2], FEATURE_FIT_STORE_COLUMN_NAME, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(column));
	return store_scan_ordered("feature_fit_store", "feature_fit_store_pkey", GetActiveSnapshot(),
							  3, key);
}

/* A number that may be null, which is NaN. */
static double
optional_number(StoreScan *scan, HeapTuple tuple, int column)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, column, RelationGetDescr(scan->table), &isnull);

	return isnull ? NAN : DatumGetFloat8(datum);
}

/* Read a distribution into the current context; NULL: it was not fitted. */
static NumberFit *
read_number_fit(const StoredSet *set, const char *column)
{
	StoreScan	scan = fit_scan(set, KIND_NUMBER, column);
	HeapTuple	tuple = store_scan_next(&scan);
	NumberFit  *fit = NULL;

	if (HeapTupleIsValid(tuple))
	{
		int64		npoints,
					nsmaller,
					ncounts;

		fit = palloc0(sizeof(NumberFit));
		fit->column = pstrdup(column);
		fit->n = (uint64) DatumGetInt64(store_column(&scan, tuple, FEATURE_FIT_STORE_N));
		fit->mean = optional_number(&scan, tuple, FEATURE_FIT_STORE_MEAN);
		fit->stddev = optional_number(&scan, tuple, FEATURE_FIT_STORE_STDDEV);
		fit->minimum = optional_number(&scan, tuple, FEATURE_FIT_STORE_MINIMUM);
		fit->maximum = optional_number(&scan, tuple, FEATURE_FIT_STORE_MAXIMUM);
		fit->q1 = optional_number(&scan, tuple, FEATURE_FIT_STORE_Q1);
		fit->median = optional_number(&scan, tuple, FEATURE_FIT_STORE_MEDIAN);
		fit->q3 = optional_number(&scan, tuple, FEATURE_FIT_STORE_Q3);
		fit->points = store_array(store_column(&scan, tuple, FEATURE_FIT_STORE_POINTS), FLOAT8OID,
								  sizeof(double), &npoints);
		fit->smaller = store_array(store_column(&scan, tuple, FEATURE_FIT_STORE_SMALLER), INT8OID,
								   sizeof(uint64), &nsmaller);
		fit->counts = store_array(store_column(&scan, tuple, FEATURE_FIT_STORE_COUNTS), INT8OID,
								  sizeof(uint64), &ncounts);
		if (fit->points == NULL || fit->smaller == NULL || fit->counts == NULL ||
			nsmaller != npoints || ncounts != npoints || npoints > FIT_MAX_POINTS ||
			(npoints == 0) != (fit->n == 0))
			fit_damaged(set, column);
		fit->npoints = (int) npoints;
	}
	store_scan_end(&scan);
	return fit;
}

/* A row of a category: so many labels, in an array that stays for as long as the table does. */
typedef struct LevelChunk
{
	ArrayType  *labels;
	uint64	   *counts;
	int64		n;
} LevelChunk;

static LevelChunk *
read_chunk(const StoredSet *set, const char *column, StoreScan *scan, HeapTuple tuple)
{
	LevelChunk *chunk = palloc(sizeof(LevelChunk));

	chunk->labels = DatumGetArrayTypePCopy(store_column(scan, tuple, FEATURE_FIT_STORE_LABELS));
	chunk->counts = store_array(store_column(scan, tuple, FEATURE_FIT_STORE_COUNTS), INT8OID,
								sizeof(uint64), &chunk->n);
	if (chunk->counts == NULL || ARR_ELEMTYPE(chunk->labels) != TEXTOID ||
		ARR_HASNULL(chunk->labels) || ARR_NDIM(chunk->labels) > 1 ||
		(ARR_NDIM(chunk->labels) == 0 ? 0 : ARR_DIMS(chunk->labels)[0]) != chunk->n)
		fit_damaged(set, column);
	return chunk;
}

/* The zeros behind a short label count. */
static inline void
short_label(const char *label, int length, char *bytes)
{
	memset(bytes, 0, LEVEL_SHORT);
	memcpy(bytes, label, length);
}

/* The slot of a label, or the empty one where it would be. */
static inline Level *
level_slot(const LevelTable *table, const char *label, int length)
{
	uint64		hash = hash_bytes(label, length, LABEL_SEED);
	uint32		slot = hash & table->mask;
	char		bytes[LEVEL_SHORT];

	if (length <= LEVEL_SHORT)
		short_label(label, length, bytes);
	for (;; slot = (slot + 1) & table->mask)
	{
		Level	   *level = &table->slots[slot];

		if (level->number == 0)
			return level;
		if (level->length != (uint32) length)
			continue;
		if (length <= LEVEL_SHORT ? memcmp(level->label.bytes, bytes, LEVEL_SHORT) == 0 :
			level->label.pointer.hash == hash &&
			memcmp(level->label.pointer.label, label, length) == 0)
			return level;
	}
}

const Level *
level_find(const LevelTable *table, const char *label, int length)
{
	const Level *level = level_slot(table, label, length);

	return level->number == 0 ? NULL : level;
}

/* Enter the labels of a chunk behind the nlevels there are; false where one is there already. */
static bool
enter_chunk(LevelTable *table, const LevelChunk *chunk, uint32 nlevels)
{
	char	   *element = ARR_DATA_PTR(chunk->labels);

	for (int64 i = 0; i < chunk->n; i++)
	{
		const char *label = VARDATA_ANY(element);
		int			length = VARSIZE_ANY_EXHDR(element);
		Level	   *level = level_slot(table, label, length);

		if (level->number != 0)
			return false;
		level->number = nlevels + (uint32) i + 1;
		level->length = (uint32) length;
		level->count = chunk->counts[i];
		if (length <= LEVEL_SHORT)
			short_label(label, length, level->label.bytes);
		else
		{
			level->label.pointer.label = label;
			level->label.pointer.hash = hash_bytes(label, length, LABEL_SEED);
		}
		element = att_addlength_pointer(element, -1, element);
		element = (char *) att_align_nominal(element, TYPALIGN_INT);
	}
	return true;
}

/* Read the levels of a category into the current context; NULL: it was not fitted. */
static LevelTable *
read_category_fit(const StoredSet *set, const char *column)
{
	StoreScan	scan = fit_scan(set, KIND_CATEGORY, column);
	LevelTable *table = NULL;
	List	   *chunks = NIL;
	HeapTuple	tuple;
	int64		nlevels = 0;
	size_t		nslots = 4;
	ListCell   *cell;

	while (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		LevelChunk *chunk;

		CHECK_FOR_INTERRUPTS();
		if (table == NULL)
		{
			table = palloc0(sizeof(LevelTable));
			table->n = (uint64) DatumGetInt64(store_column(&scan, tuple, FEATURE_FIT_STORE_N));
		}
		if (DatumGetInt32(store_column(&scan, tuple, FEATURE_FIT_STORE_CHUNK)) != list_length(chunks))
			fit_damaged(set, column);
		chunk = read_chunk(set, column, &scan, tuple);
		nlevels += chunk->n;
		chunks = lappend(chunks, chunk);
	}
	store_scan_end(&scan);
	if (table == NULL)
		return NULL;
	if (nlevels > FIT_MAX_LEVELS)
		fit_damaged(set, column);

	while (nslots < (size_t) nlevels * 2)
		nslots *= 2;
	table->mask = (uint32) (nslots - 1);
	table->slots = MemoryContextAllocExtended(CurrentMemoryContext,
											  mul_size(nslots, sizeof(Level)),
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	nlevels = 0;
	foreach(cell, chunks)
	{
		LevelChunk *chunk = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (!enter_chunk(table, chunk, (uint32) nlevels))
			fit_damaged(set, column);
		nlevels += chunk->n;
		pfree(chunk->counts);
	}
	table->nlevels = (uint32) nlevels;
	list_free_deep(chunks);
	return table;
}

/* ---- codes that stay ------------------------------------------------------------------ */

/* A category's levels in the order of the codes they have had, new ones behind them. */
static void
keep_codes(CategoryFit *fit, const LevelTable *before)
{
	size_t		room = Max((size_t) before->nlevels + fit->nlevels, 1);
	char	  **labels = MemoryContextAllocHuge(CurrentMemoryContext,
												mul_size(room, sizeof(char *)));
	uint64	   *counts = MemoryContextAllocExtended(CurrentMemoryContext,
													mul_size(room, sizeof(uint64)),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	uint32		nlevels = before->nlevels;

	for (size_t slot = 0; slot <= before->mask; slot++)
	{
		const Level *level = &before->slots[slot];

		if (level->number != 0)
			labels[level->number - 1] =
				pnstrdup(level->length <= LEVEL_SHORT ? level->label.bytes :
						 level->label.pointer.label, level->length);
	}
	for (uint32 i = 0; i < fit->nlevels; i++)
	{
		const Level *level = level_find(before, fit->labels[i], (int) strlen(fit->labels[i]));
		uint32		code = level != NULL ? level->number - 1 : nlevels++;

		if (level == NULL)
			labels[code] = fit->labels[i];
		counts[code] = fit->counts[i];
	}
	if (nlevels > FIT_MAX_LEVELS)
		fit->too_large = psprintf("more than %d different values, with those it had when it was fitted before",
								  FIT_MAX_LEVELS);
	fit->labels = labels;
	fit->counts = counts;
	fit->nlevels = nlevels;
}

void
fit_keep_codes(const FeatureSet *set, Fit *fit)
{
	StoredSet	stored = {.id = set->id, .name = set->name};
	ListCell   *cell;

	/* the set is locked: what others have fitted while this session waited counts */
	PushActiveSnapshot(GetLatestSnapshot());
	foreach(cell, fit->categories)
	{
		CategoryFit *category = lfirst(cell);
		LevelTable *before = category->too_large != NULL ? NULL :
			read_category_fit(&stored, category->column);

		if (before != NULL)
			keep_codes(category, before);
	}
	PopActiveSnapshot();
}

/* ---- the cache ------------------------------------------------------------------------- */

/* What tells a fit from all others: its identifier, the kind and the column. */
static void
fit_digest(const StoredSet *set, const char *kind, const char *column, uint8 *digest)
{
	char	   *key = psprintf("%s %s", kind, column);
	uint64		halves[2];

	for (int i = 0; i < 2; i++)
		halves[i] = hash_pair(hash_bytes(key, strlen(key), i == 0 ? DIGEST_SEED_1 : DIGEST_SEED_2),
							  hash_bytes(set->fit.data, UUID_LEN, i == 0 ? DIGEST_SEED_2 : DIGEST_SEED_1));
	memcpy(digest, halves, sizeof(halves));
	pfree(key);
}

/* A fit of either kind, from the cache or loaded into it. */
static void *
fit_load(const StoredSet *set, const char *kind, const char *column, MemoryContext context)
{
	uint8		digest[16];
	void	   *fit;
	MemoryContext own,
				caller;

	fit_digest(set, kind, column, digest);
	fit = cache_find(CACHE_FIT, set->id, digest, context);
	if (fit != NULL)
		return fit;

	own = AllocSetContextCreate(CurrentMemoryContext, "echolon fit", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(own);
	fit = strcmp(kind, KIND_NUMBER) == 0 ? (void *) read_number_fit(set, column) :
		(void *) read_category_fit(set, column);
	MemoryContextSwitchTo(caller);
	if (fit == NULL)
		no_fit(set, kind, column);
	cache_keep(CACHE_FIT, set->id, digest, fit, own, context);
	return fit;
}

const NumberFit *
fit_load_number(const StoredSet *set, const char *column, MemoryContext context)
{
	return fit_load(set, KIND_NUMBER, column, context);
}

const LevelTable *
fit_load_category(const StoredSet *set, const char *column, MemoryContext context)
{
	return fit_load(set, KIND_CATEGORY, column, context);
}
