/*
 * env.c
 *		Memory of the learner's caller, with sizes that can't wrap.
 */
#include <string.h>

#include "learn/learn.h"

/* count elements of size bytes, not zeroed; never NULL. */
void *
env_alloc(const LearnEnv *env, size_t count, size_t size)
{
	size_t		bytes;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
		env->fail(env->arg, "more memory is needed than this machine can address");
	return env->alloc(env->arg, bytes > 0 ? bytes : 1);
}

/* The same, zeroed. */
void *
env_alloc0(const LearnEnv *env, size_t count, size_t size)
{
	void	   *pointer = env_alloc(env, count, size);

	memset(pointer, 0, count * size);
	return pointer;
}

void
env_free(const LearnEnv *env, void *pointer)
{
	if (pointer != NULL)
		env->release(env->arg, pointer);
}
