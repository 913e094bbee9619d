/*
 * few_lanes.h
 *		The vectors of few.c, for one width.
 *
 * Included once for each width that a processor may have, with LANE_BYTES (of a vector) and LANES_NAME (of the
 * function that results).  Code of a wider kind must be compiled for it as a whole: before functions
 * are inlined, the compiler takes apart vectors that the function's own target does not have.
 */
#define LANES_IN		(LANE_BYTES / 4)	/* a vector */

#define VECTOR_JOIN(a, b) a##b
#define VECTOR_NAME(a, b) VECTOR_JOIN(a, b)
#define Floats			VECTOR_NAME(Floats, LANE_BYTES)
#define Ints			VECTOR_NAME(Ints, LANE_BYTES)
#define bits_of			VECTOR_NAME(bits_of, LANE_BYTES)
#define nominate_lanes	VECTOR_NAME(nominate_lanes, LANE_BYTES)

typedef float Floats __attribute__((vector_size(LANE_BYTES), aligned(16), may_alias));
typedef int32_t Ints __attribute__((vector_size(LANE_BYTES), aligned(16), may_alias));

/* Lanes that are not zero, where each is 0 or all ones, as bits. */
static always_inline uint32_t
bits_of(Ints lanes)
{
#if LANE_BYTES == 64
	return _mm512_movepi32_mask((__m512i) lanes);
#elif LANE_BYTES == 32
	return (uint32_t) _mm256_movemask_ps((__m256) lanes);
#elif defined(__SSE2__)
	return (uint32_t) _mm_movemask_ps((__m128) lanes);
#else
	uint32_t	bits = 0;

	for (uint32_t l = 0; l < LANES_IN; l++)
		bits |= (lanes[l] != 0 ? 1u : 0u) << l;
	return bits;
#endif
}

/* See Nominate in few.c.  counts: must a side have several rows? */
static always_inline bool
nominate_lanes(const FewSums *sums, const FewColumn *columns, uint32_t ncolumns, float *gains, FewRows *near,
			   const bool counts)
{
	const Ints	no_ints = {0};
	const Floats no_gain = __builtin_convertvector(no_ints, Floats) - 1.0f;
	uint32_t	n = sums->n,
				parts = sums->lanes / LANES_IN;
	float		h = (float) sums->h;
	Floats		top = no_gain;
	uint32_t	varies = 0;
	float		least = -1.0f;

	for (uint32_t c = 0; c < ncolumns; c++)
		for (uint32_t p = 0; p < parts; p++)
		{
			const int32_t *codes = columns[c].codes;
			Ints		own = ((const Ints *) codes)[p];
			Ints		hl = no_ints + columns[c].start_h,
						nl = no_ints + columns[c].start_n,
						hr,
						allowed;
			Floats		dl = no_gain + 1.0f + columns[c].start_d,
						gain;

			for (uint32_t i = 0; i < n; i++)
			{
				Ints		left = own >= codes[sums->row[i]];

				hl += left & sums->w[i];
				dl += (Floats) (left & sums->d[i].bits);
				if (counts)
					nl -= left;
			}
			hr = sums->h - hl;
			allowed = (hl > 0) & (hr > 0);
			varies |= bits_of(allowed);
			if (counts)
				allowed &= (nl >= sums->least) & ((int32_t) n - nl >= sums->least);
			gain = dl * dl * h / (__builtin_convertvector(hl, Floats) * __builtin_convertvector(hr, Floats));
			gain = (Floats) (((Ints) gain & allowed) | ((Ints) no_gain & ~allowed));
			((Floats *) gains)[c * parts + p] = gain;
			allowed = gain > top;
			top = (Floats) (((Ints) gain & allowed) | ((Ints) top & ~allowed));
		}
	for (uint32_t l = 0; l < LANES_IN; l++)
		least = top[l] > least ? top[l] : least;
	least -= least * GAIN_ERROR + sums->error;
	if (least < 0.0f)
		least = 0.0f;
	for (uint32_t c = 0; c < ncolumns; c++)
	{
		near[c] = 0;
		for (uint32_t p = 0; p < parts; p++)
			near[c] |= (FewRows) bits_of(((const Floats *) gains)[c * parts + p] >= least) << (p * LANES_IN);
	}
	return varies != 0;
}

static bool
LANES_NAME(const FewSums *sums, const FewColumn *columns, uint32_t ncolumns, float *gains, FewRows *near)
{
	if (sums->least > 1)
		return nominate_lanes(sums, columns, ncolumns, gains, near, true);
	return nominate_lanes(sums, columns, ncolumns, gains, near, false);
}

#undef nominate_lanes
#undef bits_of
#undef Ints
#undef Floats
#undef VECTOR_NAME
#undef VECTOR_JOIN
#undef LANES_IN
#undef LANES_NAME
#undef LANE_BYTES
