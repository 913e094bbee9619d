// Who is signed in: a random id in a cookie, and behind it a few connections of
// that role's own.  Nothing is kept but in memory; the password is needed as long
// as the session may open a connection, and is gone with it.
import { randomBytes } from 'node:crypto';
import { Database } from './database.js';
import { Refusal } from './errors.js';

const LONGEST = 12 * 3600 * 1000;
const MOST = 100;

export class Sessions {
	constructor(config) {
		this.config = config;
		this.sessions = new Map();
		this.sweeper = setInterval(() => this.sweep(), 30000);
		this.sweeper.unref();
	}

	/** A session for a role that PostgreSQL has let in. */
	async open(user, password, database) {
		this.sweep();
		if (this.sessions.size >= MOST) {
			throw new Refusal(503, 'too many people are signed in', 'Try again later.');
		}
		const db = new Database(this.config, user, password, database);
		try {
			await db.inspect();
		} catch (error) {
			await db.close();
			throw error;
		}
		const session = {
			id: randomBytes(32).toString('base64url'),
			csrf: randomBytes(32).toString('base64url'),
			user, database, db,
			jobs: new Map(),
			opened: Date.now(),
			used: Date.now(),
		};
		this.sessions.set(session.id, session);
		return session;
	}

	/** The session of a cookie that has not expired, or undefined.  What a page asks by itself is no use of it. */
	find(id, byItself) {
		const session = id === undefined ? undefined : this.sessions.get(id);
		if (!session || this.expired(session)) {
			return undefined;
		}
		if (!byItself) {
			session.used = Date.now();
		}
		return session;
	}

	/** A running training counts as use: it outlives its reader's coffee. */
	expired(session) {
		const busy = [...session.jobs.values()].some((job) => job.state === 'running');
		const now = Date.now();
		return !busy && (now - session.used > this.config.idle || now - session.opened > LONGEST);
	}

	sweep() {
		for (const session of this.sessions.values()) {
			if (this.expired(session)) {
				this.close(session);
			}
		}
	}

	async close(session) {
		this.sessions.delete(session.id);
		for (const job of session.jobs.values()) {
			job.client?.end().catch(() => {});
		}
		await session.db.close();
	}

	async closeAll() {
		clearInterval(this.sweeper);
		await Promise.all([...this.sessions.values()].map((session) => this.close(session)));
	}
}
