/*
 * format_read.c
 *		A model's bytes checked and read.
 *
 * The bytes may be damaged or made by someone who means harm: nothing is used
 * before it was checked, and what predict would have to check a row is checked
 * here once.  Counts come from the lengths of sections, which are checked against
 * the length of the whole first; so no count is multiplied before it is
 * bounded, and memory and time are proportional to the length (labels out of
 * order cost a sort).  Models of groups are read by the same code as the model they are part of; nothing goes
 * deeper than that.
 *
 * The arrays of the model point into the bytes; only tables of pointers and structs are
 * allocated.
 */
#include "model/format_reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHECK_EVERY			((uint64_t) 1 << 16)	/* elements between cancel checks */

bool
reader_damaged(Reader *reader, const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(reader->why, reader->whysize, format, arguments);
	va_end(arguments);
	return false;
}

void
reader_check_cancel(Reader *reader, uint64_t done)
{
	reader->done += done;
	if (reader->done < CHECK_EVERY)
		return;
	reader->done = 0;
	reader->env->check(reader->env->arg);
}

/* ---- header and sections ------------------------------------------------ */

/* Bytes of an element of each section; SECTION_LEAF_TABLE's depends on the number of classes. */
static const uint32_t element_size[FORMAT_NSECTIONS] = {
	sizeof(FormatGeneral), sizeof(FormatString), 1, sizeof(FormatColumn), sizeof(FormatFeature),
	sizeof(FormatStats), sizeof(double), sizeof(uint64_t), sizeof(LearnFeature), sizeof(double),
	sizeof(double), sizeof(uint64_t), sizeof(LearnNode), sizeof(float), sizeof(uint64_t),
	sizeof(uint64_t), sizeof(uint32_t), sizeof(double), sizeof(double), sizeof(uint64_t),
	sizeof(double), sizeof(ModelTreatment), sizeof(double),
	sizeof(uint32_t), sizeof(double), sizeof(uint64_t), FORMAT_ALIGNMENT
};

static bool
read_header(Reader *reader)
{
	const FormatHeader *header = (const FormatHeader *) reader->bytes;
	uint32_t	newest = reader->whole ? 3 : MODEL_FORMAT_VERSION;	/* a part has no groups */

	if (((uintptr_t) reader->bytes & (FORMAT_ALIGNMENT - 1)) != 0)
		return reader_damaged(reader, "its bytes are not aligned");
	if (reader->length < sizeof(header->magic) ||
		memcmp(header->magic, FORMAT_MAGIC, sizeof(header->magic)) != 0)
		return reader_damaged(reader, "these are not the bytes of an Echolon model");
	if (reader->length < sizeof(FormatHeader))
		return reader_damaged(reader, "it ends after %zu bytes, within its header", reader->length);
	if (header->version < 1 || header->version > newest)
		return reader_damaged(reader, "its format has version %u, and this Echolon reads versions 1 to %u",
					   header->version, newest);
	reader->nsections = format_nsections(header->version);
	if (reader->length < sizeof(FormatHeader) + reader->nsections * sizeof(FormatSection))
		return reader_damaged(reader, "it ends after %zu bytes, within its header", reader->length);
	if (header->length != reader->length)
		return reader_damaged(reader, "it has %zu bytes and says it has %llu", reader->length,
					   (unsigned long long) header->length);
	if (header->checksum != format_checksum(reader->env, reader->bytes, reader->length))
		return reader_damaged(reader, "its checksum is wrong");
	if (header->nsections != reader->nsections || header->reserved != 0)
		return reader_damaged(reader, "its header is wrong");
	return true;
}

/* Are the bytes of the padding zero? */
static bool
zero_bytes(const uint8_t *p, size_t n)
{
	while (n-- > 0)
		if (*p++ != 0)
			return false;
	return true;
}

