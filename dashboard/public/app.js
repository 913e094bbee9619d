// The shell: header, addresses after the #, what is shown when the server is away.
import { h, replace } from './h.js';
import { clearLog, get, on, post, state, statements } from './api.js';
import { alertBox, badge, button, noteBox, spinner, sqlText } from './ui.js';
import { signIn } from './pages/signin.js';
import { overview } from './pages/overview.js';
import { model } from './pages/model.js';
import { train } from './pages/train.js';
import { job } from './pages/job.js';
import { features, featureSet } from './pages/features.js';
import { data, relation } from './pages/data.js';

const $ = (id) => document.getElementById(id);
const PAGES = { '': overview, model, train, job, features: (place, page) => (page.name ? featureSet : features)(place, page),
	data: (place, page) => (page.name ? relation : data)(place, page) };
const MENU = [['', 'Models'], ['train', 'Train'], ['features', 'Features'], ['data', 'Data']];
let current = { alive: false };

/** #/model/name?version=2 to { path, name, query }. */
function address() {
	const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
	const [first, ...rest] = path.split('/');
	let name;
	try {
		name = rest.length ? decodeURIComponent(rest.join('/')) : undefined;
	} catch {
		name = undefined;
	}
	return { path: first, name, query: new URLSearchParams(query ?? '') };
}

function toggleTheme() {
	const dark = document.documentElement.dataset.theme
		? document.documentElement.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
	document.documentElement.dataset.theme = dark ? 'light' : 'dark';
	try {
		localStorage.setItem('theme', document.documentElement.dataset.theme);
	} catch {
		// It holds for this page then.
	}
}

function drawHeader(path) {
	const { session } = state;
	replace($('header'), h('div', { class: 'inner' },
		h('a', { class: 'brand', href: '#/' }, h('img', { src: '/icon.svg', alt: '', width: 26, height: 26 }), 'Echolon'),
		session ? h('nav', { 'aria-label': 'Pages' }, MENU.map(([to, label]) => h('a', { href: `#/${to}`,
			'aria-current': to === path || (to === '' && path === 'model') ? 'page' : null }, label))) : null,
		h('div', { class: 'who' },
			session?.readOnly ? badge('note', 'read-only') : null,
			session ? h('span', { class: 'role', title: `PostgreSQL ${session.server}, Echolon ${session.extension ?? 'not installed'}` },
				`${session.user} @ ${session.database}`) : null,
			button('◐', toggleTheme, { class: 'quiet', 'aria-label': 'Light or dark', title: 'Light or dark' }),
			session ? button('Sign out', signOut, { class: 'quiet' }) : null)));
}

function drawSql() {
	const lines = statements();
	const open = $('footer').querySelector('details')?.open ?? false;
	if (!state.session || lines.length === 0) {
		$('footer').replaceChildren();
		return;
	}
	replace($('footer'), h('details', { class: 'card ran', open },
		h('summary', {}, `SQL it ran (${lines.length})`),
		h('p', { class: 'muted' }, 'What this page did, as you could do it in psql.'),
		h('ol', {}, lines.map((line) => h('li', {}, sqlText(`${line.text};`),
			h('p', { class: `muted ${line.failed ? 'failed' : ''}` }, line.failed ? 'failed' : line.ms === undefined ? 'started'
				: `${line.ms} ms, ${line.rows} row${line.rows === 1 ? '' : 's'}`, line.times > 1 && line.ms !== undefined ? `, ${line.times} times` : ''))))));
}

async function signOut() {
	await post('/api/logout').catch(() => {});
	state.session = null;
	show();
}

/** Draw the page that the address names. */
async function show() {
	current.alive = false;
	const page = { ...address(), alive: true };
	current = page;
	clearLog();
	drawHeader(page.path);
	const main = $('main');
	if (!state.session) {
		document.title = 'Sign in – Echolon';
		replace(main, signIn(page.message, (session) => {
			state.session = session;
			show();
		}));
		return;
	}
	if (!state.session.extension) {
		replace(main, h('h1', {}, `Echolon is not in ${state.session.database} yet`),
			noteBox(h('p', {}, 'As a superuser, in this database:'), sqlText('CREATE EXTENSION echolon;')),
			button('Look again', start));
		return;
	}
	const place = h('div', { class: 'page' }, spinner());
	replace(main, place);
	scrollTo(0, 0);
	try {
		await (PAGES[page.path] ?? PAGES[''])(place, page);
		document.title = `${place.querySelector('h1')?.textContent ?? 'Models'} – Echolon`;
	} catch (error) {
		if (page.alive && !error.gone) {
			replace(place, h('h1', {}, 'This did not work'), alertBox(error), h('p', {}, h('a', { href: '#/' }, 'To the models')));
		}
		if (error.status === undefined) {
			throw error;
		}
	}
}

let looking = false;

/** Wait until the database server (or the dashboard) is back, then draw the page again. */
async function whenBack(error) {
	if (looking) {
		return;
	}
	looking = true;
	current.alive = false;
	// What waits for the server waits in vain: the page is drawn anew.
	for (const waiting of $('main').querySelectorAll('.spinner')) {
		waiting.remove();
	}
	const since = Date.now();
	const retry = h('span', {}, 'Looking again …');
	replace($('banner'), h('div', { class: 'alert bad', role: 'alert' }, h('p', { class: 'what' }, error.message),
		error.detail ? h('p', { class: 'muted' }, error.detail) : null, h('p', {}, retry)));
	for (;;) {
		await new Promise((resolve) => { setTimeout(resolve, 1000); });
		try {
			const session = await get('/api/session');
			state.session = session.signedIn ? session : null;
			break;
		} catch {
			retry.textContent = `Looking again … (${Math.round((Date.now() - since) / 1000)} s)`;
		}
	}
	looking = false;
	$('banner').replaceChildren();
	show();
}

/** The key of the printed address is kept for this tab, and taken out of sight. */
function takeKey() {
	const key = /^#key=([\w-]+)/.exec(location.hash);
	if (key) {
		sessionStorage.setItem('key', key[1]);
		history.replaceState(null, '', '#/');
	}
}

async function start() {
	takeKey();
	try {
		const session = await get('/api/session');
		state.server = session;
		state.session = session.signedIn ? session : null;
	} catch (error) {
		if (error.gone) {
			return;
		}
		throw error;
	}
	show();
}

on('sql', drawSql);
on('gone', whenBack);
on('signedOut', (error) => {
	state.session = null;
	current.alive = false;
	$('banner').replaceChildren();
	replace($('main'), signIn(error.message, (session) => {
		state.session = session;
		show();
	}));
	drawHeader('');
	drawSql();
});
addEventListener('hashchange', () => {
	takeKey();
	if (location.hash === '#main') {
		$('main').focus();
		history.replaceState(null, '', '#/');
		return;
	}
	show();
});
start();
