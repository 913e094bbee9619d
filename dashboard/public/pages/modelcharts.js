// Where a model errs: residuals of a regression; of a classifier the confusion
// matrix and the curves, with a threshold that can be moved.
import { h, replace } from '../h.js';
import { get } from '../api.js';
import * as format from '../format.js';
import { card, empty, field, select, table } from '../ui.js';
import { actualPredicted, calibrationChart, learningChart, precisionRecallChart, residualHistogram, rocChart } from '../charts.js';

const NOTHING = 'No rows were held out, so there is nothing to show.';

/** What stands beside importance: { left, right, wide }. */
export async function drawCharts(name, version, model) {
	const answer = await get('/api/model/charts', { name, version });
	const learning = answer.learning.rows.length > 1 ? card(null, {}, learningChart(answer.learning.rows)) : null;
	if (answer.task === 'regression') {
		if (answer.points.rows.length === 0) {
			return { right: [card('Errors', {}, empty(answer.points.trouble?.message ?? NOTHING)), learning] };
		}
		return { left: [learning], right: [card(null, {}, actualPredicted(answer.points.rows, model.target)), card(null, {}, residualHistogram(answer.histogram.rows, model.target))] };
	}
	if (answer.confusion.rows.length === 0) {
		return { right: [card('Errors', {}, empty(answer.confusion.trouble?.message ?? NOTHING)), learning] };
	}
	return { right: [card('Confusion matrix', {}, confusion(answer.confusion.rows), classes(answer.report.rows)), learning], wide: [curves(answer, name, version)] };
}

/** Actual classes down, predicted ones across; the darker, the more of a row's class. */
function confusion(rows) {
	const labels = [...new Set(rows.map((row) => row.actual))].slice(0, 20);
	const cell = new Map(rows.map((row) => [JSON.stringify([row.actual, row.predicted]), row.count]));
	const of = (actual, predicted) => cell.get(JSON.stringify([actual, predicted])) ?? 0;
	return h('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': 'Confusion matrix' }, h('table', { class: 'confusion' },
		h('caption', {}, 'Held-out rows: actual classes down, predicted ones across'),
		h('thead', {}, h('tr', {}, h('td', {}), labels.map((label) => h('th', { scope: 'col' }, label)))),
		h('tbody', {}, labels.map((actual) => {
			const total = labels.reduce((sum, predicted) => sum + of(actual, predicted), 0);
			return h('tr', {}, h('th', { scope: 'row' }, actual), labels.map((predicted) => {
				const share = total === 0 ? 0 : of(actual, predicted) / total;
				return h('td', { class: actual === predicted ? 'right' : 'wrong', style: { '--share': share.toFixed(3) } },
					h('b', {}, format.count(of(actual, predicted))), h('small', {}, format.percent(share, 0)));
			}));
		}))));
}

function classes(report) {
	return table('Classes', [
		{ name: 'Class', cell: (row) => row.label },
		{ name: 'Precision', number: true, cell: (row) => format.percent(row.precision) },
		{ name: 'Recall', number: true, cell: (row) => format.percent(row.recall) },
		{ name: 'F1', number: true, cell: (row) => format.number(row.f1, 3) },
		{ name: 'Rows', number: true, cell: (row) => format.count(row.support) },
	], report.filter((row) => row.label !== 'accuracy'));
}

/**
 * What there is at each threshold, from both curves: the ROC curve leaves out points
 * of a straight line, the other one does not know how many are false where none is found.
 */
export function thresholds(roc, pr, positives, negatives) {
	const steps = roc.map((row) => ({ threshold: row.threshold ?? Infinity, tp: row.true_positive_rate * positives, fp: row.false_positive_rate * negatives }));
	for (const row of pr) {
		if (row.precision > 0 && row.threshold !== null) {
			const tp = row.recall * positives;
			steps.push({ threshold: row.threshold, tp, fp: tp / row.precision - tp });
		}
	}
	return steps.map((step) => ({ ...step, tp: Math.round(step.tp), fp: Math.round(step.fp) })).sort((a, b) => b.threshold - a.threshold);
}

