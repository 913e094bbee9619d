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

# ---- what DROP EXTENSION leaves
$node->safe_psql('custom', 'DROP EXTENSION echolon');
is( $node->safe_psql('custom', "SELECT count(*) FROM pg_namespace WHERE nspname = 'echolon'"),
	'0', 'DROP EXTENSION leaves no schema behind');
$node->safe_psql('custom', 'CREATE EXTENSION echolon');
is($node->safe_psql('custom', 'SELECT count(*) FROM echolon.models'), '0', 'and it can be created again');

$node->stop;
done_testing();
