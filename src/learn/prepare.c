/*
 * prepare.c
 *		Bins and codes of the training rows, made by all who take part.
 *
 * Values stay with the leader.  It hands them over through a stage of bounded size: some columns as wholes, an item each,
 * for their bins; then some rows of all columns, for their codes.
 */
#include <string.h>

#include "learn/histogram.h"
#include "learn/prepare.h"

#define STAGE_BYTES		((size_t) 16 << 20)	/* of rows that are handed over at a time */
#define CODE_ROWS		4096	/* rows of an item */
#define COST_VALUE		50.0	/* nanoseconds of a value: sorted in a sample, put into its bin twice */

enum
{
	PREPARE_BINS,
	PREPARE_CODES
};

/*
 * What participants share.  The leader writes all of it before a phase but bins, which are written by who has their
 * feature, and codes, by who has their rows.
 */
typedef struct PrepareHead
{
	CrewHead	crew;
	LearnColumn *columns;		/* [nfeatures] of the stage's rows */
	Bins		bins;			/* lower and upper have room for max_bins values */
	Matrix		matrix;
	uint32_t	max_bins;
	size_t		nrows;			/* of the training */
	double	   *stage;
	uint32_t   *features;		/* [participants] that the stage has columns of */
	size_t		first;			/* the stage's rows in the matrix */
	size_t		n;
} PrepareHead;

/* ---- a participant ------------------------------------------------------------------ */

typedef struct PreparePart
{
	const LearnEnv *env;
	const PrepareHead *head;
	LearnColumn *columns;
	BinScratch	scratch;
} PreparePart;

static void *
prepare_join(const LearnEnv *env, CrewHead *crew, uint32_t participant, const GrowMethod *method)
{
	PreparePart *part = env_alloc0(env, 1, sizeof(PreparePart));
	const PrepareHead *head = (const PrepareHead *) (const void *) crew;

	part->env = env;
	part->head = head;
	part->columns = env_alloc(env, head->bins.nfeatures, sizeof(LearnColumn));
	bins_scratch_init(env, head->nrows, &part->scratch);
	return part;
}

static void
make_bins(PreparePart *part, uint32_t item)
{
	const PrepareHead *head = part->head;
	const uint32_t *features = crew_here(&head->crew, head->features);
	FeatureBins *shared = (FeatureBins *) crew_here(&head->crew, head->bins.features) + features[item];
	const double *values = (const double *) crew_here(&head->crew, head->stage) + item * head->nrows;
	FeatureBins own = *shared;

	numeric_bins(part->env, values, NULL, head->nrows, head->max_bins, &part->scratch, &own);
	memcpy(crew_here(&head->crew, shared->lower), own.lower, own.nbins * sizeof(double));
	memcpy(crew_here(&head->crew, shared->upper), own.upper, own.nbins * sizeof(double));
	shared->nbins = own.nbins;
	env_free(part->env, own.lower);
	env_free(part->env, own.upper);
}

static void
make_codes(PreparePart *part, uint32_t item)
{
	const PrepareHead *head = part->head;
	const LearnColumn *columns = crew_here(&head->crew, head->columns);
	size_t		first = (size_t) item * CODE_ROWS;
	size_t		n = head->n - first < CODE_ROWS ? head->n - first : CODE_ROWS;
	Matrix		matrix = head->matrix;
	Bins		bins;

	matrix.codes = crew_here(&head->crew, matrix.codes);
	for (uint32_t f = 0; f < head->bins.nfeatures; f++)
	{
		part->columns[f] = columns[f];
		if (columns[f].kind == LEARN_NUMERIC)
			part->columns[f].values = (const double *) crew_here(&head->crew, columns[f].values) + first;
		else
			part->columns[f].codes = (const uint32_t *) crew_here(&head->crew, columns[f].codes) + first;
	}
	crew_bins_join(part->env, &head->crew, &head->bins, &bins);
	matrix_code_rows(part->env, part->columns, &bins, NULL, head->first + first, n, &matrix);
	env_free(part->env, bins.features);
}

static void
prepare_item(void *state, LearnPart *own, uint32_t phase, uint32_t item)
{
	if (phase == PREPARE_BINS)
		make_bins(state, item);
	else
		make_codes(state, item);
}

