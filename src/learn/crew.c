/*
 * crew.c
 *		Work that several participants share: the block of memory, the phases, the results.
 *
 * How others come to be, see the block and take items is the caller's (LearnTeam): parallel workers in a
 * backend, threads in a unit test.
 */
#include <string.h>

#include "learn/crew.h"

#define CREW_ALIGNMENT	64		/* a cache line: nobody writes where another one reads */

/* ---- parts ------------------------------------------------------------------- */

struct LearnPart
{
	const LearnEnv *env;
	const WorkMethods *methods;
	void	   *state;
	LearnPut	put;
	void	   *put_arg;
};

static const WorkMethods *
work_methods(const LearnEnv *env, LearnWork work)
{
	switch (work)
	{
		case WORK_FOREST:
			return &forest_work;
		case WORK_PREPARE:
			return &prepare_work;
		case WORK_BOOSTING:
			return &boost_work;
		case WORK_PREDICT:
			return &predict_work;
		default:
			env->fail(env->arg, "there is no such work");
			return NULL;
	}
}

static LearnPart *
part_begin(const LearnEnv *env, LearnWork work, CrewHead *head, uint32_t participant, const GrowMethod *method,
		   LearnPut put, void *put_arg)
{
	LearnPart  *part = env_alloc0(env, 1, sizeof(LearnPart));

	part->env = env;
	part->methods = work_methods(env, work);
	part->put = put;
	part->put_arg = put_arg;
	part->state = part->methods->join(env, head, participant, method);
	return part;
}

LearnPart *
learn_part_begin(const LearnEnv *env, LearnWork work, void *memory, uint32_t participant, LearnPut put,
				 void *put_arg)
{
	return part_begin(env, work, memory, participant, &grow_fast, put, put_arg);
}

void
learn_part_item(LearnPart *part, uint32_t phase, uint32_t item)
{
	part->methods->item(part->state, part, phase, item);
}

void
learn_part_put(LearnPart *part, uint32_t item, void *block, size_t size)
{
	part->put(part->put_arg, item, block, size);
}

void
learn_part_progress(LearnPart *part, uint32_t phase, uint32_t done, uint32_t nitems)
{
	if (part->methods->stage)
		part->env->progress(part->env->arg, part->methods->stage(phase), done, nitems);
}

void
learn_part_end(LearnPart *part)
{
	const LearnEnv *env = part->env;

	part->methods->leave(part->state);
	env_free(env, part);
}

/* ---- memory that all see --------------------------------------------------------- */

static size_t
align_up(size_t size)
{
	return (size + CREW_ALIGNMENT - 1) / CREW_ALIGNMENT * CREW_ALIGNMENT;
}

void
crew_part(size_t *sum, size_t count, size_t size)
{
	size_t		bytes;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2 ||
		__builtin_add_overflow(*sum, align_up(bytes > 0 ? bytes : 1), sum))
		*sum = SIZE_MAX;
}

/* The next free bytes of the block.  That it is large enough is for the task's sizes to see to. */
static void *
shared_alloc(void *arg, size_t size)
{
	Crew	   *crew = arg;
	void	   *place = (uint8_t *) crew->head + crew->used;

	if (align_up(size) > crew->size - crew->used)
		crew->env->fail(crew->env->arg, "a block of shared memory is smaller than what goes into it");
	crew->used += align_up(size);
	return place;
}

/* The block goes as a whole. */
static void
shared_release(void *arg, void *pointer)
{
}

static void
shared_check(void *arg)
{
	const LearnEnv *env = ((Crew *) arg)->env;

	env->check(env->arg);
}

static void
shared_progress(void *arg, LearnStage stage, uint32_t done, uint32_t total)
{
	const LearnEnv *env = ((Crew *) arg)->env;

	env->progress(env->arg, stage, done, total);
}

static void
shared_fail(void *arg, const char *message)
{
	const LearnEnv *env = ((Crew *) arg)->env;

	env->fail(env->arg, message);
}

/* An array as all see it: alone it is the same. */
static void *
share_array(const Crew *crew, void *array, size_t n, size_t size)
{
	void	   *copy;

	if (crew_alone(crew) || array == NULL)
		return array;
	copy = env_alloc(&crew->shared, n, size);
	memcpy(copy, array, n * size);
	return copy;
}

