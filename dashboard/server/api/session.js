// Signing in and out.
import { Refusal } from '../errors.js';
import { sameSecret } from '../server.js';

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Who is signed in, and where; also how the page learns that a server is back. */
export async function show({ session, dashboard }) {
	const { config } = dashboard;
	if (!session) {
		return { signedIn: false, user: config.user, database: config.database, needsKey: config.key !== null };
	}
	const found = await session.db.inspect();
	return {
		signedIn: true, csrf: session.csrf, readOnly: config.readOnly,
		user: found.role, database: found.database, server: found.server, standby: found.standby,
		extension: found.extension, mayCreate: found.may_create,
		has: { progress: session.db.hasView('progress'), monitoring: session.db.hasView('monitoring'), health: session.db.hasView('model_health') },
	};
}

function word(body, name, most = 1000) {
	const value = body[name] ?? '';
	if (typeof value !== 'string' || value.length > most || value.includes('\0')) {
		throw new Refusal(400, `${name} is not a text`);
	}
	return value;
}

export async function login(context) {
	const { dashboard, body } = context;
	const { config } = dashboard;
	dashboard.checkFailures();
	if (config.key !== null && !sameSecret(word(body, 'key'), config.key)) {
		dashboard.failures.push(Date.now());
		throw new Refusal(403, 'the address lacks the key of this dashboard',
			'Open the address that the dashboard printed when it was started; it keeps other people of this machine out.');
	}
	const user = word(body, 'user', 63) || config.user;
	const database = word(body, 'database', 63) || config.database;
	if (context.session) {
		await dashboard.sessions.close(context.session);
	}
	try {
		context.session = await dashboard.sessions.open(user, word(body, 'password'), database);
	} catch (error) {
		if (/^28/.test(error.code ?? '')) {
			dashboard.failures.push(Date.now());
			await pause(300);
			throw new Refusal(401, `PostgreSQL did not let "${user}" in`,
				error.code === '28P01' && word(body, 'password') === '' ? 'This role needs its password.' : `It says: ${error.message}`);
		}
		throw error;
	}
	context.cookie = context.session.id;
	return show(context);
}

export async function logout(context) {
	await context.dashboard.sessions.close(context.session);
	context.cookie = '';
	return {};
}