static bool
read_sections(Reader *reader)
{
	size_t		end = sizeof(FormatHeader) + reader->nsections * sizeof(FormatSection);

	memcpy(reader->section, reader->bytes + sizeof(FormatHeader),
		   reader->nsections * sizeof(FormatSection));
	for (uint32_t i = 0; i < reader->nsections; i++)
	{
		const FormatSection *section = &reader->section[i];
		size_t		next;

		if (section->kind != i + 1 || section->reserved != 0 || section->offset != end ||
			section->length > reader->length - end ||
			section->length % element_size[i] != 0 ||
			(reader->whole && format_shared(i + 1) && section->length != 0))
			return reader_damaged(reader, "section %u of its table is wrong", i + 1);
		end += section->length;
		next = format_align(end);
		if (next > reader->length || !zero_bytes(reader->bytes + end, next - end))
			return reader_damaged(reader, "the padding behind section %u is wrong", i + 1);
		end = next;
	}
	if (end != reader->length)
		return reader_damaged(reader, "there are bytes behind its last section");
	return true;
}

bool
reader_expect_count(Reader *reader, FormatSectionKind kind, uint64_t count, const char *what)
{
	uint64_t	found = section_length(reader, kind) / element_size[kind - 1];

	if (found != count)
		return reader_damaged(reader, "it has %llu %s where %llu belong", (unsigned long long) found, what,
					   (unsigned long long) count);
	return true;
}

/* ---- what kind of model it is -------------------------------------------- */

/* Is a part the same as its whole in all but the number of trees? */
static bool
fits_whole(const ModelFile *whole, const FormatGeneral *g)
{
	return g->task == whole->task && g->numeric_labels == (whole->numeric_labels ? 1 : 0) &&
		g->nlabels == whole->nlabels && g->positive == whole->positive && g->threshold == whole->threshold &&
		g->ncolumns == whole->ncolumns && g->nfeatures == whole->nfeatures &&
		g->algorithm == whole->learn.algorithm && g->link == whole->learn.link;
}

/* Task, algorithm, classes and link must fit each other. */
static bool
read_general(Reader *reader)
{
	const FormatGeneral *g = section_data(reader, SECTION_GENERAL);
	bool		fits;

	if (!reader_expect_count(reader, SECTION_GENERAL, 1, "general sections"))
		return false;
	reader->general = g;
	if (g->reserved != 0 || g->numeric_labels > 1)
		return reader_damaged(reader, "its general section is wrong");
	if (g->task == TASK_REGRESSION)
		fits = g->nclasses == 0 && g->numeric_labels == 0;
	else
		fits = g->task == TASK_CLASSIFICATION && g->nclasses >= 2 &&
			g->nclasses <= LEARN_MAX_CLASSES;
	if (!fits || g->nlabels != g->nclasses)
		return reader_damaged(reader, "task %u with %u classes and %u labels", g->task, g->nclasses,
					   g->nlabels);

	if (g->algorithm == LEARN_FOREST)
		fits = g->link == LINK_IDENTITY && g->nscores == 1 && g->ntrees > 0;
	else if (g->algorithm != LEARN_BOOSTING)
		fits = false;
	else if (g->nclasses == 0)
		fits = (g->link == LINK_IDENTITY || g->link == LINK_LOG) && g->nscores == 1;
	else if (g->nclasses == 2)
		fits = g->link == LINK_LOGISTIC && g->nscores == 1;
	else
		fits = g->link == LINK_SOFTMAX && g->nscores == g->nclasses;
	if (!fits || g->ntrees % g->nscores != 0)
		return reader_damaged(reader, "algorithm %u with link %u, %u classes, %u scores and %u trees",
					   g->algorithm, g->link, g->nclasses, g->nscores, g->ntrees);

	if (g->nclasses == 2 ? g->positive > 1 : g->positive >= (g->nclasses == 0 ? 1 : g->nclasses))
		return reader_damaged(reader, "class %u is the positive one of %u", g->positive, g->nclasses);
	if (!(g->threshold >= 0 && g->threshold <= 1))
		return reader_damaged(reader, "its threshold is not between 0 and 1");
	if (g->nfeatures < 1 || g->nfeatures > LEARN_MAX_FEATURES)
		return reader_damaged(reader, "it has %u features", g->nfeatures);
	if (reader->whole && !fits_whole(reader->whole, g))
		return reader_damaged(reader, "it is not of the kind of the model it is part of");
	return true;
}

