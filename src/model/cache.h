/*
 * cache.h
 *		The cache's limit; the rest of its interface is in model.h.
 */
#ifndef ECHOLON_CACHE_H
#define ECHOLON_CACHE_H

extern int	echolon_model_cache;	/* kB; GUC echolon.model_cache */

#endif							/* ECHOLON_CACHE_H */
