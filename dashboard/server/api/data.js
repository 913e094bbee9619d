// Loading a CSV file that the browser sends.
import { Refusal } from '../errors.js';
import { start } from '../jobs.js';
import { ident, literal } from '../database.js';
import { optionalText, text } from './arguments.js';

/** The file's text; a file that is not what was said is an error rather than a guess. */
function decode(bytes, encoding) {
	let decoder;
	try {
		decoder = new TextDecoder(encoding, { fatal: true });
	} catch {
		throw new Refusal(400, `"${encoding}" is not an encoding`);
	}
	let decoded;
	try {
		decoded = decoder.decode(bytes);
	} catch {
		throw new Refusal(400, `the file is not in ${encoding}`, 'Choose another encoding; files of Excel are often in Windows-1252.');
	}
	if (decoded.includes('\0')) {
		throw new Refusal(400, 'the file has bytes of value 0, so it is not CSV', 'A spreadsheet has to be saved as CSV first.');
	}
	return decoded;
}

export async function load(context) {
	const { db } = context.session;
	const { query, bytes } = context;
	const wanted = text(query.get('table'), 'table');
	// schema.name is two names, anything else one.
	const table = /^\w+\.\w+$/.test(wanted) ? wanted : ident(wanted);
	const name = optionalText(query.get('file'), 'file') ?? 'file.csv';
	if (bytes.length === 0) {
		throw new Refusal(400, 'the file is empty');
	}
	const values = [table, decode(bytes, query.get('encoding') || 'utf-8')];
	const given = [];
	const add = (parameter, value) => {
		values.push(value);
		given.push(`, ${parameter} => $${values.length}`);
	};
	if (query.get('delimiter') && query.get('delimiter') !== ',') {
		add('delimiter', query.get('delimiter'));
	}
	if (query.get('header') === 'false') {
		add('header', false);
	}
	if (query.get('nulls')) {
		add('null_marks', ['', ...query.get('nulls').split(',').map((mark) => mark.trim()).filter((mark) => mark !== '')]);
	}
	if (query.get('max_errors') && query.get('max_errors') !== '0') {
		if (!/^\d{1,9}$/.test(query.get('max_errors'))) {
			throw new Refusal(400, 'the number of lines that may be refused is not a number');
		}
		add('max_errors', Number(query.get('max_errors')));
	}
	// For psql: the file's text by a variable.  The name is only ever shown.
	const shown = values.slice(2).map(literal);
	const options = given.map((part, i) => part.replace(/\$\d+/, () => shown[i])).join('');
	const file = name.replace(/[^\w.-]/g, '_');
	return start(context, {
		kind: 'load', title: table, values,
		text: `SELECT * FROM ${db.fn('echolon_load_csv')}($1, content => $2${given.join('')})`,
		show: `\\set file \`cat ${file}\`\nSELECT * FROM ${db.fn('echolon_load_csv')}(${literal(table)}, content => :'file'${options})`,
		onDone: (rows) => rows[0],
	});
}

/** Lines that loads of this role refused, the latest first. */
export async function errors(context) {
	return {
		errors: await context.session.db.read(context, `
			SELECT table_name, source, line, column_name, left(value, 200) AS value, message, loaded_at
			FROM echolon.load_errors ORDER BY load DESC, line LIMIT 200`),
	};
}
