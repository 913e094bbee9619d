// All models: how good, since when, and how they are.
import { h, replace } from '../h.js';
import { get, post, state } from '../api.js';
import * as format from '../format.js';
import { act, badge, bar, button, card, empty, link, modelLink, table, time } from '../ui.js';

/** How far a score has come from its baseline to perfect, 0 to 1. */
export function skill(metric, score, baseline) {
	if (score === null || score === undefined || baseline === null || baseline === undefined) {
		return null;
	}
	const best = format.lowerIsBetter(metric) ? 0 : 1;
	return best === baseline ? null : Math.max(0, Math.min(1, (score - baseline) / (best - baseline)));
}

// The colour is never all that says it.
const LIGHTS = { green: ['good', 'healthy'], yellow: ['warn', 'worth a look'], red: ['bad', 'in trouble'], grey: ['quiet', 'not known'] };

export function healthBadge(health) {
	return health ? h('span', { title: health.reason }, badge(...(LIGHTS[health.light] ?? ['quiet', health.light]))) : null;
}

export const stateBadge = (text) => badge(text === 'ready' ? 'good' : /imported/.test(text) ? 'quiet' : 'bad', text);
export const runBadge = (run) => badge({ failed: 'bad', promoted: 'good', active: 'good', kept: 'warn', 'not comparable': 'warn' }[run.state] ?? 'quiet', run.state);

/** Trainings that run now, of any session, with their way to an end. */
export function runningTable(running, place) {
	const trouble = h('div', {});
	return h('div', {}, table('Running now', [
		{ name: 'Model', cell: (row) => row.model ?? row.relation },
		{ name: 'Phase', cell: (row) => row.phase },
		{ name: 'Progress', cell: (row) => h('span', { class: 'withbar' }, bar(row.fraction ?? 0), row.fraction === null ? '' : format.percent(row.fraction, 0)) },
		{ name: 'Time', number: true, cell: (row) => format.seconds(row.seconds) },
		{ name: 'Left, about', number: true, cell: (row) => format.seconds(row.remaining_seconds) },
		{ name: 'By', cell: (row) => row.usename },
		{ name: '', cell: (row) => (state.session.readOnly ? '' : button('Cancel', (event) => act(event.target, trouble, async () => {
			await post('/api/cancel', { pid: row.pid });
		}), { class: 'small' })) },
	], running), trouble);
}

export async function overview(place, page) {
	const answer = await get('/api/overview');
	const { models, runs, running, counts, health } = answer;
	const healthOf = new Map((health ?? []).map((row) => [row.model, row]));
	if (models.length === 0) {
		replace(place, h('h1', {}, 'Models'), empty('There are no models yet, or none that this role may see.',
			h('p', {}, link('#/data', 'Load a CSV file'), ' or ', link('#/train', 'train on a table'), ' of this database.')));
	} else {
		replace(place,
			h('div', { class: 'title' }, h('h1', {}, 'Models'),
				state.session.readOnly ? null : h('a', { class: 'button primary', href: '#/train' }, 'Train a model')),
			h('div', { id: 'running' }),
			card(null, { class: 'card flush' }, table('Models', [
				{ name: 'Model', cell: (row) => h('span', {}, modelLink(row.model), h('small', {}, `${row.target} of ${row.relation ?? '(imported)'}`)) },
				{ name: 'Kind', cell: (row) => h('span', {}, row.task, h('small', {}, format.algorithm(row.algorithm))) },
				{ name: 'Score', cell: (row) => {
					const share = skill(row.metric, row.score, row.baseline);
					return h('span', {}, h('span', { class: 'withbar' }, bar(share ?? 0, share === 0 ? 'bad' : ''), h('b', {}, `${format.metricName(row.metric)} ${format.metric(row.metric, row.score)}`)),
						h('small', {}, `baseline ${format.metric(row.metric, row.baseline)}${share === 0 ? ': no better than that' : ''}`));
				} },
				{ name: 'Rows', number: true, cell: (row) => format.count(row.rows_used) },
				{ name: 'Trained', cell: (row) => h('span', {}, time(row.trained_at), h('small', {}, `version ${row.version}, by ${row.trained_by}`)) },
				health ? { name: 'Health', cell: (row) => healthBadge(healthOf.get(row.model)) } : null,
				{ name: 'State', cell: (row) => stateBadge(row.state) },
			].filter(Boolean), models, { stack: true }), counts.models > models.length ? h('p', { class: 'muted pad' }, `The latest ${models.length} of ${format.count(counts.models)}.`) : null),
			card('Last trainings', {}, runs.length === 0 ? empty('None yet.') : table('Last trainings', [
				{ name: 'Model', cell: (row) => modelLink(row.model) },
				{ name: 'What', cell: (row) => row.kind },
				{ name: 'Result', cell: (row) => h('span', {}, runBadge(row), row.error || row.reason ? h('small', {}, row.error ?? row.reason) : null) },
				{ name: 'Score', number: true, cell: (row) => (row.score === null ? '–' : `${format.metricName(row.metric)} ${format.metric(row.metric, row.score)}`) },
				{ name: 'Took', number: true, cell: (row) => format.seconds(row.seconds) },
				{ name: 'When', cell: (row) => h('span', {}, time(row.finished_at), h('small', {}, `by ${row.run_by}`)) },
			], runs, { stack: true })));
	}
	const show = (rows) => {
		const where = place.querySelector('#running');
		if (where) {
			replace(where, rows.length ? card('Running now', {}, runningTable(rows)) : null);
		}
	};
	show(running);
	watch(page, show);
}

/** Look every two seconds for what is running. */
async function watch(page, show) {
	while (page.alive && state.session.has.progress) {
		await new Promise((resolve) => { setTimeout(resolve, 2000); });
		if (!page.alive) {
			return;
		}
		try {
			show((await get('/api/jobs')).running);
		} catch (error) {
			if (error.gone || error.status === 401) {
				return;
			}
			throw error;
		}
	}
}
