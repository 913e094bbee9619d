-- Who may see and do what: owner, member, grantee, public, stranger; and roles that come and go.
SET client_min_messages = warning;
SELECT current_database() AS db \gset
CREATE DATABASE regress_echolon_rights;
\c regress_echolon_rights
SET client_min_messages = warning;
-- default privileges of the one who creates the extension do not open its tables
CREATE ROLE regress_stranger;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC, regress_stranger;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC, regress_stranger;
CREATE EXTENSION echolon;
SELECT c.relname, g.grantee::regrole, g.privilege_type
FROM pg_class c, aclexplode(c.relacl) g
WHERE c.relnamespace = 'echolon'::regnamespace AND c.relkind IN ('r', 'S') AND g.grantee <> c.relowner;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC, regress_stranger;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM PUBLIC, regress_stranger;
DROP OWNED BY regress_stranger;

CREATE ROLE regress_owner;
CREATE ROLE regress_team;
CREATE ROLE regress_member IN ROLE regress_team;
CREATE TABLE rights_t AS SELECT i % 50 AS a, (i % 50) * 2.5 AS b FROM generate_series(1, 200) i;
CREATE TABLE rights_row AS SELECT * FROM rights_t LIMIT 1;
GRANT SELECT ON rights_t, rights_row TO PUBLIC;

-- for operators that someone puts in front of PostgreSQL's
CREATE SCHEMA regress_hostile AUTHORIZATION regress_stranger;

-- any role may train
SET ROLE regress_owner;
SELECT model, version FROM echolon_train_rf('rights_t', 'b', model => 'mine', n_estimators => 2);
SELECT model, owner, trained_by FROM echolon.models;

-- a stranger sees nothing
SET ROLE regress_stranger;
SELECT model FROM echolon.models;
SELECT model FROM echolon.model_versions;
SELECT * FROM echolon.model_store;
SELECT * FROM echolon.version_store;
SELECT * FROM echolon.chunk_store;
SELECT * FROM echolon.grant_store;
SELECT * FROM echolon.holdout_store;
SELECT last_value FROM echolon.model_store_id_seq;
SELECT nextval('echolon.version_store_id_seq');
-- not through a function that is cheaper than the view's filter
CREATE FUNCTION pg_temp.peek(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
$$ BEGIN RAISE WARNING 'saw %', $1; RETURN true; END $$;
SELECT model FROM echolon.models WHERE pg_temp.peek(model);
SELECT model FROM echolon.model_versions WHERE pg_temp.peek(model);
-- nor are operators of their own run with other rights than theirs
CREATE FUNCTION regress_hostile.equal(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING '% compared %', current_user, $1; RETURN true; END $$;
CREATE FUNCTION regress_hostile.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING '% compared %', current_user, $1; RETURN true; END $$;
CREATE OPERATOR regress_hostile.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = regress_hostile.equal);
CREATE OPERATOR regress_hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_hostile.equal);
SET search_path = regress_hostile, pg_catalog, public;
SELECT 1::bigint = 2::bigint AS it_works;
SELECT model FROM echolon.models;
SELECT model, version FROM echolon_train_rf('rights_t', 'b', model => 'theirs', n_estimators => 2);
SELECT model, version FROM echolon_train_rf('rights_t', 'b', model => 'theirs', n_estimators => 2);
SELECT echolon_activate('theirs', 1) AS before;
SELECT echolon_grant_model('theirs', 'regress_team');
SELECT echolon_revoke_model('theirs', 'regress_team');
SELECT echolon_reassign_models('regress_stranger', 'regress_stranger') AS models;
SELECT model FROM echolon.models;
SELECT version FROM echolon.model_versions ORDER BY 1;
SELECT echolon_drop_model('theirs') AS versions;
RESET search_path;

-- and can do nothing: the model does not exist for them, as one that does not
SELECT echolon_predict('mine', r) FROM rights_row r;
SELECT echolon_predict('none', r) FROM rights_row r;
SELECT echolon_predict('min', r) FROM rights_row r;
SELECT * FROM echolon_metrics('mine');
SELECT * FROM echolon_feature_importance('mine');
SELECT echolon_activate('mine', 1);
SELECT echolon_drop_model('mine');
SELECT echolon_export_model('mine');
SELECT echolon_grant_model('mine', 'regress_stranger');
SELECT echolon_grant_model('mine', 'public', 'own');
SELECT echolon_revoke_model('mine', 'regress_owner');
SELECT echolon_reassign_models('regress_owner', 'regress_stranger');
SELECT model FROM echolon_train_rf('rights_t', 'b', model => 'mine', n_estimators => 2);
INSERT INTO echolon.grant_store VALUES (1, 'regress_stranger', '', 3, 'me', now());
UPDATE echolon.model_store SET owner = 'regress_stranger';
DELETE FROM echolon.version_store;
TRUNCATE echolon.chunk_store;
DROP VIEW echolon.models;
ALTER TABLE echolon.grant_store DISABLE TRIGGER ALL;
CREATE TABLE echolon.mine ();
-- no function runs with the rights of its owner
SELECT p.oid::regprocedure FROM pg_proc p
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'echolon') AND p.prosecdef;
-- the user is the same after a write, and after one that failed
SELECT model, version FROM echolon_train_rf('rights_t', 'b', model => 'theirs', n_estimators => 2);
SELECT current_user;
DO $$
BEGIN
	PERFORM echolon_grant_model('theirs', 'no such role');
EXCEPTION WHEN undefined_object THEN
	RAISE WARNING '%: % goes on', SQLERRM, current_user;
END
$$;
SELECT model, owner FROM echolon.models;
SELECT echolon_drop_model('theirs') AS versions;

