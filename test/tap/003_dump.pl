# pg_dump carries models: plain and custom format, with the extension in another
# schema, with owners and grants; and the restored database trains on.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('dump');
my $dump = $node->basedir . '/dump';
create_points($node, 1000);
train_all($node);
# Two versions, the older one active, an owner who is not the superuser, a grant.
$node->safe_psql(
	'postgres', q(
	CREATE ROLE analyst LOGIN;
	CREATE ROLE clerk LOGIN;
	GRANT SELECT ON points TO analyst, clerk;
	SET ROLE analyst;
	SELECT version FROM echolon_train_rf('points', 'y', model => 'hers', n_estimators => 3, seed => 1);
	SELECT version FROM echolon_train_rf('points', 'y', model => 'hers', n_estimators => 3, seed => 2);
	SELECT echolon_activate('hers', 1);
	SELECT echolon_grant_model('hers', 'clerk');
));
my $versions = q(SELECT model, version, active, algorithm, metric, score, digest, parameters, metrics, notes,
	trained_at, trained_by FROM echolon.model_versions ORDER BY model, version);
my $owners = 'SELECT model, owner, version FROM echolon.models ORDER BY model';
my $hers = "SELECT sum(echolon_predict('hers', p)) FROM points AS p";

# A restored database must be the same in everything a user can see.
sub same_as
{
	my ($database, $source, $what) = @_;
	is(predictions($node, database => $database),
		predictions($node, database => $source), "$what: predictions are the same");
	is($node->safe_psql($database, $versions), $node->safe_psql($source, $versions),
		"$what: every version is the same");
	is($node->safe_psql($database, $owners), $node->safe_psql($source, $owners), "$what: owners are the same");
	return;
}

# ---- plain
$node->command_ok([ 'pg_dump', '-f', "$dump.sql", $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE plain');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", $node->connstr('plain') ],
	'the dump loads without an error');
same_as('plain', 'postgres', 'plain format');
is($node->safe_psql('plain', "SET ROLE clerk; $hers"),
	$node->safe_psql('postgres', "SET ROLE clerk; $hers"), 'a grant is restored');
is( $node->safe_psql('plain',
		"SET ROLE analyst; SELECT version FROM echolon_train_rf('points', 'y', model => 'hers', n_estimators => 3)"),
	'3', 'the next version follows the restored ones');
is( $node->safe_psql('plain',
		"SELECT version FROM echolon_train_rf('points', 'y', model => 'another', n_estimators => 3)"),
	'1', 'and a new model collides with none');

# ---- custom, twice over: a dump of the restored one is complete as well
$node->safe_psql('postgres', 'CREATE DATABASE custom');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.custom", $node->connstr('plain') ], 'pg_dump -Fc');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('custom'), "$dump.custom" ],
	'pg_restore');
same_as('custom', 'plain', 'custom format');

# ---- several tables at once, the large ones first, so chunks come before their versions
$node->safe_psql('postgres', 'CREATE DATABASE parallel');
$node->command_ok([ 'pg_dump', '-Fd', '-j', '2', '-f', "$dump.directory", $node->connstr('plain') ], 'pg_dump --jobs');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $node->connstr('parallel'), "$dump.directory" ],
	'pg_restore --jobs');
same_as('parallel', 'plain', 'restored in parallel');
is( $node->safe_psql('parallel', q(
		SELECT sum(echolon_drop_model(model)) > 0 FROM echolon.models;
		SELECT (SELECT count(*) FROM echolon.model_store) + (SELECT count(*) FROM echolon.version_store) + (SELECT count(*) FROM echolon.chunk_store)
			+ (SELECT count(*) FROM echolon.holdout_store) + (SELECT count(*) FROM echolon.grant_store))),
	"t\n0", 'a model is dropped with all that belongs to it');

# ---- the extension in a schema of its own
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere_restored');
$node->safe_psql('elsewhere', 'CREATE SCHEMA "Machine Learning"; CREATE EXTENSION echolon WITH SCHEMA "Machine Learning"');
$node->safe_psql('elsewhere', 'ALTER DATABASE elsewhere SET search_path = public, "Machine Learning"');
$node->safe_psql('elsewhere', 'ALTER DATABASE elsewhere_restored SET search_path = public, "Machine Learning"');
create_points($node, 1000, database => 'elsewhere');
train_all($node, database => 'elsewhere');
$node->command_ok([ 'pg_dump', '-f', "$dump.elsewhere", $node->connstr('elsewhere') ], 'pg_dump, other schema');
$node->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.elsewhere", $node->connstr('elsewhere_restored') ],
	'the dump loads without an error');
