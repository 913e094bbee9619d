// One model: how good, what it relies on, where it errs, its versions and runs.
import { append, h, replace } from '../h.js';
import { get, post, state } from '../api.js';
import * as format from '../format.js';
import { act, badge, bar, button, card, checkbox, confirm, empty, field, later, link, noteBox, say, sqlText, table, time } from '../ui.js';
import { healthBadge, runBadge, skill, stateBadge } from './overview.js';
import { drawCharts } from './modelcharts.js';
import { tryOut } from './tryout.js';
import { driftCard } from './drift.js';

/** What has changed against the version before, in words and a colour. */
function change(metric, now, before) {
	if (now === null || before === null || now === undefined || before === undefined) {
		return null;
	}
	const difference = now - before;
	if (Math.abs(difference) < 1e-12) {
		return h('small', {}, 'as before');
	}
	const better = format.lowerIsBetter(metric) ? difference < 0 : difference > 0;
	return h('small', { class: better ? 'good' : 'bad' }, `${difference > 0 ? '▲' : '▼'} ${format.metric(metric, Math.abs(difference))} ${better ? 'better' : 'worse'}`);
}

function headline(answer) {
	const shown = answer.versions.find((row) => row.version === answer.shown);
	const earlier = new Map(answer.earlier.rows.map((row) => [row.metric, row]));
	const head = answer.metrics.rows.find((row) => row.metric === shown.metric);
	const order = [shown.metric, ...(answer.model.task === 'regression' ? ['mae', 'rmse', 'mape'] : ['accuracy', 'f1', 'average_precision', 'brier'])];
	const rows = order.map((metric) => answer.metrics.rows.find((row) => row.metric === metric)).filter((row, i, all) => row && row.score !== null && all.indexOf(row) === i);
	const share = head ? skill(head.metric, head.score, head.baseline) : null;
	return [
		h('div', { class: 'tiles' }, rows.map((row, i) => h('div', { class: `tile ${i === 0 ? 'main' : ''}` },
			h('span', {}, format.metricName(row.metric)), h('b', {}, format.metric(row.metric, row.score)),
			change(row.metric, row.score, earlier.get(row.metric)?.score),
			h('small', {}, `baseline ${format.metric(row.metric, row.baseline)}`)))),
		share === 0 ? noteBox('It is no better than the baseline', shown.baseline_name ? ` (${shown.baseline_name})` : '', ': the columns do not tell enough about the target.') : null,
	];
}

function metricsTable(answer) {
	const earlier = new Map(answer.earlier.rows.map((row) => [row.metric, row]));
	return table('Metrics', [
		{ name: 'Metric', cell: (row) => format.metricName(row.metric) },
		{ name: 'Rows not seen', number: true, cell: (row) => h('b', {}, format.metric(row.metric, row.score)) },
		answer.before ? { name: `Version ${answer.before}`, number: true, cell: (row) => format.metric(row.metric, earlier.get(row.metric)?.score) } : null,
		{ name: 'Training rows', number: true, cell: (row) => format.metric(row.metric, row.train_score) },
		{ name: 'Out of bag', number: true, cell: (row) => format.metric(row.metric, row.oob_score) },
		{ name: 'Baseline', number: true, cell: (row) => format.metric(row.metric, row.baseline) },
	].filter(Boolean), answer.metrics.rows);
}

/** Models of groups, beside the common one. */
function groupsCard({ rows }) {
	return card('Groups', {}, table('Groups', [
		{ name: 'Group', cell: (row) => (row.group_key === null ? 'all others' : Object.entries(row.group_key).map(([column, value]) => `${column} ${value}`).join(', ')) },
		{ name: 'Rows', number: true, cell: (row) => format.count(row.rows_used) },
		{ name: 'Its own model', number: true, cell: (row) => format.metric(row.metric, row.score) },
		{ name: 'The common one', number: true, cell: (row) => format.metric(row.metric, row.common_score) },
		{ name: 'Baseline', number: true, cell: (row) => format.metric(row.metric, row.baseline) },
	], rows), h('p', { class: 'muted' }, `${format.metricName(rows[0].metric)} within the group, on rows that were not learned from.`));
}

