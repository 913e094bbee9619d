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
#define procedure_aclcheck_compat(procedure, role) pg_proc_aclcheck(procedure, role, ACL_EXECUTE)
#else
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "utils/acl.h"
#define namespace_aclcheck_compat(nsp, role, mode) \
	object_aclcheck(NamespaceRelationId, nsp, role, mode)
#define relation_ownercheck_compat(relid, role) \
	object_ownercheck(RelationRelationId, relid, role)
#define procedure_aclcheck_compat(procedure, role) \
	object_aclcheck(ProcedureRelationId, procedure, role, ACL_EXECUTE)
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

/* 18: what extensions print in EXPLAIN has a header of its own */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* 18: a path counts its disabled nodes */
#if PG_VERSION_NUM >= 180000
#define path_keep_disabled_nodes(path, below) ((path)->disabled_nodes = (below)->disabled_nodes)
#else
#define path_keep_disabled_nodes(path, below) ((void) 0)
#endif

/* 16: what a query may do to a relation stands apart from its range table entry */
#if PG_VERSION_NUM >= 160000
#define nsitem_permissions(item) ((item)->p_perminfo)
#define check_permissions_compat(pstate) \
	((void) ExecCheckPermissions((pstate)->p_rtable, (pstate)->p_rteperminfos, true))
#else
#define nsitem_permissions(item) ((item)->p_rte)
#define check_permissions_compat(pstate) ((void) ExecCheckRTPerms((pstate)->p_rtable, true))
#endif

/* 16: parsers of dates say more about a failure; parsers of type names can fail softly */
#if PG_VERSION_NUM >= 160000
#define decode_datetime_compat(field, ftype, nf, dtype, tm, fsec, tzp) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tzp, &(DateTimeErrorExtra) {0})
#define parse_type_compat(name, type, typmod) ((void) parseTypeString(name, type, typmod, NULL))
#else
#define decode_datetime_compat(field, ftype, nf, dtype, tm, fsec, tzp) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tzp)
#define parse_type_compat(name, type, typmod) parseTypeString(name, type, typmod, false)
#endif

/* 16: the actions of the JSON parser return whether they failed; 17: its lexer may be the caller's */
#if PG_VERSION_NUM >= 160000
#define JSON_ACTION JsonParseErrorType
#define JSON_ACTION_END return JSON_SUCCESS
#else
#define JSON_ACTION void
#define JSON_ACTION_END return
#endif
#if PG_VERSION_NUM >= 170000
#define json_lexer_compat(json, length, encoding) \
	makeJsonLexContextCstringLen(NULL, json, length, encoding, true)
#else
#define json_lexer_compat(json, length, encoding) \
	makeJsonLexContextCstringLen(json, length, encoding, true)
#endif

/* 16: entries of the activity table are fetched by another function */
#if PG_VERSION_NUM >= 160000
#define backend_status_compat(i) (&pgstat_get_local_beentry_by_index(i)->backendStatus)
#else
#define backend_status_compat(i) (&pgstat_fetch_stat_local_beentry(i)->backendStatus)
#endif

#endif							/* ECHOLON_COMPAT_H */
