-- Predictions that are kept: which rows, what of them, who sees them, and until when.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE sales AS SELECT *, id % 2 AS flag, ('00000000-0000-0000-0000-' || lpad(id::text, 12, '0'))::uuid AS ref, date '2024-01-01' + id AS day, CASE WHEN id > 50 THEN 'row ' || id END AS name, (id || '')::char(8) AS padded,
	now() AS moment FROM pg_temp.rows(1000);
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'y', features => '{a,b,colour}', n_estimators => 20, model => 'amount')$$, 'a regression'),
	lives_ok($$SELECT echolon_train_rf('sales', 'label', features => '{a,b,colour}', n_estimators => 10, model => 'label')$$, 'two classes'),
	lives_ok($$SELECT echolon_train_rf('sales', 'flag', features => '{a,b,colour,name}', task => 'classification', n_estimators => 10, model => 'flag')$$, 'classes that are numbers');

-- ---- what is kept
SELECT is(echolon_log_predictions('amount', 'sales', 'id'), 1000::bigint, 'all rows');
SELECT is(count(*), 1000::bigint, 'are there'), is(count(*) FILTER (WHERE l.prediction = echolon_predict('amount', s)), 1000::bigint, 'as echolon_predict has them'),
	is(min(l.model || ' ' || l.version || ' ' || l.relation || ' ' || l.role), 'amount 1 ' || (SELECT relation FROM echolon.models WHERE model = 'amount') || ' ' || current_user, 'with what they are of'),
	is(count(DISTINCT l.at), 1::bigint, 'at one time'), is(count(l.class) + count(l.probability) + count(l.probabilities), 0::bigint, 'without classes')
FROM echolon.predictions_log AS l JOIN sales AS s ON s.id::text = l.key;
SELECT is(round(echolon_rmse(s.y, l.prediction)::numeric, 9), (SELECT round(value::numeric, 9) FROM echolon_evaluate('amount', 'sales') WHERE metric = 'rmse'), 'joined with what came of them they are errors')
FROM echolon.predictions_log AS l JOIN sales AS s ON s.id::text = l.key WHERE l.model = 'amount';
SELECT is(echolon_log_predictions('label', 'sales', 'ref'), 1000::bigint, 'classes');
SELECT is(count(*) FILTER (WHERE l.class = echolon_predict_class('label', s) AND l.probabilities = echolon_predict_proba('label', s) AND l.probability = echolon_predict_proba('label', s, l.class) AND l.prediction IS NULL), 1000::bigint, 'have a class and probabilities')
FROM echolon.predictions_log AS l JOIN sales AS s ON s.ref::text = l.key WHERE l.model = 'label';
SELECT is(echolon_log_predictions('flag', 'sales', 'name'), 950::bigint, 'rows without a key are left out; the key may be a column of the model');
SELECT is(count(*) FILTER (WHERE l.prediction = echolon_predict('flag', s) AND l.class = echolon_predict_class('flag', s)), 950::bigint, 'classes that are numbers are both')
FROM echolon.predictions_log AS l JOIN sales AS s ON s.name = l.key WHERE l.model = 'flag';
SELECT is(echolon_log_predictions('amount', 'sales', 'day', version => 1), 1000::bigint, 'again, by date') FROM (SELECT set_config('datestyle', 'German', true)) AS d;
SET LOCAL datestyle = 'ISO';
SELECT is((SELECT count(*) FROM echolon.predictions_log AS l JOIN sales AS s ON s.day::text = l.key), 1000::bigint, 'dates are ISO in any session');
SELECT is(echolon_log_predictions('amount', 'sales', 'padded'), 1000::bigint, 'char(n)');
SELECT is((SELECT count(*) FROM echolon.predictions_log AS l JOIN sales AS s ON s.padded::text = l.key WHERE l.at = (SELECT max(at) FROM echolon.predictions_log)), 1000::bigint, 'as a cast to text has it');
SELECT is(echolon_prune_predictions('amount', '0'), 3000::bigint, 'a time of 0 deletes all');

-- ---- samples
SELECT cmp_ok(echolon_log_predictions('amount', 'sales', 'id', sample_fraction => 0.1), '<', 140::bigint, 'about a tenth');
CREATE TEMP TABLE tenth AS SELECT key FROM echolon.predictions_log WHERE model = 'amount';
SELECT cmp_ok((SELECT count(*) FROM tenth), '>', 60::bigint, 'of the rows'), is(echolon_prune_predictions('amount', '0'), (SELECT count(*) FROM tenth), 'is kept');
CREATE TABLE shuffled AS SELECT * FROM sales ORDER BY md5(id::text);
SELECT is(echolon_log_predictions('amount', 'shuffled', 'id', 0.1), (SELECT count(*) FROM tenth), 'the same number in another order');
SELECT set_eq($$SELECT key FROM echolon.predictions_log WHERE model = 'amount'$$, 'SELECT key FROM tenth', 'the same rows');
SELECT is(echolon_prune_predictions('amount', '0') > 0, true, 'away'), cmp_ok(echolon_log_predictions('amount', 'sales', 'id', 0.3), '<', 360::bigint, 'more');
SELECT is_empty($$SELECT key FROM tenth EXCEPT SELECT key FROM echolon.predictions_log WHERE model = 'amount'$$, 'contains the fewer');
SELECT is(echolon_prune_predictions('amount', '0') > 0, true, 'away'), is(echolon_log_predictions('amount', 'sales', 'id', 0.1, seed => 7) > 0, true, 'another seed');
SELECT isnt((SELECT array_agg(key ORDER BY key) FROM echolon.predictions_log WHERE model = 'amount'), (SELECT array_agg(key ORDER BY key) FROM tenth), 'gives other rows');

