/*
 * boost_work.c
 *		The phases of boosting, as every participant does them, and what they take.
 */
#include <string.h>

#include "learn/boost.h"
#include "learn/histogram.h"
#include "learn/predict.h"
#include "learn/scale.h"

#define COST_CELL		0.6		/* nanoseconds a row and feature on each level of a tree, */
#define COST_ROW		30.0	/* and a row for all that is done to it in a round */
#define LEAF_ROWS		4096	/* of a leaf that are summed at a time, for the sum's last places */

typedef struct BoostPart
{
	const LearnEnv *env;
	const BoostHead *head;		/* for what changes between phases */
	BoostHead	own;			/* with pointers of this participant */
	uint32_t	participant;
	LearnColumn *watch_columns;
	uint32_t   *scratch;		/* [grain] */
	OrderSums	sums;
} BoostPart;

/* ---- joining ---------------------------------------------------------------------- */

static void
join_rows(const CrewHead *crew, ScoredRows *rows)
{
	rows->rows = crew_here(crew, rows->rows);
	rows->y = crew_here(crew, rows->y);
	rows->w = crew_here(crew, rows->w);
	rows->score = crew_here(crew, rows->score);
}

static void *
boost_join(const LearnEnv *env, CrewHead *crew, uint32_t participant, const GrowMethod *method)
{
	BoostPart  *part = env_alloc0(env, 1, sizeof(BoostPart));
	BoostHead  *own = &part->own;
	const BoostHead *head = (const BoostHead *) (const void *) crew;
	uint32_t	nfeatures = head->bins.nfeatures;
	const LearnColumn *columns = crew_here(crew, head->watch_columns);
	LearnColumn *watch_columns = env_alloc(env, nfeatures, sizeof(LearnColumn));

	part->env = env;
	part->head = head;
	part->participant = participant;
	part->scratch = env_alloc(env, head->grain, sizeof(uint32_t));
	*own = *head;
	crew_bins_join(env, crew, &head->bins, &own->bins);
	own->matrix.codes = crew_here(crew, head->matrix.codes);
	join_rows(crew, &own->train);
	join_rows(crew, &own->watch);
	own->watch_columns = part->watch_columns = watch_columns;
	for (uint32_t f = 0; f < nfeatures; f++)
	{
		watch_columns[f] = columns[f];
		watch_columns[f].values = crew_here(crew, columns[f].values);
		watch_columns[f].codes = crew_here(crew, columns[f].codes);
	}
	own->offsets = crew_here(crew, own->offsets);
	own->passes = crew_here(crew, own->passes);
	own->gradient = crew_here(crew, own->gradient);
	own->hessian = crew_here(crew, own->hessian);
	own->prob = crew_here(crew, own->prob);
	own->cells = crew_here(crew, own->cells);
	own->in_tree = crew_here(crew, own->in_tree);
	own->order = crew_here(crew, own->order);
	own->moved = crew_here(crew, own->moved);
	own->sums = crew_here(crew, own->sums);
	own->marks = crew_here(crew, own->marks);
	own->lefts = crew_here(crew, own->lefts);
	own->places = crew_here(crew, own->places);
	own->sums_of = crew_here(crew, own->sums_of);
	own->loss_sums = crew_here(crew, own->loss_sums);
	own->leaf_value = crew_here(crew, own->leaf_value);
	own->leaf_cover = crew_here(crew, own->leaf_cover);
	own->leaf_first = crew_here(crew, own->leaf_first);
	own->side_left = crew_here(crew, own->side_left);
	if (head->npasses > 0)
		order_sums_init(env, &own->bins, &own->matrix, own->offsets, &part->sums);
	return part;
}

static void
boost_leave(void *state)
{
	BoostPart  *part = state;
	const LearnEnv *env = part->env;

	order_sums_free(&part->sums);
	env_free(env, part->own.bins.features);
	env_free(env, part->watch_columns);
	env_free(env, part->scratch);
	env_free(env, part);
}

