/*
 * histogram.c
 *		The rows of a growing tree, and their sums by code.
 *
 * The hot loops of the learner.  Each is written once, always inlined with what
 * differs (bytes of a code, features of a pass, bytes of a record) as constants.
 */
#include <string.h>

#include "learn/histogram.h"

#define MAX_RECORD_CODES 64		/* bytes of codes that are moved with a row */

/* ---- storage ------------------------------------------------------------------ */

static RowForm
rows_form(const GrowSetup *setup, size_t nfeatures, size_t code_size)
{
	if (setup->boosting)
		return ROWS_ORDER;
	return nfeatures * code_size <= MAX_RECORD_CODES ? ROWS_RECORDS : ROWS_REFERENCES;
}

/* Features a block of the matrix that suits the form of rows. */
uint32_t
rows_matrix_block(bool boosting, size_t nfeatures, size_t code_size)
{
	if (nfeatures * code_size <= MAX_RECORD_CODES)
		return (uint32_t) nfeatures;
	return boosting ? (uint32_t) (MAX_RECORD_CODES / 2 / code_size) : 1;
}

static size_t
rows_stride(RowForm form, size_t nfeatures, size_t code_size)
{
	if (form == ROWS_REFERENCES)
		return sizeof(RowHead);
	return (RECORD_CODES + nfeatures * code_size + 7) / 8 * 8;
}

/* Rows that a sparse sum may have. */
static uint32_t
rows_sparse_limit(const GrowSetup *setup, size_t max_codes)
{
	size_t		limit = max_codes / 2 > FEW_ROWS ? max_codes / 2 : FEW_ROWS;

	return (uint32_t) (limit < setup->max_rows ? limit : setup->max_rows);
}

static size_t
rows_class_sums(const GrowSetup *setup, size_t max_codes)
{
	size_t		size = max_codes * setup->nclasses;

	return size < 2 * (size_t) setup->max_rows ? size : 2 * (size_t) setup->max_rows;
}

void
rows_init(const LearnEnv *env, const GrowSetup *setup, RowStore *rows)
{
	size_t		nfeatures = setup->bins->nfeatures;
	size_t		max_codes = setup->bins->max_codes;
	size_t		code_size = setup->matrix->wide ? 2 : 1;

	memset(rows, 0, sizeof(*rows));
	rows->env = env;
	rows->setup = setup;
	rows->form = rows_form(setup, nfeatures, code_size);
	rows->stride = rows_stride(rows->form, nfeatures, code_size);
	rows->sparse_rows = rows_sparse_limit(setup, max_codes);
	if (rows->form == ROWS_ORDER)
	{
		rows->order_moved = env_alloc(env, setup->max_rows, sizeof(uint32_t));
		rows->offsets = env_alloc(env, nfeatures, sizeof(uint32_t));
		order_offsets(setup->bins, rows->offsets);
		order_sums_init(env, setup->bins, setup->matrix, rows->offsets, &rows->sums);
	}
	else
	{
		rows->records = env_alloc(env, setup->max_rows, rows->stride);
		rows->moved = env_alloc(env, setup->max_rows, rows->stride);
	}
	rows->present = env_alloc(env, max_codes, sizeof(uint16_t));
	rows->set = env_alloc0(env, 1, sizeof(CodeSet));
	if (setup->nclasses == 0)
	{
		rows->codes = env_alloc(env, rows->sparse_rows, sizeof(uint16_t));
		rows->row_cells = env_alloc(env, rows->sparse_rows, sizeof(Cell));
		rows->cells = env_alloc(env, DENSE_FEATURES * max_codes, sizeof(Cell));
		return;
	}
	rows->codes = env_alloc(env, setup->max_rows, sizeof(uint16_t));
	rows->labels = env_alloc(env, setup->max_rows, sizeof(uint16_t));
	rows->weights = env_alloc(env, setup->max_rows, sizeof(uint32_t));
	rows->next = env_alloc(env, setup->max_rows, sizeof(uint32_t));
	rows->head = env_alloc(env, max_codes, sizeof(uint32_t));
	rows->counts = env_alloc(env, max_codes, sizeof(uint32_t));
	rows->class_sums_size = rows_class_sums(setup, max_codes);
	rows->class_sums = env_alloc(env, rows->class_sums_size, sizeof(uint64_t));
}

