/*
 * cache.c
 *		Models, and what feature sets have fitted, loaded and checked once a backend.
 *
 * A model is found by the number of its version and the digest of its bytes.
 * Bytes of a version never change, so nothing has to be invalidated: a promotion,
 * a rollback or a restore shows in what store_lookup finds.  Fits likewise.
 *
 * Each object lives in a memory context of its own.  It is loaded under the
 * caller's context, where an error frees it, and moved under the cache's when it is
 * complete.  Whoever uses it pins it until a context of theirs goes away; objects
 * without pins are dropped, the least recently used first, until those
 * left fit echolon.model_cache.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "lib/ilist.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "compat.h"
#include "model/cache.h"
#include "model/format_envelope.h"
#include "model/store.h"

typedef struct CacheKey
{
	int64		id;
	uint8		digest[16];
	int64		kind;			/* CacheKind; as wide as id, so that there is no padding to compare */
} CacheKey;

typedef struct CacheEntry
{
	CacheKey	key;			/* must be first: dynahash */
	void	   *object;
	MemoryContext context;		/* of the object */
	Size		size;
	dlist_node	recent;			/* in recently_used */
	dlist_head	pins;			/* of CachePin */
} CacheEntry;

/* One user of an entry.  Allocated in the context it lasts as long as. */
typedef struct CachePin
{
	dlist_node	node;			/* in CacheEntry.pins */
	MemoryContext context;
	MemoryContextCallback callback;
} CachePin;

static MemoryContext cache_context = NULL;
static HTAB *cache_table = NULL;
static dlist_head recently_used = DLIST_STATIC_INIT(recently_used); /* the latest at the head */
static Size cache_size = 0;

/* ---- loading ---------------------------------------------------------------- */

/* A string of a model in the database's encoding; in place where it is that already. */
static const char *
local_string(const char *string)
{
	return pg_any_to_server(string, (int) strlen(string), PG_UTF8);
}

/* n strings of a model in the database's encoding. */
static const char *const *
local_strings(const char *const *strings, uint32 n)
{
	const char **local;

	if (GetDatabaseEncoding() == PG_UTF8)
		return strings;			/* were checked when the model was read */
	local = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(char *) * ((Size) n + 1));
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		local[i] = local_string(strings[i]);
	}
	return local;
}

/* Fill in the strings of a model whose file was read. */
static void
localize(CachedModel *model)
{
	const ModelFile *file = &model->file;
	const char **names = palloc(sizeof(char *) * (file->ncolumns + 1));
	const char *const **categories = palloc(sizeof(char **) * (file->ncolumns + 1));

	model->target = local_strings(&file->target, 1)[0];
	model->labels = local_strings(file->labels, file->nlabels);
	for (uint32 c = 0; c < file->ncolumns; c++)
	{
		const ModelColumn *column = &file->columns[c];

		names[c] = local_strings(&column->name, 1)[0];
		categories[c] = column->ncategories == 0 ? NULL :
			local_strings(column->categories, column->ncategories);
	}
	model->column_names = names;
	model->categories = categories;
}

/* Read a model whose bytes lie in the current context; false and why where they are damaged. */
static bool
read_model(CachedModel *model, const uint8 *bytes, Size length, char *why, Size whysize)
{
	if (!model_file_read(backend_env(), bytes, length, &model->file, why, whysize))
		return false;
	localize(model);
	return true;
}

/* Says in an error's context which model was being loaded; without one, bytes of the caller. */
static void
loading_context(void *arg)
{
	const ModelVersion *version = arg;

	if (version == NULL)
		errcontext("loading a model from its bytes");
	else
		errcontext("loading version %d of model \"%s\"", version->version, version->model);
}

const CachedModel *
cache_load_bytes(const uint8 *bytes, size_t length, MemoryContext context)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext own = AllocSetContextCreate(caller, "echolon model", ALLOCSET_DEFAULT_SIZES);
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = loading_context
	};
	CachedModel *model;
	uint8	   *copy;
	char		why[256];

	error_context_stack = &callback;
	MemoryContextSwitchTo(own);
	model = palloc0(sizeof(CachedModel));
	copy = MemoryContextAllocHuge(own, Max(length, 1));
	memcpy(copy, bytes, length);
	if (envelope_is(copy, length))
	{
		ModelEnvelope envelope;

		if (!envelope_read(backend_env(), copy, length, &envelope, why, sizeof(why)))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("the bytes are not a model that can be used"),
					 errdetail("The export is damaged: %s.", why),
					 errhint("Pass what echolon_export_model returned.")));
		bytes = envelope.model;
		length = envelope.model_length;
	}
	else
		bytes = copy;
	if (!read_model(model, bytes, length, why, sizeof(why)))
	{
		const char *hint;
		const char *foreign = envelope_foreign(bytes, length, &hint);

		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the bytes are not a model that can be used"),
				 foreign ? errdetail("They look like %s.", foreign) :
				 errdetail("The model is damaged: %s.", why),
				 errhint("%s", hint ? hint : "Pass what echolon_export_model returned.")));
	}
	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(own, context);
	error_context_stack = callback.previous;
	return model;
}

