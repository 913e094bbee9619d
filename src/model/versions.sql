/* ---- versions: activated, rolled back, named, noted, retired ---- */

CREATE TABLE echolon.alias_store (
	model_id bigint NOT NULL,
	alias text COLLATE "C" NOT NULL,
	version integer NOT NULL,
	PRIMARY KEY (model_id, alias)
);
COMMENT ON TABLE echolon.alias_store IS 'Private: names for versions of models. People see echolon.model_aliases';
COMMENT ON COLUMN echolon.alias_store.model_id IS 'The model';
COMMENT ON COLUMN echolon.alias_store.alias IS 'The name; champion is never stored, it is the active version';
COMMENT ON COLUMN echolon.alias_store.version IS 'The version it stands for';
REVOKE ALL ON echolon.alias_store FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('echolon.alias_store', '');

CREATE VIEW echolon.model_aliases WITH (security_barrier) AS
SELECT m.model, n.alias, n.version
FROM echolon.visible_models m
	CROSS JOIN LATERAL (
		SELECT 'champion'::pg_catalog.text COLLATE "C" AS alias, v.version FROM echolon.version_store v
		WHERE v.model_id OPERATOR(pg_catalog.=) m.id AND v.active
		UNION ALL
		SELECT a.alias, a.version FROM echolon.alias_store a
		WHERE a.model_id OPERATOR(pg_catalog.=) m.id) n;
COMMENT ON VIEW echolon.model_aliases IS
'Names of versions, of the models the current user may see; champion is the active one of each';
COMMENT ON COLUMN echolon.model_aliases.model IS 'Name of the model';
COMMENT ON COLUMN echolon.model_aliases.alias IS 'champion, challenger (the latest version that a retraining did not promote), or any other name';
COMMENT ON COLUMN echolon.model_aliases.version IS 'The version it stands for';
GRANT SELECT ON echolon.model_aliases TO PUBLIC;

CREATE FUNCTION echolon_activate(model text, version integer) RETURNS integer
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_activate';
COMMENT ON FUNCTION echolon_activate(text, integer) IS
'Make a version of a model the one that predicts where none is asked for.
Returns the version that was active before. Needs the right train. Statements that have begun go on with the version they began with; other sessions follow when the transaction commits.
Errors: no such model or version; a version whose bytes are gone (keep_versions); no right to it; a read-only transaction or a standby.
SELECT echolon_activate(''sales_revenue'', 1);';

CREATE FUNCTION echolon_activate(model text, alias text) RETURNS integer
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_activate_alias';
COMMENT ON FUNCTION echolon_activate(text, text) IS
'Make the version that an alias stands for the one that predicts where none is asked for.
alias: as in echolon.model_aliases, or a version''s number as text. Otherwise as echolon_activate(model, version).
SELECT echolon_activate(''sales_revenue'', ''challenger'');';

CREATE FUNCTION echolon_rollback(model text) RETURNS integer
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_rollback';
COMMENT ON FUNCTION echolon_rollback(text) IS
'Activate the version that was active before the one that is now; once more goes one further back.
Returns the version that is active now. Needs the right train. The version to go back to is never retired.
Errors: no version was active before; no such model; no right to it; a read-only transaction or a standby.
SELECT echolon_rollback(''sales_revenue'');';

CREATE FUNCTION echolon_set_alias(model text, alias text, version integer) RETURNS void
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_set_alias';
COMMENT ON FUNCTION echolon_set_alias(text, text, integer) IS
'Give a version of a model a name, which is taken from the version that had it.
Where a model is asked for, model@alias then is that version: echolon_predict(''sales_revenue@challenger'', s); echolon_activate takes it too, and echolon_version gives the number for a parameter version. champion is the active version always: setting it activates. A version with an alias is never retired. Needs the right train.
Errors: no such model or version; a retired version; an alias that is empty, longer than 63 bytes, a number, or has an @ in it.
SELECT echolon_set_alias(''sales_revenue'', ''audited'', 1);';

CREATE FUNCTION echolon_drop_alias(model text, alias text) RETURNS void
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_drop_alias';
COMMENT ON FUNCTION echolon_drop_alias(text, text) IS
'Take a name from a version of a model; the version stays. Needs the right train.
Errors: no such model or alias; champion, which is the active version.
SELECT echolon_drop_alias(''sales_revenue'', ''audited'');';

CREATE FUNCTION echolon_version(model text, alias text DEFAULT 'champion') RETURNS integer
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_version';
COMMENT ON FUNCTION echolon_version(text, text) IS
'The number of the version that an alias of a model stands for; without alias that of the active one.
Needs the right predict. Errors: no such model or alias.
SELECT echolon_predict(''sales_revenue'', s, version => echolon_version(''sales_revenue'', ''challenger'')) FROM sales s;';

CREATE FUNCTION echolon_add_note(model text, version integer, note text) RETURNS void
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_add_note';
COMMENT ON FUNCTION echolon_add_note(text, integer, text) IS
'Add a sentence to the notes of a version, in echolon.model_versions. Needs the right train.
Errors: no such model or version; no right to it; a read-only transaction or a standby.
SELECT echolon_add_note(''sales_revenue'', 2, ''trained without the spring sale'');';

CREATE FUNCTION echolon_keep_versions(model text, keep integer) RETURNS integer
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_keep_versions';
COMMENT ON FUNCTION echolon_keep_versions(text, integer) IS
'How many of its newest versions a model keeps, 5 until it is said otherwise, 0 for all; now, and whenever a version is added.
Older ones are retired: their bytes and held-out samples are deleted, their records (parameters, metrics, notes) stay. The active version, the one a rollback goes to, and those with an alias never are. Returns how many were retired now. Needs the right own.
Errors: no such model; no right to it; a number below 0.
SELECT echolon_keep_versions(''sales_revenue'', 3);';
