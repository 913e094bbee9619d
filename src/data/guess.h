/*
 * guess.h
 *		Which types a text can be a value of.
 */
#ifndef ECHOLON_GUESS_H
#define ECHOLON_GUESS_H

#include "postgres.h"

#define GUESS_BOOLEAN		0x01
#define GUESS_NUMBER		0x02
#define GUESS_DATE			0x04
#define GUESS_TIMESTAMP		0x08
#define GUESS_TIMESTAMPTZ	0x10
#define GUESS_DOCUMENT		0x20	/* an array of JSON */
#define GUESS_TIMES			(GUESS_DATE | GUESS_TIMESTAMP | GUESS_TIMESTAMPTZ)
#define GUESS_ANY			0x3f	/* no value yet */
#define GUESS_TEXT			0x00	/* nothing else is left */

#define GUESS_VALUE_LENGTH	40	/* bytes kept of the value that made a column text */

/* What the values of a column can be, and what kind of numbers they are. */
typedef struct Guess
{
	uint8		kinds;
	bool		no_int4,		/* an integer that does not fit */
				no_int8,
				fraction,		/* a decimal point */
				exponent,
				special,		/* NaN or Infinity */
				far,			/* plain digits out of a double's range */
				large;			/* a document that jsonb takes long for */
	int			scale;			/* most digits behind the point */
	int			digits;			/* most significant digits */
	uint64		values;			/* that were looked at */
	/* where it became text after it had been something else: */
	const char *before;			/* the type it would have been; NULL: it was always text */
	uint64		place;			/* line of that value */
	const char *other_order;	/* the DateStyle with which the value is a date; NULL: none */
	char		value[GUESS_VALUE_LENGTH + 4];
} Guess;

extern void guess_init(Guess *guess);

/* Take a value in that stands for itself, as in CSV; terminated by '\0'. */
extern void guess_text(Guess *guess, const char *value, size_t length, uint64 place);

/* Take a value in that can only be of these kinds. */
extern void guess_among(Guess *guess, uint8 kinds, const char *value, size_t length, uint64 place);

/* The type's name in SQL. */
extern const char *guess_type(const Guess *guess);

#endif							/* ECHOLON_GUESS_H */