/* ---- gradients and cells ------------------------------------------------------------ */

static void
make_cells(const BoostPart *part, size_t first, size_t n)
{
	const BoostHead *own = &part->own;
	const BoostHead *head = part->head;
	const double *w = own->train.w;
	uint32_t	cshift = own->cshift;
	double		g_factor = head->g_factor,
				h_factor = head->h_factor;
	uint64_t   *packed = head->packed ? (uint64_t *) (void *) own->cells : NULL;

	for (size_t i = first; i < first + n; i++)
	{
		double		weight = w ? w[i] : 1.0;
		int64_t		g = round_integer(own->gradient[i] * weight * g_factor);
		int64_t		h = round_integer((own->newton ? own->hessian[i] * weight : weight) * h_factor);

		if (packed)
			packed[i] = packed_cell(g, h);
		else
			own->cells[i] = (Cell) {g, (uint64_t) h << cshift | 1};
	}
}

/* What the scale of cells is chosen by. */
static void
sum_gradients(const BoostPart *part, size_t first, size_t n, GradientSums *sums)
{
	const BoostHead *own = &part->own;
	const double *w = own->train.w;
	GradientSums all = {0.0, 0.0, 0.0, 0.0, 0.0};

	for (size_t i = first; i < first + n; i++)
	{
		double		weight = w ? w[i] : 1.0;
		double		g = fabs(own->gradient[i]) * weight;
		double		h = (own->newton ? own->hessian[i] : 1.0) * weight;

		all.g += g;
		all.g2 += g * g;
		all.g_max = g > all.g_max ? g : all.g_max;
		all.h += h;
		all.h_max = h > all.h_max ? h : all.h_max;
	}
	*sums = all;
}

static void
make_gradients(const BoostPart *part, uint32_t block, size_t first, size_t n)
{
	const BoostHead *own = &part->own;

	loss_gradients_part(part->env, &part->head->loss, own->train.y, own->train.n, first, n, own->train.score,
						part->head->score, own->prob, own->gradient + first, own->hessian + first);
	sum_gradients(part, first, n, &own->sums_of[block]);
	if (part->head->scale_known)
		make_cells(part, first, n);
}

/* ---- rows of a node -------------------------------------------------------------------- */

/* Rows of the node at hand that an item has: where they begin, and how many there are. */
static uint32_t
node_part(const BoostPart *part, uint32_t item, uint32_t *first)
{
	const BoostHead *head = part->head;
	uint32_t	before = item * part->own.grain;
	uint32_t	rest = head->n - before;

	*first = head->first + before;
	return rest < part->own.grain ? rest : part->own.grain;
}

/* The cells of the tree at hand, by this participant's pointer. */
static RowCells
own_cells(BoostPart *part)
{
	part->own.packed = part->head->packed;
	return cells_of(&part->own);
}

/* Sum some rows into this participant's own cells, or some features of all rows into the first one's. */
static void
sum_part(BoostPart *part, uint32_t item)
{
	const BoostHead *own = &part->own;
	const BoostHead *head = part->head;
	size_t		total = own->bins.total_codes;
	Cell	   *cells;
	uint32_t	first,
				n;

	part->sums.cells = own_cells(part);
	if (head->by_features)
	{
		uint32_t	f = own->passes[item];
		uint32_t	end = own->passes[item + 1];
		size_t		cells_end = end < own->bins.nfeatures ? own->offsets[end] : total;

		memset(own->sums + own->offsets[f], 0, (cells_end - own->offsets[f]) * sizeof(Cell));
		order_add(&part->sums, own->order + head->first, head->n, f, end - f, own->sums);
		return;
	}
	cells = own->sums + part->participant * total;
	if (own->marks[part->participant] != head->sum)
	{
		memset(cells, 0, total * sizeof(Cell));
		own->marks[part->participant] = head->sum;
	}
	n = node_part(part, item, &first);
	order_add(&part->sums, own->order + first, n, 0, own->bins.nfeatures, cells);
}

