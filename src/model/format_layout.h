/*
 * format_layout.h
 *		How the bytes of a model lie: shared by format.c, which writes them, and
 *		format_read.c, which checks and reads them (with format_trees.c, format_text.c and format_groups.c).
 *		docs/model-format.md says it in prose.
 *
 * A header, a table of sections, the sections in the table's order.  Nothing in
 * the file can be said in two ways: sections follow each other at the next
 * multiple of eight, padding and reserved fields are zero, counts are the
 * lengths of sections, strings stand in the order of their use.  Reading and
 * writing again therefore gives the same bytes.
 */
#ifndef ECHOLON_FORMAT_LAYOUT_H
#define ECHOLON_FORMAT_LAYOUT_H

#include "model/format.h"

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a model's bytes are used in place: Echolon needs a little-endian machine"
#endif

#define FORMAT_MAGIC		"ECHOLON"	/* eight bytes with its NUL */
#define FORMAT_ALIGNMENT	8
#define FORMAT_MAX_DEPTH	65535	/* of a tree; a tree of one node has depth 1 */
#define FORMAT_MAX_VALUES	65535	/* thresholds of a feature: a rank has 16 bits */

typedef struct FormatHeader
{
	char		magic[8];
	uint32_t	version;		/* 1; 2: with SECTION_MEANS; 3: with SECTION_CUT; 4: with all */
	uint32_t	checksum;		/* CRC-32C of all bytes, this field taken as zero */
	uint64_t	length;			/* of all bytes */
	uint32_t	nsections;
	uint32_t	reserved;
} FormatHeader;

typedef struct FormatSection
{
	uint32_t	kind;			/* FormatSectionKind */
	uint32_t	reserved;
	uint64_t	offset;			/* from the first byte of the header */
	uint64_t	length;			/* without the padding behind it */
} FormatSection;

/* In the order of the file. */
typedef enum FormatSectionKind
{
	SECTION_GENERAL = 1,		/* one FormatGeneral */
	SECTION_STRINGS,			/* FormatString: where each string lies in SECTION_TEXT */
	SECTION_TEXT,				/* the strings, each with a NUL behind it */
	SECTION_COLUMNS,			/* FormatColumn */
	SECTION_FEATURES,			/* FormatFeature */
	SECTION_STATS,				/* FormatStats, one a feature */
	SECTION_STATS_UPPER,		/* float64: upper bounds of the numeric features' bins */
	SECTION_STATS_COUNTS,		/* uint64: rows of a bin or category */
	SECTION_LEARN_FEATURES,		/* LearnFeature */
	SECTION_BASE,				/* float64, nscores */
	SECTION_THRESHOLDS,			/* float64 */
	SECTION_TREE_FIRST,			/* uint64, ntrees + 1 */
	SECTION_NODES,				/* LearnNode */
	SECTION_COVERS,				/* float32, one a node */
	SECTION_TREE_FIRST_SET,		/* uint64, ntrees + 1 */
	SECTION_SET_FIRST,			/* uint64, nsets + 1 */
	SECTION_SET_WORDS,			/* uint32 */
	SECTION_LEAF_TABLE,			/* float64, nclasses an entry */
	SECTION_GAIN,				/* float64, one a feature */
	SECTION_SPLITS,				/* uint64, one a feature */
	SECTION_MEANS,				/* version 2: float64, model_nmeans() a target-encoded feature */
	SECTION_TREATMENTS,			/* version 3: ModelTreatment, one a column; or none */
	SECTION_CUT,				/* version 3: float64; or none */
	SECTION_GROUP_COLUMNS,		/* version 4: uint32 */
	SECTION_GROUP_KEYS,			/* version 4: float64, one a group and column */
	SECTION_GROUP_FIRST,		/* version 4: uint64, ngroups + 1 */
	SECTION_GROUP_MODELS		/* version 4: models that are parts, of versions 1 to 3 */
} FormatSectionKind;

#define FORMAT_NSECTIONS	27	/* of version 4 */

/* Sections of a version: the first so many of FormatSectionKind. */
#define format_nsections(version) \
	((version) == 1 ? (uint32_t) SECTION_SPLITS : \
	 (version) == 2 ? (uint32_t) SECTION_MEANS : \
	 (version) == 3 ? (uint32_t) SECTION_CUT : (uint32_t) SECTION_GROUP_MODELS)