/* ---- strings ------------------------------------------------------------- */

/* Every string, one behind the other, each closed by a NUL. */
static bool
read_strings(Reader *reader)
{
	const FormatString *place = section_data(reader, SECTION_STRINGS);
	const char *text = section_data(reader, SECTION_TEXT);
	const FormatColumn *columns = section_data(reader, SECTION_COLUMNS);
	uint64_t	ntext = section_length(reader, SECTION_TEXT);
	uint64_t	n = 1 + (uint64_t) reader->general->nlabels + reader->general->nfeatures;
	uint64_t	end = 0;

	if (!reader_expect_count(reader, SECTION_COLUMNS, reader->general->ncolumns, "columns"))
		return false;
	for (uint32_t c = 0; c < reader->general->ncolumns; c++)
		n += 3 + (uint64_t) columns[c].ncategories;
	if (!reader_expect_count(reader, SECTION_STRINGS, n, "strings"))
		return false;

	reader->strings = env_alloc(reader->env, n, sizeof(char *));
	for (uint64_t i = 0; i < n; i++)
	{
		reader_check_cancel(reader, 1 + place[i].length / 8);
		if (place[i].offset != end || place[i].length >= ntext - end ||
			text[end + place[i].length] != '\0' ||
			!format_utf8((const uint8_t *) text + end, place[i].length))
			return reader_damaged(reader, "string %llu is wrong", (unsigned long long) i);
		reader->strings[i] = text + end;
		end += (uint64_t) place[i].length + 1;
	}
	if (end != ntext)
		return reader_damaged(reader, "there is text behind its last string");
	return true;
}

/* ---- schema -------------------------------------------------------------- */

/* Does a treatment change nothing, said in the one way there is? */
static bool
treats_nothing(const ModelTreatment *t)
{
	const ModelTreatment untreated = MODEL_UNTREATED;

	return memcmp(t, &untreated, sizeof(untreated)) == 0;
}

/* Are a treatment's numbers such that a value of this column comes out as one? */
static bool
treatment_fits(const ModelTreatment *t, const ModelColumn *column)
{
	static const double zero = 0;

	if (t->impute > IMPUTE_CONSTANT || t->scale > SCALE_ROBUST)
		return false;
	if (t->impute == IMPUTE_NONE ? memcmp(&t->fill, &zero, sizeof(zero)) != 0 : !isfinite(t->fill))
		return false;
	if (column->kind == COLUMN_CATEGORY && t->impute != IMPUTE_NONE &&
		!(t->fill >= 0 && t->fill < column->ncategories && t->fill == (uint32_t) t->fill))
		return false;
	/* an end that clips nothing is infinite */
	if (!(t->low <= t->high) || t->low == INFINITY || t->high == -INFINITY)
		return false;
	if (t->scale == SCALE_NONE)
	{
		const double one = 1;

		if (memcmp(&t->center, &zero, sizeof(zero)) != 0 || memcmp(&t->width, &one, sizeof(one)) != 0)
			return false;
	}
	else if (!isfinite(t->center) || !isfinite(t->width) || !(t->width > 0))
		return false;
	return column->kind == COLUMN_NUMBER ||
		(t->scale == SCALE_NONE && t->low == -INFINITY && t->high == INFINITY);
}

