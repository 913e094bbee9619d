/*
 * format_test.c
 *		A model's bytes: what is written is read again, and nothing else is believed.
 *
 * Damaged and hostile bytes must be refused, or give a model on which
 * learn_predict_row reads nothing outside an array.  So that the sanitizers see it,
 * a model that was accepted is predicted with from copies of its arrays, each allocated
 * by itself in its exact size (isolate).
 *
 *	ECHOLON_FUZZ=n		mutations of the fuzz loop (default 10000)
 *	ECHOLON_SEED=n		its seed (default: a fixed one; it is printed)
 */
#include <float.h>

#include "unit.h"

#include "learn/hash.h"
#include "model/format_layout.h"

/* The bytes of the models of test_by_hand: they must never change, and always be read. */
#define HAND_LENGTH			1176
#define HAND_CRC			0xA6109441u
#define ENCODED_LENGTH		984
#define ENCODED_CRC			0x91828B54u

/* ---- an environment that frees everything at once ---------------------------- */

typedef union Block
{
	union Block *next;
	char		align[16];
} Block;

static Block *arena = NULL;
static size_t arena_bytes = 0;

static void *
arena_alloc(void *arg, size_t size)
{
	Block	   *block = malloc(sizeof(Block) + size);

	if (block == NULL)
	{
		printf("Bail out! out of memory (%zu bytes)\n", size);
		exit(2);
	}
	block->next = arena;
	arena = block;
	arena_bytes += size;
	return block + 1;
}

static void
arena_release(void *arg, void *pointer)
{
}

static void
arena_reset(void)
{
	while (arena != NULL)
	{
		Block	   *next = arena->next;

		free(arena);
		arena = next;
	}
	arena_bytes = 0;
}

static const LearnEnv env = {
	.alloc = arena_alloc, .release = arena_release, .check = unit_check,
	.progress = unit_progress, .fail = unit_fail
};

#define NEW(n, type)	((type *) env_alloc0(&env, (n), sizeof(type)))

/* ---- models made at random ----------------------------------------------------- */

static uint64_t state = 1;

static uint64_t
next_random(void)
{
	state += UINT64_C(0x9e3779b97f4a7c15);
	return hash_mix(state);
}

static uint32_t
below(uint32_t n)
{
	return (uint32_t) hash_below(next_random(), n);
}

static double
unit_interval(void)
{
	return hash_unit(next_random());
}

typedef enum Kind
{
	FOREST_REGRESSION, FOREST_BINARY, FOREST_CLASSES, BOOST_IDENTITY, BOOST_LOG, BOOST_LOGISTIC,
	BOOST_SOFTMAX, FOREST_ENCODED, ENCODED, LOGISTIC_ENCODED, SOFTMAX_ENCODED, TREATED, TREATED_ENCODED,
	CUT, GROUPED, GROUPED_TREATED, NKINDS
} Kind;

static const char *const kind_name[NKINDS] = {
	"forest", "forest of two classes", "forest of classes", "boosting", "boosting with a log link",
	"boosting of two classes", "boosting of classes", "forest of encoded categories",
	"boosting of encoded categories", "boosting of two classes of encoded categories",
	"boosting of classes of encoded categories", "boosting of treated columns",
	"forest of treated and encoded columns", "boosting of a number above a cut", "boosting of groups",
	"forest of groups with treated and encoded columns"
};

/* What a kind is without its encoded categories, treatments, cut and groups. */
static Kind
kind_of_trees(Kind kind)
{
	static const Kind plain[] = {FOREST_REGRESSION, BOOST_IDENTITY, BOOST_LOGISTIC, BOOST_SOFTMAX,
	BOOST_IDENTITY, FOREST_REGRESSION, BOOST_LOGISTIC, BOOST_LOGISTIC, FOREST_CLASSES};

	return kind < FOREST_ENCODED ? kind : plain[kind - FOREST_ENCODED];
}

static const char *
make_string(const char *prefix, uint32_t i)
{
	char	   *string = NEW(64, char);

	snprintf(string, 64, "%s%05u", prefix, i);
	return string;
}

/* Arrays of the model while its trees are made. */
typedef struct Maker
{
	LearnModel *learn;
	LearnNode  *nodes;
	uint64_t   *set_first;
	uint32_t   *set_words;
	uint64_t	nwords;
	double	   *gain;
	uint64_t   *splits;
} Maker;

/* A set of categories of a feature with n of them; its number in the tree that begins at first. */
static uint32_t
make_set(Maker *maker, uint32_t n, uint64_t first)
{
	LearnModel *m = maker->learn;
	uint32_t   *header = &maker->set_words[maker->nwords++];
	uint32_t	count = 0;

	if (below(2) == 0)
	{
		uint32_t	words = 1 + below((n + 31) / 32);

		for (uint32_t i = 0; i < words; i++)
			maker->set_words[maker->nwords++] = (uint32_t) next_random();
		if (n < 32 * words)
			maker->set_words[maker->nwords - 1] &= (1u << (n % 32)) - 1;
		maker->set_words[maker->nwords - 1] |= 1;
		*header = SET_BITMAP | words;
	}
	else
	{
		for (uint32_t code = below(n); code < n && count <= n / 32; code += 1 + below(n))
		{
			maker->set_words[maker->nwords++] = code;
			count++;
		}
		*header = count;
	}
	m->nsets++;
	maker->set_first[m->nsets] = maker->nwords;
	return (uint32_t) (m->nsets - 1 - first);
}

static LearnNode
make_leaf(const LearnModel *m)
{
	LearnNode	node;

	if (m->algorithm == LEARN_FOREST && m->nclasses > 2)
		node.number = below(m->nclasses + (uint32_t) m->nleaves);
	else
		node.value = unit_interval();
	return node;
}

/* One tree of at most most nodes, breadth first. */
static void
make_tree(Maker *maker, uint32_t most)
{
	LearnModel *m = maker->learn;
	LearnNode  *nodes = maker->nodes + m->nnodes;
	uint64_t	first_set = m->nsets;
	uint32_t	n = 1,
				planned = most < 3 ? 1 : 3; /* nodes, children of the splits there are included */
	bool		leaf[32] = {false};

	leaf[0] = most < 3;
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	f = below(m->nfeatures);
		const LearnFeature *feature = &m->features[f];

		if (leaf[i])
		{
			nodes[i] = make_leaf(m);
			continue;
		}
		nodes[i].split.child = n | (below(2) ? NODE_MISSING_LEFT : 0);
		nodes[i].split.rank = (uint16_t) (feature->kind == LEARN_NUMERIC ? below(feature->nvalues) :
										  make_set(maker, feature->nvalues, first_set));
		maker->splits[f]++;
		maker->gain[f] += unit_interval();
		for (uint32_t c = n; c < n + 2; c++)
		{
			leaf[c] = planned + 2 > most || (most < 31 && below(3) == 0);
			planned += leaf[c] ? 0 : 2;
		}
		nodes[i].split.feature = (uint16_t) (f | (leaf[n] ? NODE_LEFT_LEAF : 0) |
											 (leaf[n + 1] ? NODE_RIGHT_LEAF : 0));
		n += 2;
	}
	m->nnodes += n;
}

/* The features of a target-encoded category: a mean, or a share of each class. */
static uint32_t
make_encoded(ModelFile *file, ModelFeature *features, uint32_t column, uint32_t ncategories)
{
	uint32_t	n = file->nlabels > 2 ? file->nlabels : 1;

	for (uint32_t k = 0; k < n; k++)
	{
		double	   *means = NEW(model_nmeans(ncategories), double);

		for (uint64_t i = 0; i < model_nmeans(ncategories); i++)
			means[i] = i == 0 ? 1 : i == 1 ? 0 : unit_interval();
		features[k].name = make_string("share", k);
		features[k].column = column;
		features[k].part = PART_TARGET_MEAN;
		features[k].label = n > 1 ? k : file->positive;
		features[k].means = means;
	}
	return n;
}

/* Columns of every kind, and a feature of each, or of each part; encoded: of the second one its means. */
static void
make_schema(ModelFile *file, uint32_t ncategories, bool encoded)
{
	static const uint32_t parts[] = {
		PART_YEAR, PART_MONTH, PART_DAY, PART_DAY_OF_WEEK, PART_DAY_OF_YEAR, PART_HOUR
	};
	ModelColumn *columns = NEW(6, ModelColumn);
	ModelFeature *features = NEW(28, ModelFeature);
	uint32_t	n = 0;

	file->ncolumns = 6;
	for (uint32_t c = 0; c < 6; c++)
	{
		const char **categories;

		columns[c].kind = c < 5 ? COLUMN_NUMBER + c : COLUMN_CATEGORY;
		columns[c].name = c == 1 ? "Stra\xC3\x9F" "e \xF0\x9F\x98\x80 \"quoted\"" :
			make_string("column", c);
		columns[c].type_name = "a type";
		columns[c].zone = columns[c].kind == COLUMN_TIMESTAMPTZ ? "Europe/Berlin" : "";
		if (columns[c].kind == COLUMN_CATEGORY)
		{
			columns[c].pooled = c == 5;
			columns[c].ncategories = c == 5 ? 3 : ncategories;
			categories = NEW(columns[c].ncategories, const char *);
			/* falling, so that distinctness needs the sort; the empty string is a level */
			for (uint32_t i = 0; i < columns[c].ncategories; i++)
				categories[i] = i == 0 ? "" : make_string("level", 99999 - i);
			if (columns[c].pooled)
				categories[2] = categories[1];
			columns[c].categories = categories;
		}
		if (encoded && c == 1)
			n += make_encoded(file, &features[n], c, ncategories);
		else if (columns[c].kind == COLUMN_NUMBER || columns[c].kind == COLUMN_CATEGORY)
		{
			features[n].name = columns[c].name;
			features[n++].column = c;
		}
		else
			for (uint32_t p = 0; p < (columns[c].kind == COLUMN_DATE ? 5 : 6); p++)
			{
				features[n].name = make_string("part", n);
				features[n].column = c;
				features[n++].part = parts[p];
			}
	}
	file->columns = columns;
	file->nfeatures = n;
	file->features = features;
}

/* A treatment of some columns: each kind of one, and one of a column of each kind. */
static void
make_treatments(ModelFile *file)
{
	ModelColumn *columns = (ModelColumn *) file->columns;

	for (uint32_t c = 0; c < file->ncolumns; c++)
	{
		ModelTreatment *treatment = NEW(1, ModelTreatment);

		if (c == 4)
			continue;
		*treatment = MODEL_UNTREATED;
		treatment->impute = c == 0 ? IMPUTE_MEAN : c == 1 ? IMPUTE_MODE : c == 2 ? IMPUTE_MEDIAN : IMPUTE_CONSTANT;
		treatment->fill = columns[c].kind == COLUMN_CATEGORY ? below(columns[c].ncategories) : unit_interval();
		if (c == 0)
		{
			treatment->low = -unit_interval();
			treatment->high = unit_interval();
			treatment->scale = SCALE_ROBUST;
			treatment->center = unit_interval();
			treatment->width = 1 + unit_interval();
		}
		columns[c].treatment = treatment;
	}
}

static void make_groups(ModelFile *file, bool treated, uint32_t ntrees, uint32_t ncategories);
static void make_learned(ModelFile *file, uint32_t ncategories);

/* A valid model of this kind, in the arena. */
static ModelFile
make_model(Kind kind, uint32_t ntrees, uint32_t ncategories)
{
	ModelFile	file = {0};
	LearnModel *m = &file.learn;
	bool		encoded = (kind >= FOREST_ENCODED && kind <= SOFTMAX_ENCODED) || kind == TREATED_ENCODED ||
		kind == GROUPED_TREATED;
	bool		treated = kind == TREATED || kind == TREATED_ENCODED || kind == GROUPED_TREATED;
	bool		grouped = kind == GROUPED || kind == GROUPED_TREATED;
	bool		cut = kind == CUT || kind == GROUPED;

	kind = kind_of_trees(kind);
	m->algorithm = kind <= FOREST_CLASSES ? LEARN_FOREST : LEARN_BOOSTING;
	m->nclasses = kind == FOREST_BINARY || kind == BOOST_LOGISTIC ? 2 :
		kind == FOREST_CLASSES || kind == BOOST_SOFTMAX ? 4 : 0;
	m->link = kind == BOOST_LOG ? LINK_LOG : kind == BOOST_LOGISTIC ? LINK_LOGISTIC :
		kind == BOOST_SOFTMAX ? LINK_SOFTMAX : LINK_IDENTITY;
	m->nscores = kind == BOOST_SOFTMAX ? m->nclasses : 1;
	m->ntrees = ntrees * m->nscores;

	file.task = m->nclasses == 0 ? TASK_REGRESSION : TASK_CLASSIFICATION;
	file.target = "the target";
	file.threshold = 0.5;
	file.nlabels = m->nclasses;
	file.positive = m->nclasses == 2 ? 1 : 0;
	if (m->nclasses == 2)
	{
		static const char *const labels[] = {"no", "yes"};

		file.labels = labels;
	}
	else if (m->nclasses > 0)
	{
		static const char *const labels[] = {"3", "-1.5e+03", "0.25", "7"};

		file.labels = labels;
		file.numeric_labels = true;
	}
	make_schema(&file, ncategories, encoded);
	if (treated)
		make_treatments(&file);
	file.has_cut = cut;
	file.cut = cut ? unit_interval() : 0;
	m->nfeatures = file.nfeatures;
	make_learned(&file, ncategories);
	if (grouped)
		make_groups(&file, treated, ntrees, ncategories);
	return file;
}

