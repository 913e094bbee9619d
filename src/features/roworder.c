/*
 * roworder.c
 *		The groups of rows, and the order of (group, time, keys).
 *
 * Groups are numbered as rows arrive, by a hash of their columns.  Which values are one is what
 * PARTITION BY says: the type's equality under the column's collation.  Where equality is that of
 * bytes they are compared here; for all other types by the type's own functions.
 *
 * The order then is a radix sort of (group, time), in one word where the range of the times leaves
 * room for the groups.  What ties is sorted by comparing the keys, as ORDER BY would; many
 * ties under an integer key, as a table without times of day has them, are left to the radix
 * sort as well.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "compat.h"
#include "features/rowstore.h"
#include "learn/hash.h"

#define FIRST_SLOTS		64		/* a power of two */
#define CHECK_ROWS		(64 * 1024) /* rows between two cancel checks */
#define GROUP_BYTES		80		/* what a group's key costs besides its values */
#define MANY_TIES		8		/* one row of so many */

/* ---- groups ---------------------------------------------------------------- */

/* How values of a column are told apart. */
typedef enum GroupEquality
{
	EQUAL_WORD,					/* by-value, the same bits */
	EQUAL_BYTES,				/* texts under a deterministic collation, uuid */
	EQUAL_FUNCTION				/* the type's own */
} GroupEquality;

typedef struct GroupColumn
{
	GroupEquality equality;
	Oid			basetype;
	int16		typlen;
	bool		typbyval;
	Oid			collation;
	FmgrInfo	hash;			/* EQUAL_FUNCTION */
	FmgrInfo	equal;
} GroupColumn;

typedef struct GroupEntry
{
	uint64		hash;
	Datum		word;			/* the value of the only column, where it is told apart by its bits */
	bool		word_null;
	Datum	   *values;			/* of the group's first row */
	bool	   *nulls;
} GroupEntry;

struct GroupTable
{
	RowStore   *store;			/* counts the memory */
	int			ncolumns;
	GroupColumn *columns;
	bool		is_word;		/* one column, told apart by its bits */
	GroupEntry *entries;		/* by number */
	uint32		nentries;
	uint32		capacity;
	uint32	   *slots;			/* open addressing: number + 1, or 0 */
	uint32		mask;
};

/* How values of the type are told apart; false: they cannot be hashed. */
static bool
group_column_init(GroupColumn *column, Oid typid, Oid collation)
{
	TypeCacheEntry *type;

	column->basetype = getBaseType(typid);
	column->collation = collation;
	get_typlenbyval(column->basetype, &column->typlen, &column->typbyval);

	switch (column->basetype)
	{
		case BOOLOID:
		case CHAROID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			if (column->typbyval)
			{
				column->equality = EQUAL_WORD;
				return true;
			}
			break;

		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			if (OidIsValid(collation) && get_collation_isdeterministic(collation))
			{
				column->equality = EQUAL_BYTES;
				return true;
			}
			break;

		case UUIDOID:
			column->equality = EQUAL_BYTES;
			return true;

		default:
			if (get_typtype(column->basetype) == TYPTYPE_ENUM)
			{
				column->equality = EQUAL_WORD;
				return true;
			}
	}

	column->equality = EQUAL_FUNCTION;
	type = lookup_type_cache(typid, TYPECACHE_HASH_PROC | TYPECACHE_EQ_OPR);
	if (!OidIsValid(type->hash_proc) || !OidIsValid(type->eq_opr))
		return false;
	fmgr_info(type->hash_proc, &column->hash);
	fmgr_info(get_opcode(type->eq_opr), &column->equal);
	return true;
}

GroupTable *
groups_create(RowStore *store, int ncolumns, const Oid *types, const Oid *collations)
{
	MemoryContext old = MemoryContextSwitchTo(store->context);
	GroupTable *groups = palloc0(sizeof(GroupTable));

	groups->store = store;
	groups->ncolumns = ncolumns;
	groups->columns = palloc0(mul_size(Max(ncolumns, 1), sizeof(GroupColumn)));
	groups->capacity = FIRST_SLOTS / 2;
	groups->entries = palloc(mul_size(groups->capacity, sizeof(GroupEntry)));
	groups->slots = palloc0(mul_size(FIRST_SLOTS, sizeof(uint32)));
	groups->mask = FIRST_SLOTS - 1;
	for (int i = 0; i < ncolumns; i++)
	{
		if (!group_column_init(&groups->columns[i], types[i], collations[i]))
		{
			groups = NULL;
			break;
		}
	}
	if (groups != NULL)
		groups->is_word = ncolumns == 1 && groups->columns[0].equality == EQUAL_WORD;
	MemoryContextSwitchTo(old);
	return groups;
}