/* What is done to the columns, and the cut of a number target. */
static bool
read_treatments(Reader *reader, ModelFile *file, ModelColumn *columns)
{
	const ModelTreatment *treatments = section_data(reader, SECTION_TREATMENTS);
	uint64_t	n = section_length(reader, SECTION_TREATMENTS) / sizeof(ModelTreatment);
	uint64_t	ncut = section_length(reader, SECTION_CUT) / sizeof(double);
	uint32_t	treated = 0;

	file->has_cut = false;
	file->cut = 0;
	if (reader->nsections < SECTION_CUT)
		return true;
	if (n != 0 && n != file->ncolumns)
		return reader_damaged(reader, "it has %llu treatments of %u columns", (unsigned long long) n, file->ncolumns);
	for (uint32_t c = 0; c < n; c++)
	{
		if (!treatment_fits(&treatments[c], &columns[c]))
			return reader_damaged(reader, "the treatment of column %u is wrong", c);
		if (treats_nothing(&treatments[c]))
			continue;
		columns[c].treatment = &treatments[c];
		treated++;
		reader_check_cancel(reader, 1);
	}
	if (ncut > 1)
		return reader_damaged(reader, "it has %llu cuts", (unsigned long long) ncut);
	if (ncut == 1)
	{
		file->has_cut = true;
		file->cut = *(const double *) section_data(reader, SECTION_CUT);
		if (!isfinite(file->cut) || reader->general->nclasses != 2 || reader->general->numeric_labels != 0)
			return reader_damaged(reader, "its cut is wrong");
	}
	if (ncut == 1 && reader->whole)
		return reader_damaged(reader, "a part has a cut");
	/* without either it would have been written in an earlier version, and so would no treatment at all */
	if (n > 0 ? treated == 0 : ncut == 0 && reader->nsections == SECTION_CUT)
		return reader_damaged(reader, "it has no treatments and no cut");
	return true;
}

/* The columns a row must bring, with their dictionaries. */
static bool
read_columns(Reader *reader, const char *const **strings, ModelFile *file)
{
	const FormatColumn *source = section_data(reader, SECTION_COLUMNS);
	uint32_t	n = reader->general->ncolumns;
	ModelColumn *columns = env_alloc0(reader->env, n > 0 ? n : 1, sizeof(ModelColumn));
	const char **names = env_alloc(reader->env, n > 0 ? n : 1, sizeof(char *));
	bool		distinct;

	for (uint32_t c = 0; c < n; c++)
	{
		ModelColumn *column = &columns[c];
		bool		category = source[c].kind == COLUMN_CATEGORY;
		uint64_t	nown;

		reader_check_cancel(reader, 1);
		column->name = names[c] = (*strings)[0];
		column->type_name = (*strings)[1];
		column->zone = (*strings)[2];
		column->kind = source[c].kind;
		column->pooled = source[c].pooled != 0;
		column->ncategories = source[c].ncategories;
		column->categories = *strings + 3;
		*strings += 3 + (uint64_t) source[c].ncategories;

		if (source[c].reserved != 0 || source[c].pooled > 1 || column->name[0] == '\0' ||
			column->kind < COLUMN_NUMBER || column->kind > COLUMN_TIMESTAMPTZ ||
			(column->kind == COLUMN_TIMESTAMPTZ) != (column->zone[0] != '\0'))
			return reader_damaged(reader, "column %u is wrong", c);
		if (column->ncategories > (category ? LEARN_MAX_CATEGORIES : 0) ||
			(column->pooled && column->ncategories == 0))
			return reader_damaged(reader, "column %u has %u categories", c, column->ncategories);

		/* The name of the pooled ones may be the name of a real level as well. */
		nown = column->pooled ? column->ncategories - 1 : column->ncategories;
		if (!format_distinct(reader->env, column->categories, nown))
			return reader_damaged(reader, "a category of column %u stands twice in its dictionary", c);
	}
	distinct = format_distinct(reader->env, names, n);
	env_free(reader->env, names);
	if (!distinct)
		return reader_damaged(reader, "two of its columns have the same name");
	file->ncolumns = n;
	file->columns = columns;
	return read_treatments(reader, file, columns);
}