/* In a part these are empty: they are those of the model it is part of. */
#define format_shared(kind) \
	((kind) >= SECTION_STRINGS && (kind) <= SECTION_STATS_COUNTS)

typedef struct FormatGeneral
{
	uint32_t	task;
	uint32_t	numeric_labels; /* 0 or 1 */
	uint32_t	nlabels;
	uint32_t	positive;
	double		threshold;
	uint32_t	ncolumns;
	uint32_t	nfeatures;
	uint32_t	algorithm;
	uint32_t	link;
	uint32_t	nclasses;
	uint32_t	ntrees;
	uint32_t	nscores;
	uint32_t	reserved;
} FormatGeneral;

/*
 * Order of the strings: the target, the labels, for each column its name, its type, its
 * zone and its categories, then the features' names.
 */
typedef struct FormatString
{
	uint32_t	offset;			/* in SECTION_TEXT */
	uint32_t	length;			/* without the NUL */
} FormatString;

typedef struct FormatColumn
{
	uint32_t	kind;
	uint32_t	pooled;			/* 0 or 1 */
	uint32_t	ncategories;
	uint32_t	reserved;
} FormatColumn;

typedef struct FormatFeature
{
	uint32_t	column;
	uint16_t	part;
	uint16_t	label;			/* 0 but for PART_TARGET_MEAN */
} FormatFeature;

typedef struct FormatStats
{
	uint64_t	count;
	uint64_t	missing;
	double		minimum;
	double		maximum;
	double		mean;
	double		stddev;
	uint32_t	nbins;
	uint32_t	reserved;
} FormatStats;

_Static_assert(sizeof(FormatHeader) == 32, "FormatHeader is 32 bytes");
_Static_assert(sizeof(FormatSection) == 24, "FormatSection is 24 bytes");
_Static_assert(sizeof(FormatGeneral) == 56, "FormatGeneral is 56 bytes");
_Static_assert(sizeof(FormatString) == 8, "FormatString is 8 bytes");
_Static_assert(sizeof(FormatColumn) == 16, "FormatColumn is 16 bytes");
_Static_assert(sizeof(FormatFeature) == 8, "FormatFeature is 8 bytes");
_Static_assert(sizeof(FormatStats) == 56, "FormatStats is 56 bytes");
_Static_assert(sizeof(LearnFeature) == 16, "LearnFeature is 16 bytes");
_Static_assert(sizeof(LearnNode) == 8, "LearnNode is 8 bytes");
_Static_assert(sizeof(double) == 8 && sizeof(float) == 4, "IEEE 754");
_Static_assert(sizeof(ModelTreatment) == 48, "ModelTreatment is 48 bytes");
_Static_assert(FORMAT_NSECTIONS == SECTION_GROUP_MODELS, "the last section's kind is their number");

/* Offset rounded up to where a section may begin; offset is below SIZE_MAX - 7. */
#define format_align(offset) \
	(((offset) + (FORMAT_ALIGNMENT - 1)) & ~(size_t) (FORMAT_ALIGNMENT - 1))

/* CRC-32C of bytes with the header's checksum taken as zero; env may be NULL. */
extern uint32_t format_checksum(const LearnEnv *env, const uint8_t *bytes, size_t length);

/* Is it UTF-8 (Unicode 15, table 3-7) without a NUL? */
extern bool format_utf8(const uint8_t *s, size_t length);

/* Is a label a number as SQL writes one: -12, 0.5, 1e-07, Infinity? */
extern bool format_number(const char *s);

/* Are n strings all different?  Ascending ones need no sort; a merge sort has no bad case. */
extern bool format_distinct(const LearnEnv *env, const char *const *strings, uint64_t n);

/* model_file_read for a part of whole. */
extern bool format_read_part(const LearnEnv *env, const uint8_t *bytes, size_t length,
							 const ModelFile *whole, ModelFile *file, char *why, size_t whysize);

/*
 * Check the groups of file, whose sections hold nkeys keys, nfirst places and nbytes bytes of models (ncolumns
 * and the arrays are in groups), and read their models.  Otherwise as model_file_read.
 */
extern bool format_read_groups(const LearnEnv *env, ModelFile *file, ModelGroups *groups, uint64_t nkeys,
							   uint64_t nfirst, uint64_t nbytes, char *why, size_t whysize);

#endif							/* ECHOLON_FORMAT_LAYOUT_H */
