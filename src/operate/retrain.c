/*
 * retrain.c
 *		echolon_retrain: the stored recipe once more, on today's rows.
 *
 * The active version is the champion, the new one the challenger.  Both predict the rows that neither was fitted to,
 * and the challenger takes the place where it is as good there (within a tolerance) and no worse than the baseline.
 * Where there are too few such rows nothing is known, and the champion stays.
 *
 * All rows are read as the owner of the model (replay.c), in the caller's transaction.  Only one retraining of a model
 * runs at a time; whoever trains, updates or activates meanwhile need not wait for it: the challenger is
 * promoted only where the champion is the active version still, under the model's lock.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "data/words.h"
#include "function.h"
#include "model/progress.h"
#include "model/store.h"
#include "operate/retrain.h"

PG_FUNCTION_INFO_V1(echolon_retrain);

/* ---- a limit of time ------------------------------------------------------------------ */

static TimeoutId budget_timeout = MAX_TIMEOUTS;
static volatile sig_atomic_t budget_over = false;

/* The time is over: what is running is cancelled, and budget_end says why. */
static void
budget_handler(void)
{
	budget_over = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

static void
budget_begin(int32 seconds)
{
	budget_over = false;
	if (seconds <= 0)
		return;
	if (budget_timeout == MAX_TIMEOUTS)
		budget_timeout = RegisterTimeout(USER_TIMEOUT, budget_handler);
	enable_timeout_after(budget_timeout, (int) Min((int64) seconds * 1000, INT_MAX));
}

/* No more of it; true: it was over. */
static bool
budget_end(int32 seconds)
{
	if (seconds <= 0)
		return false;
	disable_timeout(budget_timeout, false);
	if (budget_over)
		QueryCancelPending = false;
	return budget_over;
}

/* ---- what decides ------------------------------------------------------------------------ */

/* Rows of the challenger's held-out ones that are in unseen, with its predictions: of the fit that was measured. */
static double *
challenger_predictions(const Training *t, Unseen *unseen)
{
	uint32		width = Max(t->target.nclasses, 1);
	double	   *predicted = palloc_rows(t->on_test.n, mul_size(sizeof(double), width));
	size_t		n = 0;

	for (size_t i = 0, j = 0; i < unseen->n && j < t->on_test.n;)
	{
		if (unseen->rows[i] < t->on_test.rows[j])
			i++;
		else if (unseen->rows[i] > t->on_test.rows[j])
			j++;
		else
		{
			memcpy(&predicted[n * width], &t->on_test.values[j * width], sizeof(double) * width);
			unseen->rows[n++] = unseen->rows[i];
			i++;
			j++;
		}
	}
	unseen->n = n;
	return predicted;
}

/* Measure both on the same rows; why they could not be, or NULL. */
static const char *
measure_both(Training *t, const CachedModel *champion, Unseen *unseen, Scores *before, Scores *after)
{
	const ModelVersion *versions[] = {t->champion};
	const Jsonb *recipes[] = {t->recipe};
	const char *metric = scores_headline(&t->target);
	double	   *predicted;

	if (t->on_test.n == 0)
		return "the training holds out no rows (test_fraction is 0)";
	compare_unseen(t->frame, &t->target, versions, recipes, 1, unseen);
	if (unseen->rows == NULL)
		return unseen->why_not;
	predicted = challenger_predictions(t, unseen);
	if (unseen->n < COMPARE_MIN_ROWS)
		return psprintf("there are %s rows that neither was fitted to, and %d are needed",
						words_count(unseen->n), COMPARE_MIN_ROWS);
	scores_measure(&t->target, t->threshold, unseen->rows, unseen->n, predicted, after);
	compare_score(t->champion, champion, t->frame, &t->target, unseen, before);
	pfree(predicted);
	if (isnan(scores_value(before, metric)) || isnan(scores_value(after, metric)))
		return psprintf("%s has no meaning on these rows", metric);
	return NULL;
}

/* Is the challenger to be promoted?  Says why. */
static void
decide(Training *t, const CachedModel *champion, double tolerance, int promote, RetrainOutcome *o)
{
	const char *metric = scores_headline(&t->target);
	Unseen		unseen = {0};
	Scores		before = {0},
				after = {0};
	const char *why = measure_both(t, champion, &unseen, &before, &after);
	double		score = scores_value(&t->score, metric);
	bool		beaten;

	o->metric = metric;
	o->baseline = scores_value(&t->baseline.scores, metric);
	o->score = score;
	o->champion_score = NAN;
	beaten = score < o->baseline;	/* false where one is not a number */
	if (why != NULL)
	{
		o->state = "not comparable";
		o->reason = psprintf("not comparable: %s", why);
	}
	else
	{
		o->rows_compared = (int64) unseen.n;
		o->champion_score = scores_value(&before, metric);
		o->score = scores_value(&after, metric);
		t->promote = o->score >= o->champion_score - tolerance && !beaten;
		o->state = t->promote ? "promoted" : "kept";
		o->reason = psprintf("%s %s against %s of version %d, on %s rows that neither was fitted to", metric,
							 compare_number(o->score), compare_number(o->champion_score), o->champion,
							 words_count(unseen.n));
		if (o->score < o->champion_score && tolerance > 0)
			o->reason = psprintf("%s; the tolerance is %s", o->reason, compare_number(tolerance));
		if (beaten)
			o->reason = psprintf("%s; it is worse than %s (%s %s against %s on all held-out rows)", o->reason,
								 t->baseline.name, metric, compare_number(score), compare_number(o->baseline));
	}
	if (promote >= 0)
	{
		t->promote = promote > 0;
		o->state = t->promote ? "promoted" : "kept";
		o->reason = psprintf("asked for; %s", o->reason);
	}
}

/* ---- one retraining ------------------------------------------------------------------------- */

/* As the owner: train, compare, store. */
static void
train_again(ReplayUser *replay, ModelVersion *champion, double tolerance, int promote, RetrainOutcome *o)
{
	const CachedModel *model = cache_get(champion, CurrentMemoryContext);
	Jsonb	   *recipe = store_read_recipe(champion);
	Training   *t = replay_training(replay, champion, model, recipe);
	Target		target;
	uint64		unknown = 0;
	int32		same;
	bool		began;

	began = progress_begin(COMMAND_RETRAIN, t->model, t->values.value[PARAM_RELATION].relation);
	/* what would fail at the end fails here */
	store_check_writable(t->model, t->relation, model->target);
	t->champion = champion;
	training_read(t);
	o->rows_used = (int64) t->frame->nrows;
	/* columns of other types are told before anything is fitted */
	compare_target(t, model, &target);
	(void) frame_encoder(model, t->model, t->frame, &unknown);
	training_fit(t);
	o->seconds = t->seconds;

	same = store_find_fingerprint(champion->model_id, record_fingerprint(t));
	if (promote < 0 && same > 0)
	{
		progress_end(began);
		o->state = "unchanged";
		o->metric = scores_headline(&t->target);
		o->score = scores_value(&t->score, o->metric);
		o->champion_score = same == champion->version ? o->score : NAN;
		o->baseline = scores_value(&t->baseline.scores, o->metric);
		o->reason = psprintf("the rows and parameters are those of version %d", same);
		return;
	}
	decide(t, model, tolerance, promote, o);
	training_store(t);
	progress_end(began);
	o->version = t->version;
	if (t->promote && !t->active)
	{
		o->state = "kept";
		o->reason = psprintf("another version became the active one meanwhile; %s", o->reason);
	}
}

/* The name of the latest version that was not promoted; of one that was there is none. */
static void
name_challenger(const RetrainOutcome *o)
{
	StoreValue	values[] = {value_int8(o->model_id), value_text(ALIAS_CHALLENGER), value_int4(o->version)};
	StoreUser	before = store_begin_write();

	if (strcmp(o->state, "promoted") == 0)
		(void) store_execute_any("DELETE FROM echolon.alias_store WHERE model_id OPERATOR(pg_catalog.=) $1"
								 " AND alias OPERATOR(pg_catalog.=) $2", 2, values);
	else
		store_execute("INSERT INTO echolon.alias_store (model_id, alias, version) VALUES ($1, $2, $3)"
					  " ON CONFLICT (model_id, alias) DO UPDATE SET version = EXCLUDED.version",
					  lengthof(values), values);
	store_end_write(before);
}

bool
retrain_lock(const char *model, bool wait)
{
	if (wait)
	{
		store_lock_name("run_store", model);
		return true;
	}
	return store_try_lock_name("run_store", model, true) && store_try_lock_name("model_store", model, false);
}

void
retrain_model(const char *model, const RetrainPolicy *policy, double tolerance, int promote,
			  RetrainOutcome *outcome)
{
	MemoryContext caller = CurrentMemoryContext;
	ModelVersion *champion = store_lookup(model, 0, MODEL_TRAIN);
	ReplayUser	user;

	memset(outcome, 0, sizeof(*outcome));
	outcome->model_id = champion->model_id;
	outcome->model = champion->model;
	outcome->champion = champion->version;
	outcome->rows_used = -1;
	outcome->score = outcome->champion_score = outcome->baseline = NAN;

	user = replay_begin(champion->model);
	if (policy->max_memory > 0)
		replay_setting("echolon.max_memory", psprintf("%dkB", policy->max_memory));
	budget_begin(policy->max_seconds);
	PG_TRY();
	{
		train_again(&user, champion, tolerance, promote, outcome);
	}
	PG_CATCH();
	{
		/* nothing is done here but to say it in other words */
		if (budget_end(policy->max_seconds))
		{
			MemoryContextSwitchTo(caller);
			FlushErrorState();
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the retraining of model \"%s\" took longer than %d s", model, policy->max_seconds),
					 errhint("echolon_retrain_when(%s, max_seconds => n) gives it more time.",
							 quote_literal_cstr(model))));
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	(void) budget_end(policy->max_seconds);
	replay_end(&user);
	if (outcome->version > 0)
		name_challenger(outcome);
}