-- ---- age
SELECT is(echolon_prune_predictions('amount', '1 day'), 0::bigint, 'none is so old');
UPDATE echolon.prediction_store SET at = at - interval '100 days' WHERE key::int % 2 = 0 AND model_id = (SELECT id FROM echolon.model_store WHERE model = 'amount');
SELECT cmp_ok(echolon_prune_predictions('amount', '90 days'), '>', 10::bigint, 'those that are go');
SELECT is((SELECT count(*) FROM echolon.predictions_log WHERE model = 'amount' AND at < now() - interval '90 days'), 0::bigint, 'all of them'), cmp_ok((SELECT count(*) FROM echolon.predictions_log WHERE model = 'amount'), '>', 10::bigint, 'and no other');

-- ---- a parallel plan, errors
SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0;
SELECT is(echolon_log_predictions('amount', 'sales', 'id'), 1000::bigint, 'a relation that is read in parallel');
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
CREATE VIEW none AS SELECT * FROM sales WHERE false;
SELECT is(echolon_log_predictions('amount', 'none', 'id'), 0::bigint, 'no rows');
SELECT matches(pg_temp.error_of(format('SELECT echolon_log_predictions(%s)', args)), error, args)
FROM (VALUES ('NULL, ''sales'', ''id''', '22004 parameter "model" must not be null'), ('''amount'', ''sales'', NULL', '22004 parameter "key" must not be null'), ('''nobody'', ''sales'', ''id''', 'model "nobody" does not exist'),
	('''amount'', ''sales'', ''idd''', 'column "idd" does not exist in "sales"'), ('''amount'', ''sales'', ''a''', '42804 column "a" has type double precision, which cannot be a key'), ('''amount'', ''sales'', ''moment''', '42804 column "moment" has type timestamp with time zone'),
	('''amount'', ''sales'', ''id'', 0', '22023 parameter "sample_fraction" is out of range'), ('''amount'', ''sales'', ''id'', 1.1', '22023 parameter "sample_fraction" is out of range'), ('''amount'', ''sales'', ''id'', ''NaN''', '22023 parameter "sample_fraction" is out of range'),
	('''amount'', ''sales'', ''id'', version => 0', '22023 version must be at least 1'), ('''amount'', ''sales'', ''id'', version => 9', 'has no version 9'), ('''amount'', ''pg_class'', ''relname''', 'column "a" does not exist')) AS e (args, error);
SELECT matches(pg_temp.error_of(format('SELECT echolon_prune_predictions(%s)', args)), error, args)
FROM (VALUES ('''amount'', NULL', '22004 parameter "older_than" must not be null'), ('''amount'', ''-1 day''', '22023 parameter "older_than" is out of range'), ('''nobody'', ''1 day''', 'model "nobody" does not exist')) AS e (args, error);

-- ---- rights
CREATE ROLE echolon_tap_logger;
GRANT SELECT ON tenth TO PUBLIC;
CREATE ROLE echolon_tap_other;
CREATE ROLE echolon_tap_boss;
GRANT SELECT ON sales TO echolon_tap_logger;
SET ROLE echolon_tap_logger;
SELECT matches(pg_temp.error_of($$SELECT echolon_log_predictions('amount', 'sales', 'id')$$), 'model "amount" does not exist', 'not without a right');
SELECT is(pg_temp.error_of('SELECT * FROM echolon.prediction_store'), '42501 permission denied for table prediction_store', 'the table is private'), is((SELECT count(*) FROM echolon.predictions_log), 0::bigint, 'what others logged is not seen');
RESET ROLE;
SELECT echolon_grant_model('amount', 'echolon_tap_logger'), echolon_grant_model('amount', 'echolon_tap_other'), echolon_grant_model('amount', 'echolon_tap_boss', 'own');
SET ROLE echolon_tap_logger;
SELECT is((SELECT count(*) FROM echolon.predictions_log), 0::bigint, 'nor with the right to predict'), is(echolon_log_predictions('amount', 'sales', 'id', 0.1), (SELECT count(*) FROM tenth), 'which lets it log');
SELECT is((SELECT count(*) FROM echolon.predictions_log WHERE role = 'echolon_tap_logger'), (SELECT count(*) FROM echolon.predictions_log), 'and see what it has logged');
SELECT matches(pg_temp.error_of($$SELECT echolon_log_predictions('amount', 'shuffled', 'id')$$), '^42501 permission denied for table shuffled', 'of what it may read');
SET ROLE echolon_tap_other;
SELECT is((SELECT count(*) FROM echolon.predictions_log), 0::bigint, 'another one sees none of it'), is(echolon_prune_predictions('amount', '0'), 0::bigint, 'and deletes none');
SET ROLE echolon_tap_boss;
SELECT cmp_ok((SELECT count(*) FROM echolon.predictions_log), '>', 1000::bigint, 'who owns the model sees all');
SET ROLE echolon_tap_logger;
SELECT is(echolon_prune_predictions('amount', '0'), (SELECT count(*) FROM tenth), 'one''s own can be deleted');
SET ROLE echolon_tap_boss;
SELECT cmp_ok(echolon_prune_predictions('amount', '0'), '>=', 1000::bigint, 'and all by who owns the model');
RESET ROLE;
SELECT is((SELECT count(*) FROM echolon.predictions_log WHERE model = 'label'), 1000::bigint, 'those of other models stay');
SELECT echolon_drop_model('label');
SELECT is((SELECT count(*) FROM echolon.prediction_store AS p WHERE NOT EXISTS (SELECT 1 FROM echolon.model_store AS m WHERE m.id = p.model_id)), 0::bigint, 'and go with it');

SELECT * FROM finish();
ROLLBACK;
