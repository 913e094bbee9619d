// Who is let in, and what is refused, without a browser.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { freshDatabase, jobEnd, signIn, slurp, sql, startDashboard, until } from './helper.js';

const DATABASE = 'dashboard_server';
let on;
let session;

before(async () => {
	await freshDatabase(DATABASE);
	await sql(DATABASE, `CREATE TABLE points AS SELECT i AS id, i % 7 AS a, i % 11 AS b, (i % 7) * 2.5 + i % 3 AS y FROM generate_series(1, 400) AS i;
		ALTER TABLE points ADD PRIMARY KEY (id); DROP ROLE IF EXISTS dashboard_nobody; CREATE ROLE dashboard_nobody LOGIN`);
	on = await startDashboard(DATABASE);
	session = await signIn(on);
});
after(async () => {
	await on.close();
	await sql('postgres', `DROP DATABASE ${DATABASE} WITH (FORCE)`);
	await sql('postgres', 'DROP ROLE dashboard_nobody');
});

/** A request with headers that fetch() does not let one set. */
function raw(path, headers, method = 'GET', body = undefined) {
	return new Promise((resolve, reject) => {
		const request = http.request(`${on.origin}${path}`, { method, headers }, (response) => {
			response.resume();
			response.on('end', () => resolve(response));
		});
		request.on('error', reject);
		request.end(body);
	});
}

test('a host that is not ours is refused, with every answer\'s headers', async () => {
	assert.equal((await raw('/', { host: 'evil.example' })).statusCode, 421);
	assert.equal((await raw('/api/session', { host: `evil.example:${new URL(on.origin).port}` })).statusCode, 421);
	assert.equal((await raw('/', { host: `localhost:${new URL(on.origin).port}` })).statusCode, 200);
	for (const path of ['/', '/app.js', '/api/session', '/nothing']) {
		const { headers } = await raw(path, {});
		assert.match(headers['content-security-policy'], /default-src 'none'; script-src 'self'; style-src 'self' 'sha256-[^']+'; /);
		assert.doesNotMatch(headers['content-security-policy'], /unsafe/);
		assert.equal(headers['x-content-type-options'], 'nosniff');
	}
});

test('a proxy\'s name is known where it was told, and so is its address', async () => {
	const behind = await startDashboard(DATABASE, '--allow-host', 'ml.example.org', '--secure-cookie');
	try {
		assert.match(behind.address, /^https:\/\/ml\.example\.org\/#key=/);
		const { port } = behind.dashboard.server.address();
		const ask = (host) => new Promise((resolve, reject) => {
			const body = JSON.stringify({ user: 'postgres', key: behind.key });
			http.request({ port, path: '/api/login', method: 'POST', headers: { host, origin: `https://${host}` } }, (response) => {
				response.resume();
				resolve(response);
			}).on('error', reject).end(body);
		});
		assert.match((await ask('ml.example.org')).headers['set-cookie'][0], /; Secure$/);
		assert.equal((await ask('else.example.org')).statusCode, 421);
	} finally {
		await behind.close();
	}
});

test('nothing but the page\'s files is served', async () => {
	for (const path of ['/../package.json', '/%2e%2e/package.json', '/server/main.js', '/vendor/../../package.json', '/pages', '//etc/passwd']) {
		assert.equal((await raw(path, {})).statusCode, 404, path);
	}
	assert.equal((await raw('/', {}, 'DELETE')).statusCode, 405);
});

test('signing in needs the key, gives a cookie that scripts cannot read', async () => {
	const bad = await fetch(`${on.origin}/api/login`, { method: 'POST', body: JSON.stringify({ user: 'postgres', key: 'guess' }) });
	assert.equal(bad.status, 403);
	assert.match((await bad.json()).error.message, /lacks the key/);
	assert.match(session.setCookie, /^echolon_\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
	assert.equal(session.body.user, 'postgres');
});

test('without a session there is no answer, and none after signing out', async () => {
	for (const path of ['/api/overview', '/api/relations', '/api/model?name=x']) {
		assert.equal((await fetch(on.origin + path)).status, 401);
	}
	const other = await signIn(on);
	assert.equal((await other.get('/api/overview')).status, 200);
	assert.equal((await other.post('/api/logout')).status, 200);
	assert.equal((await other.get('/api/overview')).status, 401);
	assert.equal((await session.get('/api/overview')).status, 200);
});

test('a session that does nothing ends', async () => {
	const other = await signIn(on);
	const id = other.cookie.split('=')[1];
	const { sessions } = on.dashboard.sessions;
	// A page that asks by itself what is running does not keep it.
	sessions.get(id).used -= 60000;
	const { used } = sessions.get(id);
	assert.equal((await other.get('/api/jobs')).status, 200);
	assert.equal(sessions.get(id).used, used);
	assert.equal((await other.get('/api/features')).status, 200);
	assert.ok(sessions.get(id).used > used);
	sessions.get(id).used -= on.config.idle + 1000;
	assert.equal((await other.get('/api/overview')).status, 401);
	on.dashboard.sessions.sweep();
	assert.ok(!on.dashboard.sessions.sessions.has(id));
});

test('a request that changes something needs the token and our own page', async () => {
	const body = { model: 'm', version: 1 };
	const without = await raw('/api/model/activate', { cookie: session.cookie, 'content-type': 'application/json' }, 'POST', JSON.stringify(body));
	assert.equal(without.statusCode, 403);
	assert.equal((await session.post('/api/model/activate', body, { 'x-csrf-token': 'guess' })).status, 403);
	for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }]) {
		const answer = await raw('/api/model/activate', { cookie: session.cookie, 'x-csrf-token': session.body.csrf, ...headers }, 'POST', JSON.stringify(body));
		assert.equal(answer.statusCode, 403, JSON.stringify(headers));
	}
	// With all of it PostgreSQL answers: there is no such model.
	const asked = await session.post('/api/model/activate', body, { origin: on.origin });
	assert.equal(asked.status, 400);
	assert.match(asked.body.error.message, /model "m" does not exist/);
	assert.equal((await raw('/api/login', { origin: 'https://evil.example' }, 'POST', '{}')).statusCode, 403);
});

