# Feature sets beyond one session: dumped and restored (in any form, over themselves, elsewhere,
# copied as a database), on a standby, and with several sessions at once.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('features', allows_streaming => 1, auth_extra => [ '--create-role', 'clerk,stranger' ]);
my $dump = $node->basedir . '/dump';
my $ready = "SELECT string_agg(concat_ws(' ', feature_set, view, relation, owner, state, features, rows_fitted, materialized_view), E'\\n' ORDER BY feature_set) FROM echolon.feature_sets";

# Everything a set has fitted, by the functions that use it.
sub used
{
	my ($where, $database, $set, $table) = @_;
	return $where->safe_psql($database, qq(
		SELECT md5(string_agg(concat_ws(' ', echolon_frequency('$set', 'colour', colour), echolon_label('$set', 'colour', colour), echolon_percentile('$set', 'a', a),
			echolon_bucket('$set', 'a', a), echolon_standardize('$set', 'b', b), echolon_minmax('$set', 'b', b), echolon_robust('$set', 'b', b)), ',' ORDER BY id))
		FROM $table));
}

sub viewed
{
	my ($where, $database, $view) = @_;
	return $where->safe_psql($database, "SELECT md5(string_agg(v::text, ',' ORDER BY id)) FROM $view AS v");
}

create_points($node, 1000);
my $parameters = "date_column => 'day', numeric_columns => '{a,b}', category_columns => '{colour}', families => '{rolling,categorical,scaling}', scalings => '{standard,minmax,robust,percentile,bucket}'";
$node->safe_psql(
	'postgres', qq(
	CREATE ROLE analyst;
	CREATE ROLE clerk LOGIN;
	CREATE ROLE stranger LOGIN;
	CREATE SCHEMA "Her Marts" AUTHORIZATION analyst;
	GRANT USAGE ON SCHEMA "Her Marts" TO PUBLIC;
	GRANT SELECT ON points TO analyst, clerk;
	SET ROLE analyst;
	SELECT echolon_create_features('"Her Marts".point_features', 'points', $parameters);
	SELECT echolon_create_features('"Her Marts".stored_features', 'points', $parameters, materialized => true);
	GRANT SELECT ON "Her Marts".point_features TO clerk;
	RESET ROLE;
	CREATE TABLE customers AS SELECT i AS id, 'customer ' || (i::int8 * 7919 % 100000) AS name FROM generate_series(1, 120000) AS i;
	SELECT echolon_create_features('customer_features', 'customers', category_columns => '{name}', families => '{categorical}');
));
my $set = '"Her Marts".point_features';
my $view = '"Her Marts".point_features';
my $customers = "SELECT sum(echolon_label('customer_features', 'name', name)::int8) || ' ' || round(sum(echolon_frequency('customer_features', 'name', name))::numeric, 6) FROM customers";

# A restored database must be the same in everything a user can see.
sub same_as
{
	my ($where, $database, $what) = @_;
	is($where->safe_psql($database, $ready), $node->safe_psql('postgres', $ready), "$what: the sets are the same");
	is(used($where, $database, $set, 'points'), used($node, 'postgres', $set, 'points'), "$what: what was fitted is the same");
	is(viewed($where, $database, $view), viewed($node, 'postgres', $view), "$what: the view is the same");
	is(viewed($where, $database, '"Her Marts".stored_features'), viewed($node, 'postgres', '"Her Marts".stored_features'), "$what: the materialized one too");
	is($where->safe_psql($database, $customers), $node->safe_psql('postgres', $customers), "$what: 100,000 levels");
	is($where->safe_psql($database, "SELECT echolon_frequency('$set', 'colour', 'red') > 0", connstr => $where->connstr($database) . ' user=clerk'), 't', "$what: who may read the view may use the set");
	fails($where, $database, "SELECT echolon_frequency('$set', 'colour', 'red')", qr/feature set .* does not exist/, "$what: others may not", user => 'stranger');
	return;
}

