/*
 * select.c
 *		Which columns are features.
 *
 * Two passes: by the catalog before anything is read (types, rights, declared
 * keys), and by the data afterwards (nothing in it, constant, identifying).  A column
 * that names a row teaches nothing: a tree that splits on it learns the
 * table by heart.  Columns asked for by name are not judged, only checked.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "data/select.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"

#define NEAR_UNIQUE_LEVELS	50	/* at least so many distinct texts are near-unique … */
#define NEAR_UNIQUE_SHARE	0.5 /* … if they are more than this part of the values */
#define DENSE_RANGE			1.1 /* unique integers that leave out a tenth are still numbers of rows */
#define NOTICE_COLUMNS		50	/* names in the notice */
#define CHECK_ROWS			(1024 * 1024)	/* a few milliseconds of a column */

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* May the caller read this column? */
static bool
column_readable(Oid relid, AttrNumber number)
{
	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		pg_attribute_aclcheck(relid, number, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

const char *
relation_column_key(Relation relation, AttrNumber number, const ColumnType *type)
{
	const char *key = NULL;
	List	   *indexes;
	ListCell   *cell;

	if (type->basetype == FLOAT4OID || type->basetype == FLOAT8OID ||
		(type->kind != COLUMN_NUMBER && type->kind != COLUMN_CATEGORY))
		return NULL;

	indexes = RelationGetIndexList(relation);
	foreach(cell, indexes)
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_index index;

		if (!HeapTupleIsValid(tuple))
			continue;
		index = (Form_pg_index) GETSTRUCT(tuple);
		if (index->indisunique && index->indisvalid && index->indnkeyatts == 1 &&
			index->indkey.values[0] == number &&
			heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
		{
			if (index->indisprimary)
				key = "primary key";
			else if (key == NULL)
				key = "unique key";
		}
		ReleaseSysCache(tuple);
	}
	list_free(indexes);
	return key;
}

/* Raise that a named column's type is of no use to role ("a feature", "the target"). */
static void
column_unusable(const char *name, Oid typid, const char *role)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" cannot be %s", name, role),
			 errdetail("Type %s is not supported.", format_type_be(typid)),
			 errhint("Use a view that turns it into a number, date, boolean, text, enum or uuid.")));
}

/* Checks of the named columns that need no types. */
static void
check_names(const FrameSpec *spec)
{
	ListCell   *cell;
	List	   *seen = NIL;

	if (spec->target != NULL)
		relation_column(spec->relid, spec->target);
	if (spec->weight != NULL)
		relation_column(spec->relid, spec->weight);
	if (spec->split_by != NULL)
		relation_column(spec->relid, spec->split_by);
	if (spec->split_groups != NULL)
		relation_column(spec->relid, spec->split_groups);

	if (same(spec->weight, spec->target) || same(spec->split_by, spec->target) ||
		same(spec->split_groups, spec->target))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" cannot be both target and %s", spec->target,
						same(spec->weight, spec->target) ? "sample_weight" :
						same(spec->split_by, spec->target) ? "split_by" : "split_groups")));

	foreach(cell, spec->exclude)
		relation_column(spec->relid, lfirst(cell));

	if (spec->all_features)
		return;

	if (spec->features == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("features is empty"),
				 errhint("Name at least one column, or leave features out for every usable column.")));
	foreach(cell, spec->features)
	{
		const char *name = lfirst(cell);
		const char *role = NULL;

		relation_column(spec->relid, name);
		if (same(name, spec->target))
			role = "the target";
		else if (same(name, spec->weight))
			role = "the sample weight";
		else if (same(name, spec->split_groups))
			role = "what split_groups keeps together";
		if (role != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" cannot be a feature", name),
					 errdetail("It is %s.", role)));
		if (name_in(seen, name))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column \"%s\" appears twice in features", name)));
		if (name_in(spec->exclude, name))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" is both in features and in exclude", name)));
		seen = lappend(seen, lfirst(cell));
	}
	list_free(seen);
}

/* The types roles need. */
static void
check_role(const FrameSpec *spec, const FrameColumn *column)
{
	if (same(column->name, spec->weight) && column->type.kind != COLUMN_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" cannot be the sample weight", column->name),
				 errdetail("It is of type %s; a weight is a number.", column->type_name)));
	if (same(column->name, spec->split_by) && column->type.kind == COLUMN_CATEGORY)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("cannot split by column \"%s\"", column->name),
				 errdetail("It is of type %s; split_by takes a date, a timestamp or a number.",
						   column->type_name),
				 errhint("To keep all rows of a group on one side use split_groups => '%s'.",
						 column->name)));
}