/* A part's columns are those of its whole, treated in its own way. */
static bool
share_columns(Reader *reader, ModelFile *file)
{
	const ModelFile *whole = reader->whole;
	ModelColumn *columns = env_alloc(reader->env, whole->ncolumns > 0 ? whole->ncolumns : 1, sizeof(ModelColumn));

	for (uint32_t c = 0; c < whole->ncolumns; c++)
	{
		columns[c] = whole->columns[c];
		columns[c].treatment = NULL;
	}
	file->ncolumns = whole->ncolumns;
	file->columns = columns;
	return read_treatments(reader, file, columns);
}

/* Can a feature be this part of a column of this kind? */
static bool
part_fits(uint32_t kind, uint32_t part)
{
	if (part == PART_VALUE)
		return true;
	if (part == PART_TARGET_MEAN)
		return kind == COLUMN_CATEGORY;
	if (kind == COLUMN_NUMBER || kind == COLUMN_CATEGORY || part > PART_LAST)
		return false;
	return part != PART_HOUR || kind != COLUMN_DATE;
}

/*
 * The means of a target-encoded feature, of which *nmeans are left in the section at *means.
 * Of a class they are shares.
 */
static bool
read_means(Reader *reader, const double **means, uint64_t *nmeans, uint32_t ncategories, uint32_t f)
{
	uint64_t	n = model_nmeans(ncategories);
	bool		shares = reader->general->nclasses > 0;

	if (n > *nmeans)
		return reader_damaged(reader, "feature %u has %llu means of %llu", f, (unsigned long long) *nmeans,
					   (unsigned long long) n);
	for (uint64_t i = 0; i < n; i++)
		if (!isfinite((*means)[i]) || (shares && !((*means)[i] >= 0 && (*means)[i] <= 1)))
			return reader_damaged(reader, "mean %llu of feature %u is wrong", (unsigned long long) i, f);
	reader_check_cancel(reader, n);
	*means += n;
	*nmeans -= n;
	return true;
}

/* What each feature is, for people and for the learner. */
static bool
read_features(Reader *reader, const char *const **strings, ModelFile *file)
{
	const FormatFeature *source = section_data(reader, SECTION_FEATURES);
	const LearnFeature *learn = section_data(reader, SECTION_LEARN_FEATURES);
	const double *thresholds = section_data(reader, SECTION_THRESHOLDS);
	uint64_t	nthresholds = section_length(reader, SECTION_THRESHOLDS) / sizeof(double);
	const double *means = section_data(reader, SECTION_MEANS);
	uint64_t	nmeans = section_length(reader, SECTION_MEANS) / sizeof(double);
	uint32_t	n = reader->general->nfeatures;
	uint64_t	first = 0;
	ModelFeature *features;

	/* without means it would have been written in version 1 */
	if (reader->nsections == SECTION_MEANS && nmeans == 0)
		return reader_damaged(reader, "it has no means of target-encoded features");
	if (!reader_expect_count(reader, SECTION_FEATURES, reader->whole ? 0 : n, "features") ||
		!reader_expect_count(reader, SECTION_LEARN_FEATURES, n, "features of the learner"))
		return false;
	features = env_alloc0(reader->env, n, sizeof(ModelFeature));
	for (uint32_t f = 0; f < n; f++)
	{
		const ModelColumn *column;

		if (reader->whole)
		{
			features[f] = reader->whole->features[f];
			features[f].means = NULL;
		}
		else
		{
			features[f].name = *(*strings)++;
			features[f].column = source[f].column;
			features[f].part = source[f].part;
			features[f].label = source[f].label;
		}
		if (features[f].column >= file->ncolumns)
			return reader_damaged(reader, "feature %u is made of column %u of %u", f, features[f].column,
						   file->ncolumns);
		column = &file->columns[features[f].column];
		if (!part_fits(column->kind, features[f].part))
			return reader_damaged(reader, "feature %u is part %u of a column of kind %u", f,
						   features[f].part, column->kind);
		if (features[f].label > 0 &&
			(features[f].part != PART_TARGET_MEAN || features[f].label >= reader->general->nclasses))
			return reader_damaged(reader, "feature %u is of class %u of %u", f, features[f].label,
						   reader->general->nclasses);
		if (features[f].part == PART_TARGET_MEAN)
		{
			features[f].means = means;
			if (!read_means(reader, &means, &nmeans, column->ncategories, f))
				return false;
		}
		else if (column->kind == COLUMN_CATEGORY)
		{
			if (learn[f].kind != LEARN_CATEGORY || learn[f].nvalues != column->ncategories ||
				learn[f].first_threshold != 0)
				return reader_damaged(reader, "feature %u does not fit its column", f);
			continue;
		}
		if (learn[f].kind != LEARN_NUMERIC || learn[f].nvalues > FORMAT_MAX_VALUES ||
			learn[f].first_threshold != first || learn[f].nvalues > nthresholds - first)
			return reader_damaged(reader, "feature %u does not fit its column", f);
		for (uint32_t i = 0; i < learn[f].nvalues; i++)
		{
			const double *value = &thresholds[first + i];

			if (!isfinite(*value) || (i > 0 && !(value[-1] < *value)))
				return reader_damaged(reader, "threshold %u of feature %u is wrong", i, f);
		}
		first += learn[f].nvalues;
		reader_check_cancel(reader, 1 + learn[f].nvalues);
	}
	if (first != nthresholds)
		return reader_damaged(reader, "there are thresholds of no feature");
	if (nmeans != 0)
		return reader_damaged(reader, "there are means of no feature");
	file->nfeatures = n;
	file->features = features;
	file->learn.nfeatures = n;
	file->learn.features = learn;
	file->learn.nthresholds = nthresholds;
	file->learn.thresholds = thresholds;
	return true;
}