static void
part_part(const BoostPart *part, uint32_t item)
{
	const BoostHead *own = &part->own;
	CodeSide	side = part->head->side;
	uint32_t	first;
	uint32_t	n = node_part(part, item, &first);

	if (side.left)
		side.left = own->side_left;
	own->lefts[item] = order_part(&own->matrix, own->order + first, n, part->head->feature, &side, own->moved + first,
								  part->scratch);
}

static void
place_part(const BoostPart *part, uint32_t item)
{
	const BoostHead *own = &part->own;
	const BoostHead *head = part->head;
	uint32_t	first;
	uint32_t	n = node_part(part, item, &first);
	uint32_t	left = own->lefts[item],
				before = own->places[item];

	memcpy(own->order + head->first + before, own->moved + first, left * sizeof(uint32_t));
	memcpy(own->order + head->first + head->nlefts + (first - head->first - before), own->moved + first + left,
		   (n - left) * sizeof(uint32_t));
}

/* ---- leaves and scores -------------------------------------------------------------------- */

/* Sums of the gradients and hessians of a leaf's rows, always in the same order. */
static void
leaf_sums(const BoostPart *part, const uint32_t *rows, uint32_t n, double *g, double *h)
{
	const BoostHead *own = &part->own;
	const double *w = own->train.w;

	*g = *h = 0.0;
	for (uint32_t done = 0; done < n; done += LEAF_ROWS)
	{
		uint32_t	end = n - done < LEAF_ROWS ? n : done + LEAF_ROWS;
		double		some_g = 0.0,
					some_h = 0.0;

		part->env->check(part->env->arg);
		for (uint32_t i = done; i < end; i++)
		{
			uint32_t	row = rows[i];
			double		weight = w ? w[row] : 1.0;

			some_g += own->gradient[row] * weight;
			some_h += own->hessian[row] * weight;
		}
		*g += some_g;
		*h += some_h;
	}
}

/* A leaf's value where it is not what the cells say, before bounds and learning rate; and its weight. */
static void
finish_leaf(const BoostPart *part, uint32_t leaf)
{
	const BoostHead *own = &part->own;
	const BoostHead *head = part->head;
	const uint32_t *rows = own->order + own->leaf_first[leaf];
	uint32_t	n = own->leaf_first[leaf + 1] - own->leaf_first[leaf];

	if (own->renews)
		own->leaf_value[leaf] = loss_leaf(part->env, &head->loss, own->train.y, own->train.w,
										  own->train.score + head->score * own->train.n, rows, n);
	else if (head->own_values)
	{
		double		g,
					h,
					value;

		leaf_sums(part, rows, n, &g, &h);
		h = h < own->smallest ? own->smallest : h;
		value = g / (h + own->l2);
		value = value > head->value_limit ? head->value_limit : value;
		own->leaf_value[leaf] = value < -head->value_limit ? -head->value_limit : value;
	}
	if (own->train.w)
	{
		double		cover = 0.0;

		for (uint32_t i = 0; i < n; i++)
		{
			check_rows(part->env, i);
			cover += own->train.w[rows[i]];
		}
		own->leaf_cover[leaf] = cover;
	}
}

/* Rows at first .. first + n - 1 of order get their leaves' values. */
static void
add_leaves(const BoostPart *part, uint32_t first, uint32_t n)
{
	const BoostHead *own = &part->own;
	double	   *score = own->train.score + part->head->score * own->train.n;
	const uint32_t *leaf_first = own->leaf_first;
	uint32_t	low = 0,
				high = part->head->nleaves;

	while (high - low > 1)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (leaf_first[middle] <= first)
			low = middle;
		else
			high = middle;
	}
	for (uint32_t i = first; i < first + n; low++)
	{
		uint32_t	end = leaf_first[low + 1] < first + n ? leaf_first[low + 1] : first + n;
		double		value = own->leaf_value[low];

		for (; i < end; i++)
			score[own->order[i]] += value;
	}
}

