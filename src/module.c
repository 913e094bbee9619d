/*
 * module.c
 *		The shared library's entry: magic block and settings.
 */
#include "postgres.h"

#include "fmgr.h"

#include "features/direct.h"
#include "features/rolling_scan.h"
#include "model/model.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* Called when the library is loaded, by the first call of one of its functions. */
void
_PG_init(void)
{
	/* settings first: after model_define_gucs no more may come */
	rolling_scan_install();
	model_define_gucs();
	direct_node_install();
}
