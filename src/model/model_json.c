/*
 * model_json.c
 *		echolon_model_to_json: a model as a document that anyone can score with.
 *
 * docs/model-json.md describes it.  Numbers are written as the shortest decimals that read back the same,
 * so a scorer that adds in the same order gets the same sums.
 *
 * The document is written as text and parsed into jsonb, whose arrays and objects cannot be larger than
 * 256 MB, and which takes a multiple of that while it is made.  So the size is reckoned first.
 */
#include "postgres.h"

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "compat.h"
#include "function.h"
#include "learn/predict.h"
#include "model/store.h"

PG_FUNCTION_INFO_V1(echolon_model_to_json);

#define JSON_FORMAT			1	/* of docs/model-json.md; */
#define JSON_FORMAT_GROUPS	2	/* with models of groups, which a scorer must not overlook */
#define JSON_MAX_BYTES		((size_t) 250 << 20)	/* of jsonb: an entry has 28 bits for a length */
#define JSON_NODE_BYTES		((size_t) 260)	/* of a node as jsonb, at most, without names and labels */
#define JSON_NODE_MEMORY	((size_t) 1600) /* while it is parsed */
#define JSON_LABEL_BYTES	((size_t) 8)	/* of a label, beside its own */
#define JSON_LABEL_MEMORY	((size_t) 96)

/* What is written, of which model. */
typedef struct Writer
{
	StringInfoData out;
	const CachedModel *model;
	const ModelFile *file;		/* the model's, or that of one of its groups */
	const LearnModel *learn;
	char	  **names;			/* [nfeatures] of the features, in the database's encoding */
} Writer;

/* ---- pieces ------------------------------------------------------------------------ */

static void
put_key(Writer *w, const char *separator, const char *key)
{
	appendStringInfo(&w->out, "%s\"%s\": ", separator, key);
}

static void
put_number(Writer *w, double value)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(value, digits);
	appendStringInfoString(&w->out, digits);
}

static void
put_word(Writer *w, const char *separator, const char *key, const char *word)
{
	put_key(w, separator, key);
	if (word != NULL)
		escape_json(&w->out, word);
	else
		appendStringInfoString(&w->out, "null");
}

static void
put_words(Writer *w, const char *separator, const char *key, const char *const *words, uint32 n)
{
	put_key(w, separator, key);
	appendStringInfoChar(&w->out, '[');
	for (uint32 i = 0; i < n; i++)
	{
		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		appendStringInfoString(&w->out, i == 0 ? "" : ", ");
		escape_json(&w->out, words[i]);
	}
	appendStringInfoChar(&w->out, ']');
}

static void
put_numbers(Writer *w, const char *separator, const char *key, const double *numbers, uint32 n)
{
	if (key)
		put_key(w, separator, key);
	appendStringInfoChar(&w->out, '[');
	for (uint32 i = 0; i < n; i++)
	{
		appendStringInfoString(&w->out, i == 0 ? "" : ", ");
		put_number(w, numbers[i]);
	}
	appendStringInfoChar(&w->out, ']');
}

static char *
local_copy(const char *utf8)
{
	return pg_any_to_server(utf8, (int) strlen(utf8), PG_UTF8);
}

/* ---- schema -------------------------------------------------------------------------- */

static const char *
part_name(uint32 part)
{
	static const char *const names[] = {"value", "year", "month", "day", "day_of_week", "day_of_year",
	"hour", "target_mean"};

	return names[part];
}

/* What is done to a column's value before it becomes features; only what there is. */
static void
put_treatment(Writer *w, uint32 c, const ModelTreatment *treatment)
{
	static const char *const imputes[] = {NULL, "mean", "median", "mode", "constant"};
	static const char *const scales[] = {NULL, "standard", "minmax", "robust"};

	if (isfinite(treatment->low))
	{
		put_key(w, ", ", "clip_low");
		put_number(w, treatment->low);
	}
	if (isfinite(treatment->high))
	{
		put_key(w, ", ", "clip_high");
		put_number(w, treatment->high);
	}
	if (treatment->impute != IMPUTE_NONE)
	{
		put_word(w, ", ", "impute", imputes[treatment->impute]);
		if (w->file->columns[c].kind == COLUMN_CATEGORY)
			put_word(w, ", ", "fill", w->model->categories[c][(uint32) treatment->fill]);
		else
		{
			put_key(w, ", ", "fill");
			put_number(w, treatment->fill);
		}
	}
	if (treatment->scale != SCALE_NONE)
	{
		put_word(w, ", ", "scale", scales[treatment->scale]);
		put_key(w, ", ", "center");
		put_number(w, treatment->center);
		put_key(w, ", ", "width");
		put_number(w, treatment->width);
	}
}

