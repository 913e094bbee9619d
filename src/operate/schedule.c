/*
 * schedule.c
 *		Retraining by the clock of pg_cron: echolon_schedule_retrain, echolon_unschedule, echolon.schedules.
 *
 * pg_cron is optional: it is looked for when it is needed, and only what belongs to the extension of that name is
 * called or read, for anybody who may create schemas could make one called cron.  All of it runs with
 * the caller's rights, so a job is the caller's, is run as the caller, and rolls back with the transaction.  The job is
 * one CALL of echolon_retrain_due, which trains as the owner of the model.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "features/feature.h"
#include "function.h"
#include "model/store.h"

PG_FUNCTION_INFO_V1(echolon_schedule_retrain);
PG_FUNCTION_INFO_V1(echolon_unschedule);
PG_FUNCTION_INFO_V1(echolon_cron_jobs);

#define CRON_SCHEMA		"cron"

/* Columns of schedule_store by number, as schedule.sql creates them. */
enum
{
	SCHEDULE_STORE_MODEL_ID = 1, SCHEDULE_STORE_JOB_ID, SCHEDULE_STORE_SCHEDULE, SCHEDULE_STORE_ONLY_WHEN_DUE,
	SCHEDULE_STORE_SCHEDULED_BY
};

/* ---- pg_cron ------------------------------------------------------------------------- */

/* Does a table of schema cron belong to the extension? */
static bool
cron_has_table(Oid extension, const char *name)
{
	Oid			schema = get_namespace_oid(CRON_SCHEMA, true);
	Oid			table = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;

	return OidIsValid(table) && getExtensionOfObject(RelationRelationId, table) == extension;
}

/* Does a function of schema cron belong to the extension?  Raises where the caller may not use the schema. */
static bool
cron_has_function(Oid extension, const char *name, int nargs, const Oid *types)
{
	List	   *names = list_make2(makeString(CRON_SCHEMA), makeString(pstrdup(name)));
	Oid			function = LookupFuncName(names, nargs, types, true);

	return OidIsValid(function) && getExtensionOfObject(ProcedureRelationId, function) == extension;
}

/* Is pg_cron in this database, with all that is needed of it? */
static bool
cron_is_here(void)
{
	static const Oid texts[] = {TEXTOID, TEXTOID, TEXTOID};
	static const Oid number[] = {INT8OID};
	Oid			extension = get_extension_oid("pg_cron", true);

	if (!OidIsValid(extension))
		return false;
	if (!cron_has_table(extension, "job") || !cron_has_table(extension, "job_run_details") ||
		!cron_has_function(extension, "schedule", lengthof(texts), texts) ||
		!cron_has_function(extension, "unschedule", lengthof(number), number))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this version of pg_cron is too old"),
				 errdetail("cron.schedule(text, text, text), which came with pg_cron 1.4, is missing."),
				 errhint("ALTER EXTENSION pg_cron UPDATE, after installing a newer package.")));
	return true;
}

/* The name of a model's job; names are at most 63 bytes long in pg_cron 1.4. */
static char *
job_name(int64 model_id)
{
	char	   *name = psprintf("echolon_retrain_" INT64_FORMAT "_%s", model_id, get_database_name(MyDatabaseId));

	name[pg_mbcliplen(name, (int) strlen(name), NAMEDATALEN - 1)] = '\0';
	return name;
}

/* What a job executes: a session of its own finds the procedure by its schema. */
static char *
job_command(const char *model, bool only_when_due)
{
	return psprintf("CALL %s(%s%s)", feature_function("echolon_retrain_due"), quote_literal_cstr(model),
					only_when_due ? "" : ", force => true");
}

/* A word in double quotes for the shell of a crontab, where % is special as well. */
static char *
crontab_word(const char *word)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '"');
	for (const char *c = word; *c != '\0'; c++)
	{
		if (strchr("\\\"$`%", *c) != NULL)
			appendStringInfoChar(&out, '\\');
		appendStringInfoChar(&out, *c);
	}
	appendStringInfoChar(&out, '"');
	return out.data;
}

