/* ---- models: the private store, the views people see, and the rights ---- */

/*
 * The tables have no grants and no row security: C code checks the right to a
 * model and then reads or writes them as their owner (src/model/store.c).  People see the
 * views.  References to roles, relations and columns are text, so that a dump
 * can be restored where they are missing; a role's name has a stamp beside it (see
 * src/model/rights.c).  Names are compared byte by byte, COLLATE "C".
 *
 * No foreign keys: an extension's constraints are there before its rows are restored, and
 * pg_restore --jobs loads tables in any order.  Who deletes a model deletes all of it.
 */
CREATE TABLE echolon.model_store (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model text COLLATE "C" NOT NULL UNIQUE
		CHECK (pg_catalog.octet_length(model) OPERATOR(pg_catalog.>) 0),
	owner text COLLATE "C" NOT NULL,
	owner_stamp text COLLATE "C" NOT NULL,
	relation text COLLATE "C" NOT NULL,
	target text COLLATE "C" NOT NULL,
	task text COLLATE "C" NOT NULL
		CHECK (task OPERATOR(pg_catalog.=) ANY (ARRAY['regression', 'classification']::pg_catalog.text[])),
	created_at timestamptz NOT NULL,
	keep_versions integer NOT NULL DEFAULT 5 CHECK (keep_versions OPERATOR(pg_catalog.>=) 0),
	relation_stamp text COLLATE "C" NOT NULL DEFAULT '',
	relation_owner_stamp text COLLATE "C" NOT NULL DEFAULT ''
);
COMMENT ON TABLE echolon.model_store IS 'Private: one row a model. People see echolon.models';
COMMENT ON COLUMN echolon.model_store.id IS 'Number of the model in this database';
COMMENT ON COLUMN echolon.model_store.model IS 'Name, unique in the database';
COMMENT ON COLUMN echolon.model_store.owner IS 'Name of the role that owns the model';
COMMENT ON COLUMN echolon.model_store.owner_stamp IS 'Cluster and number of that role when it was written, so that a new role of the same name gets nothing';
COMMENT ON COLUMN echolon.model_store.relation IS 'Relation it is trained on: schema.name, quoted where needed; empty for an imported model that was given none';
COMMENT ON COLUMN echolon.model_store.target IS 'Column it predicts';
COMMENT ON COLUMN echolon.model_store.task IS 'regression or classification; it never changes';
COMMENT ON COLUMN echolon.model_store.created_at IS 'When its first version was trained';
COMMENT ON COLUMN echolon.model_store.keep_versions IS 'How many of its newest versions keep their bytes; 0: all';
COMMENT ON COLUMN echolon.model_store.relation_stamp IS 'Database and number of the relation when its owner last trained on it, so that another one of the same name is told apart';
COMMENT ON COLUMN echolon.model_store.relation_owner_stamp IS 'Cluster and number of the role that owned the relation then';

