// Charts, by Observable Plot: each with a name, a caption that says what is seen,
// and its width from its place.
import { h, svg, replace } from './h.js';
import * as format from './format.js';

const { Plot } = globalThis;
const ACCENT = 'var(--accent)';
const SECOND = 'var(--second)';
const FAINT = 'var(--faint)';

/** A figure that is drawn again as its width changes. */
export function figure(title, caption, draw, { height = 280 } = {}) {
	const place = h('div', { class: 'chart' });
	const element = h('figure', {}, title ? h('h3', {}, title) : null, place, caption ? h('figcaption', {}, caption) : null);
	let width = 0;
	const render = () => {
		const now = Math.floor(place.clientWidth);
		if (now > 0 && now !== width) {
			width = now;
			replace(place, Plot.plot({
				width, height: Math.round(Math.min(height, Math.max(220, width * 0.75))), marginLeft: 52, marginBottom: 46, marginRight: 22,
				style: { background: 'transparent', fontFamily: 'inherit', fontSize: '12px', overflow: 'visible' },
				ariaLabel: title, ariaDescription: typeof caption === 'string' ? caption : undefined,
				...draw(width),
			}));
		}
	};
	new ResizeObserver(render).observe(place);
	element.redraw = () => {
		width = 0;
		render();
	};
	return element;
}

const tip = { tip: { fill: 'var(--card)', stroke: 'var(--line)' } };
/** A tick: 12k, 3.5M. */
function compact(value) {
	for (const [unit, letter] of [[1e9, 'G'], [1e6, 'M'], [1e4, 'k']]) {
		if (Math.abs(value) >= unit) {
			return `${format.number(value / (letter === 'k' ? 1000 : unit), 3)}${letter}`;
		}
	}
	return format.number(value, 3);
}

/** Predictions against what was true: a good model's dots lie on the line. */
export function actualPredicted(rows, unit) {
	const all = rows.flatMap((row) => [row.actual, row.predicted]);
	const domain = [Math.min(...all), Math.max(...all)];
	return figure('Predicted against actual', `${format.count(rows.length)} held-out rows; on the line a prediction is right. Both in the unit of ${unit}.`, () => ({
		height: 320,
		x: { label: `actual ${unit}`, domain, nice: true, tickFormat: compact, ticks: 5 },
		y: { label: `predicted`, domain, nice: true, tickFormat: compact, grid: true, ticks: 6 },
		marks: [
			Plot.line([[domain[0], domain[0]], [domain[1], domain[1]]], { stroke: 'var(--muted)', strokeDasharray: '4 4' }),
			Plot.dot(rows, { x: 'actual', y: 'predicted', r: 2.4, fill: ACCENT, fillOpacity: 0.45,
				channels: { Actual: (d) => format.number(d.actual), Predicted: (d) => format.number(d.predicted) },
				tip: { ...tip.tip, format: { x: false, y: false, Actual: true, Predicted: true } } }),
		],
	}), { height: 320 });
}

export function residualHistogram(rows, unit) {
	return figure('Errors', `Actual − predicted of the held-out rows, in the unit of ${unit}; the outer 1 % is left out. Right of 0 the model says too little.`, () => ({
		x: { label: 'actual − predicted', tickFormat: compact, ticks: 6 },
		y: { label: 'rows', grid: true, ticks: 5 },
		marks: [
			Plot.rectY(rows, { x1: 'low', x2: 'high', y: 'count', fill: ACCENT, fillOpacity: 0.75, insetLeft: 0.5, insetRight: 0.5,
				channels: { Rows: (d) => format.count(d.count), From: (d) => format.number(d.low), To: (d) => format.number(d.high) },
				tip: { ...tip.tip, format: { x: false, y: false, x1: false, x2: false, Rows: true, From: true, To: true } } }),
			Plot.ruleX([0], { stroke: SECOND, strokeWidth: 1.5 }),
			Plot.ruleY([0], { stroke: FAINT }),
		],
	}));
}

const unitScale = (label) => ({ label, domain: [0, 1], ticks: 5, tickFormat: (d) => `${Math.round(d * 100)} %` });

export function rocChart(rows, point) {
	return figure('ROC curve', 'How many of the class are found, against how many others are taken for it; the dashed line is chance.', () => ({
		x: unitScale('false alarms'), y: { ...unitScale('found'), grid: true },
		marks: [
			Plot.line([[0, 0], [1, 1]], { stroke: 'var(--muted)', strokeDasharray: '4 4' }),
			Plot.areaY(rows, { x: 'false_positive_rate', y1: 0, y2: 'true_positive_rate', fill: ACCENT, fillOpacity: 0.1 }),
			Plot.line(rows, { x: 'false_positive_rate', y: 'true_positive_rate', stroke: ACCENT, strokeWidth: 2 }),
			point() ? Plot.dot([point()], { x: 'fpr', y: 'tpr', r: 6, fill: SECOND, stroke: 'var(--card)', strokeWidth: 2 }) : null,
		],
	}));
}

