// One row to be predicted, and what would be if one column were another.
import { h, replace } from '../h.js';
import { get, post } from '../api.js';
import * as format from '../format.js';
import { act, bar, button, empty, field, select, table } from '../ui.js';
import { whatIfChart } from '../charts.js';

const IN_SIGHT = 6;

/** The place of a column among the important features; parts of a date begin with its name. */
function rankOf(importance, name) {
	const at = importance.findIndex((row) => row.feature === name || row.feature.startsWith(`${name}_`) || row.feature.startsWith(`${name} `));
	return at < 0 ? 1e6 : at;
}

function inputOf(column, value) {
	const text = value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
	if (column.kind === 'category' && column.values?.length > 0) {
		const values = column.values.includes(text) || text === '' ? column.values : [text, ...column.values];
		return select([['', '(missing)'], ...values.map((v) => [v, v])], text);
	}
	return h('input', { value: text, inputmode: column.kind === 'number' ? 'decimal' : null, autocapitalize: 'none', spellcheck: 'false', placeholder: 'missing' });
}

function answerOf(prediction, model) {
	if (model.task === 'regression') {
		return h('p', { class: 'answer' }, h('span', {}, `predicted ${model.target}`), h('b', {}, format.number(prediction.value)));
	}
	const all = Object.entries(prediction.probabilities).sort((a, b) => b[1] - a[1]).slice(0, 6);
	return h('div', { class: 'answer' }, h('p', {}, h('span', {}, `predicted ${model.target}`), h('b', {}, prediction.class)),
		h('ul', { class: 'probabilities' }, all.map(([label, p]) => h('li', {}, h('span', {}, label), bar(p), h('span', {}, format.percent(p))))));
}

/** How far the prediction is from what it would be if one column had its usual value. */
function comparison(result, model) {
	const rows = (result.compared ?? []).map((row) => ({ ...row, by: result.prediction.value - row.predicted }))
		.sort((a, b) => Math.abs(b.by) - Math.abs(a.by)).slice(0, 8);
	const most = Math.abs(rows[0]?.by ?? 0);
	if (most < 1e-9) {
		return null;
	}
	// What is nothing beside the first is not worth a line.
	const told = rows.filter((row) => Math.abs(row.by) > most / 50);
	const amount = (by) => `${by > 0 ? '+' : '−'}${result.label === null ? format.number(Math.abs(by)) : `${(100 * Math.abs(by)).toFixed(1)} points`}`;
	return h('div', {}, h('h3', {}, result.label === null ? `Why this ${model.target}?` : `Why this probability of ${result.label}?`),
		table('What makes it unusual', [
			{ name: 'Column', cell: (row) => h('span', {}, row.column, h('small', {}, `usually ${row.usual}`)) },
			{ name: 'Changes the prediction by', cell: (row) => h('span', { class: 'withbar wide' }, bar(Math.abs(row.by) / most, row.by < 0 ? 'less' : ''), amount(row.by)) },
		], told, { className: 'importance' }),
		h('p', { class: 'muted' }, 'Against the same row with the usual value of that column alone (median, or most frequent of the first rows). They do not add up where columns work together.'));
}

export async function tryOut(name, model, answer) {
	const { columns, row } = await get('/api/model/form', { name });
	if (columns.length === 0) {
		return empty('Its columns may not be read by this role.', h('p', {}, 'Predict by SQL: the function takes any row that has the columns.'));
	}
	const importance = answer.importance.rows;
	const sorted = [...columns].sort((a, b) => rankOf(importance, a.name) - rankOf(importance, b.name));
	const inputs = new Map(sorted.map((column) => [column.name, inputOf(column, row[column.name])]));
	const shown = h('div', { 'aria-live': 'polite' });
	const trouble = h('div', {});
	const numbers = sorted.filter((column) => column.kind === 'number' && column.high > column.low);
	const choices = sorted.filter((column) => column.kind === 'category' && column.values?.length > 1);
	const variable = [...numbers, ...choices].sort((a, b) => rankOf(importance, a.name) - rankOf(importance, b.name));
	const vary = select([['', 'nothing'], ...variable.map((column) => [column.name, column.name])], variable[0]?.name ?? '');
	const predict = h('button', { type: 'submit', class: 'primary' }, 'Predict');
	const run = () => act(predict, trouble, async () => {
		const given = Object.fromEntries(sorted.map((column) => {
			const text = inputs.get(column.name).value.trim();
			return [column.name, text === '' ? null : column.kind === 'number' && Number.isFinite(Number(text)) ? Number(text) : text];
		}));
		const column = variable.find((one) => one.name === vary.value);
		let values = [];
		if (column?.kind === 'number') {
			const whole = /int|serial/.test(column.type);
			values = [...new Set(Array.from({ length: 41 }, (_, i) => column.low + ((column.high - column.low) * i) / 40).map((v) => (whole ? Math.round(v) : Number(v.toPrecision(6)))))];
		} else if (column) {
			values = column.values.slice(0, 20);
		}
		const usual = Object.fromEntries(sorted.filter((one) => one.usual !== undefined && !one.is_key).slice(0, 40).map((one) => [one.name, one.usual]));
		const result = await post('/api/model/predict', { model: name, version: answer.shown, row: given, usual,
			...(column ? { vary: column.name, values } : {}) });
		replace(shown, answerOf(result.prediction, model), comparison(result, model), result.whatIf ? whatIfChart(result.whatIf, column.kind, model.target) : null);
	});
	vary.addEventListener('change', run);
	const fields = sorted.map((column) => field(column.name, inputs.get(column.name), column.type));
	const blank = button('Empty all', () => {
		for (const input of inputs.values()) {
			input.value = '';
		}
	}, { class: 'quiet' });
	run();
	return h('div', { class: 'pair tryout' }, h('form', {
		onsubmit: (event) => {
			event.preventDefault();
			run();
		},
	},
	h('p', { class: 'muted' }, 'The first row of the table, to be changed; the most important columns first.'),
	h('div', { class: 'fields' }, fields.slice(0, IN_SIGHT)),
	fields.length > IN_SIGHT ? h('details', {}, h('summary', {}, `The other ${fields.length - IN_SIGHT} columns`), h('div', { class: 'fields' }, fields.slice(IN_SIGHT))) : null,
	h('div', { class: 'fields' }, field('And vary', vary)),
	h('div', { class: 'buttons' }, predict, blank), trouble), shown);
}