/* Statistics and trees of a model that has its schema. */
static void
make_learned(ModelFile *file, uint32_t ncategories)
{
	LearnModel *m = &file->learn;
	Maker		maker = {.learn = m};
	LearnFeature *features;
	LearnStats *stats;
	double	   *thresholds,
			   *base;
	uint64_t   *tree_first,
			   *tree_first_set;
	float	   *covers;

	features = NEW(m->nfeatures, LearnFeature);
	thresholds = NEW(m->nfeatures * 8, double);
	stats = NEW(m->nfeatures, LearnStats);
	for (uint32_t f = 0; f < m->nfeatures; f++)
	{
		const ModelColumn *column = &file->columns[file->features[f].column];
		double	   *upper;
		uint64_t   *counts;

		stats[f].missing = below(10);
		stats[f].minimum = -1;
		stats[f].maximum = 1 + unit_interval();
		stats[f].stddev = unit_interval();
		if (column->kind == COLUMN_CATEGORY && file->features[f].part == PART_VALUE)
		{
			features[f].kind = LEARN_CATEGORY;
			features[f].nvalues = column->ncategories;
			stats[f].nbins = column->ncategories;
		}
		else
		{
			features[f].kind = LEARN_NUMERIC;
			features[f].nvalues = 1 + below(7);
			features[f].first_threshold = m->nthresholds;
			for (uint32_t i = 0; i < features[f].nvalues; i++)
				thresholds[m->nthresholds++] = i == 0 && f == 0 ? -DBL_MAX : i + unit_interval();
			stats[f].nbins = below(4);
		}
		upper = NEW(stats[f].nbins + 1, double);
		stats[f].counts = counts = NEW(stats[f].nbins + 1, uint64_t);
		for (uint32_t i = 0; i < stats[f].nbins; i++)
		{
			counts[i] = below(100);
			stats[f].count += counts[i];
			upper[i] = i + unit_interval();
		}
		if (features[f].kind == LEARN_NUMERIC)
			stats[f].upper = upper;
	}
	m->features = features;
	m->thresholds = thresholds;
	file->stats = stats;

	m->base = base = NEW(m->nscores, double);
	for (uint32_t s = 0; s < m->nscores && m->algorithm == LEARN_BOOSTING; s++)
		base[s] = unit_interval() - 0.5;
	if (m->algorithm == LEARN_FOREST && m->nclasses > 2)
	{
		double	   *table = NEW(5 * m->nclasses, double);

		m->nleaves = 5;
		for (uint32_t i = 0; i < 5 * m->nclasses; i++)
			table[i] = unit_interval() / m->nclasses;
		m->leaf_table = table;
	}

	maker.nodes = NEW(m->ntrees * 32, LearnNode);
	maker.set_first = NEW(m->ntrees * 32 + 1, uint64_t);
	maker.set_words = NEW((size_t) m->ntrees * 32 * (ncategories / 32 + 4), uint32_t);
	maker.gain = NEW(m->nfeatures, double);
	maker.splits = NEW(m->nfeatures, uint64_t);
	tree_first = NEW(m->ntrees + 1, uint64_t);
	tree_first_set = NEW(m->ntrees + 1, uint64_t);
	for (uint32_t t = 0; t < m->ntrees; t++)
	{
		make_tree(&maker, t == 0 ? 31 : t == 1 ? 1 : 3 + below(20));
		tree_first[t + 1] = m->nnodes;
		tree_first_set[t + 1] = m->nsets;
	}
	m->tree_first = tree_first;
	m->tree_first_set = tree_first_set;
	m->nodes = maker.nodes;
	m->covers = covers = NEW(m->nnodes, float);
	for (uint64_t i = 0; i < m->nnodes; i++)
		covers[i] = (float) below(1000);
	m->set_first = maker.set_first;
	m->set_words = maker.set_words;
	m->gain = maker.gain;
	m->splits = maker.splits;
}

/* A model for each of some groups, told by a number and a category. */
static void
make_groups(ModelFile *file, bool treated, uint32_t ntrees, uint32_t ncategories)
{
	static const uint32_t columns[] = {0, 5};
	static const double keys[] = {-INT32_MAX, 0, -0.5, 1, 0, 0, 0, 2, 1e300, 1};
	ModelGroups *groups = NEW(1, ModelGroups);
	uint64_t   *first = NEW(6, uint64_t);
	uint8_t    *bytes = NULL;

	groups->ncolumns = 2;
	groups->columns = columns;
	groups->ngroups = 5;
	groups->keys = keys;
	for (uint32_t g = 0; g < groups->ngroups; g++)
	{
		ModelFile	part = *file;
		ModelColumn *own_columns = NEW(part.ncolumns, ModelColumn);
		ModelFeature *own_features = NEW(part.nfeatures, ModelFeature);
		size_t		length;
		uint8_t    *both;

		part.part = true;
		memcpy(own_columns, file->columns, part.ncolumns * sizeof(ModelColumn));
		memcpy(own_features, file->features, part.nfeatures * sizeof(ModelFeature));
		part.columns = own_columns;
		part.features = own_features;
		for (uint32_t c = 0; c < part.ncolumns; c++)
			own_columns[c].treatment = NULL;
		if (treated && g > 0)	/* the first one has none */
			make_treatments(&part);
		for (uint32_t f = 0; f < part.nfeatures; f++)
			if (own_features[f].means)
			{
				uint64_t	n = model_nmeans(part.columns[own_features[f].column].ncategories);
				double	   *means = NEW(n, double);

				for (uint64_t i = 0; i < n; i++)
					means[i] = unit_interval();
				own_features[f].means = means;
			}
		memset(&part.learn, 0, sizeof(part.learn));
		part.learn.algorithm = file->learn.algorithm;
		part.learn.link = file->learn.link;
		part.learn.nclasses = file->learn.nclasses;
		part.learn.nscores = file->learn.nscores;
		part.learn.nfeatures = file->learn.nfeatures;
		part.learn.ntrees = (1 + below(ntrees)) * file->learn.nscores;
		make_learned(&part, ncategories);
		length = model_file_size(&part);
		both = NEW(first[g] + length, uint8_t);
		if (g > 0)
			memcpy(both, bytes, first[g]);
		model_file_write(&part, both + first[g]);
		first[g + 1] = first[g] + length;
		bytes = both;
	}
	groups->first = first;
	groups->bytes = bytes;
	file->groups = groups;
}

/* ---- helpers --------------------------------------------------------------------- */

static char why[256];

/* The bytes of a model, malloc'd in their exact size. */
static uint8_t *
write_model(const ModelFile *file, size_t *length)
{
	uint8_t    *bytes;

	*length = model_file_size(file);
	bytes = malloc(*length);
	model_file_write(file, bytes);
	return bytes;
}

static void *
copy_of(const void *data, size_t count, size_t size)
{
	void	   *copy = malloc(count * size > 0 ? count * size : 1);

	if (count * size > 0)
		memcpy(copy, data, count * size);
	return copy;
}

/* Predict from copies of the arrays, each in its exact size; so with the models of groups. */
static void
predict_isolated(const ModelFile *file, uint32_t nrows)
{
	LearnModel	m = file->learn;
	uint64_t	nwords = m.nsets > 0 ? m.set_first[m.nsets] : 0;
	void	   *copies[] = {
		copy_of(m.base, m.nscores, sizeof(double)),
		copy_of(m.features, m.nfeatures, sizeof(LearnFeature)),
		copy_of(m.thresholds, m.nthresholds, sizeof(double)),
		copy_of(m.tree_first, (size_t) m.ntrees + 1, sizeof(uint64_t)),
		copy_of(m.nodes, m.nnodes, sizeof(LearnNode)),
		copy_of(m.tree_first_set, (size_t) m.ntrees + 1, sizeof(uint64_t)),
		copy_of(m.set_first, m.nsets + 1, sizeof(uint64_t)),
		copy_of(m.set_words, nwords, sizeof(uint32_t)),
		copy_of(m.leaf_table, m.nleaves * m.nclasses, sizeof(double))
	};
	uint32_t	noutputs = learn_noutputs(&m);
	double	   *x = malloc(m.nfeatures * sizeof(double));
	uint32_t   *codes = malloc(m.nfeatures * sizeof(uint32_t));
	double	   *out = malloc(noutputs * sizeof(double));
	double	   *many = malloc(nrows * noutputs * sizeof(double));
	double	   *rows = malloc(nrows * noutputs * sizeof(double));
	double	   *values = malloc((size_t) nrows * m.nfeatures * sizeof(double));
	uint32_t   *levels = malloc((size_t) nrows * m.nfeatures * sizeof(uint32_t));
	LearnColumn *columns = calloc(m.nfeatures, sizeof(LearnColumn));

	m.base = copies[0];
	m.features = copies[1];
	m.thresholds = copies[2];
	m.tree_first = copies[3];
	m.nodes = copies[4];
	m.tree_first_set = copies[5];
	m.set_first = copies[6];
	m.set_words = copies[7];
	m.leaf_table = copies[8];
	for (uint32_t i = 0; i < nrows; i++)
	{
		for (uint32_t f = 0; f < m.nfeatures; f++)
			x[f] = below(8) == 0 ? NAN : below(16) == 0 ? INFINITY :
				m.features[f].kind == LEARN_CATEGORY ? below(m.features[f].nvalues + 2) :
				unit_interval() * 8;
		for (uint32_t f = 0; f < m.nfeatures; f++)
		{
			values[f * nrows + i] = x[f];
			levels[f * nrows + i] = x[f] < m.features[f].nvalues ? (uint32_t) x[f] : LEARN_MISSING;
		}
		learn_predict_row(&m, x, codes, out);
		memcpy(rows + i * noutputs, out, noutputs * sizeof(double));
	}
	for (uint32_t f = 0; f < m.nfeatures; f++)
	{
		columns[f].kind = (LearnFeatureKind) m.features[f].kind;
		columns[f].values = values + f * nrows;
		columns[f].codes = levels + f * nrows;
		columns[f].ncategories = m.features[f].nvalues;
	}
	learn_predict_columns(&unit_env, &m, columns, NULL, nrows, many);
	if (memcmp(rows, many, nrows * noutputs * sizeof(double)) != 0)
	{
		ok(false, "one row and many rows have the same predictions");
		exit(1);
	}
	for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++)
		free(copies[i]);
	free(x);
	free(codes);
	free(out);
	free(many);
	free(rows);
	free(values);
	free(levels);
	free(columns);
	for (uint32_t g = 0; file->groups && g < file->groups->ngroups; g++)
		predict_isolated(&file->groups->models[g], nrows);
}

/* Read bytes as a stored model is read: from a copy in its exact size. */
static bool
read_copy(const uint8_t *bytes, size_t length, bool predict)
{
	uint8_t    *copy = malloc(length > 0 ? length : 1);
	ModelFile	file;
	bool		good;

	memcpy(copy, bytes, length);
	good = model_file_read(&env, copy, length, &file, why, sizeof(why));
	if (good && predict)
	{
		size_t		written = model_file_size(&file);
		uint8_t    *again = malloc(written);

		model_file_write(&file, again);
		if (written != length || memcmp(copy, again, length) != 0)
		{
			ok(false, "a model that was accepted is written as it was read");
			exit(1);
		}
		free(again);
		predict_isolated(&file, 2);
	}
	free(copy);
	arena_reset();
	return good;
}

static void *
section(uint8_t *bytes, FormatSectionKind kind)
{
	FormatSection *table = (FormatSection *) (bytes + sizeof(FormatHeader));

	return bytes + table[kind - 1].offset;
}

