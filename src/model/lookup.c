/*
 * lookup.c
 *		When what was found by a name must be looked up again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "compat.h"
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
