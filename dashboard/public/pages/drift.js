// Has the data moved: what monitoring recorded, and a measurement now.
import { h, replace } from '../h.js';
import { get, post, state } from '../api.js';
import * as format from '../format.js';
import { act, badge, button, card, empty, say, table, time } from '../ui.js';
import { driftChart, psiChart, scoreChart } from '../charts.js';

const VERDICTS = { stable: 'good', drift: 'bad', worse: 'warn', 'worse than the baseline': 'bad' };
const verdictBadge = (verdict) => (verdict ? badge(VERDICTS[verdict] ?? 'quiet', verdict) : '–');

/** Over time: psi of the predictions and of what drifted most; the headline score beside its threshold. */
function recordedPart(recorded) {
	if (recorded === null || recorded.length === 0) {
		return empty('Nothing is recorded yet.', h('p', {}, 'Record how the model is doing now and then (or have it scheduled), and its course is drawn here.'));
	}
	const [last] = recorded;
	const psi = recorded.filter((row) => row.metric === 'psi');
	const heads = recorded.filter((row) => row.kind === 'score' && row.threshold !== null);
	const head = heads[0]?.metric;
	const scores = heads.filter((row) => row.metric === head);
	const latest = recorded.filter((row) => row.at === last.at);
	const course = new Set(recorded.map((row) => row.at)).size > 1;
	return [
		course ? h('div', { class: 'figures' },
			psi.length ? psiChart(psi) : null,
			scores.length ? scoreChart(scores, format.metricName(head)) : null)
			: h('p', { class: 'muted' }, 'One record so far; from the second on their course is drawn.'),
		table('Last record', [
			{ name: 'What', cell: (row) => h('span', {}, row.kind === 'score' ? format.metricName(row.metric) : row.feature, h('small', {}, row.kind === 'score' ? 'score' : `${row.kind}, ${row.metric}`)) },
			{ name: 'Value', number: true, cell: (row) => (row.kind === 'score' ? format.metric(row.metric, row.value) : format.number(row.value, 3)) },
			{ name: 'Threshold', number: true, cell: (row) => format.number(row.threshold, 3) },
			{ name: 'Verdict', cell: (row) => verdictBadge(row.verdict) },
			{ name: 'When', cell: (row) => time(row.at) },
		], latest.slice(0, 30)),
	];
}

export async function driftCard(name, model) {
	const place = h('div', {});
	const draw = async () => {
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
				{ name: 'Verdict', cell: (row) => verdictBadge(row.verdict) },
			], now.slice(0, 100)));
		}));
		const record = button('Record it', () => act(record, trouble, async () => {
			const { result } = await post('/api/model/monitor', { model: name });
			say(result.reason);
			await draw();
		}));
		replace(place, card('Drift', { id: 'drift' }, recordedPart(recorded), model.relation
			? h('div', { class: 'buttons' }, measure, recorded !== null && !state.session.readOnly ? record : null,
				h('span', { class: 'muted' }, `Reads ${model.relation} once, and compares it with the training rows.`)) : null, trouble, shown));
	};
	await draw();
	return place;
}