-- predict: uses it and sees its scores, no more
SET ROLE regress_owner;
SELECT echolon_grant_model('mine', 'regress_team');
SELECT echolon_grant_model('mine', 'no such role');
SELECT echolon_grant_model('mine', 'regress_team', 'everything');
SET ROLE regress_member;
SELECT model, owner FROM echolon.models;
SELECT echolon_predict('mine', r) IS NOT NULL AS predicts FROM rights_row r;
SELECT count(*) > 0 AS metrics FROM echolon_metrics('mine');
SELECT echolon_predict('main', r) FROM rights_row r;
SELECT echolon_activate('mine', 1);
SELECT echolon_export_model('mine');
SELECT echolon_grant_model('mine', 'public');
SELECT model FROM echolon_train_rf('rights_t', 'b', model => 'mine', n_estimators => 2);
SET ROLE regress_stranger;
SELECT model FROM echolon.models;

-- train: adds versions; the model stays the owner's
SET ROLE regress_owner;
SELECT echolon_grant_model('mine', 'regress_team', 'train');
SET ROLE regress_member;
SELECT model, version FROM echolon_train_rf('rights_t', 'b', model => 'mine', n_estimators => 3);
SELECT version, trained_by, active FROM echolon.model_versions ORDER BY version;
SELECT owner FROM echolon.models;
SELECT echolon_activate('mine', 1) AS before;
SELECT echolon_drop_model('mine');

-- own: all of it
SET ROLE regress_owner;
SELECT echolon_grant_model('mine', 'regress_team', 'own');
SET ROLE regress_member;
SELECT octet_length(echolon_export_model('mine')) > 0 AS bytes;
SELECT echolon_grant_model('mine', 'regress_stranger');

-- a smaller grant takes nothing away; a revocation leaves what is below it
SET ROLE regress_owner;
SELECT echolon_grant_model('mine', 'regress_team', 'predict');
SET ROLE regress_member;
SELECT echolon_activate('mine', 2) AS before;
SET ROLE regress_owner;
SELECT echolon_revoke_model('mine', 'regress_team', 'own');
SET ROLE regress_member;
SELECT echolon_activate('mine', 1) AS before;
SELECT echolon_export_model('mine');
SET ROLE regress_owner;
SELECT echolon_revoke_model('mine', 'regress_team', 'train');
SET ROLE regress_member;
SELECT echolon_activate('mine', 2);
SELECT echolon_predict('mine', r) IS NOT NULL AS predicts FROM rights_row r;
SET ROLE regress_owner;
SELECT echolon_revoke_model('mine', 'regress_team');
SELECT echolon_revoke_model('mine', 'regress_team');
SELECT echolon_revoke_model('mine', 'regress_stranger');
SELECT echolon_revoke_model('mine', 'no such role');
SET ROLE regress_member;
SELECT echolon_predict('mine', r) FROM rights_row r;

-- public, and a view, which lends no rights
SET ROLE regress_owner;
SELECT echolon_grant_model('mine', 'public');
SET ROLE regress_stranger;
SELECT model FROM echolon.models;
SELECT echolon_predict('mine', r) IS NOT NULL AS predicts FROM rights_row r;
SET ROLE regress_owner;
SELECT echolon_revoke_model('mine', 'public');
RESET ROLE;
CREATE VIEW rights_view AS SELECT echolon_predict('mine', r) AS p FROM rights_row r;
GRANT SELECT ON rights_view TO PUBLIC;
SET ROLE regress_stranger;
SELECT * FROM rights_view;

-- a superuser sees all; a row that a dropped role owned is the superusers' alone,
-- also when there is a role of that name again
RESET ROLE;
SELECT echolon_grant_model('mine', 'regress_stranger');
SELECT model, owner FROM echolon.models;
DROP OWNED BY regress_stranger, regress_owner;
DROP ROLE regress_stranger, regress_owner;
CREATE ROLE regress_owner;
CREATE ROLE regress_stranger;
SET ROLE regress_stranger;
SELECT model FROM echolon.models;
SET ROLE regress_owner;
SELECT model FROM echolon.models;
SELECT echolon_predict('mine', r) FROM rights_row r;
SELECT echolon_reassign_models('regress_owner', 'regress_owner') AS models;
SELECT model FROM echolon_train_rf('rights_t', 'b', model => 'mine', n_estimators => 2);
RESET ROLE;
SELECT model, owner FROM echolon.models;
SELECT echolon_reassign_models('regress_owner', 'regress_team') AS models;
SET ROLE regress_member;
SELECT model, owner FROM echolon.models;
SELECT echolon_reassign_models('regress_team', 'regress_stranger');
SELECT echolon_reassign_models('no such role', 'regress_member');
SELECT echolon_reassign_models('regress_team', 'regress_member') AS models;
-- a renamed role is another one until its models are given to it
RESET ROLE;
ALTER ROLE regress_member RENAME TO regress_renamed;
SET ROLE regress_renamed;
SELECT model FROM echolon.models;
RESET ROLE;
SELECT echolon_reassign_models('regress_member', 'regress_renamed') AS models;
SET ROLE regress_renamed;
SELECT model, owner FROM echolon.models;
RESET ROLE;

-- restored in another cluster, a name is all there is; the next write stamps it
UPDATE echolon.model_store SET owner = 'regress_stranger', owner_stamp = '1:1';
SET ROLE regress_stranger;
SELECT model FROM echolon.models;
SELECT model, version FROM echolon_train_rf('rights_t', 'b', model => 'mine', n_estimators => 2);
RESET ROLE;
SELECT owner_stamp LIKE '%:' || (SELECT oid FROM pg_roles WHERE rolname = 'regress_stranger') AS stamped
FROM echolon.model_store;

\c :db
DROP DATABASE regress_echolon_rights;
DROP ROLE regress_owner, regress_stranger, regress_team, regress_renamed;