void
crew_bins_size(const Bins *bins, size_t *sum)
{
	crew_part(sum, bins->nfeatures, sizeof(FeatureBins));
	for (uint32_t f = 0; f < bins->nfeatures; f++)
		if (bins->features[f].lower)
		{
			crew_part(sum, bins->features[f].nbins, sizeof(double));
			crew_part(sum, bins->features[f].nbins, sizeof(double));
		}
}

void
crew_bins_share(const Crew *crew, const Bins *bins, Bins *shared)
{
	*shared = *bins;
	shared->features = share_array(crew, bins->features, bins->nfeatures, sizeof(FeatureBins));
	for (uint32_t f = 0; f < bins->nfeatures; f++)
	{
		FeatureBins *fb = &shared->features[f];

		fb->lower = share_array(crew, fb->lower, fb->nbins, sizeof(double));
		fb->upper = share_array(crew, fb->upper, fb->nbins, sizeof(double));
	}
}

void
crew_bins_join(const LearnEnv *env, const CrewHead *head, const Bins *shared, Bins *own)
{
	const FeatureBins *features = crew_here(head, shared->features);

	*own = *shared;
	own->features = env_alloc(env, shared->nfeatures, sizeof(FeatureBins));
	for (uint32_t f = 0; f < shared->nfeatures; f++)
	{
		own->features[f] = features[f];
		own->features[f].lower = crew_here(head, features[f].lower);
		own->features[f].upper = crew_here(head, features[f].upper);
	}
}

/* ---- the leader -------------------------------------------------------------------- */

void
crew_open(const LearnEnv *env, LearnTask *task, size_t head_size, uint32_t nresults, Crew *crew)
{
	void	   *memory = NULL;

	memset(crew, 0, sizeof(*crew));
	crew->env = env;
	crew->work = task->work;
	crew->participants = 1;
	crew_part(&task->shared, 1, head_size);
	if (env->team && task->items > 1)
		crew->handle = env->team->gather(env->team->arg, task, &crew->participants, &memory);
	if (crew->handle)
	{
		crew->size = task->shared + crew->participants * task->each_shared;
		crew->used = align_up(head_size);
		crew->head = memory;
		crew->shared = (LearnEnv)
		{
			.alloc = shared_alloc, .release = shared_release, .check = shared_check,
			.progress = shared_progress, .fail = shared_fail, .arg = crew
		};
	}
	else
	{
		crew->participants = 1;
		crew->head = env_alloc(env, 1, head_size);
		crew->shared = *env;
	}
	memset(crew->head, 0, head_size);
	crew->head->leader = (uintptr_t) crew->head;
	crew->nresults = nresults;
	crew->results = env_alloc0(env, nresults, sizeof(void *));
}

/* What an item gave is kept by its number. */
static void
keep_result(void *arg, uint32_t item, void *block, size_t size)
{
	Crew	   *crew = arg;

	if (item >= crew->nresults || crew->results[item] != NULL)
		crew->env->fail(crew->env->arg, "a participant gave a result that was not asked for");
	crew->results[item] = block;
	crew->env->progress(crew->env->arg, LEARN_GROWING, ++crew->nkept, crew->nresults);
}

void
crew_start(Crew *crew, const GrowMethod *method)
{
	const LearnEnv *env = crew->env;

	crew->own = part_begin(env, crew->work, crew->head, 0, method, keep_result, crew);
	if (crew->handle)
		env->team->start(crew->handle, crew->own);
}

void
crew_run(Crew *crew, uint32_t phase, uint32_t nitems)
{
	if (crew->handle)
		crew->env->team->run(crew->handle, phase, nitems);
	else
		for (uint32_t i = 0; i < nitems; i++)
		{
			learn_part_item(crew->own, phase, i);
			learn_part_progress(crew->own, phase, i + 1, nitems);
		}
}

void
crew_finish(Crew *crew)
{
	if (crew->finished)
		return;
	crew->finished = true;
	if (crew->handle && crew->own)
		crew->env->team->finish(crew->handle);
	if (crew->own)
		learn_part_end(crew->own);
}

void
crew_close(Crew *crew)
{
	crew_finish(crew);
	env_free(crew->env, crew->results);
	if (crew->handle)
		crew->env->team->release(crew->handle);
	else
		env_free(crew->env, crew->head);
}