static void
prepare_leave(void *state)
{
	PreparePart *part = state;
	const LearnEnv *env = part->env;

	bins_scratch_free(env, &part->scratch);
	env_free(env, part->columns);
	env_free(env, part);
}

const WorkMethods prepare_work = {
	.join = prepare_join,
	.item = prepare_item,
	.leave = prepare_leave
};

/* ---- the leader ----------------------------------------------------------------------- */

/* Rows of all columns that the stage has room for. */
static size_t
stage_rows(const LearnData *data, size_t ntrain)
{
	size_t		rows = STAGE_BYTES / (data->nfeatures * sizeof(double)) / CODE_ROWS * CODE_ROWS;

	rows = rows < CODE_ROWS ? CODE_ROWS : rows;
	return rows < ntrain ? rows : ntrain;
}

/* Bins of numeric features, as many columns at a time as there are participants. */
static void
run_bins(Crew *crew, const LearnData *data, const uint32_t *train, size_t ntrain)
{
	const LearnEnv *env = crew->env;
	PrepareHead *head = (PrepareHead *) (void *) crew->head;
	uint32_t	n = 0;

	for (uint32_t f = 0; f < data->nfeatures; f++)
	{
		if (data->columns[f].kind == LEARN_NUMERIC)
		{
			double	   *to = head->stage + n * ntrain;

			for (size_t i = 0; i < ntrain; i++)
			{
				check_rows(env, i);
				to[i] = data->columns[f].values[train[i]];
			}
			head->features[n++] = f;
		}
		if (n == crew->participants || (f + 1 == data->nfeatures && n > 0))
		{
			crew_run(crew, PREPARE_BINS, n);
			env->progress(env->arg, LEARN_PREPARING, f + 1, data->nfeatures);
			n = 0;
		}
	}
	env->progress(env->arg, LEARN_PREPARING, data->nfeatures, data->nfeatures);
}

/* Codes of all rows, a stage at a time. */
static void
run_codes(Crew *crew, const LearnData *data, const uint32_t *train, size_t ntrain, size_t room)
{
	const LearnEnv *env = crew->env;
	PrepareHead *head = (PrepareHead *) (void *) crew->head;

	for (head->first = 0; head->first < ntrain; head->first += head->n)
	{
		const uint32_t *rows = train + head->first;

		head->n = ntrain - head->first < room ? ntrain - head->first : room;
		for (uint32_t f = 0; f < data->nfeatures; f++)
		{
			double	   *values = head->stage + f * room;
			uint32_t   *codes = (uint32_t *) (void *) values;

			env->check(env->arg);
			head->columns[f] = data->columns[f];
			if (data->columns[f].kind == LEARN_NUMERIC)
			{
				for (size_t i = 0; i < head->n; i++)
					values[i] = data->columns[f].values[rows[i]];
				head->columns[f].values = values;
			}
			else
			{
				for (size_t i = 0; i < head->n; i++)
					codes[i] = data->columns[f].codes[rows[i]];
				head->columns[f].codes = codes;
			}
		}
		crew_run(crew, PREPARE_CODES, (uint32_t) ((head->n + CODE_ROWS - 1) / CODE_ROWS));
	}
}

/* Copy the bins that were made into memory of the leader's. */
static void
keep_bins(const LearnEnv *env, const Bins *shared, Bins *bins)
{
	for (uint32_t f = 0; f < bins->nfeatures; f++)
	{
		const FeatureBins *from = &shared->features[f];
		FeatureBins *fb = &bins->features[f];

		if (fb->kind != LEARN_NUMERIC)
			continue;
		fb->nbins = from->nbins;
		fb->lower = env_alloc(env, fb->nbins, sizeof(double));
		fb->upper = env_alloc(env, fb->nbins, sizeof(double));
		memcpy(fb->lower, from->lower, fb->nbins * sizeof(double));
		memcpy(fb->upper, from->upper, fb->nbins * sizeof(double));
	}
}

/* How the rows of a fit are laid out. */
static uint32_t
matrix_block_of(const LearnParams *params, const Bins *bins)
{
	return rows_matrix_block(params->algorithm == LEARN_BOOSTING, bins->nfeatures, bins->max_codes > 256 ? 2 : 1);
}