double
tree_value(const GrownTree *tree, const double *thresholds, const LearnColumn *columns, size_t row)
{
	uint32_t	at = 0;

	while (tree->beyond[at] != NODE_IS_LEAF)
	{
		LearnNode	node = tree->nodes[at];
		const LearnColumn *column = &columns[node.split.feature & NODE_FEATURE_MASK];
		bool		missing_left = (node.split.child & NODE_MISSING_LEFT) != 0;
		bool		left;

		if (column->kind == LEARN_NUMERIC)
		{
			double		v = column->values[row];

			left = v != v ? missing_left : v <= thresholds[at];
		}
		else
		{
			uint32_t	code = column->codes[row];

			left = missing_left;
			if (code < column->ncategories &&
				set_has(tree->set_words + tree->set_first[node.split.rank], code))
				left = !missing_left;
		}
		at = (node.split.child & NODE_CHILD_MASK) + !left;
	}
	return tree->nodes[at].value;
}

/*
 * The leaf that a training row's codes lead to; NULL where a value lies between those that met in a node, so
 * that only the threshold can say on which side it is.
 */
static const LearnNode *
leaf_by_codes(const GrownTree *tree, const BoostHead *own, size_t row)
{
	uint32_t	at = 0;

	while (tree->beyond[at] != NODE_IS_LEAF)
	{
		LearnNode	node = tree->nodes[at];
		uint32_t	feature = node.split.feature & NODE_FEATURE_MASK;
		const FeatureBins *fb = &own->bins.features[feature];
		uint32_t	code = matrix_code(&own->matrix, row, feature);
		bool		left = (node.split.child & NODE_MISSING_LEFT) != 0;

		if (fb->kind == LEARN_CATEGORY)
		{
			if (code < fb->nbins && set_has(tree->set_words + tree->set_first[node.split.rank], code))
				left = !left;
		}
		else if (code < fb->nbins)
		{
			if (node.split.rank == BIN_NONE || (code > node.split.rank && code < tree->beyond[at]))
				return NULL;
			left = code <= node.split.rank;
		}
		at = (node.split.child & NODE_CHILD_MASK) + !left;
	}
	return &tree->nodes[at];
}

/* Training rows that are not in the tree get what it says of their codes. */
static void
score_left_out(const BoostPart *part, size_t first, size_t n)
{
	const BoostHead *own = &part->own;
	double	   *score = own->train.score + part->head->score * own->train.n;
	GrownTree	tree;

	grown_tree_view(crew_here(&part->head->crew, part->head->tree), &tree);
	for (size_t i = first; i < first + n; i++)
	{
		const LearnNode *leaf;

		if (i % (CHECK_ROWS / 16) == 0)
			part->env->check(part->env->arg);
		if (own->in_tree[i] == ROW_IN_TREE)
			continue;
		leaf = leaf_by_codes(&tree, own, i);
		if (leaf)
			score[i] += leaf->value;
		else
			own->in_tree[i] = ROW_BY_VALUE;
	}
}

/* Watched rows get what the tree says of their values. */
static void
score_watched(const BoostPart *part, size_t first, size_t n)
{
	const BoostHead *own = &part->own;
	const ScoredRows *watch = &own->watch;
	const double *thresholds = crew_here(&part->head->crew, part->head->thresholds);
	double	   *score = watch->score + part->head->score * watch->n;
	GrownTree	tree;

	grown_tree_view(crew_here(&part->head->crew, part->head->tree), &tree);
	for (size_t i = first; i < first + n; i++)
	{
		if (i % (CHECK_ROWS / 16) == 0)
			part->env->check(part->env->arg);
		score[i] += tree_value(&tree, thresholds, own->watch_columns, watch->rows ? watch->rows[i] : i);
	}
}

/* ---- the phases ------------------------------------------------------------------------------ */