/* Bytes that rows_init takes, at most. */
size_t
rows_memory(const GrowSetup *setup, size_t nfeatures, size_t max_codes, size_t code_size)
{
	RowForm		form = rows_form(setup, nfeatures, code_size);
	size_t		n = setup->max_rows;
	size_t		bytes = sizeof(CodeSet) + max_codes * 2;

	bytes += form == ROWS_ORDER ? n * 4 + nfeatures * 4 + ORDER_SUMS_MEMORY : 2 * n * rows_stride(form, nfeatures, code_size);
	if (setup->nclasses == 0)
		bytes += rows_sparse_limit(setup, max_codes) * (2 + sizeof(Cell)) +
			DENSE_FEATURES * max_codes * sizeof(Cell);
	else
		bytes += n * 12 + max_codes * 8 + rows_class_sums(setup, max_codes) * 8;
	return bytes;
}

void
rows_free(RowStore *rows)
{
	const LearnEnv *env = rows->env;

	env_free(env, rows->records);
	env_free(env, rows->moved);
	env_free(env, rows->order_moved);
	env_free(env, rows->offsets);
	order_sums_free(&rows->sums);
	env_free(env, rows->codes);
	env_free(env, rows->row_cells);
	env_free(env, rows->cells);
	env_free(env, rows->present);
	env_free(env, rows->set);
	env_free(env, rows->labels);
	env_free(env, rows->weights);
	env_free(env, rows->next);
	env_free(env, rows->head);
	env_free(env, rows->counts);
	env_free(env, rows->class_sums);
}

static inline RowHead *
row_head(const RowStore *rows, uint32_t i)
{
	return (RowHead *) (void *) (rows->records + (size_t) i * rows->stride);
}

/* Take in the rows of a tree. */
void
rows_load(RowStore *rows, const GrowTask *task)
{
	const Matrix *matrix = rows->setup->matrix;
	size_t		width = (size_t) matrix->nfeatures * (matrix->wide ? 2 : 1);

	rows->task = task;
	rows->cshift = task->rule->cshift;
	if (rows->form == ROWS_ORDER)
	{
		rows->order = task->order;
		rows->sums.cells = task->cells;
		memcpy(rows->order, task->rows, task->nrows * sizeof(uint32_t));
		return;
	}
	for (uint32_t i = 0; i < task->nrows; i++)
	{
		uint32_t	row = task->rows[i];
		RowHead    *head = row_head(rows, i);
		uint32_t	w = task_weight(task, row);

		check_rows(rows->env, i);
		head->g = task->label ? task->label[row] : task->target[row] * (int64_t) w;
		head->w = w;
		if (rows->form == ROWS_REFERENCES)
			head->row = row;
		else
			memcpy((uint8_t *) head + RECORD_CODES, matrix->codes + row * width, width);
	}
}

/* Sums of all rows of a node. */
void
rows_totals(const RowStore *rows, uint32_t first, uint32_t n, int64_t *g, uint64_t *h)
{
	*g = 0;
	*h = 0;
	if (rows->form == ROWS_ORDER)
	{
		for (uint32_t i = first; i < first + n; i++)
		{
			Cell		cell = row_cell(&rows->task->cells, rows->order[i]);

			check_rows(rows->env, i);
			*g += cell.g;
			*h += cell.hc >> rows->cshift;
		}
		return;
	}
	for (uint32_t i = first; i < first + n; i++)
	{
		const RowHead *head = row_head(rows, i);

		*g += head->g;
		*h += head->w;
	}
}

/* Has every row of a node this target?  Forests only. */
bool
rows_same_target(const RowStore *rows, uint32_t first, uint32_t n, int64_t target)
{
	for (uint32_t i = first; i < first + n; i++)
	{
		const RowHead *head = row_head(rows, i);

		if (head->g != target * (int64_t) head->w)
			return false;
	}
	return true;
}

/* ---- parting -------------------------------------------------------------------- */

/*
 * Part records in place: left ones close up, right ones wait in moved.  Each is
 * written to both sides and counted on one, so there is no branch to guess.
 */
static always_inline uint32_t
part_records(RowStore *rows, uint32_t first, uint32_t n, const uint8_t *codes, size_t code_stride,
			 bool references, bool wide, const CodeSide *side, const size_t stride)
{
	uint8_t    *base = rows->records + (size_t) first * stride;
	uint8_t    *left = base,
			   *right = rows->moved;

	for (uint32_t i = 0; i < n; i++)
	{
		const uint8_t *record = base + (size_t) i * stride;
		uint32_t	code = references ?
			matrix_load(codes, ((const RowHead *) (const void *) record)->row * code_stride, wide) :
			matrix_load(record + RECORD_CODES + code_stride, 0, wide);
		uint32_t	goes_left = side_goes_left(side, code);
		uint64_t	words[12];

		memcpy(words, record, stride);
		memcpy(left, words, stride);
		memcpy(right, words, stride);
		left += goes_left * stride;
		right += (1 - goes_left) * stride;
	}
	memcpy(left, rows->moved, (size_t) (right - rows->moved));
	return (uint32_t) ((size_t) (left - base) / stride);
}

