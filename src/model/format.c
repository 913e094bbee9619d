/*
 * format.c
 *		A model's parts written as bytes.
 *
 * The size of every section is known before the first byte is written: the
 * same function, plan_sections, serves model_file_size and model_file_write,
 * so they cannot disagree.  Thresholds are written feature by feature
 * whatever their order in memory.
 */
#include "model/format_layout.h"

#include <string.h>

/* ---- checksum ----------------------------------------------------------- */

#define CRC_POLYNOMIAL		0x82F63B78u /* Castagnoli 1993, reversed */
#define CRC_SLICES			8
#define CRC_BLOCK			((size_t) 1 << 20)	/* bytes between cancel checks */

typedef struct CrcTable
{
	uint32_t	slice[CRC_SLICES][256];
} CrcTable;

/* Fill the tables for eight bytes a step (Kounavis and Berry 2005); 2,048 entries, some microseconds. */
static void
crc_table(CrcTable *table)
{
	for (uint32_t i = 0; i < 256; i++)
	{
		uint32_t	crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) ? CRC_POLYNOMIAL : 0);
		table->slice[0][i] = crc;
	}
	for (int s = 1; s < CRC_SLICES; s++)
		for (uint32_t i = 0; i < 256; i++)
		{
			uint32_t	crc = table->slice[s - 1][i];

			table->slice[s][i] = (crc >> 8) ^ table->slice[0][crc & 0xFF];
		}
}

/* Carry crc over length more bytes. */
static uint32_t
crc_update(const CrcTable *table, uint32_t crc, const uint8_t *p, size_t length)
{
	while (length >= 8)
	{
		uint64_t	word;

		memcpy(&word, p, 8);
		word ^= crc;
		crc = 0;
		for (int i = 0; i < 8; i++)
			crc ^= table->slice[7 - i][(word >> (8 * i)) & 0xFF];
		p += 8;
		length -= 8;
	}
	while (length-- > 0)
		crc = (crc >> 8) ^ table->slice[0][(crc ^ *p++) & 0xFF];
	return crc;
}

uint32_t
format_checksum(const LearnEnv *env, const uint8_t *bytes, size_t length)
{
	static const uint8_t zeros[sizeof(uint32_t)] = {0};
	const size_t field = offsetof(FormatHeader, checksum);
	size_t		done = field + sizeof(uint32_t);
	CrcTable	table;
	uint32_t	crc = 0xFFFFFFFFu;

	crc_table(&table);
	crc = crc_update(&table, crc, bytes, field);
	crc = crc_update(&table, crc, zeros, sizeof(zeros));
	while (done < length)
	{
		size_t		n = length - done < CRC_BLOCK ? length - done : CRC_BLOCK;

		if (env != NULL)
			env->check(env->arg);
		crc = crc_update(&table, crc, bytes + done, n);
		done += n;
	}
	return ~crc;
}

void
model_file_seal(uint8_t *bytes, size_t length)
{
	uint32_t	crc;

	if (length < sizeof(FormatHeader))
		return;
	crc = format_checksum(NULL, bytes, length);
	memcpy(bytes + offsetof(FormatHeader, checksum), &crc, sizeof(crc));
}

/* ---- sizes -------------------------------------------------------------- */

/* What a model's sections hold, counted once. */
typedef struct FormatPlan
{
	uint32_t	version;
	FormatSection section[FORMAT_NSECTIONS];
	bool		part;
	size_t		length;			/* of all bytes; SIZE_MAX where they do not add up */
	size_t		nstrings;
	size_t		ntext;			/* bytes of SECTION_TEXT */
} FormatPlan;

