// Feature sets: those there are, and a new one, looked at before it is made.
import { h, replace } from '../h.js';
import { get, post, state } from '../api.js';
import * as format from '../format.js';
import { act, badge, button, card, checkbox, confirm, empty, field, later, link, noteBox, notices, rawTable, say, select, sqlText, table, time } from '../ui.js';
import { parameterForm } from './parameters.js';

const FAMILIES = {
	temporal: 'calendar parts of the date', rolling: 'windows, lags and changes', interaction: 'products and ratios of numbers',
	categorical: 'frequencies and codes of categories', business: 'percent ranks, engagement, churn', polynomial: 'powers and cross terms',
	scaling: 'standardized numbers', period: 'share and rank within a date, year over year',
};
const CHOSEN = ['temporal', 'rolling', 'categorical'];
const MAIN = ['rolling_windows', 'lags', 'statistics', 'horizon', 'materialized'];
const HIDDEN = ['name', 'relation', 'date_column', 'numeric_columns', 'category_columns', 'group_by', 'target', 'families', 'rolling_window'];
const familiesOf = (set) => Object.keys(FAMILIES).filter((family) => set[family] > 0).map((family) => `${family} ${set[family]}`).join(', ');

function summaryTable(summary) {
	return table('Features', [
		{ name: 'Feature', cell: (row) => h('b', {}, row.feature) },
		{ name: 'Family', cell: (row) => row.family },
		{ name: 'What', cell: (row) => h('span', {}, row.description, h('small', {}, h('code', {}, row.expression))) },
		{ name: 'Of', cell: (row) => (row.sources ?? []).join(', ') },
		{ name: 'Uses the row itself', cell: (row) => (row.uses_current_row ? 'yes' : 'no') },
	], summary, { stack: true });
}

export async function features(place) {
	const [{ sets }, { relations }] = await Promise.all([get('/api/features'), get('/api/relations')]);
	replace(place, h('h1', {}, 'Features'),
		card('Feature sets', {}, sets.length === 0 ? empty('None yet.', h('p', {}, 'A feature set is a view of a table\'s columns and of features computed from them: to train on, to query, for BI tools.'))
			: table('Feature sets', [
				{ name: 'Name', cell: (row) => h('span', {}, link(`#/features/${encodeURIComponent(row.feature_set)}`, row.feature_set), h('small', {}, `of ${row.relation}`)) },
				{ name: 'Features', number: true, cell: (row) => format.count(row.features) },
				{ name: 'Families', cell: (row) => familiesOf(row) },
				{ name: 'Fitted', cell: (row) => h('span', {}, time(row.refreshed_at), h('small', {}, `to ${format.count(row.rows_fitted)} rows`)) },
				{ name: 'State', cell: (row) => badge(row.state === 'ready' ? 'good' : 'bad', row.state) },
			], sets, { stack: true })),
		state.session.readOnly ? noteBox('This dashboard is read-only, so none can be made.') : maker(relations));
}

/** The form of a new set. */
function maker(relations) {
	const relation = select([['', 'choose …'], ...relations.map((row) => row.relation)], '', { name: 'relation' });
	const rest = h('div', {});
	relation.addEventListener('change', () => (relation.value === '' ? replace(rest) : later(rest, () => makerFor(relation.value))));
	return card('New feature set', {}, h('div', { class: 'fields' }, field('Table or view', relation)), rest);
}

