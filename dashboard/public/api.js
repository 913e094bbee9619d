// Calls of the dashboard's server, and a log of the SQL behind them.

export class ApiError extends Error {
	constructor(error, status) {
		super(error.message);
		Object.assign(this, error);
		this.status = status;
	}
}

export const state = { session: null };
const listeners = { sql: [], gone: [], signedOut: [] };
export const on = (event, listener) => listeners[event].push(listener);
const emit = (event, value) => listeners[event].forEach((listener) => listener(value));

let log = [];

/** Forget the statements of the page before. */
export function clearLog() {
	log = [];
	emit('sql', log);
}

export const statements = () => log;

/** What a page asks again and again stands there once, with its number. */
function note(lines) {
	for (const line of lines ?? []) {
		const same = log.find((known) => known.text === line.text);
		if (same) {
			Object.assign(same, line, { times: (same.times ?? 1) + 1 });
		} else {
			log.push(line);
		}
	}
	if (lines?.length) {
		emit('sql', log);
	}
}

function finish(status, body) {
	note(body.sql);
	if (status >= 200 && status < 300) {
		return body;
	}
	const error = new ApiError(body.error ?? { message: `the dashboard answered ${status}` }, status);
	if (error.gone) {
		emit('gone', error);
	} else if (status === 401 && state.session) {
		emit('signedOut', error);
	}
	throw error;
}

async function call(path, options) {
	let response;
	try {
		response = await fetch(path, { credentials: 'same-origin', ...options });
	} catch (error) {
		if (error.name === 'AbortError') {
			throw error;
		}
		const gone = new ApiError({ message: 'the dashboard does not answer', hint: 'Is it still running?', gone: true }, 0);
		emit('gone', gone);
		throw gone;
	}
	return finish(response.status, await response.json());
}

/** GET; parameters that are null are left out. */
export function get(path, parameters = {}) {
	const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined));
	return call(`${path}${String(query) === '' ? '' : `?${query}`}`);
}

const token = () => (state.session?.csrf ? { 'X-CSRF-Token': state.session.csrf } : {});

export function post(path, body = {}) {
	return call(path, { method: 'POST', headers: { 'Content-Type': 'application/json', ...token() }, body: JSON.stringify(body) });
}

/** Send a file; XMLHttpRequest, because fetch does not tell how far it is. */
export function upload(path, parameters, file, onProgress) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open('POST', `${path}?${new URLSearchParams(parameters)}`);
		request.setRequestHeader('Content-Type', 'text/csv');
		for (const [name, value] of Object.entries(token())) {
			request.setRequestHeader(name, value);
		}
		request.upload.addEventListener('progress', (event) => onProgress(event.lengthComputable ? event.loaded / event.total : null));
		request.addEventListener('error', () => {
			const gone = new ApiError({ message: 'the dashboard does not answer, or the file is too large for it (256 MB)', gone: true }, 0);
			reject(gone);
		});
		request.addEventListener('load', () => {
			try {
				resolve(finish(request.status, JSON.parse(request.responseText)));
			} catch (error) {
				reject(error);
			}
		});
		request.send(file);
	});
}
