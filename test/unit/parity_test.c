/*
 * parity_test.c
 *		The same models as scikit-learn's, prediction by prediction to 1e-9.
 *
 * usage: parity_test [directory of the fixtures]
 */
#include "csv.h"
#include "fits.h"

typedef struct Fixture
{
	Csv			table;
	Csv			expected;
	LearnData	data;
	LearnColumn columns[CSV_MAX_COLUMNS];
	double	   *target;
	uint32_t   *train;
	uint32_t   *test;
	size_t		ntrain,
				ntest;
} Fixture;

/* Open a fixture: features from column first on, rows in train by what is_train says. */
static bool
fixture_open(Fixture *fixture, const char *directory, const char *table, const char *expected,
			 int nfeatures, bool (*is_train) (size_t row))
{
	Csv		   *csv = &fixture->table;

	memset(fixture, 0, sizeof(*fixture));
	if (!csv_read(directory, table, csv))
		return false;
	if (!csv_read(directory, expected, &fixture->expected))
	{
		csv_free(csv);
		return false;
	}
	fixture->train = malloc(csv->nrows * sizeof(uint32_t));
	fixture->test = malloc(csv->nrows * sizeof(uint32_t));
	fixture->target = malloc(csv->nrows * sizeof(double));
	for (size_t i = 0; i < csv->nrows; i++)
	{
		if (is_train(i))
			fixture->train[fixture->ntrain++] = (uint32_t) i;
		else
			fixture->test[fixture->ntest++] = (uint32_t) i;
	}
	for (int f = 0; f < nfeatures; f++)
	{
		fixture->columns[f].kind = LEARN_NUMERIC;
		fixture->columns[f].values = csv->values + (size_t) (f + 1) * csv->nrows;
	}
	fixture->data.nrows = csv->nrows;
	fixture->data.nfeatures = (uint32_t) nfeatures;
	fixture->data.columns = fixture->columns;
	fixture->data.target = fixture->target;
	return true;
}

static void
fixture_close(Fixture *fixture)
{
	csv_free(&fixture->table);
	csv_free(&fixture->expected);
	free(fixture->train);
	free(fixture->test);
	free(fixture->target);
}

/* Train, predict the test rows, and compare with a column of the expected ones. */
static void
compare(Fixture *fixture, const LearnParams *params, const char *column)
{
	uint32_t	noutputs = fixture->data.nclasses > 0 ? 2 : 1;
	const double *expected = csv_values(&fixture->expected, column);
	double	   *out = malloc(fixture->ntest * noutputs * sizeof(double));
	double		worst = 0.0;
	LearnFit	fit;

	learn_fit(&unit_env, &fixture->data, fixture->train, fixture->ntrain, NULL, 0, params, &fit);
	learn_predict_columns(&unit_env, &fit.model, fixture->columns, fixture->test, fixture->ntest, out);
	for (size_t i = 0; i < fixture->ntest; i++)
	{
		double		difference = fabs(out[i * noutputs + noutputs - 1] - expected[i]);

		if (!(difference <= worst))
			worst = difference;
	}
	okf(worst <= 1e-9, "%s agrees to 1e-9 (largest difference %.2g)", column, worst);
	fit_free(&fit, fixture->data.nfeatures);
	free(out);
}

static bool
friedman_train(size_t row)
{
	return row < 200;
}

static void
test_friedman(const char *directory)
{
	static const int iterations[] = {1, 10, 100};
	Fixture		fixture;
	LearnParams params;

	if (!fixture_open(&fixture, directory, "friedman1.csv", "parity_friedman1_predictions.csv", 10,
					  friedman_train))
	{
		skip(5, "no friedman1.csv and its predictions");
		return;
	}
	memcpy(fixture.target, csv_values(&fixture.table, "y"), fixture.table.nrows * sizeof(double));

	params = forest_params(&fixture.data, 1);
	params.max_depth = 3;
	compare(&fixture, &params, "tree_d3");

	params = boosting_params(&fixture.data, 100);
	params.max_leaf_nodes = 0;
	params.max_depth = 1;
	compare(&fixture, &params, "gb100_stump");
	params.max_depth = 3;
	params.min_samples_leaf = 5;
	for (int i = 0; i < 3; i++)
	{
		char		column[64];

		params.n_estimators = (uint32_t) iterations[i];
		snprintf(column, sizeof(column), "gb_d3_leaf5_iter%d", iterations[i]);
		compare(&fixture, &params, column);
	}
	fixture_close(&fixture);
}

static bool
cancer_train(size_t row)
{
	return row % 5 != 0;
}

static void
test_cancer(const char *directory)
{
	Fixture		fixture;
	LearnParams params;
	int			diagnosis;

	if (!fixture_open(&fixture, directory, "breast_cancer.csv", "parity_breast_cancer_predictions.csv",
					  30, cancer_train))
	{
		skip(2, "no breast_cancer.csv and its predictions");
		return;
	}
	diagnosis = csv_column(&fixture.table, "diagnosis");
	for (size_t i = 0; i < fixture.table.nrows; i++)
		fixture.target[i] =
			strcmp(fixture.table.words[diagnosis * fixture.table.nrows + i], "malignant") == 0;
	fixture.data.nclasses = 2;

	params = boosting_params(&fixture.data, 50);
	params.max_leaf_nodes = 0;
	params.max_depth = 1;
	params.max_bins = 1024;
	params.criterion = CRITERION_FRIEDMAN_MSE;
	compare(&fixture, &params, "gbc_stump");

	params = forest_params(&fixture.data, 1);
	params.max_depth = 2;
	params.max_bins = 1024;
	compare(&fixture, &params, "tree_gini_d2");
	fixture_close(&fixture);
}

int
main(int argc, char **argv)
{
	const char *directory = argc > 1 ? argv[1] : getenv("ECHOLON_FIXTURES");

	if (directory == NULL)
		directory = "../fixtures";
	test_friedman(directory);
	test_cancer(directory);
	return done();
}