/* Why a candidate is no feature, as far as the catalog tells; NULL: it may be one. */
static char *
catalog_reason(const FrameSpec *spec, Relation relation, Form_pg_attribute attribute,
			   const FrameColumn *column, bool usable, bool readable)
{
	const char *key;

	if (column->withheld)
		return pstrdup(spec->withheld_reason);
	if (!usable)
		return psprintf("unsupported type %s", column->type_name);
	if (!readable)
		return pstrdup("no SELECT right");
	if (spec->unjudged)
		return NULL;
	if ((key = relation_column_key(relation, attribute->attnum, &column->type)) != NULL)
		return pstrdup(key);
	if (column->type.basetype == UUIDOID)
		return pstrdup("uuid");
	return NULL;
}

SourceColumn *
select_columns(const FrameSpec *spec, Frame *frame)
{
	Relation	relation;
	TupleDesc	desc;
	SourceColumn *sources;

	relation_lock(spec->relid);
	check_names(spec);

	relation = relation_open(spec->relid, NoLock);
	desc = RelationGetDescr(relation);
	frame->columns = palloc0(mul_size(desc->natts, sizeof(FrameColumn)));
	sources = palloc0(mul_size(desc->natts, sizeof(SourceColumn)));
	frame->target = frame->weight = frame->split_by = frame->split_groups = -1;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		const char *name = NameStr(attribute->attname);
		int			place = frame->ncolumns;
		FrameColumn *column = &frame->columns[place];
		SourceColumn *source = &sources[place];
		bool		named = !spec->all_features && name_in(spec->features, name);
		bool		never;
		bool		usable;
		bool		readable;

		if (attribute->attisdropped)
			continue;

		source->is_role = same(name, spec->target) || same(name, spec->weight) ||
			same(name, spec->split_by) || same(name, spec->split_groups);
		/* these would give the answer away, or tell training rows from held-out ones */
		never = same(name, spec->target) || same(name, spec->weight) ||
			same(name, spec->split_groups);
		column->feature = !never && (spec->all_features || named) &&
			!name_in(spec->exclude, name);
		source->kept = source->is_role || name_in(spec->series, name);
		if (!source->kept && !column->feature)
			continue;

		usable = column_type_resolve(attribute->atttypid, &column->type);
		readable = column_readable(spec->relid, attribute->attnum);
		if (!usable && source->is_role)
			column_unusable(name, attribute->atttypid,
							same(name, spec->target) ? "the target" :
							same(name, spec->weight) ? "the sample weight" :
							same(name, spec->split_by) ? "what the rows are split by" :
							"what the rows are grouped by");
		if (!usable && named)
			column_unusable(name, attribute->atttypid, "a feature");
		if (!readable && (source->is_role || named))
			aclcheck_error_col(ACLCHECK_NO_PRIV, OBJECT_COLUMN,
							   RelationGetRelationName(relation), name);

		column->name = pstrdup(name);
		column->type_name = format_type_be(attribute->atttypid);
		if (column->feature && spec->all_features)
		{
			column->withheld = name_in(spec->withheld, name);
			column->left_out = catalog_reason(spec, relation, attribute, column, usable, readable);
			if (column->left_out != NULL)
				column->feature = false;
		}
		if (source->is_role)
			check_role(spec, column);
		source->kept = source->kept && usable && readable;
		source->read = source->kept || column->feature;
		source->low = INFINITY;
		source->high = -INFINITY;

		if (same(name, spec->target))
			frame->target = place;
		if (same(name, spec->weight))
			frame->weight = place;
		if (same(name, spec->split_by))
			frame->split_by = place;
		if (same(name, spec->split_groups))
			frame->split_groups = place;
		frame->ncolumns++;
	}
	relation_close(relation, NoLock);

	/* before the table is read in vain */
	if (spec->all_features)
	{
		bool		any = false;

		for (int i = 0; i < frame->ncolumns; i++)
			any |= frame->columns[i].feature;
		if (!any)
			select_report(spec, frame);
	}
	return sources;
}

bool
integers_dense(double low, double high, uint64 rows)
{
	return high - low + 1 <= DENSE_RANGE * (double) rows;
}

bool
texts_near_unique(uint64 levels, uint64 values)
{
	return levels > NEAR_UNIQUE_LEVELS && levels > NEAR_UNIQUE_SHARE * (double) values;
}

/*
 * Does every row have another integer, in a range hardly wider than there are
 * rows?  Then it is a row number.
 */