CREATE TABLE echolon.version_store (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model_id bigint NOT NULL,
	version integer NOT NULL CHECK (version OPERATOR(pg_catalog.>) 0),
	active boolean NOT NULL,
	algorithm text COLLATE "C" NOT NULL,
	columns text[] COLLATE "C" NOT NULL,
	recipe jsonb,
	parameters jsonb,
	metrics jsonb,
	curve jsonb,
	metric text COLLATE "C",
	score double precision,
	train_score double precision,
	baseline double precision,
	rows_used bigint,
	seconds double precision,
	fingerprint text COLLATE "C",
	digest bytea NOT NULL CHECK (pg_catalog.octet_length(digest) OPERATOR(pg_catalog.=) 16),
	bytes bigint NOT NULL CHECK (bytes OPERATOR(pg_catalog.>) 0),
	notes text[],
	trained_at timestamptz NOT NULL,
	trained_by text COLLATE "C" NOT NULL,
	activated_at timestamptz,
	retired_at timestamptz,
	importance jsonb,
	UNIQUE (model_id, version)
);
CREATE UNIQUE INDEX version_store_active ON echolon.version_store (model_id) WHERE active;
COMMENT ON TABLE echolon.version_store IS 'Private: one row a version of a model. People see echolon.model_versions';
COMMENT ON INDEX echolon.version_store_active IS 'One active version a model, and the way to it';
COMMENT ON COLUMN echolon.version_store.id IS 'Number of the version in this database';
COMMENT ON COLUMN echolon.version_store.model_id IS 'Its model';
COMMENT ON COLUMN echolon.version_store.version IS '1, 2, ... within the model';
COMMENT ON COLUMN echolon.version_store.active IS 'The version that predicts where none is asked for';
COMMENT ON COLUMN echolon.version_store.algorithm IS 'random_forest or gradient_boosting';
COMMENT ON COLUMN echolon.version_store.columns IS 'Columns a row must bring';
COMMENT ON COLUMN echolon.version_store.recipe IS 'What a retraining repeats: names and values, never SQL';
COMMENT ON COLUMN echolon.version_store.parameters IS 'All parameters as they were used';
COMMENT ON COLUMN echolon.version_store.metrics IS 'Metrics by where they were measured';
COMMENT ON COLUMN echolon.version_store.curve IS 'Learning curve: [[n_estimators, train, watched], ...]';
COMMENT ON COLUMN echolon.version_store.metric IS 'Name of the metric that score is';
COMMENT ON COLUMN echolon.version_store.score IS 'The metric on rows the model was not fitted on';
COMMENT ON COLUMN echolon.version_store.train_score IS 'The metric on the training rows';
COMMENT ON COLUMN echolon.version_store.baseline IS 'The metric of the naive prediction it must beat';
COMMENT ON COLUMN echolon.version_store.rows_used IS 'Usable rows, held-out ones included';
COMMENT ON COLUMN echolon.version_store.seconds IS 'How long the training took';
COMMENT ON COLUMN echolon.version_store.fingerprint IS 'Hash of data, parameters and seed, hexadecimal';
COMMENT ON COLUMN echolon.version_store.digest IS 'First 128 bits of the SHA-256 of the model''s bytes';
COMMENT ON COLUMN echolon.version_store.bytes IS 'Length of the model''s bytes';
COMMENT ON COLUMN echolon.version_store.notes IS 'What its user should know, one sentence an element';
COMMENT ON COLUMN echolon.version_store.trained_at IS 'When it was stored';
COMMENT ON COLUMN echolon.version_store.trained_by IS 'Name of the role that trained it';
COMMENT ON COLUMN echolon.version_store.activated_at IS 'When it was last made the active one, other than by a rollback; NULL: never';
COMMENT ON COLUMN echolon.version_store.retired_at IS 'When its bytes were deleted; NULL: they are there';
COMMENT ON COLUMN echolon.version_store.importance IS 'Importance of the features: [[feature, importance, splits], ...], the most important first';

CREATE TABLE echolon.chunk_store (
	version_id bigint NOT NULL,
	chunk integer NOT NULL CHECK (chunk OPERATOR(pg_catalog.>=) 0),
	bytes bytea NOT NULL,
	PRIMARY KEY (version_id, chunk)
);
-- compressing model bytes costs seconds and gains little
ALTER TABLE echolon.chunk_store ALTER COLUMN bytes SET STORAGE EXTERNAL;
COMMENT ON TABLE echolon.chunk_store IS 'Private: the bytes of a version in pieces of 8 MB, which a dump can carry';
COMMENT ON COLUMN echolon.chunk_store.version_id IS 'Its version';
COMMENT ON COLUMN echolon.chunk_store.chunk IS '0, 1, ...';
COMMENT ON COLUMN echolon.chunk_store.bytes IS 'Up to 8 MB; docs/model-format.md describes the whole';

CREATE TABLE echolon.grant_store (
	model_id bigint NOT NULL,
	grantee text COLLATE "C" NOT NULL,
	grantee_stamp text COLLATE "C" NOT NULL,
	privilege smallint NOT NULL CHECK (privilege OPERATOR(pg_catalog.>=) 1 AND privilege OPERATOR(pg_catalog.<=) 3),
	granted_by text COLLATE "C" NOT NULL,
	granted_at timestamptz NOT NULL,
	PRIMARY KEY (model_id, grantee)
);
COMMENT ON TABLE echolon.grant_store IS 'Private: who beside its owner has a right to a model. echolon_grant_model writes it';
COMMENT ON COLUMN echolon.grant_store.model_id IS 'The model';
COMMENT ON COLUMN echolon.grant_store.grantee IS 'Name of a role, or public';
COMMENT ON COLUMN echolon.grant_store.grantee_stamp IS 'Cluster and number of that role when it was written; empty for public';
COMMENT ON COLUMN echolon.grant_store.privilege IS '1 predict, 2 train, 3 own; each one contains those before it';
COMMENT ON COLUMN echolon.grant_store.granted_by IS 'Name of the role that granted it';
COMMENT ON COLUMN echolon.grant_store.granted_at IS 'When';

