/*
 * load_guess.c
 *		Which types a value of a file can have: all values of a column narrow it down.
 *
 * What most files hold (integers, decimals, ISO dates) is recognised here, in tens of nanoseconds a value.
 * Other dates are asked of PostgreSQL's own parser, which returns a code where it fails and
 * needs no subtransaction.  Nothing is converted: COPY does that later, by the types' own input
 * functions, so a recogniser must never say yes to what they refuse.
 *
 * Digits that are not a quantity stay text: leading zeros (postal codes), a leading plus (telephone numbers).
 * So do yes and no, which are labels; only true, false, t and f are booleans.
 *
 * Numbers: integer or bigint where there is no fraction.  numeric, which is exact, where no value has an
 * exponent and none more than MONEY_SCALE digits behind the point (money, rates), and where one has more
 * digits than a double keeps.  Else double precision.
 */
#include "postgres.h"

#include <errno.h>
#include <math.h>

#include "miscadmin.h"
#include "port.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "data/load.h"

#define MONEY_SCALE			4
#define DOUBLE_DIGITS		17	/* that a double's shortest form can have */
#define EXACT_DIGITS		15	/* that any double keeps */
#define DOUBLE_RANGE		290 /* places from the point in which every number is a double */
#define NUMBER_LENGTH		1000	/* longer digits are no quantity */
#define EXPONENT_DIGITS		4
#define JSONB_LENGTH		(4 * 1024 * 1024)	/* a longer document takes jsonb seconds in which no cancel is answered */
#define DATE_LENGTH			64	/* longer texts are not asked of the parser of dates */

/* One number as it is written. */
typedef struct Number
{
	bool		no_int4,
				no_int8,
				fraction,
				exponent,
				special,
				far;
	int			scale;
	int			digits;
} Number;

