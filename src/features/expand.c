/*
 * expand.c
 *		The features of a set by its parameters: names, expressions, sources.
 *
 * The order is by family, within it by column, so that a view reads from the plain to the made.
 * The same product may come from two families (a cross term is an interaction): it is made
 * once.  Expressions of one row are calls of Echolon's own functions of rows.c and encoders.c,
 * which never fail on a value; those of windows are shown for people, and made by view.c.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "features/define.h"
#include "features/terms.h"

/* What expansion works on. */
typedef struct Expansion
{
	FeatureSet *set;
	const FeatureParams *params;
	int			capacity;		/* of set->features */
} Expansion;

char *
feature_fit_name(char *name)
{
	int			length = strlen(name);
	int			kept;

	if (length < NAMEDATALEN)
		return name;
	kept = pg_mbcliplen(name, length, NAMEDATALEN - 1 - 9);
	return psprintf("%.*s_%08x", kept, name,
					(unsigned int) hash_bytes((const unsigned char *) name, length));
}

/* ---- adding ----------------------------------------------------------------------- */

/* Raise where a view cannot have one column more. */
static void
check_columns(const Expansion *e)
{
	int			n = list_length(e->set->columns) + e->set->nfeatures + 1;

	if (n > MaxHeapAttributeNumber)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_COLUMNS),
				 errmsg("feature set \"%s\" would have more than %d columns", e->set->name,
						MaxHeapAttributeNumber),
				 errdetail("%d are the relation's own, and %d numeric and %d category columns give the others.",
						   list_length(e->set->columns), list_length(e->set->numeric),
						   list_length(e->set->category)),
				 errhint("Name fewer columns in numeric_columns and category_columns, fewer families, or a smaller polynomial_degree.")));
}

/*
 * Add a feature; the caller fills in the rest.  NULL: it is there already, by the same expression.
 */
static Feature *
add_feature(Expansion *e, FeatureFamily family, FeatureKind kind, char *name, char *expression)
{
	FeatureSet *set = e->set;
	Feature    *feature;

	name = feature_fit_name(name);
	for (int i = 0; i < set->nfeatures; i++)
	{
		if (strcmp(set->features[i].name, name) != 0)
			continue;
		if (strcmp(set->features[i].expression, expression) == 0)
			return NULL;
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("two features would be called \"%s\"", name),
				 errdetail("One is %s, the other %s.", set->features[i].expression, expression),
				 errhint("Rename a column in a view, or leave one of them out.")));
	}
	if (name_in(set->columns, name))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("feature \"%s\" clashes with a column of %s", name, set->relation),
				 errdetail("The feature is %s.", expression),
				 errhint("Rename the column in a view, or leave the feature out by naming fewer families or columns.")));
	check_columns(e);

	if (set->nfeatures == e->capacity)
	{
		e->capacity = Max(64, 2 * e->capacity);
		set->features = set->features == NULL ? palloc(sizeof(Feature) * e->capacity) :
			repalloc(set->features, sizeof(Feature) * e->capacity);
	}
	feature = &set->features[set->nfeatures++];
	memset(feature, 0, sizeof(*feature));
	feature->name = name;
	feature->family = family;
	feature->kind = kind;
	feature->expression = expression;
	CHECK_FOR_INTERRUPTS();
	return feature;
}

/* A feature of the row alone, of one column. */
static void
add_row(Expansion *e, FeatureFamily family, char *name, char *expression, char *source, bool fitted,
		char *description)
{
	Feature    *feature = add_feature(e, family, FEATURE_ROW, name, expression);

	if (feature == NULL)
		return;
	feature->sources = source == NULL ? NIL : list_make1(source);
	feature->uses_current = true;
	feature->fitted = fitted;
	feature->description = description;
}

/* A call of a fitted function: f('set', 'column', s.column …). */
static char *
fitted_call(const Expansion *e, const char *function, const char *column, const char *more)
{
	return psprintf("%s(%s, %s, %s%s)", feature_function(function), quote_literal_cstr(e->set->name),
					quote_literal_cstr(column), feature_column(column), more);
}

