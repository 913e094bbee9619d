/*
 * progress.c
 *		How far a long call is: written into the session's entry of PostgreSQL's activity table, read by
 *		echolon.running(), and said in notices.
 *
 * The activity table has a place for the progress of core's commands: the number of the command, a relation and 20
 * numbers.  It needs no shared memory of our own, so the library need not be preloaded, and it is cleared by
 * whatever ends a transaction.  We write a number of command that is not one of core's, so that core's views do not
 * show it.  While COPY runs as part of a load the entry is COPY's, which uses the first numbers; ours stand behind
 * them, and the first two mean the same, so that both pg_stat_progress_copy and echolon.progress show it.
 *
 * A function of the user's that runs while rows are read may end what is shown; the next thing that is said
 * shows it again.  What the session itself knows of its call is forgotten when the transaction or
 * subtransaction that began it fails.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/backend_progress.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "function.h"
#include "model/progress.h"

/* Not one of core's, which are counted from 0. */
#define PROGRESS_COMMAND_ECHOLON ((ProgressCommandType) 0x4563)

/* The 20 numbers.  Core's COPY writes 0 to 6. */
#define SLOT_DONE		0
#define SLOT_TOTAL		1
#define SLOT_MORE_NAME	2		/* to 6 */
#define SLOT_STATE		7		/* magic, command, phase, workers */
#define SLOT_STARTED	8
#define SLOT_PHASE		9
#define SLOT_MEMORY		10
#define SLOT_NAME		11		/* to 19 */

#define STATE_MAGIC		INT64CONST(0x4563686F)	/* the upper half of SLOT_STATE */
#define NAME_BYTES		((PGSTAT_NUM_PROGRESS_PARAM - SLOT_NAME) * sizeof(int64))
#define MORE_NAME_BYTES ((SLOT_STATE - SLOT_MORE_NAME) * sizeof(int64))
#define MODEL_BYTES		(NAME_BYTES + MORE_NAME_BYTES)

#define MEMORY_EVERY	100		/* ms; contexts are added up */
#define NOTICE_EVERY	5000	/* ms, within a phase */

bool		echolon_verbose = false;

/* The call of this session. */
typedef struct Progress
{
	bool		active;
	bool		held;			/* the learner's stages are not shown */
	int			nest;			/* level of transaction it began in */
	ProgressCommand command;
	ProgressPhase phase;
	Oid			relid;
	char		model[MODEL_BYTES + 1];
	MemoryContext context;
	uint64		done;
	uint64		total;
	int			workers;
	size_t		shared;
	size_t		memory;
	TimestampTz started;
	TimestampTz phase_started;
	TimestampTz measured;		/* the memory */
	TimestampTz noticed;		/* the last notice, or the phase's begin */
} Progress;

static Progress progress;

PG_FUNCTION_INFO_V1(echolon_running);

/* ---- words ------------------------------------------------------------------------- */

static const char *const command_names[] = {
	[COMMAND_TRAIN] = "train", [COMMAND_RETRAIN] = "retrain", [COMMAND_FINE_TUNE] = "fine_tune",
	[COMMAND_UPDATE] = "update", [COMMAND_LOAD] = "load", [COMMAND_CREATE_FEATURES] = "create_features",
	[COMMAND_REFRESH_FEATURES] = "refresh_features",
	[COMMAND_PERMUTATION_IMPORTANCE] = "permutation_importance"
};

/* A phase: its name, what it counts, and what is said when all is done; %s is the count. */
typedef struct PhaseWords
{
	const char *name;
	const char *unit;			/* NULL: nothing that says something to people */
	const char *end;			/* NULL: nothing is said */
} PhaseWords;

static const PhaseWords phase_words[] = {
	[PHASE_STARTING] = {"starting", NULL, NULL},
	[PHASE_READING] = {"reading", "rows", "%s rows read"},
	[PHASE_PREPARING] = {"preparing", "features", "%s features prepared"},
	[PHASE_GROWING] = {"growing trees", "trees", "%s trees grown"},
	[PHASE_BOOSTING] = {"boosting", "rounds", "%s rounds boosted"},
	[PHASE_OUT_OF_BAG] = {"out of bag", NULL, "training rows predicted out of bag"},
	[PHASE_SCORING] = {"scoring", NULL, "scored"},
	[PHASE_COMPARING] = {"comparing outliers", NULL, "fits with and without outliers compared"},
	[PHASE_GROUPS] = {"fitting groups", "rows", "models fitted to groups of %s rows"},
	[PHASE_SHUFFLING] = {"shuffling columns", "shuffles", "%s shuffles measured"},
	[PHASE_WRITING] = {"writing", NULL, "written"},
	[PHASE_REPORTING] = {"reporting", NULL, NULL}
};

