/*
 * dictionary.h
 *		The levels of one category column: codes by first sight while rows
 *		arrive, then the order a model keeps.  Of the data room only.
 */
#ifndef ECHOLON_DICTIONARY_H
#define ECHOLON_DICTIONARY_H

#include "postgres.h"

#include "data/column.h"

/* What a frame has taken so far, against the limit of echolon.max_memory. */
typedef struct FrameMemory
{
	size_t		used;
	size_t		limit;
	size_t		text_limit;		/* of used, what labels may take; beyond, only their hashes are kept */
	size_t		text;
	const char *relation;		/* for the message, as the next two */
	const char *remedy;			/* how its user reads less: "leave columns out with exclude" */
	uint64		rows;			/* read so far */
} FrameMemory;

/* Count bytes about to be allocated; raises where they are too many. */
extern void frame_memory_add(FrameMemory *memory, size_t count, size_t size);
extern void frame_memory_subtract(FrameMemory *memory, size_t count, size_t size);

typedef struct DictionaryEntry
{
	uint64		hash;			/* of the key, for the table */
	uint64		content[2];		/* of the label in UTF-8: the same in every database */
	const char *key;			/* NULL where the budget for text was used up */
	uint64		count;			/* rows */
	uint32		length;
} DictionaryEntry;

typedef struct Dictionary
{
	const ColumnType *type;
	MemoryContext context;
	FrameMemory *memory;
	DictionaryEntry *entries;	/* by code */
	uint32		nentries;
	uint32		capacity;
	uint32	   *slots;			/* open addressing: code + 1, or 0 */
	uint32		mask;
	char	   *arena;			/* where keys are copied to */
	size_t		arena_left;
	bool		incomplete;		/* some keys are NULL */
} Dictionary;

/*
 * The empty dictionary of a category column, or of a number taken for one; all it allocates is in
 * context.
 */
extern void dictionary_init(Dictionary *dictionary, const ColumnType *type,
							MemoryContext context, FrameMemory *memory);

/* Code of a value, by first sight.  Detoasted values are left in the current context. */
extern uint32 dictionary_code(Dictionary *dictionary, Datum datum);

/*
 * The order of the final codes: order[i] is the code by first sight of level i.
 * C collation of the label in UTF-8; enum, boolean and numbers in their own order.
 * labels[i] is NUL-terminated, in the database's encoding.
 */
extern void dictionary_sort(Dictionary *dictionary, uint32 *order, char **labels);

/* Free the table; entries and their keys stay. */
extern void dictionary_close(Dictionary *dictionary);

#endif							/* ECHOLON_DICTIONARY_H */
