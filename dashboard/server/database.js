// A role's connections, and every statement that goes over them.
//
// Values are bound, names quoted.  Connections are read-only until a statement
// is an action, which has a transaction of its own; each statement is written
// down as one that could be pasted into psql.
import pg from 'pg';
import { Refusal } from './errors.js';

const { Pool, Client } = pg;

/** A name as SQL writes it. */
export function ident(name) {
	return /^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED.has(name) ? name : `"${String(name).replaceAll('"', '""')}"`;
}

// Reserved words that could be a column's or a table's name; quoting one too many would do no harm.
const RESERVED = new Set(('all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate '
	+ 'collation column concurrently constraint create cross current_catalog current_date current_role current_schema current_time '
	+ 'current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full grant '
	+ 'group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime localtimestamp '
	+ 'natural not notnull null offset on only or order outer overlaps placing primary references returning right select session_user '
	+ 'similar some symmetric system_user table tablesample then to trailing true union unique user using variadic verbose when where '
	+ 'window with').split(' '));

/** A value as SQL writes it: for showing only, what runs has it bound. */
export function literal(value) {
	if (value === null || value === undefined) {
		return 'NULL';
	}
	if (typeof value === 'number' || typeof value === 'boolean') {
		return String(value);
	}
	let text = value;
	if (Array.isArray(value)) {
		text = `{${value.map((v) => (v === null ? 'NULL' : /^[\w.-]+$/.test(String(v)) && !/^null$/i.test(String(v)) ? String(v)
			: `"${String(v).replace(/["\\]/g, '\\$&')}"`)).join(',')}}`;
	} else if (typeof value === 'object') {
		text = JSON.stringify(value);
	}
	text = String(text).replaceAll("'", "''");
	return text.includes('\\') ? `E'${text.replaceAll('\\', '\\\\')}'` : `'${text}'`;
}

/** A statement with its values in place, to be shown. */
export function readable(text, values = []) {
	// A text in quotes needs no cast that says it is one.
	const shown = text.replace(/\$(\d+)(::text\b(?!\[))?/g, (_, n, cast = '') => {
		const value = values[Number(n) - 1];
		return literal(value) + (typeof value === 'string' ? '' : cast);
	});
	return shown.trim().replace(/\n\t+/g, '\n  ');
}

const asIs = (text) => text;
const PARSERS = new Map([
	[20, (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text)],
	[700, Number], [701, Number], [1700, Number],
	[1082, asIs], [1114, asIs], [1186, asIs],
]);
const types = {
	getTypeParser: (oid, format) => PARSERS.get(oid) ?? pg.types.getTypeParser(oid, format),
};

export class Database {
	constructor(config, user, password, database) {
		this.config = config;
		// The function keeps pg from the PGPASSWORD and .pgpass of whoever started the dashboard.
		// An empty password would make pg give up with its connection left open; a blank is refused by PostgreSQL.
		this.settings = {
			user, database, types,
			password: () => password || ' ',
			application_name: 'echolon dashboard',
			connectionTimeoutMillis: 10000,
			keepAlive: true,
		};
		this.pool = new Pool({
			...this.settings, max: 4, idleTimeoutMillis: 60000, allowExitOnIdle: true,
			onConnect: (client) => {
				client.on('error', () => {});
				return client.query(`SET statement_timeout = ${config.timeout}; SET default_transaction_read_only = on; `
					+ 'SET idle_in_transaction_session_timeout = 60000');
			},
		});
		// An idle connection that breaks is replaced when one is needed.
		this.pool.on('error', () => {});
	}

	async close() {
		await this.pool.end().catch(() => {});
	}

	/** Look where Echolon is, and which views this version of it has. */
	async inspect() {
		const { rows: [found] } = await this.pool.query(`
			SELECT current_setting('server_version') AS server, current_user::text AS role, current_database()::text AS database,
				e.extversion AS extension, n.nspname::text AS schema,
				n.nspname = ANY (current_schemas(true)) AS on_path, pg_is_in_recovery() AS standby,
				has_database_privilege(current_database(), 'CREATE') AS may_create,
				(SELECT coalesce(array_agg(c.relname::text), '{}') FROM pg_class c
					WHERE c.relnamespace = to_regnamespace('echolon') AND c.relkind = 'v') AS views
			FROM (SELECT) AS one
			LEFT JOIN pg_extension e ON e.extname = 'echolon'
			LEFT JOIN pg_namespace n ON n.oid = e.extnamespace`);
		this.found = found;
		this.views = new Set(found.views);
		return found;
	}

	/** True where this version of the extension has the view. */
	hasView(name) {
		return this.views.has(name);
	}

	/** A function of the extension, with its schema where the role's path lacks that. */
	fn(name) {
		if (!this.found?.extension) {
			throw new Refusal(409, 'this database has no Echolon', 'As a superuser: CREATE EXTENSION echolon');
		}
		return this.found.on_path ? name : `${ident(this.found.schema)}.${name}`;
	}

	/** A client of its own for long work, which can be cancelled by its process. */
	async longClient(onNotice) {
		const client = new Client(this.settings);
		client.on('error', () => {});
		client.on('notice', onNotice);
		await client.connect();
		await client.query(`SET statement_timeout = ${this.config.jobTimeout}`);
		return client;
	}

	/**
	 * Run one statement that reads; rows.  options: timeout (ms), array (rows as arrays), quiet.
	 * The transaction is read-only, and rolled back: not even a setting that a function
	 * behind a view changes outlives it.
	 */
	async read(context, text, values = [], options = {}) {
		return this.withClient(context, async (client) => {
			await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${Number(options.timeout ?? this.config.timeout)}`);
			try {
				return await this.logged(context, client, text, values, options);
			} finally {
				await client.query('ROLLBACK').catch(() => {});
			}
		});
	}

	/** Run an action in a transaction of its own; run(query) gets a function as read(). */
	async write(context, run, { commit = true, timeout = this.config.timeout } = {}) {
		return this.withClient(context, async (client) => {
			await client.query(`BEGIN READ WRITE; SET LOCAL statement_timeout = ${Number(timeout)}`);
			try {
				const result = await run((text, values, options = {}) => this.logged(context, client, text, values ?? [], options));
				await client.query(commit ? 'COMMIT' : 'ROLLBACK');
				return result;
			} catch (error) {
				await client.query('ROLLBACK').catch(() => {});
				throw error;
			}
		});
	}

	async withClient(context, run) {
		const client = await this.pool.connect();
		const notice = (message) => context.notices.push({ severity: message.severity, message: message.message, detail: message.detail, hint: message.hint });
		client.on('notice', notice);
		let broken;
		try {
			return await run(client);
		} catch (error) {
			broken = error.severity && !/^(57P|08)/.test(error.code) ? undefined : error;
			throw error;
		} finally {
			client.off('notice', notice);
			client.release(broken);
		}
	}

	async logged(context, client, text, values, options) {
		const begin = process.hrtime.bigint();
		const line = { text: options.show ?? readable(text, values) };
		if (!options.quiet) {
			context.log.push(line);
		}
		try {
			const { rows } = await client.query(options.array ? { text, values, rowMode: 'array' } : { text, values });
			line.rows = rows.length;
			return rows;
		} catch (error) {
			line.failed = true;
			throw error;
		} finally {
			line.ms = Math.round(Number(process.hrtime.bigint() - begin) / 1e4) / 100;
		}
	}
}