static bool
read_stats(Reader *reader, ModelFile *file)
{
	const FormatStats *source = section_data(reader, SECTION_STATS);
	const double *upper = section_data(reader, SECTION_STATS_UPPER);
	const uint64_t *counts = section_data(reader, SECTION_STATS_COUNTS);
	uint64_t	nupper = section_length(reader, SECTION_STATS_UPPER) / sizeof(double);
	uint64_t	ncounts = section_length(reader, SECTION_STATS_COUNTS) / sizeof(uint64_t);
	uint32_t	n = file->nfeatures;
	LearnStats *stats;

	if (!reader_expect_count(reader, SECTION_STATS, n, "features with statistics"))
		return false;
	stats = env_alloc0(reader->env, n, sizeof(LearnStats));
	for (uint32_t f = 0; f < n; f++)
	{
		const FormatStats *s = &source[f];
		bool		numeric = file->learn.features[f].kind == LEARN_NUMERIC;
		uint64_t	rest = s->count;

		if (s->reserved != 0 || !isfinite(s->minimum) || !isfinite(s->maximum) ||
			s->minimum > s->maximum || !isfinite(s->mean) || !isfinite(s->stddev) ||
			s->stddev < 0 || s->nbins > ncounts ||
			(numeric ? s->nbins > LEARN_STATS_BINS || s->nbins > nupper :
			 s->nbins != file->learn.features[f].nvalues))
			return reader_damaged(reader, "the statistics of feature %u are wrong", f);
		for (uint32_t i = 0; i < s->nbins; i++)
		{
			if (counts[i] > rest ||
				(numeric && (!isfinite(upper[i]) || (i > 0 && !(upper[i - 1] < upper[i])))))
				return reader_damaged(reader, "bin %u of the statistics of feature %u is wrong", i, f);
			rest -= counts[i];
		}
		stats[f].count = s->count;
		stats[f].missing = s->missing;
		stats[f].minimum = s->minimum;
		stats[f].maximum = s->maximum;
		stats[f].mean = s->mean;
		stats[f].stddev = s->stddev;
		stats[f].nbins = s->nbins;
		stats[f].counts = counts;
		counts += s->nbins;
		ncounts -= s->nbins;
		if (numeric)
		{
			stats[f].upper = upper;
			upper += s->nbins;
			nupper -= s->nbins;
		}
		reader_check_cancel(reader, 1 + s->nbins);
	}
	if (nupper != 0 || ncounts != 0)
		return reader_damaged(reader, "there are statistics of no feature");
	file->stats = stats;
	return true;
}