/* A description from a format with one or two %s. */
static char *
describe(const char *format, const char *first, const char *second)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, format, first, second);
	return out.data;
}

/* ---- temporal ----------------------------------------------------------------------- */

static void
expand_temporal(Expansion *e)
{
	static const struct
	{
		const char *suffix;
		bool		hours;		/* timestamps only */
		const char *description;
	}			parts[] = {
		{"year", false, "year of %s"},
		{"quarter", false, "quarter of %s, 1 to 4"},
		{"month", false, "month of %s, 1 to 12"},
		{"week", false, "ISO week of %s, 1 to 53"},
		{"day_of_month", false, "day of the month of %s, 1 to 31"},
		{"day_of_week", false, "day of the week of %s, Monday 0 to Sunday 6"},
		{"day_of_year", false, "day of the year of %s, 1 to 366"},
		{"hour", true, "hour of %s, 0 to 23"},
		{"is_weekend", false, "whether %s is a Saturday or Sunday"},
		{"is_month_start", false, "whether %s is the first day of a month"},
		{"is_month_end", false, "whether %s is the last day of a month"},
		{"month_sin", false, "sine of the month of %s, on a circle of 12"},
		{"month_cos", false, "cosine of the month of %s, on a circle of 12"},
		{"day_of_week_sin", false, "sine of the day of the week of %s, on a circle of 7"},
		{"day_of_week_cos", false, "cosine of the day of the week of %s, on a circle of 7"},
		{"hour_sin", true, "sine of the hour of %s, on a circle of 24"},
		{"hour_cos", true, "cosine of the hour of %s, on a circle of 24"}
	};
	char	   *date = e->set->date_column;

	if (date == NULL)
		return;
	for (int i = 0; i < lengthof(parts); i++)
	{
		if (parts[i].hours && e->set->date_kind == COLUMN_DATE)
			continue;
		add_row(e, FAMILY_TEMPORAL, psprintf("%s_%s", date, parts[i].suffix),
				psprintf("%s(%s%s)", feature_function(psprintf("echolon_%s", parts[i].suffix)),
						 feature_column(date),
						 e->set->zone == NULL ? "" : psprintf(", %s", quote_literal_cstr(e->set->zone))),
				date, false,
				describe(parts[i].description, e->set->zone == NULL ? date :
						 psprintf("%s in %s", date, e->set->zone), ""));
	}
}

/* ---- windows ------------------------------------------------------------------------ */

/* "7" as "7", "7 days" as "7d", "1 month" as "1m", "90 minutes" as "1h30min". */
static char *
extent_suffix(const RollingTerm *term)
{
	StringInfoData out;
	int64		micros = term->span.micros;

	if (term->extent == ROLLING_ROWS)
		return psprintf(INT64_FORMAT, term->rows);
	initStringInfo(&out);
	if (term->span.months / MONTHS_PER_YEAR > 0)
		appendStringInfo(&out, "%dy", term->span.months / MONTHS_PER_YEAR);
	if (term->span.months % MONTHS_PER_YEAR > 0)
		appendStringInfo(&out, "%dm", term->span.months % MONTHS_PER_YEAR);
	if (term->span.days > 0)
		appendStringInfo(&out, "%dd", term->span.days);
	if (micros >= USECS_PER_HOUR)
		appendStringInfo(&out, "%lldh", (long long) (micros / USECS_PER_HOUR));
	micros %= USECS_PER_HOUR;
	if (micros >= USECS_PER_MINUTE)
		appendStringInfo(&out, "%lldmin", (long long) (micros / USECS_PER_MINUTE));
	micros %= USECS_PER_MINUTE;
	if (micros >= USECS_PER_SEC)
		appendStringInfo(&out, "%llds", (long long) (micros / USECS_PER_SEC));
	if (micros % USECS_PER_SEC > 0)
		appendStringInfo(&out, "%lldus", (long long) (micros % USECS_PER_SEC));
	return out.data;
}

