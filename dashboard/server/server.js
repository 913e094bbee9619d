// The HTTP side: which requests are listened to, and what every answer carries.
//
// node:http and nothing else: a dozen static files and JSON under /api/.  What
// may be done is decided by PostgreSQL; what is decided here is who is asking.
// A request must name a host we are (a page elsewhere that resolves its name to
// 127.0.0.1 does not), writing ones must come from our own page (Origin, and a
// token that only it can read), and the key of the printed address is needed to
// sign in.
import http from 'node:http';
import { timingSafeEqual, createHash } from 'node:crypto';
import { loadStaticFiles, PLOT_STYLE_HASH } from './static.js';
import { Sessions } from './sessions.js';
import { routes } from './routes.js';
import { describeError, Refusal } from './errors.js';

const JSON_LIMIT = 1 << 20;
export const UPLOAD_LIMIT = 256 << 20;

const HEADERS = {
	'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self' "
		+ `'${PLOT_STYLE_HASH}'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; `
		+ "form-action 'self'; frame-ancestors 'none'",
	'X-Content-Type-Options': 'nosniff',
	'X-Frame-Options': 'DENY',
	'Referrer-Policy': 'no-referrer',
	'Cross-Origin-Opener-Policy': 'same-origin',
	'Cross-Origin-Resource-Policy': 'same-origin',
};

/** True where two secrets are the same, in a time that does not tell how much of them. */
export function sameSecret(given, wanted) {
	const digest = (text) => createHash('sha256').update(String(text)).digest();
	return timingSafeEqual(digest(given), digest(wanted));
}

/** A request's body, up to a limit. */
async function readBody(request, limit) {
	let parts = [];
	let size = 0;
	for await (const part of request) {
		size += part.length;
		if (size <= limit) {
			parts.push(part);
		} else {
			// What comes is read to its end, or the browser would not see the answer.
			parts = [];
		}
	}
	if (size > limit) {
		throw new Refusal(413, `more than ${limit >> 20} MB were sent`,
			limit === UPLOAD_LIMIT ? 'Load larger files with psql: \\copy, or echolon_load_csv with the path of a file of the server.' : null);
	}
	return Buffer.concat(parts);
}

/** The value of a cookie, or undefined. */
function cookie(request, name) {
	for (const pair of (request.headers.cookie ?? '').split(';')) {
		const at = pair.indexOf('=');
		if (at > 0 && pair.slice(0, at).trim() === name) {
			return pair.slice(at + 1).trim();
		}
	}
	return undefined;
}

class Dashboard {
	constructor(config) {
		this.config = config;
		this.files = loadStaticFiles();
		this.sessions = new Sessions(config);
		this.failures = [];
		this.server = http.createServer((request, response) => this.answer(request, response));
		this.server.requestTimeout = 600000;
	}

	async listen() {
		await new Promise((resolve, reject) => {
			this.server.once('error', (error) => reject(error.code === 'EADDRINUSE'
				? new Error(`port ${this.config.port} is taken: name another by --port, or 0 for any that is free`) : error));
			this.server.listen(this.config.port, this.config.listen, resolve);
		});
		const { port } = this.server.address();
		this.cookieName = `echolon_${port}`;
		const names = ['127.0.0.1', 'localhost', '[::1]'];
		this.hosts = new Set(names.map((name) => `${name}:${port}`));
		// Behind a proxy the port is the proxy's.
		this.namedHosts = new Set(this.config.allowedHosts.map((name) => name.toLowerCase()));
		const shown = this.config.allowedHosts[0]
			?? (['0.0.0.0', '::'].includes(this.config.listen) ? 'localhost' : this.config.listen);
		if (!names.includes(shown) && shown === this.config.listen) {
			this.namedHosts.add(shown.toLowerCase());
		}
		// Behind a proxy with TLS the address is the proxy's.
		const base = this.config.secureCookie && this.config.allowedHosts.length > 0 ? `https://${shown}/`
			: `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}/`;
		this.address = base + (this.config.key ? `#key=${this.config.key}` : '');
	}

	async close() {
		this.server.close();
		this.server.closeAllConnections?.();
		await this.sessions.closeAll();
	}

	knowsHost(host) {
		const name = (host ?? '').toLowerCase();
		return this.hosts.has(name) || this.namedHosts.has(name) || this.namedHosts.has(name.replace(/:\d+$/, ''));
	}