/* The same with the stride as a constant. */
static always_inline uint32_t
part_strides(RowStore *rows, uint32_t first, uint32_t n, const uint8_t *codes, size_t code_stride,
			 bool references, bool wide, const CodeSide *side)
{
	switch (rows->stride)
	{
#define PART(bytes) \
		case bytes: \
			return part_records(rows, first, n, codes, code_stride, references, wide, side, bytes)
		PART(16);
		PART(24);
		PART(32);
		PART(40);
		PART(48);
		PART(56);
		PART(64);
		PART(72);
#undef PART
		default:
			return part_records(rows, first, n, codes, code_stride, references, wide, side, 80);
	}
}

/* Part a node's rows by a feature's codes, keeping their order; how many went left. */
uint32_t
rows_part(RowStore *rows, uint32_t first, uint32_t n, uint32_t feature, const CodeSide *side)
{
	const Matrix *matrix = rows->setup->matrix;
	uint32_t	stride;
	const uint8_t *codes = matrix_feature(matrix, feature, &stride);

	rows->env->check(rows->env->arg);
	switch (rows->form)
	{
		case ROWS_RECORDS:
			if (matrix->wide)
				return part_strides(rows, first, n, NULL, feature * 2, false, true, side);
			return part_strides(rows, first, n, NULL, feature, false, false, side);
		case ROWS_REFERENCES:
			if (matrix->wide)
				return part_records(rows, first, n, codes, stride, true, true, side, sizeof(RowHead));
			return part_records(rows, first, n, codes, stride, true, false, side, sizeof(RowHead));
		default:
			return order_part(matrix, rows->order + first, n, feature, side, rows->order + first,
							  rows->order_moved);
	}
}

/* ---- sparse sums ------------------------------------------------------------------ */

/* The cells of a node's rows, once for all its features. */
void
rows_gather(RowStore *rows, uint32_t first, uint32_t n)
{
	if (rows->form == ROWS_ORDER)
		for (uint32_t i = 0; i < n; i++)
			rows->row_cells[i] = row_cell(&rows->task->cells, rows->order[first + i]);
	else
		for (uint32_t i = 0; i < n; i++)
		{
			const RowHead *head = row_head(rows, first + i);

			rows->row_cells[i].g = head->g;
			rows->row_cells[i].hc = ((uint64_t) head->w << rows->cshift) | 1;
		}
}

/* The codes of a node's rows. */
void
rows_codes(RowStore *rows, uint32_t first, uint32_t n, uint32_t feature, uint16_t *codes)
{
	const Matrix *matrix = rows->setup->matrix;
	uint32_t	stride;
	const uint8_t *column = matrix_feature(matrix, feature, &stride);
	const uint8_t *record = rows->records + (size_t) first * rows->stride + RECORD_CODES;

	switch (rows->form)
	{
		case ROWS_RECORDS:
			if (matrix->wide)
				for (uint32_t i = 0; i < n; i++)
					codes[i] = (uint16_t) matrix_load(record + i * rows->stride, feature, true);
			else
				for (uint32_t i = 0; i < n; i++)
					codes[i] = record[i * rows->stride + feature];
			break;
		case ROWS_REFERENCES:
			for (uint32_t i = 0; i < n; i++)
				codes[i] = (uint16_t) matrix_load(column, (size_t) row_head(rows, first + i)->row * stride,
												  matrix->wide);
			break;
		default:
			for (uint32_t i = 0; i < n; i++)
				codes[i] = (uint16_t) matrix_load(column, (size_t) rows->order[first + i] * stride,
												  matrix->wide);
	}
}

bool
rows_pair_differs(const RowStore *rows, uint32_t first, uint32_t feature)
{
	const Matrix *matrix = rows->setup->matrix;
	const uint8_t *record = rows->records + (size_t) first * rows->stride + RECORD_CODES;

	switch (rows->form)
	{
		case ROWS_RECORDS:
			return matrix_load(record, feature, matrix->wide) !=
				matrix_load(record + rows->stride, feature, matrix->wide);
		case ROWS_REFERENCES:
			return matrix_code(matrix, row_head(rows, first)->row, feature) !=
				matrix_code(matrix, row_head(rows, first + 1)->row, feature);
		default:
			return matrix_code(matrix, rows->order[first], feature) !=
				matrix_code(matrix, rows->order[first + 1], feature);
	}
}