static double
seconds_between(TimestampTz from, TimestampTz to)
{
	return to <= from ? 0 : (double) (to - from) / USECS_PER_SEC;
}

/* Who is spoken of in a notice. */
static const char *
subject(void)
{
	return progress.model[0] != '\0' ? progress.model : command_names[progress.command];
}

/* ---- notices ----------------------------------------------------------------------- */

/* What the phase that ends has done. */
static void
say_end(TimestampTz now)
{
	const PhaseWords *words = &phase_words[progress.phase];
	char		count[32];
	char	   *what;

	if (!echolon_verbose || words->end == NULL || (words->unit != NULL && progress.done == 0))
		return;
	snprintf(count, sizeof(count), UINT64_FORMAT, progress.done);
	/* a file is read in bytes, and its rows are counted by what is said at last */
	if (progress.command == COMMAND_LOAD && progress.phase == PHASE_READING)
		what = pstrdup("source read");
	else
		what = words->unit ? psprintf(words->end, count) : pstrdup(words->end);
	ereport(NOTICE,
			(errmsg_internal("%s: %s in %.1f s", subject(), what, seconds_between(progress.phase_started, now))));
	pfree(what);
}

/* How far a long phase is, now and then. */
static void
say_done(TimestampTz now)
{
	const char *unit = phase_words[progress.phase].unit;
	double		seconds = seconds_between(progress.phase_started, now);

	if (!echolon_verbose || unit == NULL || progress.done == 0 || progress.command == COMMAND_LOAD ||
		!TimestampDifferenceExceeds(progress.noticed, now, NOTICE_EVERY))
		return;
	progress.noticed = now;
	if (progress.total >= progress.done)
		ereport(NOTICE,
				(errmsg_internal("%s: %s, " UINT64_FORMAT " of " UINT64_FORMAT " %s after %.0f s, about %.0f s left",
								 subject(), phase_words[progress.phase].name, progress.done, progress.total, unit, seconds,
								 seconds / (double) progress.done * (double) (progress.total - progress.done))));
	else
		ereport(NOTICE,
				(errmsg_internal("%s: %s, " UINT64_FORMAT " %s after %.0f s", subject(),
								 phase_words[progress.phase].name, progress.done, unit, seconds)));
}

/* ---- writing ------------------------------------------------------------------------ */

/* Is there an entry that can be written: one of ours, COPY's, or none? */
static bool
entry_is_free(void)
{
	if (!pgstat_track_activities || MyBEEntry == NULL)
		return false;
	return MyBEEntry->st_progress_command == PROGRESS_COMMAND_ECHOLON ||
		MyBEEntry->st_progress_command == PROGRESS_COMMAND_COPY ||
		MyBEEntry->st_progress_command == PROGRESS_COMMAND_INVALID;
}

/* Add up the memory, if that was long ago. */
static void
measure_memory(TimestampTz now)
{
	if (progress.measured != 0 && !TimestampDifferenceExceeds(progress.measured, now, MEMORY_EVERY))
		return;
	progress.measured = now;
	progress.memory = MemoryContextMemAllocated(progress.context, true);
}

/* Write all of it. */
static void
publish(TimestampTz now)
{
	static const int slots[] = {SLOT_STATE, SLOT_STARTED, SLOT_PHASE, SLOT_MEMORY};
	int64		values[4];

	if (!entry_is_free())
		return;
	measure_memory(now);
	values[0] = STATE_MAGIC << 32 | (int64) progress.command << 24 | (int64) progress.phase << 16 |
		(int64) Min(progress.workers, 0xFFFF);
	values[1] = progress.started;
	values[2] = progress.phase_started;
	values[3] = (int64) (progress.memory + progress.shared);
	if (MyBEEntry->st_progress_command == PROGRESS_COMMAND_INVALID)
		pgstat_progress_start_command(PROGRESS_COMMAND_ECHOLON, progress.relid);
	if (MyBEEntry->st_progress_command == PROGRESS_COMMAND_ECHOLON)
	{
		int			own[PGSTAT_NUM_PROGRESS_PARAM];
		int64		numbers[PGSTAT_NUM_PROGRESS_PARAM] = {0};

		for (int i = 0; i < PGSTAT_NUM_PROGRESS_PARAM; i++)
			own[i] = i;
		numbers[SLOT_DONE] = (int64) progress.done;
		numbers[SLOT_TOTAL] = (int64) progress.total;
		memcpy(&numbers[SLOT_STATE], values, sizeof(values));
		memcpy(&numbers[SLOT_NAME], progress.model, NAME_BYTES);
		memcpy(&numbers[SLOT_MORE_NAME], progress.model + NAME_BYTES, MORE_NAME_BYTES);
		pgstat_progress_update_multi_param(PGSTAT_NUM_PROGRESS_PARAM, own, numbers);
	}
	else
		pgstat_progress_update_multi_param(lengthof(slots), slots, values);
}