CREATE TABLE echolon.holdout_store (
	version_id bigint PRIMARY KEY,
	held_out bigint NOT NULL,
	outputs integer NOT NULL CHECK (outputs OPERATOR(pg_catalog.>) 0),
	actual double precision[] NOT NULL,
	predicted double precision[] NOT NULL,
	weight double precision[]
);
COMMENT ON TABLE echolon.holdout_store IS 'Private: a sample of at most 20,000 held-out rows with their predictions, for curves and reports';
COMMENT ON COLUMN echolon.holdout_store.version_id IS 'Its version';
COMMENT ON COLUMN echolon.holdout_store.held_out IS 'Held-out rows there were';
COMMENT ON COLUMN echolon.holdout_store.outputs IS 'Numbers a prediction has: 1, or one a class';
COMMENT ON COLUMN echolon.holdout_store.actual IS 'The value, or the number of the class, of a row';
COMMENT ON COLUMN echolon.holdout_store.predicted IS 'The predictions, row by row';
COMMENT ON COLUMN echolon.holdout_store.weight IS 'Weight of a row; NULL where all weigh the same';

REVOKE ALL ON echolon.model_store FROM PUBLIC;
REVOKE ALL ON echolon.version_store FROM PUBLIC;
REVOKE ALL ON echolon.chunk_store FROM PUBLIC;
REVOKE ALL ON echolon.grant_store FROM PUBLIC;
REVOKE ALL ON echolon.holdout_store FROM PUBLIC;
REVOKE ALL ON SEQUENCE echolon.model_store_id_seq FROM PUBLIC;
REVOKE ALL ON SEQUENCE echolon.version_store_id_seq FROM PUBLIC;

-- pg_dump carries models.  Each call is a statement of its own.
SELECT pg_catalog.pg_extension_config_dump('echolon.model_store', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.model_store_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.version_store', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.version_store_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.chunk_store', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.grant_store', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.holdout_store', '');

/* ---- what the views ask ---- */

CREATE FUNCTION echolon.has_model_role(role text, stamp text) RETURNS boolean
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_has_model_role';
COMMENT ON FUNCTION echolon.has_model_role(text, text) IS
'Has the current user the rights of a stored role: is it that role, a member of it, or a superuser?
role: a name, or public. stamp: what is stored beside it. A role that no longer exists, or was created anew under the name, is nobody: only superusers have its rights.';