/* Add a rolling term of a column. */
static void
add_window(Expansion *e, FeatureFamily family, char *column, char *name, char *term, char *description)
{
	FeatureSet *set = e->set;
	RollingTerm parsed = term_parse(term);
	Feature    *feature;
	FeatureWindow *window = NULL;
	int			w;

	feature = add_feature(e, family, FEATURE_WINDOW, name,
						  psprintf("(%s OVER (%s))[1]", feature_rolling_call(set, column, list_make1(term)),
								   feature_order(set)));
	if (feature == NULL)
		return;
	for (w = 0; w < set->nwindows; w++)
		if (strcmp(set->windows[w].column, column) == 0)
			window = &set->windows[w];
	if (window == NULL)
	{
		window = &set->windows[set->nwindows++];
		window->column = column;
		window->terms = NIL;
	}
	feature->window = window - set->windows;
	feature->term = list_length(window->terms);
	window->terms = lappend(window->terms, term);
	feature->sources = list_make1(column);
	feature->uses_current = parsed.stat != ROLLING_LAG && parsed.end == 0;
	feature->description = description;
}

/* How many rows before the current one the windows of a column end. */
static int
horizon_of(const Expansion *e, const char *column)
{
	return e->set->target != NULL && strcmp(e->set->target, column) == 0 ?
		e->params->target_horizon : e->params->horizon;
}

/* " end 1", or nothing. */
static const char *
end_option(int horizon)
{
	return horizon == 0 ? "" : psprintf(" end %d", horizon);
}

/* What a window's last row is, for descriptions. */
static const char *
end_text(int horizon)
{
	return horizon == 0 ? "up to this row" : horizon == 1 ? "up to the row before" :
		psprintf("up to %d rows before", horizon);
}

static void
expand_lags(Expansion *e, char *column)
{
	int			horizon = horizon_of(e, column);
	ListCell   *cell;

	foreach(cell, e->params->lags)
	{
		int			lag = lfirst_int(cell) + Max(horizon - 1, 0);

		add_window(e, FAMILY_ROLLING, column, psprintf("%s_lag%d", column, lag), psprintf("lag %d", lag),
				   psprintf("%s %d row%s before", column, lag, lag == 1 ? "" : "s"));
	}
	foreach(cell, e->params->lags)
	{
		int			lag = lfirst_int(cell);

		add_window(e, FAMILY_ROLLING, column, psprintf("%s_diff%d", column, lag),
				   psprintf("diff %d%s", lag, end_option(horizon)),
				   psprintf("change of %s over %d row%s %s", column, lag, lag == 1 ? "" : "s", end_text(horizon)));
		add_window(e, FAMILY_ROLLING, column, psprintf("%s_pct%d", column, lag),
				   psprintf("pct_change %d%s", lag, end_option(horizon)),
				   psprintf("relative change of %s over %d row%s %s", column, lag, lag == 1 ? "" : "s",
							end_text(horizon)));
	}
}

