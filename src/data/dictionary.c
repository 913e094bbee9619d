/*
 * dictionary.c
 *		The levels of a category column: a table of strings by open addressing.
 *
 * The key is the value as it lies in the row (the bytes of a text, the OID of
 * an enum's label, 16 bytes of a uuid), so that no text form is made for a value seen
 * before.  Each new level gets the hash of its label in UTF-8: rows are ordered
 * by that and never by codes, which depend on the order rows arrive in.
 *
 * A column of long texts would fill the memory before it is known to be of no use.
 * So keys have a budget; levels beyond it are told apart by 192 bits of hashes and
 * counted, which is all it takes to find out that a column is nearly unique.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "data/dictionary.h"
#include "learn/hash.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

#include "compat.h"

#define FIRST_ENTRIES	32
#define ARENA_MIN		1024
#define ARENA_MAX		(1024 * 1024)

/* Seeds of the two words of a label's content hash; part of what orders rows. */
#define CONTENT_SEED_1	UINT64CONST(0x6563686f6c6f6e31)
#define CONTENT_SEED_2	UINT64CONST(0x6563686f6c6f6e32)

void
frame_memory_add(FrameMemory *memory, size_t count, size_t size)
{
	size_t		bytes = mul_size(count, size);

	memory->used = add_size(memory->used, bytes);
	if (memory->used > memory->limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("reading \"%s\" needs more than %zu MB", memory->relation,
						memory->limit / (1024 * 1024)),
				 errdetail("%llu rows had been read.", (unsigned long long) memory->rows),
				 errhint("Raise echolon.max_memory, or %s.", memory->remedy)));
}

void
frame_memory_subtract(FrameMemory *memory, size_t count, size_t size)
{
	memory->used -= Min(memory->used, mul_size(count, size));
}

/* Hash of a key, for the table only. */
static inline uint64
key_hash(const char *key, size_t length)
{
	uint64		h = length * UINT64CONST(0x9e3779b97f4a7c15);
	uint64		word;

	while (length >= sizeof(word))
	{
		memcpy(&word, key, sizeof(word));
		h = (h ^ word) * UINT64CONST(0xbf58476d1ce4e5b9);
		h ^= h >> 29;
		key += sizeof(word);
		length -= sizeof(word);
	}
	if (length > 0)
	{
		word = 0;
		memcpy(&word, key, length);
		h ^= word;
	}
	return hash_mix(h);
}

/* The label in UTF-8; the same pointer where the database's encoding needs no conversion. */
static const char *
label_utf8(const char *label, int length, int *utf8_length)
{
	int			encoding = GetDatabaseEncoding();
	char	   *utf8;

	*utf8_length = length;
	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return label;
	utf8 = pg_server_to_any(label, length, PG_UTF8);
	if (utf8 != label)
		*utf8_length = strlen(utf8);
	return utf8;
}

/* What orders rows: two independent hashes of the label. */
static void
label_content(const char *label, int length, uint64 *content)
{
	int			utf8_length;
	const char *utf8 = label_utf8(label, length, &utf8_length);

	content[0] = hash_bytes(utf8, utf8_length, CONTENT_SEED_1);
	content[1] = hash_bytes(utf8, utf8_length, CONTENT_SEED_2);
}

void
dictionary_init(Dictionary *dictionary, const ColumnType *type, MemoryContext context,
				FrameMemory *memory)
{
	memset(dictionary, 0, sizeof(*dictionary));
	dictionary->type = type;
	dictionary->context = context;
	dictionary->memory = memory;
	dictionary->capacity = FIRST_ENTRIES;
	dictionary->mask = 2 * FIRST_ENTRIES - 1;
	frame_memory_add(memory, FIRST_ENTRIES, sizeof(DictionaryEntry) + 2 * sizeof(uint32));
	dictionary->entries = MemoryContextAlloc(context, FIRST_ENTRIES * sizeof(DictionaryEntry));
	dictionary->slots = MemoryContextAllocZero(context, 2 * FIRST_ENTRIES * sizeof(uint32));
}