/* What is left of a call that failed is forgotten. */
static void
transaction_ended(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		progress.active = false;
}

static void
subtransaction_ended(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && progress.nest >= GetCurrentTransactionNestLevel())
		progress.active = false;
}

/* ---- what others call ------------------------------------------------------------------ */

bool
progress_begin(ProgressCommand command, const char *model, Oid relid)
{
	static bool registered = false;

	if (progress.active)
	{
		progress_model(model);
		return false;
	}
	if (!registered)
	{
		RegisterXactCallback(transaction_ended, NULL);
		RegisterSubXactCallback(subtransaction_ended, NULL);
		registered = true;
	}
	memset(&progress, 0, sizeof(progress));
	progress.active = true;
	progress.nest = GetCurrentTransactionNestLevel();
	progress.command = command;
	progress.relid = relid;
	progress.context = CurrentMemoryContext;
	progress.started = GetCurrentTimestamp();
	if (model)
		strlcpy(progress.model, model, pg_mbcliplen(model, (int) strlen(model), MODEL_BYTES) + 1);
	progress_phase(PHASE_STARTING, 0);
	return true;
}

void
progress_end(bool began)
{
	if (!began)
		return;
	if (progress.active)
		say_end(GetCurrentTimestamp());
	progress.active = false;
	if (!entry_is_free())
		return;
	if (MyBEEntry->st_progress_command == PROGRESS_COMMAND_ECHOLON)
		pgstat_progress_end_command();
	else if (MyBEEntry->st_progress_command == PROGRESS_COMMAND_COPY)
		pgstat_progress_update_param(SLOT_STATE, 0);
}

void
progress_model(const char *model)
{
	if (!progress.active || model == NULL)
		return;
	/* what is said of the one before is said under its name */
	if (progress.phase != PHASE_STARTING)
		progress_phase(PHASE_STARTING, 0);
	memset(progress.model, 0, sizeof(progress.model));
	strlcpy(progress.model, model, pg_mbcliplen(model, (int) strlen(model), MODEL_BYTES) + 1);
}

void
progress_phase(ProgressPhase phase, uint64 total)
{
	TimestampTz now;

	if (!progress.active)
		return;
	now = GetCurrentTimestamp();
	say_end(now);
	progress.phase = phase;
	progress.done = 0;
	progress.total = total;
	progress.phase_started = progress.noticed = now;
	progress.measured = 0;
	publish(now);
}

void
progress_show(void)
{
	if (progress.active)
		publish(GetCurrentTimestamp());
}

void
progress_done(uint64 done)
{
	TimestampTz now;

	if (!progress.active)
		return;
	now = GetCurrentTimestamp();
	progress.done = done;
	publish(now);
	say_done(now);
}

bool
progress_hold(bool hold)
{
	bool		before = progress.held;

	progress.held = hold;
	return before;
}

void
progress_workers(int workers, size_t shared)
{
	if (!progress.active)
		return;
	progress.workers = workers;
	progress.shared = shared;
	publish(GetCurrentTimestamp());
}

void
progress_learner(void *arg, LearnStage stage, uint32_t done, uint32_t total)
{
	static const ProgressPhase phases[] = {
		[LEARN_PREPARING] = PHASE_PREPARING, [LEARN_GROWING] = PHASE_GROWING, [LEARN_ROUNDS] = PHASE_BOOSTING,
		[LEARN_OUT_OF_BAG] = PHASE_OUT_OF_BAG, [LEARN_PREDICTING] = PHASE_SCORING, [LEARN_SHUFFLING] = PHASE_SHUFFLING
	};

	if (!progress.active || progress.held)
		return;
	/* predictions of several sides of the split are one phase */
	if (progress.phase != phases[stage])
		progress_phase(phases[stage], total);
	progress.total = total;
	progress_done(done);
}

uint64
progress_relation_rows(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	float4		rows;

	if (!HeapTupleIsValid(tuple))
		return 0;
	rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
	ReleaseSysCache(tuple);
	return rows > 0 ? (uint64) rows : 0;
}