/* ---- the function --------------------------------------------------------------------------- */

/* An echolon.retrain_result. */
static HeapTuple
result_row(const RetrainOutcome *o, TupleDesc desc)
{
	const double numbers[] = {o->champion_score, o->score, o->baseline};
	Datum		row[13];
	bool		nulls[13] = {false};

	row[0] = CStringGetTextDatum(o->model);
	row[1] = CStringGetTextDatum(o->state);
	row[2] = Int32GetDatum(o->champion);
	row[3] = Int32GetDatum(o->version);
	nulls[3] = o->version == 0;
	row[4] = BoolGetDatum(strcmp(o->state, "promoted") == 0);
	row[5] = Int64GetDatum(o->rows_used);
	row[6] = Int64GetDatum(o->rows_compared);
	row[7] = CStringGetTextDatum(o->metric);
	for (int i = 0; i < lengthof(numbers); i++)
	{
		row[8 + i] = Float8GetDatum(numbers[i]);
		nulls[8 + i] = !isfinite(numbers[i]);
	}
	row[11] = Float8GetDatum(o->seconds);
	row[12] = CStringGetTextDatum(o->reason);
	return heap_form_tuple(BlessTupleDesc(desc), row, nulls);
}

/* echolon_retrain(model text, tolerance double precision, promote boolean) returns echolon.retrain_result */
Datum
echolon_retrain(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "Echolon retraining", ALLOCSET_DEFAULT_SIZES);
	RetrainPolicy policy;
	RetrainOutcome outcome;
	ModelVersion *version;
	double		tolerance;
	TupleDesc	desc;
	HeapTuple	row;
	Datum		result;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function returns no row type");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"model\" must not be NULL")));
	store_prevent("echolon_retrain()");
	MemoryContextSwitchTo(context);
	version = store_lookup(text_to_cstring(PG_GETARG_TEXT_PP(0)), 0, MODEL_TRAIN);
	(void) retrain_policy(version->model_id, GetActiveSnapshot(), &policy);
	tolerance = PG_ARGISNULL(1) ? policy.tolerance : PG_GETARG_FLOAT8(1);
	if (!(tolerance >= 0) || isinf(tolerance))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"tolerance\" is out of range"),
				 errdetail("It is %g.", tolerance),
				 errhint("Give how much worse the new version may be, such as 0.01.")));
	(void) retrain_lock(version->model, true);
	/* what another one promoted while this one waited is the champion now */
	PushActiveSnapshot(GetTransactionSnapshot());
	retrain_model(version->model, &policy, tolerance, PG_ARGISNULL(2) ? -1 : PG_GETARG_BOOL(2), &outcome);
	PopActiveSnapshot();
	retrain_record(&outcome, "asked for", NULL);
	ereport(NOTICE,
			(errmsg("%s: %s%s", outcome.model, outcome.state,
					outcome.version > 0 ? psprintf(", version %d", outcome.version) : ""),
			 errdetail_internal("%s.", outcome.reason)));
	row = result_row(&outcome, desc);

	MemoryContextSwitchTo(caller);
	result = HeapTupleGetDatum(heap_copytuple(row));
	MemoryContextDelete(context);
	return result;
}