function importanceCard(answer) {
	const { rows, trouble: missing } = answer.importance;
	if (rows.length === 0) {
		return card('What it relies on', {}, empty(missing?.message ?? 'No tree has a split.'));
	}
	const top = rows.slice(0, 12);
	const most = rows[0].importance || 1;
	const draw = (list) => table('Importance of features', [
		{ name: 'Feature', cell: (row) => row.feature },
		{ name: 'Share of the gain', cell: (row) => h('span', { class: 'withbar wide' }, bar(row.importance / most), format.percent(row.importance)) },
		{ name: 'Splits', number: true, cell: (row) => format.count(row.splits) },
	], list, { className: 'importance' });
	const shuffled = h('div', {});
	const trouble = h('div', {});
	const measure = button('Measure by shuffling', () => act(measure, trouble, async () => {
		const { rows: losses } = await get('/api/model/permutation', { name: answer.model.model, version: answer.shown });
		const worst = Math.max(losses[0]?.importance ?? 0, 1e-12);
		const lost = answer.model.task === 'regression' ? 'R² that is lost' : 'Log loss that is added';
		replace(shuffled, table('Importance by shuffling', [
			{ name: 'Column', cell: (row) => row.column_name },
			{ name: lost, cell: (row) => h('span', { class: 'withbar wide' }, bar(row.importance / worst), `${format.number(row.importance, 3)} ± ${format.number(row.stddev, 2)}`) },
		], losses.slice(0, 12), { className: 'importance' }), h('p', { class: 'muted' }, `When a column of ${answer.model.relation} is shuffled among at most 2,000 of its rows, three times.`));
	}));
	return card('What it relies on', {}, draw(top), rows.length > top.length ? h('details', {}, h('summary', {}, `The next ${rows.length - top.length}`), draw(rows.slice(top.length))) : null,
		h('p', { class: 'muted' }, 'Measured on training rows, where columns of many values look better than they are.'),
		answer.model.relation ? h('div', { class: 'buttons' }, measure) : null, trouble, shuffled);
}

function versionsCard(answer, name, redraw) {
	const trouble = h('div', {});
	const may = !state.session.readOnly;
	const rollback = button('Roll back', () => act(rollback, trouble, async () => {
		const { version } = await post('/api/model/rollback', { model: name });
		say(`Version ${version} is active.`);
		await redraw();
	}), { class: 'small' });
	const retrain = button('Train again', () => act(retrain, trouble, async () => {
		const { job } = await post('/api/model/retrain', { model: name });
		location.hash = `#/job/${job.id}`;
	}), { class: 'small' });
	return card('Versions', {},
		table('Versions', [
			{ name: 'Version', cell: (row) => h('span', {}, link(`#/model/${encodeURIComponent(name)}?version=${row.version}`, String(row.version)), ' ',
				answer.aliases.filter((alias) => alias.version === row.version).map((alias) => badge(alias.alias === 'champion' ? 'good' : 'note', alias.alias))) },
			{ name: 'Score', number: true, cell: (row) => `${format.metricName(row.metric)} ${format.metric(row.metric, row.score)}` },
			{ name: 'Rows', number: true, cell: (row) => format.count(row.rows_used) },
			{ name: 'Took', number: true, cell: (row) => format.seconds(row.seconds) },
			{ name: 'Size', number: true, cell: (row) => format.bytes(row.bytes) },
			{ name: 'Trained', cell: (row) => h('span', {}, time(row.trained_at), h('small', {}, `by ${row.trained_by}`)) },
			may ? { name: '', cell: (row) => (row.active ? badge('good', 'active') : row.retired_at ? badge('quiet', 'retired') : button('Activate', (event) => act(event.target, trouble, async () => {
				await post('/api/model/activate', { model: name, version: row.version });
				say(`Version ${row.version} is active.`);
				await redraw();
			}), { class: 'small', 'aria-label': `Activate version ${row.version}` })) } : null,
		].filter(Boolean), answer.versions, { stack: true }),
		trouble, may ? h('div', { class: 'buttons' }, retrain, answer.versions.length > 1 ? rollback : null) : null);
}