/* The bytes that count of a value that is compared by bytes. */
static inline const char *
value_bytes(const GroupColumn *column, Datum value, int *length)
{
	struct varlena *bytes;

	if (column->basetype == UUIDOID)
	{
		*length = UUID_LEN;
		return DatumGetPointer(value);
	}
	bytes = PG_DETOAST_DATUM_PACKED(value);
	*length = VARSIZE_ANY_EXHDR(bytes);
	if (column->basetype == BPCHAROID)
		*length = bpchartruelen(VARDATA_ANY(bytes), *length);
	return VARDATA_ANY(bytes);
}

/* A hash of a value that is not NULL. */
static inline uint64
value_hash(GroupColumn *column, Datum value)
{
	const char *bytes;
	int			length;

	switch (column->equality)
	{
		case EQUAL_WORD:
			return hash_mix((uint64) value);
		case EQUAL_BYTES:
			bytes = value_bytes(column, value, &length);
			return hash_bytes(bytes, length, 0);
		default:
			return hash_mix(DatumGetUInt32(FunctionCall1Coll(&column->hash, column->collation,
															 value)));
	}
}

/* Are two values that are not NULL one? */
static inline bool
value_equal(GroupColumn *column, Datum a, Datum b)
{
	const char *a_bytes;
	const char *b_bytes;
	int			a_length;
	int			b_length;

	switch (column->equality)
	{
		case EQUAL_WORD:
			return a == b;
		case EQUAL_BYTES:
			a_bytes = value_bytes(column, a, &a_length);
			b_bytes = value_bytes(column, b, &b_length);
			return a_length == b_length && memcmp(a_bytes, b_bytes, a_length) == 0;
		default:
			return DatumGetBool(FunctionCall2Coll(&column->equal, column->collation, a, b));
	}
}

/* Twice as many slots and entries. */
static void
groups_grow(GroupTable *groups)
{
	uint32		capacity = groups->capacity * 2;

	rowstore_count(groups->store,
				   mul_size(groups->capacity, sizeof(GroupEntry) + 2 * sizeof(uint32)));
	groups->entries = repalloc_huge(groups->entries, mul_size(capacity, sizeof(GroupEntry)));
	pfree(groups->slots);
	groups->slots = MemoryContextAllocExtended(groups->store->context,
											   mul_size(capacity, 2 * sizeof(uint32)),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	groups->capacity = capacity;
	groups->mask = capacity * 2 - 1;
	for (uint32 i = 0; i < groups->nentries; i++)
	{
		uint32		slot = groups->entries[i].hash & groups->mask;

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		while (groups->slots[slot] != 0)
			slot = (slot + 1) & groups->mask;
		groups->slots[slot] = i + 1;
	}
}

/* Number a new group; its slot is free. */
static uint32
groups_add(GroupTable *groups, uint32 slot, uint64 hash, const int *places, const Datum *values,
		   const bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(groups->store->context);
	GroupEntry *entry = &groups->entries[groups->nentries];
	size_t		bytes = GROUP_BYTES;

	entry->hash = hash;
	entry->word = values[places[0]];
	entry->word_null = nulls[places[0]];
	entry->values = palloc0(mul_size(groups->ncolumns, sizeof(Datum)));
	entry->nulls = palloc0(groups->ncolumns);
	for (int i = 0; i < groups->ncolumns; i++)
	{
		const GroupColumn *column = &groups->columns[i];
		Datum		value = values[places[i]];

		entry->nulls[i] = nulls[places[i]];
		if (entry->nulls[i])
			continue;
		if (column->typlen == -1)
			value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
		entry->values[i] = datumCopy(value, column->typbyval, column->typlen);
		if (!column->typbyval)
			bytes += datumGetSize(value, false, column->typlen);
	}
	MemoryContextSwitchTo(old);
	rowstore_count(groups->store, add_size(bytes, mul_size(groups->ncolumns, sizeof(Datum) + 1)));
	groups->slots[slot] = ++groups->nentries;
	if (groups->nentries == groups->capacity)
		groups_grow(groups);
	return groups->nentries - 1;
}

/* groups_find of one column that is told apart by its bits. */
static inline uint32
groups_find_word(GroupTable *groups, const int *places, const Datum *values, const bool *nulls)
{
	Datum		value = values[places[0]];
	bool		isnull = nulls[places[0]];
	uint64		hash = hash_pair(0, isnull ? 0 : hash_mix((uint64) value));
	uint32		slot;

	for (slot = hash & groups->mask; groups->slots[slot] != 0; slot = (slot + 1) & groups->mask)
	{
		const GroupEntry *entry = &groups->entries[groups->slots[slot] - 1];

		if (entry->word_null == isnull && (isnull || entry->word == value))
			return groups->slots[slot] - 1;
	}
	return groups_add(groups, slot, hash, places, values, nulls);
}

uint32
groups_find(GroupTable *groups, const int *places, const Datum *values, const bool *nulls)
{
	uint64		hash = 0;
	uint32		slot;

	if (groups->ncolumns == 0)
		return 0;
	if (groups->is_word)
		return groups_find_word(groups, places, values, nulls);
	for (int i = 0; i < groups->ncolumns; i++)
		hash = hash_pair(hash, nulls[places[i]] ? 0 :
						 value_hash(&groups->columns[i], values[places[i]]));

	for (slot = hash & groups->mask; groups->slots[slot] != 0; slot = (slot + 1) & groups->mask)
	{
		uint32		number = groups->slots[slot] - 1;
		const GroupEntry *entry = &groups->entries[number];
		bool		same = entry->hash == hash;

		for (int i = 0; i < groups->ncolumns && same; i++)
			same = entry->nulls[i] == nulls[places[i]] &&
				(entry->nulls[i] ||
				 value_equal(&groups->columns[i], entry->values[i], values[places[i]]));
		if (same)
			return number;
	}
	return groups_add(groups, slot, hash, places, values, nulls);
}

void
groups_values(const GroupTable *groups, uint32 group, const Datum **values, const bool **nulls)
{
	*values = groups->ncolumns == 0 ? NULL : groups->entries[group].values;
	*nulls = groups->ncolumns == 0 ? NULL : groups->entries[group].nulls;
}

uint32
groups_count(const GroupTable *groups)
{
	return groups->ncolumns == 0 ? 1 : groups->nentries;
}

/* ---- keys -------------------------------------------------------------------- */

void
order_key_init(OrderKey *key, Oid typid, Oid collation)
{
	TypeCacheEntry *type = lookup_type_cache(typid, TYPECACHE_LT_OPR);

	if (!OidIsValid(type->lt_opr))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify an ordering operator for type %s",
						format_type_be(typid))));
	switch (getBaseType(typid))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			key->integer = true;
			break;
		default:
			key->integer = false;
	}
	memset(&key->sort, 0, sizeof(key->sort));
	key->sort.ssup_cxt = CurrentMemoryContext;
	key->sort.ssup_collation = collation;
	key->sort.ssup_nulls_first = false;
	PrepareSortSupportFromOrderingOp(type->lt_opr, &key->sort);
}