/* There is no pg_cron here: say where it is, or what to use instead. */
pg_noreturn static void
no_cron(int64 model_id, const char *schedule, const char *command)
{
	const char *where = GetConfigOption("cron.database_name", true, false);
	const char *here = get_database_name(MyDatabaseId);
	char	   *crontab = psprintf("%s  psql -X -d %s -c %s", schedule, crontab_word(here), crontab_word(command));

	if (where == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pg_cron is not there to schedule anything"),
				 errdetail("This server does not load it (shared_preload_libraries)."),
				 errhint("A line in a crontab does the same: %s", crontab)));
	if (strcmp(where, here) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pg_cron is in database \"%s\", not in \"%s\"", where, here),
				 errdetail("It can be in one database of a server only (cron.database_name)."),
				 errhint("Execute there: SELECT cron.schedule_in_database(%s, %s, %s, %s);",
						 quote_literal_cstr(job_name(model_id)), quote_literal_cstr(schedule),
						 quote_literal_cstr(command), quote_literal_cstr(here))));
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("extension pg_cron is not created in database \"%s\"", here),
			 errhint("CREATE EXTENSION pg_cron; or a line in a crontab does the same: %s", crontab)));
}

/* ---- what is scheduled ------------------------------------------------------------------ */

/* The job of a model, and who scheduled it; false: there is none. */
static bool
find_schedule(int64 model_id, int64 *job, char **role)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, SCHEDULE_STORE_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(model_id));
	scan = store_scan("schedule_store", "schedule_store_pkey", snapshot, 1, &key);
	if (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		*job = DatumGetInt64(store_column(&scan, tuple, SCHEDULE_STORE_JOB_ID));
		*role = store_text_column(&scan, tuple, SCHEDULE_STORE_SCHEDULED_BY);
	}
	store_scan_end(&scan);
	UnregisterSnapshot(snapshot);
	return HeapTupleIsValid(tuple);
}

/* Take a job out of pg_cron, where the caller sees it there.  Its number may have been given to another job meanwhile. */
static bool
unschedule_job(int64 job, int64 model_id)
{
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(job), CStringGetTextDatum(job_name(model_id))};
	bool		found;

	SPI_connect();
	if (SPI_execute_with_args("SELECT cron.unschedule(j.jobid) FROM cron.job j"
							  " WHERE j.jobid OPERATOR(pg_catalog.=) $1"
							  " AND j.jobname::pg_catalog.text OPERATOR(pg_catalog.=) $2",
							  lengthof(types), types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	found = SPI_processed > 0;
	SPI_finish();
	return found;
}

/*
 * Take away a model's job, if it has one.  A job of another role is left to that role and to superusers.  false:
 * there was none.
 */
static bool
end_schedule(const StoredModel *model, bool cron)
{
	char	   *role;
	int64		job;

	if (!find_schedule(model->id, &job, &role))
		return false;
	if (!(cron && unschedule_job(job, model->id)) && !superuser() &&
		strcmp(role, GetUserNameFromId(GetUserId(), false)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the retraining of model \"%s\" was scheduled by another role", model->model),
				 errdetail("Job " INT64_FORMAT " of pg_cron is that of \"%s\".", job, role),
				 errhint("That role or a superuser can call echolon_unschedule(%s).", quote_literal_cstr(model->model))));
	return true;
}

/* ---- the functions ----------------------------------------------------------------------- */