/* How many sections the header says there are. */
static uint32_t
sections_of(const uint8_t *bytes)
{
	return ((const FormatHeader *) bytes)->nsections;
}

static size_t
section_bytes(uint8_t *bytes, FormatSectionKind kind)
{
	FormatSection *table = (FormatSection *) (bytes + sizeof(FormatHeader));

	return table[kind - 1].length;
}

/* ---- tests ------------------------------------------------------------------------- */

/* CRC-32C bit by bit, from its definition. */
static uint32_t
slow_crc(const uint8_t *p, size_t n)
{
	uint32_t	crc = 0xFFFFFFFFu;

	while (n-- > 0)
	{
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc & 1 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
	}
	return ~crc;
}

static void
test_checksum(void)
{
	ModelFile	file = make_model(FOREST_CLASSES, 5, 40);
	size_t		length;
	uint8_t    *bytes = write_model(&file, &length);
	uint32_t	stored;

	ok(slow_crc((const uint8_t *) "123456789", 9) == 0xE3069283u,
	   "the oracle gives the check value of CRC-32C");
	memcpy(&stored, bytes + 12, 4);
	memset(bytes + 12, 0, 4);
	ok(stored == slow_crc(bytes, length), "the stored checksum is the CRC-32C of the bytes");
	ok(stored == format_checksum(NULL, bytes, length), "format_checksum gives it");
	free(bytes);
	arena_reset();
}

/* Is everything that was written read? */
static bool
same_model(const ModelFile *a, const ModelFile *b)
{
	const LearnModel *m = &a->learn,
			   *o = &b->learn;

#define SAME(field) if (a->field != b->field) return false
#define SAME_ARRAY(field, n, type) \
	if ((n) > 0 && memcmp(a->field, b->field, (n) * sizeof(type)) != 0) return false
#define SAME_STRING(field) if (strcmp(a->field, b->field) != 0) return false
	SAME(task);
	SAME_STRING(target);
	SAME(nlabels);
	SAME(numeric_labels);
	SAME(positive);
	SAME(threshold);
	SAME(has_cut);
	SAME(cut);
	SAME(ncolumns);
	SAME(nfeatures);
	for (uint32_t i = 0; i < a->nlabels; i++)
		SAME_STRING(labels[i]);
	for (uint32_t c = 0; c < a->ncolumns; c++)
	{
		SAME_STRING(columns[c].name);
		SAME_STRING(columns[c].type_name);
		SAME_STRING(columns[c].zone);
		SAME(columns[c].kind);
		SAME(columns[c].pooled);
		SAME(columns[c].ncategories);
		for (uint32_t i = 0; i < a->columns[c].ncategories; i++)
			SAME_STRING(columns[c].categories[i]);
		if ((a->columns[c].treatment != NULL) != (b->columns[c].treatment != NULL))
			return false;
		if (a->columns[c].treatment != NULL)
			SAME_ARRAY(columns[c].treatment, 1, ModelTreatment);
	}
	for (uint32_t f = 0; f < a->nfeatures; f++)
	{
		SAME_STRING(features[f].name);
		SAME(features[f].column);
		SAME(features[f].part);
		SAME(features[f].label);
		if ((a->features[f].means != NULL) != (b->features[f].means != NULL))
			return false;
		if (a->features[f].means != NULL)
			SAME_ARRAY(features[f].means, model_nmeans(a->columns[a->features[f].column].ncategories), double);
		SAME(stats[f].count);
		SAME(stats[f].missing);
		SAME(stats[f].minimum);
		SAME(stats[f].maximum);
		SAME(stats[f].mean);
		SAME(stats[f].stddev);
		SAME(stats[f].nbins);
		SAME_ARRAY(stats[f].counts, a->stats[f].nbins, uint64_t);
		if (m->features[f].kind == LEARN_NUMERIC)
			SAME_ARRAY(stats[f].upper, a->stats[f].nbins, double);
		SAME(learn.features[f].kind);
		SAME(learn.features[f].nvalues);
	}
	if (m->algorithm != o->algorithm || m->link != o->link || m->nclasses != o->nclasses ||
		m->nfeatures != o->nfeatures || m->ntrees != o->ntrees || m->nscores != o->nscores ||
		m->nthresholds != o->nthresholds || m->nnodes != o->nnodes || m->nsets != o->nsets ||
		m->nleaves != o->nleaves)
		return false;
	SAME_ARRAY(learn.base, m->nscores, double);
	SAME_ARRAY(learn.thresholds, m->nthresholds, double);
	SAME_ARRAY(learn.tree_first, (size_t) m->ntrees + 1, uint64_t);
	SAME_ARRAY(learn.nodes, m->nnodes, LearnNode);
	SAME_ARRAY(learn.covers, m->nnodes, float);
	SAME_ARRAY(learn.tree_first_set, (size_t) m->ntrees + 1, uint64_t);
	SAME_ARRAY(learn.set_first, m->nsets + 1, uint64_t);
	SAME_ARRAY(learn.set_words, m->set_first[m->nsets], uint32_t);
	SAME_ARRAY(learn.leaf_table, m->nleaves * m->nclasses, double);
	SAME_ARRAY(learn.gain, m->nfeatures, double);
	SAME_ARRAY(learn.splits, m->nfeatures, uint64_t);
	if ((a->groups != NULL) != (b->groups != NULL))
		return false;
	if (a->groups == NULL)
		return true;
	SAME(groups->ncolumns);
	SAME(groups->ngroups);
	SAME_ARRAY(groups->columns, a->groups->ncolumns, uint32_t);
	SAME_ARRAY(groups->keys, a->groups->ngroups * a->groups->ncolumns, double);
	SAME_ARRAY(groups->first, a->groups->ngroups + 1, uint64_t);
	SAME_ARRAY(groups->bytes, a->groups->first[a->groups->ngroups], uint8_t);
	return true;
}

static void
test_round_trip(Kind kind)
{
	bool		accepted = true,
				equal = true,
				identical = true;

	for (uint32_t i = 0; i < 20; i++)
	{
		ModelFile	file = make_model(kind, i < 2 ? i + 1 : 1 + below(12), 1 + below(i < 15 ? 40 : 3000));
		ModelFile	read;
		size_t		length,
					length2;
		uint8_t    *bytes = write_model(&file, &length);
		uint8_t    *again;

		if (!model_file_read(&env, bytes, length, &read, why, sizeof(why)))
		{
			note("%s", why);
			accepted = false;
			free(bytes);
			break;
		}
		equal = equal && same_model(&file, &read);
		again = write_model(&read, &length2);
		identical = identical && length == length2 && memcmp(bytes, again, length) == 0;
		predict_isolated(&read, 20);
		free(bytes);
		free(again);
		arena_reset();
	}
	okf(accepted, "%s: what is written is accepted", kind_name[kind]);
	okf(equal, "%s: everything is read again", kind_name[kind]);
	okf(identical, "%s: written again it has the same bytes", kind_name[kind]);
}

/* A model small enough to count with: predictions, and bytes that must never change. */
static void
test_by_hand(void)
{
	static const char *const cities[] = {"Oslo", "Paris", "Rome"};
	static const ModelColumn columns[] = {
		{.name = "size", .type_name = "integer", .kind = COLUMN_NUMBER, .zone = ""},
		{.name = "city", .type_name = "text", .kind = COLUMN_CATEGORY, .zone = "",
		.ncategories = 3, .categories = cities}
	};
	static const ModelFeature features[] = {
		{.name = "size", .column = 0, .part = PART_VALUE}, {.name = "city", .column = 1, .part = PART_VALUE}
	};
	static const uint64_t size_counts[] = {3, 5},
				city_counts[] = {4, 4, 1};
	static const double upper[] = {2, 9},
				base[] = {10},
				thresholds[] = {2.5, 7},
				gain[] = {3, 1};
	static const LearnStats stats[] = {
		{.count = 8, .missing = 1, .minimum = 1, .maximum = 9, .mean = 4, .stddev = 2, .nbins = 2,
		.upper = upper, .counts = size_counts},
		{.count = 9, .nbins = 3, .counts = city_counts}
	};
	static const LearnFeature learn_features[] = {
		{LEARN_NUMERIC, 2, 0}, {LEARN_CATEGORY, 3, 0}
	};
	static const uint64_t tree_first[] = {0, 5, 6},
				tree_first_set[] = {0, 1, 1},
				set_first[] = {0, 2},
				splits[] = {1, 1};
	static const uint32_t set_words[] = {1, 1}; /* a list of Paris */
	static const float covers[] = {9, 3, 6, 4, 2, 9};

	/* size <= 2.5 (missing: right): 1; else city is Paris: left 2, right 4; missing goes right */
	LearnNode	nodes[6] = {
		{.split = {0 | NODE_LEFT_LEAF, 0, 1}}, {.value = 1},
		{.split = {1 | NODE_LEFT_LEAF | NODE_RIGHT_LEAF, 0, 3}}, {.value = 2}, {.value = 4},
		{.value = 0.5}
	};
	ModelFile	file = {
		.task = TASK_REGRESSION, .target = "price", .threshold = 0.5,
		.ncolumns = 2, .columns = columns, .nfeatures = 2, .features = features, .stats = stats,
		.learn = {
			.algorithm = LEARN_BOOSTING, .link = LINK_IDENTITY, .nfeatures = 2, .ntrees = 2,
			.nscores = 1, .base = base, .features = learn_features, .nthresholds = 2,
			.thresholds = thresholds, .nnodes = 6, .tree_first = tree_first, .nodes = nodes,
			.covers = covers, .nsets = 1, .tree_first_set = tree_first_set, .set_first = set_first,
			.set_words = set_words, .gain = gain, .splits = splits
		}
	};
	static const struct
	{
		double		size,
					city,
					price;
	}			rows[] = {
		{2.5, 0, 11.5}, {2.6, 1, 12.5}, {3, 0, 14.5}, {3, 2, 14.5}, {NAN, 1, 12.5}, {8, NAN, 14.5},
		{8, 7, 14.5}
	};
	size_t		length;
	uint8_t    *bytes = write_model(&file, &length);
	ModelFile	read;
	bool		good = true;

	okf(model_file_read(&env, bytes, length, &read, why, sizeof(why)), "the model made by hand is accepted");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		double		x[2] = {rows[i].size, rows[i].city},
					out;
		uint32_t	codes[2];

		learn_predict_row(&read.learn, x, codes, &out);
		good = good && out == rows[i].price;
	}
	ok(good, "it predicts what was counted by hand");
	okf(length == HAND_LENGTH && slow_crc(bytes, length) == HAND_CRC,
		"its bytes are those of format version 1 (%zu bytes, 0x%08X)", length,
		slow_crc(bytes, length));
	free(bytes);
	arena_reset();
}

/* The same with the city encoded: a model of format version 2. */
static void
test_encoded_by_hand(void)
{
	static const char *const cities[] = {"Oslo", "Paris", "Rome"};
	static const double means[] = {1, 2.5, 4, 2, 8};	/* Oslo, Paris, Rome, another city, none */
	static const ModelColumn columns[] = {
		{.name = "city", .type_name = "text", .kind = COLUMN_CATEGORY, .zone = "",
		.ncategories = 3, .categories = cities}
	};
	static const ModelFeature features[] = {
		{.name = "city_target", .column = 0, .part = PART_TARGET_MEAN, .means = means}
	};
	static const uint64_t counts[] = {4, 5},
				tree_first[] = {0, 3},
				no_sets[] = {0, 0},
				splits[] = {1};
	static const double upper[] = {2, 4},
				base[] = {0},
				thresholds[] = {2.25},
				gain[] = {3};
	static const LearnStats stats[] = {
		{.count = 9, .minimum = 1, .maximum = 4, .mean = 2.5, .stddev = 1, .nbins = 2,
		.upper = upper, .counts = counts}
	};
	static const LearnFeature learn_features[] = {{LEARN_NUMERIC, 1, 0}};
	static const float covers[] = {9, 4, 5};
	LearnNode	nodes[3] = {
		{.split = {0 | NODE_LEFT_LEAF | NODE_RIGHT_LEAF, 0, 1}}, {.value = 1}, {.value = 3}
	};
	ModelFile	file = {
		.task = TASK_REGRESSION, .target = "price", .threshold = 0.5,
		.ncolumns = 1, .columns = columns, .nfeatures = 1, .features = features, .stats = stats,
		.learn = {
			.algorithm = LEARN_FOREST, .link = LINK_IDENTITY, .nfeatures = 1, .ntrees = 1,
			.nscores = 1, .base = base, .features = learn_features, .nthresholds = 1,
			.thresholds = thresholds, .nnodes = 3, .tree_first = tree_first, .nodes = nodes,
			.covers = covers, .tree_first_set = no_sets, .set_first = no_sets,
			.gain = gain, .splits = splits
		}
	};
	size_t		length;
	uint8_t    *bytes = write_model(&file, &length);
	ModelFile	read;

	okf(model_file_read(&env, bytes, length, &read, why, sizeof(why)) &&
		memcmp(read.features[0].means, means, sizeof(means)) == 0 &&
		read.features[0].means[model_mean_unknown(3)] == 2 &&
		read.features[0].means[model_mean_missing(3)] == 8,
		"an encoded model made by hand is accepted with its means");
	okf(length == ENCODED_LENGTH && slow_crc(bytes, length) == ENCODED_CRC,
		"its bytes are those of format version 2 (%zu bytes, 0x%08X)", length,
		slow_crc(bytes, length));
	free(bytes);
	arena_reset();
}