/* Twice the room: the table is never more than half full. */
static void
dictionary_grow(Dictionary *dictionary)
{
	uint32		capacity = dictionary->capacity * 2;
	size_t		nslots = (size_t) capacity * 2;

	if (capacity >= LEARN_MISSING / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a column of \"%s\" has too many distinct values",
						dictionary->memory->relation),
				 errhint("Use a smaller relation, or %s.", dictionary->memory->remedy)));

	frame_memory_add(dictionary->memory, dictionary->capacity,
					 sizeof(DictionaryEntry) + 2 * sizeof(uint32));
	dictionary->entries = repalloc_huge(dictionary->entries,
										mul_size(capacity, sizeof(DictionaryEntry)));
	pfree(dictionary->slots);
	dictionary->slots = MemoryContextAllocExtended(dictionary->context,
												   mul_size(nslots, sizeof(uint32)),
												   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	dictionary->capacity = capacity;
	dictionary->mask = nslots - 1;

	for (uint32 code = 0; code < dictionary->nentries; code++)
	{
		uint32		slot = dictionary->entries[code].hash & dictionary->mask;

		while (dictionary->slots[slot] != 0)
			slot = (slot + 1) & dictionary->mask;
		dictionary->slots[slot] = code + 1;
	}
}

/* A copy of the key, or NULL where the budget for text is used up. */
static const char *
dictionary_keep(Dictionary *dictionary, const char *key, size_t length)
{
	FrameMemory *memory = dictionary->memory;
	char	   *copy;

	if (dictionary->arena == NULL || length > dictionary->arena_left)
	{
		/* as much again as there is, within bounds */
		size_t		block = Max((size_t) dictionary->nentries * 16, ARENA_MIN);

		block = Max(Min(block, ARENA_MAX), length);
		if (memory->text + block > memory->text_limit)
		{
			dictionary->incomplete = true;
			return NULL;
		}
		frame_memory_add(memory, 1, block);
		memory->text += block;
		dictionary->arena = MemoryContextAllocHuge(dictionary->context, block);
		dictionary->arena_left = block;
	}
	copy = dictionary->arena;
	memcpy(copy, key, length);
	dictionary->arena += length;
	dictionary->arena_left -= length;
	return copy;
}

uint32
dictionary_code(Dictionary *dictionary, Datum datum)
{
	const ColumnType *type = dictionary->type;
	const char *key;
	int			length;
	char		small[sizeof(Oid)];
	uint64		content[2];
	bool		have_content = false;

	if (type->is_enum)
	{
		Oid			label = DatumGetObjectId(datum);

		memcpy(small, &label, sizeof(label));
		key = small;
		length = sizeof(label);
	}
	else if (type->basetype == UUIDOID)
	{
		key = (const char *) DatumGetUUIDP(datum);
		length = UUID_LEN;
	}
	else if (type->basetype == BOOLOID)
	{
		small[0] = DatumGetBool(datum);
		key = small;
		length = 1;
	}
	else
		key = column_label(type, datum, &length);

	uint64		hash = key_hash(key, length);
	uint32		slot = hash & dictionary->mask;

	while (dictionary->slots[slot] != 0)
	{
		uint32		code = dictionary->slots[slot] - 1;
		DictionaryEntry *entry = &dictionary->entries[code];

		if (entry->hash == hash && entry->length == (uint32) length)
		{
			if (entry->key != NULL)
			{
				if (memcmp(entry->key, key, length) == 0)
				{
					entry->count++;
					return code;
				}
			}
			else
			{
				/* only text is ever beyond the budget: the key is the label */
				if (!have_content)
					label_content(key, length, content);
				have_content = true;
				if (entry->content[0] == content[0] && entry->content[1] == content[1])
				{
					entry->count++;
					return code;
				}
			}
		}
		slot = (slot + 1) & dictionary->mask;
	}

	/* a new level */
	if (dictionary->nentries == dictionary->capacity)
	{
		dictionary_grow(dictionary);
		slot = hash & dictionary->mask;
		while (dictionary->slots[slot] != 0)
			slot = (slot + 1) & dictionary->mask;
	}

	uint32		code = dictionary->nentries;
	DictionaryEntry *entry = &dictionary->entries[code];

	entry->hash = hash;
	entry->length = length;
	entry->count = 1;
	entry->key = dictionary_keep(dictionary, key, length);
	if (type->is_enum || type->basetype == UUIDOID || type->basetype == BOOLOID)
	{
		int			label_length;
		const char *label = column_label(type, datum, &label_length);

		label_content(label, label_length, entry->content);
	}
	else
		label_content(key, length, entry->content);
	dictionary->slots[slot] = code + 1;
	dictionary->nentries++;
	return code;
}

