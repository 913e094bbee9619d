/*
 * format.h
 *		What a model is: its parts in memory, and the bytes it is stored as.
 *
 * Plain C without a server, so that it is fuzzed under sanitizers.  Strings
 * are UTF-8 whatever the database's encoding.  docs/model-format.md describes
 * the bytes; no byte depends on time, user or version number.
 */
#ifndef ECHOLON_FORMAT_H
#define ECHOLON_FORMAT_H

#include <math.h>

#include "learn/learn.h"

typedef enum ModelTask
{
	TASK_REGRESSION = 1,
	TASK_CLASSIFICATION = 2
} ModelTask;

/* How a column of a table is read. */
typedef enum ColumnKind
{
	COLUMN_NUMBER = 1,			/* smallint .. numeric, real, double precision, interval (seconds) */
	COLUMN_CATEGORY,			/* text, varchar, char, enum, uuid, boolean */
	COLUMN_DATE,
	COLUMN_TIMESTAMP,
	COLUMN_TIMESTAMPTZ
} ColumnKind;

/* What of a column a feature is: itself, a calendar part of a date, or a number its level stands for. */
typedef enum ColumnPart
{
	PART_VALUE = 0,
	PART_YEAR,
	PART_MONTH,					/* 1 .. 12 */
	PART_DAY,					/* 1 .. 31 */
	PART_DAY_OF_WEEK,			/* Monday 0 .. Sunday 6 */
	PART_DAY_OF_YEAR,			/* 1 .. 366 */
	PART_HOUR,					/* 0 .. 23; timestamps only */
	PART_LAST = PART_HOUR,		/* of the calendar parts that a model may hold */
	PART_TARGET_MEAN,			/* of a category: the target's smoothed mean in its level */
	PART_QUARTER,				/* 1 .. 4; from here on for views of features only */
	PART_WEEK,					/* ISO 8601, 1 .. 53 */
	PART_WEEKEND,				/* Saturday, Sunday */
	PART_MONTH_START,			/* the first day */
	PART_MONTH_END				/* the last day */
} ColumnPart;

/* How a missing value is filled: by what was learned of the column's training rows. */
typedef enum ModelImpute
{
	IMPUTE_NONE = 0,
	IMPUTE_MEAN,				/* of a category the mode, as MEDIAN; of a date the median */
	IMPUTE_MEDIAN,
	IMPUTE_MODE,
	IMPUTE_CONSTANT
} ModelImpute;

/* What a number is divided by, after a centre was subtracted. */
typedef enum ModelScale
{
	SCALE_NONE = 0,
	SCALE_STANDARD,				/* mean, population standard deviation */
	SCALE_MINMAX,				/* minimum, maximum - minimum */
	SCALE_ROBUST				/* median, interquartile range */
} ModelScale;

/*
 * What is done to a column's value before it becomes features: a number beyond low or high is clipped, a
 * missing value filled, a number scaled, in this order.  It lies in a model's bytes as it is.
 */
typedef struct ModelTreatment
{
	double		fill;			/* a number, a raw date or a category's code; 0 where impute is none */
	double		low,			/* -infinity and infinity: not clipped */
				high;
	double		center,			/* 0 and 1 where scale is none */
				width;
	uint32_t	impute;			/* ModelImpute */
	uint32_t	scale;			/* ModelScale */
} ModelTreatment;

#define MODEL_UNTREATED ((ModelTreatment) {0, -INFINITY, INFINITY, 0, 1, IMPUTE_NONE, SCALE_NONE})

/* (value - center) / width, without an overflow on the way. */
static inline double
model_scaled(double value, double center, double width)
{
	double		distance = value - center;

	if (isinf(distance) && !isinf(value))
		return (value / 2 - center / 2) / width * 2;
	return distance / width;
}

/* A number, a raw date or a code after its treatment; NaN is missing. */
static inline double
model_treated(const ModelTreatment *treatment, double raw)
{
	if (raw < treatment->low)
		raw = treatment->low;
	else if (raw > treatment->high)
		raw = treatment->high;
	else if (isnan(raw) && treatment->impute != IMPUTE_NONE)
		raw = treatment->fill;
	return treatment->scale == SCALE_NONE ? raw : model_scaled(raw, treatment->center, treatment->width);
}