/* Damage that must be refused, each with the reason given. */
typedef struct Damage
{
	const char *name;
	Kind		kind;
	void		(*apply) (uint8_t *bytes);
	const char *reason;			/* part of why */
} Damage;

#define DAMAGE(name, type, kind, statement) \
	static void name(uint8_t *bytes) { type *p = section(bytes, kind); statement; }
#define GENERAL(name, statement) DAMAGE(name, FormatGeneral, SECTION_GENERAL, statement)
#define NODE(name, statement) DAMAGE(name, LearnNode, SECTION_NODES, statement)

static void bad_magic(uint8_t *bytes) { bytes[0] = 'e'; }
static void bad_version(uint8_t *bytes) { bytes[8] = 5; }
static void version_zero(uint8_t *bytes) { bytes[8] = 0; }
static void version_one(uint8_t *bytes) { bytes[8] = 1; }
static void version_two(uint8_t *bytes) { bytes[8] = 2; }
static void version_three(uint8_t *bytes) { bytes[8] = 3; }
static void version_four(uint8_t *bytes) { bytes[8] = 4; }
static void bad_length(uint8_t *bytes) { bytes[16] ^= 8; }
static void bad_reserved(uint8_t *bytes) { bytes[28] = 1; }
static void bad_table(uint8_t *bytes) { bytes[32 + 24 + 8] ^= 8; }
static void bad_padding(uint8_t *bytes)
{
	((uint8_t *) section(bytes, SECTION_TEXT))[section_bytes(bytes, SECTION_TEXT)] ^= 1;
}
static void huge_section(uint8_t *bytes)
{
	uint64_t	length = UINT64_MAX - 7;

	memcpy(bytes + 32 + 24 * (SECTION_NODES - 1) + 16, &length, 8);
}
static void last_leaf_wrong(uint8_t *bytes)
{
	uint64_t   *first = section(bytes, SECTION_TREE_FIRST);
	LearnNode  *nodes = section(bytes, SECTION_NODES);

	nodes[first[1] - 1].number = UINT64_C(0x7FF8000000000000);
}
static void set_code_high(uint8_t *bytes)
{
	uint64_t   *first = section(bytes, SECTION_SET_FIRST);
	uint32_t   *words = section(bytes, SECTION_SET_WORDS);

	words[0] = (uint32_t) (first[1] - first[0] - 1);
	for (uint32_t i = 0; i < words[0]; i++)
		words[1 + i] = 65000 + i;
}
static void set_descends(uint8_t *bytes)
{
	uint64_t   *first = section(bytes, SECTION_SET_FIRST);
	uint32_t   *words = section(bytes, SECTION_SET_WORDS);

	for (uint64_t s = 0; s < section_bytes(bytes, SECTION_SET_FIRST) / 8 - 1; s++)
		if (first[s + 1] - first[s] > 2)
		{
			words[first[s]] = (uint32_t) (first[s + 1] - first[s] - 1);
			for (uint64_t i = first[s] + 1; i < first[s + 1]; i++)
				words[i] = 7;
			return;
		}
}
static void set_code_max(uint8_t *bytes)
{
	set_descends(bytes);
	for (uint32_t *word = section(bytes, SECTION_SET_WORDS);; word++)
		if (*word == 7 && word[1] == 7)
		{
			word[1] = UINT32_MAX;
			for (uint32_t i = 2; word[i] == 7; i++)
				word[i] = 8 + i;
			return;
		}
}
static void upper_equal(uint8_t *bytes)
{
	double	   *upper = section(bytes, SECTION_STATS_UPPER);

	for (size_t i = 0; i < section_bytes(bytes, SECTION_STATS_UPPER) / 8; i++)
		upper[i] = 1;
}
static void rank_high(uint8_t *bytes)
{
	LearnFeature *features = section(bytes, SECTION_LEARN_FEATURES);
	LearnNode  *nodes = section(bytes, SECTION_NODES);

	nodes[0].split.feature = (uint16_t) (nodes[0].split.feature & ~NODE_FEATURE_MASK);
	nodes[0].split.rank = (uint16_t) features[0].nvalues;
}
static void set_of_other_tree(uint8_t *bytes)
{
	uint64_t   *first = section(bytes, SECTION_TREE_FIRST_SET);
	LearnNode  *nodes = section(bytes, SECTION_NODES);

	/* feature 1 is the category with many levels */
	nodes[0].split.feature = (uint16_t) ((nodes[0].split.feature & ~NODE_FEATURE_MASK) | 1);
	nodes[0].split.rank = (uint16_t) first[1];
}
static void same_label(uint8_t *bytes)
{
	FormatString *place = section(bytes, SECTION_STRINGS);
	char	   *text = section(bytes, SECTION_TEXT);

	text[place[1].offset] = text[place[4].offset];
}
static void same_category(uint8_t *bytes)
{
	FormatString *place = section(bytes, SECTION_STRINGS);
	char	   *text = section(bytes, SECTION_TEXT);

	/* no labels: 1 + 3 strings of column 0, 3 of column 1, then its levels */
	memcpy(text + place[1 + 3 + 3 + 2].offset, text + place[1 + 3 + 3 + 1].offset, place[1 + 3 + 3 + 1].length);
}
static void same_column(uint8_t *bytes)
{
	FormatColumn *columns = section(bytes, SECTION_COLUMNS);
	FormatString *place = section(bytes, SECTION_STRINGS);
	char	   *text = section(bytes, SECTION_TEXT);
	uint32_t	third = 1 + 3 + 3 + columns[1].ncategories;

	memcpy(text + place[third].offset, text + place[third + 3].offset, place[third].length);
}
static void invalid_utf8(uint8_t *bytes) { *(uint8_t *) section(bytes, SECTION_TEXT) = 0xC0; }
static void embedded_nul(uint8_t *bytes) { *(uint8_t *) section(bytes, SECTION_TEXT) = 0; }
static void no_nul(uint8_t *bytes)
{
	((char *) section(bytes, SECTION_TEXT))[section_bytes(bytes, SECTION_TEXT) - 1] = 'x';
}

GENERAL(bad_task, p->task = 3)
GENERAL(more_labels, p->nlabels++)
GENERAL(bad_algorithm, p->algorithm = 3)
GENERAL(bad_link, p->link = LINK_SOFTMAX)
GENERAL(bad_classes, p->nclasses = p->nlabels = 3)
GENERAL(many_classes, p->nclasses = p->nlabels = 1001)
GENERAL(bad_scores, p->nscores = 2)
GENERAL(many_trees, p->ntrees = 0xFFFFFFFFu)
GENERAL(no_trees, p->ntrees = 0)
GENERAL(ragged_rounds, p->ntrees++)
GENERAL(bad_positive, p->positive = 2)
GENERAL(bad_threshold, p->threshold = 1.5)
GENERAL(nan_threshold, p->threshold = NAN)
GENERAL(no_features, p->nfeatures = 0)
GENERAL(many_features, p->nfeatures = 0xFFFFFFFFu)
GENERAL(many_columns, p->ncolumns = 0xFFFFFFFFu)
GENERAL(label_no_number, p->numeric_labels = 1)
DAMAGE(bad_string, FormatString, SECTION_STRINGS, p[1].offset++)
DAMAGE(long_string, FormatString, SECTION_STRINGS, p[1].length = 0xFFFFFFFFu)
DAMAGE(bad_column, FormatColumn, SECTION_COLUMNS, p[0].kind = 6)
DAMAGE(column_zero, FormatColumn, SECTION_COLUMNS, p[0].kind = 0)
DAMAGE(no_zone, FormatColumn, SECTION_COLUMNS, p[0].kind = COLUMN_TIMESTAMPTZ)
DAMAGE(more_categories, FormatColumn, SECTION_COLUMNS, p[1].ncategories = 0xFFFFFFFFu)
DAMAGE(pooled_number, FormatColumn, SECTION_COLUMNS, p[0].pooled = 1)
DAMAGE(feature_column, FormatFeature, SECTION_FEATURES, p[0].column = 6)
DAMAGE(feature_part, FormatFeature, SECTION_FEATURES, p[0].part = PART_MONTH)
DAMAGE(category_part, FormatFeature, SECTION_FEATURES, p[1].part = PART_MONTH)
DAMAGE(unknown_part, FormatFeature, SECTION_FEATURES, p[7].part = PART_TARGET_MEAN + 1)
DAMAGE(mean_of_number, FormatFeature, SECTION_FEATURES, p[0].part = PART_TARGET_MEAN)
DAMAGE(mean_of_date, FormatFeature, SECTION_FEATURES, p[7].part = PART_TARGET_MEAN)
DAMAGE(category_native, FormatFeature, SECTION_FEATURES, p[1].part = PART_VALUE)
DAMAGE(means_missing, FormatFeature, SECTION_FEATURES, p[1].part = PART_TARGET_MEAN)
DAMAGE(label_of_number, FormatFeature, SECTION_FEATURES, p[0].label = 1)
DAMAGE(label_of_regression, FormatFeature, SECTION_FEATURES, p[1].label = 1)
DAMAGE(label_high, FormatFeature, SECTION_FEATURES, p[1].label = 4)
DAMAGE(encoded_native, LearnFeature, SECTION_LEARN_FEATURES, p[1].kind = LEARN_CATEGORY)
DAMAGE(encoded_thresholds, LearnFeature, SECTION_LEARN_FEATURES, p[1].nvalues = 60000)
DAMAGE(mean_nan, double, SECTION_MEANS, p[3] = NAN)
DAMAGE(mean_infinite, double, SECTION_MEANS, p[71] = -INFINITY)
DAMAGE(share_negative, double, SECTION_MEANS, p[70] = -0.25)
DAMAGE(share_high, double, SECTION_MEANS, p[3 * 72 + 71] = 1.25)
#define TREATMENT(name, statement) DAMAGE(name, ModelTreatment, SECTION_TREATMENTS, statement)
TREATMENT(treat_impute, p[0].impute = 5)
TREATMENT(treat_scale, p[0].scale = 4)
TREATMENT(treat_fill_nan, p[0].fill = NAN)
TREATMENT(treat_fill_idle, p[4].fill = 1)
TREATMENT(treat_fill_minus_zero, p[4].fill = -0.0)
TREATMENT(treat_code_high, p[1].fill = 70)
TREATMENT(treat_code_half, p[1].fill = 0.5)
TREATMENT(treat_code_negative, p[1].fill = -1)
TREATMENT(treat_low_nan, p[0].low = NAN)
TREATMENT(treat_ends_crossed, p[0].low = 2; p[0].high = 1)
TREATMENT(treat_low_infinite, p[0].low = INFINITY; p[0].high = INFINITY)
TREATMENT(treat_clip_date, p[2].low = 0)
TREATMENT(treat_clip_category, p[1].high = 3)
TREATMENT(treat_scale_category, p[1].scale = SCALE_MINMAX)
TREATMENT(treat_width_zero, p[0].width = 0)
TREATMENT(treat_width_negative, p[0].width = -1)
TREATMENT(treat_width_infinite, p[0].width = INFINITY)
TREATMENT(treat_center_nan, p[0].center = NAN)
TREATMENT(treat_center_idle, p[2].center = 1)
TREATMENT(treat_width_idle, p[2].width = 2)
TREATMENT(treat_nothing, for (int c = 0; c < 6; c++) p[c] = MODEL_UNTREATED)
DAMAGE(cut_nan, double, SECTION_CUT, p[0] = NAN)
DAMAGE(cut_infinite, double, SECTION_CUT, p[0] = INFINITY)
DAMAGE(feature_hour, FormatFeature, SECTION_FEATURES, p[2].part = PART_HOUR)
DAMAGE(learn_kind, LearnFeature, SECTION_LEARN_FEATURES, p[0].kind = LEARN_CATEGORY)
DAMAGE(learn_numeric, LearnFeature, SECTION_LEARN_FEATURES, p[1].kind = LEARN_NUMERIC)
DAMAGE(learn_values, LearnFeature, SECTION_LEARN_FEATURES, p[1].nvalues++)
DAMAGE(learn_first, LearnFeature, SECTION_LEARN_FEATURES, p[2].first_threshold++)
DAMAGE(learn_many, LearnFeature, SECTION_LEARN_FEATURES, p[0].nvalues = 60000)
DAMAGE(threshold_nan, double, SECTION_THRESHOLDS, p[0] = NAN)
DAMAGE(threshold_infinite, double, SECTION_THRESHOLDS, p[0] = INFINITY)
DAMAGE(threshold_low, double, SECTION_THRESHOLDS, p[0] = -INFINITY)
DAMAGE(threshold_order, double, SECTION_THRESHOLDS, p[0] = 1e9; p[1] = 1e9)
DAMAGE(stats_nan, FormatStats, SECTION_STATS, p[0].mean = NAN)
DAMAGE(stats_minimum, FormatStats, SECTION_STATS, p[0].minimum = -INFINITY)
DAMAGE(stats_maximum, FormatStats, SECTION_STATS, p[0].maximum = INFINITY)
DAMAGE(stats_infinite, FormatStats, SECTION_STATS, p[0].stddev = INFINITY)
DAMAGE(upper_nan, double, SECTION_STATS_UPPER, p[0] = NAN)
DAMAGE(stats_range, FormatStats, SECTION_STATS, p[0].minimum = 10)
DAMAGE(stats_deviation, FormatStats, SECTION_STATS, p[0].stddev = -1)
DAMAGE(stats_bins, FormatStats, SECTION_STATS, p[0].nbins = 65)
DAMAGE(stats_categories, FormatStats, SECTION_STATS, p[1].nbins--)
DAMAGE(stats_count, FormatStats, SECTION_STATS, p[1].count = 0)
DAMAGE(base_nan, double, SECTION_BASE, p[0] = NAN)
DAMAGE(forest_base, double, SECTION_BASE, p[0] = 1)
DAMAGE(cover_nan, float, SECTION_COVERS, p[1] = NAN)
DAMAGE(cover_negative, float, SECTION_COVERS, p[1] = -1)
DAMAGE(gain_nan, double, SECTION_GAIN, p[0] = NAN)
DAMAGE(leaf_table_nan, double, SECTION_LEAF_TABLE, p[1] = NAN)
DAMAGE(leaf_table_negative, double, SECTION_LEAF_TABLE, p[1] = -1)
DAMAGE(tree_empty, uint64_t, SECTION_TREE_FIRST, p[1] = 0)
DAMAGE(tree_back, uint64_t, SECTION_TREE_FIRST, p[1] = 1000000)
DAMAGE(tree_end, uint64_t, SECTION_TREE_FIRST, p[0] = 1)
DAMAGE(sets_back, uint64_t, SECTION_TREE_FIRST_SET, p[1] = 1000000)
DAMAGE(set_first_back, uint64_t, SECTION_SET_FIRST, p[1] = 0)
DAMAGE(set_header, uint32_t, SECTION_SET_WORDS, p[0]++)
NODE(child_self, p[0].split.child &= ~NODE_CHILD_MASK)
NODE(child_last, p[0].split.child = 30)
NODE(child_beyond, p[0].split.child = NODE_CHILD_MASK)
NODE(child_skip, p[0].split.child += 1)
NODE(feature_high, p[0].split.feature |= NODE_FEATURE_MASK)
NODE(leaf_is_split, p[0].split.feature |= NODE_LEFT_LEAF | NODE_RIGHT_LEAF)