/* The rows of a block; how many. */
static size_t
row_block(size_t n, uint32_t block, size_t *first)
{
	*first = (size_t) block * ROW_BLOCK;
	return n - *first < ROW_BLOCK ? n - *first : ROW_BLOCK;
}

static void
boost_item(void *state, LearnPart *handle, uint32_t phase, uint32_t item)
{
	BoostPart  *part = state;
	const BoostHead *own = &part->own;
	uint32_t	blocks = count_blocks(own->train.n, ROW_BLOCK);
	uint32_t	position,
				count;
	size_t		first,
				n;

	part->env->check(part->env->arg);
	switch ((BoostPhase) phase)
	{
		case BOOST_GRADIENTS:
			n = row_block(own->train.n, item, &first);
			make_gradients(part, item, first, n);
			break;
		case BOOST_CELLS:
			n = row_block(own->train.n, item, &first);
			make_cells(part, first, n);
			break;
		case BOOST_SUM:
			sum_part(part, item);
			break;
		case BOOST_PART:
			part_part(part, item);
			break;
		case BOOST_PLACE:
			place_part(part, item);
			break;
		case BOOST_LEAVES:
			finish_leaf(part, item);
			break;
		case BOOST_SCORES:
			count = node_part(part, item, &position);
			add_leaves(part, position, count);
			break;
		case BOOST_LEFT_OUT:
			n = row_block(own->train.n, item, &first);
			score_left_out(part, first, n);
			break;
		case BOOST_WATCH:
			n = row_block(own->watch.n, item, &first);
			score_watched(part, first, n);
			break;
		case BOOST_LOSS:
			if (item < blocks)
			{
				n = row_block(own->train.n, item, &first);
				own->loss_sums[item] = loss_sum_part(&part->head->loss, own->train.y, own->train.w, own->train.n,
													 first, n, own->train.score);
			}
			else
			{
				n = row_block(own->watch.n, item - blocks, &first);
				own->loss_sums[item] = loss_sum_part(&part->head->loss, own->watch.y, own->watch.w, own->watch.n,
													 first, n, own->watch.score);
			}
			break;
	}
}

const WorkMethods boost_work = {
	.join = boost_join,
	.item = boost_item,
	.leave = boost_leave
};

/* ---- sizes ------------------------------------------------------------------------------------- */

uint32_t
boost_most_leaves(const LearnParams *params, size_t nrows)
{
	size_t		leaves = nrows / params->min_samples_leaf + 1;

	return (uint32_t) (params->max_leaf_nodes > 0 && params->max_leaf_nodes < leaves ? params->max_leaf_nodes : leaves);
}

uint32_t
boost_grain(const LearnEnv *env)
{
	return env->team && env->team->grain > 0 ? env->team->grain : GRAIN;
}

