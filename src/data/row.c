/*
 * row.c
 *		A row that a function gets as an argument of type record.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "data/row.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "compat.h"

bool
input_row_type(InputRow *input, HeapTupleHeader row, MemoryContext parent)
{
	Oid			typid = HeapTupleHeaderGetTypeId(row);
	int32		typmod = HeapTupleHeaderGetTypMod(row);
	uint64		identifier = 0;
	MemoryContext caller;

	/* An anonymous type never changes; a named one may be altered within a transaction. */
	if (typid != RECORDOID)
		identifier = assign_record_type_identifier(typid, typmod);
	if (input->desc != NULL && input->typid == typid && input->typmod == typmod &&
		input->identifier == identifier)
		return false;

	input->desc = NULL;
	if (input->context != NULL)
		MemoryContextReset(input->context);
	else
		input->context = AllocSetContextCreate(parent, "echolon row type", ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(input->context);
	input->values = NULL;
	input->typid = typid;
	input->typmod = typmod;
	input->identifier = identifier;
	input->desc = lookup_rowtype_tupdesc_copy(typid, typmod);
	MemoryContextSwitchTo(caller);
	return true;
}

void
input_row_deform(InputRow *input, HeapTupleHeader row)
{
	HeapTupleData tuple;

	if (input->values == NULL)
	{
		int			n = Max(input->desc->natts, 1);

		input->nulls = MemoryContextAlloc(input->context, mul_size(sizeof(bool), n));
		input->values = MemoryContextAlloc(input->context, mul_size(sizeof(Datum), n));
	}
	/* A tuple shorter than its descriptor, and dropped columns, are heap_deform_tuple's business. */
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, input->desc, input->values, input->nulls);
}