/* A source column: what a row must bring. */
typedef struct ModelColumn
{
	const char *name;
	const char *type_name;		/* as format_type prints it, for messages */
	uint32_t	kind;			/* ColumnKind */
	const char *zone;			/* COLUMN_TIMESTAMPTZ: time zone name fixed at fit; else "" */
	bool		pooled;			/* the last category stands for all rare ones: a level not
								 * in the dictionary is that one, not missing */
	uint32_t	ncategories;	/* COLUMN_CATEGORY: pooled one included */
	const char *const *categories;	/* labels; order of the codes */
	const ModelTreatment *treatment;	/* NULL: none */
} ModelColumn;

/* A feature: a column, or a part of one.  Number f is feature f of the LearnModel. */
typedef struct ModelFeature
{
	const char *name;			/* "carat", "order_date_month", "region_target" */
	uint32_t	column;
	uint32_t	part;			/* ColumnPart */
	uint32_t	label;			/* PART_TARGET_MEAN of a classification: the class whose share it is */
	const double *means;		/* PART_TARGET_MEAN: [model_nmeans(ncategories)]; else NULL */
} ModelFeature;

/*
 * Means of a target-encoded column: one a category, in the order of the codes, then that of a level
 * which is not in the dictionary, then that of a missing value.
 */
#define model_nmeans(ncategories)		((uint64_t) (ncategories) + 2)
#define model_mean_unknown(ncategories) (ncategories)
#define model_mean_missing(ncategories) ((ncategories) + 1)

typedef struct ModelFile
{
	bool		part;			/* of another model, whose schema, classes and statistics are its own too */
	uint32_t	task;			/* ModelTask */
	const char *target;			/* column name */
	uint32_t	nlabels;		/* classification: learn.nclasses */
	const char *const *labels;
	bool		numeric_labels; /* every label is a number: echolon_predict gives it */
	uint32_t	positive;		/* two classes: the label f1, threshold and roc speak of */
	double		threshold;		/* two classes: positive from this probability on */
	bool		has_cut;		/* two classes of a number: */
	double		cut;			/* the second class is above it */
	uint32_t	ncolumns;
	const ModelColumn *columns;
	uint32_t	nfeatures;
	const ModelFeature *features;
	const LearnStats *stats;	/* [nfeatures]; NULL: of a part */
	LearnModel	learn;
	const struct ModelGroups *groups;	/* NULL: none */
} ModelFile;

/*
 * Models of groups: a row whose group has one is predicted by it, every other row by the model itself.
 */
typedef struct ModelGroups
{
	uint32_t	ncolumns;		/* that tell the group */
	const uint32_t *columns;	/* [ncolumns] in the model's columns, ascending */
	uint32_t	ngroups;
	const double *keys;			/* [ngroups * ncolumns] a category's code, or a number; ascending */
	const uint64_t *first;		/* [ngroups + 1] where each one's bytes begin; then their end */
	const uint8_t *bytes;		/* as model_file_write writes parts, one behind the other */
	const ModelFile *models;	/* [ngroups] as read; not needed to write */
} ModelGroups;

#define MODEL_MAX_GROUPS		10000
#define MODEL_MAX_GROUP_COLUMNS	8

/*
 * The model that predicts a row: that of its group, or file itself.  raw: the row's columns as they were
 * read (codes, numbers), before their treatment.
 */
extern const ModelFile *model_file_of(const ModelFile *file, const double *raw);

/*
 * Version 1 has no target-encoded features, version 2 no treatments and no cut, version 3 no groups.  A model is
 * written in the first version that has what it needs, so the same training gives the same bytes
 * for ever.  All are read.
 */
#define MODEL_FORMAT_VERSION 4

/* Bytes model_file_write will fill; SIZE_MAX where they do not add up. */
extern size_t model_file_size(const ModelFile *file);

/* Write into bytes[0 .. model_file_size), 8-byte aligned. */
extern void model_file_write(const ModelFile *file, uint8_t *bytes);

/*
 * Check every byte, then fill *file with arrays that point into bytes (which
 * must be 8-byte aligned and outlive it) and small tables allocated by env.
 * False: the model is damaged, and why (of size whysize) says how.  After true,
 * learn_predict_row may index without checks.  Interrupts are checked through
 * env->check; allocation is bounded by the length of bytes.
 */
extern bool model_file_read(const LearnEnv *env, const uint8_t *bytes, size_t length,
							ModelFile *file, char *why, size_t whysize);

/*
 * The checksum in bytes brought up to date, for tests that make hostile models
 * by hand.
 */
extern void model_file_seal(uint8_t *bytes, size_t length);

#endif							/* ECHOLON_FORMAT_H */
