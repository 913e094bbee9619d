// Models: the overview, one model, its charts, predictions, and what is done to it.
import { ident } from '../database.js';
import { isConnectionError, describeError, Refusal } from '../errors.js';
import { progress } from '../jobs.js';
import { describe, columnKind } from './relations.js';
import { optionalText, text, version as versionOf } from './arguments.js';

const POINTS = 1500;
const CURVE_POINTS = 200;
const FORM_ROWS = 500;

export async function overview(context) {
	const { db } = context.session;
	const [models, runs, [counts], running, health] = await Promise.all([
		db.read(context, `
			SELECT m.model, m.task, m.algorithm, m.relation, m.target, m.version, m.metric, m.score, m.train_score, m.baseline,
				m.rows_used, m.trained_at, m.trained_by, m.owner, m.state
			FROM echolon.models m ORDER BY m.trained_at DESC LIMIT 500`),
		db.read(context, `
			SELECT model, kind, started_by, state, version, metric, score, seconds, reason, error, run_by, finished_at
			FROM echolon.training_runs ORDER BY finished_at DESC LIMIT 12`),
		db.read(context, 'SELECT (SELECT count(*) FROM echolon.models) AS models, (SELECT count(*) FROM echolon.feature_sets) AS sets'),
		progress(context),
		db.hasView('model_health') ? db.read(context, 'SELECT * FROM echolon.model_health') : null,
	]);
	return { models, runs, counts, running, health };
}

/** A part of a page that may be missing: rows, or why not. */
async function part(run) {
	try {
		return { rows: await run() };
	} catch (error) {
		if (isConnectionError(error)) {
			throw error;
		}
		return { rows: [], trouble: describeError(error).body.error };
	}
}

async function findModel(context, name) {
	const [model] = await context.session.db.read(context, 'SELECT * FROM echolon.models WHERE model = $1', [name]);
	if (!model) {
		throw new Refusal(404, `there is no model "${name}", or none that this role may see`,
			'Its owner can grant it: SELECT echolon_grant_model(model, role).');
	}
	return model;
}

export async function model(context) {
	const { db } = context.session;
	const found = await findModel(context, text(context.query.get('name'), 'name'));
	const name = found.model;
	const version = versionOf(context.query.get('version'));
	const versions = await db.read(context, `
		SELECT version, active, algorithm, metric, score, train_score, baseline, rows_used, seconds, parameters, bytes, digest, notes,
			trained_at, trained_by, activated_at, retired_at, metrics->>'measured_on' AS measured_on, metrics->'baseline'->>'name' AS baseline_name
		FROM echolon.model_versions WHERE model = $1 ORDER BY version DESC LIMIT 200`, [name]);
	const shown = versions.find((row) => row.version === (version ?? found.version));
	if (!shown) {
		throw new Refusal(404, `"${name}" has no version ${version}`);
	}
	const before = versions.find((row) => row.version < shown.version && row.retired_at === null) ?? null;
	const of = (fn, n) => db.read(context, `SELECT * FROM ${db.fn(fn)}($1, version => $2)`, [name, n]);
	const [aliases, metrics, earlier, importance, report, runs, policy, schedule, health] = await Promise.all([
		db.read(context, 'SELECT alias, version FROM echolon.model_aliases WHERE model = $1', [name]),
		part(() => of('echolon_metrics', shown.version)),
		before ? part(() => of('echolon_metrics', before.version)) : { rows: [] },
		part(() => db.read(context, `SELECT rank, feature, importance, splits FROM echolon.feature_importance
			WHERE model = $1 AND version = $2 ORDER BY rank LIMIT 30`, [name, shown.version])),
		part(() => of('echolon_report', shown.version)),
		db.read(context, `SELECT kind, started_by, state, version, champion, rows_used, rows_compared, metric, score, champion_score, seconds, reason, error, run_by, finished_at
			FROM echolon.training_runs WHERE model = $1 ORDER BY finished_at DESC LIMIT 30`, [name]),
		db.read(context, 'SELECT every_rows, every::text, at, drift_above, error_above, tolerance, max_seconds, max_memory FROM echolon.retrain_policies WHERE model = $1', [name]),
		part(() => db.read(context, 'SELECT schedule, only_when_due, job, last_state, last_finished_at, last_error FROM echolon.schedules WHERE model = $1', [name])),
		db.hasView('model_health') ? db.read(context, 'SELECT * FROM echolon.model_health WHERE model = $1', [name]) : null,
	]);
	const groups = shown.parameters?.group_by?.length && shown.retired_at === null
		? await part(() => db.read(context, `SELECT group_key, rows_used, measured_rows, metric, score, common_score, baseline
			FROM ${db.fn('echolon_group_metrics')}($1, version => $2) ORDER BY group_key IS NULL, rows_used DESC LIMIT 100`, [name, shown.version])) : null;
	return { model: found, groups, versions, shown: shown.version, before: before?.version ?? null, aliases, metrics, earlier, importance, report,
		runs, policy: policy[0] ?? null, schedule: schedule.rows[0] ?? null, health: health?.[0] ?? null };
}