async function makerFor(relation) {
	const [answer, { parameters: rows }] = await Promise.all([get('/api/relation', { name: relation }), get('/api/parameters', { of: 'features' })]);
	const names = (kind) => answer.columns.filter((column) => column.kind === kind).map((column) => column.name);
	const bare = answer.relation.replace(/^.*\./, '').replaceAll('"', '');
	const name = h('input', { name: 'name', required: true, value: `${bare}_features`, autocapitalize: 'none', spellcheck: 'false' });
	const [date] = names('date');
	const dateColumn = select([['', 'none'], ...names('date')], date ?? '', { name: 'date_column' });
	const target = select([['', 'none'], ...answer.columns.filter((column) => column.kind !== 'other').map((column) => column.name)], '', { name: 'target' });
	const choices = (label, list, chosen = []) => {
		const boxes = list.map((value) => checkbox(FAMILIES[value] && label === 'Families' ? h('span', {}, h('b', {}, value), ` – ${FAMILIES[value]}`) : value, chosen.includes(value), { value }));
		return { element: list.length === 0 ? null : h('fieldset', {}, h('legend', {}, label), boxes),
			read: () => boxes.map((box) => box.querySelector('input')).filter((box) => box.checked).map((box) => box.value) };
	};
	const families = choices('Families', Object.keys(FAMILIES), CHOSEN);
	const numbers = choices('Numbers', names('number'));
	const categories = choices('Categories', names('category'));
	const groups = choices('Windows stay within', names('category'));
	const parameters = parameterForm(rows, answer.columns.map((column) => column.name), MAIN, HIDDEN);
	const trouble = h('div', {});
	const shown = h('div', {});
	const body = () => ({ name: name.value.trim(), relation, parameters: {
		...parameters.read(), families: families.read(), date_column: dateColumn.value || null, target: target.value || null,
		numeric_columns: numbers.read(), category_columns: categories.read(), group_by: groups.read(),
	} });
	const preview = button('Preview', () => act(preview, trouble, async () => {
		replace(shown);
		const found = await post('/api/features/preview', body());
		const columns = found.rows.length ? Object.keys(found.rows[0]) : [];
		replace(shown, h('h3', {}, `${found.made.features} features, first rows`),
			rawTable('First rows', columns, found.rows.map((row) => columns.map((column) => row[column]))),
			notices(found.made.notes?.map((message) => ({ message }))), notices(found.notices),
			h('details', {}, h('summary', {}, 'What each is'), summaryTable(found.summary)),
			h('details', {}, h('summary', {}, 'SQL of the view'), sqlText(found.definition)));
	}));
	const create = h('button', { type: 'submit', class: 'primary' }, 'Create');
	return h('form', {
		onsubmit: (event) => {
			event.preventDefault();
			act(create, trouble, async () => {
				const { made } = await post('/api/features/create', body());
				say(`${made.feature_set} has ${made.features} features.`);
				location.hash = `#/features/${encodeURIComponent(made.feature_set)}`;
			});
		},
	}, h('div', { class: 'fields' }, field('Name', name, 'Of the set and of its view.'), field('Date', dateColumn, 'What rows are ordered by: without it no calendar parts and no windows.'),
		field('Target', target, 'Its windows end one row before, so that it can be predicted.')),
	families.element, numbers.element ? h('p', { class: 'muted' }, 'Nothing chosen below means every column that can be used.') : null,
	numbers.element, categories.element, groups.element, h('h3', {}, 'Settings'), parameters.element, trouble,
	h('div', { class: 'buttons' }, preview, create), shown);
}

export async function featureSet(place, page) {
	const { set, summary } = await get('/api/features/set', { name: page.name });
	const trouble = h('div', {});
	const refresh = button('Fit again', () => act(refresh, trouble, async () => {
		await post('/api/features/refresh', { name: page.name });
		say('Fitted to the rows as they are now.');
		await featureSet(place, page);
	}));
	const drop = button('Drop', async () => {
		if (await confirm(`Drop the feature set ${page.name} and its view?`, 'Drop it')) {
			await act(drop, trouble, async () => {
				await post('/api/features/drop', { name: page.name });
				location.hash = '#/features';
			});
		}
	}, { class: 'danger' });
	replace(place, h('div', { class: 'title' }, h('h1', {}, set.feature_set), badge(set.state === 'ready' ? 'good' : 'bad', set.state)),
		h('p', { class: 'muted' }, `${set.features} features of ${set.relation}: ${familiesOf(set)}. View ${set.view}${set.materialized_view ? `, materialized in ${set.materialized_view}` : ''}. Fitted `, time(set.refreshed_at), ` to ${format.count(set.rows_fitted)} rows.`),
		state.session.readOnly ? null : h('div', { class: 'buttons' }, h('a', { class: 'button primary', href: `#/train?table=${encodeURIComponent(set.view)}` }, 'Train on it'), refresh, drop),
		trouble, card(null, { class: 'card flush' }, summaryTable(summary)));
}
