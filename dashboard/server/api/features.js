// Feature sets: what there is, a look before one is made, making one.
import { Refusal } from '../errors.js';
import { namedArguments, text } from './arguments.js';
import { parameterList } from './training.js';

const PREVIEW_ROWS = 10;

export async function list(context) {
	return {
		sets: await context.session.db.read(context, `
			SELECT feature_set, view, relation, date_column, features, temporal, rolling, interaction, categorical, business, polynomial,
				scaling, period, materialized_view, owner, rows_fitted, created_at, refreshed_at, state
			FROM echolon.feature_sets ORDER BY created_at DESC LIMIT 500`),
	};
}

const SUMMARY = 'SELECT feature, family, sources, uses_current_row, expression, description FROM';

export async function show(context) {
	const { db } = context.session;
	const name = text(context.query.get('name'), 'name');
	const [set] = await db.read(context, 'SELECT * FROM echolon.feature_sets WHERE feature_set = $1', [name]);
	if (!set) {
		throw new Refusal(404, `there is no feature set "${name}", or none that this role may see`);
	}
	const summary = await db.read(context, `${SUMMARY} ${db.fn('echolon_feature_summary')}($1)`, [name]);
	return { set, summary };
}

/** The statement that makes a set, from the page's form. */
async function creation(context) {
	const { db } = context.session;
	const { body } = context;
	const values = [text(body.name, 'name'), text(body.relation, 'relation')];
	const given = namedArguments(await parameterList(context, 'echolon_create_features'), body.parameters ?? {}, values, ['name', 'relation']);
	return { statement: `SELECT * FROM ${db.fn('echolon_create_features')}($1, $2${given.map((part) => `, ${part}`).join('')})`, values };
}

/** Make the set, look at it, and take it back. */
export async function preview(context) {
	const { db } = context.session;
	const { statement, values } = await creation(context);
	return db.write(context, async (query) => {
		const [made] = await query(statement, values);
		const summary = await query(`${SUMMARY} ${db.fn('echolon_feature_summary')}($1)`, [values[0]]);
		const [{ definition }] = await query('SELECT pg_get_viewdef($1::regclass, true) AS definition', [made.view], { quiet: true });
		// made.view is quoted by PostgreSQL itself.
		const rows = await query(`SELECT * FROM ${made.view} LIMIT ${PREVIEW_ROWS}`, []);
		return { made, summary: summary.slice(0, 2000), definition, rows };
	}, { commit: false });
}

export async function create(context) {
	const { statement, values } = await creation(context);
	const [made] = await context.session.db.write(context, (query) => query(statement, values), { timeout: context.dashboard.config.jobTimeout });
	return { made };
}

export async function refresh(context) {
	const { db } = context.session;
	const name = text(context.body.name, 'name');
	await db.write(context, (query) => query(`SELECT * FROM ${db.fn('echolon_refresh_features')}($1)`, [name]), { timeout: context.dashboard.config.jobTimeout });
	return {};
}

export async function drop(context) {
	const { db } = context.session;
	const name = text(context.body.name, 'name');
	await db.write(context, (query) => query(`SELECT ${db.fn('echolon_drop_features')}($1)`, [name]));
	return {};
}
