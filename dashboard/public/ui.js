// Pieces that pages are made of.
import { h, append, replace } from './h.js';
import * as format from './format.js';

export function card(title, attributes, ...children) {
	return h('section', { class: 'card', ...attributes }, title ? h('h2', {}, title) : null, children);
}

/** An error: what, the detail, what to do. */
export function alertBox(error) {
	return h('div', { class: 'alert bad', role: 'alert' },
		h('p', { class: 'what' }, error.message),
		error.detail ? h('p', {}, error.detail) : null,
		error.hint ? h('p', { class: 'hint' }, error.hint) : null);
}

export function noteBox(...children) {
	return h('div', { class: 'alert note' }, children);
}

export function empty(title, ...children) {
	return h('div', { class: 'empty' }, h('p', { class: 'what' }, title), children);
}

export function spinner(text = 'Loading …') {
	return h('p', { class: 'spinner', role: 'status' }, h('span', { class: 'wheel', 'aria-hidden': 'true' }), text);
}

export function button(label, onclick, attributes = {}) {
	return h('button', { type: 'button', onclick, ...attributes }, label);
}

export const link = (to, ...children) => h('a', { href: to }, children);
export const modelLink = (name) => link(`#/model/${encodeURIComponent(name)}`, name);

export function time(value) {
	return value ? h('time', { datetime: value, title: format.date(value) }, format.ago(value)) : '–';
}

export function badge(kind, text) {
	return h('span', { class: `badge ${kind}` }, text);
}

/**
 * A table that scrolls by itself where it is too wide; with stack its rows become
 * blocks on a phone.  columns: { name, cell(row), number }.  The roles keep it a
 * table for screen readers then.
 */
export function table(caption, columns, rows, { className = '', stack = false } = {}) {
	return h('div', { class: `scroll ${className} ${stack ? 'stack' : ''}`, role: 'region', 'aria-label': caption, tabindex: '0' },
		h('table', { role: 'table' },
			h('caption', { class: 'hidden' }, caption),
			h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map((column) => h('th', { scope: 'col', role: 'columnheader', class: column.number ? 'number' : null }, column.name)))),
			h('tbody', { role: 'rowgroup' }, rows.map((row) => h('tr', { role: 'row' }, columns.map((column, i) => {
				const cell = column.cell(row);
				return i === 0 && column.header !== false
					? h('th', { scope: 'row', role: 'rowheader' }, cell ?? '–')
					: h('td', { role: 'cell', 'data-label': column.name, class: column.number ? 'number' : null }, cell ?? '–');
			}))))));
}

/** Rows as PostgreSQL wrote them. */
export function rawTable(caption, names, rows) {
	return table(caption, names.map((name, i) => ({
		name, header: false, cell: (row) => (row[i] === null || row[i] === undefined ? h('span', { class: 'null' }, 'NULL') : typeof row[i] === 'object' ? JSON.stringify(row[i]) : String(row[i])),
	})), rows, { className: 'raw' });
}

let ids = 0;

/** A labelled input; control is made with the id. */
export function field(label, control, hint) {
	ids += 1;
	const id = control.id || `f${ids}`;
	control.id = id;
	if (hint) {
		control.setAttribute('aria-describedby', `${id}-hint`);
	}
	return h('div', { class: 'field' }, h('label', { for: id }, label), control, hint ? h('small', { id: `${id}-hint` }, hint) : null);
}

export function select(options, value, attributes = {}) {
	const element = h('select', attributes, options.map((option) => {
		const [given, label] = Array.isArray(option) ? option : [option, option];
		return h('option', { value: given }, label);
	}));
	element.value = value ?? '';
	return element;
}

export function checkbox(label, checked, attributes = {}) {
	return h('label', { class: 'check' }, h('input', { type: 'checkbox', checked, ...attributes }), h('span', {}, label));
}

/** A question before something is lost; true where it is answered with yes. */
export function confirm(question, yes) {
	return new Promise((resolve) => {
		const dialog = h('dialog', { 'aria-label': question },
			h('p', {}, question),
			h('div', { class: 'buttons' },
				button('Cancel', () => dialog.close('no')),
				button(yes, () => dialog.close('yes'), { class: 'danger' })));
		dialog.addEventListener('close', () => {
			dialog.remove();
			resolve(dialog.returnValue === 'yes');
		});
		document.body.append(dialog);
		dialog.showModal();
	});
}

/** Say something that a screen reader reads too. */
export function say(text) {
	const region = document.getElementById('toast') ?? document.body.appendChild(h('div', { id: 'toast', role: 'status' }));
	replace(region, h('p', {}, text));
	clearTimeout(region.timer);
	region.timer = setTimeout(() => region.replaceChildren(), 6000);
}

/** Run an action; its button waits, an error is shown in the place. */
export async function act(trigger, place, run) {
	trigger.disabled = true;
	trigger.setAttribute('aria-busy', 'true');
	place.replaceChildren();
	try {
		return await run();
	} catch (error) {
		if (!error.gone) {
			append(place, alertBox(error));
		}
		return undefined;
	} finally {
		trigger.disabled = false;
		trigger.removeAttribute('aria-busy');
	}
}

/** Fill a place with what comes later. */
export async function later(place, run, waiting) {
	replace(place, spinner(waiting));
	try {
		replace(place, await run());
	} catch (error) {
		replace(place, alertBox(error));
		if (error.status === undefined) {
			throw error;
		}
	}
}

/** A bar of a share, in a cell of a table. */
export function bar(share, className = '') {
	return h('span', { class: `bar ${className}`, 'aria-hidden': 'true' }, h('span', { style: { width: `${Math.max(0, Math.min(100, 100 * share)).toFixed(1)}%` } }));
}

export function notices(list) {
	const lines = (list ?? []).filter((notice) => notice.severity !== 'DEBUG');
	return lines.length === 0 ? null : h('ul', { class: 'notices' }, lines.map((notice) => h('li', {}, notice.message,
		notice.detail ? h('span', { class: 'muted' }, ` ${notice.detail}`) : null, notice.hint ? h('span', { class: 'muted' }, ` ${notice.hint}`) : null)));
}

export function sqlText(text) {
	const area = h('pre', { class: 'sql', tabindex: '0' }, h('code', {}, text));
	const copy = button('Copy', async () => {
		try {
			await navigator.clipboard.writeText(text);
			say('Copied.');
		} catch {
			getSelection().selectAllChildren(area);
			say('Selected: copy it with the keyboard.');
		}
	}, { class: 'small' });
	return h('div', { class: 'sqlbox' }, area, copy);
}
