/*
 * workers.c
 *		Parallel workers of a training: the team that the learner asks for participants.
 *
 * PostgreSQL's own, as an index build has them, within max_parallel_maintenance_workers and what the server has free.  They
 * read no table and write none: all they need is in one block of dynamic shared memory, which the leader fills before they
 * begin.  The leader takes part in everything, so a worker that comes late, or never, only costs time.
 *
 * A phase is a number of items.  Participants take them one by one from a ticket, a word that has the phase's number and how
 * many items nobody has taken: a worker that looks at it late takes an item of the phase that is on, or none.
 * (Not a Barrier: nobody has to arrive, so nobody is waited for but those who are at an item.)  Who waits looks for a
 * moment before it sleeps, since the phases of boosting are about as short as a wake-up.
 *
 * Grown trees come back through a queue a worker, in pieces, and the leader takes them out whenever it checks for a cancel. So
 * shared memory is known in size before anything begins, and /dev/shm cannot run out midway.
 *
 * Parallel mode lasts from workers_start to workers_finish, within the learner: nothing is written and no snapshot is taken
 * there.  On an error or a cancel the end of the (sub)transaction terminates the workers and frees the memory.
 */
#include "postgres.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/dsm.h"
#include "storage/dsm_impl.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/s_lock.h"
#include "storage/shm_mq.h"
#include "storage/shm_toc.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "model/progress.h"
#include "train/train.h"

/* A further participant has to save so many nanoseconds of work: it takes a few milliseconds to start one. */
#define WORTH_OF_PARTICIPANT	20e6

#define QUEUE_BYTES		((Size) 1024 * 1024)	/* of one worker */
#define PIECE_BYTES		((Size) 128 * 1024)	/* of a result, in one message */
#define OTHER_BYTES		((Size) 1024 * 1024)	/* what PostgreSQL itself shares with workers, at most about */
#define SPINS			2000	/* looks before one sleeps: a tenth of a millisecond at most */

#define KEY_SHARED		UINT64CONST(0xA000000000000001)
#define KEY_QUEUES		UINT64CONST(0xA000000000000002)
#define KEY_QUERY		UINT64CONST(0xA000000000000003)

/* What leader and workers share beside the learner's block. */
typedef struct WorkersShared
{
	/* written by the leader before there are workers */
	dsm_handle	block;
	LearnWork	work;

	/* written by the leader before the ticket of a phase, read by who took an item of it */
	uint32		phase;
	uint32		nitems;

	/* the phase's number, counted from 1, above the number of its items that nobody has taken; LAST_TICKET: go */
	pg_atomic_uint64 ticket;
	pg_atomic_uint32 done;		/* items of the phase that are finished */
	pg_atomic_uint32 helpers;	/* workers that ever took an item */
	ConditionVariable new_phase;
} WorkersShared;

#define LAST_TICKET		(UINT64CONST(0xFFFFFFFF) << 32)
#define ticket_left(ticket)	((uint32) (ticket))

/* What every message of a queue begins with. */
typedef struct ResultPiece
{
	uint64		size;			/* of the whole result */
	uint64		offset;			/* of this piece */
	uint32		item;
} ResultPiece;

/* A queue of results, as the leader reads it. */
typedef struct ResultQueue
{
	shm_mq_handle *handle;		/* NULL: its worker has gone */
	char	   *result;			/* that is being received */
} ResultQueue;

/* A piece of work with others. */
typedef struct Gathering
{
	Workers    *workers;
	LearnWork	work;
	int			wanted;			/* workers */
	dsm_segment *block;
	LearnPart  *own;
	ParallelContext *pcxt;		/* NULL: the leader is alone */
	WorkersShared *shared;
	ResultQueue *queues;
	size_t		taken;			/* of the room, until its end */
	uint32		phases;			/* that were run */
} Gathering;

struct Workers
{
	LearnEnv	env;
	LearnTeam	team;
	int			most;			/* participants that are wanted, at most; 0: as many as pay */
	size_t		room;			/* bytes that may be taken beyond what the leader alone needs */
	int			processes;		/* the most that ever took part, the leader included */
	bool		told;			/* that shared memory is short */
	Gathering  *active;			/* that has workers */
};