void
boost_task(const LearnEnv *env, const LearnData *data, size_t ntrain, size_t nwatch, const Bins *bins,
		   const LearnParams *params, LearnTask *task)
{
	size_t		code_size = bins->max_codes > 256 ? 2 : 1;
	size_t		nscores = params->loss == LOSS_SOFTMAX ? data->nclasses : 1;
	size_t		grain = boost_grain(env);
	size_t		parts = count_blocks(ntrain, grain);
	size_t		blocks = count_blocks(ntrain, ROW_BLOCK) + count_blocks(nwatch, ROW_BLOCK);
	size_t		leaves = boost_most_leaves(params, ntrain);
	size_t		wide = parts * data->nfeatures / GRAIN_FEATURES;

	memset(task, 0, sizeof(*task));
	task->work = WORK_BOOSTING;
	task->cost = (double) params->n_estimators * nscores * ntrain *
		(COST_ROW + COST_CELL * data->nfeatures * (bits_for(leaves) < 16 ? bits_for(leaves) : 16));
	task->items = (uint32_t) (wide > parts ? wide : parts);
	task->each = grain * sizeof(uint32_t) + ORDER_SUMS_MEMORY + data->nfeatures * (sizeof(FeatureBins) + sizeof(LearnColumn)) +
		(params->loss == LOSS_ABSOLUTE_ERROR || params->loss == LOSS_QUANTILE || params->loss == LOSS_HUBER ?
		 ntrain * 16 : 0);
	crew_part(&task->each_shared, bins->total_codes, sizeof(Cell));
	crew_part(&task->each_shared, 1, sizeof(uint32_t));

	/* what only others need */
	crew_bins_size(bins, &task->extra);
	crew_part(&task->extra, data->nfeatures, sizeof(LearnColumn));
	for (uint32_t f = 0; f < data->nfeatures; f++)
		crew_part(&task->extra, nwatch, sizeof(double));
	crew_part(&task->extra, data->nfeatures, sizeof(uint32_t));
	crew_part(&task->extra, (size_t) data->nfeatures + 1, sizeof(uint32_t));
	crew_part(&task->extra, ntrain, sizeof(uint32_t));
	crew_part(&task->extra, parts, sizeof(uint32_t));
	crew_part(&task->extra, parts, sizeof(uint32_t));
	crew_part(&task->extra, bins->max_codes, sizeof(uint8_t));
	crew_part(&task->extra, 1, TREE_ROOM);

	/* codes; target, weight and scores of training and watched rows */
	crew_part(&task->shared, 1, task->extra);
	crew_part(&task->shared, ntrain * code_size, data->nfeatures);
	for (int i = 0; i < 2; i++)
	{
		crew_part(&task->shared, ntrain, sizeof(double));
		crew_part(&task->shared, nwatch, sizeof(double));
	}
	crew_part(&task->shared, ntrain * nscores, sizeof(double));
	crew_part(&task->shared, nwatch * nscores, sizeof(double));

	/* gradient, hessian, probabilities, cells, order, who is in a tree */
	crew_part(&task->shared, ntrain, sizeof(double));
	crew_part(&task->shared, ntrain, sizeof(double));
	crew_part(&task->shared, params->loss == LOSS_SOFTMAX ? ntrain * nscores : 0, sizeof(double));
	crew_part(&task->shared, ntrain, sizeof(Cell));
	crew_part(&task->shared, ntrain, sizeof(uint32_t));
	crew_part(&task->shared, ntrain, sizeof(uint8_t));

	/* sums of blocks, leaves */
	crew_part(&task->shared, blocks, sizeof(GradientSums));
	crew_part(&task->shared, blocks, sizeof(double));
	crew_part(&task->shared, leaves + 1, sizeof(uint32_t));
	crew_part(&task->shared, leaves, sizeof(double));
	crew_part(&task->shared, leaves, sizeof(double));
}

/* Bytes that boost_fit takes beside bins, matrix and grower, at most. */
size_t
boost_memory(const LearnData *data, size_t ntrain, size_t nwatch, const LearnParams *params)
{
	size_t		nscores = params->loss == LOSS_SOFTMAX ? data->nclasses : 1;
	size_t		bytes;

	/* target, weight, gradient, hessian, cell; pick, rows, order; in_tree */
	bytes = ntrain * (8 + 8 + 8 + 8 + sizeof(Cell) + 12 + 1) + nwatch * 16;
	bytes += (ntrain + nwatch) * 8 * nscores;
	if (params->loss == LOSS_SOFTMAX)
		bytes += ntrain * 8 * nscores;

	/* leaves: their keys, twice, first row, value and weight; sums of blocks */
	bytes += boost_most_leaves(params, ntrain) * (8 + 8 + 4 + 8 + 8) + ((ntrain + nwatch) / ROW_BLOCK + 2) * (sizeof(GradientSums) + 8);

	/* quantiles are selected from copies */
	bytes += ntrain * 24;
	return bytes + params->n_estimators * (sizeof(LearnCurvePoint) + nscores * sizeof(GrownTree));
}
