// Data: a CSV file into a table, and a look at tables.
import { h, replace } from '../h.js';
import { get, state, upload } from '../api.js';
import * as format from '../format.js';
import { act, card, checkbox, empty, field, link, noteBox, rawTable, select, table, time } from '../ui.js';
import { columnsTable, sampleNote } from './columns.js';

const LIMIT = 256 * 1024 * 1024;

/** A table's name from a file's. */
function tableName(file) {
	return file.replace(/\.[^.]*$/, '').toLowerCase().replace(/[^a-z0-9_]+/g, '_').replace(/^_+|_+$/g, '').replace(/^(\d)/, 't_$1').slice(0, 60) || 'table_1';
}

/** The separator that splits the first line into the most fields. */
function guessDelimiter(text) {
	const first = text.split(/\r?\n/, 1)[0];
	return [',', ';', '\t', '|'].map((mark) => [mark, first.split(mark).length]).sort((a, b) => b[1] - a[1])[0][0];
}

function loader() {
	const file = h('input', { type: 'file', accept: '.csv,.tsv,.txt,text/csv', name: 'file', required: true });
	const name = h('input', { name: 'table', required: true, autocapitalize: 'none', spellcheck: 'false' });
	const delimiter = select([[',', 'comma ,'], [';', 'semicolon ;'], ['\t', 'tab'], ['|', 'bar |']], ',');
	const encoding = select([['utf-8', 'UTF-8'], ['windows-1252', 'Windows-1252'], ['utf-16le', 'UTF-16']], 'utf-8');
	const nulls = h('input', { placeholder: 'NA, NULL', autocapitalize: 'none', spellcheck: 'false' });
	const errors = h('input', { inputmode: 'numeric', placeholder: '0' });
	const header = checkbox('The first line has the names', true);
	const look = h('div', {});
	const trouble = h('div', {});
	const meter = h('progress', { max: 1, 'aria-label': 'Sending the file', hidden: true });
	const submit = h('button', { type: 'submit', class: 'primary' }, 'Load');
	file.addEventListener('change', async () => {
		const chosen = file.files[0];
		if (!chosen) {
			return;
		}
		name.value ||= tableName(chosen.name);
		const text = await chosen.slice(0, 4000).text();
		delimiter.value = guessDelimiter(text);
		replace(look, h('p', { class: 'muted' }, `${chosen.name}, ${format.bytes(chosen.size)}; its first lines:`),
			h('pre', { class: 'raw', tabindex: '0' }, text.split(/\r?\n/).slice(0, 5).join('\n')));
		if (chosen.size > LIMIT) {
			replace(trouble, noteBox('Files above 256 MB are better loaded by psql: \\copy, or echolon_load_csv with the path of a file of the server.'));
		}
	});
	return h('form', {
		onsubmit: (event) => {
			event.preventDefault();
			act(submit, trouble, async () => {
				meter.hidden = false;
				try {
					const { job } = await upload('/api/load', {
						table: name.value.trim(), file: file.files[0].name, delimiter: delimiter.value, encoding: encoding.value,
						nulls: nulls.value, max_errors: errors.value.trim() || '0', header: String(header.querySelector('input').checked),
					}, file.files[0], (share) => {
						meter.value = share ?? 0;
					});
					location.hash = `#/job/${job.id}`;
				} finally {
					meter.hidden = true;
				}
			});
		},
	},
	h('div', { class: 'fields' },
		field('File', file), field('Table', name, 'A table that exists gets the rows added, by the names of the columns; otherwise one is made.')),
	look,
	h('details', {}, h('summary', {}, 'How the file is written'), h('div', { class: 'fields wide' },
		field('Between fields', delimiter), field('Encoding', encoding), field('Also mean missing', nulls, 'Beside an empty field; several with commas.'),
		field('Lines that may be refused', errors, 'They are kept for you to see. With 0 one bad line stops the load.'), header)),
	trouble, meter, h('div', { class: 'buttons' }, submit));
}

export async function data(place) {
	const [{ relations }, { errors }] = await Promise.all([get('/api/relations'), get('/api/load-errors')]);
	replace(place, h('h1', {}, 'Data'),
		state.session.readOnly ? noteBox('This dashboard is read-only, so nothing can be loaded.') : card('Load a CSV file', {},
			h('p', { class: 'muted' }, 'Types follow from all values. A value that does not fit is named with its line and column, and then nothing is loaded.'), loader()),
		card('Tables and views', {}, relations.length === 0 ? empty('There is none yet that this role may read.') : table('Tables and views', [
			{ name: 'Name', cell: (row) => h('span', {}, link(`#/data/${encodeURIComponent(row.relation)}`, row.relation), row.comment ? h('small', {}, row.comment) : null) },
			{ name: 'Kind', cell: (row) => row.kind },
			{ name: 'Rows, about', number: true, cell: (row) => format.count(row.rows) },
			{ name: 'Size', number: true, cell: (row) => format.bytes(row.bytes) },
		], relations, { stack: true })),
		errors.length === 0 ? null : card('Lines that loads refused', {}, table('Lines that loads refused', [
			{ name: 'Table', cell: (row) => row.table_name },
			{ name: 'Line', number: true, cell: (row) => format.count(row.line) },
			{ name: 'Column', cell: (row) => row.column_name },
			{ name: 'Value', cell: (row) => row.value },
			{ name: 'Why', cell: (row) => row.message },
			{ name: 'When', cell: (row) => time(row.loaded_at) },
		], errors)));
}

export async function relation(place, page) {
	const [answer, first] = await Promise.all([get('/api/relation', { name: page.name }), get('/api/relation/rows', { name: page.name })]);
	replace(place, h('div', { class: 'title' }, h('h1', {}, answer.relation),
		state.session.readOnly ? null : h('a', { class: 'button primary', href: `#/train?table=${encodeURIComponent(answer.relation)}` }, 'Train on it')),
	card('Columns', {}, sampleNote(answer), columnsTable(answer)),
	card('First rows', {}, first.rows.length === 0 ? empty('It has no rows.') : rawTable(`First rows of ${answer.relation}`, first.columns.map((column) => column.name), first.rows)));
}