/* Add a section of count elements to the plan. */
static void
plan_section(FormatPlan *plan, FormatSectionKind kind, uint64_t count, size_t size)
{
	FormatSection *section = &plan->section[kind - 1];

	section->kind = kind;
	section->reserved = 0;
	section->offset = plan->length;
	if (plan->part && format_shared(kind))
		count = 0;
	if (plan->length > SIZE_MAX / 2 || count > (SIZE_MAX / 2 - plan->length) / size)
	{
		plan->length = SIZE_MAX;
		return;
	}
	section->length = count * size;
	plan->length = format_align(plan->length + section->length);
}

/* Count one string. */
static void
plan_string(FormatPlan *plan, const char *string)
{
	plan->nstrings++;
	plan->ntext += strlen(string) + 1;
}

static uint64_t
count_set_words(const LearnModel *learn)
{
	return learn->nsets == 0 ? 0 : learn->set_first[learn->nsets];
}

/* Thresholds that features own; the array of the model may hold others. */
static uint64_t
count_thresholds(const LearnModel *learn)
{
	uint64_t	n = 0;

	for (uint32_t f = 0; f < learn->nfeatures; f++)
		if (learn->features[f].kind == LEARN_NUMERIC)
			n += learn->features[f].nvalues;
	return n;
}

/* Means of all target-encoded features. */
static uint64_t
count_means(const ModelFile *file)
{
	uint64_t	n = 0;

	for (uint32_t f = 0; f < file->nfeatures; f++)
		if (file->features[f].part == PART_TARGET_MEAN)
			n += model_nmeans(file->columns[file->features[f].column].ncategories);
	return n;
}

/* Columns with a treatment or without, where there is any with one; else 0. */
static uint32_t
count_treatments(const ModelFile *file)
{
	for (uint32_t c = 0; c < file->ncolumns; c++)
		if (file->columns[c].treatment != NULL)
			return file->ncolumns;
	return 0;
}

/* Count the strings, bins and bounds of the schema and its statistics. */
static void
plan_schema(const ModelFile *file, FormatPlan *plan, uint64_t *nupper, uint64_t *ncounts)
{
	if (file->part)
		return;
	plan_string(plan, file->target);
	for (uint32_t i = 0; i < file->nlabels; i++)
		plan_string(plan, file->labels[i]);
	for (uint32_t c = 0; c < file->ncolumns; c++)
	{
		plan_string(plan, file->columns[c].name);
		plan_string(plan, file->columns[c].type_name);
		plan_string(plan, file->columns[c].zone);
		for (uint32_t i = 0; i < file->columns[c].ncategories; i++)
			plan_string(plan, file->columns[c].categories[i]);
	}
	for (uint32_t f = 0; f < file->nfeatures; f++)
	{
		plan_string(plan, file->features[f].name);
		*ncounts += file->stats[f].nbins;
		if (file->learn.features[f].kind == LEARN_NUMERIC)
			*nupper += file->stats[f].nbins;
	}
}