# ---- dumped and restored
$node->command_ok([ 'pg_dump', '-f', "$dump.sql", $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE plain');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", $node->connstr('plain') ], 'the dump loads without an error');
same_as($node, 'plain', 'plain format');
is($node->safe_psql('plain', "SET ROLE analyst; SELECT echolon_refresh_features('$set')"), '1000', 'its owner fits a restored set again');
is(used($node, 'plain', $set, 'points'), used($node, 'postgres', $set, 'points'), 'with the same result');
is($node->safe_psql('plain', "SET ROLE analyst; DROP VIEW $view; CREATE VIEW $view AS SELECT 1 AS id; RESET ROLE; SELECT state FROM echolon.feature_sets WHERE feature_set = '$set'"),
	'view dropped', 'from then on another view of the name is not the set\'s');
is($node->safe_psql('plain', "SELECT id FROM echolon.feature_set_store WHERE name = 'customer_features'"),
	$node->safe_psql('postgres', "SELECT id FROM echolon.feature_set_store WHERE name = 'customer_features'"), 'sets keep their numbers');
is( $node->safe_psql('plain', "SELECT feature_set FROM echolon_create_features('another', 'points', numeric_columns => '{a}', families => '{scaling}')"),
	'another', 'and a new one collides with none');

$node->safe_psql('postgres', 'CREATE DATABASE custom');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.custom", $node->connstr('postgres') ], 'pg_dump -Fc');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('custom'), "$dump.custom" ], 'pg_restore');
same_as($node, 'custom', 'custom format');
# over itself: the same database, in which everything gets another number
$node->command_ok([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', $node->connstr('custom'), "$dump.custom" ], 'pg_restore --clean');
same_as($node, 'custom', 'restored over itself');

# ---- a database copied as a whole, in which everything has the same number
$node->safe_psql('template1', 'CREATE DATABASE copied TEMPLATE postgres');
same_as($node, 'copied', 'a copied database');
$node->safe_psql('copied', "DROP VIEW customer_features; CREATE VIEW customer_features AS SELECT 1 AS id");
is($node->safe_psql('postgres', "SELECT state FROM echolon.feature_sets WHERE feature_set = 'customer_features'"), 'ready', 'what is done in a copy does not touch the original');

# ---- another cluster, the roles with other numbers
my $other = PostgreSQL::Test::Cluster->new('other');
$other->init(auth_extra => [ '--create-role', 'clerk,stranger' ]);
$other->start;
$other->safe_psql('postgres', 'CREATE ROLE somebody; CREATE ROLE stranger LOGIN; CREATE ROLE clerk LOGIN; CREATE ROLE analyst; CREATE DATABASE moved');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", $other->connstr('moved') ], 'the dump loads into another cluster');
same_as($other, 'moved', 'another cluster');
$other->stop;

# ---- DROP EXTENSION
fails($node, 'custom', 'DROP EXTENSION echolon', qr/cannot drop extension echolon/, 'views keep the extension');
$node->safe_psql('custom', 'DROP EXTENSION echolon CASCADE; CREATE EXTENSION echolon');
is($node->safe_psql('custom', 'SELECT count(*) FROM echolon.feature_sets'), '0', 'which can be created again');

# ---- a session goes on where a set was made anew under it
my $session = session($node, 'plain');
is(ask($session, "SELECT echolon_percentile('another', 'a', 5) IS NOT NULL;"), 't', 'a session that has loaded a set');
$node->safe_psql('plain', "SELECT echolon_drop_features('another'); SELECT echolon_create_features('another', 'points', numeric_columns => '{c}', families => '{scaling}', scalings => '{percentile}')");
is(ask($session, "SELECT echolon_percentile('another', 'c', 5) IS NOT NULL;"), 't', 'sees the one that was made anew');
$session->{run}->finish;

# ---- several sessions at once
my ($first, $second) = map { session($node) } 1 .. 2;

# The second session is sent a statement, and waits for the first one, which goes on then: what it complains of.
sub second_waits
{
	my ($sql, $what, $then) = @_;
	$second->{err} = '';
	submit($second, $sql);
	ok(wait_for($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'echolon_'"), $what);
	ask($first, $then);
	ask($second, 'SELECT 1;');
	$second->{run}->pump_nb;
	return join('', $second->{err} =~ /ERROR: .*/g);
}

my $contested = "SELECT echolon_create_features('contested', 'points', numeric_columns => '{a}', families => '{scaling}');";
ask($first, "BEGIN; $contested");
like(second_waits($contested, 'two sessions make a set of one name: the second one waits', 'COMMIT;'), qr/feature set "contested" exists already/, 'and is told that it is taken');

# a snapshot from before a refresh sees what it saw
$node->safe_psql('postgres', "CREATE TABLE grown AS SELECT i AS id, i::float8 AS v FROM generate_series(0, 100) AS i; SELECT echolon_create_features('grown_set', 'grown', numeric_columns => '{v}', families => '{scaling}')");
my $middle = "SELECT echolon_minmax('grown_set', 'v', 100);";
is(ask($first, "BEGIN ISOLATION LEVEL REPEATABLE READ; $middle"), "BEGIN\n1", 'a transaction of one snapshot');
$node->safe_psql('postgres', "INSERT INTO grown VALUES (101, 200); SELECT echolon_refresh_features('grown_set')");
is(ask($first, $middle), '1', 'goes on to see what it saw while others fit again');
is($node->safe_psql('postgres', $middle), '0.5', 'which others see');
ask($first, "SELECT echolon_refresh_features('grown_set');");
like($first->{err}, qr/could not serialize access/, 'and cannot fit again itself');
is(ask($first, "ROLLBACK; $middle"), "ROLLBACK\n0.5", 'a new transaction sees it');

# one refresh after the other
my $refresh = "SELECT echolon_refresh_features('grown_set');";
ask($first, "BEGIN; INSERT INTO grown VALUES (102, 400); $refresh");
is(second_waits($refresh, 'two sessions fit one set: the second one waits', 'COMMIT;'), '', 'and then fits');
is(ask($second, $middle), '0.25', 'all rows there are');

# dropped while another one waits for it
ask($first, "BEGIN; SELECT echolon_drop_features('grown_set');");
like(second_waits($refresh, 'a set is dropped: who would fit it waits', 'COMMIT;'), qr/feature set "grown_set" does not exist/, 'and finds none');
$_->{run}->finish for $first, $second;

# ---- a cancel comes through, and leaves everything as it was
$node->safe_psql('postgres', "CREATE VIEW slow AS SELECT id, a, pg_sleep(0.01)::text AS pause FROM points; SELECT echolon_create_features('slow_set', 'slow', numeric_columns => '{a}', category_columns => '{}', families => '{scaling}')");
fails($node, 'postgres', "SET statement_timeout = '300ms'; SELECT echolon_refresh_features('slow_set'), (SELECT count(pause) FROM slow)", qr/canceling statement due to statement timeout/, 'a refresh is cancelled');
is($node->safe_psql('postgres', "SELECT rows_fitted || state FROM echolon.feature_sets WHERE feature_set = 'slow_set'"), '1000ready', 'and the set is what it was');

# ---- a standby uses sets, and changes none
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('features_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is(used($standby, 'postgres', $set, 'points'), used($node, 'postgres', $set, 'points'), 'a standby has what was fitted');
is($standby->safe_psql('postgres', $ready), $node->safe_psql('postgres', $ready), 'and lists the sets');
my $follower = session($standby);
is(ask($follower, "SELECT echolon_frequency('$set', 'colour', 'violet');"), '0', 'before a refresh on the primary');
$node->safe_psql('postgres', "INSERT INTO points SELECT 2000 + i, 1, 1, 1, 'violet', date '2030-01-01' + i, 1, 'no', 'low' FROM generate_series(1, 1000) AS i; SET ROLE analyst; SELECT echolon_refresh_features('$set')");
$node->wait_for_catchup($standby);
is(ask($follower, "SELECT echolon_frequency('$set', 'colour', 'violet');"), '0.5', 'and after it, in the same session');
$follower->{run}->finish;
fails($standby, 'postgres', "SELECT echolon_refresh_features('$set')", qr/recovery|read-only/, 'a standby fits nothing');
fails($standby, 'postgres', "SELECT echolon_drop_features('$set')", qr/recovery|read-only/, 'drops nothing');
fails($standby, 'postgres', "SELECT echolon_create_features('x', 'points')", qr/recovery|read-only/, 'and makes nothing');
$standby->stop;
fails($node, 'postgres', "BEGIN READ ONLY; SELECT echolon_refresh_features('$set')", qr/read-only transaction/, 'nor does a transaction that may not write');

$node->stop;
done_testing();
