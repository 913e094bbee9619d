// The whole way in a real browser: from a CSV file to a prediction, and what
// happens when things go wrong.  SCREENSHOTS=folder keeps pictures of it.
import { after, before, test as anyTest } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright-core';
import { chromiumPath, freshDatabase, slurp, sql, startDashboard, TOP, until } from './helper.js';

const DATABASE = 'dashboard_walk';
const HOSTILE = '<script>document.title="hacked"</script><img src=x onerror=alert(1)>\'"; DROP TABLE';
const { ECHOLON_SERVER, SCREENSHOTS } = process.env;
let on;
let browser;
let page;
const complaints = [];
let stumbled = null;

/** A step of the walk: after one that failed the others would only wait. */
function test(name, run) {
	anyTest(name, async () => {
		assert.ok(stumbled === null, 'an earlier step failed');
		try {
			await run();
		} catch (error) {
			stumbled = name;
			console.error(complaints.join('\n'));
			await page?.screenshot({ path: path.join(SCREENSHOTS ?? ECHOLON_SERVER ?? '.', 'failed.png') }).catch(() => {});
			throw error;
		}
	});
}

/** A page that reports what its console says: a refused style or script is an error there. */
async function open(options = {}) {
	const context = await browser.newContext({ viewport: { width: 1200, height: 850 }, colorScheme: 'light', reducedMotion: 'reduce', ...options });
	context.setDefaultTimeout(10000);
	const made = await context.newPage();
	made.on('pageerror', (error) => complaints.push(`page: ${error.message}`));
	made.on('console', (message) => {
		// The status of an answer that a test provokes is no complaint.
		if (['error', 'warning'].includes(message.type()) && !/Failed to load resource/.test(message.text())) {
			complaints.push(message.text());
		}
	});
	made.on('dialog', (dialog) => {
		complaints.push(`dialog: ${dialog.message()}`);
		dialog.dismiss();
	});
	return made;
}

async function signIn(where, user = 'postgres', password = '', address = on.address) {
	await where.goto(address);
	await where.getByLabel('Role').fill(user);
	await where.getByLabel('Password').fill(password);
	await where.getByRole('button', { name: 'Sign in' }).click();
}

async function goTo(where, hash) {
	await where.evaluate((to) => { location.hash = to; }, `#/${hash}`);
}

const heading = (where, name) => where.getByRole('heading', { level: 1, name }).waitFor();

/** A picture, once nothing is loading any more. */
async function picture(where, name, options = {}) {
	await where.waitForFunction(() => !document.querySelector('.spinner'));
	if (SCREENSHOTS) {
		fs.mkdirSync(SCREENSHOTS, { recursive: true });
		await where.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), ...options });
	}
}

before(async () => {
	assert.ok(ECHOLON_SERVER, 'ECHOLON_SERVER names the private server\'s folder: this test stops and starts it');
	await freshDatabase(DATABASE);
	await sql(DATABASE, "DROP ROLE IF EXISTS dashboard_secret; CREATE ROLE dashboard_secret LOGIN PASSWORD 'right horse'");
	await sql(DATABASE, 'GRANT CREATE ON SCHEMA public TO dashboard_secret');
	on = await startDashboard(DATABASE);
	browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--disable-gpu', '--disable-dev-shm-usage'] });
	page = await open();
});
after(async () => {
	await browser?.close();
	await on?.close();
	await sql('postgres', `DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`);
	await sql('postgres', 'DROP ROLE IF EXISTS dashboard_secret');
});

test('a wrong password is refused, the right one lets in', async () => {
	await signIn(page, 'dashboard_secret', 'wrong horse');
	const alert = page.getByRole('alert');
	await alert.waitFor();
	assert.match(await alert.textContent(), /did not let "dashboard_secret" in.*password authentication failed/s);
	await signIn(page, 'dashboard_secret', '');
	await page.getByText('This role needs its password.').waitFor();
	await picture(page, 'signin');
	await page.getByLabel('Password').fill('right horse');
	await page.getByRole('button', { name: 'Sign in' }).click();
	await heading(page, 'Models');
	await page.getByText('dashboard_secret @ dashboard_walk').waitFor();
	await page.getByText('There are no models yet').waitFor();
	assert.equal(await page.evaluate(() => document.cookie), '');
	assert.equal(new URL(page.url()).hash, '#/');
	await page.getByRole('button', { name: 'Sign out' }).click();
	await page.getByRole('button', { name: 'Sign in' }).waitFor();
});

