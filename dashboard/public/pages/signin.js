// Signing in with a role of the database.
import { h } from '../h.js';
import { post, state } from '../api.js';
import { act, alertBox, card, field } from '../ui.js';

export function signIn(message, done) {
	const trouble = h('div', {});
	if (message) {
		trouble.append(alertBox({ message }));
	}
	const user = h('input', { name: 'user', autocomplete: 'username', required: true, autocapitalize: 'none', spellcheck: 'false', value: state.server?.user ?? '' });
	const password = h('input', { name: 'password', type: 'password', autocomplete: 'current-password' });
	const database = h('input', { name: 'database', autocapitalize: 'none', spellcheck: 'false', value: state.server?.database ?? '' });
	const submit = h('button', { type: 'submit', class: 'primary' }, 'Sign in');
	const key = sessionStorage.getItem('key') ?? '';
	const form = h('form', {
		class: 'fields', autocomplete: 'on',
		onsubmit: (event) => {
			event.preventDefault();
			act(submit, trouble, async () => done(await post('/api/login', { user: user.value, password: password.value, database: database.value, key })));
		},
	}, field('Role', user), field('Password', password, 'Leave it empty where PostgreSQL asks for none, as in the demo.'), field('Database', database), h('div', {}, submit));
	return h('div', { class: 'signin' }, card(null, {},
		h('h1', {}, 'Sign in'),
		h('p', { class: 'muted' }, 'With a role of PostgreSQL. You see and do here what that role may, and nothing else.'),
		state.server?.needsKey && !key ? alertBox({ message: 'The address lacks the key of this dashboard.',
			hint: 'Open the address that was printed when it was started; the key keeps other people of that machine out.' }) : null,
		trouble, form));
}
