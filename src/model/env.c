/*
 * env.c
 *		What the rooms of the backend share: memory for the learner, settings, near names.
 */
#include "postgres.h"

#include <sys/mman.h>

#include <limits.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "compat.h"
#include "model/cache.h"
#include "model/model.h"
#include "model/progress.h"

#define MAX_MEMORY_LEAST	((size_t) 1024 * 1024)	/* kB; where maintenance_work_mem is less */
#define MODEL_CACHE_DEFAULT (256 * 1024)	/* kB */

#define NEAR_NAME_LENGTH	255 /* bytes; longer names are not compared */
#define NEAR_NAME_DISTANCE	3

int			echolon_max_memory = -1;
int			echolon_model_cache = MODEL_CACHE_DEFAULT;

/* ---- memory --------------------------------------------------------------- */

#define ENV_ALIGNMENT		16
#define HUGE_PAGE			((size_t) 2 << 20)	/* bytes, on the usual machines; elsewhere nothing is lost */

/*
 * palloc aligns to 8 bytes and the learner wants 16: the pointer that palloc gave stands in
 * front of what is given on.
 */
static void *
aligned_alloc_in(MemoryContext context, size_t size)
{
	const size_t extra = sizeof(void *) + ENV_ALIGNMENT;
	char	   *raw,
			   *aligned;

	if (size > MaxAllocHugeSize - extra)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("out of memory"),
				 errdetail("%zu bytes are more than any machine has.", size)));
	raw = MemoryContextAllocExtended(context, size + extra, MCXT_ALLOC_HUGE);
	aligned = (char *) TYPEALIGN(ENV_ALIGNMENT, raw + sizeof(void *));
#ifdef MADV_HUGEPAGE

	/* rows of a node are looked up all over a matrix: a page table's misses cost about a tenth of a training */
	if (size >= 2 * HUGE_PAGE)
	{
		char	   *begin = (char *) TYPEALIGN(HUGE_PAGE, aligned);
		char	   *end = (char *) TYPEALIGN_DOWN(HUGE_PAGE, aligned + size);

		(void) madvise(begin, (size_t) (end - begin), MADV_HUGEPAGE);
	}
#endif
	((void **) aligned)[-1] = raw;
	return aligned;
}

static void *
backend_alloc(void *arg, size_t size)
{
	return aligned_alloc_in(CurrentMemoryContext, size);
}

static void
backend_release(void *arg, void *pointer)
{
	if (pointer != NULL)
		pfree(((void **) pointer)[-1]);
}

static void
backend_check(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

static void
backend_fail(void *arg, const char *message)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s", message)));
}

const LearnEnv *
backend_env(void)
{
	static const LearnEnv env = {
		.alloc = backend_alloc,
		.release = backend_release,
		.check = backend_check,
		.progress = progress_learner,
		.fail = backend_fail
	};

	return &env;
}

/* An environment whose memory is counted. */
typedef struct LimitedEnv
{
	LearnEnv	env;
	MemoryContext context;
	const char *caller;
	size_t		used;			/* with what palloc adds */
	size_t		limit;
} LimitedEnv;

static void *
limited_alloc(void *arg, size_t size)
{
	LimitedEnv *limited = arg;
	void	   *pointer;

	if (size > limited->limit - Min(limited->used, limited->limit))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s needs more than the %zu MB that echolon.max_memory allows",
						limited->caller, limited->limit >> 20),
				 errdetail("It uses %zu MB and needs %zu MB more.",
						   limited->used >> 20, (size >> 20) + 1),
				 errhint("Raise echolon.max_memory, or ask for shorter windows.")));
	pointer = aligned_alloc_in(limited->context, size);
	limited->used += GetMemoryChunkSpace(((void **) pointer)[-1]);
	return pointer;
}

static void
limited_release(void *arg, void *pointer)
{
	LimitedEnv *limited = arg;

	if (pointer == NULL)
		return;
	limited->used -= GetMemoryChunkSpace(((void **) pointer)[-1]);
	backend_release(arg, pointer);
}

const LearnEnv *
limited_env(MemoryContext context, const char *caller)
{
	LimitedEnv *limited = MemoryContextAllocZero(context, sizeof(LimitedEnv));

	limited->env = *backend_env();
	limited->env.alloc = limited_alloc;
	limited->env.release = limited_release;
	limited->env.arg = limited;
	limited->context = context;
	limited->caller = MemoryContextStrdup(context, caller);
	limited->limit = max_memory_bytes();
	return &limited->env;
}

/* ---- settings --------------------------------------------------------------- */

void
model_define_gucs(void)
{
	DefineCustomIntVariable("echolon.max_memory",
							"Memory that a training, or another long call of Echolon, may use.",
							"-1 means the greater of maintenance_work_mem and 1 GB.",
							&echolon_max_memory,
							-1, -1, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomIntVariable("echolon.model_cache",
							"Memory in which a session keeps loaded models and what feature sets have fitted.",
							"A model in use stays loaded whatever its size.",
							&echolon_model_cache,
							MODEL_CACHE_DEFAULT, 0, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomBoolVariable("echolon.verbose",
							 "Long calls of Echolon say in notices what each phase did, and every five seconds how far it is.",
							 NULL,
							 &echolon_verbose,
							 false,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);
	MarkGUCPrefixReserved("echolon");
}

size_t
max_memory_bytes(void)
{
	size_t		kilobytes = echolon_max_memory >= 0 ? (size_t) echolon_max_memory :
		Max((size_t) maintenance_work_mem, MAX_MEMORY_LEAST);

	return kilobytes * 1024;
}

/* ---- near names -------------------------------------------------------------- */

const char *
closest_name(const char *name, const char *const *candidates, int n)
{
	size_t		length = strlen(name);
	const char *closest = NULL;
	int			best;

	if (length == 0 || length > NEAR_NAME_LENGTH)
		return NULL;
	/* More than half of a name changed is another name. */
	best = Min(NEAR_NAME_DISTANCE, pg_mbstrlen(name) / 2) + 1;
	for (int i = 0; i < n; i++)
	{
		size_t		other = strlen(candidates[i]);
		int			distance;

		if (other == 0 || other > NEAR_NAME_LENGTH)
			continue;
		CHECK_FOR_INTERRUPTS();
		distance = varstr_levenshtein_less_equal(name, (int) length, candidates[i], (int) other,
												 1, 1, 1, best - 1, true);
		if (distance < best)
		{
			best = distance;
			closest = candidates[i];
			if (best == 0)
				break;
		}
	}
	return closest;
}
