/*
 * crew.h
 *		Work that several participants share, as the learner sees it.
 *
 * The leader opens a crew, puts what all need into memory that it allocates by crew.shared, and
 * has phases of numbered items run.  It takes part like everyone else, by the same code: a work joins with the head of
 * the shared memory, does items, and leaves.  Where there are no others, the memory is the leader's own, and
 * it does all items in the order of their numbers.
 *
 * Participants may see the memory at different addresses.  A head therefore has the leader's pointers, and
 * everyone makes pointers of its own of them (crew_here).
 */
#ifndef ECHOLON_CREW_H
#define ECHOLON_CREW_H

#include "learn/tree.h"

/* What every work's head begins with.  Written by crew_open alone. */
typedef struct CrewHead
{
	uintptr_t	leader;			/* where the leader has the head */
} CrewHead;

/* A participant's pointer to what the leader has at this place; NULL stays NULL. */
static inline void *
crew_here(const CrewHead *head, const void *leaders)
{
	if (leaders == NULL)
		return NULL;
	return (void *) ((uintptr_t) head + ((uintptr_t) leaders - head->leader));
}

typedef struct Crew
{
	const LearnEnv *env;
	LearnWork	work;
	LearnEnv	shared;			/* allocates what all see; alone it is env */
	uint32_t	participants;	/* at most; 1: the leader is alone */
	CrewHead   *head;
	size_t		size;			/* of the block, and how much of it is in use */
	size_t		used;
	void	   *handle;			/* of env->team; NULL: alone */
	LearnPart  *own;			/* the leader's */
	bool		finished;
	uint32_t	nresults;
	uint32_t	nkept;
	void	  **results;		/* by item: what it gave, or NULL */
} Crew;

/*
 * Begin a task whose head has so many bytes (they are zeroed), and whose phases give at most nresults blocks.  task->shared: all
 * that is allocated by crew->shared, the head aside; crew_part counts it.
 */
extern void crew_open(const LearnEnv *env, LearnTask *task, size_t head_size, uint32_t nresults, Crew *crew);

/* All is in its place: take part, and let others come.  method: how trees are grown, by the leader. */
extern void crew_start(Crew *crew, const GrowMethod *method);

/* Run all items of a phase. */
extern void crew_run(Crew *crew, uint32_t phase, uint32_t nitems);

/* No more phases: the others go.  Shared memory stays until crew_close, which calls this where needed. */
extern void crew_finish(Crew *crew);
extern void crew_close(Crew *crew);

/* Does the leader have others beside it? */
#define crew_alone(crew) ((crew)->handle == NULL)

/* Add count elements of size bytes, allocated by a crew's shared environment, to *sum; SIZE_MAX is kept. */
extern void crew_part(size_t *sum, size_t count, size_t size);

/* Bins as all see them; a participant's own are made from them, and their features are to be freed. */
extern void crew_bins_size(const Bins *bins, size_t *sum);
extern void crew_bins_share(const Crew *crew, const Bins *bins, Bins *shared);
extern void crew_bins_join(const LearnEnv *env, const CrewHead *head, const Bins *shared, Bins *own);

/* A work: how to take part in it. */
typedef struct WorkMethods
{
	void	   *(*join) (const LearnEnv *env, CrewHead *head, uint32_t participant, const GrowMethod *method);
	void		(*item) (void *state, LearnPart *part, uint32_t phase, uint32_t item);
	void		(*leave) (void *state);
	LearnStage	(*stage) (uint32_t phase);	/* whose blocks items are; NULL: they are not what is told */
} WorkMethods;

extern const WorkMethods prepare_work;
extern const WorkMethods forest_work;
extern const WorkMethods boost_work;
extern const WorkMethods predict_work;

#endif							/* ECHOLON_CREW_H */