export function precisionRecallChart(rows, point) {
	return figure('Precision and recall', 'How many of the rows taken for the class are of it, against how many of it are found.', () => ({
		x: unitScale('recall (found)'), y: { ...unitScale('precision'), grid: true },
		marks: [
			Plot.line(rows, { x: 'recall', y: 'precision', stroke: ACCENT, strokeWidth: 2 }),
			point()?.precision != null ? Plot.dot([point()], { x: 'tpr', y: 'precision', r: 6, fill: SECOND, stroke: 'var(--card)', strokeWidth: 2 }) : null,
		],
	}));
}

export function calibrationChart(rows) {
	const shown = rows.filter((row) => row.mean_predicted !== null);
	const most = Math.max(...shown.map((row) => row.count));
	return figure('Calibration', 'Does what gets 30 % happen in 30 %? On the dashed line it does; large dots stand for many rows.', () => ({
		x: unitScale('predicted probability'), y: { ...unitScale('observed share'), grid: true },
		marks: [
			Plot.line([[0, 0], [1, 1]], { stroke: 'var(--muted)', strokeDasharray: '4 4' }),
			Plot.line(shown, { x: 'mean_predicted', y: 'fraction_positive', stroke: ACCENT }),
			Plot.dot(shown, { x: 'mean_predicted', y: 'fraction_positive', r: (d) => 3 + 7 * Math.sqrt(d.count / most), fill: ACCENT, fillOpacity: 0.7,
				channels: { Rows: (d) => format.count(d.count), Predicted: (d) => format.percent(d.mean_predicted), Observed: (d) => format.percent(d.fraction_positive) },
				tip: { ...tip.tip, format: { x: false, y: false, r: false, Rows: true, Predicted: true, Observed: true } } }),
		],
		r: { type: 'identity' },
	}));
}

export function learningChart(rows) {
	const long = rows.flatMap((row) => [
		row.train === null ? null : { n: row.n_estimators, loss: row.train, on: 'training rows' },
		row.held_out === null ? null : { n: row.n_estimators, loss: row.held_out, on: 'other rows' },
	]).filter(Boolean);
	const ends = ['training rows', 'other rows'].map((on) => long.filter((d) => d.on === on).at(-1)).filter(Boolean);
	const colour = (on) => (on === 'training rows' ? SECOND : ACCENT);
	return figure('Learning curve', 'Error by number of trees: on the rows it learned from, and on rows it did not see. Where the second rises, fewer trees are better.', () => ({
		marginRight: 90,
		x: { label: 'trees', ticks: 6, tickFormat: (d) => (Number.isInteger(d) ? format.count(d) : '') }, y: { label: 'loss', grid: true, ticks: 5, tickFormat: compact, zero: false },
		marks: [
			Plot.line(long, { x: 'n', y: 'loss', z: 'on', stroke: (d) => colour(d.on), strokeWidth: 2 }),
			Plot.text(ends, { x: 'n', y: 'loss', text: 'on', fill: (d) => colour(d.on), textAnchor: 'start', dx: 6 }),
			Plot.tip(long, Plot.pointerX({ x: 'n', y: 'loss', title: (d) => `${d.n} trees, ${d.on}: ${format.number(d.loss)}`, fill: 'var(--card)', stroke: 'var(--line)' })),
		],
		color: { type: 'identity' },
	}));
}

/** What the prediction would be along one column. */
export function whatIfChart(whatIf, kind, target) {
	const rows = whatIf.rows.map((row) => ({ value: kind === 'number' ? Number(row.value) : String(row.value), predicted: row.predicted }));
	const label = whatIf.label === null ? `predicted ${target}` : `probability of ${whatIf.label}`;
	const y = whatIf.label === null ? { label, grid: true, tickFormat: compact, ticks: 5 } : { ...unitScale(label), grid: true };
	return figure(`What if ${whatIf.column} were another?`, 'The same row with other values of this column.', () => (kind === 'number' ? {
		x: { label: whatIf.column, tickFormat: compact, ticks: 6 }, y,
		marks: [Plot.line(rows, { x: 'value', y: 'predicted', stroke: ACCENT, strokeWidth: 2, curve: 'step' }),
			Plot.tip(rows, Plot.pointerX({ x: 'value', y: 'predicted', title: (d) => `${format.number(d.value)}: ${format.number(d.predicted)}`, fill: 'var(--card)', stroke: 'var(--line)' }))],
	} : {
		marginLeft: 130,
		y: { label: null, domain: rows.map((row) => row.value), tickFormat: (d) => (d.length > 20 ? `${d.slice(0, 19)}…` : d) }, x: { ...y, grid: true },
		marks: [Plot.barX(rows, { x: 'predicted', y: 'value', fill: ACCENT, fillOpacity: 0.75 }), Plot.ruleX([0], { stroke: FAINT })],
	}));
}