test('from a CSV file to a table', async () => {
	await signIn(page);
	await heading(page, 'Models');
	await page.getByRole('link', { name: 'Data', exact: true }).click();
	await heading(page, 'Data');
	await page.getByLabel('File', { exact: true }).setInputFiles(path.join(TOP, 'demo/data/mlc_churn.csv'));
	await page.waitForFunction(() => document.querySelector('[name=table]').value === 'mlc_churn');
	await page.getByLabel('Table', { exact: true }).fill('customers');
	await page.getByRole('button', { name: 'Load' }).click();
	await page.getByText('5,000 rows are in the new table').waitFor();
	await page.getByRole('link', { name: 'Look at it' }).click();
	await heading(page, /customers/);
	await page.getByRole('region', { name: /First rows/ }).waitFor();
	await picture(page, 'data');
	assert.equal((await sql(DATABASE, 'SELECT count(*)::int AS n FROM customers'))[0].n, 5000);
});

test('from a table to a model, seeing it learn', async () => {
	await page.getByRole('link', { name: 'Train on it' }).click();
	await heading(page, 'Train a model');
	await page.getByLabel('Column to predict').selectOption('churn');
	await page.getByText('worth knowing').or(page.getByText('Nothing was found.')).first().waitFor();
	await page.getByLabel('use row_id').uncheck();
	await page.getByLabel('n_estimators').fill('400');
	await picture(page, 'train', { fullPage: true });
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	await heading(page, /Training churn of/);
	await page.getByRole('link', { name: 'Look at customers_churn' }).waitFor({ timeout: 30000 });
	await page.getByText('SQL it ran').click();
	await page.getByText("SELECT * FROM echolon_train_gb('public.customers', 'churn', n_estimators => 400, exclude => '{row_id}');").waitFor();
	// A longer one, watched: of a forest every tree counts.
	await sql(DATABASE, "SELECT echolon_load_csv('houses', content => $1, null_marks => '{\\\\N,\"\"}')", [slurp('demo/data/ames.csv')]);
	await goTo(page, 'train?table=houses&target=sale_price');
	await page.getByLabel('Algorithm').selectOption('random_forest');
	await page.getByLabel('n_estimators').fill('1000');
	// By one process, so that a large machine does not finish between two looks.
	await page.getByText(/more parameters/).click();
	await page.getByLabel('n_jobs').fill('1');
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	const meter = page.getByRole('progressbar', { name: 'Progress' });
	const seen = new Set();
	await until(async () => {
		const value = await meter.getAttribute('value', { timeout: 1000 }).catch(() => null);
		if (value !== null && (await page.getByText('growing trees:').count()) > 0) {
			seen.add(value);
			if (seen.size === 2) {
				await picture(page, 'progress');
			}
		}
		return await page.getByRole('link', { name: 'Look at houses_sale_price' }).count() > 0;
	}, 'the forest', 60);
	assert.ok(seen.size >= 2, `the bar moved: ${[...seen].join(' ')}`);
	const values = [...seen].map(Number);
	assert.deepEqual(values, [...values].sort((a, b) => a - b));
});

test('from a model to a prediction', async () => {
	await goTo(page, 'model/houses_sale_price');
	await heading(page, 'houses_sale_price');
	await page.getByRole('heading', { name: 'Predicted against actual' }).waitFor();
	await page.getByRole('heading', { name: /What if/ }).waitFor();
	const form = page.locator('#try');
	await form.getByLabel('gr_liv_area').fill('2500');
	await form.getByRole('button', { name: 'Predict' }).click();
	const [{ worth }] = await sql(DATABASE, "SELECT echolon_predict_json('houses_sale_price', to_jsonb(h) || '{\"gr_liv_area\": 2500}') AS worth FROM houses h LIMIT 1");
	await form.locator('.answer b').getByText(Math.round(worth).toLocaleString('en-US'), { exact: true }).waitFor();
	await page.getByRole('button', { name: 'Measure drift now' }).click();
	await page.getByRole('region', { name: 'Drift now' }).waitFor();
	await page.getByRole('button', { name: 'Record it' }).click();
	await page.getByText('One record so far').waitFor();
	await page.getByRole('button', { name: 'Record it' }).click();
	await page.getByRole('heading', { name: 'Drift over time' }).waitFor();
	await page.getByRole('heading', { name: 'Score over time' }).waitFor();
	await form.getByRole('heading', { name: 'Why this sale_price?' }).waitFor();
	await picture(page, 'model-regression', { fullPage: true });
	await goTo(page, 'model/customers_churn');
	await heading(page, 'customers_churn');
	await page.getByRole('heading', { name: 'ROC curve' }).waitFor();
	await page.locator('#try .probabilities').waitFor();
	await picture(page, 'model', { fullPage: true });
	if (SCREENSHOTS) {
		// For the README: most of the page in one look.
		const wide = await open({ viewport: { width: 1180, height: 2090 }, deviceScaleFactor: 0.85 });
		await signIn(wide);
		await heading(wide, 'Models');
		await goTo(wide, 'model/customers_churn');
		await wide.getByRole('heading', { name: 'ROC curve' }).waitFor();
		await wide.locator('#try .probabilities').waitFor();
		await wide.waitForFunction(() => document.querySelectorAll('.chart svg').length >= 5);
		await picture(wide, 'dashboard-model');
		await wide.context().close();
	}
});

