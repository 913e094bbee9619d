/*
 * cost.c
 *		What the planner is told that a prediction costs.
 *
 * A tree's depth, and how far its nodes lie from the processor, grow slowly with a model: from 100 trees of 31 leaves (60 kB, 1.5
 * microseconds a row) to a full forest of 100,000 rows (100 MB, 12 microseconds) by the third root of its bytes.  So a scan that
 * predicts by a large forest gets a parallel plan sooner, and a filter of one goes behind the cheap ones.
 *
 * A plan must not fail here: whatever is not found, or not the user's to predict by, costs what the function's COST says.
 */
#include "postgres.h"

#include <math.h>

#include "nodes/primnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "function.h"
#include "model/lookup.h"
#include "model/store.h"

#define COST_OF_ROOT	2.0		/* operators a third root of a byte */

PG_FUNCTION_INFO_V1(echolon_predict_support);

/* Bytes of the model of this name as its active version has them; 0: not to be known. */
static int64
model_bytes(const char *name)
{
	Snapshot	snapshot = GetActiveSnapshot();
	StoredModel model;
	ModelVersion version;

	if (!store_find_model(name, snapshot, &model) || rights_of_model(&model, snapshot) < MODEL_PREDICT ||
		store_find_version(model.id, 0, snapshot, &version) == 0)
		return 0;
	return version.length;
}

/* The same, looked up once a statement: the planner asks several times. */
static int64
known_bytes(text *name)
{
	static LookupStamp kept;
	static char kept_name[NAMEDATALEN];
	static int64 bytes;
	LookupStamp stamp;
	char	   *wanted = text_to_cstring(name);

	if (strlen(wanted) >= sizeof(kept_name))
		return model_bytes(wanted);
	lookup_stamp(&stamp);
	if (!lookup_same(&kept, &stamp) || strcmp(kept_name, wanted) != 0)
	{
		kept_name[0] = '\0';
		bytes = model_bytes(wanted);
		strlcpy(kept_name, wanted, sizeof(kept_name));
		lookup_keep(&kept, &stamp);
	}
	return bytes;
}

/* The support function of the predictions by name. */
Datum
echolon_predict_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestCost *cost = (SupportRequestCost *) request;
	Const	   *name;
	int64		bytes;

	if (!IsA(request, SupportRequestCost) || cost->node == NULL || !IsA(cost->node, FuncExpr) ||
		((FuncExpr *) cost->node)->args == NIL || !ActiveSnapshotSet())
		PG_RETURN_POINTER(NULL);
	name = linitial(((FuncExpr *) cost->node)->args);
	if (!IsA(name, Const) || name->constisnull)
		PG_RETURN_POINTER(NULL);
	bytes = known_bytes(DatumGetTextPP(name->constvalue));
	if (bytes == 0)
		PG_RETURN_POINTER(NULL);
	cost->startup = 0;
	cost->per_tuple = cpu_operator_cost * COST_OF_ROOT * cbrt((double) bytes);
	PG_RETURN_POINTER(cost);
}