/** Curves and errors of the held-out rows, thinned and counted by PostgreSQL. */
export async function charts(context) {
	const { db } = context.session;
	const found = await findModel(context, text(context.query.get('name'), 'name'));
	const version = versionOf(context.query.get('version')) ?? found.version;
	const arguments_ = [found.model, version];
	const learning = part(() => db.read(context, `
		SELECT n_estimators, train, held_out FROM (
			SELECT n_estimators, train, held_out, row_number() OVER (ORDER BY n_estimators) AS n, count(*) OVER () AS of
			FROM echolon.learning_curve WHERE model = $1 AND version = $2) AS c
		WHERE n % greatest(1, of / ${CURVE_POINTS}) = 0 OR n = 1 OR n = of ORDER BY n_estimators`, arguments_));
	if (found.task === 'regression') {
		const [points, histogram, curve] = await Promise.all([
			part(() => db.read(context, `
				SELECT actual, predicted FROM (
					SELECT actual, predicted, row_number() OVER () AS n, count(*) OVER () AS of
					FROM echolon.residuals WHERE model = $1 AND version = $2) AS r
				WHERE n % greatest(1, (of + ${POINTS - 1}) / ${POINTS}) = 0`, arguments_)),
			part(() => db.read(context, `
				WITH r AS MATERIALIZED (SELECT residual FROM echolon.residuals WHERE model = $1 AND version = $2),
					b AS (SELECT percentile_cont(0.005) WITHIN GROUP (ORDER BY residual) AS low,
						percentile_cont(0.995) WITHIN GROUP (ORDER BY residual) AS high FROM r)
				SELECT low + (high - low) * (bin - 1) / 40 AS low, low + (high - low) * bin / 40 AS high, count
				FROM (SELECT low, high, least(40, 1 + floor(40 * (residual - low) / nullif(high - low, 0)))::int AS bin, count(*)
					FROM r, b WHERE residual BETWEEN low AND high GROUP BY 1, 2, 3) AS h ORDER BY bin`, arguments_)),
			learning,
		]);
		return { task: found.task, version, points, histogram, learning: curve };
	}
	const report = await part(() => db.read(context, `SELECT * FROM ${db.fn('echolon_classification_report')}($1, version => $2)`, arguments_));
	const labels = report.rows.slice(0, -3).map((row) => row.label);
	const wanted = optionalText(context.query.get('label'), 'label');
	const [{ positive } = {}] = await db.read(context,
		"SELECT parameters->>'positive_class' AS positive FROM echolon.model_versions WHERE model = $1 AND version = $2", arguments_, { quiet: true });
	// Of two classes the later one is the positive one unless the training said otherwise.
	const label = wanted ?? positive ?? (labels.length === 2 ? labels[1] : report.rows.slice(0, -3).sort((a, b) => b.support - a.support)[0]?.label ?? null);
	// At most a thousand points, and all of them: the page counts by their thresholds.
	const curveOf = (fn, columns) => part(() => db.read(context, `SELECT ${columns} FROM ${db.fn(fn)}($1, $2, version => $3)`, [found.model, label, version]));
	const [confusion, roc, pr, calibration, curve] = await Promise.all([
		part(() => db.read(context, `SELECT actual, predicted, count FROM ${db.fn('echolon_confusion_matrix')}($1, version => $2) LIMIT 900`, arguments_)),
		curveOf('echolon_roc_curve', "nullif(threshold, 'Infinity') AS threshold, false_positive_rate, true_positive_rate"),
		curveOf('echolon_precision_recall_curve', "nullif(threshold, 'Infinity') AS threshold, precision, recall"),
		part(() => db.read(context, `SELECT bin, mean_predicted, fraction_positive, count FROM ${db.fn('echolon_calibration')}($1, $2, version => $3)`,
			[found.model, label, version])),
		learning,
	]);
	return { task: found.task, version, label, labels, report, confusion, roc, pr, calibration, learning: curve };
}