static void
put_column(Writer *w, uint32 c)
{
	static const char *const kinds[] = {"", "number", "category", "date", "timestamp", "timestamptz"};
	const ModelColumn *column = &w->file->columns[c];

	appendStringInfoString(&w->out, c == 0 ? "{" : ", {");
	put_word(w, "", "name", w->model->column_names[c]);
	if (!w->file->part)
	{
		put_word(w, ", ", "type", local_copy(column->type_name));
		put_word(w, ", ", "kind", kinds[column->kind]);
	}
	if (column->kind == COLUMN_TIMESTAMPTZ && !w->file->part)
		put_word(w, ", ", "time_zone", local_copy(column->zone));
	if (column->kind == COLUMN_CATEGORY && !w->file->part)
	{
		put_words(w, ", ", "categories", w->model->categories[c], column->ncategories);
		put_key(w, ", ", "last_is_other");
		appendStringInfoString(&w->out, column->pooled ? "true" : "false");
	}
	if (column->treatment != NULL)
		put_treatment(w, c, column->treatment);
	appendStringInfoChar(&w->out, '}');
}

static void
put_feature(Writer *w, uint32 f)
{
	const ModelFeature *feature = &w->file->features[f];
	const ModelColumn *column = &w->file->columns[feature->column];

	appendStringInfoString(&w->out, f == 0 ? "{" : ", {");
	put_word(w, "", "name", w->names[f]);
	if (!w->file->part)
	{
		put_word(w, ", ", "column", w->model->column_names[feature->column]);
		put_word(w, ", ", "part", part_name(feature->part));
	}
	if (feature->means != NULL)
	{
		if (w->file->nlabels > 0 && !w->file->part)
			put_word(w, ", ", "class", w->model->labels[feature->label]);
		put_numbers(w, ", ", "means", feature->means, column->ncategories);
		put_key(w, ", ", "mean_unknown");
		put_number(w, feature->means[model_mean_unknown(column->ncategories)]);
		put_key(w, ", ", "mean_missing");
		put_number(w, feature->means[model_mean_missing(column->ncategories)]);
	}
	put_key(w, ", ", "gain");
	put_number(w, w->learn->gain[f]);
	put_key(w, ", ", "splits");
	appendStringInfo(&w->out, UINT64_FORMAT "}", (uint64) w->learn->splits[f]);
}

/* What differs between the model and those of its groups, but for the trees. */
static void
put_learned(Writer *w, const char *separator)
{
	if (w->learn->algorithm == LEARN_BOOSTING)
	{
		put_numbers(w, separator, "base", w->learn->base, w->learn->nscores);
		separator = ", ";
	}
	put_key(w, separator, "columns");
	appendStringInfoChar(&w->out, '[');
	for (uint32 c = 0; c < w->file->ncolumns; c++)
		put_column(w, c);
	put_key(w, "], ", "features");
	appendStringInfoChar(&w->out, '[');
	for (uint32 f = 0; f < w->file->nfeatures; f++)
	{
		CHECK_FOR_INTERRUPTS();
		put_feature(w, f);
	}
	appendStringInfoChar(&w->out, ']');
}