bool
rows_few_codes(const RowStore *rows, uint32_t first, uint32_t n, uint32_t feature,
			   uint32_t missing, uint8_t *codes)
{
	const Matrix *matrix = rows->setup->matrix;
	const uint8_t *record = rows->records + (size_t) first * rows->stride + RECORD_CODES;
	bool		some_missing = false;

	memset(codes, 0, FEW_ROWS);
	if (rows->form == ROWS_RECORDS && !matrix->wide)
		for (uint32_t i = 0; i < n; i++)
		{
			codes[i] = record[i * rows->stride + feature];
			some_missing |= codes[i] == missing;
		}
	else
		for (uint32_t i = 0; i < n; i++)
		{
			uint32_t	code;

			if (rows->form == ROWS_RECORDS)
				code = matrix_load(record + i * rows->stride, feature, true);
			else
				code = matrix_code(matrix, rows->form == ROWS_ORDER ? rows->order[first + i] :
								   row_head(rows, first + i)->row, feature);
			codes[i] = (uint8_t) code;
			some_missing |= code == missing;
		}
	return some_missing;
}

void
rows_targets(const RowStore *rows, uint32_t first, uint32_t n, int64_t *g, uint32_t *w)
{
	for (uint32_t i = 0; i < n; i++)
	{
		const RowHead *head = row_head(rows, first + i);

		g[i] = head->g;
		w[i] = head->w;
	}
}

bool
rows_lane_codes(const RowStore *rows, uint32_t first, uint32_t n, uint32_t feature, uint32_t missing,
				int32_t *codes)
{
	const Matrix *matrix = rows->setup->matrix;
	const uint8_t *record = rows->records + (size_t) first * rows->stride + RECORD_CODES;
	bool		some_missing = false;

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	code = rows->form == ROWS_REFERENCES ?
			matrix_code(matrix, row_head(rows, first + i)->row, feature) :
			matrix_load(record + i * rows->stride, feature, matrix->wide);

		codes[i] = (int32_t) code;
		some_missing |= code == missing;
	}
	return some_missing;
}

/*
 * Sum the gathered rows of a node by the codes of a feature.  rows->present gets the codes that
 * occur, ascending (the missing one, being the last, among them); returns how many.
 */
uint32_t
rows_sum_sparse(RowStore *rows, uint32_t first, uint32_t n, uint32_t feature, uint32_t ncodes)
{
	Cell	   *cells = rows->cells;
	const uint16_t *codes = rows->codes;
	uint16_t   *present = rows->present;
	uint64_t	words[4] = {0, 0, 0, 0};
	uint32_t	m = 0;

	rows_codes(rows, first, n, feature, rows->codes);
	if (ncodes > 256)
	{
		codeset_clear(rows->set, ncodes);
		for (uint32_t i = 0; i < n; i++)
		{
			codeset_add(rows->set, codes[i]);
			*(CellVector *) &cells[codes[i]] = (CellVector) {0, 0};
		}
		m = codeset_list(rows->set, ncodes, present);
	}
	else
	{
		for (uint32_t i = 0; i < n; i++)
		{
			words[codes[i] >> 6] |= UINT64_C(1) << (codes[i] & 63);
			*(CellVector *) &cells[codes[i]] = (CellVector) {0, 0};
		}
		for (uint32_t w = 0; w < 4; w++)
			for (uint64_t bits = words[w]; bits != 0; bits &= bits - 1)
				present[m++] = (uint16_t) (w * 64 + (uint32_t) __builtin_ctzll(bits));
	}
	for (uint32_t i = 0; i < n; i++)
		cell_add(&cells[codes[i]], *(const CellVector *) &rows->row_cells[i]);
	return m;
}

/* ---- dense sums --------------------------------------------------------------------- */

/* count features of records, in one pass. */
static always_inline void
dense_records(RowStore *rows, uint32_t first, uint32_t n, const uint32_t *features,
			  const uint32_t count, bool wide)
{
	const uint8_t *record = rows->records + (size_t) first * rows->stride;
	size_t		stride = rows->stride;
	uint32_t	cshift = rows->cshift;
	const uint8_t *end = record + (size_t) n * stride;
	size_t		offset[DENSE_FEATURES];
	Cell	   *cells[DENSE_FEATURES];

	for (uint32_t j = 0; j < count; j++)
	{
		offset[j] = RECORD_CODES + features[j] * (wide ? 2 : 1);
		cells[j] = rows->cells + (size_t) j * rows->setup->bins->max_codes;
	}
	for (; record < end; record += stride)
	{
		const RowHead *head = (const RowHead *) (const void *) record;
		CellVector	v = {(uint64_t) head->g, ((uint64_t) head->w << cshift) | 1};

		for (uint32_t j = 0; j < count; j++)
			cell_add(&cells[j][matrix_load(record + offset[j], 0, wide)], v);
	}
}

