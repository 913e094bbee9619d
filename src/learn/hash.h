/*
 * hash.h
 *		Counter-based randomness and content hashes.
 *
 * Nothing here has state: a random number is a hash of what it is for, so it is
 * the same in whatever order, and by whatever worker, it is asked for.
 */
#ifndef ECHOLON_HASH_H
#define ECHOLON_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014): a bijection that mixes well. */
static inline uint64_t
hash_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return x;
}

/* Combine two words, order mattering. */
static inline uint64_t
hash_pair(uint64_t a, uint64_t b)
{
	return hash_mix(hash_mix(a + UINT64_C(0x9e3779b97f4a7c15)) ^ (b + UINT64_C(0xd1b54a32d192ed03)));
}

/* A number for (seed, stream, index): streams keep the uses apart. */
static inline uint64_t
hash_random(uint64_t seed, uint64_t stream, uint64_t index)
{
	return hash_pair(hash_pair(seed, stream), index);
}

/* Uniform in 0 .. n-1 (Lemire 2019; the bias of at most n / 2^64 is of no account). */
static inline uint64_t
hash_below(uint64_t h, uint64_t n)
{
	return (uint64_t) (((unsigned __int128) h * n) >> 64);
}

/* Uniform in [0, 1), 53 bits. */
static inline double
hash_unit(uint64_t h)
{
	return (double) (h >> 11) * 0x1.0p-53;
}

/* Content hash of bytes, for strings of a row; two seeds give two independent words. */
static inline uint64_t
hash_bytes(const void *data, size_t length, uint64_t seed)
{
	const unsigned char *p = data;
	uint64_t	h = hash_pair(seed, length);

	while (length > 0)
	{
		uint64_t	word = 0;
		size_t		n = length < 8 ? length : 8;

		for (size_t i = 0; i < n; i++)
			word |= (uint64_t) p[i] << (8 * i);
		h = hash_pair(h, word);
		p += n;
		length -= n;
	}
	return h;
}

#endif							/* ECHOLON_HASH_H */