static void
expand_rolling(Expansion *e)
{
	const FeatureParams *params = e->params;
	ListCell   *cell;

	if (e->set->date_column == NULL)
		return;
	foreach(cell, e->set->numeric)
	{
		char	   *column = lfirst(cell);
		int			horizon = horizon_of(e, column);
		const char *periods = params->min_periods == 0 ? "" :
			psprintf(" min_periods %d", params->min_periods);
		ListCell   *inner;

		if (e->set->fill)
			add_window(e, FAMILY_ROLLING, column, psprintf("%s_filled", column),
					   psprintf("value%s", end_option(horizon)),
					   psprintf("last value of %s that is not NULL, %s", column, end_text(horizon)));
		expand_lags(e, column);
		foreach(inner, params->windows)
		{
			char	   *extent = lfirst(inner);
			RollingTerm term = term_parse(psprintf("mean %s", extent));
			ListCell   *stat;

			foreach(stat, params->statistics)
				add_window(e, FAMILY_ROLLING, column,
						   psprintf("%s_roll%s_%s", column, extent_suffix(&term), (char *) lfirst(stat)),
						   psprintf("%s %s%s%s", (char *) lfirst(stat), extent, end_option(horizon), periods),
						   psprintf("%s of %s over %s%s %s", (char *) lfirst(stat), column, extent,
									term.extent == ROLLING_ROWS ? " rows" : "", end_text(horizon)));
		}
		foreach(inner, params->ewma_spans)
			add_window(e, FAMILY_ROLLING, column, psprintf("%s_ewma%d", column, lfirst_int(inner)),
					   psprintf("ewma %d%s", lfirst_int(inner), end_option(horizon)),
					   psprintf("exponentially weighted mean of %s with a span of %d rows %s", column,
								lfirst_int(inner), end_text(horizon)));
		foreach(inner, params->running)
		{
			char	   *stat = lfirst(inner);
			bool		sum = strcmp(stat, "sum") == 0;

			add_window(e, FAMILY_ROLLING, column,
					   psprintf(sum ? "%s_cumsum" : "%s_expanding_%s", column, stat),
					   psprintf("%s expanding%s", stat, end_option(horizon)),
					   psprintf("%s of %s over all rows %s", stat, column, end_text(horizon)));
		}
	}
}

/* ---- within a period -------------------------------------------------------------------- */

/* Add what is computed over all rows of a date. */
static void
add_date(Expansion *e, FeatureKind kind, char *column, char *name, char *expression, char *description)
{
	Feature    *feature = add_feature(e, FAMILY_PERIOD, kind, name, expression);

	if (feature == NULL)
		return;
	feature->column = column;
	feature->sources = list_make1(column);
	feature->uses_current = true;
	feature->description = description;
}

static void
expand_period(Expansion *e)
{
	static const struct
	{
		const char *suffix;
		const char *term;
		const char *description;
	}			terms[] = {
		{"ytd", "sum ytd", "sum of %s since the year began, %s"},
		{"mom", "pct_change 1 month", "relative change of %s since a month before, %s"},
		{"yoy", "pct_change 1 year", "relative change of %s since a year before, %s"}
	};
	const char *date = e->set->date_column;
	ListCell   *cell;

	if (date == NULL)
		return;
	foreach(cell, e->set->numeric)
	{
		char	   *column = lfirst(cell);
		int			horizon = horizon_of(e, column);

		for (int i = 0; i < lengthof(terms); i++)
			add_window(e, FAMILY_PERIOD, column, psprintf("%s_%s", column, terms[i].suffix),
					   psprintf("%s%s", terms[i].term, end_option(horizon)),
					   describe(terms[i].description, column, end_text(horizon)));
		add_date(e, FEATURE_SHARE, column, psprintf("%s_share", column),
				 psprintf("%s(%s, %s(%s) OVER (PARTITION BY %s))", feature_function("echolon_ratio"),
						  feature_column(column), feature_function("echolon_rolling_sum"),
						  feature_column(column), feature_column(date)),
				 psprintf("share of %s in the sum of all rows of the same %s", column, date));
		add_date(e, FEATURE_RANK, column, psprintf("%s_rank", column),
				 psprintf("CASE WHEN %s IS NOT NULL THEN pg_catalog.rank() OVER (PARTITION BY %s ORDER BY %s DESC NULLS LAST) END",
						  feature_column(column), feature_column(date), feature_column(column)),
				 psprintf("rank of %s among all rows of the same %s, the largest first", column, date));
	}
}

/* ---- products ------------------------------------------------------------------------- */