/* Everything but the trees. */
static void
put_head(Writer *w)
{
	static const char *const links[] = {"identity", "log", "logistic", "softmax"};
	const ModelFile *file = w->file;
	bool		forest = w->learn->algorithm == LEARN_FOREST;

	appendStringInfo(&w->out, "{\"format\": \"echolon-model\", \"format_version\": %d",
					 file->groups ? JSON_FORMAT_GROUPS : JSON_FORMAT);
	put_word(w, ", ", "task", file->task == TASK_REGRESSION ? "regression" : "classification");
	put_word(w, ", ", "algorithm", forest ? "random_forest" : "gradient_boosting");
	put_word(w, ", ", "target", w->model->target);
	if (file->nlabels > 0)
	{
		put_words(w, ", ", "labels", w->model->labels, file->nlabels);
		put_key(w, ", ", "labels_are_numbers");
		appendStringInfoString(&w->out, file->numeric_labels ? "true" : "false");
	}
	if (file->nlabels == 2)
	{
		put_word(w, ", ", "positive_class", w->model->labels[file->positive]);
		put_key(w, ", ", "threshold");
		put_number(w, file->threshold);
	}
	if (file->has_cut)
	{
		put_key(w, ", ", "cut");
		put_number(w, file->cut);
	}
	put_word(w, ", ", "combine", forest ? "mean" : "sum");
	put_word(w, ", ", "link", links[w->learn->link]);
	put_key(w, ", ", "scores");
	appendStringInfo(&w->out, "%u", w->learn->nscores);
	put_learned(w, ", ");
}

/* ---- trees ----------------------------------------------------------------------------- */

/* A leaf's value: a number, or of a forest of more than two classes a share of each. */
static void
put_leaf(Writer *w, LearnNode node)
{
	uint32		nclasses = w->learn->nclasses;

	put_key(w, "", "value");
	if (w->learn->algorithm != LEARN_FOREST || nclasses <= 2)
		put_number(w, node.value);
	else if (node.number >= nclasses)
		put_numbers(w, NULL, NULL, w->learn->leaf_table + (node.number - nclasses) * nclasses, nclasses);
	else
	{
		appendStringInfoChar(&w->out, '[');
		for (uint32 k = 0; k < nclasses; k++)
			appendStringInfo(&w->out, "%s%d", k == 0 ? "" : ", ", k == node.number);
		appendStringInfoChar(&w->out, ']');
	}
}

/* The labels of the codes in a category set. */
static void
put_set(Writer *w, const uint32_t *set, const char *const *labels, uint32 ncategories)
{
	const char *separator = "";

	put_key(w, ", ", "categories");
	appendStringInfoChar(&w->out, '[');
	for (uint32 code = 0; code < ncategories; code++)
		if (set_has(set, code))
		{
			appendStringInfoString(&w->out, separator);
			escape_json(&w->out, labels[code]);
			separator = ", ";
		}
	appendStringInfoChar(&w->out, ']');
}

static void
put_split(Writer *w, uint32 tree, LearnNode node)
{
	const LearnModel *m = w->learn;
	uint32		f = node.split.feature & NODE_FEATURE_MASK;
	uint32		child = node.split.child & NODE_CHILD_MASK;
	uint32		column = w->file->features[f].column;

	put_word(w, "", "feature", w->names[f]);
	if (m->features[f].kind == LEARN_NUMERIC)
	{
		put_key(w, ", ", "threshold");
		put_number(w, m->thresholds[m->features[f].first_threshold + node.split.rank]);
	}
	else
		put_set(w, m->set_words + m->set_first[m->tree_first_set[tree] + node.split.rank],
				w->model->categories[column], m->features[f].nvalues);
	put_word(w, ", ", "missing", node.split.child & NODE_MISSING_LEFT ? "left" : "right");
	appendStringInfo(&w->out, ", \"left\": %u, \"right\": %u", child, child + 1);
}

/* Is each node of a tree a leaf?  Parents say so of their children, which stand behind them. */
static void
find_leaves(const LearnModel *m, uint32 tree, bool *leaf)
{
	const LearnNode *nodes = m->nodes + m->tree_first[tree];
	uint64		n = m->tree_first[tree + 1] - m->tree_first[tree];

	leaf[0] = n == 1;
	for (uint64 i = 0; i < n; i++)
	{
		uint32		child = nodes[i].split.child & NODE_CHILD_MASK;

		if (leaf[i])
			continue;
		leaf[child] = (nodes[i].split.feature & NODE_LEFT_LEAF) != 0;
		leaf[child + 1] = (nodes[i].split.feature & NODE_RIGHT_LEAF) != 0;
	}
}