/* ---- reading ---------------------------------------------------------------------------- */

/* May the current user see what a role's session does?  As in pg_stat_activity. */
static bool
may_see(Oid role)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) || has_privs_of_role(GetUserId(), role);
}

/* A name, where it has one; another database's may be in an encoding that ours does not read. */
static char *
entry_model(const PgBackendStatus *entry)
{
	char		name[MODEL_BYTES + 1];

	memcpy(name, &entry->st_progress_param[SLOT_NAME], NAME_BYTES);
	memcpy(name + NAME_BYTES, &entry->st_progress_param[SLOT_MORE_NAME], MORE_NAME_BYTES);
	name[MODEL_BYTES] = '\0';
	if (name[0] == '\0' || !pg_verifymbstr(name, (int) strlen(name), true))
		return NULL;
	return pstrdup(name);
}

/* schema.name of a relation of this database; NULL: it is gone, or of another one. */
static char *
entry_relation(const PgBackendStatus *entry)
{
	Oid			relid = entry->st_progress_command_target;
	HeapTuple	tuple;
	char	   *schema;
	char	   *name;

	if (!OidIsValid(relid) || entry->st_databaseid != MyDatabaseId)
		return NULL;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	schema = get_namespace_name(((Form_pg_class) GETSTRUCT(tuple))->relnamespace);
	name = schema == NULL ? NULL : quote_qualified_identifier(schema, NameStr(((Form_pg_class) GETSTRUCT(tuple))->relname));
	ReleaseSysCache(tuple);
	return name;
}

/* A text of the result, or NULL. */
static void
put_text(const char *text, Datum *value, bool *null)
{
	*null = text == NULL;
	*value = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

/* One row: a session that is at a long call. */
static void
put_entry(ReturnSetInfo *result, const PgBackendStatus *entry)
{
	const int64 *numbers = entry->st_progress_param;
	uint32		state = (uint32) numbers[SLOT_STATE];
	uint32		command = state >> 24;
	uint32		phase = state >> 16 & 0xFF;
	bool		own = entry->st_progress_command == PROGRESS_COMMAND_ECHOLON;
	int64		done = numbers[SLOT_DONE];
	int64		total = numbers[SLOT_TOTAL];
	TimestampTz now = GetCurrentTimestamp();
	double		in_phase = seconds_between(numbers[SLOT_PHASE], now);
	Datum		values[14] = {0};
	bool		nulls[14] = {false};

	if (command >= lengthof(command_names) || command_names[command] == NULL || phase >= lengthof(phase_words))
		return;
	values[0] = Int32GetDatum(entry->st_procpid);
	put_text(get_database_name(entry->st_databaseid), &values[1], &nulls[1]);
	put_text(GetUserNameFromId(entry->st_userid, true), &values[2], &nulls[2]);
	put_text(command_names[command], &values[3], &nulls[3]);
	put_text(own ? entry_model(entry) : NULL, &values[4], &nulls[4]);
	put_text(entry_relation(entry), &values[5], &nulls[5]);
	put_text(phase_words[phase].name, &values[6], &nulls[6]);
	values[7] = Int64GetDatum(done);
	/* what the catalog said of a relation may be long ago */
	nulls[8] = nulls[9] = total <= 0 || done > total;
	values[8] = Int64GetDatum(total);
	values[9] = Float8GetDatum(nulls[9] ? 0 : (double) done / (double) total);
	values[10] = Float8GetDatum(seconds_between(numbers[SLOT_STARTED], now));
	nulls[11] = nulls[9] || done <= 0;
	values[11] = Float8GetDatum(nulls[11] ? 0 : in_phase / (double) done * (double) (total - done));
	values[12] = Int32GetDatum((int32) (state & 0xFFFF));
	values[13] = Int64GetDatum(numbers[SLOT_MEMORY]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* echolon.running(): the rows of echolon.progress */
Datum
echolon_running(PG_FUNCTION_ARGS)
{
	int			n = pgstat_fetch_stat_numbackends();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 1; i <= n; i++)
	{
		const PgBackendStatus *entry = backend_status_compat(i);

		if (entry == NULL || entry->st_procpid <= 0 ||
			(entry->st_progress_command != PROGRESS_COMMAND_ECHOLON &&
			 entry->st_progress_command != PROGRESS_COMMAND_COPY) ||
			entry->st_progress_param[SLOT_STATE] >> 32 != STATE_MAGIC || !may_see(entry->st_userid))
			continue;
		put_entry((ReturnSetInfo *) fcinfo->resultinfo, entry);
	}
	return (Datum) 0;
}
