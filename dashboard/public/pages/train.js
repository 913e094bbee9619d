// Training: choose a table and a target, see what is wrong with them, set
// parameters, start.
import { h, replace } from '../h.js';
import { get, post, state } from '../api.js';
import * as format from '../format.js';
import { act, badge, card, empty, field, later, link, noteBox, select, sqlText } from '../ui.js';
import { columnsTable, sampleNote } from './columns.js';
import { parameterForm } from './parameters.js';

const MAIN = ['n_estimators', 'learning_rate', 'max_depth', 'max_leaf_nodes', 'min_samples_leaf', 'test_fraction', 'split_by', 'class_weight'];
const HIDDEN = ['relation', 'target', 'features', 'exclude', 'model'];
const SEVERITY = { error: 'bad', warning: 'warn', info: 'quiet' };

function findingsList(findings) {
	if (findings.length === 0) {
		return h('p', { class: 'good' }, 'Nothing was found.');
	}
	const item = (finding) => h('li', {}, badge(SEVERITY[finding.severity] ?? 'quiet', finding.severity), ' ',
		finding.column_name ? h('b', {}, `${finding.column_name}: `) : null, finding.message,
		finding.hint ? (/^(SELECT|UPDATE|DELETE|ALTER|CREATE|WITH)\b/.test(finding.hint) ? sqlText(finding.hint) : h('small', {}, finding.hint)) : null);
	const worse = findings.filter((finding) => finding.severity !== 'info');
	const infos = findings.filter((finding) => finding.severity === 'info');
	return h('div', { class: 'findings' },
		worse.length ? h('ul', {}, worse.map(item)) : h('p', {}, 'Nothing that would disturb a training.'),
		infos.length ? h('details', {}, h('summary', {}, `${infos.length} worth knowing`), h('ul', {}, infos.map(item))) : null);
}

export async function train(place, page) {
	if (state.session.readOnly) {
		replace(place, h('h1', {}, 'Train a model'), noteBox('This dashboard is read-only: it was started with --read-only.'));
		return;
	}
	const { relations } = await get('/api/relations');
	if (relations.length === 0) {
		replace(place, h('h1', {}, 'Train a model'), empty('There is no table that this role may read.', h('p', {}, link('#/data', 'Load a CSV file'), ' first.')));
		return;
	}
	const wanted = page.query.get('table');
	const asked = relations.find((row) => row.relation === wanted || row.name === wanted)?.relation ?? '';
	const table = select([['', 'choose …'], ...relations.map((row) => [row.relation, `${row.relation}${row.kind === 'table' ? '' : ` (${row.kind})`}${row.rows ? `, ${format.count(row.rows)} rows` : ''}`])],
		asked, { name: 'table' });
	const rest = h('div', {});
	table.addEventListener('change', () => {
		history.replaceState(null, '', `#/train?table=${encodeURIComponent(table.value)}`);
		chosen();
	});
	const chosen = () => (table.value === '' ? replace(rest) : later(rest, () => drawTable(table.value, page), 'Looking at a sample of it …'));
	replace(place, h('h1', {}, 'Train a model'), card('1. Data', {}, h('div', { class: 'fields' }, field('Table or view', table, 'Everything that this role may read.'))), rest);
	if (table.value !== '') {
		await chosen();
	}
}

async function drawTable(relation, page) {
	const answer = await get('/api/relation', { name: relation });
	const usable = answer.columns.filter((column) => column.kind === 'number' || column.kind === 'category');
	const target = select([['', 'choose …'], ...usable.map((column) => column.name)], page.query.get('target') ?? '', { name: 'target' });
	const findings = h('div', {}, h('p', { class: 'muted' }, 'Choose a target first.'));
	const boxes = new Map();
	const algorithm = select([['gradient_boosting', 'Gradient boosting: usually the most exact'], ['random_forest', 'Random forest: robust, nothing to tune']], 'gradient_boosting', { name: 'algorithm' });
	const name = h('input', { name: 'model', autocapitalize: 'none', spellcheck: 'false' });
	const parametersPlace = h('div', {});
	let parameters = null;
	const drawParameters = () => later(parametersPlace, async () => {
		const { parameters: rows } = await get('/api/parameters', { of: algorithm.value });
		parameters = parameterForm(rows, answer.columns.map((column) => column.name), MAIN, HIDDEN);
		return parameters.element;
	});
	algorithm.addEventListener('change', drawParameters);
	const bare = answer.relation.replace(/^.*\./, '').replaceAll('"', '');
	let asked = 0;
	const targetChosen = () => {
		name.placeholder = target.value ? `${bare}_${target.value}` : '';
		for (const [column, box] of boxes) {
			box.disabled = column === target.value;
			box.closest('tr').classList.toggle('target', column === target.value);
		}
		if (target.value === '') {
			return;
		}
		asked += 1;
		const mine = asked;
		const result = h('div', {});
		replace(findings, result);
		later(result, async () => {
			const { findings: found } = await post('/api/validate', { relation, target: target.value });
			return mine === asked ? findingsList(found) : '';
		}, 'Reading the table …');
	};
	target.addEventListener('change', targetChosen);
	const trouble = h('div', {});
	const submit = h('button', { type: 'submit', class: 'primary' }, 'Train');
	const columns = columnsTable(answer, { extra: { name: 'Use', header: false, cell: (column) => {
		if (column.kind === 'other') {
			return '';
		}
		const box = h('input', { type: 'checkbox', checked: true, 'aria-label': `use ${column.name}` });
		boxes.set(column.name, box);
		return box;
	} } });
	const form = h('form', {
		onsubmit: (event) => {
			event.preventDefault();
			if (target.value === '') {
				target.focus();
				replace(trouble, noteBox('Choose a target: the column to predict.'));
				return;
			}
			act(submit, trouble, async () => {
				const exclude = [...boxes].filter(([column, box]) => !box.checked && column !== target.value).map(([column]) => column);
				const { job } = await post('/api/train', { relation, target: target.value, algorithm: algorithm.value,
					parameters: { ...parameters.read(), ...(exclude.length ? { exclude } : {}), ...(name.value.trim() ? { model: name.value.trim() } : {}) } });
				location.hash = `#/job/${job.id}`;
			});
		},
	},
	card('2. Target', {}, h('div', { class: 'fields' }, field('Column to predict', target, 'Text, booleans and enums are classes; numbers a regression.')), h('h3', {}, 'What is wrong with the data'), findings),
	card('3. Columns', {}, sampleNote(answer), columns, h('p', { class: 'muted' }, 'Keys and near-unique texts are left out by themselves. Dates become calendar parts.')),
	card('4. Model', {}, h('div', { class: 'fields' }, field('Algorithm', algorithm), field('Name', name, 'Empty: table_target. A model of this name gets a new version.')), h('h3', {}, 'Parameters'), parametersPlace),
	trouble, h('div', { class: 'buttons' }, submit));
	await drawParameters();
	targetChosen();
	return form;
}