/** What monitoring recorded, and drift now on the model's own relation: one pass over it. */
export async function drift(context) {
	const { db } = context.session;
	const found = await findModel(context, text(context.query.get('name'), 'name'));
	let recorded = null;
	if (db.hasView('monitoring')) {
		// The predictions, the scores, and the eight features that drifted most at the last time.
		recorded = await db.read(context, `
			WITH points AS (SELECT DISTINCT point FROM echolon.monitoring WHERE model = $1 ORDER BY point DESC LIMIT 60),
				worst AS (SELECT feature FROM echolon.monitoring
					WHERE model = $1 AND point = (SELECT max(point) FROM points) AND kind = 'feature' AND metric = 'psi' ORDER BY value DESC LIMIT 8)
			SELECT at, version, relation, kind, feature, metric, value, threshold, verdict FROM echolon.monitoring
			WHERE model = $1 AND point IN (SELECT point FROM points)
				AND (kind IN ('prediction', 'score') AND metric <> 'jensen_shannon' OR metric = 'psi' AND feature IN (SELECT feature FROM worst))
			ORDER BY at DESC, value DESC LIMIT 3000`, [found.model]);
	}
	if (context.query.get('now') !== 'true' || found.relation === null) {
		return { recorded, now: null };
	}
	return { recorded,
		now: await db.read(context, `
			SELECT feature, kind, rows, psi, jensen_shannon, ks, missing_rate, training_missing_rate, unseen_rate, threshold, verdict
			FROM ${db.fn('echolon_drift')}($1, $2) LIMIT 500`, [found.model, found.relation]) };
}

/** Record how the model is doing now, for the chart over time. */
export async function monitor(context) {
	const { db } = context.session;
	const name = text(context.body.model, 'model');
	const [result] = await db.write(context, (query) => query(
		`SELECT drift_verdict, score_verdict, reason FROM ${db.fn('echolon_monitor')}($1)`, [name]), { timeout: context.dashboard.config.jobTimeout });
	return { result };
}

/** Columns to fill in for a try, with a row of the relation to begin with. */
export async function form(context) {
	const { db } = context.session;
	const found = await findModel(context, text(context.query.get('name'), 'name'));
	if (found.relation === null || found.state === 'relation missing') {
		const [row] = await db.read(context, `SELECT ${db.fn('echolon_model_to_json')}($1)::jsonb->'columns' AS columns`, [found.model]);
		return { columns: row.columns.map(({ name, kind, type, categories }) => ({ name, type,
			kind: kind === 'category' ? 'category' : kind === 'number' ? 'number' : 'other', values: (categories ?? []).slice(0, 50) })), row: {} };
	}
	const relation = await describe(context, found.relation);
	const [{ parameters }] = await db.read(context, 'SELECT parameters FROM echolon.model_versions WHERE model = $1 AND version = $2',
		[found.model, found.version], { quiet: true });
	const left = new Set([found.target, ...(parameters.exclude ?? [])]);
	const columns = relation.columns.filter(({ name }) => !left.has(name) && !(parameters.features && !parameters.features.includes(name)))
		.map((column) => ({ name: column.name, type: column.type, kind: columnKind(column), is_key: column.is_key }));
	if (columns.length === 0) {
		return { columns, row: {} };
	}
	// One look at a few hundred rows gives the first row and the choices.
	const rows = await db.read(context, `SELECT ${columns.map(({ name }) => ident(name)).join(', ')} FROM ${relation.relation} LIMIT ${FORM_ROWS}`,
		[], { timeout: 5000 }).catch((error) => {
		if (error.code === '57014' || error.code === '42501') {
			return [];
		}
		throw error;
	});
	for (const column of columns) {
		const values = rows.map((row) => row[column.name]).filter((value) => value !== null && value !== undefined);
		if (column.kind === 'category') {
			const counts = new Map();
			for (const value of values.map(String)) {
				counts.set(value, (counts.get(value) ?? 0) + 1);
			}
			column.values = counts.size <= 200 ? [...counts.keys()].sort().slice(0, 100) : [];
			column.usual = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
		} else if (column.kind === 'number' && values.length > 0) {
			const sorted = values.map(Number).filter(Number.isFinite).sort((a, b) => a - b);
			column.low = sorted[0];
			column.high = sorted.at(-1);
			column.usual = sorted[sorted.length >> 1];
		}
	}
	return { columns, row: rows[0] ?? {} };
}

/**
 * One row's prediction; why it is that, by what it would be if a column had its usual
 * value; and its course over other values of one column.
 */