test('bodies that are no JSON object, or too large, are refused', async () => {
	for (const body of ['{', '[]', 'null', '"x"']) {
		assert.equal((await session.post('/api/validate', body)).status, 400);
	}
	assert.equal((await session.post('/api/validate', JSON.stringify({ relation: 'x'.repeat(2 << 20) }))).status, 413);
	assert.equal((await session.post('/api/validate', { relation: 'no such "table"' })).status, 400);
	assert.equal((await session.post('/api/validate', { relation: 42 })).status, 400);
});

test('reading statements run in a transaction that is read-only', async () => {
	await sql(DATABASE, 'CREATE FUNCTION touch() RETURNS integer LANGUAGE sql AS $$ INSERT INTO points VALUES (1000, 0, 0, 0) RETURNING id $$');
	await sql(DATABASE, 'CREATE VIEW trap AS SELECT touch() AS a, 1 AS b');
	const { status, body } = await session.get('/api/relation/rows?name=trap');
	assert.equal(status, 400);
	assert.match(body.error.message, /read-only transaction/);
	// Nor by a function that first changes what a session begins with.
	await sql(DATABASE, "CREATE VIEW door AS SELECT set_config('default_transaction_read_only', 'off', false) AS a");
	for (let i = 0; i < 4; i += 1) {
		assert.equal((await session.get('/api/relation/rows?name=door')).status, 200);
		assert.equal((await session.get('/api/relation/rows?name=trap')).status, 400);
	}
	await sql(DATABASE, 'DROP VIEW trap, door');
});

test('a page\'s statement is cut off', async () => {
	const brief = await startDashboard(DATABASE, '--timeout', '1');
	try {
		const hasty = await signIn(brief);
		await sql(DATABASE, 'CREATE VIEW slow AS SELECT pg_sleep(20)::text AS a');
		const begin = Date.now();
		const { status, body } = await hasty.get('/api/relation/rows?name=slow');
		assert.equal(status, 408);
		assert.match(body.error.hint, /--timeout/);
		assert.ok(Date.now() - begin < 8000);
		await sql(DATABASE, 'DROP VIEW slow');
	} finally {
		await brief.close();
	}
});

test('a role without rights sees nothing, and is told so', async () => {
	const nobody = await signIn(on, { user: 'dashboard_nobody' });
	assert.equal(nobody.status, 200);
	assert.deepEqual((await nobody.get('/api/overview')).body.models, []);
	assert.deepEqual((await nobody.get('/api/relations')).body.relations, []);
	const refused = await nobody.post('/api/validate', { relation: 'points' });
	assert.equal(refused.status, 403);
	assert.match(refused.body.error.message, /permission denied/);
	assert.equal((await nobody.get('/api/relation?name=points')).status, 403);
	const { body } = await nobody.post('/api/train', { relation: 'points', target: 'y', algorithm: 'random_forest' });
	const job = await jobEnd(nobody, body.job.id);
	assert.equal(job.state, 'failed');
	assert.match(job.error.message, /permission denied/);
	// A job is its session's own.
	assert.equal((await session.get(`/api/job?id=${body.job.id}`)).status, 404);
	assert.equal((await session.post('/api/job/cancel', { id: body.job.id })).status, 404);
});

