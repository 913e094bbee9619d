// What statements are made of: quoting, and the text that the page shows.
import test from 'node:test';
import assert from 'node:assert/strict';
import { ident, literal, readable } from '../server/database.js';
import { namedArguments } from '../server/api/arguments.js';
import { configure } from '../server/main.js';
import { freshDatabase, sql } from './helper.js';

const NASTY = ['plain', "it's", 'back\\slash', '$1 and $2', '<script>', 'Größe "x"', 'select', '', "'; DROP TABLE t; --", '{a,b}', 'NULL', 'a\nb', '\\'];

test('names and values come back from PostgreSQL as they were', async () => {
	for (const text of NASTY) {
		const [row] = await sql('postgres', `SELECT ${literal(text)}::text AS value`);
		assert.equal(row.value, text);
		const [array] = await sql('postgres', `SELECT ${literal([text, 'b'])}::text[] AS value`);
		assert.deepEqual(array.value, [text, 'b']);
		if (text !== '') {
			const [named] = await sql('postgres', `SELECT 1 AS ${ident(text)}`);
			assert.deepEqual(Object.keys(named), [text]);
		}
	}
	assert.equal(literal(null), 'NULL');
	assert.equal(literal(0.5), '0.5');
	assert.equal(ident('revenue'), 'revenue');
	assert.equal(ident('user'), '"user"');
});

test('every reserved word is quoted', async () => {
	const words = await sql('postgres', "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')");
	assert.ok(words.length > 70);
	assert.deepEqual(words.map(({ word }) => word).filter((word) => ident(word) === word), []);
});

test('the shown statement is the one that ran', async () => {
	const text = 'SELECT $1::text AS a, $2::int AS b, $1::text AS c, $3::text[] AS d';
	const values = ["it's $2", 7, ['x', 'y"z']];
	assert.equal(readable(text, values), "SELECT 'it''s $2' AS a, 7::int AS b, 'it''s $2' AS c, E'{x,\"y\\\\\"z\"}'::text[] AS d");
	assert.deepEqual(await sql('postgres', readable(text, values)), await sql('postgres', text, values));
});

test('named arguments have the types of their parameters, and no other names', async () => {
	await freshDatabase('dashboard_sql');
	const known = await sql('dashboard_sql', "SELECT parameter, type FROM echolon_parameters('echolon_train_rf')");
	const values = ['t', 'y'];
	const parts = namedArguments(known, { n_estimators: '10', max_features: '0.5', bootstrap: 'true', exclude: ['a', "b'c"], seed: '9007199254740993', max_depth: '', threshold: 'f1' },
		values, ['relation', 'target']);
	assert.deepEqual(parts, ['n_estimators => $3', 'max_features => $4::double precision', 'bootstrap => $5', 'exclude => $6', 'seed => $7', 'threshold => $8::text']);
	assert.deepEqual(values.slice(2), [10, 0.5, true, ['a', "b'c"], '9007199254740993', 'f1']);
	for (const given of [{ 'x => 1) --': 1 }, { relation: 'other' }, { n_estimators: '1; DROP' }, { exclude: 'a' }, { toString: 1 }]) {
		assert.throws(() => namedArguments(known, given, [], ['relation', 'target']), { status: 400 });
	}
});

test('the command line is checked', () => {
	const config = configure(['--read-only', '--port', '9000'], { PGUSER: 'ann' });
	assert.equal(config.readOnly, true);
	assert.equal(config.database, 'ann');
	assert.match(config.key, /^[\w-]{16}$/);
	assert.equal(configure(['--no-key'], {}).key, null);
	assert.throws(() => configure(['--port', '99999'], {}), /--port is 99999/);
	assert.throws(() => configure(['--reed-only'], {}), /--read-only/);
});