/* Where each section begins and how long it is. */
static void
plan_sections(const ModelFile *file, FormatPlan *plan)
{
	const LearnModel *learn = &file->learn;
	uint64_t	nupper = 0,
				ncounts = 0,
				nmeans = count_means(file);
	uint32_t	ntreatments = count_treatments(file);
	bool		cut = file->has_cut && !file->part;
	const ModelGroups *groups = file->groups;

	memset(plan, 0, sizeof(*plan));
	plan->version = groups ? 4 : ntreatments > 0 || cut ? 3 : nmeans > 0 ? 2 : 1;
	plan->part = file->part;
	plan_schema(file, plan, &nupper, &ncounts);

	plan->length = sizeof(FormatHeader) + format_nsections(plan->version) * sizeof(FormatSection);
	plan_section(plan, SECTION_GENERAL, 1, sizeof(FormatGeneral));
	plan_section(plan, SECTION_STRINGS, plan->nstrings, sizeof(FormatString));
	plan_section(plan, SECTION_TEXT, plan->ntext, 1);
	plan_section(plan, SECTION_COLUMNS, file->ncolumns, sizeof(FormatColumn));
	plan_section(plan, SECTION_FEATURES, file->nfeatures, sizeof(FormatFeature));
	plan_section(plan, SECTION_STATS, file->nfeatures, sizeof(FormatStats));
	plan_section(plan, SECTION_STATS_UPPER, nupper, sizeof(double));
	plan_section(plan, SECTION_STATS_COUNTS, ncounts, sizeof(uint64_t));
	plan_section(plan, SECTION_LEARN_FEATURES, learn->nfeatures, sizeof(LearnFeature));
	plan_section(plan, SECTION_BASE, learn->nscores, sizeof(double));
	plan_section(plan, SECTION_THRESHOLDS, count_thresholds(learn), sizeof(double));
	plan_section(plan, SECTION_TREE_FIRST, (uint64_t) learn->ntrees + 1, sizeof(uint64_t));
	plan_section(plan, SECTION_NODES, learn->nnodes, sizeof(LearnNode));
	plan_section(plan, SECTION_COVERS, learn->nnodes, sizeof(float));
	plan_section(plan, SECTION_TREE_FIRST_SET, (uint64_t) learn->ntrees + 1, sizeof(uint64_t));
	plan_section(plan, SECTION_SET_FIRST, learn->nsets + 1, sizeof(uint64_t));
	plan_section(plan, SECTION_SET_WORDS, count_set_words(learn), sizeof(uint32_t));
	plan_section(plan, SECTION_LEAF_TABLE, learn->nleaves,
				 sizeof(double) * (learn->nclasses > 0 ? learn->nclasses : 1));
	plan_section(plan, SECTION_GAIN, learn->nfeatures, sizeof(double));
	plan_section(plan, SECTION_SPLITS, learn->nfeatures, sizeof(uint64_t));
	if (plan->version > 1)
		plan_section(plan, SECTION_MEANS, nmeans, sizeof(double));
	if (plan->version > 2)
	{
		plan_section(plan, SECTION_TREATMENTS, ntreatments, sizeof(ModelTreatment));
		plan_section(plan, SECTION_CUT, cut ? 1 : 0, sizeof(double));
	}
	if (groups)
	{
		plan_section(plan, SECTION_GROUP_COLUMNS, groups->ncolumns, sizeof(uint32_t));
		plan_section(plan, SECTION_GROUP_KEYS, (uint64_t) groups->ngroups * groups->ncolumns, sizeof(double));
		plan_section(plan, SECTION_GROUP_FIRST, (uint64_t) groups->ngroups + 1, sizeof(uint64_t));
		plan_section(plan, SECTION_GROUP_MODELS, groups->first[groups->ngroups], 1);
	}

	/* A string's place has 32 bits. */
	if (plan->ntext > UINT32_MAX)
		plan->length = SIZE_MAX;
}

size_t
model_file_size(const ModelFile *file)
{
	FormatPlan	plan;

	plan_sections(file, &plan);
	return plan.length;
}

/* ---- writing ------------------------------------------------------------ */

/* Where a section begins. */
static void *
section_start(const FormatPlan *plan, uint8_t *bytes, FormatSectionKind kind)
{
	return bytes + plan->section[kind - 1].offset;
}

/* Fill a section from an array of its own shape; an empty one may be NULL. */
static void
write_section(const FormatPlan *plan, uint8_t *bytes, FormatSectionKind kind, const void *source)
{
	if (plan->section[kind - 1].length > 0 && source != NULL)
		memcpy(section_start(plan, bytes, kind), source, plan->section[kind - 1].length);
}

/* Where the next string goes. */
typedef struct StringWriter
{
	FormatString *place;
	char	   *text;
	uint32_t	offset;
} StringWriter;

static void
write_string(StringWriter *writer, const char *string)
{
	size_t		length = strlen(string);

	writer->place->offset = writer->offset;
	writer->place->length = (uint32_t) length;
	writer->place++;
	memcpy(writer->text + writer->offset, string, length + 1);
	writer->offset += (uint32_t) length + 1;
}