PGDLLEXPORT void echolon_worker_main(dsm_segment *seg, shm_toc *toc);

/* ---- items --------------------------------------------------------------------- */

/* Take an item of the phase that is on; false where none is left. */
static bool
take_item(WorkersShared *shared, uint32 *item)
{
	uint64		ticket = pg_atomic_read_u64(&shared->ticket);

	while (ticket_left(ticket) > 0)
		if (pg_atomic_compare_exchange_u64(&shared->ticket, &ticket, ticket - 1))
		{
			/* its phase cannot end before the item is done, so the number of items stays */
			*item = shared->nitems - ticket_left(ticket);
			return true;
		}
	return false;
}

/* ---- the leader ------------------------------------------------------------------ */

/* Take out what workers have sent. */
static void
receive_results(Gathering *g)
{
	const LearnEnv *env = &g->workers->env;

	for (int i = 0; i < g->pcxt->nworkers_launched; i++)
	{
		ResultQueue *queue = &g->queues[i];
		ResultPiece piece;
		Size		length;
		void	   *data;

		while (queue->handle)
		{
			shm_mq_result status = shm_mq_receive(queue->handle, &length, &data, true);

			if (status == SHM_MQ_WOULD_BLOCK)
				break;
			if (status == SHM_MQ_DETACHED)
			{
				queue->handle = NULL;
				break;
			}
			memcpy(&piece, data, sizeof(piece));
			if (piece.offset == 0)
				queue->result = env_alloc(env, piece.size, 1);
			memcpy(queue->result + piece.offset, (char *) data + sizeof(piece), length - sizeof(piece));
			if (piece.offset + length - sizeof(piece) == piece.size)
				learn_part_put(g->own, piece.item, queue->result, piece.size);
		}
	}
}

/* The learner's cancel check: the time to receive results, too, and to hear of a worker's end. */
static void
workers_check(void *arg)
{
	Workers    *workers = arg;

	CHECK_FOR_INTERRUPTS();
	if (workers->active)
		receive_results(workers->active);
}

/* How many participants a task is worth, and may have. */
static int
participants_wanted(const Workers *workers, const LearnTask *task)
{
	int			least = Min(max_parallel_maintenance_workers, Min(max_parallel_workers, max_worker_processes));
	double		worth = 1 + task->cost / WORTH_OF_PARTICIPANT;
	int			n = Min(worth, least + 1);

	if (!IsUnderPostmaster || IsInParallelMode() || !ActiveSnapshotSet())
		return 1;
	if (workers->most > 0)
		n = Min(n, workers->most);
#ifdef _SC_NPROCESSORS_ONLN
	else
		n = Min(n, Max(sysconf(_SC_NPROCESSORS_ONLN), 1));
#endif
	return Min(n, (int) Min(task->items, INT_MAX));
}

/* The size of a task's block for n participants; SIZE_MAX where it overflows. */
static size_t
block_size(const LearnTask *task, int n)
{
	size_t		size;

	if (__builtin_mul_overflow(task->each_shared, (size_t) n, &size) ||
		__builtin_add_overflow(size, task->shared, &size))
		return SIZE_MAX;
	return size;
}

/* What n participants take beyond what the leader alone would; SIZE_MAX where it overflows. */
static size_t
memory_needed(const LearnTask *task, int n)
{
	size_t		block = block_size(task, n);
	size_t		size;

	if (block == SIZE_MAX || __builtin_mul_overflow(task->each + QUEUE_BYTES, (size_t) n - 1, &size) ||
		__builtin_add_overflow(size, block - task->shared, &size) ||
		__builtin_add_overflow(size, task->extra + OTHER_BYTES, &size))
		return SIZE_MAX;
	return size;
}

/*
 * POSIX shared memory is a file system that may be small, as in a container.  That it is full would be an error of the
 * whole training, so it is looked at first.
 */