export function driftChart(rows) {
	const shown = rows.slice(0, 25);
	const most = Math.max(0.3, ...shown.map((row) => row.psi ?? 0));
	return figure('Drift by feature', 'Population stability index against the training rows: up to 0.1 is stable, above 0.25 a change.', () => ({
		height: 40 + 22 * shown.length, marginLeft: 170,
		x: { label: 'psi', domain: [0, most], ticks: 5 },
		y: { label: null, domain: shown.map((row) => row.feature), tickFormat: (d) => (d.length > 26 ? `${d.slice(0, 25)}…` : d) },
		marks: [
			Plot.barX(shown, { x: 'psi', y: 'feature', fill: (d) => (d.verdict === 'drift' ? 'var(--bad)' : ACCENT), fillOpacity: 0.8, insetTop: 2, insetBottom: 2 }),
			Plot.ruleX([0.1, 0.25], { stroke: 'var(--muted)', strokeDasharray: '3 3' }),
			Plot.ruleX([0], { stroke: FAINT }),
		],
		color: { type: 'identity' },
	}));
}

/** What was recorded of drift, over time. */
export function psiChart(rows) {
	const series = rows.map((row) => ({ ...row, at: new Date(row.at) }));
	const latest = series.filter((row) => row.at.getTime() === Math.max(...series.map((one) => one.at.getTime()))).sort((a, b) => b.value - a.value).slice(0, 3);
	return figure('Drift over time', 'Population stability index of the predictions (orange) and of the features that drifted most.', () => ({
		marginRight: 110,
		x: { label: null, ticks: 4 }, y: { label: 'psi', grid: true, ticks: 5, domain: [0, Math.max(0.3, ...series.map((row) => row.value))] },
		marks: [
			Plot.ruleY([series[0].threshold ?? 0.2], { stroke: 'var(--bad)', strokeDasharray: '4 4' }),
			Plot.line(series, { x: 'at', y: 'value', z: 'feature', stroke: (d) => (d.kind === 'prediction' ? SECOND : ACCENT), strokeOpacity: 0.8, sort: 'at' }),
			Plot.dot(series, { x: 'at', y: 'value', r: 2.5, fill: (d) => (d.kind === 'prediction' ? SECOND : ACCENT),
				channels: { What: 'feature', psi: (d) => format.number(d.value, 3) }, tip: { ...tip.tip, format: { x: true, y: false, fill: false, What: true, psi: true } } }),
			Plot.text(latest.slice(0, 1), { x: 'at', y: 'value', text: (d) => (d.feature.length > 15 ? `${d.feature.slice(0, 14)}…` : d.feature), textAnchor: 'start', dx: 6, fill: 'var(--muted)' }),
		],
		color: { type: 'identity' },
	}));
}

export function scoreChart(rows, name) {
	const series = rows.map((row) => ({ ...row, at: new Date(row.at) }));
	return figure('Score over time', `${name} on rows whose target has arrived; below the dashed line half of the lead over the baseline is lost.`, () => ({
		x: { label: null, ticks: 4 }, y: { label: name, grid: true, ticks: 5 },
		marks: [
			Plot.line(series, { x: 'at', y: 'threshold', stroke: 'var(--bad)', strokeDasharray: '4 4', sort: 'at' }),
			Plot.line(series, { x: 'at', y: 'value', stroke: ACCENT, strokeWidth: 2, sort: 'at' }),
			Plot.dot(series, { x: 'at', y: 'value', r: 3, fill: ACCENT, channels: { Score: (d) => format.number(d.value, 3) }, tip: { ...tip.tip, format: { x: true, y: false, Score: true } } }),
		],
	}));
}

/** A column's histogram, small enough for a cell. */
export function spark(summary) {
	if (!summary || summary.bins === undefined) {
		return null;
	}
	const most = Math.max(...summary.bins);
	return svg('svg', { class: 'spark', viewBox: `0 0 ${summary.bins.length * 6} 24`, 'aria-hidden': 'true', preserveAspectRatio: 'none' },
		summary.bins.map((count, i) => {
			const height = count === 0 ? 0 : Math.max(1, (22 * count) / most);
			return svg('rect', { x: i * 6 + 0.5, y: 24 - height, width: 5, height });
		}));
}
