// What the tests share: a dashboard of their own, a database, a browser.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { configure } from '../server/main.js';
import { createDashboard } from '../server/server.js';

export const TOP = fileURLToPath(new URL('../../', import.meta.url));

export const slurp = (name) => fs.readFileSync(path.join(TOP, name), 'utf8');

/** Run SQL as the superuser of the test's server; rows of the last statement. */
export async function sql(database, text, values) {
	const client = new pg.Client({ database });
	await client.connect();
	try {
		return (await client.query(text, values)).rows;
	} finally {
		await client.end();
	}
}

/** An empty database with Echolon. */
export async function freshDatabase(name) {
	await sql('postgres', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
	await sql('postgres', `CREATE DATABASE ${name}`);
	await sql(name, 'CREATE EXTENSION echolon');
}

/** A dashboard on a free port. */
export async function startDashboard(database, ...flags) {
	const config = configure(['--port', '0', ...flags], { ...process.env, PGDATABASE: database });
	const dashboard = await createDashboard(config);
	const url = new URL(dashboard.address);
	return { dashboard, config, origin: url.origin, host: url.host, address: dashboard.address, key: config.key, close: () => dashboard.close() };
}

/** fetch() with a session's cookie and token. */
export async function signIn(on, { user = 'postgres', password = '', database } = {}) {
	const response = await fetch(`${on.origin}/api/login`, { method: 'POST', body: JSON.stringify({ user, password, database, key: on.key }) });
	const body = await response.json();
	if (response.status !== 200) {
		return { status: response.status, body };
	}
	const cookie = response.headers.get('set-cookie').split(';')[0];
	const call = async (method, where, given, headers = {}) => {
		const answer = await fetch(`${on.origin}${where}`, { method,
			headers: { cookie, ...(method === 'POST' ? { 'x-csrf-token': body.csrf } : {}), ...headers },
			body: given === undefined ? undefined : typeof given === 'string' ? given : JSON.stringify(given) });
		return { status: answer.status, body: await answer.json() };
	};
	return { status: 200, body, cookie, setCookie: response.headers.get('set-cookie'), get: (where) => call('GET', where), post: (where, given, headers) => call('POST', where, given, headers) };
}

/** Ask until a condition holds. */
export async function until(condition, what, seconds = 15) {
	const end = Date.now() + seconds * 1000;
	while (Date.now() < end) {
		const value = await condition();
		if (value) {
			return value;
		}
		await new Promise((resolve) => { setTimeout(resolve, 100); });
	}
	return assert.fail(`waited ${seconds} s for ${what}`);
}

/** A job's end. */
export const jobEnd = (session, id) => until(async () => {
	const { body } = await session.get(`/api/job?id=${id}`);
	return body.job.state === 'running' ? null : body.job;
}, 'the job');

/** The system's Chromium. */
export function chromiumPath() {
	const found = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => file && fs.existsSync(file));
	assert.ok(found, 'there is no Chromium: install it (Debian: chromium), or set CHROMIUM=/path/to/it');
	return found;
}