same_as('elsewhere_restored', 'elsewhere', 'other schema');

# ---- in another cluster: where the roles have other numbers the names decide, and
# where they are missing the superuser has the models and gives them away
my $other = PostgreSQL::Test::Cluster->new('other');
$other->init;
$other->start;
$other->safe_psql('postgres', 'CREATE ROLE somebody; CREATE ROLE clerk LOGIN; CREATE ROLE analyst LOGIN; CREATE DATABASE moved; CREATE DATABASE bare');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", $other->connstr('moved') ],
	'the dump loads into another cluster');
is(predictions($other, database => 'moved'), predictions($node), 'another cluster: predictions are the same');
is($other->safe_psql('moved', "SET ROLE clerk; $hers"), $node->safe_psql('postgres', "SET ROLE clerk; $hers"),
	'another cluster: a grant is restored');
is( $other->safe_psql('moved', "SET ROLE analyst; SELECT version FROM echolon_train_rf('points', 'y', model => 'hers', n_estimators => 3)"),
	'3', 'another cluster: an owner still owns');
fails($other, 'moved', "SET ROLE somebody; $hers", qr/permission denied|does not exist/, 'another cluster: others still do not');
$node->command_ok([ 'pg_dump', '-O', '-x', '-f', "$dump.bare", $node->connstr('postgres') ], 'pg_dump without owners and privileges');
$other->safe_psql('postgres', 'DROP DATABASE moved');
$other->safe_psql('postgres', 'DROP ROLE clerk; DROP ROLE analyst');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.bare", $other->connstr('bare') ],
	'the dump loads where its roles are missing');
is(predictions($other, database => 'bare'), predictions($node), 'roles missing: predictions are the same');
is($other->safe_psql('bare', "SELECT echolon_reassign_models('analyst', 'somebody'); SELECT owner FROM echolon.models WHERE model = 'hers'"),
	"1\nsomebody", 'roles missing: the models are given to another');
$other->stop;

# ---- everything together: models with versions, aliases, notes, policies, runs, schedules and rights, feature sets and
# sets of cleaned rows; and where some of the roles and relations are missing
$node->safe_psql('postgres', 'CREATE DATABASE whole');
$node->safe_psql('whole', 'CREATE EXTENSION echolon; CREATE SCHEMA shop; GRANT ALL ON SCHEMA shop TO analyst, clerk');
create_points($node, 1000, database => 'whole', table => 'shop.points');
create_points($node, 1000, database => 'whole', table => 'shop.passing');
$node->safe_psql(
	'whole', q(
	GRANT SELECT, INSERT ON shop.points, shop.passing TO analyst, clerk;
	SET ROLE analyst;
	SET search_path = shop, public;
	SELECT version FROM echolon_train_rf('points', 'y', features => '{a,b,c}', model => 'hers', n_estimators => 3);
	SELECT version FROM echolon_train_gb('passing', 'kind', features => '{a,b,c,colour}', model => 'of_passing', n_estimators => 3);
	INSERT INTO points SELECT id + 1000, a, b + 1, c, colour, day, y + 1, label, kind FROM points;
	SELECT state FROM echolon_retrain('hers', promote => true);
	SELECT echolon_set_alias('hers', 'audited', 1);
	SELECT echolon_add_note('hers', 1, 'the first');
	SELECT echolon_keep_versions('hers', 7);
	SELECT echolon_retrain_when('hers', every_rows => 100, every => '7 days', drift_above => 0.25);
	SELECT echolon_grant_model('hers', 'clerk', 'train');
	SELECT echolon_grant_model('of_passing', 'public');
	SELECT echolon_create_features('windows', 'shop.points', date_column => 'day');
	SELECT echolon_preprocess('clean', 'shop.points', target => 'y', impute => 'median');
	SELECT drift_verdict FROM echolon_monitor('hers');
	SELECT echolon_log_predictions('hers', 'shop.points', 'id', sample_fraction => 0.2);
	RESET ROLE;
	INSERT INTO echolon.schedule_store SELECT id, 4711, '0 3 * * *', true, 'analyst', now() FROM echolon.model_store WHERE model = 'hers';
));
my @seen = (
	'SELECT model, owner, relation, state, version FROM echolon.models ORDER BY model',
	$versions,
	'SELECT * FROM echolon.model_aliases ORDER BY model, alias',
	'SELECT * FROM echolon.retrain_policies ORDER BY model',
	'SELECT * FROM echolon.training_runs ORDER BY model, finished_at, version',
	'SELECT model, schedule, job_id FROM echolon.schedules ORDER BY model',
	'SELECT * FROM echolon.feature_sets ORDER BY 1',
	'SELECT * FROM echolon.preprocessings ORDER BY 1',
	'SELECT grantee, privilege, granted_by, granted_at FROM echolon.grant_store ORDER BY model_id, grantee',
	'SELECT * FROM echolon.monitoring ORDER BY model, point, kind, feature, metric',
	'SELECT model, light, reason, last_monitored, worst_psi FROM echolon.model_health ORDER BY model',
	'SELECT md5(string_agg(l::text, chr(10) ORDER BY model, at, key)) FROM echolon.predictions_log AS l',
	'SELECT md5(string_agg(w::text, chr(10) ORDER BY id)) FROM shop.windows AS w',
	'SELECT md5(string_agg(c::text, chr(10) ORDER BY id)) FROM shop.clean AS c',
	"SELECT sum(echolon_predict('hers', p)), sum(echolon_predict('hers\@audited', p)) FROM shop.points AS p");
