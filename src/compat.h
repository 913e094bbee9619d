/*
 * compat.h
 *		Every difference between PostgreSQL versions 15 to 18, and nothing else
 *		has a condition on PG_VERSION_NUM.  Include after postgres.h.
 */
#ifndef ECHOLON_COMPAT_H
#define ECHOLON_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "Echolon needs PostgreSQL 15 or later"
#endif

/* 16: varlena macros moved to a header of their own */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 16: one family of object_aclcheck and _ownercheck in place of pg_*_aclcheck, _ownercheck */
#if PG_VERSION_NUM < 160000
#include "utils/acl.h"
#define namespace_aclcheck_compat(nsp, role, mode) pg_namespace_aclcheck(nsp, role, mode)
#define relation_ownercheck_compat(relid, role) pg_class_ownercheck(relid, role)
#else
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "utils/acl.h"
#define namespace_aclcheck_compat(nsp, role, mode) \
	object_aclcheck(NamespaceRelationId, nsp, role, mode)
#define relation_ownercheck_compat(relid, role) \
	object_ownercheck(RelationRelationId, relid, role)
#endif

/* 17: an interval can be infinite */
#if PG_VERSION_NUM >= 170000
#define interval_is_infinite(interval) INTERVAL_NOT_FINITE(interval)
#else
#define interval_is_infinite(interval) false
#endif

/* 16: the rule of a view no longer begins with entries for OLD and NEW */
#if PG_VERSION_NUM < 160000
#define VIEW_RULE_ENTRIES 2
#else
#define VIEW_RULE_ENTRIES 0
#endif

/* 18: pg_noreturn stands before the declaration, pg_attribute_noreturn() is gone */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 18: a path counts its disabled nodes */
#if PG_VERSION_NUM >= 180000
#define path_keep_disabled_nodes(path, below) ((path)->disabled_nodes = (below)->disabled_nodes)
#else
#define path_keep_disabled_nodes(path, below) ((void) 0)
#endif

#endif							/* ECHOLON_COMPAT_H */
