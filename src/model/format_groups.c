/*
 * format_groups.c
 *		Models of groups: checked, read, and the one of a row found.
 *
 * A model of groups is a model like any other, which predicts the rows of all groups that have none of their
 * own, with parts behind it: models of the same columns, dictionaries, features and classes, so that a row is
 * read once, whichever of them predicts it.
 */
#include "model/format_layout.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool damaged(char *why, size_t whysize, const char *format,...)
			__attribute__((format(printf, 3, 4)));

/* Say what is wrong; always false. */
static bool
damaged(char *why, size_t whysize, const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(why, whysize, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- finding one -------------------------------------------------------------- */

/* The order of keys; a missing value is in none and comes behind all. */
static int
compare_keys(const double *key, const double *with, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!(key[i] == with[i]))
			return key[i] < with[i] ? -1 : 1;
	return 0;
}

const ModelFile *
model_file_of(const ModelFile *file, const double *raw)
{
	const ModelGroups *groups = file->groups;
	double		key[MODEL_MAX_GROUP_COLUMNS];
	uint32_t	low = 0,
				high;

	if (groups == NULL)
		return file;
	for (uint32_t i = 0; i < groups->ncolumns; i++)
		key[i] = raw[groups->columns[i]];
	high = groups->ngroups;
	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;
		int			order = compare_keys(key, groups->keys + (size_t) middle * groups->ncolumns, groups->ncolumns);

		if (order == 0)
			return &groups->models[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return file;
}

/* ---- reading ---------------------------------------------------------------------- */

/* Do the keys ascend, and is each a value its column can have? */
static bool
check_keys(const LearnEnv *env, const ModelFile *file, const ModelGroups *groups, char *why, size_t whysize)
{
	for (uint32_t g = 0; g < groups->ngroups; g++)
	{
		const double *key = groups->keys + (size_t) g * groups->ncolumns;

		if (g % 1024 == 0)
			env->check(env->arg);
		for (uint32_t i = 0; i < groups->ncolumns; i++)
		{
			const ModelColumn *column = &file->columns[groups->columns[i]];

			/* -0 would be a second way to write 0 */
			if (!isfinite(key[i]) || (key[i] == 0 && signbit(key[i])) ||
				(column->kind == COLUMN_CATEGORY &&
				 !(key[i] >= 0 && key[i] < column->ncategories && key[i] == (uint32_t) key[i])))
				return damaged(why, whysize, "the key of group %u is wrong", g);
		}
		if (g > 0 && compare_keys(key - groups->ncolumns, key, groups->ncolumns) >= 0)
			return damaged(why, whysize, "the keys of its groups do not ascend");
	}
	return true;
}

bool
format_read_groups(const LearnEnv *env, ModelFile *file, ModelGroups *groups, uint64_t nkeys,
				   uint64_t nfirst, uint64_t nbytes, char *why, size_t whysize)
{
	ModelFile  *models;

	if (nfirst < 2 || nfirst > MODEL_MAX_GROUPS + 1 || groups->ncolumns < 1 ||
		groups->ncolumns > MODEL_MAX_GROUP_COLUMNS || nkeys != (nfirst - 1) * groups->ncolumns)
		return damaged(why, whysize, "it has %llu places of groups and %llu keys of %u columns",
					   (unsigned long long) nfirst, (unsigned long long) nkeys, groups->ncolumns);
	groups->ngroups = (uint32_t) nfirst - 1;
	for (uint32_t i = 0; i < groups->ncolumns; i++)
	{
		if (groups->columns[i] >= file->ncolumns || (i > 0 && groups->columns[i - 1] >= groups->columns[i]))
			return damaged(why, whysize, "the columns of its groups are wrong");
		if (file->columns[groups->columns[i]].kind > COLUMN_CATEGORY)
			return damaged(why, whysize, "a date tells its groups");
	}
	if (!check_keys(env, file, groups, why, whysize))
		return false;
	if (groups->first[0] != 0 || groups->first[groups->ngroups] != nbytes)
		return damaged(why, whysize, "the places of its groups are wrong");
	models = env_alloc(env, groups->ngroups, sizeof(ModelFile));
	for (uint32_t g = 0; g < groups->ngroups; g++)
	{
		char		reason[160];

		if (groups->first[g] > groups->first[g + 1] || groups->first[g + 1] > nbytes ||
			groups->first[g] % FORMAT_ALIGNMENT != 0)
			return damaged(why, whysize, "the places of its groups are wrong");
		if (!format_read_part(env, groups->bytes + groups->first[g], groups->first[g + 1] - groups->first[g],
							  file, &models[g], reason, sizeof(reason)))
			return damaged(why, whysize, "in the model of group %u: %s", g, reason);
	}
	groups->models = models;
	return true;
}
