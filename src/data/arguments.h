/*
 * arguments.h
 *		Arrays of names, words and numbers as arguments of functions.
 *
 * parameter is the argument's name, for messages.  NULL elements are errors everywhere.
 */
#ifndef ECHOLON_ARGUMENTS_H
#define ECHOLON_ARGUMENTS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/array.h"

/* name[] and text[] as Lists of char *. */
extern List *argument_names(ArrayType *array, const char *parameter);
extern List *argument_words(ArrayType *array, const char *parameter);

/* integer[] as a List of integers, double precision[] as an array of n. */
extern List *argument_integers(ArrayType *array, const char *parameter);
extern double *argument_numbers(ArrayType *array, const char *parameter, int *n);

/* Raises where a string stands twice. */
extern void argument_check_once(List *strings, const char *parameter);

/* Raises unless word is one of allowed, with the nearest of them in the hint. */
extern void argument_check_word(const char *word, const char *parameter, const char *const *allowed, int n);

#endif							/* ECHOLON_ARGUMENTS_H */