/* The strings, and the columns and features they belong to. */
static void
write_schema(const ModelFile *file, const FormatPlan *plan, uint8_t *bytes)
{
	FormatColumn *columns = section_start(plan, bytes, SECTION_COLUMNS);
	FormatFeature *features = section_start(plan, bytes, SECTION_FEATURES);
	StringWriter writer = {
		.place = section_start(plan, bytes, SECTION_STRINGS),
		.text = section_start(plan, bytes, SECTION_TEXT),
		.offset = 0
	};

	write_string(&writer, file->target);
	for (uint32_t i = 0; i < file->nlabels; i++)
		write_string(&writer, file->labels[i]);
	for (uint32_t c = 0; c < file->ncolumns; c++)
	{
		const ModelColumn *column = &file->columns[c];

		columns[c].kind = column->kind;
		columns[c].pooled = column->pooled ? 1 : 0;
		columns[c].ncategories = column->ncategories;
		write_string(&writer, column->name);
		write_string(&writer, column->type_name);
		write_string(&writer, column->zone);
		for (uint32_t i = 0; i < column->ncategories; i++)
			write_string(&writer, column->categories[i]);
	}
	for (uint32_t f = 0; f < file->nfeatures; f++)
	{
		features[f].column = file->features[f].column;
		features[f].part = (uint16_t) file->features[f].part;
		features[f].label = (uint16_t) file->features[f].label;
		write_string(&writer, file->features[f].name);
	}
}

/* The training statistics. */
static void
write_stats(const ModelFile *file, const FormatPlan *plan, uint8_t *bytes)
{
	FormatStats *stats = section_start(plan, bytes, SECTION_STATS);
	double	   *upper = section_start(plan, bytes, SECTION_STATS_UPPER);
	uint64_t   *counts = section_start(plan, bytes, SECTION_STATS_COUNTS);

	for (uint32_t f = 0; f < file->nfeatures; f++)
	{
		const LearnStats *source = &file->stats[f];

		stats[f].count = source->count;
		stats[f].missing = source->missing;
		stats[f].minimum = source->minimum;
		stats[f].maximum = source->maximum;
		stats[f].mean = source->mean;
		stats[f].stddev = source->stddev;
		stats[f].nbins = source->nbins;
		if (source->nbins == 0)
			continue;
		memcpy(counts, source->counts, source->nbins * sizeof(uint64_t));
		counts += source->nbins;
		if (file->learn.features[f].kind == LEARN_NUMERIC)
		{
			memcpy(upper, source->upper, source->nbins * sizeof(double));
			upper += source->nbins;
		}
	}
}

/* Features and their thresholds, which are brought into the order of the features. */
static void
write_thresholds(const ModelFile *file, const FormatPlan *plan, uint8_t *bytes)
{
	const LearnModel *learn = &file->learn;
	LearnFeature *features = section_start(plan, bytes, SECTION_LEARN_FEATURES);
	double	   *thresholds = section_start(plan, bytes, SECTION_THRESHOLDS);
	uint64_t	first = 0;

	for (uint32_t f = 0; f < learn->nfeatures; f++)
	{
		const LearnFeature *source = &learn->features[f];

		features[f].kind = source->kind;
		features[f].nvalues = source->nvalues;
		features[f].first_threshold = 0;
		if (source->kind != LEARN_NUMERIC)
			continue;
		features[f].first_threshold = first;
		if (source->nvalues > 0)
			memcpy(thresholds + first, learn->thresholds + source->first_threshold,
				   source->nvalues * sizeof(double));
		first += source->nvalues;
	}
}

