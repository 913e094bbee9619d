// Which call is answered by what.  A route: { run(context), open, action, upload }.
// open: without a session; action: changes something, so not in read-only mode;
// byItself: asked again and again by a page that nobody may be looking at.
import * as session from './api/session.js';
import * as models from './api/models.js';
import * as relations from './api/relations.js';
import * as training from './api/training.js';
import * as features from './api/features.js';
import * as data from './api/data.js';
import * as jobs from './jobs.js';

const reads = (run) => ({ run });
const actions = (run) => ({ run, action: true });

export const routes = new Map([
	['GET /api/session', { run: session.show, open: true, byItself: true }],
	['POST /api/login', { run: session.login, open: true }],
	['POST /api/logout', reads(session.logout)],

	['GET /api/overview', reads(models.overview)],
	['GET /api/model', reads(models.model)],
	['GET /api/model/charts', reads(models.charts)],
	['GET /api/model/drift', reads(models.drift)],
	['GET /api/model/permutation', reads(models.permutation)],
	['GET /api/model/form', reads(models.form)],
	['POST /api/model/predict', reads(models.predict)],
	['POST /api/model/activate', actions(models.activate)],
	['POST /api/model/rollback', actions(models.rollback)],
	['POST /api/model/monitor', actions(models.monitor)],
	['POST /api/model/drop', actions(models.drop)],
	['POST /api/model/schedule', actions(models.schedule)],
	['POST /api/model/policy', actions(models.policy)],
	['POST /api/model/retrain', actions(training.retrain)],

	['GET /api/relations', reads(relations.list)],
	['GET /api/relation', reads(relations.show)],
	['GET /api/relation/rows', reads(relations.rows)],
	['POST /api/validate', reads(training.validate)],
	['GET /api/parameters', reads(training.parameters)],
	['POST /api/train', actions(training.train)],

	['GET /api/features', reads(features.list)],
	['GET /api/features/set', reads(features.show)],
	['POST /api/features/preview', actions(features.preview)],
	['POST /api/features/create', actions(features.create)],
	['POST /api/features/refresh', actions(features.refresh)],
	['POST /api/features/drop', actions(features.drop)],

	['POST /api/load', { run: data.load, action: true, upload: true }],
	['GET /api/load-errors', reads(data.errors)],

	['GET /api/jobs', { run: jobs.list, byItself: true }],
	['GET /api/job', reads(jobs.show)],
	['POST /api/job/cancel', actions(jobs.cancel)],
	['POST /api/cancel', actions(jobs.cancelProcess)],
]);