DAMAGE(group_column_high, uint32_t, SECTION_GROUP_COLUMNS, p[1] = 6)
DAMAGE(group_column_twice, uint32_t, SECTION_GROUP_COLUMNS, p[1] = 0)
DAMAGE(group_column_date, uint32_t, SECTION_GROUP_COLUMNS, p[1] = 2)
DAMAGE(group_key_nan, double, SECTION_GROUP_KEYS, p[2] = NAN)
DAMAGE(group_key_infinite, double, SECTION_GROUP_KEYS, p[8] = INFINITY)
DAMAGE(group_key_minus_zero, double, SECTION_GROUP_KEYS, p[5] = -0.0)
DAMAGE(group_key_code, double, SECTION_GROUP_KEYS, p[1] = 3)
DAMAGE(group_key_half, double, SECTION_GROUP_KEYS, p[1] = 0.5)
DAMAGE(group_key_negative, double, SECTION_GROUP_KEYS, p[1] = -1)
DAMAGE(group_keys_fall, double, SECTION_GROUP_KEYS, p[0] = 0)
DAMAGE(group_keys_equal, double, SECTION_GROUP_KEYS, p[7] = 0)
DAMAGE(group_first_zero, uint64_t, SECTION_GROUP_FIRST, p[0] = 8)
DAMAGE(group_first_far, uint64_t, SECTION_GROUP_FIRST, p[1] = UINT64_MAX - 7)
DAMAGE(group_first_falls, uint64_t, SECTION_GROUP_FIRST, p[2] = 0)
DAMAGE(group_first_odd, uint64_t, SECTION_GROUP_FIRST, p[1] += 4)
DAMAGE(group_end, uint64_t, SECTION_GROUP_FIRST, p[5] -= 8)

/* Damage to the first of the models of groups, which has a checksum of its own. */
#define PART_DAMAGE(name, statement) \
	static void name(uint8_t *bytes) \
	{ \
		uint8_t    *p = section(bytes, SECTION_GROUP_MODELS); \
		size_t		length = ((uint64_t *) section(bytes, SECTION_GROUP_FIRST))[1]; \
		statement; \
		model_file_seal(p, length); \
	}
#define PART_GENERAL(name, statement) PART_DAMAGE(name, FormatGeneral *g = section(p, SECTION_GENERAL); statement)

PART_DAMAGE(part_magic, p[0] = 'e')
PART_DAMAGE(part_version, p[8] = 4)
PART_DAMAGE(part_length, p[16] ^= 8)
PART_DAMAGE(part_with_strings, ((FormatSection *) (p + sizeof(FormatHeader)))[SECTION_STRINGS - 1].length = 8)
PART_DAMAGE(part_node, ((LearnNode *) section(p, SECTION_NODES))[0].split.child |= NODE_CHILD_MASK)
PART_GENERAL(part_task, g->task = TASK_REGRESSION; g->nclasses = g->nlabels = g->positive = 0; g->link = LINK_IDENTITY)
PART_GENERAL(part_positive, g->positive = 0)
PART_GENERAL(part_threshold, g->threshold = 0.25)
PART_GENERAL(part_algorithm, g->algorithm = LEARN_FOREST; g->link = LINK_IDENTITY)
PART_GENERAL(part_columns, g->ncolumns--)
PART_GENERAL(part_features, g->nfeatures--)
PART_GENERAL(part_numeric, g->numeric_labels = 1)

/* The checksum of a model within is checked too, though that of all the bytes fits. */
static void
part_checksum(uint8_t *bytes)
{
	((uint8_t *) section(bytes, SECTION_GROUP_MODELS))[12] ^= 1;
}

/* A model that stands alone where a part belongs. */
static void
part_whole(uint8_t *bytes)
{
	memcpy(section(bytes, SECTION_GROUP_MODELS), bytes, sizeof(FormatHeader));
}

