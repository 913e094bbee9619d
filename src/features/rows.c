/*
 * rows.c
 *		Features of one row: interactions and powers of its numbers, and what a business asks.
 *
 * Arithmetic here cannot fail on a row.  The views of feature sets hold these functions, and one
 * row with a zero or a huge number must not break the reading of all: a division by zero
 * is NULL, and what is beyond the largest double is infinite.  Numbers of any type are
 * converted as trainings convert them, once, in C.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "features/numbers.h"
#include "function.h"

#define POWER_MOST		10

PG_FUNCTION_INFO_V1(echolon_product);
PG_FUNCTION_INFO_V1(echolon_ratio);
PG_FUNCTION_INFO_V1(echolon_add);
PG_FUNCTION_INFO_V1(echolon_subtract);
PG_FUNCTION_INFO_V1(echolon_power);
PG_FUNCTION_INFO_V1(echolon_churn_risk);
PG_FUNCTION_INFO_V1(echolon_churn_segment);
PG_FUNCTION_INFO_V1(echolon_engagement_score);

/* ---- arithmetic -------------------------------------------------------------------------- */

/* The type of the elements of an array that was passed as VARIADIC, looked up once a query. */
typedef struct ElementType
{
	ColumnType	type;
	int16		length;
	bool		byval;
	char		align;
} ElementType;

static const ElementType *
element_type(FunctionCallInfo fcinfo)
{
	ElementType *element = fcinfo->flinfo->fn_extra;

	if (element == NULL)
	{
		Oid			typid = get_base_element_type(get_fn_expr_argtype(fcinfo->flinfo, 0));

		element = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(ElementType));
		number_type(fcinfo, typid, 0, &element->type);
		get_typlenbyvalalign(typid, &element->length, &element->byval, &element->align);
		fcinfo->flinfo->fn_extra = element;
	}
	return element;
}

/* The product of an array's elements; false where one is NULL or there are none. */
static bool
array_product(FunctionCallInfo fcinfo, double *product)
{
	const ElementType *element = element_type(fcinfo);
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, ARR_ELEMTYPE(array), element->length, element->byval, element->align,
					  &values, &nulls, &n);
	*product = 1.0;
	for (int i = 0; i < n; i++)
	{
		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			return false;
		*product *= column_number(&element->type, values[i]);
	}
	return n > 0;
}

/* From left to right, so that the same arguments give the same bits. */
Datum
echolon_product(PG_FUNCTION_ARGS)
{
	double		product;

	if (get_fn_expr_variadic(fcinfo->flinfo))
	{
		if (!array_product(fcinfo, &product))
			PG_RETURN_NULL();
	}
	else
	{
		const ColumnType *types = number_types(fcinfo, PG_NARGS());

		product = column_number(&types[0], PG_GETARG_DATUM(0));
		for (int i = 1; i < PG_NARGS(); i++)
			product *= column_number(&types[i], PG_GETARG_DATUM(i));
	}
	PG_RETURN_FLOAT8(product);
}

Datum
echolon_ratio(PG_FUNCTION_ARGS)
{
	const ColumnType *types = number_types(fcinfo, 2);
	double		divisor = column_number(&types[1], PG_GETARG_DATUM(1));

	if (divisor == 0.0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(column_number(&types[0], PG_GETARG_DATUM(0)) / divisor);
}

Datum
echolon_add(PG_FUNCTION_ARGS)
{
	const ColumnType *types = number_types(fcinfo, 2);

	PG_RETURN_FLOAT8(column_number(&types[0], PG_GETARG_DATUM(0)) +
					 column_number(&types[1], PG_GETARG_DATUM(1)));
}

Datum
echolon_subtract(PG_FUNCTION_ARGS)
{
	const ColumnType *types = number_types(fcinfo, 2);

	PG_RETURN_FLOAT8(column_number(&types[0], PG_GETARG_DATUM(0)) -
					 column_number(&types[1], PG_GETARG_DATUM(1)));
}

/* By repeated multiplication: pow() of the C library is not the same on every machine. */
Datum
echolon_power(PG_FUNCTION_ARGS)
{
	const ColumnType *types = number_types(fcinfo, 1);
	double		base = column_number(&types[0], PG_GETARG_DATUM(0));
	int32		exponent = PG_GETARG_INT32(1);
	double		power = base;

	if (exponent < 1 || exponent > POWER_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("exponent %d is out of range", exponent),
				 errdetail("Exponents are from 1 to %d.", POWER_MOST),
				 errhint("Use echolon_ratio for reciprocals, and power() for the rest.")));
	for (int i = 1; i < exponent; i++)
		power *= base;
	PG_RETURN_FLOAT8(power);
}

