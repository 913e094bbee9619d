# Views of cleaned rows: dumped and restored, read and refreshed by others, on and under feature sets, cancelled.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('preprocess');
$node->safe_psql(
	'postgres', q(
	CREATE TABLE visits (id int PRIMARY KEY, shop text, day date, spend float8, guests int, rating text);
	INSERT INTO visits SELECT i, 'shop ' || i % 7, date '2020-01-01' + i / 7, CASE WHEN i % 9 = 0 THEN NULL ELSE (i::int8 * 7919 % 10007) / 7.0 END,
		CASE WHEN i % 11 = 0 THEN NULL ELSE i * 31 % 97 END, (ARRAY['good', 'bad', NULL])[1 + i % 3] FROM generate_series(1, 3000) AS i;
));

# A digest of a view, to the last bit.
sub viewed
{
	my ($database, $view) = @_;
	return $node->safe_psql($database, "SELECT md5(string_agg(md5(record_send(v)), '' ORDER BY id)) FROM $view AS v");
}

# What a statement raises as a role; '' for nothing.
sub raised
{
	my ($role, $sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres', "SET ROLE $role;\n$sql", on_error_stop => 1);
	return $err =~ /ERROR:\s*([^\n]*)/ ? $1 : '';
}

# ---- dumped and restored: the view as it was, and what was asked for
$node->safe_psql(
	'postgres', q(
	SELECT echolon_preprocess('cleaned', 'visits', scale => 'standard', missing_indicators => true, split_by => 'day',
		overrides => '{"rating": {"impute": "constant", "impute_value": "it''s \\\\ none"}}');
	SELECT echolon_preprocess('carried', 'visits', impute => 'forward', date_column => 'day', group_by => '{shop}');
	SELECT echolon_create_features('upon', 'cleaned', 'day', '{spend}', '{}', '{shop}', families => '{rolling}');
	SELECT echolon_preprocess('over', 'upon', impute => 'mean', exclude => '{shop,rating}');
));
my $dump = $node->basedir . '/dump';
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_dump', '-Fd', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $node->connstr('restored'), $dump ], 'pg_restore --jobs');
is(viewed('restored', $_), viewed('postgres', $_), "$_ is the same") for qw(cleaned carried upon over);
is($node->safe_psql('restored', 'SELECT string_agg(state, $$,$$) FROM echolon.preprocessings'), 'ready,ready,ready', 'all are ready');
my $before = viewed('restored', 'cleaned');
is($node->safe_psql('restored', "SELECT count(*) FROM echolon_preprocess_summary('cleaned')"), 7, 'they are listed');
$node->safe_psql('restored', "SELECT echolon_refresh_preprocess('cleaned')");
is(viewed('restored', 'cleaned'), $before, 'a refresh of the same rows changes nothing');
is($node->safe_psql('restored', "SELECT count(*) FROM cleaned AS c JOIN visits AS v USING (id) WHERE to_jsonb(c) <> echolon_preprocess_row('cleaned', v)"),
	0, 'a row alone is treated alike');

# ---- rights
$node->safe_psql(
	'postgres', q(
	CREATE ROLE keeper; CREATE ROLE helper IN ROLE keeper; CREATE ROLE reader; CREATE ROLE stranger;
	CREATE SCHEMA kept AUTHORIZATION keeper;
	CREATE TABLE kept.rows (id int PRIMARY KEY, who name, amount int, size int);
	INSERT INTO kept.rows SELECT i, (ARRAY['keeper', 'reader'])[1 + i % 2], CASE WHEN i % 10 < 2 THEN NULL ELSE i END, i * 37 % 101 FROM generate_series(1, 400) AS i;
	ALTER TABLE kept.rows ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON kept.rows USING (who = current_user);
	GRANT USAGE ON SCHEMA kept TO reader, stranger;
	GRANT SELECT ON kept.rows TO keeper, reader;
	SET ROLE keeper;
	SELECT echolon_preprocess('kept.own', 'kept.rows', impute => 'mean', outliers => 'keep');
	GRANT SELECT ON kept.own TO reader, stranger;
));
my $name = $node->safe_psql('postgres', "SELECT preprocessing FROM echolon.preprocessings WHERE view = 'kept.own'");
is($node->safe_psql('postgres', "SELECT fill = (SELECT avg(amount) FROM kept.rows WHERE who = 'keeper')::float8::text FROM echolon_preprocess_summary('$name') WHERE column_name = 'amount'"),
	't', 'fitted to the rows that its maker may see');
is($node->safe_psql('postgres', 'SET ROLE reader; SELECT count(*), count(*) FILTER (WHERE who <> current_user) FROM kept.own'), '200|0', 'each sees rows of his own');
like(raised('stranger', 'SELECT * FROM kept.own'), qr/permission denied for table rows/, 'who may not read the relation reads none');
like(raised('reader', "SELECT echolon_refresh_preprocess('$name')"), qr/must be owner of view own/, 'a reader refreshes nothing');
# a policy's function runs with the rights of the view's owner, not of whoever refreshes
$node->safe_psql(
	'postgres', q(
	CREATE TABLE kept.seen (who name);
	GRANT INSERT ON kept.seen TO PUBLIC;
	CREATE FUNCTION kept.watch(who name) RETURNS boolean LANGUAGE plpgsql AS
		$$BEGIN INSERT INTO kept.seen SELECT current_user WHERE NOT EXISTS (SELECT FROM kept.seen AS s WHERE s.who = current_user); RETURN who = 'keeper'; END$$;
	GRANT SELECT ON kept.seen TO PUBLIC;
	ALTER POLICY own ON kept.rows USING (kept.watch(who));
));
is($node->safe_psql('postgres', "SET ROLE helper; SELECT echolon_refresh_preprocess('$name')"), 200, 'a member of its owner refreshes it');
is($node->safe_psql('postgres', "SELECT string_agg(who, ',') FROM kept.seen"), 'keeper', 'as its owner');
is($node->safe_psql('postgres', "SET ROLE helper; SELECT echolon_drop_preprocess('$name')"), 3, 'and drops it');
like(raised('keeper', 'SELECT * FROM echolon.preprocess_store'), qr/permission denied/, 'the store is private');

# ---- a cancel leaves nothing
$node->safe_psql('postgres', 'CREATE TABLE many AS SELECT i AS id, i::int8 * 7919 % 10007 AS a, md5(i::text) AS t FROM generate_series(1, 300000) AS i');
like(raised('postgres', "SET statement_timeout = 50; SELECT echolon_preprocess('many_clean', 'many')"), qr/statement timeout/, 'cancelled');
is($node->safe_psql('postgres', "SELECT to_regclass('many_clean') IS NULL AND NOT EXISTS (SELECT FROM echolon.preprocessings WHERE preprocessing = 'many_clean')"), 't', 'nothing is left');

done_testing();