static void
put_trees(Writer *w)
{
	const LearnModel *m = w->learn;
	uint64		most = 0;
	bool	   *leaf;

	for (uint32 t = 0; t < m->ntrees; t++)
		most = Max(most, m->tree_first[t + 1] - m->tree_first[t]);
	leaf = MemoryContextAllocHuge(CurrentMemoryContext, Max(most, 1));
	put_key(w, ", ", "trees");
	appendStringInfoChar(&w->out, '[');
	for (uint32 t = 0; t < m->ntrees; t++)
	{
		uint64		first = m->tree_first[t];

		appendStringInfoString(&w->out, t == 0 ? "{" : ", {");
		if (m->nscores > 1)
			appendStringInfo(&w->out, "\"score\": %u, ", t % m->nscores);
		appendStringInfoString(&w->out, "\"nodes\": [");
		find_leaves(m, t, leaf);
		for (uint64 i = 0; first + i < m->tree_first[t + 1]; i++)
		{
			char		cover[FLOAT_SHORTEST_DECIMAL_LEN];

			if (i % 256 == 0)
				CHECK_FOR_INTERRUPTS();
			appendStringInfoString(&w->out, i == 0 ? "{" : ", {");
			if (leaf[i])
				put_leaf(w, m->nodes[first + i]);
			else
				put_split(w, t, m->nodes[first + i]);
			float_to_shortest_decimal_buf(m->covers[first + i], cover);
			appendStringInfo(&w->out, ", \"cover\": %s}", cover);
		}
		appendStringInfoString(&w->out, "]}");
	}
	appendStringInfoChar(&w->out, ']');
	pfree(leaf);
}

/* From here on, the model of a group; ngroups: the model itself. */
static void
turn_to(Writer *w, uint32 group)
{
	const ModelFile *file = &w->model->file;

	w->file = file->groups && group < file->groups->ngroups ? &file->groups->models[group] : file;
	w->learn = &w->file->learn;
}

/* The models of groups, each with what its columns have in its rows. */
static void
put_groups(Writer *w)
{
	const ModelGroups *groups = w->model->file.groups;

	put_key(w, ", ", "groups");
	appendStringInfoString(&w->out, "{\"columns\": [");
	for (uint32 i = 0; i < groups->ncolumns; i++)
	{
		appendStringInfoString(&w->out, i == 0 ? "" : ", ");
		escape_json(&w->out, w->model->column_names[groups->columns[i]]);
	}
	appendStringInfoString(&w->out, "], \"models\": [");
	for (uint32 g = 0; g < groups->ngroups; g++)
	{
		const double *key = groups->keys + (size_t) g * groups->ncolumns;

		appendStringInfoString(&w->out, g == 0 ? "{\"key\": [" : ", {\"key\": [");
		for (uint32 i = 0; i < groups->ncolumns; i++)
		{
			const char *const *categories = w->model->categories[groups->columns[i]];

			appendStringInfoString(&w->out, i == 0 ? "" : ", ");
			if (categories)
				escape_json(&w->out, categories[(uint32) key[i]]);
			else
				put_number(w, key[i]);
		}
		appendStringInfoChar(&w->out, ']');
		turn_to(w, g);
		put_learned(w, ", ");
		put_trees(w);
		appendStringInfoChar(&w->out, '}');
	}
	appendStringInfoString(&w->out, "]}");
	turn_to(w, groups->ngroups);
}

/* ---- the size ------------------------------------------------------------------------------ */

/* What a document holds. */
typedef struct Reckoned
{
	uint64		nodes;
	uint64		trees;
	size_t		labels;			/* codes in all category sets */
	size_t		longest;		/* label, in bytes */
	size_t		longest_name;
	size_t		pieces;			/* columns, features and means of groups */
} Reckoned;

