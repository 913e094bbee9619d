/*
 * lookup.c
 *		Which version is meant, and when what was found by a name must be looked up again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "function.h"
#include "model/lookup.h"

void
lookup_stamp(LookupStamp *stamp)
{
	memset(stamp, 0, sizeof(*stamp));	/* padding too */
	stamp->subtransaction = GetCurrentSubTransactionId();
	stamp->user = GetUserId();
	if (ActiveSnapshotSet())
	{
		Snapshot	snapshot = GetActiveSnapshot();

		stamp->xmin = snapshot->xmin;
		stamp->xmax = snapshot->xmax;
		stamp->xcnt = snapshot->xcnt;
		stamp->subxcnt = snapshot->subxcnt;
		stamp->curcid = snapshot->curcid;
		stamp->completed = snapshot->snapXactCompletionCount;
	}
}

int32
version_argument(FunctionCallInfo fcinfo, int argument)
{
	int32		version;

	if (PG_ARGISNULL(argument))
		return 0;
	version = PG_GETARG_INT32(argument);
	if (version < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("version must be at least 1"),
				 errdetail("It is %d.", version),
				 errhint("The versions of a model are in echolon.model_versions; without version, or with NULL, the active one is meant.")));
	return version;
}