/* The value of an integer key so that it sorts without its sign, NULLs behind all. */
static inline uint64
integer_word(const RowStore *store, const char *record, const OrderKey *key)
{
	int64		value;
	Datum		datum;

	if (row_isnull(record, key->field))
		return PG_UINT64_MAX;
	datum = row_get(store, record, key->field);
	switch (store->fields[key->field].typlen)
	{
		case sizeof(int16):
			value = DatumGetInt16(datum);
			break;
		case sizeof(int32):
			value = DatumGetInt32(datum);
			break;
		default:
			value = DatumGetInt64(datum);
	}
	return (uint64) value ^ (UINT64CONST(1) << 63);
}

/* ---- the order ----------------------------------------------------------------- */

typedef struct RowOrder
{
	RowStore   *store;
	const OrderKey *keys;
	int			nkeys;
	int64		unit;
	uint64		timeless;		/* the word of ROW_TIMELESS; the other two follow */
	int			time_bits;		/* of a word */
	int			group_bits;		/* above them; 0: groups do not count */
	bool		one_word;		/* both fit into it */
} RowOrder;

/* How many bits a number takes. */
static inline int
bit_width(uint64 number)
{
	return number == 0 ? 0 : pg_leftmost_one_pos64(number) + 1;
}

static inline const RowHead *
row_head(const RowOrder *order, const SortRow *row)
{
	return (const RowHead *) rowstore_row(order->store, row->row);
}

/* The time of a row, in units from the first. */
static inline uint64
time_word(const RowOrder *order, int64 time)
{
	uint64		distance = (uint64) time - (uint64) order->store->earliest;

	if (time >= ROW_TIMELESS)
		return order->timeless + (uint64) (time - ROW_TIMELESS);
	/* no division where the compiler knows what by */
	return order->unit == 1 ? distance :
		order->unit == USECS_PER_DAY ? distance / USECS_PER_DAY : distance / order->unit;
}

/* Give rows their words; true where these ascend already. */
static bool
order_words(const RowOrder *order, SortRow *rows)
{
	bool		ascending = true;
	uint64		previous = 0;

	for (size_t i = 0; i < order->store->nrows; i++)
	{
		const RowHead *head = row_head(order, &rows[i]);
		uint64		word = time_word(order, head->time);

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (order->one_word && order->group_bits > 0)
			word |= (uint64) head->group << order->time_bits;
		ascending &= word >= previous;
		previous = word;
		rows[i].key = word;
	}
	return ascending && order->one_word;
}

