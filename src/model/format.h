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

/* What of a column a feature is: itself, or a calendar part of a date. */
typedef enum ColumnPart
{
	PART_VALUE = 0,
	PART_YEAR,
	PART_MONTH,					/* 1 .. 12 */
	PART_DAY,					/* 1 .. 31 */
	PART_DAY_OF_WEEK,			/* Monday 0 .. Sunday 6 */
	PART_DAY_OF_YEAR,			/* 1 .. 366 */
	PART_HOUR,					/* 0 .. 23; timestamps only */
	PART_LAST = PART_HOUR,		/* that a model may hold; the ones below are for views of features */
	PART_QUARTER,				/* 1 .. 4 */
	PART_WEEK,					/* ISO 8601, 1 .. 53 */
	PART_WEEKEND,				/* Saturday, Sunday */
	PART_MONTH_START,			/* the first day */
	PART_MONTH_END				/* the last day */
} ColumnPart;

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
} ModelColumn;

/* A feature: a column, or a part of one.  Number f is feature f of the LearnModel. */
typedef struct ModelFeature
{
	const char *name;			/* "carat", "order_date_month" */
	uint32_t	column;
	uint32_t	part;			/* ColumnPart */
} ModelFeature;

typedef struct ModelFile
{
	uint32_t	task;			/* ModelTask */
	const char *target;			/* column name */
	uint32_t	nlabels;		/* classification: learn.nclasses */
	const char *const *labels;
	bool		numeric_labels; /* every label is a number: echolon_predict gives it */
	uint32_t	positive;		/* two classes: the label f1, threshold and roc speak of */
	double		threshold;		/* two classes: positive from this probability on */
	uint32_t	ncolumns;
	const ModelColumn *columns;
	uint32_t	nfeatures;
	const ModelFeature *features;
	const LearnStats *stats;	/* [nfeatures] */
	LearnModel	learn;
} ModelFile;

#define MODEL_FORMAT_VERSION 1

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