test('training runs as the role, and every part of a model\'s page is there', async () => {
	for (const [algorithm, target] of [['random_forest', 'y'], ['gradient_boosting', 'y']]) {
		const { status, body } = await session.post('/api/train', { relation: 'points', target, algorithm, parameters: { model: 'points_y', n_estimators: 20 } });
		assert.equal(status, 200);
		assert.match(body.sql[0].text, /^SELECT \* FROM echolon_train_(rf|gb)\('points', 'y', model => 'points_y', n_estimators => 20\)$/);
		const job = await jobEnd(session, body.job.id);
		assert.equal(job.state, 'done', JSON.stringify(job.error));
		assert.equal(job.result.model, 'points_y');
	}
	const [{ owner }] = await sql(DATABASE, "SELECT owner FROM echolon.models WHERE model = 'points_y'");
	assert.equal(owner, 'postgres');
	const { body: page } = await session.get('/api/model?name=points_y');
	assert.deepEqual(page.versions.map((row) => row.version), [2, 1]);
	assert.equal(page.before, 1);
	assert.ok(page.importance.rows.length > 0 && page.metrics.rows.length > 0 && page.report.rows.length > 0 && page.earlier.rows.length > 0);
	const { body: charts } = await session.get('/api/model/charts?name=points_y');
	const total = charts.histogram.rows.reduce((sum, row) => sum + row.count, 0);
	assert.ok(charts.points.rows.length > 0 && total > 0 && charts.learning.rows.length > 0);
	const { body: predicted } = await session.post('/api/model/predict', { model: 'points_y', row: { a: 3, b: 1 }, vary: 'a', values: [0, 3, 6] });
	const [{ value }] = await sql(DATABASE, "SELECT echolon_predict_json('points_y', '{\"a\": 3, \"b\": 1}') AS value");
	assert.equal(predicted.prediction.value, value);
	assert.deepEqual(predicted.whatIf.rows.map((row) => row.value), [0, 3, 6]);
	assert.equal(predicted.whatIf.rows[1].predicted, value);
	const { body: why } = await session.post('/api/model/predict', { model: 'points_y', row: { a: 3, b: 1 }, usual: { a: 6, b: 1 } });
	const [{ usually }] = await sql(DATABASE, "SELECT echolon_predict_json('points_y', '{\"a\": 6, \"b\": 1}') AS usually");
	assert.deepEqual(why.compared, [{ column: 'a', usual: 6, predicted: usually }]);
	const { body: shuffled } = await session.get('/api/model/permutation?name=points_y');
	assert.equal(shuffled.rows[0].column_name, 'a');
	const { body: drift } = await session.get('/api/model/drift?name=points_y&now=true');
	assert.ok(drift.now.length >= 2);
	assert.deepEqual(drift.recorded, []);
	const { body: recorded } = await session.post('/api/model/monitor', { model: 'points_y' });
	assert.match(recorded.result.drift_verdict, /stable|drift/);
	const { body: later } = await session.get('/api/model/drift?name=points_y');
	assert.ok(later.recorded.some((row) => row.kind === 'prediction' && row.metric === 'psi'));
	assert.ok(later.recorded.some((row) => row.feature === 'a' && row.metric === 'psi'));
	assert.equal((await session.get('/api/overview')).body.health[0].model, 'points_y');
	assert.equal((await session.post('/api/model/rollback', { model: 'points_y' })).body.version, 1);
	assert.equal((await session.get('/api/model?name=points_y')).body.model.version, 1);
	assert.equal((await session.post('/api/model/activate', { model: 'points_y', version: 2 })).status, 200);
	assert.equal((await session.post('/api/model/policy', { model: 'points_y', every_rows: '1000', every: '30 days', drift_above: '0.25' })).status, 200);
	await sql(DATABASE, "SELECT echolon_retrain_when('points_y', every_rows => 10, max_seconds => 60, max_memory => '512MB')");
	const due = await session.post('/api/model/policy', { model: 'points_y', every_rows: '', every: '7 days' });
	assert.equal(due.status, 200, JSON.stringify(due.body.error));
	assert.deepEqual((await session.get('/api/model?name=points_y')).body.policy, { every_rows: null, every: '7 days', at: null, drift_above: null, error_above: null,
		tolerance: null, max_seconds: 60, max_memory: 524288 });
	assert.match((await session.post('/api/model/policy', { model: 'points_y', every: 'soon' })).body.error.message, /interval/);
	const again = await session.post('/api/model/retrain', { model: 'points_y' });
	assert.equal((await jobEnd(session, again.body.job.id)).result.state, 'unchanged');
	// Every statement that a page shows can be run by itself.
	for (const line of [...page.sql, ...charts.sql, ...predicted.sql]) {
		await sql(DATABASE, line.text);
	}
});

