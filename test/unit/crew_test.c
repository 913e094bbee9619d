/*
 * crew_test.c
 *		Fits and predictions that several participants share are those of one, bit for bit: with threads,
 *		and with participants that take items in any order.  Each participant has the shared memory at an address of
 *		its own, as processes have.
 */
#include "tables.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "learn/forest.h"

#define MOST	4				/* participants */

typedef struct TestTeam
{
	bool		threads;		/* else one after the other, in an order of chance */
	uint64_t	seed;
	uint32_t	participants;	/* that are offered; 1: none */
	/* what happened */
	uint32_t	gathered;
	uint32_t	phases;
	uint32_t	items[MOST];
	uint32_t	too_large;		/* participants that took more memory than the task said */
} TestTeam;

#define PART_BYTES	4096		/* what a participant takes for itself */

/* A participant's memory, which is counted. */
typedef struct TestMemory
{
	size_t		used;
	size_t		most;
	struct TestCrew *crew;
} TestMemory;

typedef struct TestCrew
{
	TestTeam   *team;
	const LearnEnv *env;
	LearnWork	work;
	uint32_t	n;
	size_t		size;
	void	   *memory[MOST];	/* one file, mapped again for each */
	LearnPart  *parts[MOST];
	LearnEnv	envs[MOST];
	TestMemory	used[MOST];
	size_t		each;
	pthread_mutex_t lock;		/* of the leader's results */
	/* the phase */
	uint32_t	phase;
	uint32_t	nitems;
	atomic_uint next;
} TestCrew;

static void
thread_check(void *arg)
{
	(void) arg;
}

static void *
counted_alloc(void *arg, size_t size)
{
	TestMemory *memory = arg;
	void	   *pointer = unit_alloc(NULL, size);

	memory->used += malloc_usable_size(pointer);
	if (memory->used > memory->most)
		memory->most = memory->used;
	return pointer;
}

static void
counted_release(void *arg, void *pointer)
{
	if (pointer)
		((TestMemory *) arg)->used -= malloc_usable_size(pointer);
	free(pointer);
}

/* What another participant gives is handed to the leader's part, as a process hands on what it received. */
static void
put_other(void *arg, uint32_t item, void *block, size_t size)
{
	TestMemory *memory = arg;
	TestCrew   *crew = memory->crew;
	void	   *copy = malloc(size);

	memcpy(copy, block, size);
	counted_release(memory, block);
	pthread_mutex_lock(&crew->lock);
	learn_part_put(crew->parts[0], item, copy, size);
	pthread_mutex_unlock(&crew->lock);
}

