// Checking a table, training on it, training again.
import { Refusal } from '../errors.js';
import { start } from '../jobs.js';
import { namedArguments, optionalText, text } from './arguments.js';

const ALGORITHMS = { random_forest: 'echolon_train_rf', gradient_boosting: 'echolon_train_gb' };

function trainingFunction(name) {
	if (!Object.hasOwn(ALGORITHMS, name)) {
		throw new Refusal(400, `there is no algorithm "${name}"`);
	}
	return ALGORITHMS[name];
}

/** The list of a function's parameters, for a form. */
export async function parameters(context) {
	const wanted = context.query.get('of') === 'features' ? 'echolon_create_features' : trainingFunction(context.query.get('of'));
	return { parameters: await parameterList(context, wanted) };
}

export async function parameterList(context, name) {
	const { db } = context.session;
	return db.read(context, `SELECT parameter, type, default_value, range, meaning FROM ${db.fn('echolon_parameters')}($1)`, [name], { quiet: true });
}

/** What is wrong with the data, before training. */
export async function validate(context) {
	const { db } = context.session;
	const relation = text(context.body.relation, 'relation');
	const target = optionalText(context.body.target, 'target');
	const findings = await db.read(context, `
		SELECT rule, severity, column_name, affected, message, hint
		FROM ${db.fn('echolon_validate')}($1${target === null ? '' : ', $2'})`, target === null ? [relation] : [relation, target]);
	return { findings };
}

export async function train(context) {
	const { db } = context.session;
	const { body } = context;
	const name = trainingFunction(body.algorithm);
	const relation = text(body.relation, 'relation');
	const target = text(body.target, 'target');
	const values = [relation, target];
	const given = namedArguments(await parameterList(context, name), body.parameters ?? {}, values, ['relation', 'target']);
	const statement = `SELECT * FROM ${db.fn(name)}($1, $2${given.map((part) => `, ${part}`).join('')})`;
	return start(context, {
		kind: 'training', title: `${target} of ${relation}`, text: statement, values, onDone: (rows) => rows[0],
	});
}

export async function retrain(context) {
	const { db } = context.session;
	const model = text(context.body.model, 'model');
	return start(context, {
		kind: 'retraining', title: model, text: `SELECT * FROM ${db.fn('echolon_retrain')}($1)`, values: [model], onDone: (rows) => rows[0],
	});
}