void
guess_init(Guess *guess)
{
	memset(guess, 0, sizeof(*guess));
	guess->kinds = GUESS_ANY;
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Blanks that the input functions of numbers and dates skip. */
static inline bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- numbers --------------------------------------------------------------------- */

/* NaN, Infinity and inf, as float8 and numeric read them. */
static bool
is_special(const char *s, size_t length, bool negative)
{
	return (length == 3 && pg_strncasecmp(s, "nan", 3) == 0 && !negative) ||
		(length == 3 && pg_strncasecmp(s, "inf", 3) == 0) ||
		(length == 8 && pg_strncasecmp(s, "infinity", 8) == 0);
}

/* Is a number with an exponent a double?  value ends with '\0'. */
static bool
in_double_range(const char *value)
{
	double		number;

	errno = 0;
	number = strtod(value, NULL);
	/* as float8 reads it: too small to be normal is a number, too small to be any is none */
	return isfinite(number) && (errno != ERANGE || number != 0);
}

/* Does an integer of 19 digits fit into bigint? */
static bool
fits_int8(const char *digits, bool negative)
{
	return memcmp(digits, negative ? "9223372036854775808" : "9223372036854775807", 19) <= 0;
}

/* A number without blanks around it. */
static bool
scan_number(const char *s, size_t length, Number *number)
{
	const char *end = s + length,
			   *digits,
			   *point;
	bool		negative = *s == '-';
	int			before,
				zeros = 0;
	uint64		value = 0;

	memset(number, 0, sizeof(*number));
	if (negative)
		s++;
	digits = s;
	while (s < end && is_digit(*s))
		value = value * 10 + (*s++ - '0');	/* wraps where it is not used */
	before = s - digits;
	if (s == end)
	{
		if (before == 0 || (before > 1 && *digits == '0') || before > NUMBER_LENGTH)
			return false;
		number->digits = before;
		if (before >= 10)
		{
			number->no_int4 = before > 10 || value > (uint64) PG_INT32_MAX + negative;
			number->no_int8 = before > 19 || (before == 19 && !fits_int8(digits, negative));
			number->far = before > DOUBLE_RANGE;
		}
		return true;
	}
	if (before > 1 && *digits == '0')
		return false;
	if (before == 0 && *s != '.')
	{
		number->special = is_special(s, end - s, negative);
		return number->special;
	}
	if (*s == '.')
	{
		point = ++s;
		while (s < end && is_digit(*s))
			s++;
		number->fraction = true;
		number->scale = s - point;
		if (before + number->scale == 0)
			return false;
		if (before == 0 || *digits == '0')
			while (zeros < number->scale && point[zeros] == '0')
				zeros++;
	}
	number->digits = (before == 1 && *digits == '0' ? 0 : before) + number->scale - zeros;
	number->far = before > DOUBLE_RANGE || number->scale > DOUBLE_RANGE;
	if (before + number->scale > NUMBER_LENGTH)
		return false;
	if (s == end)
		return true;

	if (*s != 'e' && *s != 'E')
		return false;
	s++;
	if (s < end && (*s == '-' || *s == '+'))
		s++;
	point = s;
	while (s < end && is_digit(*s))
		s++;
	if (s == point || s != end || s - point > EXPONENT_DIGITS)
		return false;
	number->exponent = true;
	return in_double_range(negative ? digits - 1 : digits);
}

/* Take a number into what the column's are. */
static void
add_number(Guess *guess, const Number *number)
{
	guess->no_int4 |= number->no_int4;
	guess->no_int8 |= number->no_int8;
	guess->fraction |= number->fraction;
	guess->exponent |= number->exponent;
	guess->special |= number->special;
	guess->far |= number->far;
	guess->scale = Max(guess->scale, number->scale);
	guess->digits = Max(guess->digits, number->digits);
}

static const char *
number_type(const Guess *guess)
{
	if (!guess->fraction && !guess->exponent && !guess->special)
		return !guess->no_int4 ? "integer" : !guess->no_int8 ? "bigint" : "numeric";
	if (guess->far || (guess->digits > DOUBLE_DIGITS && !guess->exponent))
		return "numeric";
	/* integers among which one is missing as NaN */
	if (!guess->fraction && !guess->exponent && guess->digits > EXACT_DIGITS)
		return "numeric";
	return guess->exponent || guess->special || guess->scale > MONEY_SCALE ?
		"double precision" : "numeric";
}

/* ---- dates -------------------------------------------------------------------------- */

/* Two digits, or -1. */
static inline int
two_digits(const char *s)
{
	return is_digit(s[0]) && is_digit(s[1]) ? (s[0] - '0') * 10 + (s[1] - '0') : -1;
}

/* Z, +01, +0130, +01:30 up to the end. */
static bool
is_offset(const char *s, const char *end)
{
	int			hours,
				minutes = 0;

	if (end - s == 1)
		return *s == 'Z';
	if ((*s != '+' && *s != '-') || (end - s != 3 && end - s != 5 && end - s != 6))
		return false;
	hours = two_digits(s + 1);
	if (end - s == 5)
		minutes = two_digits(s + 3);
	else if (end - s == 6)
		minutes = s[3] == ':' ? two_digits(s + 4) : -1;
	return hours >= 0 && hours <= 14 && minutes >= 0 && minutes < 60;
}

/* ISO 8601 as far as there is no doubt: the kinds of 2024-02-29, 2024-02-29T12:30:00.5, with an offset; or 0. */
static uint8
scan_iso(const char *s, size_t length)
{
	const char *end = s + length;
	int			century,
				year,
				month,
				day,
				second;

	if (length < 10 || s[4] != '-' || s[7] != '-')
		return 0;
	century = two_digits(s);
	year = two_digits(s + 2);
	month = two_digits(s + 5);
	day = two_digits(s + 8);
	if (century < 0 || year < 0 || month < 1 || month > 12 || day < 1)
		return 0;
	year += century * 100;
	if (year == 0 || day > day_tab[isleap(year)][month - 1])
		return 0;
	s += 10;
	if (s == end)
		return GUESS_DATE | GUESS_TIMESTAMP;

	if ((*s != ' ' && *s != 'T') || end - s < 6 || s[3] != ':')
		return 0;
	if (two_digits(s + 1) < 0 || two_digits(s + 1) > 23 || two_digits(s + 4) < 0 ||
		two_digits(s + 4) > 59)
		return 0;
	s += 6;
	if (s < end && *s == ':')
	{
		second = end - s >= 3 ? two_digits(s + 1) : -1;
		if (second < 0 || second > 59)
			return 0;
		s += 3;
		if (s < end && *s == '.')
		{
			const char *fraction = ++s;

			while (s < end && is_digit(*s))
				s++;
			if (s == fraction || s - fraction > 9)
				return 0;
		}
	}
	if (s == end)
		return GUESS_TIMESTAMP;
	return is_offset(s, end) ? GUESS_TIMESTAMPTZ : 0;
}

/*
 * Is a text so much like a date that PostgreSQL's parser may be asked?  It takes a lot for a date: now, 1.2.3,
 * 1999-123.  Asked for are three groups of letters or digits with a year of four digits among
 * them, or 12/31/24, 31.12.24, 31-12-24, 5-Jan-24.
 */
static bool
like_date(const char *s, size_t length)
{
	int			groups = 0,
				words = 0,
				pairs = 0,
				slashes = 0,
				run = 0;
	bool		year = false,
				digits_only = true;

	if (length < 6 || length > DATE_LENGTH)
		return false;
	for (size_t i = 0; i <= length; i++)
	{
		char		c = i < length ? s[i] : ' ';
		bool		digit = is_digit(c),
					letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (digit || letter)
		{
			digits_only = digit && (run == 0 || digits_only);
			run++;
		}
		else
		{
			if (c != ' ' && c != ',' && c != '.' && c != '/' && c != '-' && c != ':' && c != '+' && c != '_')
				return false;
			if (run > 0)
			{
				groups++;
				words += !digits_only;
				pairs += digits_only && run == 2;
				year |= digits_only && run == 4;
			}
			slashes += c == '/';
			run = 0;
		}
	}
	return groups >= 3 && (year || slashes == 2 || (groups == 3 && (pairs == 3 || (words == 1 && pairs > 0))));
}

/* Is a text a date to PostgreSQL in this session?  zone: may it have an offset?  Sets whether a time is in it. */
static bool
decode(const char *s, bool zone, bool *has_time)
{
	char		work[MAXDATELEN + MAXDATEFIELDS];
	char	   *fields[MAXDATEFIELDS];
	int			types[MAXDATEFIELDS];
	int			n,
				kind,
				offset = 0;
	struct pg_tm tm;
	fsec_t		fraction;
	Timestamp	timestamp;

	if (ParseDateTime(s, work, sizeof(work), fields, types, MAXDATEFIELDS, &n) != 0)
		return false;
	*has_time = false;
	for (int i = 0; i < n; i++)
	{
		*has_time |= types[i] == DTK_TIME;

		/* Before 16 the parser raises where what it takes for the name of a zone is none. */
		if (zone && i > 0 && types[i] == DTK_DATE && !is_digit(fields[i][0]) && pg_tzset(fields[i]) == NULL)
			return false;
	}
	if (decode_datetime_compat(fields, types, n, &kind, &tm, &fraction, zone ? &offset : NULL) != 0 ||
		kind != DTK_DATE)
		return false;
	*has_time |= tm.tm_hour != 0 || tm.tm_min != 0 || tm.tm_sec != 0 || fraction != 0;
	return IS_VALID_JULIAN(tm.tm_year, tm.tm_mon, tm.tm_mday) &&
		tm2timestamp(&tm, fraction, zone ? &offset : NULL, &timestamp) == 0;
}

/* The kinds of a date in a form that DateStyle reads; or 0. */
static uint8
scan_date(const char *s, size_t length)
{
	bool		has_time;

	if (!like_date(s, length))
		return 0;
	if (decode(s, false, &has_time))
		return has_time ? GUESS_TIMESTAMP : GUESS_DATE | GUESS_TIMESTAMP;
	/* an offset without a time says nothing about a date */
	return decode(s, true, &has_time) && has_time ? GUESS_TIMESTAMPTZ : 0;
}

/* The order of DateStyle in which a text is a date though it is none in the session's; NULL: there is none. */
static const char *
order_of_date(const char *s, size_t length)
{
	int			session = DateOrder;
	volatile bool found = false;
	bool		has_time;

	/* what is a date now is of another kind than those before it */
	if (!like_date(s, length) || decode(s, false, &has_time) || decode(s, true, &has_time))
		return NULL;
	PG_TRY();
	{
		DateOrder = session == DATEORDER_DMY ? DATEORDER_MDY : DATEORDER_DMY;
		found = decode(s, false, &has_time);
	}
	PG_FINALLY();
	{
		DateOrder = session;
	}
	PG_END_TRY();
	return !found ? NULL : session == DATEORDER_DMY ? "MDY" : "DMY";
}

/* ---- all together --------------------------------------------------------------------- */

static bool
is_boolean(const char *s, size_t length)
{
	switch (length)
	{
		case 1:
			return *s == 't' || *s == 'f' || *s == 'T' || *s == 'F';
		case 4:
			return pg_strncasecmp(s, "true", 4) == 0;
		case 5:
			return pg_strncasecmp(s, "false", 5) == 0;
		default:
			return false;
	}
}

/* The column becomes text: remember what it would have been without this value. */
static void
becomes_text(Guess *guess, const char *value, size_t length, uint64 place)
{
	char	   *excerpt = load_excerpt(value, length, GUESS_VALUE_LENGTH);

	if (guess->values > 0)
		guess->before = guess_type(guess);
	if ((guess->kinds & GUESS_TIMES) != 0)
		guess->other_order = order_of_date(value, length);
	guess->place = place;
	strlcpy(guess->value, excerpt, sizeof(guess->value));
	pfree(excerpt);
	guess->kinds = GUESS_TEXT;
}

void
guess_among(Guess *guess, uint8 kinds, const char *value, size_t length, uint64 place)
{
	const char *s = value;
	size_t		n = length;
	uint8		fit = kinds & GUESS_DOCUMENT;

	if (guess->kinds == GUESS_TEXT)
		return;
	kinds &= guess->kinds;
	guess->large |= fit != 0 && length > JSONB_LENGTH;
	while (n > 0 && is_blank(*s))
	{
		s++;
		n--;
	}
	while (n > 0 && is_blank(s[n - 1]))
		n--;
	if (n > 0 && (kinds & GUESS_NUMBER) != 0)
	{
		Number		number;

		if (scan_number(s, n, &number))
		{
			fit |= GUESS_NUMBER;
			add_number(guess, &number);
		}
	}
	if (n > 0 && fit == 0 && (kinds & GUESS_TIMES) != 0)
	{
		fit = scan_iso(s, n);
		if (fit == 0)
			fit = scan_date(s, n);
	}
	if (fit == 0 && (kinds & GUESS_BOOLEAN) != 0 && is_boolean(s, n))
		fit = GUESS_BOOLEAN;
	if ((fit & kinds) == 0)
		becomes_text(guess, value, length, place);
	else
	{
		guess->kinds &= fit;
		guess->values++;
	}
}

void
guess_text(Guess *guess, const char *value, size_t length, uint64 place)
{
	guess_among(guess, GUESS_BOOLEAN | GUESS_NUMBER | GUESS_TIMES, value, length, place);
}

const char *
guess_type(const Guess *guess)
{
	if (guess->values == 0 || guess->kinds == GUESS_TEXT)
		return "text";
	if ((guess->kinds & GUESS_NUMBER) != 0)
		return number_type(guess);
	if ((guess->kinds & GUESS_DATE) != 0)
		return "date";
	if ((guess->kinds & GUESS_TIMESTAMP) != 0)
		return "timestamp without time zone";
	if ((guess->kinds & GUESS_TIMESTAMPTZ) != 0)
		return "timestamp with time zone";
	if ((guess->kinds & GUESS_BOOLEAN) != 0)
		return "boolean";
	return guess->large ? "json" : "jsonb";
}