test('classes, many of them, and models of groups', async () => {
	await sql(DATABASE, `CREATE TABLE fruit AS SELECT i AS id, i % 90 AS weight, 'shop ' || i % 2 AS shop, (ARRAY['fig', 'pear', 'a b', '1'])[1 + (i % 90) / 23] AS kind FROM generate_series(1, 1200) AS i;
		SELECT echolon_train_gb('fruit', 'kind', n_estimators => 10, exclude => '{id}', group_by => '{shop}')`);
	const { body: page } = await session.get('/api/model?name=fruit_kind');
	assert.deepEqual(page.groups.rows.map((row) => row.group_key?.shop), ['shop 0', 'shop 1']);
	const { body: charts } = await session.get(`/api/model/charts?name=fruit_kind&label=${encodeURIComponent('a b')}`);
	assert.equal(charts.label, 'a b');
	assert.equal(charts.confusion.rows.length, 16);
	assert.ok(charts.roc.rows.length > 1 && charts.calibration.rows.length > 1);
	const { body } = await session.post('/api/model/predict', { model: 'fruit_kind', row: { weight: 5, shop: 'shop 1' }, usual: { weight: 80 } });
	assert.equal(body.prediction.class, 'fig');
	assert.equal(body.label, 'fig');
	assert.ok(body.compared[0].predicted < body.prediction.value);
	assert.equal((await session.get('/api/model/charts?name=fruit_kind')).body.labels.length, 4);
});

test('a model that came from elsewhere, without a table', async () => {
	await sql(DATABASE, "SELECT echolon_import_model('guest', echolon_export_model('points_y'))");
	const [{ relation }] = await sql(DATABASE, "SELECT relation FROM echolon.models WHERE model = 'guest'");
	assert.equal(relation, null);
	for (const path of ['/api/model?name=guest', '/api/model/charts?name=guest', '/api/model/drift?name=guest&now=true']) {
		const { status, body } = await session.get(path);
		assert.equal(status, 200, `${path}: ${JSON.stringify(body.error)}`);
	}
	const { body: form } = await session.get('/api/model/form?name=guest');
	assert.deepEqual(form.columns.map((column) => column.name).sort(), ['a', 'b']);
	assert.equal((await session.post('/api/model/drop', { model: 'guest' })).status, 200);
});

test('features are looked at without leaving anything, then made', async () => {
	await sql(DATABASE, "CREATE TABLE days AS SELECT date '2024-01-01' + i AS day, 'c' || i % 2 AS city, i * 1.5 AS sold FROM generate_series(0, 199) AS i");
	const given = { name: 'days_features', relation: 'days', parameters: { date_column: 'day', families: ['rolling', 'temporal'], rolling_windows: ['3', '7 days'], lags: ['1', '2'] } };
	const { status, body } = await session.post('/api/features/preview', given);
	assert.equal(status, 200, JSON.stringify(body.error));
	assert.equal(body.rows.length, 10);
	assert.match(body.definition, /echolon_rolling/);
	assert.deepEqual(await sql(DATABASE, "SELECT to_regclass('days_features')::text AS there"), [{ there: null }]);
	assert.equal((await session.post('/api/features/create', given)).status, 200);
	assert.equal((await session.get('/api/features/set?name=days_features')).body.summary.length, body.made.features);
	assert.equal((await session.post('/api/features/refresh', { name: 'days_features' })).status, 200);
	assert.equal((await session.post('/api/features/drop', { name: 'days_features' })).status, 200);
	assert.deepEqual((await session.get('/api/features')).body.sets, []);
});