static bool
shared_memory_allows(Workers *workers, size_t size)
{
	struct statvfs fs;
	uint64		available;

	if (dynamic_shared_memory_type != DSM_IMPL_POSIX || statvfs("/dev/shm", &fs) != 0)
		return true;
	available = (uint64) fs.f_bavail * fs.f_frsize;
	if (available >= size)
		return true;
	if (workers->told)
		return false;
	workers->told = true;
	ereport(NOTICE,
			(errmsg("the training goes on without parallel workers where shared memory is short"),
			 errdetail("They need %zu MB of shared memory, and /dev/shm has %zu MB left.",
					   (size >> 20) + 1, (size_t) (available >> 20)),
			 errhint("Make /dev/shm larger (of a container by --shm-size), or set dynamic_shared_memory_type to 'mmap'.")));
	return false;
}

static void *
workers_gather(void *arg, const LearnTask *task, uint32_t *participants, void **memory)
{
	Workers    *workers = arg;
	int			n = participants_wanted(workers, task);
	Gathering  *g;
	dsm_segment *block;

	while (n > 1 && memory_needed(task, n) > workers->room)
		n--;
	if (n < 2 || !shared_memory_allows(workers, block_size(task, n) + (n - 1) * QUEUE_BYTES + OTHER_BYTES))
		return NULL;
	block = dsm_create(block_size(task, n), DSM_CREATE_NULL_IF_MAXSEGMENTS);
	if (block == NULL)
	{
		ereport(DEBUG1, (errmsg_internal("no dynamic shared memory segment is free: no parallel workers")));
		return NULL;
	}
	g = palloc0(sizeof(Gathering));
	g->workers = workers;
	g->work = task->work;
	g->wanted = n - 1;
	g->block = block;
	g->taken = memory_needed(task, n);
	workers->room -= g->taken;
	*participants = (uint32_t) n;
	*memory = dsm_segment_address(block);
	return g;
}

/* Leave parallel mode; the leader goes on alone. */
static void
end_parallel(Gathering *g)
{
	g->workers->active = NULL;
	progress_workers(0, 0);
	DestroyParallelContext(g->pcxt);
	ExitParallelMode();
	g->pcxt = NULL;
}

/* Fill in what is shared, and a queue for each worker. */
static void
fill_shared(Gathering *g, Size query_length)
{
	ParallelContext *pcxt = g->pcxt;
	WorkersShared *shared = shm_toc_allocate(pcxt->toc, sizeof(WorkersShared));
	char	   *queues = shm_toc_allocate(pcxt->toc, mul_size(QUEUE_BYTES, pcxt->nworkers));

	memset(shared, 0, sizeof(*shared));
	shared->block = dsm_segment_handle(g->block);
	shared->work = g->work;
	pg_atomic_init_u64(&shared->ticket, 0);
	pg_atomic_init_u32(&shared->done, 0);
	pg_atomic_init_u32(&shared->helpers, 0);
	ConditionVariableInit(&shared->new_phase);
	shm_toc_insert(pcxt->toc, KEY_SHARED, shared);
	for (int i = 0; i < pcxt->nworkers; i++)
		shm_mq_set_receiver(shm_mq_create(queues + i * QUEUE_BYTES, QUEUE_BYTES), MyProc);
	shm_toc_insert(pcxt->toc, KEY_QUEUES, queues);
	if (debug_query_string)
	{
		char	   *query = shm_toc_allocate(pcxt->toc, query_length + 1);

		memcpy(query, debug_query_string, query_length + 1);
		shm_toc_insert(pcxt->toc, KEY_QUERY, query);
	}
	g->shared = shared;
}

