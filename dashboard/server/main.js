// The command line: options, the address that is printed, an orderly end.
import { parseArgs } from 'node:util';
import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { createDashboard } from './server.js';

const USAGE = `echolon-dashboard: Echolon's models in a browser

It connects as every PostgreSQL client does: PGHOST, PGPORT, PGDATABASE, PGUSER and PGSSLMODE
say where to; the visitor signs in with a role of that server.

  --listen ADDRESS      address to listen on (127.0.0.1)
  --port PORT           port to listen on (8642; 0: any that is free)
  --allow-host NAME     a further name the page is asked for by, such as that of a proxy; repeatable
  --read-only           look only: nothing is trained, made, loaded or changed
  --timeout SECONDS     longest a page's statement may take (30)
  --job-timeout SECONDS longest a training or a load may take (21600)
  --idle MINUTES        a session that does nothing ends after so long (30)
  --no-key              no key in the address: whoever reaches the port may try to sign in
  --secure-cookie       send the cookie over https only (behind a proxy with TLS)
  --help                this text
`;

const OPTIONS = {
	listen: { type: 'string', default: '127.0.0.1' },
	port: { type: 'string', default: '8642' },
	'allow-host': { type: 'string', multiple: true, default: [] },
	'read-only': { type: 'boolean', default: false },
	timeout: { type: 'string', default: '30' },
	'job-timeout': { type: 'string', default: '21600' },
	idle: { type: 'string', default: '30' },
	'no-key': { type: 'boolean', default: false },
	'secure-cookie': { type: 'boolean', default: false },
	help: { type: 'boolean', default: false },
};

/** A whole number of an option within its range. */
function whole(values, name, least, most) {
	const number = Number(values[name]);
	if (!Number.isInteger(number) || number < least || number > most) {
		throw new Error(`--${name} is ${values[name]}, and must be a whole number from ${least} to ${most}`);
	}
	return number;
}

/** What the command line and the environment ask for. */
export function configure(args, env = process.env) {
	let values;
	try {
		({ values } = parseArgs({ args, options: OPTIONS, strict: true }));
	} catch (error) {
		throw new Error(`${error.message}\n${USAGE}`);
	}
	return {
		help: values.help,
		listen: values.listen,
		port: whole(values, 'port', 0, 65535),
		allowedHosts: values['allow-host'],
		readOnly: values['read-only'],
		timeout: whole(values, 'timeout', 1, 3600) * 1000,
		jobTimeout: whole(values, 'job-timeout', 1, 2000000) * 1000,
		idle: whole(values, 'idle', 1, 1440) * 60000,
		// A server that trusts its socket would let everyone on this machine in.
		key: values['no-key'] ? null : randomBytes(12).toString('base64url'),
		secureCookie: values['secure-cookie'],
		database: env.PGDATABASE || env.PGUSER || os.userInfo().username,
		user: env.PGUSER || os.userInfo().username,
	};
}

/** Start, print the address, stop at a signal. */
export async function main(args) {
	const config = configure(args);
	if (config.help) {
		process.stdout.write(USAGE);
		return;
	}
	const dashboard = await createDashboard(config);
	process.stdout.write(`Echolon's dashboard: ${dashboard.address}\n`);
	if (!['127.0.0.1', '::1', 'localhost'].includes(config.listen)) {
		process.stdout.write('It listens beyond this machine, without TLS: passwords need a proxy with https before it.\n');
	}
	const stop = () => dashboard.close().then(() => process.exit(0));
	process.on('SIGINT', stop);
	process.on('SIGTERM', stop);
}
