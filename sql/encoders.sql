-- What a feature set has fitted, used by name; and who may use, refresh and drop it.
SET client_min_messages = warning;
CREATE TABLE encoded (id int PRIMARY KEY, shop text, size varchar(5), open boolean, revenue numeric(10, 2), visits int);
INSERT INTO encoded VALUES
	(1, 'north', 'small', true, 10.00, 1), (2, 'north', 'small', true, 20.00, 2), (3, 'south', 'large', true, 30.00, 2), (4, 'North', 'large', false, 40.00, 2),
	(5, 'north', NULL, NULL, NULL, NULL), (6, 'west', 'small', true, 100.00, 9);
CREATE ROLE regress_features_owner;
CREATE ROLE regress_features_reader;
CREATE ROLE regress_features_column;
CREATE ROLE regress_features_stranger;
CREATE SCHEMA regress_features AUTHORIZATION regress_features_owner;
GRANT USAGE ON SCHEMA regress_features TO PUBLIC;
GRANT SELECT ON encoded TO regress_features_owner, regress_features_reader;
SET ROLE regress_features_owner;
SELECT feature_set, view, features, rows_fitted FROM echolon_create_features('regress_features.encoded_set', 'encoded', families => '{categorical,scaling,business}',
	category_columns => '{shop,size,open,visits}', numeric_columns => '{revenue,visits}', revenue_column => 'revenue', scalings => '{standard,minmax,robust,percentile,bucket}');
ALTER VIEW regress_features.encoded_set RENAME TO shown;

-- ---- values: seen, new, NULL, of another type, without one
SELECT v AS shop, echolon_frequency('regress_features.encoded_set', 'shop', v) AS frequency, echolon_label('regress_features.encoded_set', 'shop', v) AS label
FROM (VALUES ('north'), ('North'), ('south'), ('west'), ('east'), (''), (NULL)) AS t(v);
SELECT echolon_label('regress_features.encoded_set', 'size', 'large'), echolon_label('regress_features.encoded_set', 'size', 'small   '::char(8)), echolon_label('regress_features.encoded_set', 'open', true),
	echolon_label('regress_features.encoded_set', 'open', 'false'), echolon_label('regress_features.encoded_set', 'visits', 9), echolon_label('regress_features.encoded_set', 'visits', 9.00);
SELECT v AS revenue, echolon_percentile('regress_features.encoded_set', 'revenue', v) AS percentile, echolon_bucket('regress_features.encoded_set', 'revenue', v, 4) AS quarter, round(echolon_standardize('regress_features.encoded_set', 'revenue', v)::numeric, 4) AS standard,
	round(echolon_minmax('regress_features.encoded_set', 'revenue', v)::numeric, 4) AS minmax, echolon_robust('regress_features.encoded_set', 'revenue', v) AS robust, echolon_high_value('regress_features.encoded_set', 'revenue', v) AS high
FROM (VALUES (0), (10), (15), (20), (30), (40), (70), (100), (1000), (NULL)) AS t(v);
-- a parameter of a prepared statement, positional and named arguments
PREPARE look(text) AS SELECT echolon_frequency(set_name => 'regress_features.encoded_set', column_name => 'shop', value => $1);
EXECUTE look('north');
EXECUTE look('nobody');
DEALLOCATE look;
-- through the view
SELECT id, shop_freq, shop_code, size_code, open_code, visits_code, high_value, revenue_bucket FROM regress_features.shown ORDER BY id;
-- in parallel workers, as the caller
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT count(*), sum(echolon_frequency('regress_features.encoded_set', 'shop', shop)), sum(echolon_label('regress_features.encoded_set', 'shop', shop)) FROM encoded;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- ---- errors
SELECT echolon_frequency('regress_features.encoded_sets', 'shop', 'north');
SELECT echolon_frequency('nothing_like_it', 'shop', 'north');
SELECT echolon_frequency('regress_features.encoded_set', 'shp', 'north');
SELECT echolon_percentile('regress_features.encoded_set', 'shop', 1);
SELECT echolon_percentile('regress_features.encoded_set', 'revenue', 'much'::text);
SELECT echolon_percentile('regress_features.encoded_set', 'revenue', 'much');
SELECT echolon_frequency('regress_features.encoded_set', 'shop', current_date);
SELECT echolon_bucket('regress_features.encoded_set', 'revenue', 1, 10001);
SELECT echolon_high_value('regress_features.encoded_set', 'revenue', 1, 1);
SELECT echolon_create_features('regress_features.encoded_set', 'encoded');

-- ---- rights: those to the view
SELECT feature_set, view, relation, features, categorical, business, scaling, owner, rows_fitted, created_by, state FROM echolon.feature_sets;
SELECT * FROM echolon.feature_set_store;
SELECT * FROM echolon.feature_fit_store;
SELECT last_value FROM echolon.feature_set_store_id_seq;
GRANT SELECT ON regress_features.shown TO regress_features_reader;
GRANT SELECT (id) ON regress_features.shown TO regress_features_column;