export async function predict(context) {
	const { db } = context.session;
	const { body } = context;
	const found = await findModel(context, text(body.model, 'model'));
	const version = versionOf(body.version);
	for (const name of ['row', 'usual']) {
		body[name] ??= {};
		if (typeof body[name] !== 'object' || Array.isArray(body[name])) {
			throw new Refusal(400, `${name} is not an object`);
		}
	}
	const row = JSON.stringify(body.row);
	const result = { label: null };
	if (found.task === 'regression') {
		[result.prediction] = await db.read(context,
			`SELECT ${db.fn('echolon_predict_json')}($1, $2::jsonb, version => $3) AS value`, [found.model, row, version]);
	} else {
		[result.prediction] = await db.read(context, `SELECT ${db.fn('echolon_predict_json_class')}($1, $2::jsonb, version => $3) AS class,
			${db.fn('echolon_predict_json_proba')}($1, $2::jsonb, version => $3) AS probabilities`, [found.model, row, version]);
		// Of two classes always the same one, so that rows can be compared.
		const labels = Object.keys(result.prediction.probabilities).sort();
		result.label = labels.length === 2 ? labels[1] : result.prediction.class;
		result.prediction.value = result.prediction.probabilities[result.label];
	}
	const { label } = result;
	const of = (document, n) => (label === null ? `${db.fn('echolon_predict_json')}($1, ${document}, version => $${n})`
		: `${db.fn('echolon_predict_json_proba')}($1, ${document}, $${n + 1}::text, version => $${n})`);
	const tail = label === null ? [version] : [version, label];
	const usual = Object.entries(body.usual).slice(0, 40).filter(([name, value]) => String(body.row[name]) !== String(value));
	if (usual.length > 0) {
		result.compared = await db.read(context, `
			SELECT key AS column, value AS usual, ${of('$2::jsonb || jsonb_build_object(key, value)', 4)} AS predicted
			FROM jsonb_each($3::jsonb)`, [found.model, row, JSON.stringify(Object.fromEntries(usual)), ...tail]);
	}
	const vary = optionalText(body.vary, 'vary');
	if (vary !== null && Array.isArray(body.values)) {
		result.whatIf = {
			label, column: vary,
			rows: await db.read(context, `
				SELECT value, ${of('$2::jsonb || jsonb_build_object($3::text, value)', 5)} AS predicted
				FROM jsonb_array_elements($4::jsonb) AS value`, [found.model, row, vary, JSON.stringify(body.values.slice(0, 50)), ...tail]),
		};
	}
	return result;
}

/** What the model loses when a column is shuffled, on at most 2,000 rows of its relation. */
export async function permutation(context) {
	const { db } = context.session;
	const found = await findModel(context, text(context.query.get('name'), 'name'));
	return { rows: await db.read(context, `SELECT rank, column_name, importance, stddev
		FROM ${db.fn('echolon_permutation_importance')}($1, $2, n_repeats => 3, max_rows => 2000, version => $3) LIMIT 30`,
	[found.model, text(found.relation, 'relation'), versionOf(context.query.get('version'))]) };
}

export async function activate(context) {
	const { db } = context.session;
	const values = [text(context.body.model, 'model'), versionOf(context.body.version)];
	await db.write(context, (query) => query(`SELECT ${db.fn('echolon_activate')}($1, $2::integer)`, values));
	return {};
}

export async function rollback(context) {
	const { db } = context.session;
	const [{ version }] = await db.write(context, (query) => query(`SELECT ${db.fn('echolon_rollback')}($1) AS version`, [text(context.body.model, 'model')]));
	return { version };
}

export async function drop(context) {
	const { db } = context.session;
	await db.write(context, (query) => query(`SELECT ${db.fn('echolon_drop_model')}($1)`, [text(context.body.model, 'model')]));
	return {};
}

/** Have pg_cron retrain it, or no longer. */
export async function schedule(context) {
	const { db } = context.session;
	const { body } = context;
	const name = text(body.model, 'model');
	const when = optionalText(body.schedule, 'schedule');
	await db.write(context, (query) => (when === null
		? query(`SELECT ${db.fn('echolon_unschedule')}($1)`, [name])
		: query(`SELECT ${db.fn('echolon_schedule_retrain')}($1, $2, only_when_due => $3)`, [name, when, body.onlyWhenDue === true])));
	return {};
}

const POLICY = { every_rows: 'bigint', every: 'interval', at: 'timestamptz', drift_above: 'float8', error_above: 'float8', tolerance: 'float8', max_seconds: 'integer', max_memory: 'text' };

/** Say when the model is due; what the page does not ask for stays as it was. */
export async function policy(context) {
	const { db } = context.session;
	const { body } = context;
	const name = text(body.model, 'model');
	const [before] = await db.read(context, `SELECT every_rows, every::text, at, drift_above, error_above, tolerance, max_seconds, max_memory::text || 'kB' AS max_memory
		FROM echolon.retrain_policies WHERE model = $1`, [name], { quiet: true });
	const values = [name];
	const parts = [];
	for (const [parameter, type] of Object.entries(POLICY)) {
		const value = Object.hasOwn(body, parameter) ? optionalText(body[parameter], parameter) : before?.[parameter] ?? null;
		if (value !== null) {
			values.push(value);
			parts.push(`, ${parameter} => $${values.length}::${type}`);
		}
	}
	await db.write(context, (query) => query(`SELECT ${db.fn('echolon_retrain_when')}($1${parts.join('')})`, values));
	return {};
}