/* One feature of looked-up rows. */
static always_inline void
dense_lookup(RowStore *rows, uint32_t first, uint32_t n, uint32_t feature, Cell *cells,
			 bool references, bool wide)
{
	uint32_t	stride;
	const uint8_t *codes = matrix_feature(rows->setup->matrix, feature, &stride);

	for (uint32_t i = 0; i < n; i++)
	{
		if (references)
		{
			const RowHead *head = row_head(rows, first + i);
			CellVector	v = {(uint64_t) head->g, ((uint64_t) head->w << rows->cshift) | 1};

			cell_add(&cells[matrix_load(codes, (size_t) head->row * stride, wide)], v);
		}
		else
		{
			const uint32_t *order = rows->order + first;
			uint32_t	row = order[i];
			uint32_t	ahead = order[i + PREFETCH_ROWS < n ? i + PREFETCH_ROWS : n - 1];
			Cell		cell = row_cell(&rows->task->cells, row);

			__builtin_prefetch(codes + (size_t) ahead * stride * (wide ? 2 : 1));
			cell_add(&cells[matrix_load(codes, (size_t) row * stride, wide)],
					 (CellVector) {(uint64_t) cell.g, cell.hc});
		}
	}
}

void
rows_sum_dense(RowStore *rows, uint32_t first, uint32_t n, const uint32_t *features,
			   uint32_t nfeatures)
{
	const Bins *bins = rows->setup->bins;
	bool		wide = rows->setup->matrix->wide;

	for (uint32_t j = 0; j < nfeatures; j++)
		memset(rows->cells + (size_t) j * bins->max_codes, 0,
			   feature_ncodes(&bins->features[features[j]]) * sizeof(Cell));

	/* by parts, so that a cancel is seen */
	for (uint32_t done = 0; done < n; done += CHECK_ROWS)
	{
		uint32_t	from = first + done;
		uint32_t	part = n - done < CHECK_ROWS ? n - done : CHECK_ROWS;

		rows->env->check(rows->env->arg);
		if (rows->form != ROWS_RECORDS)
		{
			for (uint32_t j = 0; j < nfeatures; j++)
			{
				Cell	   *cells = rows->cells + (size_t) j * bins->max_codes;

				if (rows->form == ROWS_REFERENCES)
				{
					if (wide)
						dense_lookup(rows, from, part, features[j], cells, true, true);
					else
						dense_lookup(rows, from, part, features[j], cells, true, false);
				}
				else if (wide)
					dense_lookup(rows, from, part, features[j], cells, false, true);
				else
					dense_lookup(rows, from, part, features[j], cells, false, false);
			}
			continue;
		}
		switch (nfeatures)
		{
#define DENSE(count) \
			case count: \
				if (wide) \
					dense_records(rows, from, part, features, count, true); \
				else \
					dense_records(rows, from, part, features, count, false); \
				break
			DENSE(1);
			DENSE(2);
			DENSE(3);
			DENSE(4);
			DENSE(5);
			DENSE(6);
			DENSE(7);
			DENSE(8);
#undef DENSE
		}
	}
}

void
rows_sum_all(RowStore *rows, uint32_t first, uint32_t n, Cell *cells)
{
	const Bins *bins = rows->setup->bins;

	memset(cells, 0, bins->total_codes * sizeof(Cell));
	order_add(&rows->sums, rows->order + first, n, 0, bins->nfeatures, cells);
}

uint32_t
cells_present(const Cell *cells, uint32_t ncodes, uint16_t *present)
{
	uint32_t	m = 0;

	for (uint32_t c = 0; c < ncodes; c++)
	{
		present[m] = (uint16_t) c;
		m += cells[c].hc != 0;
	}
	return m;
}

/* ---- sums by class --------------------------------------------------------------------- */

/* Labels and weights of a node's rows, and their sums by class. */
void
rows_gather_classes(RowStore *rows, uint32_t first, uint32_t n, uint64_t *classes)
{
	memset(classes, 0, rows->setup->nclasses * sizeof(uint64_t));
	for (uint32_t i = 0; i < n; i++)
	{
		const RowHead *head = row_head(rows, first + i);

		rows->labels[i] = (uint16_t) head->g;
		rows->weights[i] = head->w;
		classes[head->g] += head->w;
	}
}