test('the threshold moves counts, and they are those of the held-out rows', async () => {
	const slider = page.getByLabel('Threshold');
	const found = page.locator('.tile', { hasText: 'Found' }).locator('b');
	await slider.fill('0.5');
	const half = await found.textContent();
	const [{ hit, all }] = await sql(DATABASE, `SELECT sum(count) FILTER (WHERE predicted = 'yes')::int AS hit, sum(count)::int AS all
		FROM echolon_confusion_matrix('customers_churn') WHERE actual = 'yes'`);
	assert.equal(half, `${hit} of ${all}`);
	await slider.fill('0');
	assert.equal(await found.textContent(), `${all} of ${all}`);
	await slider.focus();
	await page.keyboard.press('End');
	assert.notEqual(await found.textContent(), `${all} of ${all}`);
});

test('another training is another version: better or worse, activated, rolled back', async () => {
	await sql(DATABASE, "SELECT echolon_train_gb('customers', 'churn', n_estimators => 5, exclude => '{row_id}')");
	await goTo(page, '');
	await heading(page, 'Models');
	await page.getByRole('link', { name: 'customers_churn' }).first().click();
	await page.getByText(/▼ .* worse/).first().waitFor();
	await page.getByRole('button', { name: 'Measure by shuffling' }).click();
	await page.getByRole('region', { name: 'Importance by shuffling' }).waitFor();
	await page.getByRole('button', { name: 'Activate version 1' }).click();
	await page.getByText('Version 1 is active.').waitFor();
	assert.equal((await sql(DATABASE, "SELECT version FROM echolon.models WHERE model = 'customers_churn'"))[0].version, 1);
	await page.getByRole('button', { name: 'Roll back' }).click();
	await page.getByText('Version 2 is active.').waitFor();
	assert.equal((await sql(DATABASE, "SELECT version FROM echolon.models WHERE model = 'customers_churn'"))[0].version, 2);
});

test('features: looked at first, then made', async () => {
	await sql(DATABASE, "SELECT echolon_load_csv('sales', content => $1, null_marks => '{\\\\N,\"\"}')", [slurp('demo/data/texas_housing_sales.csv')]);
	await page.getByRole('link', { name: 'Features' }).click();
	await heading(page, 'Features');
	await page.getByLabel('Table or view').selectOption('public.sales');
	await page.getByLabel('Target').selectOption('revenue');
	await page.getByRole('group', { name: 'Windows stay within' }).getByLabel('city').check();
	await page.getByRole('group', { name: 'Numbers' }).getByLabel('revenue').check();
	await page.getByLabel('lags', { exact: true }).fill('1, 12');
	await page.getByRole('button', { name: 'Preview' }).click();
	await page.getByRole('region', { name: 'First rows' }).waitFor();
	await page.getByText('SQL of the view').click();
	await page.locator('.sqlbox', { hasText: 'echolon_rolling(' }).filter({ visible: true }).first().waitFor();
	await picture(page, 'features', { fullPage: true });
	assert.deepEqual(await sql(DATABASE, 'SELECT FROM echolon.feature_sets'), []);
	await page.getByRole('button', { name: 'Create' }).click();
	await heading(page, 'sales_features');
	await page.getByRole('rowheader', { name: 'revenue_lag12' }).waitFor();
	assert.equal((await sql(DATABASE, 'SELECT feature_set FROM echolon.feature_sets'))[0].feature_set, 'sales_features');
});

