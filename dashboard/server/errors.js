// Errors as the page shows them: what, the detail, what to do about it.

/** An error of the dashboard itself, not of PostgreSQL. */
export class Refusal extends Error {
	constructor(status, message, hint = null) {
		super(message);
		this.status = status;
		this.hint = hint;
	}
}

const GONE = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND', 'EACCES',
	'57P01', '57P02', '57P03', '08000', '08003', '08006', '08001', '08004']);

/** True where the server, rather than a statement, is what failed. */
export function isConnectionError(error) {
	return GONE.has(error.code) || /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/.test(error.message ?? '');
}

/** HTTP status and JSON of an error. */
export function describeError(error) {
	if (error instanceof Refusal) {
		return { status: error.status, body: { error: { message: error.message, hint: error.hint } } };
	}
	if (isConnectionError(error)) {
		return {
			status: 503,
			body: { error: { message: 'the database server does not answer', detail: error.message,
				hint: 'The page looks again by itself until it does.', gone: true } },
		};
	}
	if (typeof error.code === 'string' && error.severity) {
		const { message, detail, code } = error;
		let { hint } = error;
		let status = 400;
		if (code === '42501') {
			status = 403;
			hint ??= 'The role you signed in with lacks this right; its owner can GRANT it.';
		} else if (code === '57014') {
			status = 408;
			if (/statement timeout/.test(message)) {
				hint ??= 'It took longer than a page may (--timeout); run the SQL below in psql, or look at fewer rows.';
			}
		}
		return { status, body: { error: { message, detail, hint, code } } };
	}
	return { status: 500, body: { error: { message: 'the dashboard failed', detail: error.message } } };
}