static void
workers_start(void *crew, LearnPart *own)
{
	Gathering  *g = crew;
	ParallelContext *pcxt;
	Size		query_length = debug_query_string ? strlen(debug_query_string) : 0;
	char	   *queues;

	g->own = own;
	EnterParallelMode();
	pcxt = g->pcxt = CreateParallelContext("echolon", "echolon_worker_main", g->wanted);
	shm_toc_estimate_chunk(&pcxt->estimator, sizeof(WorkersShared));
	shm_toc_estimate_chunk(&pcxt->estimator, mul_size(QUEUE_BYTES, g->wanted));
	shm_toc_estimate_chunk(&pcxt->estimator, query_length + 1);
	shm_toc_estimate_keys(&pcxt->estimator, 3);
	InitializeParallelDSM(pcxt);
	if (pcxt->seg == NULL || pcxt->nworkers == 0)
	{
		end_parallel(g);
		return;
	}
	fill_shared(g, query_length);
	LaunchParallelWorkers(pcxt);
	if (pcxt->nworkers_launched == 0)
	{
		ereport(DEBUG1, (errmsg_internal("no parallel worker is to be had")));
		end_parallel(g);
		return;
	}
	queues = shm_toc_lookup(pcxt->toc, KEY_QUEUES, false);
	g->queues = palloc0(sizeof(ResultQueue) * pcxt->nworkers_launched);
	for (int i = 0; i < pcxt->nworkers_launched; i++)
		g->queues[i].handle = shm_mq_attach((shm_mq *) (queues + i * QUEUE_BYTES), pcxt->seg,
											pcxt->worker[i].bgwhandle);
	g->workers->active = g;
	progress_workers(pcxt->nworkers_launched, dsm_segment_map_length(g->block));
}

/* Give out a phase's items. */
static void
announce_phase(Gathering *g, uint32 phase, uint32 nitems)
{
	WorkersShared *shared = g->shared;

	shared->phase = phase;
	shared->nitems = nitems;
	pg_atomic_write_u32(&shared->done, 0);
	pg_write_barrier();
	pg_atomic_write_u64(&shared->ticket, (uint64) ++g->phases << 32 | nitems);
	ConditionVariableBroadcast(&shared->new_phase);
}