/* echolon_schedule_retrain(model text, schedule text, only_when_due boolean) returns bigint */
Datum
echolon_schedule_retrain(PG_FUNCTION_ARGS)
{
	char	   *schedule = text_to_cstring(PG_GETARG_TEXT_PP(1));
	bool		only_when_due = PG_GETARG_BOOL(2);
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		arguments[3];
	StoredModel model;
	StoreUser	before;
	char	   *command;
	int64		job;
	bool		isnull;

	store_prevent("echolon_schedule_retrain()");
	store_lock_model(text_to_cstring(PG_GETARG_TEXT_PP(0)), MODEL_TRAIN, &model);
	command = job_command(model.model, only_when_due);
	if (!cron_is_here())
		no_cron(model.id, schedule, command);
	(void) end_schedule(&model, true);

	arguments[0] = CStringGetTextDatum(job_name(model.id));
	arguments[1] = CStringGetTextDatum(schedule);
	arguments[2] = CStringGetTextDatum(command);
	SPI_connect();
	if (SPI_execute_with_args("SELECT cron.schedule($1, $2, $3)", lengthof(types), types, arguments, NULL,
							  false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "SPI_execute_with_args failed");
	job = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();

	StoreValue	values[] = {
		value_int8(model.id), value_int8(job), value_text(schedule),
		{BOOLOID, BoolGetDatum(only_when_due), false},
		value_text(GetUserNameFromId(GetUserId(), false)), value_now()
	};

	before = store_begin_write();
	store_execute("INSERT INTO echolon.schedule_store"
				  " (model_id, job_id, schedule, only_when_due, scheduled_by, scheduled_at)"
				  " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (model_id) DO UPDATE SET job_id = EXCLUDED.job_id,"
				  " schedule = EXCLUDED.schedule, only_when_due = EXCLUDED.only_when_due,"
				  " scheduled_by = EXCLUDED.scheduled_by, scheduled_at = EXCLUDED.scheduled_at",
				  lengthof(values), values);
	store_end_write(before);
	PG_RETURN_INT64(job);
}

/* echolon_unschedule(model text) returns boolean */
Datum
echolon_unschedule(PG_FUNCTION_ARGS)
{
	StoredModel model;
	StoreUser	before;
	StoreValue	value;

	store_prevent("echolon_unschedule()");
	store_lock_model(text_to_cstring(PG_GETARG_TEXT_PP(0)), MODEL_TRAIN, &model);
	if (!end_schedule(&model, cron_is_here()))
		PG_RETURN_BOOL(false);
	value = value_int8(model.id);
	before = store_begin_write();
	store_execute("DELETE FROM echolon.schedule_store WHERE model_id OPERATOR(pg_catalog.=) $1", 1, &value);
	store_end_write(before);
	PG_RETURN_BOOL(true);
}

/* echolon.cron_jobs() returns setof (job_id, active, started_at, status, message) */
Datum
echolon_cron_jobs(PG_FUNCTION_ARGS)
{
	Oid			extension = get_extension_oid("pg_cron", true);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	if (!OidIsValid(extension) || !cron_has_table(extension, "job") || !cron_has_table(extension, "job_run_details"))
		return (Datum) 0;
	SPI_connect();
	/* for whom the schema is closed there are no jobs to see; privileges come before any name is looked up */
	if (SPI_execute("SELECT 1 WHERE pg_catalog.has_schema_privilege('cron', 'USAGE')", true, 0) == SPI_OK_SELECT &&
		SPI_processed == 1)
	{
		if (SPI_execute("SELECT j.jobid, j.active, d.start_time, d.status, d.return_message"
						" FROM cron.job j LEFT JOIN LATERAL"
						" (SELECT r.start_time, r.status, r.return_message FROM cron.job_run_details r"
						" WHERE r.jobid OPERATOR(pg_catalog.=) j.jobid ORDER BY r.runid DESC LIMIT 1) d ON true"
						" WHERE pg_catalog.starts_with(j.jobname::pg_catalog.text, 'echolon_retrain_')",
						true, 0) != SPI_OK_SELECT)
			elog(ERROR, "SPI_execute failed");
		for (uint64 i = 0; i < SPI_processed; i++)
			tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
	}
	SPI_finish();
	return (Datum) 0;
}