test('a CSV file becomes a table, and what does not fit is named', async () => {
	const load = async (table, text, more = '') => {
		const { status, body } = await session.post(`/api/load?table=${encodeURIComponent(table)}&file=x.csv${more}`, text);
		return status === 200 ? jobEnd(session, body.job.id) : { status, ...body };
	};
	const job = await load('My "table"', 'a;b\n1;x\n2;\n', '&delimiter=%3B');
	assert.equal(job.state, 'done', JSON.stringify(job.error));
	assert.deepEqual(await sql(DATABASE, 'SELECT * FROM "My ""table""" ORDER BY a'), [{ a: 1, b: 'x' }, { a: 2, b: null }]);
	const bad = await load('points', 'id,a\n1001,1\n1002,none\n');
	assert.equal(bad.state, 'failed');
	assert.match(`${bad.error.message} ${bad.error.detail}`, /none/);
	const some = await load('points', 'id,a\n1001,1\n1002,none\n', '&max_errors=5');
	assert.equal(some.result.rows_refused, 1);
	assert.equal((await session.get('/api/load-errors')).body.errors[0].value, 'none');
	assert.equal((await load('empty', '')).status, 400);
	assert.match((await load('binary', 'a\0b')).error.message, /bytes of value 0/);
});

test('large tables are sampled, not read', async () => {
	await sql(DATABASE, 'CREATE TABLE large AS SELECT i, i % 10 AS d, random() AS x FROM generate_series(1, 300000) AS i; ANALYZE large');
	const { body } = await session.get('/api/relation?name=large');
	assert.ok(body.sampled >= 1000 && body.sampled <= 2000, String(body.sampled));
	assert.match(body.sql.at(-1).text, /TABLESAMPLE SYSTEM/);
	const { summary } = body.columns.find((column) => column.name === 'x');
	assert.ok(summary.low < 0.1 && summary.high > 0.9);
	assert.equal(summary.bins.reduce((a, b) => a + b), body.sampled);
	assert.equal((await session.get('/api/relation/rows?name=large')).body.rows.length, 20);
});

test('read-only: everything can be looked at, and nothing changed', async () => {
	const quiet = await startDashboard(DATABASE, '--read-only');
	try {
		const reader = await signIn(quiet);
		assert.equal(reader.body.readOnly, true);
		for (const path of ['/api/overview', '/api/model?name=points_y', '/api/features', '/api/relation?name=points']) {
			assert.equal((await reader.get(path)).status, 200, path);
		}
		assert.equal((await reader.post('/api/model/predict', { model: 'points_y', row: { a: 3, b: 1 } })).status, 200);
		const { routes } = await import('../server/routes.js');
		const actions = [...routes].filter(([, route]) => route.action).map(([name]) => name.split(' ')[1]);
		assert.ok(actions.length >= 12);
		for (const path of actions) {
			const { status, body } = await reader.post(path, {});
			assert.equal(status, 403, path);
			assert.match(body.error.message, /read-only/);
		}
	} finally {
		await quiet.close();
	}
});

test('a cancelled training ends at once and leaves nothing', async () => {
	await sql(DATABASE, 'CREATE TABLE wide AS SELECT i AS id, random() AS a, random() AS b, random() AS c, random() AS y FROM generate_series(1, 50000) AS i');
	const { body } = await session.post('/api/train', { relation: 'wide', target: 'y', algorithm: 'random_forest', parameters: { n_estimators: 50000, min_samples_leaf: 1000 } });
	const seen = await until(async () => {
		const { body: now } = await session.get(`/api/job?id=${body.job.id}`);
		assert.equal(now.job.state, 'running', JSON.stringify(now.job.error));
		return now.progress;
	}, 'the training in echolon.progress');
	assert.equal(seen.relation, 'public.wide');
	assert.equal((await session.post('/api/job/cancel', { id: body.job.id })).body.cancelled, true);
	const job = await jobEnd(session, body.job.id);
	assert.equal(job.state, 'cancelled');
	assert.deepEqual(await sql(DATABASE, "SELECT FROM echolon.models WHERE model = 'wide_y'"), []);
});

test('too many wrong keys shut the door for a while', async () => {
	for (let i = 0; i < 10; i += 1) {
		await fetch(`${on.origin}/api/login`, { method: 'POST', body: JSON.stringify({ key: String(i) }) });
	}
	assert.equal((await signIn(on)).status, 429);
	on.dashboard.failures = [];
	assert.equal((await signIn(on)).status, 200);
});

test('the page\'s own scripts write no HTML', () => {
	for (const name of ['app', 'h', 'ui', 'charts', 'pages/model', 'pages/modelcharts', 'pages/data', 'pages/features', 'pages/train', 'pages/job', 'pages/tryout', 'pages/drift', 'pages/overview', 'pages/signin', 'pages/columns']) {
		assert.doesNotMatch(slurp(`dashboard/public/${name}.js`), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
	}
});