/* Sort rows, in whatever order they are, by (group, time); what ties keeps that order. */
static SortRow *
order_radix(const RowOrder *order, SortRow *rows, SortRow *spare)
{
	size_t		n = order->store->nrows;
	SortRow    *sorted;

	if (order_words(order, rows))
		return rows;
	if (order->one_word)
		return radix_sort(rows, spare, n, 0, order->time_bits + order->group_bits);

	sorted = radix_sort(rows, spare, n, 0, order->time_bits);
	for (size_t i = 0; i < n; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		sorted[i].key = row_head(order, &sorted[i])->group;
	}
	return radix_sort(sorted, sorted == rows ? spare : rows, n, 0, order->group_bits);
}

/* Are two rows of the same group and time? */
static inline bool
order_tied(const RowOrder *order, const SortRow *a, const SortRow *b)
{
	return a->key == b->key &&
		(order->one_word || row_head(order, a)->time == row_head(order, b)->time);
}

/* Compare two rows by the keys. */
static inline int
compare_keys(const SortRow *a, const SortRow *b, const RowOrder *order)
{
	const RowStore *store = order->store;
	const char *x = rowstore_row(store, a->row);
	const char *y = rowstore_row(store, b->row);

	for (int i = 0; i < order->nkeys; i++)
	{
		const OrderKey *key = &order->keys[i];
		bool		x_null = row_isnull(x, key->field);
		bool		y_null = row_isnull(y, key->field);
		int			result = ApplySortComparator(x_null ? (Datum) 0 : row_get(store, x, key->field),
												 x_null,
												 y_null ? (Datum) 0 : row_get(store, y, key->field),
												 y_null, unconstify(SortSupportData *, &key->sort));

		if (result != 0)
			return result;
	}
	return 0;
}

#define ST_SORT sort_ties
#define ST_ELEMENT_TYPE SortRow
#define ST_COMPARE(a, b, order) compare_keys(a, b, order)
#define ST_COMPARE_ARG_TYPE const RowOrder
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* How many rows have the group and time of the row before. */
static size_t
order_count_ties(const RowOrder *order, const SortRow *rows)
{
	size_t		ties = 0;

	for (size_t i = 1; i < order->store->nrows; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		ties += order_tied(order, &rows[i - 1], &rows[i]);
	}
	return ties;
}

/* Sort what ties in (group, time) by the keys. */
static void
order_break_ties(const RowOrder *order, SortRow *rows)
{
	size_t		n = order->store->nrows;
	size_t		first = 0;

	for (size_t i = 1; i <= n; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (i < n && order_tied(order, &rows[first], &rows[i]))
			continue;
		if (i - first > 1)
			sort_ties(rows + first, i - first, order);
		first = i;
	}
}

SortRow *
roworder_sort(RowStore *store, uint32 ngroups, const OrderKey *keys, int nkeys, int64 unit)
{
	size_t		n = store->nrows;
	SortRow    *rows = cells_array(store->context, &store->memory, n, sizeof(SortRow));
	SortRow    *spare = cells_array(store->context, &store->memory, n, sizeof(SortRow));
	SortRow    *sorted;
	size_t		ties;
	RowOrder	order = {
		.store = store,
		.keys = keys,
		.nkeys = nkeys,
		.unit = unit,
		.timeless = store->latest < store->earliest ? 0 :
			((uint64) store->latest - (uint64) store->earliest) / unit + 1
	};

	order.time_bits = bit_width(order.timeless + (ROW_DATELESS - ROW_TIMELESS));
	order.group_bits = ngroups > 0 ? bit_width(ngroups - 1) : 0;
	order.one_word = order.time_bits + order.group_bits <= 64;

	for (size_t i = 0; i < n; i++)
		rows[i].row = i;
	sorted = order_radix(&order, rows, spare);
	ties = nkeys > 0 ? order_count_ties(&order, sorted) : 0;
	if (ties > n / MANY_TIES && keys[0].integer)
	{
		/* by the key first: its order then breaks the ties of the rest */
		for (size_t i = 0; i < n; i++)
		{
			rows[i].row = i;
			rows[i].key = integer_word(store, rowstore_row(store, i), &keys[0]);
		}
		sorted = radix_sort(rows, spare, n, 0, 64);
		sorted = order_radix(&order, sorted, sorted == rows ? spare : rows);
	}
	if (ties > 0)
		order_break_ties(&order, sorted);
	pfree(sorted == rows ? spare : rows);
	frame_memory_subtract(&store->memory, n, sizeof(SortRow));
	return sorted;
}