/* Load a stored model into a context of its own, a child of the current one. */
static CachedModel *
load_version(const ModelVersion *version)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext own = AllocSetContextCreate(caller, "echolon model", ALLOCSET_DEFAULT_SIZES);
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = loading_context,
		.arg = unconstify(ModelVersion *, version)
	};
	CachedModel *model;
	char		why[256];

	error_context_stack = &callback;
	MemoryContextSwitchTo(own);
	model = palloc0(sizeof(CachedModel));
	memcpy(model->digest, version->digest, sizeof(model->digest));
	if (!read_model(model, store_read_bytes(version), (Size) version->length, why, sizeof(why)))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("version %d of model \"%s\" is damaged", version->version, version->model),
				 errdetail("The model is damaged: %s.", why),
				 errhint("Train it again, or activate another version of it.")));
	MemoryContextSwitchTo(caller);
	error_context_stack = callback.previous;
	return model;
}

/* ---- the cache ---------------------------------------------------------------- */

/* Drop objects without pins, the least recently used first, until the rest fits. */
static void
shrink_cache(void)
{
	Size		limit = (Size) echolon_model_cache * 1024;
	dlist_node *node = dlist_is_empty(&recently_used) ? NULL : dlist_tail_node(&recently_used);

	while (node != NULL && cache_size > limit)
	{
		CacheEntry *entry = dlist_container(CacheEntry, recent, node);
		MemoryContext context = entry->context;

		node = dlist_has_prev(&recently_used, node) ?
			dlist_prev_node(&recently_used, node) : NULL;
		if (!dlist_is_empty(&entry->pins))
			continue;
		cache_size -= entry->size;
		dlist_delete(&entry->recent);
		(void) hash_search(cache_table, &entry->key, HASH_REMOVE, NULL);
		MemoryContextDelete(context);
	}
}

/* The context of a pin goes away. */
static void
unpin(void *arg)
{
	CachePin   *pin = arg;

	dlist_delete(&pin->node);
	shrink_cache();
}

/* Keep an entry until context is reset or deleted. */
static void
pin_entry(CacheEntry *entry, MemoryContext context)
{
	dlist_iter	iter;
	CachePin   *pin;

	dlist_foreach(iter, &entry->pins)
	{
		pin = dlist_container(CachePin, node, iter.cur);
		if (pin->context == context)
			return;
	}
	pin = MemoryContextAlloc(context, sizeof(CachePin));
	pin->context = context;
	pin->callback.func = unpin;
	pin->callback.arg = pin;
	dlist_push_head(&entry->pins, &pin->node);
	MemoryContextRegisterResetCallback(context, &pin->callback);
}

static void
create_cache(void)
{
	HASHCTL		control = {
		.keysize = sizeof(CacheKey),
		.entrysize = sizeof(CacheEntry)
	};

	if (cache_table != NULL)
		return;
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(TopMemoryContext, "echolon cache",
											  ALLOCSET_DEFAULT_SIZES);
	control.hcxt = cache_context;
	cache_table = hash_create("echolon cache", 16, &control,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static CacheKey
cache_key(CacheKind kind, int64 id, const uint8 *digest)
{
	CacheKey	key = {.id = id, .kind = kind};

	memcpy(key.digest, digest, sizeof(key.digest));
	return key;
}

void *
cache_find(CacheKind kind, int64 id, const uint8 *digest, MemoryContext context)
{
	CacheKey	key = cache_key(kind, id, digest);
	CacheEntry *entry;

	create_cache();
	entry = hash_search(cache_table, &key, HASH_FIND, NULL);
	if (entry == NULL)
		return NULL;
	dlist_move_head(&recently_used, &entry->recent);
	pin_entry(entry, context);
	shrink_cache();
	return entry->object;
}

void
cache_keep(CacheKind kind, int64 id, const uint8 *digest, void *object, MemoryContext own,
		   MemoryContext context)
{
	CacheKey	key = cache_key(kind, id, digest);
	CacheEntry *entry;

	create_cache();

	/* Nothing raises between the entry's creation and its completion. */
	entry = hash_search(cache_table, &key, HASH_ENTER, NULL);
	entry->object = object;
	entry->context = own;
	entry->size = MemoryContextMemAllocated(own, true);
	dlist_init(&entry->pins);
	dlist_push_head(&recently_used, &entry->recent);
	cache_size += entry->size;
	MemoryContextSetParent(own, cache_context);

	pin_entry(entry, context);
	shrink_cache();
}

/* ---- models of versions --------------------------------------------------------- */

/* Say, once a version and backend, that a model has to be loaded for each statement. */
static void
warn_too_large(const ModelVersion *version, Size size)
{
	static int64 last = 0;

	Size		kilobytes = size / 1024 + 1;

	if (kilobytes <= (Size) echolon_model_cache || last == version->version_id ||
		IsParallelWorker())
		return;
	last = version->version_id;
	ereport(NOTICE,
			(errmsg("model \"%s\" is loaded again for each statement", version->model),
			 errdetail("It needs %zu kB, and echolon.model_cache is %d kB.", kilobytes,
					   echolon_model_cache),
			 errhint("SET echolon.model_cache = '%zukB' keeps it.", kilobytes)));
}

const CachedModel *
cache_get(const ModelVersion *version, MemoryContext context)
{
	CachedModel *model;
	MemoryContext own;

	/* one rule for all sessions, whatever they have loaded */
	if (version->retired)
		store_retired(version);
	model = cache_find(CACHE_MODEL, version->version_id, version->digest, context);
	if (model != NULL)
		return model;
	model = load_version(version);
	own = GetMemoryChunkContext(model);
	warn_too_large(version, MemoryContextMemAllocated(own, true));
	cache_keep(CACHE_MODEL, version->version_id, version->digest, model, own, context);
	return model;
}
