/*
 * words.h
 *		Numbers as people read them, for messages; palloc'd.
 */
#ifndef ECHOLON_WORDS_H
#define ECHOLON_WORDS_H

#include "postgres.h"

/* A whole number with its thousands apart: 8,602. */
extern char *words_count(uint64 n);

/* A number by its first digits: 11.6M, 523k, 1,234, 12.3, 0.0457; "unknown" where it is not finite. */
extern char *words_number(double value);

/* 0.853 as "85 %", 0.0853 as "8.5 %". */
extern char *words_percent(double share);

/* The same where the nearest per cent would hide what matters: 99.96 % is not 100 %. */
extern char *words_fine_percent(double share);

#endif							/* ECHOLON_WORDS_H */