/* The product of columns with powers (0: not in it), as a feature. */
static void
add_product(Expansion *e, FeatureFamily family, const int *powers)
{
	StringInfoData name,
				factors,
				words;
	List	   *sources = NIL;
	int			n = 0;
	char	   *expression;
	Feature    *feature;

	initStringInfo(&name);
	initStringInfo(&factors);
	initStringInfo(&words);
	for (int i = 0; i < list_length(e->set->numeric); i++)
	{
		char	   *column = list_nth(e->set->numeric, i);
		const char *and = n == 0 ? "" : ", ";

		if (powers[i] == 0)
			continue;
		appendStringInfo(&name, "%s%s", n == 0 ? "" : "_x_", column);
		appendStringInfo(&words, "%s%s", n == 0 ? "" : " times ", column);
		if (powers[i] == 1)
			appendStringInfo(&factors, "%s%s", and, feature_column(column));
		else
		{
			appendStringInfo(&name, "_pow%d", powers[i]);
			appendStringInfo(&words, " to the power of %d", powers[i]);
			appendStringInfo(&factors, "%s%s(%s, %d)", and, feature_function("echolon_power"),
							 feature_column(column), powers[i]);
		}
		sources = lappend(sources, column);
		n++;
	}
	expression = n == 1 ? factors.data :
		psprintf("%s(%s)", feature_function("echolon_product"), factors.data);
	feature = add_feature(e, family, FEATURE_ROW, name.data, expression);
	if (feature == NULL)
		return;
	feature->sources = sources;
	feature->uses_current = true;
	feature->description = words.data;
}

/*
 * All products of the columns from first on with powers that add up to at most degree, of which the
 * columns before first have used taken; plain: powers of 1 only.
 */
static void
add_products(Expansion *e, FeatureFamily family, int *powers, int first, int taken, int degree, bool plain)
{
	if (first == list_length(e->set->numeric))
	{
		if (taken >= 2)
			add_product(e, family, powers);
		return;
	}
	for (int power = plain ? Min(1, degree - taken) : degree - taken; power >= 0; power--)
	{
		powers[first] = power;
		add_products(e, family, powers, first + 1, taken + power, degree, plain);
	}
	powers[first] = 0;
}

static void
expand_polynomial(Expansion *e)
{
	int		   *powers = palloc0(sizeof(int) * Max(list_length(e->set->numeric), 1));

	if (e->params->polynomial_degree >= 2)
		add_products(e, FAMILY_POLYNOMIAL, powers, 0, 0, e->params->polynomial_degree, false);
}

/* ratio, sum or difference of each pair, as f(a, b) */
static void
expand_pairs(Expansion *e, const char *function, const char *infix, const char *word)
{
	for (int i = 0; i < list_length(e->set->numeric); i++)
	{
		for (int j = i + 1; j < list_length(e->set->numeric); j++)
		{
			char	   *a = list_nth(e->set->numeric, i);
			char	   *b = list_nth(e->set->numeric, j);
			Feature    *feature;

			feature = add_feature(e, FAMILY_INTERACTION, FEATURE_ROW, psprintf("%s_%s_%s", a, infix, b),
								  psprintf("%s(%s, %s)", feature_function(function), feature_column(a),
										   feature_column(b)));
			if (feature == NULL)
				continue;
			feature->sources = list_make2(a, b);
			feature->uses_current = true;
			feature->description = psprintf("%s %s %s", a, word, b);
		}
	}
}

static void
expand_interaction(Expansion *e)
{
	int		   *powers = palloc0(sizeof(int) * Max(list_length(e->set->numeric), 1));

	if (name_in(e->params->interactions, "product"))
		add_products(e, FAMILY_INTERACTION, powers, 0, 0, e->params->interaction_degree, true);
	if (name_in(e->params->interactions, "ratio"))
		expand_pairs(e, "echolon_ratio", "per", "divided by");
	if (name_in(e->params->interactions, "sum"))
		expand_pairs(e, "echolon_add", "plus", "plus");
	if (name_in(e->params->interactions, "difference"))
		expand_pairs(e, "echolon_subtract", "minus", "minus");
}

/* ---- categories ---------------------------------------------------------------------- */

