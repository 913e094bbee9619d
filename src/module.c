/*
 * module.c
 *		The shared library's entry: magic block and settings; and what it says to SQL that is older.
 */
#include "postgres.h"

#include "utils/lsyscache.h"

#include "features/direct.h"
#include "features/rolling_scan.h"
#include "function.h"
#include "model/model.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
function_outdated(FunctionCallInfo fcinfo)
{
	char	   *name = fcinfo->flinfo != NULL ? get_func_name(fcinfo->flinfo->fn_oid) : NULL;

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("function \"%s\" of the extension echolon is older than its library", name != NULL ? name : "?"),
			 errdetail("It has %d arguments, and the library reads another one.", fcinfo->nargs),
			 errhint("Run ALTER EXTENSION echolon UPDATE in this database.")));
}

/* Called when the library is loaded, by the first call of one of its functions. */
void
_PG_init(void)
{
	/* settings first: after model_define_gucs no more may come */
	rolling_scan_install();
	model_define_gucs();
	direct_node_install();
}
