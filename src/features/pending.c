/*
 * pending.c
 *		TEMPORARY, removed before anything is released: what others are writing, as weak symbols.
 */
#include "postgres.h"
#include "features/fit.h"
#include "features/feature.h"
#include "features/terms.h"

#define PENDING pg_attribute_weak_here
#define pg_attribute_weak_here __attribute__((weak))

PENDING Fit *fit_relation(Oid relid, List *numeric, List *category) { elog(ERROR, "pending"); }
PENDING void fit_store(int64 set_id, const Fit *fit) { elog(ERROR, "pending"); }
PENDING double fit_high_value(const NumberFit *fit, double share, double *above, bool *moved) { elog(ERROR, "pending"); }
PENDING void feature_store_check_name(const char *name) { elog(ERROR, "pending"); }
PENDING int64 feature_store_add(const FeatureSet *set, Oid view, Oid materialized, uint64 rows_fitted) { elog(ERROR, "pending"); }
PENDING FeatureSet *feature_set_lock(const char *name) { elog(ERROR, "pending"); }
PENDING void feature_store_touch(int64 id, uint64 rows_fitted) { elog(ERROR, "pending"); }
PENDING void feature_store_delete(int64 id) { elog(ERROR, "pending"); }
PENDING FeatureSet *feature_set_find(const char *name) { elog(ERROR, "pending"); }
PENDING FeatureSet *feature_set_of_view(Oid relid) { return NULL; }