/* Until all items of a phase are done, those of others too. */
static void
wait_for_phase(Gathering *g)
{
	WorkersShared *shared = g->shared;

	for (int i = 0; i < SPINS; i++)
	{
		if (pg_atomic_read_u32(&shared->done) == shared->nitems)
			break;
		SPIN_DELAY();
	}
	for (;;)
	{
		bool		done = pg_atomic_read_u32(&shared->done) == shared->nitems;

		/* what was sent before an item was done is there by now */
		pg_read_barrier();
		receive_results(g);
		if (done)
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
workers_run(void *crew, uint32_t phase, uint32_t nitems)
{
	Gathering  *g = crew;
	uint32		item;

	if (g->pcxt == NULL)
	{
		for (item = 0; item < nitems; item++)
		{
			learn_part_item(g->own, phase, item);
			learn_part_progress(g->own, phase, item + 1, nitems);
		}
		return;
	}
	announce_phase(g, phase, nitems);
	while (take_item(g->shared, &item))
	{
		learn_part_item(g->own, phase, item);
		learn_part_progress(g->own, phase, pg_atomic_add_fetch_u32(&g->shared->done, 1), nitems);
	}
	wait_for_phase(g);
	learn_part_progress(g->own, phase, nitems, nitems);
}

static void
workers_finish(void *crew)
{
	Gathering  *g = crew;
	int			helpers;

	if (g->pcxt == NULL)
		return;
	pg_atomic_write_u64(&g->shared->ticket, LAST_TICKET);
	ConditionVariableBroadcast(&g->shared->new_phase);
	WaitForParallelWorkersToFinish(g->pcxt);
	helpers = (int) pg_atomic_read_u32(&g->shared->helpers);
	g->workers->processes = Max(g->workers->processes, 1 + helpers);
	ereport(DEBUG1,
			(errmsg_internal("%d of %d parallel workers took part in %s", helpers, g->pcxt->nworkers_launched,
							 g->work == WORK_PREPARE ? "preparing rows" : g->work == WORK_FOREST ? "growing trees" :
							 g->work == WORK_BOOSTING ? "boosting" : "predicting")));
	end_parallel(g);
}

static void
workers_release(void *crew)
{
	Gathering  *g = crew;

	g->workers->room += g->taken;
	dsm_detach(g->block);
	if (g->queues)
		pfree(g->queues);
	pfree(g);
}

/* ---- a worker ------------------------------------------------------------------------ */

typedef struct ResultSender
{
	shm_mq_handle *queue;
	const LearnEnv *env;
} ResultSender;

/* Send what an item gave to the leader. */
static void
send_result(void *arg, uint32_t item, void *block, size_t size)
{
	ResultSender *sender = arg;
	ResultPiece piece = {.size = size, .item = item};

	for (; piece.offset < size; piece.offset += PIECE_BYTES)
	{
		shm_mq_iovec parts[2] = {
			{(const char *) &piece, sizeof(piece)},
			{(const char *) block + piece.offset, Min(PIECE_BYTES, size - piece.offset)}
		};

		if (shm_mq_sendv(sender->queue, parts, 2, false, true) != SHM_MQ_SUCCESS)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the leader of a parallel training has gone")));
	}
	env_free(sender->env, block);
}

/* Take an item, of the phase that is on or of one to come; false where all is done. */
static bool
wait_for_item(WorkersShared *shared, uint32 *item)
{
	for (int i = 0; i < SPINS; i++)
	{
		if (take_item(shared, item))
			return true;
		SPIN_DELAY();
	}
	ConditionVariablePrepareToSleep(&shared->new_phase);
	while (!take_item(shared, item))
	{
		if (pg_atomic_read_u64(&shared->ticket) == LAST_TICKET)
		{
			ConditionVariableCancelSleep();
			return false;
		}
		ConditionVariableSleep(&shared->new_phase, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return true;
}

/* What a parallel worker of a training does. */
void
echolon_worker_main(dsm_segment *seg, shm_toc *toc)
{
	WorkersShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	char	   *queues = shm_toc_lookup(toc, KEY_QUEUES, false);
	shm_mq	   *queue = (shm_mq *) (queues + ParallelWorkerNumber * QUEUE_BYTES);
	ResultSender sender;
	dsm_segment *block = NULL;
	LearnPart  *part = NULL;
	uint32		item;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	MemoryContextSwitchTo(AllocSetContextCreate(CurrentMemoryContext, "Echolon worker", ALLOCSET_DEFAULT_SIZES));
	shm_mq_set_sender(queue, MyProc);
	sender.queue = shm_mq_attach(queue, seg, NULL);
	sender.env = backend_env();

	while (wait_for_item(shared, &item))
	{
		uint32		nitems = shared->nitems;

		if (part == NULL)
		{
			block = dsm_attach(shared->block);
			if (block == NULL)
				elog(ERROR, "could not attach to the memory of a training");
			part = learn_part_begin(sender.env, shared->work, dsm_segment_address(block),
									ParallelWorkerNumber + 1, send_result, &sender);
			pg_atomic_fetch_add_u32(&shared->helpers, 1);
		}
		learn_part_item(part, shared->phase, item);
		if (pg_atomic_add_fetch_u32(&shared->done, 1) == nitems)
			SetLatch(&shm_mq_get_receiver(queue)->procLatch);
	}
	if (part)
	{
		learn_part_end(part);
		dsm_detach(block);
	}
}

/* ---- a training's team ------------------------------------------------------------------ */

void
workers_prepare(Training *t, size_t need)
{
	size_t		used = MemoryContextMemAllocated(t->context, true);
	size_t		limit = max_memory_bytes();
	Workers    *workers = t->whole ? t->whole->workers : t->workers;

	if (workers == NULL)
	{
		const ParamValue *n_jobs = &t->values.value[PARAM_N_JOBS];

		workers = MemoryContextAllocZero(t->context, sizeof(Workers));
		workers->env = *backend_env();
		workers->env.check = workers_check;
		workers->env.arg = workers;
		workers->env.team = &workers->team;
		workers->team = (LearnTeam)
		{
			.gather = workers_gather, .start = workers_start, .run = workers_run,
			.finish = workers_finish, .release = workers_release, .arg = workers
		};
		workers->most = n_jobs->given && n_jobs->integer > 0 ? (int) n_jobs->integer : 0;
		workers->processes = 1;
	}
	workers->room = need >= limit || used >= limit - need ? 0 : limit - need - used;
	t->workers = workers;
}

const LearnEnv *
training_env(const Training *t)
{
	return t->workers ? &t->workers->env : backend_env();
}

int
training_processes(const Training *t)
{
	return t->workers ? t->workers->processes : 1;
}
