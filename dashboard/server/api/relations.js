// Tables and views of the role: what there is, and what is in it, from a sample.
import { ident } from '../database.js';
import { Refusal } from '../errors.js';
import { text } from './arguments.js';

const SAMPLE_ROWS = 2000;
const MOST_COLUMNS = 150;
const BINS = 16;

/** Relations the role may read, without those of the system. */
export async function list(context) {
	const relations = await context.session.db.read(context, `
		SELECT format('%I.%I', n.nspname, c.relname) AS relation, n.nspname::text AS schema, c.relname::text AS name,
			CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
				ELSE 'foreign table' END AS kind,
			CASE WHEN c.relkind IN ('r', 'm', 'p') AND c.reltuples >= 0 THEN c.reltuples::bigint END AS rows,
			CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid) END AS bytes,
			obj_description(c.oid, 'pg_class') AS comment
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'echolon', 'pg_toast')
			AND n.nspname !~ '^pg_temp' AND NOT c.relispartition
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
			AND has_schema_privilege(n.oid, 'USAGE') AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))
		ORDER BY n.nspname <> 'public', n.nspname, c.relname LIMIT 1000`);
	return { relations };
}

/** A relation by its text: quoted name, kind, size, and its columns that may be read. */
export async function describe(context, name) {
	const { db } = context.session;
	const [relation] = await db.read(context, `
		SELECT c.oid::int8 AS oid, format('%I.%I', n.nspname, c.relname) AS relation, c.relkind::text AS relkind,
			CASE WHEN c.relkind IN ('r', 'm', 'p') AND c.reltuples >= 0 THEN c.reltuples::bigint END AS rows,
			CASE WHEN c.relkind IN ('r', 'm') THEN pg_relation_size(c.oid) END AS bytes
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::regclass`, [name], { quiet: true });
	const columns = await db.read(context, `
		SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, b.typcategory::text AS category,
			a.attnotnull AS not_null, col_description(a.attrelid, a.attnum) AS comment,
			EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indnatts = 1 AND i.indkey[0] = a.attnum) AS is_key
		FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
		WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
		ORDER BY a.attnum`, [name], { quiet: true });
	if (columns.length === 0) {
		throw new Refusal(403, `no column of ${relation.relation} may be read by this role`);
	}
	return { ...relation, columns };
}

/** FROM clause of a bounded look at a relation: a sample where it is large. */
function sampleOf({ relation, relkind, rows, bytes }) {
	// A table that was just loaded has no statistics; rows of 100 bytes are a guess that serves.
	const about = rows ?? (bytes ?? 0) / 100;
	if ('rmp'.includes(relkind) && about > 20000) {
		const percent = Math.min(100, (100 * 3 * SAMPLE_ROWS) / about);
		return `${relation} TABLESAMPLE SYSTEM (${Number(percent.toPrecision(3))})`;
	}
	return relation;
}

/** How a column is looked at: as a number, a date (by its epoch), or as a category. */
export function columnKind({ category, type }) {
	if (category === 'N' && type !== 'oid' && !type.startsWith('reg')) {
		return 'number';
	}
	if (category === 'D' && !/^time( |$|\()/.test(type)) {
		return 'date';
	}
	return 'SBE'.includes(category) ? 'category' : 'other';
}

function expression({ name }, kind) {
	const quoted = ident(name);
	if (kind === 'number') {
		return `${quoted}::float8`;
	}
	return kind === 'date' ? `extract(epoch FROM ${quoted})::float8` : `left(${quoted}::text, 60)`;
}

/** A small histogram, or the most frequent values, of a column of the sample. */
function summarize(values, kind) {
	const present = values.filter((v) => v !== null && (typeof v !== 'number' || Number.isFinite(v)));
	const summary = { kind, missing: values.length === 0 ? 0 : (values.length - present.length) / values.length, distinct: new Set(present).size };
	if (present.length === 0) {
		return summary;
	}
	if (kind === 'category') {
		const counts = new Map();
		for (const value of present) {
			counts.set(value, (counts.get(value) ?? 0) + 1);
		}
		summary.values = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 8)
			.map(([value, count]) => ({ value, share: count / values.length }));
		return summary;
	}
	const sorted = [...present].sort((a, b) => a - b);
	[summary.low] = sorted;
	summary.high = sorted.at(-1);
	summary.median = sorted[sorted.length >> 1];
	summary.bins = new Array(BINS).fill(0);
	for (const value of present) {
		const at = summary.high > summary.low ? Math.floor(((value - summary.low) / (summary.high - summary.low)) * BINS) : 0;
		summary.bins[Math.min(BINS - 1, at)] += 1;
	}
	return summary;
}

/** Columns of a relation with small histograms. */
export async function show(context) {
	const { db } = context.session;
	const relation = await describe(context, text(context.query.get('name'), 'name'));
	const shown = relation.columns.map((column) => ({ ...column, kind: columnKind(column) }));
	const looked = shown.filter((column) => column.kind !== 'other').slice(0, MOST_COLUMNS);
	let sampled = null;
	let first = true;
	let trouble = null;
	if (looked.length > 0) {
		const targets = looked.map((column) => expression(column, column.kind)).join(', ');
		const look = (from) => db.read(context, `SELECT ${targets} FROM ${from} LIMIT ${SAMPLE_ROWS}`, [], { array: true, timeout: 5000 });
		try {
			first = sampleOf(relation) === relation.relation;
			let rows = await look(sampleOf(relation));
			if (rows.length < 200 && !first) {
				first = true;
				rows = await look(relation.relation);
			}
			first &&= rows.length === SAMPLE_ROWS;
			sampled = rows.length;
			looked.forEach((column, i) => {
				column.summary = summarize(rows.map((row) => row[i]), column.kind);
			});
		} catch (error) {
			if (error.code !== '57014') {
				throw error;
			}
			trouble = 'Reading a sample of it takes longer than 5 seconds, so there are no histograms.';
		}
	}
	return { relation: relation.relation, rows: relation.rows, sampled, first, trouble, columns: shown };
}

/** The first rows, as PostgreSQL writes their values. */
export async function rows(context) {
	const relation = await describe(context, text(context.query.get('name'), 'name'));
	const columns = relation.columns.slice(0, MOST_COLUMNS);
	const found = await context.session.db.read(context,
		`SELECT ${columns.map(({ name }) => `left(${ident(name)}::text, 200)`).join(', ')} FROM ${relation.relation} LIMIT 20`, [], { array: true });
	return { relation: relation.relation, columns: columns.map(({ name, type }) => ({ name, type })), rows: found };
}
