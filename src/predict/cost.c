/*
 * cost.c
 *		What a prediction costs, for the planner: so that large scans get parallel plans, and dear predictions
 *		are made after cheap conditions and limits.
 *
 * A stored model says how many bytes it has, and that is known without loading it: walking its trees takes longer with
 * the logarithm of their size, as they outgrow one cache after the other, and each process that takes part loads it
 * once.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "function.h"
#include "model/lookup.h"
#include "model/store.h"

/*
 * In units of cpu_operator_cost, which stands for some 15 nanoseconds where a row of a scan that costs cpu_tuple_cost takes 60.
 * Measured: a boosted model of 60 kB takes about a microsecond a row, a full forest of 120 MB ten to twelve, and loading 100 MB some
 * 150 milliseconds.
 */
#define ROW_COST		40			/* of any model: the row taken apart and encoded */
#define DOUBLING_COST	60			/* each time the model is twice as large as */
#define SMALL_BYTES		65536.0		/* this one */
#define BYTE_COST		0.1			/* of loading */

PG_FUNCTION_INFO_V1(echolon_predict_support);

/* The value of a constant argument of this type, NULL where it is none. */
static Const *
constant_argument(List *args, int i, Oid type)
{
	Node	   *node = i < list_length(args) ? list_nth(args, i) : NULL;

	if (node == NULL || !IsA(node, Const) || ((Const *) node)->constisnull || ((Const *) node)->consttype != type)
		return NULL;
	return (Const *) node;
}

/* Bytes of a version (0: the active one) of the model of this name, if it is one that the user may use; else 0. */
static int64
model_bytes(const char *name, int32 version)
{
	Snapshot	snapshot = GetActiveSnapshot();
	StoredModel model;
	ModelVersion found;

	if (!store_find_model(name, snapshot, &model) || rights_of_model(&model, snapshot) < MODEL_PREDICT ||
		store_find_version(model.id, version, snapshot, &found) == 0)
		return 0;
	return found.length;
}

/* The same for the model that a call names, looked up once a statement: the planner asks several times. */
static int64
call_bytes(List *args)
{
	static LookupStamp kept_stamp;
	static char kept_name[NAMEDATALEN];
	static int32 kept_version;
	static int64 kept_bytes;
	Const	   *name = constant_argument(args, 0, TEXTOID);
	Const	   *version = constant_argument(args, list_length(args) - 1, INT4OID);
	int32		number = version ? Max(DatumGetInt32(version->constvalue), 0) : 0;
	char	   *wanted;
	LookupStamp stamp;

	if (name == NULL || !ActiveSnapshotSet())
		return 0;
	wanted = TextDatumGetCString(name->constvalue);
	if (strlen(wanted) >= sizeof(kept_name))
		return model_bytes(wanted, number);
	lookup_stamp(&stamp);
	if (!lookup_same(&kept_stamp, &stamp) || strcmp(kept_name, wanted) != 0 || kept_version != number)
	{
		kept_name[0] = '\0';
		kept_bytes = model_bytes(wanted, number);
		strlcpy(kept_name, wanted, sizeof(kept_name));
		kept_version = number;
		lookup_keep(&kept_stamp, &stamp);
	}
	return kept_bytes;
}

/* The support function of predictions by a model's name. */
Datum
echolon_predict_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestCost *cost = (SupportRequestCost *) request;
	double		bytes;

	if (!IsA(request, SupportRequestCost) || cost->node == NULL || !IsA(cost->node, FuncExpr))
		PG_RETURN_POINTER(NULL);
	bytes = (double) call_bytes(((FuncExpr *) cost->node)->args);
	if (bytes <= 0)
		PG_RETURN_POINTER(NULL);
	cost->startup = cpu_operator_cost * BYTE_COST * bytes;
	cost->per_tuple = cpu_operator_cost * (ROW_COST + DOUBLING_COST * log2(1.0 + bytes / SMALL_BYTES));
	PG_RETURN_POINTER(cost);
}