void
prepare_bins(const LearnEnv *env, const LearnData *data, const uint32_t *train, size_t ntrain,
			 const LearnParams *params, Bins *bins, Prepared *prepared)
{
	uint32_t	nfeatures = data->nfeatures;
	size_t		room = stage_rows(data, ntrain);
	size_t		most = ntrain < params->max_bins ? ntrain : params->max_bins;
	size_t		code_size = most + 1 > 256 ? 2 : 1;
	LearnTask	task = {.work = WORK_PREPARE};
	Crew	   *crew = &prepared->crew;
	PrepareHead *head;

	task.cost = COST_VALUE * (double) ntrain * nfeatures;
	task.items = (uint32_t) ((ntrain + CODE_ROWS - 1) / CODE_ROWS);
	task.items = task.items > nfeatures ? task.items : nfeatures;
	task.each = bins_memory(data, ntrain, params->max_bins) + nfeatures * (sizeof(LearnColumn) + sizeof(FeatureBins));
	for (uint32_t f = 0; f < nfeatures; f++)
		if (data->columns[f].kind == LEARN_CATEGORY && data->columns[f].ncategories >= 256)
			code_size = 2;
	crew_part(&task.shared, nfeatures, sizeof(LearnColumn));
	crew_part(&task.shared, nfeatures, sizeof(FeatureBins));
	for (uint32_t f = 0; f < 2 * nfeatures; f++)
		crew_part(&task.shared, most, sizeof(double));
	crew_part(&task.shared, ntrain * code_size, nfeatures);
	crew_part(&task.shared, room * nfeatures, sizeof(double));
	crew_part(&task.each_shared, ntrain, sizeof(double));
	crew_part(&task.each_shared, 1, sizeof(uint32_t));
	task.extra = task.shared;

	prepared->coded = false;
	env->progress(env->arg, LEARN_PREPARING, 0, nfeatures);
	crew_open(env, &task, sizeof(PrepareHead), 0, crew);
	if (crew_alone(crew))
	{
		crew_close(crew);
		bins_make(env, data, train, ntrain, params->max_bins, bins);
		return;
	}
	prepared->coded = true;
	bins_begin(env, data, bins);
	head = (PrepareHead *) (void *) crew->head;
	head->max_bins = params->max_bins;
	head->nrows = ntrain;
	head->columns = env_alloc(&crew->shared, nfeatures, sizeof(LearnColumn));
	bins_begin(&crew->shared, data, &head->bins);
	for (uint32_t f = 0; f < nfeatures; f++)
		if (data->columns[f].kind == LEARN_NUMERIC)
		{
			head->bins.features[f].lower = env_alloc(&crew->shared, most, sizeof(double));
			head->bins.features[f].upper = env_alloc(&crew->shared, most, sizeof(double));
		}
	head->features = env_alloc(&crew->shared, crew->participants, sizeof(uint32_t));
	head->stage = env_alloc(&crew->shared, room * nfeatures > crew->participants * ntrain ?
							room * nfeatures : crew->participants * ntrain, sizeof(double));
	crew_start(crew, NULL);
	run_bins(crew, data, train, ntrain);
	keep_bins(env, &head->bins, bins);
	bins_end(bins);
	bins_end(&head->bins);
	matrix_begin(&crew->shared, ntrain, &head->bins, matrix_block_of(params, bins), &head->matrix);
	run_codes(crew, data, train, ntrain, room);
	crew_finish(crew);
}

void
prepare_matrix(const LearnEnv *shared, const LearnData *data, const uint32_t *train, size_t ntrain,
			   const LearnParams *params, const Bins *bins, Prepared *prepared, Matrix *matrix)
{
	uint32_t	block = matrix_block_of(params, bins);

	if (!prepared->coded)
	{
		matrix_make(shared, data, train, ntrain, bins, block, matrix);
		return;
	}
	matrix_begin(shared, ntrain, bins, block, matrix);
	memcpy(matrix->codes, ((PrepareHead *) (void *) prepared->crew.head)->matrix.codes,
		   ntrain * bins->nfeatures * (matrix->wide ? 2 : 1));
	crew_close(&prepared->crew);
}