/* Add a model's trees. */
static void
reckon_trees(const LearnModel *m, Reckoned *size)
{
	size->nodes += m->nnodes;
	size->trees += m->ntrees;
	for (uint64 s = 0; s < m->nsets; s++)
	{
		const uint32_t *set = m->set_words + m->set_first[s];

		if (s % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		if (set[0] & SET_BITMAP)
			for (uint32 i = 0; i < (set[0] & SET_LENGTH_MASK); i++)
				size->labels += __builtin_popcount(set[1 + i]);
		else
			size->labels += set[0] & SET_LENGTH_MASK;
	}
}

static void
reckon(const Writer *w, Reckoned *size)
{
	const ModelGroups *groups = w->file->groups;
	size_t		means = 0;

	memset(size, 0, sizeof(*size));
	size->longest = size->longest_name = 1;
	reckon_trees(w->learn, size);
	for (uint32 g = 0; groups && g < groups->ngroups; g++)
		reckon_trees(&groups->models[g].learn, size);
	for (uint32 c = 0; c < w->file->ncolumns; c++)
		for (uint32 i = 0; i < w->file->columns[c].ncategories; i++)
			size->longest = Max(size->longest, strlen(w->model->categories[c][i]));
	for (uint32 f = 0; f < w->file->nfeatures; f++)
	{
		size->longest_name = Max(size->longest_name, strlen(w->names[f]));
		if (w->file->features[f].means)
			means += model_nmeans(w->file->columns[w->file->features[f].column].ncategories);
	}
	if (groups)
		size->pieces = mul_size(add_size(add_size(w->file->ncolumns, w->file->nfeatures), means), groups->ngroups);
}

/* Refuse a document that jsonb, or the memory allowed, cannot hold. */
static void
check_size(const Writer *w, const ModelVersion *version)
{
	const LearnModel *m = w->learn;
	size_t		limit = max_memory_bytes();
	size_t		shares = m->algorithm == LEARN_FOREST && m->nclasses > 2 ? m->nclasses : 0;
	Reckoned	size;
	double		nodes,
				bytes,
				memory;

	reckon(w, &size);
	/* half of the nodes are leaves; a share takes about what a label does; a piece no more than a node */
	nodes = (double) size.nodes + (double) size.pieces;
	bytes = nodes * (JSON_NODE_BYTES + size.longest_name + shares * 10) +
		(double) size.labels * (JSON_LABEL_BYTES + size.longest);
	memory = nodes * (JSON_NODE_MEMORY + shares * 40) +
		(double) size.labels * (JSON_LABEL_MEMORY + size.longest) + bytes;
	if (bytes > JSON_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("version %d of model \"%s\" is too large for a jsonb", version->version, version->model),
				 errdetail(UINT64_FORMAT " nodes in " UINT64_FORMAT " trees need up to %.0f MB; a jsonb holds 256 MB.",
						   size.nodes, size.trees, bytes / 1048576),
				 errhint("Take its bytes with echolon_export_model, or train fewer or smaller trees (n_estimators, max_leaf_nodes, min_samples_leaf).")));
	if (memory > limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("version %d of model \"%s\" needs up to %.0f MB to be made a jsonb, echolon.max_memory allows %zu MB",
						version->version, version->model, memory / 1048576, limit >> 20),
				 errdetail("It has " UINT64_FORMAT " nodes in " UINT64_FORMAT " trees.", size.nodes, size.trees),
				 errhint("Raise echolon.max_memory, take its bytes with echolon_export_model, or train fewer or smaller trees (n_estimators, max_leaf_nodes, min_samples_leaf).")));
}

/* (model, version) -> jsonb */
Datum
echolon_model_to_json(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch;
	ModelVersion *version;
	Writer		w;
	Datum		parsed;
	Datum		result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	version = store_lookup_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_ARGISNULL(1),
								   PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1), MODEL_OWN);
	scratch = AllocSetContextCreate(caller, "echolon model to json", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	w.model = cache_get(version, scratch);
	w.file = &w.model->file;
	w.learn = &w.file->learn;
	w.names = palloc(mul_size(sizeof(char *), Max(w.file->nfeatures, 1)));
	for (uint32 f = 0; f < w.file->nfeatures; f++)
		w.names[f] = local_copy(w.file->features[f].name);
	check_size(&w, version);
	initStringInfo(&w.out);
	put_head(&w);
	put_trees(&w);
	if (w.file->groups)
		put_groups(&w);
	appendStringInfoChar(&w.out, '}');
	parsed = DirectFunctionCall1(jsonb_in, CStringGetDatum(w.out.data));
	MemoryContextSwitchTo(caller);
	result = PointerGetDatum(PG_DETOAST_DATUM_COPY(parsed));
	MemoryContextDelete(scratch);
	PG_RETURN_DATUM(result);
}
