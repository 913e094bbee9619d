/*
 * arguments.c
 *		Arrays of names, words and numbers as arguments of functions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "compat.h"
#include "data/arguments.h"
#include "model/model.h"

/* The elements of an array of one dimension; none may be NULL. */
static Datum *
array_elements(ArrayType *array, const char *parameter, Oid type, int16 length, bool byval, char align, int *n)
{
	Datum	   *elements;
	bool	   *nulls;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("parameter \"%s\" must be an array of one dimension", parameter)));
	deconstruct_array(array, type, length, byval, align, &elements, &nulls, n);
	for (int i = 0; i < *n; i++)
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("parameter \"%s\" must not contain NULL", parameter)));
	return elements;
}

List *
argument_names(ArrayType *array, const char *parameter)
{
	List	   *names = NIL;
	int			n;
	Datum	   *elements = array_elements(array, parameter, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &n);

	for (int i = 0; i < n; i++)
		names = lappend(names, pstrdup(NameStr(*DatumGetName(elements[i]))));
	return names;
}

List *
argument_words(ArrayType *array, const char *parameter)
{
	List	   *words = NIL;
	int			n;
	Datum	   *elements = array_elements(array, parameter, TEXTOID, -1, false, TYPALIGN_INT, &n);

	for (int i = 0; i < n; i++)
		words = lappend(words, TextDatumGetCString(elements[i]));
	return words;
}

List *
argument_integers(ArrayType *array, const char *parameter)
{
	List	   *integers = NIL;
	int			n;
	Datum	   *elements = array_elements(array, parameter, INT4OID, sizeof(int32), true, TYPALIGN_INT, &n);

	for (int i = 0; i < n; i++)
		integers = lappend_int(integers, DatumGetInt32(elements[i]));
	return integers;
}

double *
argument_numbers(ArrayType *array, const char *parameter, int *n)
{
	Datum	   *elements = array_elements(array, parameter, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
										  TYPALIGN_DOUBLE, n);
	double	   *numbers = palloc(sizeof(double) * Max(*n, 1));

	for (int i = 0; i < *n; i++)
		numbers[i] = DatumGetFloat8(elements[i]);
	return numbers;
}

void
argument_check_once(List *strings, const char *parameter)
{
	for (int i = 0; i < list_length(strings); i++)
		for (int j = 0; j < i; j++)
			if (strcmp(list_nth(strings, i), list_nth(strings, j)) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("\"%s\" appears twice in %s", (char *) list_nth(strings, i), parameter)));
}

void
argument_check_word(const char *word, const char *parameter, const char *const *allowed, int n)
{
	StringInfoData list;
	const char *near;

	for (int i = 0; i < n; i++)
		if (strcmp(allowed[i], word) == 0)
			return;
	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", allowed[i]);
	near = closest_name(word, allowed, n);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" does not know \"%s\"", parameter, word),
			 errdetail("It takes %s.", list.data),
			 near != NULL ? errhint("Did you mean \"%s\"?", near) : 0));
}
