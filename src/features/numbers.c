/*
 * numbers.c
 *		Arguments of type "any" that are numbers.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "features/numbers.h"
#include "function.h"

void
number_type(FunctionCallInfo fcinfo, Oid typid, int argument, ColumnType *type)
{
	if (OidIsValid(typid) && column_type_resolve(typid, type) && type->kind == COLUMN_NUMBER)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("function %s needs numbers", get_func_name(fcinfo->flinfo->fn_oid)),
			 errdetail("Argument %d is of type %s.", argument + 1, format_type_be(typid)),
			 typid == UNKNOWNOID ?
			 errhint("Give the literal a type, such as numeric '1.5'.") :
			 errhint("Numbers are smallint, integer, bigint, real, double precision, numeric and interval (in seconds).")));
}

const ColumnType *
number_types(FunctionCallInfo fcinfo, int n)
{
	ColumnType *types = fcinfo->flinfo->fn_extra;

	if (types == NULL)
	{
		if (n > fcinfo->nargs || n == 0)
			function_outdated(fcinfo);
		types = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, mul_size(sizeof(ColumnType), n));
		for (int i = 0; i < n; i++)
			number_type(fcinfo, get_fn_expr_argtype(fcinfo->flinfo, i), i, &types[i]);
		fcinfo->flinfo->fn_extra = types;
	}
	return types;
}
