/*
 * store.h
 *		What the files of this room share about the store of models: rows, locks, rights.
 *
 * Other rooms use model.h; what is common to all private tables is in table.h.
 */
#ifndef ECHOLON_STORE_H
#define ECHOLON_STORE_H

#include "model/model.h"
#include "model/table.h"

#define STORE_CHUNK			(8 * 1024 * 1024)	/* bytes of a row of chunk_store */
#define STORE_EXPORT_MAX	(500 * 1024 * 1024) /* bytes of one datum; more cannot be dumped */
#define STORE_NAME_MAX		255 /* bytes of a model's name */

#define ALIAS_CHAMPION		"champion"	/* the active version of any model */
#define ALIAS_CHALLENGER	"challenger"	/* the latest version that a retraining did not promote */

/* Columns of the tables by number, as model.sql creates them. */
enum
{
	MODEL_STORE_ID = 1, MODEL_STORE_MODEL, MODEL_STORE_OWNER, MODEL_STORE_OWNER_STAMP,
	MODEL_STORE_RELATION, MODEL_STORE_TARGET, MODEL_STORE_TASK, MODEL_STORE_CREATED_AT,
	MODEL_STORE_KEEP_VERSIONS, MODEL_STORE_RELATION_STAMP, MODEL_STORE_RELATION_OWNER_STAMP
};

enum
{
	VERSION_STORE_ID = 1, VERSION_STORE_MODEL_ID, VERSION_STORE_VERSION, VERSION_STORE_ACTIVE,
	VERSION_STORE_ALGORITHM, VERSION_STORE_COLUMNS, VERSION_STORE_RECIPE,
	VERSION_STORE_PARAMETERS, VERSION_STORE_METRICS, VERSION_STORE_CURVE, VERSION_STORE_METRIC,
	VERSION_STORE_SCORE, VERSION_STORE_TRAIN_SCORE, VERSION_STORE_BASELINE,
	VERSION_STORE_ROWS_USED, VERSION_STORE_SECONDS, VERSION_STORE_FINGERPRINT,
	VERSION_STORE_DIGEST, VERSION_STORE_BYTES, VERSION_STORE_NOTES, VERSION_STORE_TRAINED_AT,
	VERSION_STORE_TRAINED_BY, VERSION_STORE_ACTIVATED_AT, VERSION_STORE_RETIRED_AT,
	VERSION_STORE_IMPORTANCE
};

enum
{
	CHUNK_STORE_VERSION_ID = 1, CHUNK_STORE_CHUNK, CHUNK_STORE_BYTES
};

enum
{
	GRANT_STORE_MODEL_ID = 1, GRANT_STORE_GRANTEE, GRANT_STORE_GRANTEE_STAMP,
	GRANT_STORE_PRIVILEGE
};

enum
{
	HOLDOUT_STORE_VERSION_ID = 1, HOLDOUT_STORE_HELD_OUT, HOLDOUT_STORE_OUTPUTS,
	HOLDOUT_STORE_ACTUAL, HOLDOUT_STORE_PREDICTED, HOLDOUT_STORE_WEIGHT
};

enum
{
	ALIAS_STORE_MODEL_ID = 1, ALIAS_STORE_ALIAS, ALIAS_STORE_VERSION
};

/* A row of model_store, palloc'd in the caller's context. */
typedef struct StoredModel
{
	int64		id;
	char	   *model;
	char	   *owner;
	char	   *owner_stamp;
	char	   *relation;
	char	   *relation_stamp;
	char	   *relation_owner_stamp;
	char	   *target;
	char	   *task;
} StoredModel;

/* ---- reading (store.c) ---- */

/* The model of this name as snapshot sees it, whoever may see it; false: there is none. */
extern bool store_find_model(const char *model, Snapshot snapshot, StoredModel *found);
extern List *store_all_models(Snapshot snapshot);	/* of StoredModel * */

/* The number of a version (0: of the active one), 0 where there is none; found may be NULL. */
extern int	store_find_version(int64 model_id, int32 version, Snapshot snapshot,
							   ModelVersion *found);

/*
 * The version an alias of a model stands for ('champion': the active one, whatever else is said); 0: there is no
 * such alias.
 */
extern int	store_find_alias(int64 model_id, const char *alias, Snapshot snapshot);

/*
 * The model of a name, which may be "model@alias" where no model is called that; *version is that of the alias, 0
 * where the name has none.  Raises where there is no such model (or none the user may see), or no such alias.
 */
extern void store_resolve_name(const char *name, Snapshot snapshot, StoredModel *found, int32 *version);

/* The largest number of a version, and how many versions there are. */
extern int	store_last_version(int64 model_id, Snapshot snapshot, int *count);

/* Errors: unknown to the user, an insufficient right, no such version. */
extern _Noreturn void store_no_model(const char *model, Snapshot snapshot);
extern void store_check_right(const StoredModel *model, ModelRight right, Snapshot snapshot);
extern _Noreturn void store_no_alias(const StoredModel *model, const char *alias);
extern _Noreturn void store_no_version(const StoredModel *model, int32 version,
									   Snapshot snapshot);

/* store_lookup of the active version where active, whatever version says; else of this one. */
extern ModelVersion *store_lookup_version(const char *model, bool active, int32 version,
										  ModelRight right);

/* ---- writing (store_write.c) ---- */

/*
 * Lock a model's name until the transaction ends, and find the model as it stands
 * then.  Raises what store_lookup raises, before it waits.
 */
extern void store_lock_model(const char *model, ModelRight right, StoredModel *found);

/*
 * Keep a model from being dropped until the transaction ends, for whoever adds records of it without the lock on its name;
 * between store_begin_write and store_end_write.  Raises where it was dropped meanwhile.
 */
extern void store_keep_model(int64 model_id);

/* The version of this number is the active one from now on; under the model's lock.  again: a rollback, no promotion. */
extern void store_set_active(int64 model_id, int32 version, bool again);

/* Delete the bytes of versions that the model's keep_versions leaves no room for; under the model's lock. */
extern uint64 store_retire_versions(int64 model_id);

/* ---- rights (rights.c) ---- */

/* What the current user may do with a model (ModelRight); 0: not even know of it. */
extern int	rights_of_model(const StoredModel *model, Snapshot snapshot);

/* "predict", "train", "own"; "none" for 0. */
extern const char *rights_name(int right);

/* The role a stored name and stamp stand for now, ACL_ID_PUBLIC for public; false: nobody. */
extern bool rights_role(const char *name, const char *stamp, Oid *role);

/*
 * Is the relation that has the name of the model's relation now one that its owner never said is the one?  It was
 * dropped or renamed since, and the other one is of a role that neither has the owner's rights nor had the first one.
 */
extern bool rights_relation_foreign(const StoredModel *model, Oid relid);

#endif							/* ECHOLON_STORE_H */