static void *
test_gather(void *arg, const LearnTask *task, uint32_t *participants, void **memory)
{
	TestTeam   *team = arg;
	TestCrew   *crew;
	FILE	   *file;

	if (team->participants < 2)
		return NULL;
	crew = calloc(1, sizeof(TestCrew));
	crew->team = team;
	crew->work = task->work;
	crew->n = team->participants;
	crew->each = task->each;
	crew->size = task->shared + crew->n * task->each_shared;
	pthread_mutex_init(&crew->lock, NULL);
	file = tmpfile();
	if (file == NULL || ftruncate(fileno(file), (off_t) crew->size) != 0)
		unit_fail(NULL, "no temporary file");
	for (uint32_t i = 0; i < crew->n; i++)
		crew->memory[i] = mmap(NULL, crew->size, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
	fclose(file);
	team->gathered++;
	*participants = crew->n;
	*memory = crew->memory[0];
	return crew;
}

static void
test_start(void *arg, LearnPart *own)
{
	TestCrew   *crew = arg;

	crew->parts[0] = own;
	for (uint32_t i = 1; i < crew->n; i++)
	{
		crew->used[i].crew = crew;
		crew->envs[i] = unit_env;
		crew->envs[i].alloc = counted_alloc;
		crew->envs[i].release = counted_release;
		crew->envs[i].check = thread_check;
		crew->envs[i].arg = &crew->used[i];
		crew->parts[i] = learn_part_begin(&crew->envs[i], crew->work, crew->memory[i], i, put_other, &crew->used[i]);
	}
}

typedef struct ThreadArg
{
	TestCrew   *crew;
	uint32_t	participant;
} ThreadArg;

static void *
take_items(void *arg)
{
	TestCrew   *crew = ((ThreadArg *) arg)->crew;
	uint32_t	me = ((ThreadArg *) arg)->participant;
	uint32_t	item;

	while ((item = atomic_fetch_add(&crew->next, 1)) < crew->nitems)
	{
		crew->team->items[me]++;
		learn_part_item(crew->parts[me], crew->phase, item);
	}
	return NULL;
}

/* Items in an order of chance, each by a participant of chance. */
static void
run_shuffled(TestCrew *crew)
{
	uint32_t   *order = malloc(crew->nitems * sizeof(uint32_t));

	for (uint32_t i = 0; i < crew->nitems; i++)
	{
		uint32_t	j = (uint32_t) hash_below(hash_random(crew->team->seed, crew->team->phases, i), i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (uint32_t i = 0; i < crew->nitems; i++)
	{
		uint32_t	who = (uint32_t) hash_below(hash_random(crew->team->seed, ~i, crew->team->phases), crew->n);

		crew->team->items[who]++;
		learn_part_item(crew->parts[who], crew->phase, order[i]);
	}
	free(order);
}

static void
test_run(void *arg, uint32_t phase, uint32_t nitems)
{
	TestCrew   *crew = arg;
	pthread_t	threads[MOST];
	ThreadArg	args[MOST];

	crew->phase = phase;
	crew->nitems = nitems;
	crew->team->phases++;
	if (!crew->team->threads)
	{
		run_shuffled(crew);
		return;
	}
	atomic_store(&crew->next, 0);
	for (uint32_t i = 0; i < crew->n; i++)
		args[i] = (ThreadArg) {crew, i};
	for (uint32_t i = 1; i < crew->n; i++)
		pthread_create(&threads[i], NULL, take_items, &args[i]);

	/* the leader's own results must not cross those it receives */
	while (true)
	{
		uint32_t	item = atomic_fetch_add(&crew->next, 1);

		if (item >= nitems)
			break;
		crew->team->items[0]++;
		if (crew->work == WORK_FOREST)
			pthread_mutex_lock(&crew->lock);
		learn_part_item(crew->parts[0], phase, item);
		if (crew->work == WORK_FOREST)
			pthread_mutex_unlock(&crew->lock);
	}
	for (uint32_t i = 1; i < crew->n; i++)
		pthread_join(threads[i], NULL);
}

static void
test_finish(void *arg)
{
	TestCrew   *crew = arg;

	for (uint32_t i = 1; i < crew->n; i++)
	{
		learn_part_end(crew->parts[i]);
		if (crew->used[i].most > crew->each + PART_BYTES || crew->used[i].used != 0)
		{
			note("work %d: a participant took %zu bytes, of %zu, and left %zu", (int) crew->work, crew->used[i].most,
				 crew->each, crew->used[i].used);
			crew->team->too_large++;
		}
	}
}

static void
test_release(void *arg)
{
	TestCrew   *crew = arg;

	for (uint32_t i = 0; i < crew->n; i++)
		munmap(crew->memory[i], crew->size);
	pthread_mutex_destroy(&crew->lock);
	free(crew);
}

/* Fit and predict with a team of each kind, and compare with a fit of one. */
static void
test_fits(const char *name, LearnAlgorithm algorithm, uint32_t nclasses, int cases)
{
	static Table t;
	int			differ = 0;
	TestTeam	team = {.seed = 5};
	uint32_t	others = 0;

	for (int c = 0; c < cases && differ < 3; c++)
	{
		LearnTeam	callbacks = {.gather = test_gather, .start = test_start, .run = test_run,
			.finish = test_finish, .release = test_release, .arg = &team, .grain = 16};
		LearnEnv	env = unit_env;
		LearnParams params;
		LearnFit	one,
					many;
		double	   *out[2];
		size_t		k;

		do
			make_table(&t, (uint64_t) c * 31 + 1000 * nclasses + algorithm + t.drawn, nclasses);
		while (t.ntrain == 0);
		params = make_params(&t, algorithm);
		if (t.nwatch == 0)
			params.early_stopping_rounds = 0;
		team.threads = c % 3 == 0;
		team.seed++;
		team.participants = 1 + (uint32_t) (c % MOST);
		env.check = thread_check;
		env.team = &callbacks;
		learn_fit(&unit_env, &t.data, t.train, t.ntrain, t.watch, t.nwatch, &params, &one);
		learn_fit(&env, &t.data, t.train, t.ntrain, t.watch, t.nwatch, &params, &many);
		k = learn_noutputs(&one.model);
		for (int i = 0; i < 2; i++)
			out[i] = malloc(t.data.nrows * k * sizeof(double));
		learn_predict_columns(&unit_env, &one.model, t.columns, NULL, t.data.nrows, out[0]);
		learn_predict_columns(&env, &many.model, t.columns, NULL, t.data.nrows, out[1]);
		if (!same_fit(&one, &many, t.ntrain) ||
			!same(out[0], out[1], t.data.nrows * k, sizeof(double), "predictions"))
		{
			differ++;
			note("%s, case %d: %zu rows, %u features, %u participants", name, c, t.ntrain, t.data.nfeatures,
				 team.participants);
		}
		for (int i = 0; i < 2; i++)
			free(out[i]);
		fit_free(&one, t.data.nfeatures);
		fit_free(&many, t.data.nfeatures);
	}
	for (int i = 1; i < MOST; i++)
		others += team.items[i];
	okf(differ == 0, "%s: the same with others, %d cases", name, cases);
	okf(team.too_large == 0, "%s: nobody takes more memory than was said, or leaves some", name);
	okf(team.gathered > 0 && others > team.phases / 2, "%s: they took part (%u phases, %u of %u items)", name,
		team.phases, others, others + team.items[0]);
}

/* ---- more rows, so that all is done in several blocks ---------------------------------- */

#define LARGE_ROWS	50000
#define LARGE_FEATURES	4

static void
test_large(void)
{
	static const LearnLoss losses[] = {LOSS_LOGISTIC, LOSS_SOFTMAX, LOSS_SQUARED_ERROR, LOSS_HUBER, LOSS_POISSON};
	LearnColumn columns[LARGE_FEATURES];
	LearnData	data = {.nrows = LARGE_ROWS, .nfeatures = LARGE_FEATURES, .columns = columns};
	uint32_t   *train = malloc(LARGE_ROWS * sizeof(uint32_t)),
			   *watch = malloc(LARGE_ROWS * sizeof(uint32_t)),
			   *codes = malloc(LARGE_ROWS * sizeof(uint32_t));
	double	   *target = malloc(LARGE_ROWS * sizeof(double)),
			   *weight = malloc(LARGE_ROWS * sizeof(double)),
			   *values[LARGE_FEATURES];
	size_t		ntrain = 0,
				nwatch = 0;

	for (int f = 0; f < LARGE_FEATURES; f++)
	{
		values[f] = malloc(LARGE_ROWS * sizeof(double));
		columns[f] = (LearnColumn) {.kind = LEARN_NUMERIC, .values = values[f]};
		for (uint32_t i = 0; i < LARGE_ROWS; i++)
			values[f][i] = hash_unit(hash_random(3, (uint64_t) f, i)) < 0.03 ? NAN :
				floor(hash_unit(hash_random(4, (uint64_t) f, i)) * (f < 2 ? 1e6 : 50.0));
	}
	columns[3] = (LearnColumn) {.kind = LEARN_CATEGORY, .codes = codes, .ncategories = 300};
	for (uint32_t i = 0; i < LARGE_ROWS; i++)
	{
		codes[i] = (uint32_t) hash_below(hash_random(5, 0, i), 300);
		weight[i] = hash_unit(hash_random(6, 0, i)) * 3.0;
		if (i % 3 == 0)
			watch[nwatch++] = i;
		else
			train[ntrain++] = i;
	}
	for (int c = 0; c < 7; c++)
	{
		TestTeam	team = {.seed = (uint64_t) c, .threads = c % 2 == 0, .participants = 3};
		LearnTeam	callbacks = {.gather = test_gather, .start = test_start, .run = test_run,
			.finish = test_finish, .release = test_release, .arg = &team};
		LearnEnv	env = unit_env;
		LearnParams params;
		LearnFit	one,
					many;
		double	   *out[2];
		size_t		k;
		bool		good,
					helped;

		data.nclasses = c == 0 || c == 5 ? 2 : c == 1 || c == 6 ? 3 : 0;
		data.weight = c % 3 == 1 ? weight : NULL;
		for (uint32_t i = 0; i < LARGE_ROWS; i++)
		{
			double		x = isnan(values[0][i]) ? 0.3 : values[0][i] * 1e-6;
			double		y = 3.0 * x + codes[i] % 7 + hash_unit(hash_random(7, 0, i)) * 3.0;

			target[i] = data.nclasses > 0 ? (double) ((uint32_t) y % data.nclasses) : floor(y * 10.0);
		}
		data.target = target;
		params = c < 5 ? boosting_params(&data, 4) : forest_params(&data, 5);
		if (c < 5)
			params.loss = losses[c];
		else
		{
			params.bootstrap = true;
			params.max_depth = 8;
		}
		if (c == 3)
			params.subsample = 0.6;
		if (c == 4)
			params.criterion = CRITERION_FRIEDMAN_MSE;
		env.check = thread_check;
		env.team = &callbacks;
		learn_fit(&unit_env, &data, train, ntrain, watch, nwatch, &params, &one);
		learn_fit(&env, &data, train, ntrain, watch, nwatch, &params, &many);
		k = learn_noutputs(&one.model);
		for (int i = 0; i < 2; i++)
			out[i] = malloc(nwatch * k * sizeof(double));
		learn_predict_columns(&unit_env, &one.model, columns, watch, nwatch, out[0]);
		learn_predict_columns(&env, &many.model, columns, watch, nwatch, out[1]);
		good = same_fit(&one, &many, ntrain) && same(out[0], out[1], nwatch * k, sizeof(double), "predictions");
		for (uint32_t f = 0; f < LARGE_FEATURES; f++)
			good = good && same(one.stats[f].counts, many.stats[f].counts, one.stats[f].nbins, sizeof(uint64_t), "statistics");
		/* whether each thread gets an item is up to the machine */
		helped = team.threads ? team.items[1] + team.items[2] > 0 : team.items[1] > 0 && team.items[2] > 0;
		okf(good && team.too_large == 0 && team.gathered >= 3 && helped,
			"many rows, case %d: the same (%u works, %u phases, %u, %u and %u items)", c, team.gathered, team.phases,
			team.items[0], team.items[1], team.items[2]);
		for (int i = 0; i < 2; i++)
			free(out[i]);
		fit_free(&one, LARGE_FEATURES);
		fit_free(&many, LARGE_FEATURES);
	}
	for (int f = 0; f < LARGE_FEATURES; f++)
		free(values[f]);
	free(train);
	free(watch);
	free(codes);
	free(target);
	free(weight);
}

int
main(void)
{
	test_fits("forest, regression", LEARN_FOREST, 0, 150);
	test_fits("forest, two classes", LEARN_FOREST, 2, 100);
	test_fits("forest, five classes", LEARN_FOREST, 5, 100);
	test_fits("boosting, regression", LEARN_BOOSTING, 0, 150);
	test_fits("boosting, two classes", LEARN_BOOSTING, 2, 100);
	test_fits("boosting, four classes", LEARN_BOOSTING, 4, 100);
	test_large();
	return done();
}