/* ---- groups ---------------------------------------------------------------- */

static bool
read_groups(Reader *reader, ModelFile *file)
{
	ModelGroups *groups;

	if (reader->nsections < SECTION_GROUP_MODELS)
		return true;
	groups = env_alloc0(reader->env, 1, sizeof(ModelGroups));
	groups->ncolumns = (uint32_t) (section_length(reader, SECTION_GROUP_COLUMNS) / sizeof(uint32_t));
	groups->columns = section_data(reader, SECTION_GROUP_COLUMNS);
	groups->keys = section_data(reader, SECTION_GROUP_KEYS);
	groups->first = section_data(reader, SECTION_GROUP_FIRST);
	groups->bytes = section_data(reader, SECTION_GROUP_MODELS);
	if (section_length(reader, SECTION_GROUP_COLUMNS) > MODEL_MAX_GROUP_COLUMNS * sizeof(uint32_t))
		return reader_damaged(reader, "too many columns tell its groups");
	file->groups = groups;
	return format_read_groups(reader->env, file, groups,
							  section_length(reader, SECTION_GROUP_KEYS) / sizeof(double),
							  section_length(reader, SECTION_GROUP_FIRST) / sizeof(uint64_t),
							  section_length(reader, SECTION_GROUP_MODELS), reader->why, reader->whysize);
}

/* ---- all of it ------------------------------------------------------------ */

/* Target and classes. */
static bool
read_labels(Reader *reader, const char *const **strings, ModelFile *file)
{
	if (reader->whole)
	{
		file->target = reader->whole->target;
		file->labels = reader->whole->labels;
		return true;
	}
	file->target = *(*strings)++;
	file->labels = *strings;
	*strings += file->nlabels;
	if (!format_distinct(reader->env, file->labels, file->nlabels))
		return reader_damaged(reader, "two of its classes have the same label");
	for (uint32_t i = 0; file->numeric_labels && i < file->nlabels; i++)
		if (!format_number(file->labels[i]))
			return reader_damaged(reader, "label %u is not a number", i);
	return true;
}

static bool
read_file(Reader *reader, ModelFile *file)
{
	const char *const *strings;
	const FormatGeneral *g;

	memset(file, 0, sizeof(*file));
	if (!read_header(reader) || !read_sections(reader) || !read_general(reader) ||
		!(reader->whole || read_strings(reader)))
		return false;

	g = reader->general;
	strings = reader->strings;
	file->part = reader->whole != NULL;
	file->task = g->task;
	file->nlabels = g->nlabels;
	file->numeric_labels = g->numeric_labels != 0;
	file->positive = g->positive;
	file->threshold = g->threshold;
	file->learn.algorithm = g->algorithm;
	file->learn.link = g->link;
	file->learn.nclasses = g->nclasses;
	file->learn.ntrees = g->ntrees;
	file->learn.nscores = g->nscores;

	return read_labels(reader, &strings, file) &&
		(reader->whole ? share_columns(reader, file) : read_columns(reader, &strings, file)) &&
		read_features(reader, &strings, file) &&
		(reader->whole || read_stats(reader, file)) &&
		reader_arrays(reader, &file->learn) &&
		reader_trees(reader, &file->learn) &&
		read_groups(reader, file);
}

bool
model_file_read(const LearnEnv *env, const uint8_t *bytes, size_t length, ModelFile *file,
				char *why, size_t whysize)
{
	Reader		reader = {.env = env, .bytes = bytes, .length = length, .why = why,
	.whysize = whysize};

	return read_file(&reader, file);
}

bool
format_read_part(const LearnEnv *env, const uint8_t *bytes, size_t length, const ModelFile *whole,
				 ModelFile *file, char *why, size_t whysize)
{
	Reader		reader = {.env = env, .bytes = bytes, .length = length, .whole = whole, .why = why,
	.whysize = whysize};

	return read_file(&reader, file);
}