test('a training is cancelled', async () => {
	await goTo(page, 'train?table=houses&target=sale_price');
	await page.getByLabel('Algorithm').selectOption('random_forest');
	await page.getByLabel('n_estimators').fill('50000');
	await page.getByLabel('min_samples_leaf').fill('100');
	await page.getByLabel('Name', { exact: true }).fill('endless');
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	await page.getByText(/growing trees/).waitFor();
	// Another page of the same visitor sees it too.
	await goTo(page, '');
	await page.getByRole('region', { name: 'Running now' }).getByRole('button', { name: 'Cancel' }).click();
	await page.getByRole('region', { name: 'Running now' }).waitFor({ state: 'detached' });
	await page.goBack();
	await page.getByRole('heading', { name: 'Cancelled' }).waitFor();
	assert.deepEqual(await sql(DATABASE, "SELECT FROM echolon.models WHERE model = 'endless'"), []);
	// And from its own page.
	await goTo(page, 'train?table=houses&target=sale_price');
	await page.getByLabel('n_estimators').fill('50000');
	await page.getByLabel('min_samples_leaf').fill('100');
	await page.getByLabel('Name', { exact: true }).fill('endless');
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	await page.getByRole('button', { name: 'Cancel' }).click();
	await page.getByRole('heading', { name: 'Cancelled' }).waitFor();
});

test('hostile names are shown as text', async () => {
	await sql(DATABASE, `SELECT echolon_train_rf('customers', 'churn', n_estimators => 3, model => $1)`, [HOSTILE]);
	const name = `public."<b onmouseover=alert(2)>""x"`;
	await sql(DATABASE, `CREATE TABLE ${name} AS SELECT i AS "<i>id</i>", '<img src=x onerror=alert(3)>'::text AS "a'b" FROM generate_series(1, 200) AS i`);
	for (const where of ['', `model/${encodeURIComponent(HOSTILE)}`, 'data', `data/${encodeURIComponent(name)}`, `train?table=${encodeURIComponent(name)}`]) {
		await goTo(page, where);
		await page.waitForFunction(() => !document.querySelector('.spinner'));
		await page.getByText(where === '' || where.startsWith('model') ? HOSTILE : '<b onmouseover=alert(2)>').first().waitFor({ state: 'attached' });
		assert.equal(await page.evaluate(() => document.querySelectorAll('main script, main img, main b[onmouseover], main i').length), 0);
	}
	assert.doesNotMatch(await page.title(), /hacked/);
	await goTo(page, `model/${encodeURIComponent(HOSTILE)}`);
	await heading(page, HOSTILE);
	await page.getByRole('button', { name: 'Drop the model' }).click();
	await page.getByRole('dialog').getByRole('button', { name: 'Drop it' }).click();
	await heading(page, 'Models');
	assert.deepEqual(await sql(DATABASE, 'SELECT FROM echolon.models WHERE model = $1', [HOSTILE]), []);
});

test('a role without rights is told what it lacks', async () => {
	const other = await open();
	await signIn(other, 'dashboard_secret', 'right horse');
	await other.getByText('There are no models yet, or none that this role may see.').waitFor();
	await goTo(other, 'model/customers_churn');
	const alert = other.getByRole('alert');
	await alert.waitFor();
	assert.match(await alert.textContent(), /none that this role may see.*echolon_grant_model/s);
	await sql(DATABASE, "SELECT echolon_grant_model('customers_churn', 'dashboard_secret')");
	await other.reload();
	await heading(other, 'customers_churn');
	await other.getByText(/no column of public.customers may be read/).first().waitFor();
	await other.getByRole('button', { name: 'Drop the model' }).click();
	await other.getByRole('button', { name: 'Drop it' }).click();
	await other.getByText(/must be|needs? .*(right|own)|permission denied/i).first().waitFor();
	assert.equal((await sql(DATABASE, "SELECT count(*)::int AS n FROM echolon.models WHERE model = 'customers_churn'"))[0].n, 1);
	await other.context().close();
});

