// Has the data moved: what monitoring recorded, and a measurement now.
import { h, replace } from '../h.js';
import { get } from '../api.js';
import * as format from '../format.js';
import { act, badge, button, card, empty, table, time } from '../ui.js';
import { driftChart } from '../charts.js';

const VERDICTS = { ok: 'good', stable: 'good', drift: 'bad', alert: 'bad', bad: 'bad', warning: 'warn', warn: 'warn' };

function recordedPart(recorded) {
	if (!recorded || recorded.rows.length === 0) {
		return empty('Nothing is recorded yet.', h('p', {}, 'Measure below, or let monitoring record it by and by.'));
	}
	const latest = new Map();
	for (const row of recorded.rows) {
		const key = JSON.stringify([row.kind, row.feature, row.metric]);
		if (!latest.has(key)) {
			latest.set(key, row);
		}
	}
	return table('Recorded', [
		{ name: 'What', cell: (row) => h('span', {}, row.feature ?? row.kind, h('small', {}, row.feature ? `${row.kind}, ${row.metric}` : row.metric)) },
		{ name: 'Value', number: true, cell: (row) => format.metric(row.metric, row.value) },
		{ name: 'Threshold', number: true, cell: (row) => format.number(row.threshold) },
		{ name: 'Verdict', cell: (row) => (row.verdict ? badge(VERDICTS[row.verdict] ?? 'quiet', row.verdict) : '–') },
		{ name: 'When', cell: (row) => time(row.at) },
	], [...latest.values()].slice(0, 60));
}

export async function driftCard(name, model) {
	const { recorded } = await get('/api/model/drift', { name });
	const shown = h('div', {});
	const trouble = h('div', {});
	const measure = button('Measure drift now', () => act(measure, trouble, async () => {
		const { now } = await get('/api/model/drift', { name, now: true });
		replace(shown, driftChart(now), table('Drift now', [
			{ name: 'Feature', cell: (row) => row.feature },
			{ name: 'psi', number: true, cell: (row) => format.number(row.psi, 3) },
			{ name: 'Missing', number: true, cell: (row) => format.percent(row.missing_rate) },
			{ name: 'Missing then', number: true, cell: (row) => format.percent(row.training_missing_rate) },
			{ name: 'Never seen', number: true, cell: (row) => format.percent(row.unseen_rate) },
			{ name: 'Verdict', cell: (row) => badge(VERDICTS[row.verdict] ?? 'quiet', row.verdict) },
		], now.slice(0, 100)));
	}));
	return card('Drift', { id: 'drift' }, recordedPart(recorded), model.relation
		? h('div', { class: 'buttons' }, measure, h('span', { class: 'muted' }, `Reads ${model.relation} once, and compares it with the training rows.`)) : null, trouble, shown);
}
