// Long work: a statement on a connection of its own, watched by polling and
// ended by pg_cancel_backend.
import { randomUUID } from 'node:crypto';
import { describeError, Refusal } from './errors.js';
import { readable } from './database.js';

const MOST_RUNNING = 4;
const MOST_KEPT = 50;

/** What the page may know of a job. */
function publicJob(job) {
	const { id, kind, title, state, started, ended, result, error, notices } = job;
	return { id, kind, title, state, seconds: ((ended ?? Date.now()) - started) / 1000, result, error, notices };
}

/** Begin a statement; the job runs on after the request.  show: its text for the log. */
export async function start(context, { kind, title, text, values, show, onDone }) {
	const { session } = context;
	const running = [...session.jobs.values()].filter((job) => job.state === 'running');
	if (running.length >= MOST_RUNNING) {
		throw new Refusal(409, `${MOST_RUNNING} trainings or loads of this session are running already`, 'Wait for one, or cancel one.');
	}
	const job = { id: randomUUID(), kind, title, state: 'running', started: Date.now(), notices: [], line: { text: show ?? readable(text, values) } };
	context.log.push(job.line);
	job.client = await session.db.longClient((notice) => {
		if (job.notices.length < 100) {
			job.notices.push({ severity: notice.severity, message: notice.message, detail: notice.detail, hint: notice.hint });
		}
	});
	job.pid = job.client.processID;
	session.jobs.set(job.id, job);
	for (const [id, old] of session.jobs) {
		if (session.jobs.size <= MOST_KEPT) {
			break;
		}
		if (old.state !== 'running') {
			session.jobs.delete(id);
		}
	}
	job.client.query({ text, values }).then(async ({ rows }) => {
		job.result = onDone ? onDone(rows) : rows;
		job.line.rows = rows.length;
		job.line.ms = Date.now() - job.started;
		job.state = 'done';
	}).catch((error) => {
		job.error = describeError(error).body.error;
		job.line.failed = true;
		job.state = error.code === '57014' && !/statement timeout/.test(error.message) ? 'cancelled' : 'failed';
	}).finally(() => {
		job.ended = Date.now();
		session.used = Date.now();
		const { client } = job;
		job.client = undefined;
		client.end().catch(() => {});
	});
	return { job: publicJob(job) };
}

function find(context, id) {
	const job = context.session.jobs.get(id);
	if (!job) {
		throw new Refusal(404, 'there is no such job in this session', 'What it stored is among the models.');
	}
	return job;
}

/** The trainings of all sessions that the role may see, as echolon.progress has them. */
export async function progress(context, pid) {
	const { db } = context.session;
	if (!db.hasView('progress')) {
		return [];
	}
	return db.read(context, `SELECT pid, usename, command, model, relation, phase, done, total, fraction, seconds,
			remaining_seconds, workers, memory_bytes
		FROM echolon.progress WHERE datname = current_database()${pid ? ' AND pid = $1' : ''} ORDER BY seconds DESC`,
	pid ? [pid] : []);
}

export async function list(context) {
	const running = await progress(context);
	return { jobs: [...context.session.jobs.values()].map(publicJob).reverse(), running };
}

export async function show(context) {
	const job = find(context, context.query.get('id'));
	context.log.push(job.line);
	const [now] = job.state === 'running' ? await progress(context, job.pid) : [];
	return { job: publicJob(job), progress: now ?? null };
}

export async function cancel(context) {
	const job = find(context, context.body.id);
	if (job.state !== 'running') {
		throw new Refusal(409, 'it has ended already');
	}
	const [{ cancelled }] = await context.session.db.read(context, 'SELECT pg_cancel_backend($1) AS cancelled', [job.pid]);
	return { cancelled };
}

/** Cancel a training of any session, as far as PostgreSQL lets the role. */
export async function cancelProcess(context) {
	const { db } = context.session;
	if (!db.hasView('progress')) {
		throw new Refusal(409, 'this Echolon does not say what is running');
	}
	const [row] = await db.read(context, 'SELECT pg_cancel_backend(pid) AS cancelled FROM echolon.progress WHERE pid = $1', [context.body.pid]);
	if (!row) {
		throw new Refusal(409, 'it has ended already');
	}
	return row;
}