CREATE FUNCTION echolon.model_state(relation text, relation_stamp text, relation_owner_stamp text, owner text, owner_stamp text,
	columns text[], target text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_model_state';
COMMENT ON FUNCTION echolon.model_state(text, text, text, text, text, text[], text) IS
'Can a model still be used and retrained on its relation?
ready, relation missing, relation of another role (made in the place of the one it was trained on), or column missing: x, compared with the catalog now; imported, no relation where that is empty. relation: schema.name, quoted where needed; it and the owner as they are stored, each with its stamps. columns: what a row must bring. target: the column that is predicted.';

GRANT EXECUTE ON FUNCTION echolon.has_model_role(text, text) TO PUBLIC;
GRANT EXECUTE ON FUNCTION echolon.model_state(text, text, text, text, text, text[], text) TO PUBLIC;

/* ---- the views ---- */

/* Every view of models begins with this one, which says who may see what. */
CREATE VIEW echolon.visible_models WITH (security_barrier) AS
SELECT m.id, m.model, m.owner, m.owner_stamp, m.relation, m.relation_stamp, m.relation_owner_stamp, m.target, m.task,
	m.keep_versions
FROM echolon.model_store m
WHERE echolon.has_model_role(m.owner, m.owner_stamp)
	OR EXISTS (SELECT 1 FROM echolon.grant_store g
		WHERE g.model_id OPERATOR(pg_catalog.=) m.id
			AND echolon.has_model_role(g.grantee, g.grantee_stamp));
COMMENT ON VIEW echolon.visible_models IS 'Private: the models the current user may see, its own and those granted to it. The views are made of it';
COMMENT ON COLUMN echolon.visible_models.id IS 'Number of the model in this database';
COMMENT ON COLUMN echolon.visible_models.model IS 'Name of the model';
COMMENT ON COLUMN echolon.visible_models.owner IS 'Role that owns the model';
COMMENT ON COLUMN echolon.visible_models.owner_stamp IS 'Cluster and number of that role when it was written';
COMMENT ON COLUMN echolon.visible_models.relation IS 'Relation it is trained on, or empty';
COMMENT ON COLUMN echolon.visible_models.relation_stamp IS 'Database and number of the relation when its owner last trained on it';
COMMENT ON COLUMN echolon.visible_models.relation_owner_stamp IS 'Cluster and number of the role that owned it';
COMMENT ON COLUMN echolon.visible_models.target IS 'Column it predicts';
COMMENT ON COLUMN echolon.visible_models.task IS 'regression or classification';
COMMENT ON COLUMN echolon.visible_models.keep_versions IS 'How many of its newest versions keep their bytes; 0: all';
REVOKE ALL ON echolon.visible_models FROM PUBLIC;

CREATE VIEW echolon.models WITH (security_barrier) AS
SELECT m.model, m.task, v.algorithm, NULLIF(m.relation, '') AS relation, m.target, v.version,
	v.metric, v.score, v.train_score, v.baseline, v.rows_used,
	v.trained_at, v.trained_by, m.owner,
	echolon.model_state(m.relation, m.relation_stamp, m.relation_owner_stamp, m.owner, m.owner_stamp, v.columns, m.target) AS state
FROM echolon.visible_models m
	JOIN echolon.version_store v ON v.model_id OPERATOR(pg_catalog.=) m.id AND v.active;
COMMENT ON VIEW echolon.models IS
'The models the current user may see (its own, those granted to it), each with its active version';
COMMENT ON COLUMN echolon.models.model IS 'Name of the model';
COMMENT ON COLUMN echolon.models.task IS 'regression or classification';
COMMENT ON COLUMN echolon.models.algorithm IS 'random_forest or gradient_boosting';
COMMENT ON COLUMN echolon.models.relation IS 'Relation it was trained on: schema.name, quoted where needed; NULL for an imported model that was given none';
COMMENT ON COLUMN echolon.models.target IS 'Column it predicts';
COMMENT ON COLUMN echolon.models.version IS 'The active version';
COMMENT ON COLUMN echolon.models.metric IS 'Name of the metric that score, train_score and baseline are';
COMMENT ON COLUMN echolon.models.score IS 'The metric on rows the model was not fitted on';
COMMENT ON COLUMN echolon.models.train_score IS 'The metric on the training rows: far better than score means overfitting';
COMMENT ON COLUMN echolon.models.baseline IS 'The metric of the naive prediction it must beat';
COMMENT ON COLUMN echolon.models.rows_used IS 'Usable rows, held-out ones included';
COMMENT ON COLUMN echolon.models.trained_at IS 'When the active version was stored';
COMMENT ON COLUMN echolon.models.trained_by IS 'Role that trained the active version';
COMMENT ON COLUMN echolon.models.owner IS 'Role that owns the model';
COMMENT ON COLUMN echolon.models.state IS 'ready; relation missing, relation of another role (made in the place of the one it was trained on), or column missing: x, as the catalog stands now; or imported, no relation';
GRANT SELECT ON echolon.models TO PUBLIC;

CREATE VIEW echolon.model_versions WITH (security_barrier) AS
SELECT m.model, v.version, v.active, v.algorithm, m.task,
	v.metric, v.score, v.train_score, v.baseline, v.rows_used, v.seconds,
	v.parameters, v.metrics, v.fingerprint,
	pg_catalog.encode(v.digest, 'hex') AS digest, v.bytes, v.notes,
	v.trained_at, v.trained_by, v.activated_at, v.retired_at
FROM echolon.visible_models m
	JOIN echolon.version_store v ON v.model_id OPERATOR(pg_catalog.=) m.id;
COMMENT ON VIEW echolon.model_versions IS
'All versions of the models the current user may see';
COMMENT ON COLUMN echolon.model_versions.model IS 'Name of the model';
COMMENT ON COLUMN echolon.model_versions.version IS '1, 2, ... within the model';
COMMENT ON COLUMN echolon.model_versions.active IS 'The version that predicts where none is asked for';
COMMENT ON COLUMN echolon.model_versions.algorithm IS 'random_forest or gradient_boosting';
COMMENT ON COLUMN echolon.model_versions.task IS 'regression or classification';
COMMENT ON COLUMN echolon.model_versions.metric IS 'Name of the metric that score, train_score and baseline are';
COMMENT ON COLUMN echolon.model_versions.score IS 'The metric on rows the version was not fitted on';
COMMENT ON COLUMN echolon.model_versions.train_score IS 'The metric on the training rows';
COMMENT ON COLUMN echolon.model_versions.baseline IS 'The metric of the naive prediction it must beat';
COMMENT ON COLUMN echolon.model_versions.rows_used IS 'Usable rows, held-out ones included';
COMMENT ON COLUMN echolon.model_versions.seconds IS 'How long the training took';
COMMENT ON COLUMN echolon.model_versions.parameters IS 'All parameters as they were used';
COMMENT ON COLUMN echolon.model_versions.metrics IS 'All metrics; measured_on says on which rows';
COMMENT ON COLUMN echolon.model_versions.fingerprint IS 'Hash of data, parameters and seed, hexadecimal';
COMMENT ON COLUMN echolon.model_versions.digest IS 'First 128 bits of the SHA-256 of the model''s bytes, hexadecimal: equal digests are equal models';
COMMENT ON COLUMN echolon.model_versions.bytes IS 'Length of the model''s bytes';
COMMENT ON COLUMN echolon.model_versions.notes IS 'What its user should know, one sentence an element';
COMMENT ON COLUMN echolon.model_versions.trained_at IS 'When it was stored';
COMMENT ON COLUMN echolon.model_versions.trained_by IS 'Role that trained it';
COMMENT ON COLUMN echolon.model_versions.activated_at IS 'When it was last made the active one, other than by a rollback; NULL: never';
COMMENT ON COLUMN echolon.model_versions.retired_at IS 'When its bytes were deleted (keep_versions): it no longer predicts, its record stays; NULL: they are there';
GRANT SELECT ON echolon.model_versions TO PUBLIC;

/* ---- what is done with models ---- */

CREATE FUNCTION echolon_drop_model(model text) RETURNS integer
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_drop_model';
COMMENT ON FUNCTION echolon_drop_model(text) IS
'Drop a model with all its versions and grants.
Returns how many versions there were. Needs the right own.
Errors: no such model; no right to it; a read-only transaction or a standby.
SELECT echolon_drop_model(''sales_revenue'');';

CREATE FUNCTION echolon_grant_model(model text, role text, privilege text DEFAULT 'predict')
	RETURNS void
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_grant_model';
COMMENT ON FUNCTION echolon_grant_model(text, text, text) IS
'Let a role, and the members of it, use a model.
role: the name of a role as it stands in pg_roles, or public for everyone. privilege: predict (use it, see its scores), train (and add versions, activate), own (and grant, drop, read its bytes); each one contains those before it, and a grant never takes one away. Needs the right own.
Errors: no such model, role or privilege; no right to the model.
SELECT echolon_grant_model(''sales_revenue'', ''reporting'');';

CREATE FUNCTION echolon_revoke_model(model text, role text, privilege text DEFAULT 'predict')
	RETURNS void
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_revoke_model';
COMMENT ON FUNCTION echolon_revoke_model(text, text, text) IS
'Take back what echolon_grant_model gave.
privilege: what the role loses, together with those that contain it: predict leaves nothing, train leaves predict, own leaves train. What the role has through another role, through public or as the owner stays. Needs the right own.
Errors: no such model or privilege; no right to the model.
SELECT echolon_revoke_model(''sales_revenue'', ''reporting'');';

CREATE FUNCTION echolon_reassign_models(old_role text, new_role text) RETURNS integer
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_reassign_models';
COMMENT ON FUNCTION echolon_reassign_models(text, text) IS
'Give all models of one role to another, as REASSIGN OWNED does for other objects.
Returns how many there were. Needs the rights of both roles; where old_role was dropped or renamed, or its name has passed to a new role, its models are nobody''s and only a superuser can give them away. Call it before a role is dropped and after one is renamed.
Errors: no such role; no right to it.
SELECT echolon_reassign_models(''anna'', ''analysts'');';
