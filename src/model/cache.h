/*
 * cache.h
 *		What a session keeps because loading it costs more than keeping it: models, and what
 *		feature sets have fitted.
 *
 * Models are asked for with cache_get, see model.h.
 */
#ifndef ECHOLON_CACHE_H
#define ECHOLON_CACHE_H

#include "postgres.h"

extern int	echolon_model_cache;	/* kB; GUC echolon.model_cache */

typedef enum CacheKind
{
	CACHE_MODEL,				/* id: of the version, digest: of its bytes */
	CACHE_FEATURES,				/* id: of the feature set, digest: of what it is */
	CACHE_FIT					/* id: of the feature set, digest: of the fit's own id, kind and column */
} CacheKind;

/*
 * What never changes while id and digest (16 bytes) are the same, or NULL where it is not kept;
 * pinned until context is reset or deleted.
 */
extern void *cache_find(CacheKind kind, int64 id, const uint8 *digest, MemoryContext context);

/*
 * Keep an object that was just loaded, was not found, and is all there is in own, a context that
 * from here on is the cache's; pinned until context is reset or deleted.
 */
extern void cache_keep(CacheKind kind, int64 id, const uint8 *digest, void *object,
					   MemoryContext own, MemoryContext context);

#endif							/* ECHOLON_CACHE_H */