function runsCard(answer) {
	return card('Runs', {}, answer.runs.length === 0 ? empty('None is recorded.') : table('Runs', [
		{ name: 'When', cell: (row) => h('span', {}, time(row.finished_at), h('small', {}, `by ${row.run_by}`)) },
		{ name: 'What', cell: (row) => h('span', {}, row.kind, row.started_by ? h('small', {}, row.started_by) : null) },
		{ name: 'Result', cell: (row) => h('span', {}, runBadge(row), row.error || row.reason ? h('small', {}, row.error ?? row.reason) : null) },
		{ name: 'Version', number: true, cell: (row) => row.version },
		{ name: 'Score', number: true, cell: (row) => format.metric(row.metric, row.score) },
		{ name: 'Champion', number: true, cell: (row) => format.metric(row.metric, row.champion_score) },
		{ name: 'Took', number: true, cell: (row) => format.seconds(row.seconds) },
	], answer.runs, { stack: true }));
}

function scheduleCard(answer, name, redraw) {
	const { policy, schedule } = answer;
	const trouble = h('div', {});
	const when = h('input', { placeholder: '0 3 * * *', value: schedule?.schedule ?? '', autocapitalize: 'none', spellcheck: 'false' });
	const onlyDue = checkbox('only where it is due', schedule?.only_when_due ?? false);
	const entry = (value, placeholder, mode) => h('input', { value: value ?? '', placeholder, inputmode: mode, autocapitalize: 'none', spellcheck: 'false' });
	const rows = entry(policy?.every_rows, '1000', 'numeric');
	const every = entry(policy?.every, '30 days');
	const drift = entry(policy?.drift_above, '0.25', 'decimal');
	const error = entry(policy?.error_above, '', 'decimal');
	const keep = button('Keep', () => act(keep, trouble, async () => {
		await post('/api/model/policy', { model: name, every_rows: rows.value.trim(), every: every.value.trim(), drift_above: drift.value.trim(), error_above: error.value.trim() });
		say('It is kept.');
		await redraw();
	}));
	const set = button('Schedule', () => act(set, trouble, async () => {
		await post('/api/model/schedule', { model: name, schedule: when.value.trim() || '0 3 * * *', onlyWhenDue: onlyDue.querySelector('input').checked });
		say('Scheduled.');
		await redraw();
	}));
	const unset = button('Stop', () => act(unset, trouble, async () => {
		await post('/api/model/schedule', { model: name, schedule: null });
		say('No longer scheduled.');
		await redraw();
	}));
	const due = policy ? [policy.every_rows && `after ${format.count(policy.every_rows)} new rows`, policy.every && `every ${policy.every}`, policy.at && `at ${format.date(policy.at)}`,
		policy.drift_above && `when drift is above ${policy.drift_above}`, policy.error_above && `when the error is above ${policy.error_above}`].filter(Boolean).join(', ') : '';
	return card('Schedule', {},
		h('p', {}, schedule ? h('span', {}, 'Trained again at ', h('code', {}, schedule.schedule), schedule.only_when_due ? ', where it is due' : '', '. ', badge(schedule.job === 'active' ? 'good' : 'bad', schedule.job),
			schedule.last_state ? ` Last: ${schedule.last_state}, ${format.ago(schedule.last_finished_at)}.` : '') : 'It is not scheduled.'),
		due ? h('p', {}, `Due ${due}.`) : null,
		state.session.readOnly ? null : [h('div', { class: 'fields' }, field('When (cron)', when, 'Minute, hour, day, month, weekday: 0 3 * * * is 3:00 every night. Needs pg_cron.'), h('div', { class: 'field end' }, onlyDue)),
		h('div', { class: 'buttons' }, set, schedule ? unset : null),
		h('h3', {}, 'When it is due'),
		h('div', { class: 'fields' }, field('New rows', rows), field('Time passed', every), field('Drift (psi) above', drift),
			field(answer.model.task === 'regression' ? 'RMSE above' : 'Log loss above', error)),
		trouble, h('div', { class: 'buttons' }, keep)]);
}

