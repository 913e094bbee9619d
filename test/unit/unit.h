/*
 * unit.h
 *		A very small harness for tests in plain C: results as TAP, and a
 *		LearnEnv on malloc.
 *
 *		ok(condition, name);			one test
 *		okf(condition, format, ...);	the same with a formatted name
 *		skip(n, why);					n tests that can't be made here
 *		note(format, ...);				a line for people
 *		return done();					the plan, at the end of main
 */
#ifndef ECHOLON_UNIT_H
#define ECHOLON_UNIT_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learn/learn.h"

#define UNIT_UNUSED __attribute__((unused))

static int	unit_count = 0;
static int	unit_failed = 0;
static size_t unit_checks UNIT_UNUSED = 0;	/* calls of the environment's cancel check */

/* One test with a formatted name; gives the condition back. */
#define okf(condition, ...) unit_result((condition), __FILE__, __LINE__, __VA_ARGS__)
#define ok(condition, name) unit_result((condition), __FILE__, __LINE__, "%s", name)

static UNIT_UNUSED __attribute__((format(printf, 4, 5))) bool
unit_result(bool good, const char *file, int line, const char *format, ...)
{
	va_list		args;

	unit_count++;
	printf("%sok %d - ", good ? "" : "not ", unit_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (!good)
	{
		unit_failed++;
		printf("#   failed at %s line %d\n", file, line);
	}
	fflush(stdout);
	return good;
}

static UNIT_UNUSED void
skip(int n, const char *why)
{
	for (int i = 0; i < n; i++)
		printf("ok %d # SKIP %s\n", ++unit_count, why);
}

static UNIT_UNUSED __attribute__((format(printf, 1, 2))) void
note(const char *format, ...)
{
	va_list		args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static UNIT_UNUSED int
done(void)
{
	printf("1..%d\n", unit_count);
	if (unit_failed > 0)
		printf("# %d of %d failed\n", unit_failed, unit_count);
	return unit_failed > 0 ? 1 : 0;
}

/* ---- environment -------------------------------------------------------- */

static void *
unit_alloc(void *arg, size_t size)
{
	void	   *pointer = malloc(size);

	(void) arg;
	if (pointer == NULL)
	{
		printf("Bail out! out of memory (%zu bytes)\n", size);
		exit(2);
	}
	return pointer;
}

static void
unit_release(void *arg, void *pointer)
{
	(void) arg;
	free(pointer);
}

static void
unit_check(void *arg)
{
	(void) arg;
	unit_checks++;
}

static void
unit_progress(void *arg, LearnStage stage, uint32_t done_, uint32_t total)
{
	(void) arg;
	(void) stage;
	(void) done_;
	(void) total;
}

static void
unit_fail(void *arg, const char *message)
{
	(void) arg;
	printf("Bail out! %s\n", message);
	exit(2);
}

static const LearnEnv unit_env UNIT_UNUSED = {
	.alloc = unit_alloc,
	.release = unit_release,
	.check = unit_check,
	.progress = unit_progress,
	.fail = unit_fail
};

#endif							/* ECHOLON_UNIT_H */
