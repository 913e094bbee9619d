/*
 * words.c
 *		Numbers in messages: short enough to be read, exact enough to be true.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"

#include "data/words.h"

char *
words_count(uint64 n)
{
	char	   *digits = psprintf(UINT64_FORMAT, n);
	int			length = (int) strlen(digits);
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < length; i++)
	{
		if (i > 0 && (length - i) % 3 == 0)
			appendStringInfoChar(&buf, ',');
		appendStringInfoChar(&buf, digits[i]);
	}
	return buf.data;
}

char *
words_number(double value)
{
	static const struct
	{
		double		from,
					unit;
		const char *suffix;
	}			units[] = {{1e12, 1e12, "T"}, {1e9, 1e9, "B"}, {1e6, 1e6, "M"}, {1e5, 1e3, "k"}};
	double		size = fabs(value);

	if (!isfinite(value))
		return pstrdup("unknown");
	if (size >= 1e15)
		return psprintf("%.2e", value);
	for (int i = 0; i < lengthof(units); i++)
		if (size >= units[i].from * 0.9995)
			return psprintf("%.*f%s", size / units[i].unit < 99.95 ? 1 : 0, value / units[i].unit, units[i].suffix);
	if (size >= 999.5)
		return psprintf("%s%s", value < 0 ? "-" : "", words_count((uint64) rint(size)));
	if (size == 0 || size >= 99.95)
		return psprintf("%.0f", value);
	if (size >= 0.001)
		return psprintf("%.3g", value);
	return psprintf("%.1e", value);
}

char *
words_percent(double share)
{
	if (!isfinite(share))
		return pstrdup("unknown");
	/* nearly all is not all */
	if (share > 0.995 && share < 1)
		return words_fine_percent(share);
	return psprintf("%.*f %%", share != 0 && fabs(share) < 0.0995 ? 1 : 0, 100 * share);
}

char *
words_fine_percent(double share)
{
	double		rest = 1 - share;

	return psprintf("%.*f %%", share > 0 && rest > 0 && Min(share, rest) < 0.01 ? 2 : 1, 100 * share);
}