function parametersCard(answer) {
	const shown = answer.versions.find((row) => row.version === answer.shown);
	const rows = Object.entries(shown.parameters ?? {}).filter(([, value]) => value !== null);
	return card('Parameters', {},
		h('dl', { class: 'parameters' }, rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, typeof value === 'object' ? JSON.stringify(value) : String(value))))),
		h('p', { class: 'muted' }, `What is not listed was left to Echolon. Digest ${shown.digest}.`));
}

export async function model(place, page) {
	const { name } = page;
	const version = page.query.get('version');
	const draw = async () => {
		const answer = await get('/api/model', { name, version });
		if (!page.alive) {
			return;
		}
		const found = answer.model;
		const shown = answer.versions.find((row) => row.version === answer.shown);
		const left = h('div', { class: 'column' }, importanceCard(answer));
		const right = h('div', { class: 'column' });
		const wide = h('div', {});
		const form = h('div', {});
		const driftPlace = h('div', {});
		const trouble = h('div', {});
		const drop = button('Drop the model', async () => {
			if (await confirm(`Drop ${name} with all its versions? It cannot be brought back.`, 'Drop it')) {
				await act(drop, trouble, async () => {
					await post('/api/model/drop', { model: name });
					say(`${name} is gone.`);
					location.hash = '#/';
				});
			}
		}, { class: 'danger' });
		const sentences = answer.report.rows.filter((row) => row.topic !== 'use' && row.topic !== 'model');
		const use = answer.report.rows.filter((row) => row.topic === 'use');
		replace(place,
			h('div', { class: 'title' }, h('h1', {}, name), stateBadge(found.state), healthBadge(answer.health)),
			h('p', { class: 'muted' }, `${format.algorithm(shown.algorithm)}, ${found.task} of `, h('b', {}, found.target), found.relation ? ` in ${found.relation}` : '', `; version ${shown.version}`,
				shown.active ? '' : ' (not the active one)', `, trained `, time(shown.trained_at), ` by ${shown.trained_by} on ${format.count(shown.rows_used)} rows in ${format.seconds(shown.seconds)}.`),
			answer.health?.reason ? h('p', {}, answer.health.reason) : null,
			headline(answer),
			sentences.length ? card('In words', {}, h('ul', {}, sentences.map((row) => h('li', {}, row.sentence))), use.map((row) => sqlText(row.sentence))) : null,
			h('div', { class: 'pair' }, left, right), wide,
			card('Try it out', { id: 'try' }, form),
			card('All metrics', {}, metricsTable(answer), h('p', { class: 'muted' }, shown.measured_on === 'none' ? 'No rows were held out.' : `Measured on: ${shown.measured_on?.replaceAll('_', ' ') ?? '–'}. Baseline: ${shown.baseline_name ?? 'the mean, or the most frequent class'}.${found.task === 'regression' ? ` Errors are in the unit of ${found.target}.` : ''}`)),
			answer.groups?.rows.length ? groupsCard(answer.groups) : null,
			versionsCard(answer, name, draw),
			driftPlace,
			runsCard(answer), h('div', { class: 'pair' }, scheduleCard(answer, name, draw), parametersCard(answer)),
			state.session.readOnly ? null : h('div', { class: 'buttons' }, drop), trouble);
		await Promise.all([
			later(right, async () => {
				const parts = await drawCharts(name, answer.shown, found);
				append(left, parts.left ?? []);
				replace(wide, parts.wide ?? []);
				return parts.right;
			}, 'Drawing …'),
			later(form, () => tryOut(name, found, answer)),
			later(driftPlace, () => driftCard(name, found)),
		]);
	};
	await draw();
}