test('read-only: no button that changes anything', async () => {
	const quiet = await startDashboard(DATABASE, '--read-only');
	const other = await open();
	await signIn(other, 'postgres', '', quiet.address);
	await other.getByText('read-only').first().waitFor();
	await goTo(other, 'model/customers_churn');
	await heading(other, 'customers_churn');
	await other.locator('#try .probabilities').waitFor();
	for (const name of ['Drop the model', 'Train again', 'Roll back', /Activate/, 'Schedule']) {
		assert.equal(await other.getByRole('button', { name }).count(), 0, String(name));
	}
	for (const hash of ['train', 'data', 'features']) {
		await goTo(other, hash);
		await other.getByText('This dashboard is read-only').waitFor();
		assert.equal(await other.getByRole('button', { name: /^(Train|Load|Create)$/ }).count(), 0);
	}
	await other.context().close();
	await quiet.close();
});

test('dark, and on a phone: nothing is wider than the screen', async () => {
	const phone = await open({ viewport: { width: 375, height: 740 }, colorScheme: 'dark', hasTouch: true });
	await signIn(phone);
	await heading(phone, 'Models');
	for (const [name, hash, wait] of [['models', '', 'Last trainings'], ['model', 'model/customers_churn', 'ROC curve'], ['model-regression', 'model/houses_sale_price', 'Predicted against actual'],
		['train', 'train?table=houses&target=sale_price', '4. Model'], ['features', 'features', 'New feature set'], ['set', 'features/sales_features', 'sales_features'], ['data', 'data', 'Load a CSV file'], ['table', 'data/houses', 'First rows']]) {
		await goTo(phone, hash);
		await phone.getByRole('heading', { name: wait }).first().waitFor();
		await picture(phone, `phone-${name}`, { fullPage: true });
		const [wide, screen] = await phone.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
		assert.ok(wide <= screen, `${name}: ${wide} of ${screen}`);
	}
	const background = () => phone.evaluate(() => getComputedStyle(document.body).backgroundColor);
	const dark = await background();
	await phone.getByRole('button', { name: 'Light or dark' }).click();
	assert.notEqual(await background(), dark);
	await phone.reload();
	await heading(phone, /houses/);
	assert.notEqual(await background(), dark);
	await phone.context().close();
	if (SCREENSHOTS) {
		const dim = await open({ colorScheme: 'dark' });
		await signIn(dim);
		await heading(dim, 'Models');
		await picture(dim, 'dark-models');
		await goTo(dim, 'model/customers_churn');
		await dim.getByRole('heading', { name: 'ROC curve' }).waitFor();
		await dim.locator('#try .probabilities').waitFor();
		await picture(dim, 'dark-model', { fullPage: true });
		await dim.context().close();
	}
});

test('it can be used without a mouse, and says what things are', async () => {
	await goTo(page, 'train?table=houses&target=sale_price');
	await page.getByRole('heading', { name: '4. Model' }).waitFor();
	const unnamed = await page.evaluate(() => [...document.querySelectorAll('input, select, button, a')].filter((element) => {
		const label = element.labels?.[0]?.textContent ?? element.getAttribute('aria-label') ?? element.textContent;
		return !label.trim();
	}).map((element) => element.outerHTML));
	assert.deepEqual(unnamed, []);
	await page.keyboard.press('Tab');
	assert.ok(await page.evaluate(() => document.activeElement !== document.body));
	for (const hash of ['', 'model/customers_churn', 'features', 'data']) {
		await goTo(page, hash);
		await page.waitForFunction(() => !document.querySelector('.spinner'));
		assert.equal(await page.evaluate(() => document.querySelectorAll('h1').length), 1, hash);
		assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('.chart svg')].filter((svg) => !svg.getAttribute('aria-label')).length), 0);
	}
});

test('the server goes away and comes back', async () => {
	await goTo(page, 'data');
	await heading(page, 'Data');
	const control = (what) => execFileSync(path.join(TOP, 'scripts/private-server'), [what, ECHOLON_SERVER], { stdio: 'ignore' });
	control('stop');
	try {
		await goTo(page, '');
		await page.getByText('the database server does not answer').waitFor();
		await picture(page, 'gone');
	} finally {
		control('start');
	}
	// By itself, with nothing clicked.
	await heading(page, 'Models');
	await page.getByRole('link', { name: 'customers_churn' }).first().waitFor();
	await page.getByText('the database server does not answer').waitFor({ state: 'detached' });
});

test('a session that has ended asks to sign in again', async () => {
	await page.context().clearCookies();
	await goTo(page, 'features');
	await page.getByRole('button', { name: 'Sign in' }).waitFor();
	await page.getByText('the session has expired').waitFor();
});

test('the browser had nothing to complain about', () => {
	assert.deepEqual(complaints, []);
});