/* ---- business ------------------------------------------------------------------------------ */

/* NaN is the greatest of numbers, as everywhere in PostgreSQL: a churned customer. */
Datum
echolon_churn_risk(PG_FUNCTION_ARGS)
{
	double		days = PG_GETARG_FLOAT8(0);
	double		horizon = PG_GETARG_FLOAT8(1);

	if (!(horizon > 0.0) || isinf(horizon))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("horizon %s is out of range", float8out_internal(horizon)),
				 errdetail("It is the number of days after which the risk is 1, and above 0."),
				 errhint("Leave it out for the default of 90.")));
	if (days <= 0.0)
		PG_RETURN_FLOAT8(0.0);
	if (float8_ge(days, horizon))
		PG_RETURN_FLOAT8(1.0);
	PG_RETURN_FLOAT8(days / horizon);
}

Datum
echolon_churn_segment(PG_FUNCTION_ARGS)
{
	double		days = PG_GETARG_FLOAT8(0);
	double		low = PG_GETARG_FLOAT8(1);
	double		high = PG_GETARG_FLOAT8(2);

	if (!(low <= high))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("churn segments need low <= high"),
				 errdetail("low is %s, high is %s.", float8out_internal(low), float8out_internal(high)),
				 errhint("Leave both out for the defaults of 30 and 90 days.")));
	PG_RETURN_TEXT_P(cstring_to_text(float8_le(days, low) ? "active" :
									 float8_le(days, high) ? "at risk" : "churned"));
}

/* The elements of an array of one dimension at most. */
static void
score_array(FunctionCallInfo fcinfo, int argument, const char *what, Datum **values, bool **nulls, int *n)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(argument);

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must be a one-dimensional array", what),
				 errdetail("It has %d dimensions.", ARR_NDIM(array))));
	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  values, nulls, n);
}

/* Weights have to make a mean: finite, none below 0, not all 0. */
static void
check_weights(const Datum *weights, const bool *nulls, int n)
{
	double		total = 0.0;

	for (int i = 0; i < n; i++)
	{
		double		weight = nulls[i] ? 0.0 : DatumGetFloat8(weights[i]);

		if (nulls[i] || !(weight >= 0.0) || isinf(weight))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("weight %d of an engagement score is %s", i + 1,
							nulls[i] ? "NULL" : float8out_internal(weight)),
					 errdetail("Weights are numbers of 0 or more.")));
		total += weight;
	}
	if (n > 0 && (total == 0.0 || isinf(total)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 total == 0.0 ? errmsg("the weights of an engagement score are all 0") :
				 errmsg("the weights of an engagement score are too large"),
				 errhint("Give weights such as '{2,1,1}', or leave them out: all count the same then.")));
}

Datum
echolon_engagement_score(PG_FUNCTION_ARGS)
{
	Datum	   *ranks,
			   *weights = NULL;
	bool	   *nulls,
			   *weight_nulls;
	int			n,
				nweights;
	double		sum = 0.0;
	double		total = 0.0;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	score_array(fcinfo, 0, "percent_ranks", &ranks, &nulls, &n);
	if (!PG_ARGISNULL(1))
	{
		score_array(fcinfo, 1, "weights", &weights, &weight_nulls, &nweights);
		if (nweights != n)
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("an engagement score needs one weight for each percent rank"),
					 errdetail("There are %d percent ranks and %d weights.", n, nweights)));
		check_weights(weights, weight_nulls, n);
	}
	for (int i = 0; i < n; i++)
	{
		double		weight = weights ? DatumGetFloat8(weights[i]) : 1.0;

		if (nulls[i] || weight == 0.0)
			continue;
		sum += weight * DatumGetFloat8(ranks[i]);
		total += weight;
	}
	/* nothing that counts is known */
	if (total == 0.0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(100.0 * (sum / total));
}