/** Counts where rows are taken for the class from a threshold on. */
export function countsAt(steps, threshold, positives, negatives) {
	const { tp, fp } = steps.findLast((step) => step.threshold >= threshold) ?? steps[0];
	return { tp, fp, fn: positives - tp, tn: negatives - fp, tpr: tp / Math.max(1, positives), fpr: fp / Math.max(1, negatives), precision: tp + fp > 0 ? tp / (tp + fp) : null };
}

function curves(answer, name, version) {
	const place = h('div', {});
	const draw = (shown) => {
		const { roc, pr, calibration, label, labels, report } = shown;
		if (roc.rows.length === 0) {
			return card('Threshold', {}, empty(roc.trouble?.message ?? 'The held-out rows are of one class only.'));
		}
		const positives = report.rows.find((row) => row.label === label)?.support ?? 0;
		const negatives = report.rows.filter((row) => labels.includes(row.label)).reduce((sum, row) => sum + row.support, 0) - positives;
		const steps = thresholds(roc.rows, pr.rows, positives, negatives);
		let now = countsAt(steps, 0.5, positives, negatives);
		const rocFigure = rocChart(roc.rows, () => now);
		const prFigure = precisionRecallChart(pr.rows, () => now);
		const numbers = h('div', { class: 'tiles', 'aria-live': 'polite' });
		const slider = h('input', { type: 'range', min: 0, max: 1, step: 0.01, value: 0.5 });
		const output = h('output', {}, '0.50');
		const miss = h('input', { type: 'number', min: 0, step: 'any', value: 5 });
		const alarm = h('input', { type: 'number', min: 0, step: 'any', value: 1 });
		const cost = (counts) => counts.fn * Number(miss.value) + counts.fp * Number(alarm.value);
		const move = () => {
			const threshold = Number(slider.value);
			now = countsAt(steps, threshold, positives, negatives);
			output.textContent = threshold.toFixed(2);
			slider.setAttribute('aria-valuetext', `${threshold.toFixed(2)}: ${now.tp} of ${positives} found, ${now.fp} false alarms`);
			replace(numbers, [
				['Found', `${format.count(now.tp)} of ${format.count(positives)}`, `recall ${format.percent(now.tpr)}`],
				['Missed', format.count(now.fn), `of class ${label}`],
				['False alarms', format.count(now.fp), `precision ${format.percent(now.precision)}`],
				['Right', format.percent((now.tp + now.tn) / Math.max(1, positives + negatives)), 'of all rows'],
				['Cost', format.number(cost(now)), `${format.number(cost(now) / Math.max(1, positives + negatives), 3)} a row`],
			].map(([title, value, small]) => h('div', { class: 'tile' }, h('span', {}, title), h('b', {}, value), h('small', {}, small))));
			rocFigure.redraw();
			prFigure.redraw();
		};
		const cheapest = h('button', { type: 'button', onclick: () => {
			let best = 0.5;
			for (let i = 0; i <= 100; i += 1) {
				if (cost(countsAt(steps, i / 100, positives, negatives)) < cost(countsAt(steps, best, positives, negatives))) {
					best = i / 100;
				}
			}
			slider.value = best;
			move();
		} }, 'Cheapest threshold');
		for (const input of [slider, miss, alarm]) {
			input.addEventListener('input', move);
		}
		move();
		const which = labels.length > 2 ? select(labels, label, { onchange: async (event) => {
			replace(place, draw(await get('/api/model/charts', { name, version, label: event.target.value })));
		} }) : null;
		return card(`From which probability on is it "${label}"?`, {},
			which ? h('div', { class: 'fields' }, field('Class', which)) : null,
			h('div', { class: 'slider' }, h('label', { for: 'threshold' }, 'Threshold'), slider, output), numbers,
			h('div', { class: 'fields' }, field('Cost of one missed', miss), field('Cost of one false alarm', alarm), h('div', { class: 'field end' }, cheapest)),
			h('div', { class: 'figures' }, rocFigure, prFigure, calibration.rows.length ? calibrationChart(calibration.rows) : null));
	};
	const result = draw(answer);
	result.querySelector('input[type=range]')?.setAttribute('id', 'threshold');
	replace(place, result);
	return place;
}