SET ROLE regress_features_reader;
SELECT feature_set, owner FROM echolon.feature_sets;
SELECT echolon_frequency('regress_features.encoded_set', 'shop', 'north');
SELECT count(shop_freq) FROM regress_features.shown;
SELECT echolon_refresh_features('regress_features.encoded_set');
SELECT echolon_drop_features('regress_features.encoded_set');
SELECT echolon_create_features('regress_features.encoded_set', 'encoded');

-- a column of the view is enough to use what was fitted
SET ROLE regress_features_column;
SELECT feature_set FROM echolon.feature_sets;
SELECT echolon_label('regress_features.encoded_set', 'shop', 'north');

-- for others there is no such set
SET ROLE regress_features_stranger;
SELECT feature_set FROM echolon.feature_sets;
CREATE FUNCTION pg_temp.peek(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
$$ BEGIN RAISE WARNING 'saw %', $1; RETURN true; END $$;
SELECT feature_set FROM echolon.feature_sets WHERE pg_temp.peek(feature_set);
SELECT echolon_frequency('regress_features.encoded_set', 'shop', 'north');
SELECT echolon_frequency('regress_features.encoded_se', 'shop', 'north');
SELECT * FROM echolon_feature_summary('regress_features.encoded_set');
SELECT echolon_refresh_features('regress_features.encoded_set');
SELECT echolon_drop_features('regress_features.encoded_set');
SELECT echolon_create_features('regress_features.encoded_set', 'encoded');
-- nor does a hostile operator run as another
RESET ROLE;
CREATE SCHEMA regress_features_hostile AUTHORIZATION regress_features_stranger;
GRANT CREATE ON SCHEMA public TO regress_features_owner;
SET ROLE regress_features_stranger;
CREATE FUNCTION regress_features_hostile.equal(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING '% compared %', current_user, $1; RETURN true; END $$;
CREATE OPERATOR regress_features_hostile.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = regress_features_hostile.equal);
GRANT USAGE ON SCHEMA regress_features_hostile TO PUBLIC;
SET ROLE regress_features_owner;
SET search_path = regress_features_hostile, pg_catalog, public;
SELECT echolon_refresh_features('regress_features.encoded_set');
SELECT feature_set FROM echolon.feature_sets;
RESET search_path;

-- ---- who fits again does it with the rights of the view's owner, not with their own
RESET ROLE;
SET ROLE regress_features_owner;
CREATE FUNCTION regress_features.whoami(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'called as %', current_user; RETURN $1; END $$;
CREATE VIEW regress_features.trap AS SELECT regress_features.whoami(1) AS v, 'a'::text AS c;
SELECT feature_set FROM echolon_create_features('regress_features.trap_set', 'regress_features.trap', families => '{scaling}', numeric_columns => '{v}');
RESET ROLE;
SELECT echolon_refresh_features('regress_features.trap_set');
SELECT current_user = session_user AS myself_again;
SELECT echolon_drop_features('regress_features.trap_set');

-- ---- a right that is lost
SET ROLE regress_features_owner;
REVOKE SELECT ON regress_features.shown FROM regress_features_reader;
SET ROLE regress_features_reader;
SELECT echolon_frequency('regress_features.encoded_set', 'shop', 'north');
RESET ROLE;
ALTER VIEW regress_features.shown OWNER TO regress_features_reader;
SELECT owner FROM echolon.feature_sets WHERE feature_set = 'regress_features.encoded_set';
SET ROLE regress_features_owner;
SELECT echolon_drop_features('regress_features.encoded_set');

-- ---- a view that is gone: its set is nobody's, and its name anyone's
RESET ROLE;
DROP VIEW regress_features.shown;
SELECT feature_set, view, owner, state FROM echolon.feature_sets;
SET ROLE regress_features_owner;
SELECT feature_set FROM echolon.feature_sets;
SELECT echolon_frequency('regress_features.encoded_set', 'shop', 'north');
SELECT echolon_drop_features('regress_features.encoded_set');
CREATE VIEW regress_features.shown AS SELECT 1 AS id;
SELECT echolon_frequency('regress_features.encoded_set', 'shop', 'north');
SELECT feature_set, features FROM echolon_create_features('regress_features.encoded_set', 'encoded', families => '{categorical}', category_columns => '{shop}');
SELECT feature_set, view, owner, state FROM echolon.feature_sets;
SELECT echolon_drop_features('regress_features.encoded_set');
RESET ROLE;
SELECT count(*) FROM echolon.feature_fit_store;

DROP SCHEMA regress_features, regress_features_hostile CASCADE;
DROP TABLE encoded;
REVOKE CREATE ON SCHEMA public FROM regress_features_owner;
DROP OWNED BY regress_features_stranger;
DROP ROLE regress_features_owner, regress_features_reader, regress_features_column, regress_features_stranger;