/* A level as a part of a column's name: lower case, letters and digits, else underscores. */
static char *
level_name(const char *level)
{
	char	   *name = pstrdup(level);

	for (char *p = name; *p != '\0'; p++)
	{
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
		else if (!IS_HIGHBIT_SET(*p) && !(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9'))
			*p = '_';
	}
	return name[0] == '\0' ? pstrdup("empty") : name;
}

/* The name of a level's column; levels that differ in capitals or signs alone are told apart by a hash. */
static char *
level_feature(const Expansion *e, const char *column, const char *level)
{
	char	   *name = psprintf("%s_is_%s", column, level_name(level));

	if (feature_find(e->set, feature_fit_name(name)) == NULL)
		return name;
	return psprintf("%s_%08x", name,
					(unsigned int) hash_bytes((const unsigned char *) level, strlen(level)));
}

static void
expand_categorical(Expansion *e)
{
	ListCell   *cell;

	foreach(cell, e->set->category)
	{
		char	   *column = lfirst(cell);

		if (name_in(e->params->encodings, "frequency"))
			add_row(e, FAMILY_CATEGORICAL, psprintf("%s_freq", column),
					fitted_call(e, "echolon_frequency", column, ""), column, true,
					psprintf("share of the fitted rows that have this %s", column));
		if (name_in(e->params->encodings, "label"))
			add_row(e, FAMILY_CATEGORICAL, psprintf("%s_code", column),
					fitted_call(e, "echolon_label", column, ""), column, true,
					psprintf("number of this %s among the fitted ones, from 0; NULL for a new one", column));
		if (!name_in(e->params->encodings, "onehot"))
			continue;
		for (int i = 0; i < list_length(e->params->levels); i += 2)
		{
			char	   *level = list_nth(e->params->levels, i + 1);

			if (strcmp(list_nth(e->params->levels, i), column) != 0)
				continue;
			add_row(e, FAMILY_CATEGORICAL, level_feature(e, column, level),
					psprintf("CASE WHEN %s::pg_catalog.text OPERATOR(pg_catalog.=) %s THEN 1 ELSE 0 END",
							 feature_column(column), quote_literal_cstr(level)),
					column, true, psprintf("1 where %s is '%s', else 0", column, level));
		}
	}
}

/* ---- scaling ------------------------------------------------------------------------- */

static void
expand_scaling(Expansion *e)
{
	static const struct
	{
		const char *word;
		const char *function;
		const char *suffix;
		const char *description;
	}			scalings[] = {
		{"standard", "echolon_standardize", "standard", "less its mean, divided by its standard deviation"},
		{"minmax", "echolon_minmax", "minmax", "from 0 at its smallest to 1 at its largest fitted value"},
		{"robust", "echolon_robust", "robust", "less its median, divided by its interquartile range"},
		{"percentile", "echolon_percentile", "percentile", "as a share of the fitted rows that are smaller"},
		{"bucket", "echolon_bucket", "bucket", "by quantile buckets, from 1"}
	};
	ListCell   *cell;

	foreach(cell, e->set->numeric)
	{
		char	   *column = lfirst(cell);

		for (int i = 0; i < lengthof(scalings); i++)
		{
			if (!name_in(e->params->scalings, scalings[i].word))
				continue;
			add_row(e, FAMILY_SCALING, psprintf("%s_%s", column, scalings[i].suffix),
					fitted_call(e, scalings[i].function, column,
								strcmp(scalings[i].word, "bucket") == 0 ?
								psprintf(", %d", e->params->buckets) : ""),
					column, true, psprintf("%s %s", column, scalings[i].description));
		}
	}
}

/* ---- business ------------------------------------------------------------------------ */

/* A number as SQL reads it, whatever extra_float_digits is: the very same comes out again. */
static char *
number_text(double number)
{
	char	   *text = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);

	double_to_shortest_decimal_buf(number, text);
	return text;
}

/* 100 times the weighted mean of the columns' percent ranks. */
static void
expand_engagement(Expansion *e)
{
	const FeatureParams *params = e->params;
	StringInfoData ranks,
				weights;
	ListCell   *cell;
	Feature    *feature;

	if (params->engagement_columns == NIL)
		return;
	initStringInfo(&ranks);
	initStringInfo(&weights);
	foreach(cell, params->engagement_columns)
		appendStringInfo(&ranks, "%s%s", cell == list_head(params->engagement_columns) ? "" : ", ",
						 fitted_call(e, "echolon_percentile", lfirst(cell), ""));
	for (int i = 0; i < params->nweights; i++)
		appendStringInfo(&weights, "%s%s", i == 0 ? ", '{" : ",", number_text(params->engagement_weights[i]));
	if (params->nweights > 0)
		appendStringInfoString(&weights, "}'");
	feature = add_feature(e, FAMILY_BUSINESS, FEATURE_ROW, pstrdup("engagement_score"),
						  psprintf("%s(ARRAY[%s]%s)", feature_function("echolon_engagement_score"), ranks.data,
								   weights.data));
	if (feature == NULL)
		return;
	feature->sources = params->engagement_columns;
	feature->uses_current = true;
	feature->fitted = true;
	feature->description = pstrdup("100 times the weighted mean of the percent ranks of what engagement is measured by");
}

static void
expand_business(Expansion *e)
{
	const FeatureParams *params = e->params;
	char	   *revenue = params->revenue_column;
	char	   *recency = params->recency_column;

	if (revenue != NULL)
	{
		add_row(e, FAMILY_BUSINESS, psprintf("%s_percentile", revenue),
				fitted_call(e, "echolon_percentile", revenue, ""), revenue, true,
				psprintf("%s as a share of the fitted rows that are smaller", revenue));
		add_row(e, FAMILY_BUSINESS, pstrdup("high_value"),
				fitted_call(e, "echolon_high_value", revenue,
							psprintf(", %s", number_text(params->high_value_percentile))),
				revenue, true,
				psprintf("%s above its percentile %.10g of the fitted rows", revenue,
						 100 * params->high_value_percentile));
	}
	expand_engagement(e);
	if (recency != NULL)
	{
		int			low = linitial_int(params->churn_days);
		int			high = lsecond_int(params->churn_days);

		add_row(e, FAMILY_BUSINESS, pstrdup("churn_risk"),
				psprintf("%s(%s, %d)", feature_function("echolon_churn_risk"), feature_column(recency), high),
				recency, false, psprintf("%s as a share of %d days, at most 1", recency, high));
		add_row(e, FAMILY_BUSINESS, pstrdup("churn_segment"),
				psprintf("%s(%s, %d, %d)", feature_function("echolon_churn_segment"), feature_column(recency), low, high),
				recency, false,
				psprintf("active up to %d days since the last purchase, at risk up to %d, then churned", low, high));
	}
}

/* ---- all of them ------------------------------------------------------------------------ */

void
feature_set_expand(FeatureSet *set, const FeatureParams *params)
{
	static void (*const expand[NFAMILIES]) (Expansion *) = {
		[FAMILY_TEMPORAL] = expand_temporal,
		[FAMILY_ROLLING] = expand_rolling,
		[FAMILY_INTERACTION] = expand_interaction,
		[FAMILY_CATEGORICAL] = expand_categorical,
		[FAMILY_BUSINESS] = expand_business,
		[FAMILY_POLYNOMIAL] = expand_polynomial,
		[FAMILY_SCALING] = expand_scaling,
		[FAMILY_PERIOD] = expand_period
	};
	Expansion	e = {set, params, 0};

	set->windows = palloc0(sizeof(FeatureWindow) * Max(list_length(set->numeric), 1));
	for (int family = 0; family < NFAMILIES; family++)
		if (name_in(params->families, feature_family_name((FeatureFamily) family)))
			expand[family] (&e);
}