static const Damage damages[] = {
	{"the magic", BOOST_IDENTITY, bad_magic, "not the bytes"},
	{"another version", BOOST_IDENTITY, bad_version, "version 5"},
	{"version 0", BOOST_IDENTITY, version_zero, "version 0"},
	{"version 2 without its section", BOOST_IDENTITY, version_two, "header"},
	{"version 1 with the section of version 2", ENCODED, version_one, "header"},
	{"version 3 without its sections", ENCODED, version_three, "header"},
	{"version 2 with the sections of version 3", TREATED, version_two, "header"},
	{"version 4 without its sections", TREATED, version_four, "header"},
	{"version 3 with the sections of version 4", GROUPED, version_three, "header"},
	{"another length", BOOST_IDENTITY, bad_length, "says it has"},
	{"a reserved field", BOOST_IDENTITY, bad_reserved, "header"},
	{"a section's place", BOOST_IDENTITY, bad_table, "section 2"},
	{"a section of 2^64 bytes", BOOST_IDENTITY, huge_section, "section 13"},
	{"padding", BOOST_IDENTITY, bad_padding, "padding"},
	{"the task", BOOST_IDENTITY, bad_task, "task 3"},
	{"a label too many", BOOST_LOGISTIC, more_labels, "labels"},
	{"the algorithm", BOOST_IDENTITY, bad_algorithm, "algorithm 3"},
	{"the link", BOOST_IDENTITY, bad_link, "link"},
	{"three classes of two", BOOST_LOGISTIC, bad_classes, "classes"},
	{"1,001 classes", FOREST_CLASSES, many_classes, "classes"},
	{"two scores", BOOST_IDENTITY, bad_scores, "scores and"},
	{"four billion trees", BOOST_IDENTITY, many_trees, "places of trees"},
	{"a forest without trees", FOREST_REGRESSION, no_trees, "scores and"},
	{"a round with too few trees", BOOST_SOFTMAX, ragged_rounds, "scores and"},
	{"the positive class", BOOST_LOGISTIC, bad_positive, "positive"},
	{"a threshold above 1", BOOST_LOGISTIC, bad_threshold, "threshold"},
	{"a threshold that is NaN", BOOST_LOGISTIC, nan_threshold, "threshold"},
	{"no features", BOOST_IDENTITY, no_features, "features"},
	{"four billion features", BOOST_IDENTITY, many_features, "features"},
	{"four billion columns", BOOST_IDENTITY, many_columns, "columns"},
	{"labels that are not numbers", BOOST_LOGISTIC, label_no_number, "not a number"},
	{"a string's place", BOOST_IDENTITY, bad_string, "string 1"},
	{"a string of 4 GB", BOOST_IDENTITY, long_string, "string 1"},
	{"invalid UTF-8", BOOST_IDENTITY, invalid_utf8, "string 0"},
	{"a NUL in a string", BOOST_IDENTITY, embedded_nul, "string 0"},
	{"a string without its NUL", BOOST_IDENTITY, no_nul, "string"},
	{"two equal labels", FOREST_CLASSES, same_label, "same label"},
	{"two equal categories", BOOST_IDENTITY, same_category, "twice"},
	{"two equal columns", BOOST_IDENTITY, same_column, "same name"},
	{"a column's kind", BOOST_IDENTITY, bad_column, "column 0"},
	{"a column of kind 0", BOOST_IDENTITY, column_zero, "column 0"},
	{"a column without its zone", BOOST_IDENTITY, no_zone, "column 0"},
	{"four billion categories", BOOST_IDENTITY, more_categories, "strings"},
	{"a pooled number", BOOST_IDENTITY, pooled_number, "column 0"},
	{"a feature's column", BOOST_IDENTITY, feature_column, "column 6"},
	{"the month of a number", BOOST_IDENTITY, feature_part, "part"},
	{"the month of a category", BOOST_IDENTITY, category_part, "part"},
	{"a part that does not exist", BOOST_IDENTITY, unknown_part, "part"},
	{"the hour of a date", BOOST_IDENTITY, feature_hour, "part"},
	{"the target's mean in a number", ENCODED, mean_of_number, "part"},
	{"the target's mean in a date", ENCODED, mean_of_date, "part"},
	{"an encoded category without means", BOOST_IDENTITY, means_missing, "means of"},
	{"means of a category that is not encoded", ENCODED, category_native, "fit its column"},
	{"a number of a class", SOFTMAX_ENCODED, label_of_number, "of class 1"},
	{"a share of a class in a regression", ENCODED, label_of_regression, "of class 1"},
	{"a share of a class that does not exist", SOFTMAX_ENCODED, label_high, "of class 4"},
	{"an encoded category that the learner sees", ENCODED, encoded_native, "fit its column"},
	{"an encoded category with thresholds beyond the last", ENCODED, encoded_thresholds, "fit its column"},
	{"a mean of NaN", ENCODED, mean_nan, "mean 3 of feature 1"},
	{"an infinite mean of missing values", ENCODED, mean_infinite, "mean 71 of feature 1"},
	{"a share below 0", LOGISTIC_ENCODED, share_negative, "mean 70 of feature 1"},
	{"a share above 1", SOFTMAX_ENCODED, share_high, "mean 71 of feature 4"},
	{"a way to impute that does not exist", TREATED, treat_impute, "treatment of column 0"},
	{"a way to scale that does not exist", TREATED, treat_scale, "treatment of column 0"},
	{"a filling of NaN", TREATED, treat_fill_nan, "treatment of column 0"},
	{"a filling that fills nothing", TREATED, treat_fill_idle, "treatment of column 4"},
	{"a filling of minus zero that fills nothing", TREATED, treat_fill_minus_zero, "treatment of column 4"},
	{"a filling by a code that does not exist", TREATED, treat_code_high, "treatment of column 1"},
	{"a filling by half a code", TREATED, treat_code_half, "treatment of column 1"},
	{"a filling by a negative code", TREATED_ENCODED, treat_code_negative, "treatment of column 1"},
	{"clipped from NaN on", TREATED, treat_low_nan, "treatment of column 0"},
	{"ends that are crossed", TREATED, treat_ends_crossed, "treatment of column 0"},
	{"clipped to infinity", TREATED, treat_low_infinite, "treatment of column 0"},
	{"a clipped date", TREATED, treat_clip_date, "treatment of column 2"},
	{"a clipped category", TREATED, treat_clip_category, "treatment of column 1"},
	{"a scaled category", TREATED, treat_scale_category, "treatment of column 1"},
	{"a width of 0", TREATED, treat_width_zero, "treatment of column 0"},
	{"a negative width", TREATED, treat_width_negative, "treatment of column 0"},
	{"an infinite width", TREATED, treat_width_infinite, "treatment of column 0"},
	{"a centre of NaN", TREATED, treat_center_nan, "treatment of column 0"},
	{"a centre without a scale", TREATED, treat_center_idle, "treatment of column 2"},
	{"a width without a scale", TREATED, treat_width_idle, "treatment of column 2"},
	{"treatments that do nothing", TREATED, treat_nothing, "no treatments"},
	{"a cut of NaN", CUT, cut_nan, "cut"},
	{"an infinite cut", CUT, cut_infinite, "cut"},
	{"a group's column that does not exist", GROUPED, group_column_high, "columns of its groups"},
	{"a group's column twice", GROUPED, group_column_twice, "columns of its groups"},
	{"groups told by a date", GROUPED, group_column_date, "date"},
	{"a group's key of NaN", GROUPED, group_key_nan, "key of group 1"},
	{"a group's infinite key", GROUPED, group_key_infinite, "key of group 4"},
	{"a group's key of minus zero", GROUPED, group_key_minus_zero, "key of group 2"},
	{"a group's code that does not exist", GROUPED, group_key_code, "key of group 0"},
	{"half a code of a group", GROUPED_TREATED, group_key_half, "key of group 0"},
	{"a group's negative code", GROUPED, group_key_negative, "key of group 0"},
	{"keys of groups that fall", GROUPED, group_keys_fall, "ascend"},
	{"two groups of one key", GROUPED, group_keys_equal, "ascend"},
	{"groups that begin late", GROUPED, group_first_zero, "places of its groups"},
	{"a group of 2^64 bytes", GROUPED, group_first_far, "places of its groups"},
	{"a group that ends before it begins", GROUPED, group_first_falls, "places of its groups"},
	{"a group at an odd place", GROUPED, group_first_odd, "group 0"},
	{"bytes behind the last group", GROUPED, group_end, "places of its groups"},
	{"the magic of a part", GROUPED, part_magic, "in the model of group 0: these are not the bytes"},
	{"a part with groups", GROUPED, part_version, "versions 1 to 3"},
	{"a part's length", GROUPED, part_length, "group 0: it has"},
	{"a part's checksum", GROUPED, part_checksum, "group 0: its checksum"},
	{"a part that stands alone", GROUPED, part_whole, "group 0"},
	{"a part with strings", GROUPED, part_with_strings, "section 2"},
	{"a part's node", GROUPED, part_node, "out of range"},
	{"a part of another task", GROUPED, part_task, "kind of the model"},
	{"a part with another positive class", GROUPED, part_positive, "kind of the model"},
	{"a part with another threshold", GROUPED, part_threshold, "kind of the model"},
	{"a part of another algorithm", GROUPED, part_algorithm, "kind of the model"},
	{"a part with a column less", GROUPED, part_columns, "kind of the model"},
	{"a part with a feature less", GROUPED, part_features, "kind of the model"},
	{"a part whose labels are numbers", GROUPED, part_numeric, "kind of the model"},
	{"a learner's feature of another kind", BOOST_IDENTITY, learn_kind, "fit its column"},
	{"a learner's numeric feature of a category", BOOST_IDENTITY, learn_numeric, "fit its column"},
	{"a learner's feature with a category more", BOOST_IDENTITY, learn_values, "fit its column"},
	{"the place of thresholds", BOOST_IDENTITY, learn_first, "fit its column"},
	{"thresholds beyond the last", BOOST_IDENTITY, learn_many, "fit its column"},
	{"a threshold of NaN", BOOST_IDENTITY, threshold_nan, "threshold 0"},
	{"a threshold of infinity", BOOST_IDENTITY, threshold_infinite, "threshold 0"},
	{"a threshold of minus infinity", BOOST_IDENTITY, threshold_low, "threshold 0"},
	{"thresholds that do not ascend", BOOST_IDENTITY, threshold_order, "threshold 1"},
	{"statistics with NaN", BOOST_IDENTITY, stats_nan, "are wrong"},
	{"an infinite minimum", BOOST_IDENTITY, stats_minimum, "are wrong"},
	{"an infinite maximum", BOOST_IDENTITY, stats_maximum, "are wrong"},
	{"an infinite deviation", BOOST_IDENTITY, stats_infinite, "are wrong"},
	{"a bin's bound of NaN", BOOST_IDENTITY, upper_nan, "bin 0"},
	{"equal bounds of bins", BOOST_IDENTITY, upper_equal, "bin 1"},
	{"a minimum above the maximum", BOOST_IDENTITY, stats_range, "are wrong"},
	{"a negative deviation", BOOST_IDENTITY, stats_deviation, "are wrong"},
	{"65 bins", BOOST_IDENTITY, stats_bins, "are wrong"},
	{"statistics with a category less", BOOST_IDENTITY, stats_categories, "are wrong"},
	{"bins with more rows than there are", BOOST_IDENTITY, stats_count, "bin"},
	{"a start value of NaN", BOOST_IDENTITY, base_nan, "start value"},
	{"a start value of a forest", FOREST_REGRESSION, forest_base, "start value"},
	{"a cover of NaN", BOOST_IDENTITY, cover_nan, "cover"},
	{"a negative cover", BOOST_IDENTITY, cover_negative, "cover"},
	{"a gain of NaN", BOOST_IDENTITY, gain_nan, "gain"},
	{"a leaf table with NaN", FOREST_CLASSES, leaf_table_nan, "leaf"},
	{"a leaf table below zero", FOREST_CLASSES, leaf_table_negative, "leaf"},
	{"an empty tree", BOOST_IDENTITY, tree_empty, "places of its trees"},
	{"a tree that ends before it begins", BOOST_IDENTITY, tree_back, "places of its trees"},
	{"nodes of no tree", BOOST_IDENTITY, tree_end, "places of its trees"},
	{"sets of no tree", BOOST_IDENTITY, sets_back, "category sets"},
	{"an empty set", BOOST_IDENTITY, set_first_back, "category sets"},
	{"a set's length", BOOST_IDENTITY, set_header, "category set 0"},
	{"a set of codes that do not exist", BOOST_IDENTITY, set_code_high, "category set"},
	{"a set with the code 2^32 - 1", BOOST_IDENTITY, set_code_max, "ascend"},
	{"a set that does not ascend", BOOST_IDENTITY, set_descends, "ascend"},
	{"a node that is its own child", BOOST_IDENTITY, child_self, "out of range"},
	{"a right child behind the tree", BOOST_IDENTITY, child_last, "out of range"},
	{"a child far away", BOOST_IDENTITY, child_beyond, "out of range"},
	{"a node that is skipped", BOOST_IDENTITY, child_skip, "no parent"},
	{"a feature that does not exist", BOOST_IDENTITY, feature_high, "splits feature"},
	{"children of a leaf", BOOST_IDENTITY, leaf_is_split, ""},
	{"a rank behind the thresholds", BOOST_IDENTITY, rank_high, "threshold"},
	{"a set of another tree", BOOST_IDENTITY, set_of_other_tree, "category set"},
	{"a leaf of NaN", BOOST_IDENTITY, last_leaf_wrong, "leaf"},
	{"a leaf's number beyond its table", FOREST_CLASSES, last_leaf_wrong, "leaf"},
};

static void
test_damages(void)
{
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++)
	{
		const Damage *damage = &damages[i];
		ModelFile	file;
		size_t		length;
		uint8_t    *bytes;
		bool		refused;

		state = 77;
		file = make_model(damage->kind, 4, 70);
		bytes = write_model(&file, &length);
		damage->apply(bytes);
		model_file_seal(bytes, length);
		why[0] = '\0';
		refused = !read_copy(bytes, length, true);
		if (!okf(refused && strstr(why, damage->reason) != NULL, "refused: %s", damage->name))
			note("%s: %s", refused ? "refused with another reason" : "accepted", why);
		free(bytes);
		arena_reset();
	}
}

/* Write a model and say whether it is refused with this reason. */
static bool
model_refused(const ModelFile *file, const char *reason)
{
	size_t		length;
	uint8_t    *bytes = write_model(file, &length);
	bool		refused;

	arena_reset();
	why[0] = '\0';
	refused = !read_copy(bytes, length, true) && strstr(why, reason) != NULL;
	free(bytes);
	return refused;
}

/* The model with one tree of these nodes and no sets. */
static void
one_tree(ModelFile *file, const LearnNode *nodes, uint64_t n)
{
	static const uint64_t no_sets[2] = {0, 0};
	uint64_t   *tree_first = NEW(2, uint64_t);

	tree_first[1] = n;
	file->learn.ntrees = 1;
	file->learn.nnodes = n;
	file->learn.nodes = nodes;
	file->learn.covers = NEW(n, float);
	file->learn.tree_first = tree_first;
	file->learn.tree_first_set = no_sets;
	file->learn.nsets = 0;
	file->learn.set_first = no_sets;
	file->learn.set_words = NULL;
}

/* Trees and sets that cannot be. */
static void
test_trees(void)
{
	static const uint64_t places[] = {0, 1};
	static const uint32_t empty_set[] = {0};

	for (uint32_t order = 0; order < 2; order++)
	{
		/* six nodes: 4 is the right child of 1 and the left one of 2, or the other way round */
		LearnNode	nodes[6] = {
			{.split = {0, 0, 1}},
			{.split = {NODE_LEFT_LEAF | NODE_RIGHT_LEAF, 0, order == 0 ? 3 : 4}},
			{.split = {NODE_LEFT_LEAF | NODE_RIGHT_LEAF, 0, order == 0 ? 4 : 3}},
			{.value = 1}, {.value = 2}, {.value = 3}
		};
		ModelFile	file = make_model(BOOST_IDENTITY, 1, 3);

		one_tree(&file, nodes, 6);
		okf(model_refused(&file, "two parents"), "a node shared as a %s child is refused",
			order == 0 ? "left" : "right");
	}
	{
		LearnNode	leaf = {.value = 1};
		ModelFile	file = make_model(BOOST_IDENTITY, 1, 3);

		one_tree(&file, &leaf, 1);
		file.learn.nsets = 1;
		file.learn.tree_first_set = places;
		file.learn.set_first = places;
		file.learn.set_words = empty_set;
		ok(model_refused(&file, "wrong length"), "a set without codes is refused");
	}
	for (uint32_t n = FORMAT_MAX_VALUES; n <= FORMAT_MAX_VALUES + 1; n++)
	{
		LearnNode	leaf = {.value = 1};
		ModelFile	file = make_model(BOOST_IDENTITY, 1, 3);
		LearnFeature *features = NEW(file.nfeatures, LearnFeature);
		double	   *thresholds = NEW(n, double);

		for (uint32_t i = 0; i < n; i++)
			thresholds[i] = i;
		one_tree(&file, &leaf, 1);
		for (uint32_t f = 0; f < file.nfeatures; f++)
		{
			features[f] = file.learn.features[f];
			if (features[f].kind == LEARN_NUMERIC)
				features[f].nvalues = f == 0 ? n : 0;
			features[f].first_threshold = 0;
		}
		file.learn.features = features;
		file.learn.thresholds = thresholds;
		if (n == FORMAT_MAX_VALUES)
			okf(!model_refused(&file, ""), "a feature with %u thresholds is accepted", n);
		else
			okf(model_refused(&file, "fit its column"), "one with %u is refused", n);
	}
}