static bool
unique_integers(const Frame *frame, const FrameColumn *column, const SourceColumn *source)
{
	double		low = INFINITY;
	double		high = -INFINITY;
	double		range;
	uint8	   *seen;
	bool		unique = true;

	if (column->missing > 0)
		return false;
	for (size_t i = 0; i < frame->nrows; i++)
	{
		double		value = cell_number(source->group, source->slot, i);

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		low = Min(low, value);
		high = Max(high, value);
	}

	/* rows that are left out have their numbers too */
	low = Min(low, source->low);
	high = Max(high, source->high);
	if (!integers_dense(low, high, frame->rows_read))
		return false;
	range = high - low + 1;

	CHECK_FOR_INTERRUPTS();
	seen = MemoryContextAllocExtended(CurrentMemoryContext, (size_t) range / 8 + 1,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (size_t i = 0; i < frame->nrows && unique; i++)
	{
		size_t		bit = (size_t) (cell_number(source->group, source->slot, i) - low);

		unique = (seen[bit / 8] & (1 << bit % 8)) == 0;
		seen[bit / 8] |= 1 << bit % 8;
	}
	pfree(seen);
	return unique;
}

/* Has every row the same value? */
static bool
column_constant(const Frame *frame, const FrameColumn *column, const SourceColumn *source)
{
	/* whether there is a value at all may tell something */
	if (column->missing > 0)
		return false;
	if (column->type.kind == COLUMN_CATEGORY)
		return source->dictionary.nentries == 1;
	for (size_t i = 1; i < frame->nrows; i++)
	{
		if (cell_number(source->group, source->slot, i) !=
			cell_number(source->group, source->slot, 0))
			return false;
	}
	return true;
}

/* Are there nearly as many texts as rows?  Enums and booleans are declared to be few. */
static bool
near_unique_text(const Frame *frame, const FrameColumn *column, const SourceColumn *source)
{
	return column->type.kind == COLUMN_CATEGORY && !column->type.is_enum &&
		texts_near_unique(source->dictionary.nentries, frame->nrows - column->missing);
}

void
select_features(const FrameSpec *spec, Frame *frame, SourceColumn *sources)
{
	for (int i = 0; i < frame->ncolumns; i++)
	{
		FrameColumn *column = &frame->columns[i];
		const SourceColumn *source = &sources[i];

		if (!column->feature)
			continue;
		if (!spec->all_features)
		{
			/* who names a column knows what is in it, but this is no column to learn from */
			if (column->missing == frame->nrows && !spec->unjudged)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("column \"%s\" cannot be a feature", column->name),
						 errdetail("It has no value in any usable row.")));
			continue;
		}
		CHECK_FOR_INTERRUPTS();
		if (column->missing == frame->nrows)
			column->left_out = pstrdup("all NULL");
		else if (near_unique_text(frame, column, source) &&
				 (!spec->near_unique || source->dictionary.incomplete))
			column->left_out = pstrdup("near-unique text");
		else if (spec->unjudged)
			continue;
		else if (column_constant(frame, column, source))
			column->left_out = pstrdup("constant");
		else if (column->type.integral && unique_integers(frame, column, source))
			column->left_out = pstrdup("unique integers");
		if (column->left_out != NULL)
			column->feature = false;
	}
}

void
select_report(const FrameSpec *spec, const Frame *frame)
{
	StringInfoData list;
	int			nfeatures = 0;
	int			nleft = 0;
	bool		withheld = false;

	for (int i = 0; i < frame->ncolumns; i++)
		nfeatures += frame->columns[i].feature;
	if (spec->unjudged)
		return;

	initStringInfo(&list);
	for (int i = 0; i < frame->ncolumns; i++)
	{
		const FrameColumn *column = &frame->columns[i];

		if (column->left_out == NULL || (column->withheld && nfeatures > 0))
			continue;
		if (nleft < NOTICE_COLUMNS)
			appendStringInfo(&list, "%s%s (%s)", nleft == 0 ? "" : ", ", column->name,
							 column->left_out);
		nleft++;
		withheld |= column->withheld;
	}
	if (nleft > NOTICE_COLUMNS)
		appendStringInfo(&list, " and %d more", nleft - NOTICE_COLUMNS);

	if (nfeatures == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" has no column left to be a feature",
						get_rel_name(spec->relid)),
				 nleft > 0 ? errdetail("Left out: %s.", list.data) : 0,
				 withheld ? errhint("Make the feature set again with other columns, or leave less out with exclude.") :
				 nleft > 0 ? errhint("Columns named with features are used as they are.") :
				 errhint("A relation of more columns is needed, or less in exclude.")));
	if (nleft > 0)
		ereport(NOTICE,
				(errmsg("left out of the features: %s", list.data)));
	pfree(list.data);
}
