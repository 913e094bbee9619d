/*
 * parameters.c
 *		What echolon_parameters() says of echolon_create_features.  A test compares it with the
 *		function's signature in sets.sql.
 */
#include "postgres.h"

#include "features/feature.h"

static const FeatureParameter parameters[] = {
	{"name", "text", NULL, NULL, "of the set and of its view; schema.name puts the view elsewhere", NULL},
	{"relation", "regclass", NULL, NULL, "table, view, materialized, partitioned or foreign table", "X"},
	{"date_column", "name", NULL, NULL, "date or timestamp by which rows are ordered; NULL: no calendar parts and no windows", NULL},
	{"numeric_columns", "name[]", NULL, NULL, "numbers to make features of; NULL: every one that does not name the row", NULL},
	{"category_columns", "name[]", NULL, NULL, "categories to make features of; NULL: every one that does not name the row", NULL},
	{"group_by", "name[]", NULL, NULL, "windows stay within rows of equal values of these columns", "groups"},
	{"target", "name", NULL, NULL, "column that will be predicted: its windows end at the row before", "y"},
	{"families", "text[]", "{temporal,rolling,interaction,categorical,business,polynomial}", "temporal, rolling, interaction, categorical, business, polynomial, scaling, period", "which kinds of features", NULL},
	{"rolling_window", "number or text", "7", "1 or more rows, or an interval above 0", "a window by rows, or by time", "window (pandas)"},
	{"rolling_windows", "text[]", NULL, "1 or more rows, or intervals above 0", "several windows, in place of rolling_window", "window (pandas)"},
	{"lags", "integer[]", "{1}", "1 or more", "so many rows before: lags, differences and relative changes", "periods (pandas shift)"},
	{"statistics", "text[]", "{mean,stddev,min,max}", "count, sum, mean, stddev, variance, min, max, first, last, median, slope, zscore", "of each window", NULL},
	{"horizon", "integer", NULL, "0 to 1000000", "windows and lags end so many rows before the current one; NULL: 1 for the target, else 0", NULL},
	{"include_current", "boolean", NULL, NULL, "false is horizon 1, true horizon 0", "closed (pandas)"},
	{"min_periods", "integer", NULL, "1 to 1000000000", "fewer values give NULL; NULL: all of a window of rows, 1 of a window of time", "min_periods (pandas)"},
	{"fill", "text", NULL, "forward", "a missing value is the last one of the group", "ffill (pandas)"},
	{"ewma_spans", "integer[]", NULL, "1 or more", "exponentially weighted means, alpha = 2 / (span + 1)", "span (pandas ewm)"},
	{"running", "text[]", NULL, "count, sum, mean, stddev, variance, min, max, first, last, median, slope, zscore", "statistics of all rows so far", "expanding (pandas)"},
	{"interactions", "text[]", "{product,ratio}", "product, ratio, sum, difference", "of pairs of numbers", NULL},
	{"interaction_degree", "integer", "2", "2 to 5", "most numbers in a product", "degree, interaction_only"},
	{"polynomial_degree", "integer", "2", "1 to 5", "highest power, and highest sum of powers of a cross term; 1: none", "degree"},
	{"encodings", "text[]", "{frequency,label}", "frequency, label, onehot", "of categories", "OrdinalEncoder, OneHotEncoder"},
	{"max_levels", "integer", "20", "1 to 1000", "most columns of a one-hot category", "max_categories"},
	{"scalings", "text[]", "{standard}", "standard, minmax, robust, percentile, bucket", "of numbers", "StandardScaler, MinMaxScaler, RobustScaler, QuantileTransformer, KBinsDiscretizer"},
	{"buckets", "integer", "10", "2 to 1000", "quantile buckets", "n_bins"},
	{"revenue_column", "name", NULL, NULL, "percent rank and high value are of it; NULL: revenue, where there is one", NULL},
	{"engagement_columns", "name[]", NULL, NULL, "the engagement score is the weighted mean of their percent ranks; NULL: engagement, where there is one", NULL},
	{"engagement_weights", "double precision[]", NULL, "0 or more", "one a column; NULL: equal", NULL},
	{"recency_column", "name", NULL, NULL, "days since the last purchase; NULL: last_purchase_days_ago, where there is one", NULL},
	{"high_value_percentile", "double precision", "0.75", "above 0, below 1", "high value is above this percentile of revenue", NULL},
	{"churn_days", "integer[]", "{30,90}", "two numbers of days, the smaller one first", "active up to the first, at risk up to the second, churned beyond", NULL},
	{"time_zone", "text", NULL, "a time zone", "of a date with time zone; NULL: the session's, fixed when the set is made", NULL},
	{"materialized", "boolean", "false", NULL, "compute once, into a materialized view behind the view", NULL}
};

const FeatureParameter *
feature_parameters(int *n)
{
	*n = lengthof(parameters);
	return parameters;
}