	/** Throw where a request that changes something cannot be from our own page. */
	checkOrigin(request) {
		const { origin } = request.headers;
		const site = request.headers['sec-fetch-site'];
		let foreign = site !== undefined && site !== 'same-origin';
		if (origin !== undefined) {
			try {
				foreign ||= new URL(origin).host !== request.headers.host;
			} catch {
				foreign = true;
			}
		}
		if (foreign) {
			throw new Refusal(403, 'this request comes from another page');
		}
	}

	/** More than ten failed passwords in a minute are enough for a while. */
	checkFailures() {
		const now = Date.now();
		this.failures = this.failures.filter((at) => now - at < 60000);
		if (this.failures.length >= 10) {
			throw new Refusal(429, 'too many failed attempts to sign in', 'Try again in a minute.');
		}
	}

	async answer(request, response) {
		for (const [name, value] of Object.entries(HEADERS)) {
			response.setHeader(name, value);
		}
		const context = { log: [], notices: [] };
		try {
			if (!this.knowsHost(request.headers.host)) {
				throw new Refusal(421, `this is not ${request.headers.host ?? 'a host without a name'}`,
					'Use the address that the dashboard printed; a proxy\'s name is made known by --allow-host.');
			}
			const url = new URL(request.url, 'http://dashboard/');
			if (url.pathname.startsWith('/api/')) {
				await this.answerApi(request, response, url, context);
			} else {
				this.answerFile(request, response, url.pathname);
			}
		} catch (error) {
			const { status, body } = describeError(error);
			if (status === 500) {
				process.stderr.write(`${error.stack}\n`);
			}
			this.send(response, status, { ...body, sql: context.log });
		}
	}

	answerFile(request, response, pathname) {
		const file = this.files.get(pathname);
		if (!file) {
			throw new Refusal(404, 'there is no such page');
		}
		if (request.method !== 'GET' && request.method !== 'HEAD') {
			throw new Refusal(405, 'this can only be read');
		}
		response.setHeader('Content-Type', file.type);
		response.setHeader('Cache-Control', 'no-cache');
		response.setHeader('ETag', file.tag);
		if (request.headers['if-none-match'] === file.tag) {
			response.writeHead(304).end();
			return;
		}
		response.writeHead(200).end(request.method === 'HEAD' ? undefined : file.bytes);
	}

	async answerApi(request, response, url, context) {
		const route = routes.get(`${request.method} ${url.pathname}`);
		if (!route) {
			throw new Refusal(404, 'there is no such call');
		}
		context.query = url.searchParams;
		context.dashboard = this;
		const id = cookie(request, this.cookieName);
		context.session = this.sessions.find(id, route.byItself);
		if (request.method !== 'GET') {
			this.checkOrigin(request);
		}
		if (!route.open) {
			if (!context.session) {
				throw new Refusal(401, 'you are not signed in, or the session has expired');
			}
			if (request.method !== 'GET' && !sameSecret(request.headers['x-csrf-token'] ?? '', context.session.csrf)) {
				throw new Refusal(403, 'the request lacks the token of this session', 'Load the page again.');
			}
			if (route.action && this.config.readOnly) {
				throw new Refusal(403, 'this dashboard is read-only', 'It was started with --read-only; the SQL can be run in psql.');
			}
		}
		if (request.method === 'POST') {
			const bytes = await readBody(request, route.upload ? UPLOAD_LIMIT : JSON_LIMIT);
			if (route.upload) {
				context.bytes = bytes;
			} else {
				try {
					context.body = bytes.length ? JSON.parse(bytes.toString('utf8')) : {};
				} catch {
					throw new Refusal(400, 'the request is not JSON');
				}
				if (context.body === null || typeof context.body !== 'object' || Array.isArray(context.body)) {
					throw new Refusal(400, 'the request is not a JSON object');
				}
			}
		}
		const result = await route.run(context);
		if (context.cookie !== undefined) {
			response.setHeader('Set-Cookie', `${this.cookieName}=${context.cookie}; Path=/; HttpOnly; SameSite=Strict`
				+ (this.config.secureCookie ? '; Secure' : '') + (context.cookie === '' ? '; Max-Age=0' : ''));
		}
		this.send(response, 200, { ...result, sql: context.log, notices: context.notices });
	}

	send(response, status, body) {
		if (response.headersSent || response.destroyed) {
			return;
		}
		response.setHeader('Cache-Control', 'no-store');
		response.setHeader('Content-Type', 'application/json; charset=utf-8');
		response.writeHead(status).end(JSON.stringify(body));
	}
}

/** A dashboard that listens; { address, close() }. */
export async function createDashboard(config) {
	const dashboard = new Dashboard(config);
	await dashboard.listen();
	return dashboard;
}
