/*
 * validate.h
 *		What echolon_validate knows while it looks at a relation.  Of the operate room only.
 *
 *		validate.c			the call: one read, the order of findings
 *		validate_hints.c	sentences and calls for messages and hints
 *		validate_columns.c	the target; missing values, identity, numbers, dates
 *		validate_texts.c	texts that are numbers or dates, spellings
 *		validate_rows.c		duplicates, identical columns, leaks
 *		validate_series.c	dates that repeat or are missing
 */
#ifndef ECHOLON_VALIDATE_H
#define ECHOLON_VALIDATE_H

#include "postgres.h"

#include "features/fit.h"
#include "train/train.h"

#define VALIDATE_FEWEST_ROWS	100 /* of a training */
#define VALIDATE_FEW_VALUES		20	/* columns of no more different numbers have no outliers */
#define VALIDATE_EXAMPLES		3

typedef enum Severity
{
	SEVERITY_ERROR,				/* a training refuses */
	SEVERITY_WARNING,
	SEVERITY_INFO
} Severity;

typedef struct Problem
{
	const char *rule;
	Severity	severity;
	const char *column;			/* NULL: the relation */
	int			place;			/* of the column; -1; INT_MAX: behind all columns */
	int			number;			/* in the order of finding */
	int64		affected;
	char	   *message;
	char	   *hint;			/* NULL: none */
	bool		folded;			/* part of another one */
} Problem;

typedef struct Validation
{
	Oid			relid;
	char		relkind;
	bool		temporary;
	char	   *relation;		/* quoted, as an argument */
	char	   *table;			/* schema.name, quoted where needed */
	char	   *relname;
	const char *target;			/* NULL: none */
	double		iqr_factor;
	int			columns_per_rule;	/* of severity info; -1: all */
	Frame	   *frame;
	int			target_place;	/* in the frame; -1 */
	bool		learnable;		/* a training would accept the target, but for infinite values */
	NumberFit **fits;			/* [ncolumns] of numbers and dates, without points; NULL */
	bool	   *keys;			/* [ncolumns] it names the row */
	bool	   *undeclared;		/* [ncolumns] which its values alone tell */
	List	   *problems;		/* of Problem * */
} Validation;

/* ---- validate.c ----------------------------------------------------------------- */

/* Note a finding; place: of the column, -1 for the relation.  message and hint are kept. */
extern void validate_found(Validation *v, const char *rule, Severity severity, int place, int64 affected, char *message,
						   char *hint);

/* Were the values of a column read? */
extern bool validate_has_cells(const FrameColumn *column);

/* ---- validate_hints.c ------------------------------------------------------------- */

/* "412 of 5,000 rows (8.2 %) have", or "has", "are" and "is" of a single one. */
extern char *validate_rows_have(const Validation *v, uint64 n);
extern char *validate_rows_are(const Validation *v, uint64 n);
extern char *validate_of_rows(const Validation *v, uint64 n);

/* A call of a training with more arguments; NULL without a target. */
extern char *validate_training(const Validation *v, const char *arguments);

/* "exclude => '{a,b}'" of names, of char *. */
extern char *validate_exclude(List *names);

/* A call of echolon_preprocess with more arguments; NULL where it refuses the relation. */
extern char *validate_preprocess(const Validation *v, const char *arguments);

/* The name of what is made from the relation, as an argument: 'sales_clean'. */
extern char *validate_name_argument(const Validation *v, const char *suffix);

/* "'{store}'" of one name. */
extern char *validate_names_literal(List *names);

/* A text as a literal of at most 40 bytes, for messages. */
extern char *validate_example(const char *text);

/* Is it a table whose rows and columns can be changed? */
extern bool validate_is_table(const Validation *v);

/* ---- validate_columns.c, _texts.c, _rows.c, _series.c ------------------------------- */

extern void validate_target(Validation *v);
extern void validate_column(Validation *v, int c);

/* Texts that are something else; true where one was found. */
extern bool validate_meaning(Validation *v, int c);
extern void validate_spelling(Validation *v, int c);

extern void validate_duplicates(Validation *v);
extern void validate_identical(Validation *v);
extern void validate_leaks(Validation *v);

extern void validate_series(Validation *v);

#endif							/* ECHOLON_VALIDATE_H */