sub seen_as { my ($n, $database, $role) = @_; return map { $n->safe_psql($database, "SET ROLE $role; $_") } @seen }
my @whole = map { $node->safe_psql('whole', $_) } @seen;
unlike($_, qr/^$/, 'there is something to restore') for @whole;
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.whole", $node->connstr('whole') ], 'pg_dump of everything');
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('again'), "$dump.whole" ], 'pg_restore of it');
is($node->safe_psql('again', $seen[$_]), $whole[$_], "everything: $seen[$_]") for 0 .. $#seen;
is($node->safe_psql('again', "SET ROLE clerk; SET search_path = shop, public; SELECT state FROM echolon_retrain('hers')"), 'unchanged', 'who may train does so, on the same rows');
is($node->safe_psql('again', "SET ROLE analyst; SELECT echolon_rollback('hers')"), '1', 'and the owner can go back');
$node->safe_psql('again', "SET ROLE analyst; SELECT echolon_refresh_features('windows'); SELECT echolon_refresh_preprocess('clean')");
is($node->safe_psql('again', $seen[$_]), $whole[$_], "refreshed: $seen[$_]") for 12, 13;

# The owner and one of the tables are not there.
my $part = PostgreSQL::Test::Cluster->new('part');
$part->init;
$part->start;
$part->safe_psql('postgres', 'CREATE ROLE clerk LOGIN; CREATE ROLE heir LOGIN');
$node->command_ok([ 'pg_dump', '-Fc', '-T', 'shop.passing', '-f', "$dump.part", $node->connstr('whole') ], 'pg_dump without a table');
$part->command_ok([ 'pg_restore', '--exit-on-error', '-O', '-x', '-d', $part->connstr('postgres'), "$dump.part" ], 'pg_restore where a role is missing');
is($part->safe_psql('postgres', 'SELECT model, owner, state FROM echolon.models ORDER BY model'), "hers|analyst|ready\nof_passing|analyst|relation missing", 'the state says what is missing');
is($part->safe_psql('postgres', $seen[$_]), $whole[$_], "a part: $seen[$_]") for 1 .. 4, 8 .. 9, 11 .. 14;
is($part->safe_psql('postgres', "GRANT USAGE ON SCHEMA shop TO clerk, heir; GRANT SELECT ON shop.points TO clerk, heir; SET ROLE clerk; $seen[14]"), $whole[14], 'a role that is there has its rights');
fails($part, 'postgres', "SELECT echolon_retrain('hers')", qr/the owner of model "hers" does not exist/, 'nobody acts as an owner who is not');
is($part->safe_psql('postgres', "SELECT echolon_reassign_models('analyst', 'heir')"), '2', 'a superuser gives the models away');
is($part->safe_psql('postgres', "SET ROLE heir; SELECT state FROM echolon_retrain('hers')"), 'unchanged', 'to somebody who trains them again');
fails($part, 'postgres', "SELECT echolon_retrain('of_passing')", qr/the relation of model "of_passing" does not exist/, 'where there is something to train on');
$part->stop;

# ---- what DROP EXTENSION leaves
$node->safe_psql('custom', 'DROP EXTENSION echolon');
is( $node->safe_psql('custom', "SELECT count(*) FROM pg_namespace WHERE nspname = 'echolon'"),
	'0', 'DROP EXTENSION leaves no schema behind');
$node->safe_psql('custom', 'CREATE EXTENSION echolon');
is($node->safe_psql('custom', 'SELECT count(*) FROM echolon.models'), '0', 'and it can be created again');

$node->stop;
done_testing();
