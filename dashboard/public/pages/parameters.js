// A form made from echolon_parameters().
import { h } from '../h.js';
import { field, select } from '../ui.js';

const WORDS = /^[a-z_0-9]+(, [a-z_0-9]+)*$/;

/** One parameter's input; read() gives its value, or null for the default. */
function control(row, columns) {
	const { parameter, type, default_value: standard, range } = row;
	const placeholder = standard ?? '';
	if (type === 'boolean') {
		const element = select([['', standard === null ? 'decided by itself' : `${standard} (default)`], 'true', 'false'], '');
		return { element, read: () => (element.value === '' ? null : element.value === 'true') };
	}
	if (type === 'name') {
		const element = select([['', 'none'], ...columns], '');
		return { element, read: () => element.value || null };
	}
	if (type === 'text' && range && WORDS.test(range)) {
		const element = select([['', standard === null ? 'decided by itself' : `${standard} (default)`], ...range.split(', ').filter((word) => word !== standard)], '');
		return { element, read: () => element.value || null };
	}
	const list = type.endsWith('[]');
	const element = h('input', { placeholder: list ? placeholder.replace(/[{}]/g, '') : placeholder, autocapitalize: 'none', spellcheck: 'false',
		inputmode: /integer|double|bigint/.test(type) && !list ? 'decimal' : null });
	return {
		element,
		read: () => {
			const text = element.value.trim();
			if (text === '') {
				return null;
			}
			return list ? text.split(',').map((part) => part.trim()).filter((part) => part !== '') : text;
		},
	};
}

/** { element, read(), set(name, value) }: main ones in sight, the others folded away. */
export function parameterForm(rows, columns, main, hidden) {
	const inputs = new Map();
	const draw = (row) => {
		const made = control(row, columns);
		made.element.name = row.parameter;
		inputs.set(row.parameter, made);
		return field(row.parameter, made.element, `${row.meaning}${row.range && !WORDS.test(row.range) ? ` (${row.range})` : ''}`);
	};
	const shown = rows.filter((row) => main.includes(row.parameter)).sort((a, b) => main.indexOf(a.parameter) - main.indexOf(b.parameter));
	const others = rows.filter((row) => !main.includes(row.parameter) && !hidden.includes(row.parameter));
	return {
		element: h('div', {},
			h('div', { class: 'fields wide' }, shown.map(draw)),
			others.length === 0 ? null : h('details', {}, h('summary', {}, `${others.length} more parameters`), h('div', { class: 'fields wide' }, others.map(draw)))),
		read: () => Object.fromEntries([...inputs].map(([name, input]) => [name, input.read()]).filter(([, value]) => value !== null)),
	};
}