typedef struct SortItem
{
	double		order;			/* of an enum's label, a boolean or a number; else 0 */
	const char *utf8;
	int			length;
	uint32		code;
	char	   *label;
} SortItem;

static int
compare_items(const void *a, const void *b)
{
	const SortItem *x = a;
	const SortItem *y = b;
	int			result;

	CHECK_FOR_INTERRUPTS();
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	result = memcmp(x->utf8, y->utf8, Min(x->length, y->length));
	if (result != 0)
		return result;
	return x->length < y->length ? -1 : x->length > y->length;
}

/* A level's label as a string of its own, in the current context. */
static char *
entry_label(const Dictionary *dictionary, const DictionaryEntry *entry)
{
	const ColumnType *type = dictionary->type;
	Datum		datum;
	int			length;
	const char *label;

	if (type->is_enum)
	{
		Oid			oid;

		memcpy(&oid, entry->key, sizeof(oid));
		datum = ObjectIdGetDatum(oid);
	}
	else if (type->basetype == UUIDOID)
	{
		pg_uuid_t	uuid;

		memcpy(&uuid, entry->key, UUID_LEN);
		label = column_label(type, UUIDPGetDatum(&uuid), &length);
		return pnstrdup(label, length);
	}
	else if (type->basetype == BOOLOID)
		datum = BoolGetDatum(entry->key[0] != 0);
	else
		return pnstrdup(entry->key, entry->length);

	label = column_label(type, datum, &length);
	return pnstrdup(label, length);
}

/* Where an enum's label stands among its type's. */
static double
enum_order(const DictionaryEntry *entry)
{
	Oid			oid;
	HeapTuple	tuple;
	double		order;

	memcpy(&oid, entry->key, sizeof(oid));
	tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for enum label %u", oid);
	order = ((Form_pg_enum) GETSTRUCT(tuple))->enumsortorder;
	ReleaseSysCache(tuple);
	return order;
}

/* Where a number's label stands among all: NaN is the largest, as in PostgreSQL. */
static double
number_order(const char *label)
{
	double		number = strtod(label, NULL);

	/* before it infinity, by label */
	return isnan(number) ? INFINITY : number;
}

void
dictionary_sort(Dictionary *dictionary, uint32 *order, char **labels)
{
	FrameMemory *memory = dictionary->memory;
	uint32		n = dictionary->nentries;
	SortItem   *items;

	if (dictionary->incomplete)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the texts of \"%s\" need more than %zu MB", memory->relation,
						memory->text_limit / (1024 * 1024)),
				 errdetail("A quarter of echolon.max_memory is for the distinct texts of all columns."),
				 errhint("Raise echolon.max_memory, or %s.", memory->remedy)));

	frame_memory_add(memory, n, sizeof(SortItem) + 16);
	items = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(Max(n, 1), sizeof(SortItem)));
	for (uint32 code = 0; code < n; code++)
	{
		const DictionaryEntry *entry = &dictionary->entries[code];
		SortItem   *item = &items[code];

		CHECK_FOR_INTERRUPTS();
		item->code = code;
		item->label = entry_label(dictionary, entry);
		item->utf8 = label_utf8(item->label, strlen(item->label), &item->length);
		item->order = 0;
		if (dictionary->type->is_enum)
			item->order = enum_order(entry);
		else if (dictionary->type->basetype == BOOLOID)
			item->order = entry->key[0];
		else if (dictionary->type->kind == COLUMN_NUMBER)
			item->order = number_order(item->label);
	}
	qsort(items, n, sizeof(SortItem), compare_items);
	for (uint32 i = 0; i < n; i++)
	{
		order[i] = items[i].code;
		labels[i] = items[i].label;
		if (items[i].utf8 != items[i].label)
			pfree(unconstify(char *, items[i].utf8));
	}
	pfree(items);
	frame_memory_subtract(memory, n, sizeof(SortItem));
}

void
dictionary_close(Dictionary *dictionary)
{
	if (dictionary->slots == NULL)
		return;
	pfree(dictionary->slots);
	dictionary->slots = NULL;
	frame_memory_subtract(dictionary->memory, dictionary->capacity, 2 * sizeof(uint32));
}
