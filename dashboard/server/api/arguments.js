// What comes from the page, looked at before it goes into a statement.
import { Refusal } from '../errors.js';

/** A text that must be there. */
export function text(value, name) {
	if (typeof value !== 'string' || value === '' || value.length > 10000 || value.includes('\0')) {
		throw new Refusal(400, `${name} is missing`);
	}
	return value;
}

/** A text, or null where there is none. */
export function optionalText(value, name) {
	return value === undefined || value === null || value === '' ? null : text(value, name);
}

/** A version's number, or null for the active one. */
export function version(value) {
	if (value === undefined || value === null || value === '') {
		return null;
	}
	const number = Number(value);
	if (!Number.isInteger(number) || number < 1 || number > 2147483647) {
		throw new Refusal(400, `${value} is not the number of a version`);
	}
	return number;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Named arguments for a function, in the types that its list of parameters has.
 * known: rows of echolon_parameters(); given: { name: value }.  Adds to values,
 * returns the texts "name => $n::type".
 */
export function namedArguments(known, given, values, without = []) {
	if (given === null || typeof given !== 'object' || Array.isArray(given)) {
		throw new Refusal(400, 'parameters is not an object');
	}
	const types = new Map(known.filter((row) => !without.includes(row.parameter)).map((row) => [row.parameter, row.type]));
	const parts = [];
	for (const [name, raw] of Object.entries(given)) {
		if (raw === null || raw === '' || (Array.isArray(raw) && raw.length === 0)) {
			continue;
		}
		const type = types.get(name);
		if (type === undefined) {
			throw new Refusal(400, `there is no parameter "${name}"`);
		}
		let value = raw;
		let cast = '';
		if (type.endsWith('[]')) {
			if (!Array.isArray(raw)) {
				throw new Refusal(400, `${name} is a list`);
			}
			value = raw.map(String);
		} else if (type === 'boolean') {
			value = raw === true || raw === 'true';
		} else if (type === 'number or text') {
			// A whole number counts, a fraction is a share: their types tell.
			const trimmed = String(raw).trim();
			if (NUMBER.test(trimmed)) {
				cast = /^[+-]?\d+$/.test(trimmed) ? '::integer' : '::double precision';
				value = Number(trimmed);
			} else {
				cast = '::text';
				value = trimmed;
			}
		} else {
			value = String(raw).trim();
			if (/^(integer|bigint|double precision)$/.test(type)) {
				if (!NUMBER.test(value)) {
					throw new Refusal(400, `${name} is a number, and "${value}" is none`);
				}
				value = type === 'bigint' ? value : Number(value);
			}
		}
		values.push(value);
		parts.push(`${name} => $${values.length}${cast}`);
	}
	return parts;
}
