// The columns of a table, with what a sample of it shows.
import { h } from '../h.js';
import * as format from '../format.js';
import { bar, table } from '../ui.js';
import { spark } from '../charts.js';

function day(epoch) {
	return new Date(epoch * 1000).toISOString().slice(0, 10);
}

function values(column) {
	const { summary } = column;
	if (!summary) {
		return h('span', { class: 'muted' }, column.kind === 'other' ? 'not used by trainings' : '');
	}
	if (summary.kind === 'category') {
		return h('span', { class: 'top' }, (summary.values ?? []).slice(0, 3).map((value) => h('span', { class: 'topvalue' },
			bar(value.share), h('span', {}, value.value === '' ? '(empty)' : value.value), h('small', {}, format.percent(value.share, 0)))));
	}
	if (summary.bins === undefined) {
		return h('span', { class: 'muted' }, 'no values');
	}
	const show = summary.kind === 'date' ? day : (value) => format.number(value);
	return h('span', { class: 'hist' }, spark(summary), h('small', {}, `${show(summary.low)} … ${show(summary.high)}`));
}

/** options.extra: a column of the table before the others. */
export function columnsTable(answer, { extra } = {}) {
	return table(`Columns of ${answer.relation}`, [
		...(extra ? [extra] : []),
		{ name: 'Column', cell: (column) => h('span', {}, h('b', {}, column.name), h('small', {}, column.type, column.is_key ? ', key' : '')) },
		{ name: 'Values', cell: values },
		{ name: 'Distinct', number: true, cell: (column) => (column.summary ? format.count(column.summary.distinct) : '–') },
		{ name: 'Missing', number: true, cell: (column) => (column.summary ? (column.summary.missing === 0 ? '0' : format.percent(column.summary.missing)) : '–') },
	], answer.columns, { className: 'columns' });
}

export function sampleNote(answer) {
	if (answer.trouble) {
		return h('p', { class: 'muted' }, answer.trouble);
	}
	if (answer.sampled === null) {
		return null;
	}
	const of = answer.rows !== null && answer.rows > answer.sampled ? ` of about ${format.count(answer.rows)}` : '';
	return h('p', { class: 'muted' }, `From ${answer.first ? 'the first ' : ''}${format.count(answer.sampled)}${of} rows.`);
}