/* Columns that cannot be. */
static void
test_columns(void)
{
	static const char *const two[] = {"a", "b"};
	ModelFile	file = make_model(BOOST_IDENTITY, 1, 3);
	ModelColumn columns[6];

	memcpy(columns, file.columns, sizeof(columns));
	columns[0].name = "";
	file.columns = columns;
	ok(model_refused(&file, "column 0"), "a column without a name is refused");

	file = make_model(BOOST_IDENTITY, 1, 3);
	memcpy(columns, file.columns, sizeof(columns));
	columns[0].ncategories = 2;
	columns[0].categories = two;
	file.columns = columns;
	ok(model_refused(&file, "2 categories"), "a number with categories is refused");

	file = make_model(BOOST_IDENTITY, 1, 3);
	memcpy(columns, file.columns, sizeof(columns));
	columns[5].ncategories = 0;
	file.columns = columns;
	ok(model_refused(&file, "0 categories"), "pooled levels without a category are refused");

	file = make_model(BOOST_IDENTITY, 1, LEARN_MAX_CATEGORIES);
	ok(!model_refused(&file, ""), "65534 categories are accepted");
	file = make_model(BOOST_IDENTITY, 1, LEARN_MAX_CATEGORIES + 1);
	ok(model_refused(&file, "65535 categories"), "65535 are not");
}

/* A chain as deep as is allowed, and one deeper. */
static void
test_depth(void)
{
	for (uint32_t extra = 0; extra < 2; extra++)
	{
		const uint32_t nsplits = FORMAT_MAX_DEPTH - 1 + extra;
		ModelFile	file = make_model(BOOST_IDENTITY, 1, 3);
		LearnModel *m = &file.learn;
		LearnNode  *nodes = NEW(2 * nsplits + 1, LearnNode);
		uint64_t   *tree_first = NEW(2, uint64_t);
		uint64_t   *tree_first_set = NEW(2, uint64_t);
		size_t		length;
		uint8_t    *bytes;

		/* node 2i is split into the leaf 2i + 1 and the next split */
		for (uint32_t i = 0; i < nsplits; i++)
		{
			nodes[2 * i].split.feature = NODE_LEFT_LEAF | (i == nsplits - 1 ? NODE_RIGHT_LEAF : 0);
			nodes[2 * i].split.child = 2 * i + 1;
		}
		m->nnodes = tree_first[1] = 2 * (uint64_t) nsplits + 1;
		m->nodes = nodes;
		m->covers = NEW(m->nnodes, float);
		m->tree_first = tree_first;
		m->tree_first_set = tree_first_set;
		m->nsets = 0;
		m->set_first = NULL;
		m->set_words = NULL;
		bytes = write_model(&file, &length);
		arena_reset();
		if (extra == 0)
			okf(read_copy(bytes, length, true), "a tree of depth %d is accepted", FORMAT_MAX_DEPTH);
		else
			okf(!read_copy(bytes, length, true) && strstr(why, "deeper") != NULL,
				"a deeper tree is refused");
		free(bytes);
	}
}

static void
test_truncation(Kind kind)
{
	ModelFile	file = make_model(kind, 3, 5);
	size_t		length;
	uint8_t    *bytes = write_model(&file, &length);
	bool		plain = true,
				sealed = true;

	arena_reset();
	for (size_t n = 0; n < length; n++)
	{
		plain = plain && !read_copy(bytes, n, false);
		if (n >= sizeof(FormatHeader))
		{
			uint8_t    *copy = copy_of(bytes, n, 1);
			uint64_t	claimed = n;

			memcpy(copy + 16, &claimed, 8);
			model_file_seal(copy, n);
			sealed = sealed && !read_copy(copy, n, false);
			free(copy);
		}
	}
	okf(plain, "%s: truncated at each of %zu bytes it is refused", kind_name[kind], length);
	okf(sealed, "%s: so it is with length and checksum made to fit", kind_name[kind]);

	bytes = realloc(bytes, length + 8);
	memset(bytes + length, 0, 8);
	length += 8;
	memcpy(bytes + 16, &length, 8);
	model_file_seal(bytes, length);
	okf(!read_copy(bytes, length, false), "%s: with bytes behind its end it is refused", kind_name[kind]);

	/* the same bytes as a part of an element of the last section */
	((FormatSection *) (bytes + sizeof(FormatHeader)))[sections_of(bytes) - 1].length++;
	model_file_seal(bytes, length);
	okf(!read_copy(bytes, length, false), "%s: with a part of an element it is refused", kind_name[kind]);
	free(bytes);
}

/* The bytes with one section cut or filled with zeros to another length; all places fit. */
static uint8_t *
resize_section(uint8_t *bytes, FormatSectionKind kind, size_t to, size_t *length)
{
	FormatSection table[FORMAT_NSECTIONS];
	uint32_t	nsections = sections_of(bytes);
	size_t		size = nsections * sizeof(FormatSection);
	uint8_t    *copy;
	size_t		end = sizeof(FormatHeader) + size;

	memcpy(table, bytes + sizeof(FormatHeader), size);
	table[kind - 1].length = to;
	for (uint32_t i = 0; i < nsections; i++)
	{
		table[i].offset = end;
		end = format_align(end + table[i].length);
	}
	copy = calloc(1, end);
	memcpy(copy, bytes, sizeof(FormatHeader));
	memcpy(copy + sizeof(FormatHeader), table, size);
	for (uint32_t i = 0; i < nsections; i++)
	{
		size_t		before = section_bytes(bytes, (FormatSectionKind) (i + 1));

		memcpy(copy + table[i].offset, section(bytes, (FormatSectionKind) (i + 1)),
			   before < table[i].length ? before : table[i].length);
	}
	memcpy(copy + offsetof(FormatHeader, length), &end, sizeof(end));
	model_file_seal(copy, end);
	*length = end;
	return copy;
}

/* A section with an element more or less fits nothing else. */
static void
test_sections(Kind kind)
{
	static const size_t element[FORMAT_NSECTIONS] = {
		56, 8, 1, 16, 8, 56, 8, 8, 16, 8, 8, 8, 8, 4, 8, 8, 4, 8, 8, 8, 8, 48, 8, 4, 8, 8, 8
	};
	ModelFile	file = make_model(kind, 3, 3000);
	size_t		length;
	uint8_t    *bytes = write_model(&file, &length);
	bool		refused = true;

	arena_reset();
	for (uint32_t i = 0; i < sections_of(bytes); i++)
	{
		size_t		before = section_bytes(bytes, (FormatSectionKind) (i + 1));
		size_t		sizes[] = {
			before + element[i], before >= element[i] ? before - element[i] : before + element[i],
			before > 0 ? 0 : element[i], before + 1
		};

		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
		{
			size_t		n;
			uint8_t    *copy;

			/* beside groups there may be treatments and a cut, or none */
			if (sections_of(bytes) == SECTION_GROUP_MODELS && sizes[k] == 0 &&
				(i + 1 == SECTION_TREATMENTS || i + 1 == SECTION_CUT))
				continue;
			copy = resize_section(bytes, (FormatSectionKind) (i + 1), sizes[k], &n);
			if (read_copy(copy, n, true))
			{
				note("section %u of %zu bytes with %zu", i + 1, before, sizes[k]);
				refused = false;
			}
			free(copy);
		}
	}
	okf(refused, "%s: with an element too many or too few in any section it is refused", kind_name[kind]);
	free(bytes);
}

static void
test_bit_flips(Kind kind)
{
	ModelFile	file = make_model(kind, 2, 5);
	size_t		length;
	uint8_t    *bytes = write_model(&file, &length);
	bool		refused = true;

	arena_reset();
	for (size_t bit = 0; bit < length * 8; bit++)
	{
		bytes[bit / 8] ^= (uint8_t) (1u << (bit % 8));
		refused = refused && !read_copy(bytes, length, false);
		bytes[bit / 8] ^= (uint8_t) (1u << (bit % 8));
	}
	okf(refused, "%s: with any of its %zu bits flipped it is refused", kind_name[kind], length * 8);
	free(bytes);
}

/* Make the checksums fit, those of the models of groups too where their places are within bounds. */
static void
seal_all(uint8_t *bytes, size_t length)
{
	FormatSection table[FORMAT_NSECTIONS];
	const FormatSection *first = &table[SECTION_GROUP_FIRST - 1];
	const FormatSection *models = &table[SECTION_GROUP_MODELS - 1];

	if (sections_of(bytes) == FORMAT_NSECTIONS && length > sizeof(FormatHeader) + sizeof(table))
	{
		memcpy(table, bytes + sizeof(FormatHeader), sizeof(table));
		if (first->offset < length && first->length <= length - first->offset &&
			models->offset < length && models->length <= length - models->offset)
			for (uint64_t g = 0; g + 2 <= first->length / 8; g++)
			{
				uint64_t	place[2];

				memcpy(place, bytes + first->offset + g * 8, sizeof(place));
				if (place[0] <= place[1] && place[1] <= models->length && place[0] % 8 == 0 && models->offset % 8 == 0)
					model_file_seal(bytes + models->offset + place[0], place[1] - place[0]);
			}
	}
	model_file_seal(bytes, length);
}

static void
test_corruption(Kind kind)
{
	static const uint8_t flips[] = {0x01, 0x80};
	ModelFile	file = make_model(kind, 2, 12);
	size_t		length;
	uint8_t    *bytes = write_model(&file, &length);
	size_t		accepted = 0,
				tried = 0;

	arena_reset();
	/* models of groups are large, and each byte of theirs costs three checksums */
	for (size_t i = 0; i < length; i += kind >= GROUPED ? 29 : 1)
		for (size_t k = 0; k < sizeof(flips) + 1; k++)
		{
			uint8_t		before = bytes[i];

			bytes[i] = k < sizeof(flips) ? before ^ flips[k] : 0;
			if (i < 12 || i >= 16)
				seal_all(bytes, length);
			tried++;
			accepted += read_copy(bytes, length, true);
			bytes[i] = before;
			seal_all(bytes, length);
		}
	okf(true, "%s: bytes corrupted and sealed: %zu of %zu accepted, none reads out of bounds",
		kind_name[kind], accepted, tried);
	free(bytes);
}

/* Numbers that are interesting where a count, a place or a value is expected. */
static uint64_t
hostile_number(void)
{
	static const uint64_t numbers[] = {
		0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 255, 256, 65534, 65535, 65536, 0x7FFFFFFF,
		0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF, UINT64_C(0x100000000),
		UINT64_C(0x1FFFFFFFFFFFFFFF), UINT64_C(0x2000000000000000), UINT64_C(0x7FF0000000000000),
		UINT64_C(0x7FF8000000000000), UINT64_C(0x7FFFFFFFFFFFFFFF), UINT64_C(0x8000000000000000),
		UINT64_C(0xFFF0000000000000), UINT64_C(0xFFFFFFFFFFFFFFF8), UINT64_MAX
	};

	return numbers[below(sizeof(numbers) / sizeof(numbers[0]))];
}

/* Change bytes in one of several ways. */
static void
mutate(uint8_t *bytes, size_t length)
{
	size_t		at = below((uint32_t) length);
	uint64_t	number = hostile_number();
	size_t		size = (size_t) 1 << below(4);

	if (below(2) == 0)
	{
		/* inside a section, so that small ones are hit as often as large ones */
		const FormatSection *table = (const FormatSection *) (bytes + sizeof(FormatHeader));
		uint32_t	nsections = sections_of(bytes);
		FormatSection place = table[below(nsections <= FORMAT_NSECTIONS ? nsections : SECTION_SPLITS)];

		/* the table may have been changed already */
		if (place.length > 0 && place.offset < length && place.length <= length - place.offset)
			at = place.offset + below((uint32_t) place.length);
	}
	at -= at % size;
	switch (below(5))
	{
		case 0:
			bytes[at] ^= (uint8_t) (1u << below(8));
			break;
		case 1:
			memcpy(bytes + at, &number, at + size <= length ? size : 1);
			break;
		case 2:
			bytes[at] = (uint8_t) (bytes[at] + (below(2) ? 1 : -1));
			break;
		case 3:
			bytes[at] = (uint8_t) next_random();
			break;
		default:
			{
				size_t		from = below((uint32_t) length);
				size_t		n = 1 + below(32);

				from -= from % size;
				if (from + n <= length && at + n <= length)
					memmove(bytes + at, bytes + from, n);
			}
	}
}

