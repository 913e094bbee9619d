/*
 * composite.c
 *		Results of named composite types.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "features/composite.h"

Datum
composite_datum(FunctionCallInfo fcinfo, const Datum *values, const bool *nulls, int n)
{
	Oid			typid = get_fn_expr_rettype(fcinfo->flinfo);
	TupleDesc	desc;
	HeapTuple	tuple;

	/* a call without an expression, from C */
	if (!OidIsValid(typid))
		typid = get_func_rettype(fcinfo->flinfo->fn_oid);
	desc = lookup_rowtype_tupdesc(typid, -1);
	if (desc->natts > n)
	{
		Datum	   *more = palloc0(mul_size(sizeof(Datum), desc->natts));
		bool	   *more_nulls = palloc(mul_size(sizeof(bool), desc->natts));

		memcpy(more, values, sizeof(Datum) * n);
		memcpy(more_nulls, nulls, sizeof(bool) * n);
		memset(more_nulls + n, true, sizeof(bool) * (desc->natts - n));
		values = more;
		nulls = more_nulls;
	}
	tuple = heap_form_tuple(desc, unconstify(Datum *, values), unconstify(bool *, nulls));
	ReleaseTupleDesc(desc);
	return HeapTupleGetDatum(tuple);
}