/* The means of the target-encoded features, one behind the other. */
static void
write_means(const ModelFile *file, const FormatPlan *plan, uint8_t *bytes)
{
	double	   *means = section_start(plan, bytes, SECTION_MEANS);

	for (uint32_t f = 0; f < file->nfeatures; f++)
	{
		const ModelFeature *feature = &file->features[f];
		uint64_t	n;

		if (feature->part != PART_TARGET_MEAN)
			continue;
		n = model_nmeans(file->columns[feature->column].ncategories);
		memcpy(means, feature->means, n * sizeof(double));
		means += n;
	}
}

/* The treatments of all columns, where there is one. */
static void
write_treatments(const ModelFile *file, const FormatPlan *plan, uint8_t *bytes)
{
	ModelTreatment *treatments = section_start(plan, bytes, SECTION_TREATMENTS);

	if (plan->section[SECTION_TREATMENTS - 1].length == 0)
		return;
	for (uint32_t c = 0; c < file->ncolumns; c++)
		treatments[c] = file->columns[c].treatment ? *file->columns[c].treatment : MODEL_UNTREATED;
}

void
model_file_write(const ModelFile *file, uint8_t *bytes)
{
	const LearnModel *learn = &file->learn;
	FormatPlan	plan;
	FormatHeader *header = (FormatHeader *) bytes;
	FormatGeneral *general;

	plan_sections(file, &plan);
	memset(bytes, 0, plan.length);

	memcpy(header->magic, FORMAT_MAGIC, sizeof(header->magic));
	header->version = plan.version;
	header->length = plan.length;
	header->nsections = format_nsections(plan.version);
	memcpy(bytes + sizeof(FormatHeader), plan.section, header->nsections * sizeof(FormatSection));

	general = section_start(&plan, bytes, SECTION_GENERAL);
	general->task = file->task;
	general->numeric_labels = file->numeric_labels ? 1 : 0;
	general->nlabels = file->nlabels;
	general->positive = file->positive;
	general->threshold = file->threshold;
	general->ncolumns = file->ncolumns;
	general->nfeatures = file->nfeatures;
	general->algorithm = learn->algorithm;
	general->link = learn->link;
	general->nclasses = learn->nclasses;
	general->ntrees = learn->ntrees;
	general->nscores = learn->nscores;

	if (!file->part)
	{
		write_schema(file, &plan, bytes);
		write_stats(file, &plan, bytes);
	}
	write_thresholds(file, &plan, bytes);

	/* Without sets the learner may leave their tables out: they are zeros. */
	write_section(&plan, bytes, SECTION_BASE, learn->base);
	write_section(&plan, bytes, SECTION_TREE_FIRST, learn->tree_first);
	write_section(&plan, bytes, SECTION_NODES, learn->nodes);
	write_section(&plan, bytes, SECTION_COVERS, learn->covers);
	write_section(&plan, bytes, SECTION_TREE_FIRST_SET, learn->tree_first_set);
	write_section(&plan, bytes, SECTION_SET_FIRST, learn->set_first);
	write_section(&plan, bytes, SECTION_SET_WORDS, learn->set_words);
	write_section(&plan, bytes, SECTION_LEAF_TABLE, learn->leaf_table);
	write_section(&plan, bytes, SECTION_GAIN, learn->gain);
	write_section(&plan, bytes, SECTION_SPLITS, learn->splits);
	if (plan.version > 1)
		write_means(file, &plan, bytes);
	if (plan.version > 2)
	{
		write_treatments(file, &plan, bytes);
		write_section(&plan, bytes, SECTION_CUT, &file->cut);
	}
	if (file->groups)
	{
		write_section(&plan, bytes, SECTION_GROUP_COLUMNS, file->groups->columns);
		write_section(&plan, bytes, SECTION_GROUP_KEYS, file->groups->keys);
		write_section(&plan, bytes, SECTION_GROUP_FIRST, file->groups->first);
		write_section(&plan, bytes, SECTION_GROUP_MODELS, file->groups->bytes);
	}

	model_file_seal(bytes, plan.length);
}