static void
test_fuzz(void)
{
	const char *setting = getenv("ECHOLON_FUZZ");
	const char *seed = getenv("ECHOLON_SEED");
	uint32_t	rounds = setting ? (uint32_t) strtoul(setting, NULL, 10) : 10000;
	uint64_t	start = seed ? strtoull(seed, NULL, 10) : 20240917;
	uint32_t	accepted = 0;

	note("fuzz: ECHOLON_SEED=%llu ECHOLON_FUZZ=%u", (unsigned long long) start, rounds);
	for (uint32_t i = 0; i < rounds; i++)
	{
		static uint8_t *model[NKINDS];
		static size_t length[NKINDS];
		Kind		kind = (Kind) (i % NKINDS);
		uint8_t    *copy;

		state = hash_random(start, 0, i);
		if (i % 500 < NKINDS)
		{
			ModelFile	file = make_model(kind, 1 + below(4), 1 + below(80));

			free(model[kind]);
			model[kind] = write_model(&file, &length[kind]);
			arena_reset();
		}
		copy = copy_of(model[kind], length[kind], 1);
		for (uint32_t n = 1 + below(3); n > 0; n--)
			mutate(copy, length[kind]);
		seal_all(copy, length[kind]);
		accepted += read_copy(copy, length[kind], true);
		free(copy);
		if (i + 1 == rounds)
			for (int k = 0; k < NKINDS; k++)
				free(model[k]);
	}
	okf(accepted < rounds, "fuzz: %u of %u mutations accepted, none reads out of bounds", accepted, rounds);
}

/* Write a code point in n bytes, whether or not it is the shortest form. */
static void
encode(uint32_t c, int n, uint8_t *s)
{
	static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};

	for (int i = n - 1; i > 0; i--)
	{
		s[i] = 0x80 | (c & 0x3F);
		c >>= 6;
	}
	s[0] = (uint8_t) (lead[n] | c);
}

static void
test_text(void)
{
	static const char *const numbers[] = {"0", "-12", "+3", "0.5", ".5", "5.", "1e-07", "1E+20", "Infinity", "-Infinity"};
	static const char *const others[] = {"", "-", ".", "1e", "1e+", "0x10", "NaN", "1 ", " 1", "1.2.3", "true", "inf", "--1", "1e5x"};
	bool		good = true;
	uint8_t		s[4];

	for (uint32_t c = 1; c < 0x120000; c++)
	{
		int			shortest = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		bool		character = c < 0xD800 || (c > 0xDFFF && c < 0x110000);

		for (int n = shortest; n <= 4; n++)
		{
			encode(c, n, s);
			good = good && format_utf8(s, (size_t) n) == (character && n == shortest) &&
				(n == 1 || !format_utf8(s, (size_t) n - 1));
		}
	}
	ok(good, "UTF-8: every code point in every form");
	ok(!format_utf8((const uint8_t *) "a\0b", 3) && !format_utf8((const uint8_t *) "\x80", 1) &&
	   !format_utf8((const uint8_t *) "\xFF", 1), "UTF-8: no NUL, no stray bytes");
	good = true;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		good = good && format_number(numbers[i]);
	ok(good, "labels that are numbers");
	good = true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		good = good && !format_number(others[i]);
	ok(good, "labels that are not");
}

/* ---- models that were learned ------------------------------------------------------ */

#define FIT_ROWS		400

typedef struct FitCase
{
	const char *name;
	LearnAlgorithm algorithm;
	LearnLoss	loss;
	LearnCriterion criterion;
	uint32_t	nclasses;
	bool		extreme;		/* infinities, and values near the largest double */
} FitCase;

static const FitCase fit_cases[] = {
	{"a regression forest", LEARN_FOREST, LOSS_SQUARED_ERROR, CRITERION_SQUARED_ERROR, 0, false},
	{"a forest of two classes", LEARN_FOREST, LOSS_SQUARED_ERROR, CRITERION_GINI, 2, false},
	{"a forest of four classes", LEARN_FOREST, LOSS_SQUARED_ERROR, CRITERION_ENTROPY, 4, false},
	{"boosting", LEARN_BOOSTING, LOSS_SQUARED_ERROR, CRITERION_NEWTON, 0, false},
	{"boosting of the median", LEARN_BOOSTING, LOSS_ABSOLUTE_ERROR, CRITERION_NEWTON, 0, false},
	{"poisson boosting", LEARN_BOOSTING, LOSS_POISSON, CRITERION_NEWTON, 0, false},
	{"logistic boosting", LEARN_BOOSTING, LOSS_LOGISTIC, CRITERION_NEWTON, 2, false},
	{"softmax boosting", LEARN_BOOSTING, LOSS_SOFTMAX, CRITERION_NEWTON, 4, false},
	{"a forest on extreme values", LEARN_FOREST, LOSS_SQUARED_ERROR, CRITERION_SQUARED_ERROR, 0, true},
	{"boosting on extreme values", LEARN_BOOSTING, LOSS_SQUARED_ERROR, CRITERION_NEWTON, 0, true},
};

/* What learn_fit made is written, accepted, and predicts as before. */
static void
test_fit(const FitCase *fc)
{
	ModelFile	file = make_model(fc->nclasses == 2 ? BOOST_LOGISTIC : fc->nclasses == 4 ? BOOST_SOFTMAX :
								  BOOST_IDENTITY, 1, 50);
	LearnColumn *columns = NEW(file.nfeatures, LearnColumn);
	double	   *target = NEW(FIT_ROWS, double);
	uint32_t   *train = NEW(FIT_ROWS, uint32_t);
	LearnData	data = {.nrows = FIT_ROWS, .nfeatures = file.nfeatures, .columns = columns,
	.target = target, .nclasses = fc->nclasses};
	LearnParams params = {
		.algorithm = fc->algorithm, .n_estimators = 7, .max_features = file.nfeatures,
		.min_samples_leaf = 1, .min_samples_split = 2, .bootstrap = true, .max_samples = 1,
		.learning_rate = 0.3, .subsample = 1, .loss = fc->loss, .criterion = fc->criterion,
		.max_leaf_nodes = fc->algorithm == LEARN_BOOSTING ? 15 : 0, .max_bins = 255, .seed = 3
	};
	LearnFit	fit;
	ModelFile	read;
	size_t		length;
	uint8_t    *bytes;
	bool		good,
				same = true;

	for (uint32_t f = 0; f < file.nfeatures; f++)
	{
		double	   *values = NEW(FIT_ROWS, double);
		uint32_t   *codes = NEW(FIT_ROWS, uint32_t);

		for (uint32_t i = 0; i < FIT_ROWS; i++)
		{
			values[i] = below(10) == 0 ? NAN : unit_interval() * 10;
			if (fc->extreme && below(8) == 0)
				values[i] = below(2) ? (below(2) ? INFINITY : -INFINITY) :
					(below(2) ? 1.7e308 : -1.7e308);
			codes[i] = below(10) == 0 ? LEARN_MISSING :
				below(file.columns[file.features[f].column].ncategories + 1);
			if (codes[i] == file.columns[file.features[f].column].ncategories)
				codes[i] = LEARN_MISSING;
		}
		columns[f].kind = file.columns[file.features[f].column].kind == COLUMN_CATEGORY ?
			LEARN_CATEGORY : LEARN_NUMERIC;
		columns[f].values = values;
		columns[f].codes = codes;
		columns[f].ncategories = file.columns[file.features[f].column].ncategories;
	}
	for (uint32_t i = 0; i < FIT_ROWS; i++)
	{
		double		v = (isfinite(columns[0].values[i]) && fabs(columns[0].values[i]) < 11 ?
						 columns[0].values[i] : 5) + (columns[1].codes[i] % 7) + unit_interval();

		target[i] = fc->nclasses > 0 ? (uint32_t) v % fc->nclasses : v;
		train[i] = i;
	}
	learn_fit(&env, &data, train, FIT_ROWS, NULL, 0, &params, &fit);
	file.learn = fit.model;
	file.stats = fit.stats;
	bytes = write_model(&file, &length);
	good = model_file_read(&env, bytes, length, &read, why, sizeof(why));
	if (!okf(good, "%s: %u trees, %llu nodes, %llu sets are accepted", fc->name, fit.model.ntrees,
			 (unsigned long long) fit.model.nnodes, (unsigned long long) fit.model.nsets))
		note("%s", why);
	else
	{
		for (uint32_t i = 0; i < FIT_ROWS; i++)
		{
			double	   *x = NEW(file.nfeatures, double);
			uint32_t   *codes = NEW(file.nfeatures, uint32_t);
			double		before[4],
						after[4];

			for (uint32_t f = 0; f < file.nfeatures; f++)
				x[f] = columns[f].kind == LEARN_NUMERIC ? columns[f].values[i] :
					columns[f].codes[i] == LEARN_MISSING ? NAN : columns[f].codes[i];
			learn_predict_row(&fit.model, x, codes, before);
			learn_predict_row(&read.learn, x, codes, after);
			same = same && memcmp(before, after, learn_noutputs(&fit.model) * sizeof(double)) == 0;
		}
		okf(same, "%s: predictions are the same bits", fc->name);
		predict_isolated(&read, 20);
	}
	free(bytes);
	arena_reset();
}

/* Memory stays in proportion to the bytes. */
static void
test_memory(void)
{
	ModelFile	file = make_model(BOOST_IDENTITY, 200, 60000);
	size_t		length;
	uint8_t    *bytes = write_model(&file, &length);
	ModelFile	read;
	bool		good;

	arena_reset();
	good = model_file_read(&env, bytes, length, &read, why, sizeof(why));
	okf(good && arena_bytes < length, "reading %zu bytes allocates %zu", length, arena_bytes);
	arena_reset();
	ok(!model_file_read(&env, bytes + 1, length - 1, &read, why, sizeof(why)) &&
	   strstr(why, "aligned") != NULL, "bytes that are not aligned are refused");
	free(bytes);
	arena_reset();
}

/* The model of a row's group is found, and that of all others. */
static void
test_groups(void)
{
	ModelFile	file = make_model(GROUPED, 3, 5);
	ModelFile	read;
	size_t		length;
	uint8_t    *bytes = write_model(&file, &length);
	double		raw[6] = {0};
	bool		found = true;

	ok(model_file_read(&env, bytes, length, &read, why, sizeof(why)), "a model of groups is read");
	for (uint32_t g = 0; g < read.groups->ngroups; g++)
	{
		raw[0] = read.groups->keys[2 * g];
		raw[5] = read.groups->keys[2 * g + 1];
		found = found && model_file_of(&read, raw) == &read.groups->models[g] &&
			read.groups->models[g].columns[0].name == read.columns[0].name;
	}
	ok(found, "each group has its model, of the same columns");
	raw[0] = -0.0;
	raw[5] = 2;
	ok(model_file_of(&read, raw) == &read.groups->models[3], "minus zero is zero");
	found = false;
	for (int i = 0; i < 7; i++)
	{
		static const double others[][2] = {{-INFINITY, 0}, {INFINITY, 0}, {NAN, 0}, {0, NAN}, {0, 1}, {0.5, 0}, {0, 3}};

		raw[0] = others[i][0];
		raw[5] = others[i][1];
		found = found || model_file_of(&read, raw) != &read;
	}
	ok(!found, "every other row has the common one");
	free(bytes);

	file = make_model(BOOST_IDENTITY, 1, 5);
	ok(model_file_of(&file, raw) == &file, "a model without groups predicts every row");
	arena_reset();
}

int
main(void)
{
	state = 5;
	test_checksum();
	for (int kind = 0; kind < NKINDS; kind++)
		test_round_trip((Kind) kind);
	test_by_hand();
	test_encoded_by_hand();
	test_damages();
	test_columns();
	test_trees();
	test_depth();
	test_text();
	for (size_t i = 0; i < sizeof(fit_cases) / sizeof(fit_cases[0]); i++)
		test_fit(&fit_cases[i]);
	test_memory();
	test_groups();
	state = 6;
	test_truncation(BOOST_IDENTITY);
	test_truncation(FOREST_CLASSES);
	test_truncation(ENCODED);
	test_truncation(TREATED);
	test_truncation(GROUPED);
	for (int kind = 0; kind < NKINDS; kind++)
		test_sections((Kind) kind);
	test_bit_flips(BOOST_SOFTMAX);
	test_bit_flips(FOREST_BINARY);
	test_bit_flips(LOGISTIC_ENCODED);
	test_bit_flips(TREATED_ENCODED);
	for (int kind = 0; kind < NKINDS; kind++)
		test_corruption((Kind) kind);
	test_fuzz();
	return done();
}
