/*
 * numeric.c
 *		numeric to double without the way through text.
 *
 * PostgreSQL converts a numeric by printing it and reading the text.  Most
 * numerics have few digits: their digits are one integer M, and M * 10^e is a single
 * operation of the FPU, correctly rounded, where both are exact in a double.
 * Longer ones, such as averages and quotients, are divided in 128-bit integers with what is
 * left over kept as one sticky bit.  What remains goes PostgreSQL's own way.
 * All three give the double nearest to the number.
 *
 * The layout read here is the one on disk (it cannot change without pg_upgrade
 * breaking): a 16-bit header with sign, scale and weight ("short"), or with sign and scale
 * and a 16-bit weight behind it ("long"), then the digits in base 10,000.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "data/column.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"

#include "compat.h"

#define HEADER_KIND			0xC000
#define HEADER_SPECIAL		0xC000
#define HEADER_SHORT		0x8000	/* with HEADER_KIND: short; set in specials too */
#define HEADER_LONG_NEGATIVE	0x4000

#define SPECIAL_MASK		0xF000
#define SPECIAL_NAN			0xC000
#define SPECIAL_PLUS_INFINITY	0xD000
#define SPECIAL_MINUS_INFINITY	0xF000

#define SHORT_NEGATIVE		0x2000
#define SHORT_WEIGHT_SIGN	0x0040
#define SHORT_WEIGHT		0x003F

#define BASE_DIGITS			4	/* decimal digits of one digit */
#define MANTISSA_LIMIT		(UINT64CONST(1) << DBL_MANT_DIG)
#define EXACT_POWER			22	/* 10^22 is the last power a double holds exactly */
#define LONGEST				9	/* digits of 128 bits: 36 decimals < 2^120 */

static const double power_of_ten[EXACT_POWER + 1] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
	1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

/* The digit at p, which need not be aligned: a numeric may have a header of one byte. */
static inline uint16
read_word(const char *p)
{
	uint16		word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* mantissa / 10^power, rounded once; mantissa > 0, power 0 .. EXACT_POWER. */
static double
divide_by_power(uint128 mantissa, int power)
{
	uint128		divisor = 1;
	uint128		quotient;
	int			shift;

	for (int i = 0; i < power; i++)
		divisor *= 10;

	/*
	 * With the mantissa at the top of the word the quotient by at most 10^22 <
	 * 2^73.1 has 54 bits or more: all of a double's, and one to round by.
	 */
	shift = (uint64) (mantissa >> 64) != 0 ?
		63 - pg_leftmost_one_pos64((uint64) (mantissa >> 64)) :
		127 - pg_leftmost_one_pos64((uint64) mantissa);
	mantissa <<= shift;
	quotient = mantissa / divisor;
	if (power == 0)
		return ldexp((double) quotient, -shift);	/* nothing is left over */
	quotient = quotient << 1 | (quotient * divisor != mantissa);
	return ldexp((double) quotient, -(shift + 1));
}

double
numeric_to_double(Datum datum)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(datum);
	const char *digits = VARDATA_ANY(packed);
	int			size = VARSIZE_ANY_EXHDR(packed);
	uint16		header;
	bool		negative;
	int			weight;			/* of the first digit, in digits */
	int			ndigits;
	double		result;

	header = read_word(digits);
	digits += sizeof(uint16);
	size -= sizeof(uint16);

	if ((header & HEADER_KIND) == HEADER_SPECIAL)
	{
		if ((header & SPECIAL_MASK) == SPECIAL_PLUS_INFINITY)
			return INFINITY;
		if ((header & SPECIAL_MASK) == SPECIAL_MINUS_INFINITY)
			return -INFINITY;
		return NAN;
	}
	if (header & HEADER_SHORT)
	{
		negative = (header & SHORT_NEGATIVE) != 0;
		weight = header & SHORT_WEIGHT;
		if (header & SHORT_WEIGHT_SIGN)
			weight -= SHORT_WEIGHT + 1;
	}
	else
	{
		negative = (header & HEADER_LONG_NEGATIVE) != 0;
		weight = (int16) read_word(digits);
		digits += sizeof(uint16);
		size -= sizeof(uint16);
	}
	ndigits = size / (int) sizeof(uint16);
	if (ndigits == 0)
		return 0.0;

	int			exponent = BASE_DIGITS * (weight - ndigits + 1);

	if (ndigits <= LONGEST)
	{
		uint128		mantissa = 0;
		int			last;

		for (int i = 0; i < ndigits - 1; i++)
			mantissa = mantissa * 10000 + read_word(digits + 2 * i);

		/* of the last digit only the decimals before its trailing zeros */
		last = read_word(digits + 2 * (ndigits - 1));
		if (exponent < 0 || ndigits > BASE_DIGITS)
		{
			int			keep = 10000;

			for (int i = 0; i < BASE_DIGITS - 1 && last % 10 == 0; i++)
			{
				last /= 10;
				keep /= 10;
				exponent++;
			}
			mantissa = mantissa * keep + last;
		}
		else
			mantissa = mantissa * 10000 + last;

#if FLT_EVAL_METHOD == 0
		if (mantissa < MANTISSA_LIMIT && exponent >= -EXACT_POWER && exponent <= EXACT_POWER)
		{
			if (exponent < 0)
				result = (double) (uint64) mantissa / power_of_ten[-exponent];
			else
				result = (double) (uint64) mantissa * power_of_ten[exponent];
			return negative ? -result : result;
		}
#endif
		if (exponent >= -EXACT_POWER && exponent <= 0)
		{
			result = divide_by_power(mantissa, -exponent);
			return negative ? -result : result;
		}
	}

	/* beyond a double's range: infinite here, an error there */
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  PointerGetDatum(packed)));
}
