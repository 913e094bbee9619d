# Ordinary roles, each with a connection of its own: what they see, use and may not.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('rights', auth_extra => [ '--create-role', 'alice,bob,carol' ]);
create_points($node, 600);
$node->safe_psql(
	'postgres', q(
	CREATE ROLE alice LOGIN;
	CREATE ROLE bob LOGIN;
	CREATE ROLE carol LOGIN;
	CREATE SCHEMA hers AUTHORIZATION alice;
	CREATE TABLE hers.points AS TABLE points;
	ALTER TABLE hers.points OWNER TO alice;
	GRANT USAGE ON SCHEMA hers TO bob, carol;
	GRANT SELECT (a, y) ON hers.points TO carol;
));

sub as
{
	my ($user, $sql) = @_;
	return $node->safe_psql('postgres', $sql, connstr => $node->connstr('postgres') . " user=$user");
}

sub refused
{
	my ($user, $sql, $message, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	fails($node, 'postgres', $sql, $message, $name, user => $user);
	return;
}

my $train = "SELECT version FROM echolon_train_rf('hers.points', 'y', model => 'secret', n_estimators => 3)";
my $predict = "SELECT count(echolon_predict('secret', p)) FROM (SELECT 1.0::float8 AS a, 2.0 AS b, 3 AS c,"
  . " 'red'::text AS colour, date '2020-01-01' AS day, 'no'::text AS label, 'low'::text AS kind) AS p";

is(as('alice', $train), '1', 'a role without any privilege trains on its own table');
is(as('alice', 'SELECT model, owner, trained_by IS NOT NULL FROM echolon.models'), 'secret|alice|t', 'and owns the model');
is(as('alice', $predict), '1', 'and predicts');

# ---- a stranger
is(as('bob', 'SELECT count(*) FROM echolon.models'), '0', 'a stranger does not see the model');
is(as('bob', 'SELECT count(*) FROM echolon.model_versions'), '0', 'nor its versions');
refused('bob', $predict, qr/model "secret" does not exist|permission denied/, 'nor predicts with it');
for my $function ('echolon_metrics', 'echolon_feature_importance', 'echolon_residuals', 'echolon_learning_curve')
{
	refused('bob', "SELECT * FROM $function('secret')", qr/model "secret" does not exist|permission denied/, "nor calls $function");
}
refused('bob', "SELECT echolon_drop_model('secret')", qr/model "secret" does not exist|permission denied|must be owner/, 'nor drops it');
refused('bob', "SELECT echolon_train_rf('hers.points', 'y', model => 'mine')",
	qr/permission denied for table points/, 'nor trains on a table he may not read');
refused('bob', $train, qr/permission denied|secret/, 'nor under its name');

# ---- private tables
for my $table ('model_store', 'version_store', 'chunk_store', 'grant_store', 'holdout_store')
{
	refused('bob', "SELECT * FROM echolon.$table", qr/permission denied for table $table/, "$table cannot be read");
	refused('alice', "DELETE FROM echolon.$table", qr/permission denied for table $table/,
		"nor changed, not even by an owner of models");
}

# ---- a grant
as('alice', "SELECT echolon_grant_model('secret', 'bob')");
is(as('bob', $predict), '1', 'a grant lets him predict');
is(as('bob', 'SELECT model, owner FROM echolon.models'), 'secret|alice', 'and see the model');
like(as('bob', "SELECT count(*) FROM echolon_metrics('secret')"), qr/^[1-9]/, 'and its scores');
refused('bob', "SELECT echolon_drop_model('secret')", qr/permission denied|must be owner/, 'but not drop it');
refused('bob', "SELECT echolon_grant_model('secret', 'carol')", qr/permission denied|must be owner/, 'nor pass it on');
refused('bob', "SELECT echolon_activate('secret', 1)", qr/permission denied|must be owner/, 'nor activate a version');
refused('carol', $predict, qr/model "secret" does not exist|permission denied/, 'others still see nothing');

# A view lends no rights to the functions in it.
as('alice', "CREATE VIEW hers.predicted AS SELECT a, echolon_predict('secret', p) AS predicted FROM hers.points AS p");
as('alice', 'GRANT SELECT ON hers.predicted TO bob, carol');
is(as('bob', 'SELECT count(predicted) FROM hers.predicted'), '600', 'through a view: with the grant');
refused('carol', 'SELECT count(predicted) FROM hers.predicted',
	qr/model "secret" does not exist|permission denied/, 'not without');
as('alice', "SELECT echolon_revoke_model('secret', 'bob')");
refused('bob', $predict, qr/model "secret" does not exist|permission denied/, 'and a grant is taken back');

# ---- rights on columns
is( as('carol', "SELECT version FROM echolon_train_rf('hers.points', 'y', model => 'readable', n_estimators => 3)"),
	'1', 'no columns named: trained on those she may read');
is(as('carol', "SELECT string_agg(feature, ',') FROM echolon_feature_importance('readable')"), 'a', 'and on no other');
refused('carol', "SELECT echolon_train_rf('hers.points', 'y', features => '{a,b}', model => 'more')",
	qr/permission denied for (table|column)/, 'a column she may not read, by name: refused');
refused('carol', "SELECT echolon_train_rf('hers.points', 'b', model => 'more')",
	qr/permission denied for (table|column)/, 'as the target: refused');
is( as('carol', "SELECT version FROM echolon_train_rf('hers.points', 'y', features => '{a}', model => 'columns', n_estimators => 3)"),
	'1', 'the columns she may read: trained');

# ---- row-level security: the model sees what its trainer sees
as('alice', q(
	ALTER TABLE hers.points ENABLE ROW LEVEL SECURITY;
	CREATE POLICY below_five ON hers.points FOR SELECT TO carol USING (a < 5);
));
my $visible = as('carol', 'SELECT count(y) FROM hers.points');
cmp_ok($visible, '<', 600, 'the policy hides rows');
is( as('carol', "SELECT rows_used FROM echolon_train_rf('hers.points', 'y', features => '{a}', model => 'policy', n_estimators => 3)"),
	$visible, 'training sees the rows the policy shows');

# ---- a role that goes away, and comes back with another's name
$node->safe_psql('postgres', 'DROP OWNED BY alice; DROP ROLE alice; CREATE ROLE alice LOGIN');
is(as('alice', 'SELECT count(*) FROM echolon.models'), '0', 'a new role with the name of a dropped one inherits nothing');
refused('alice', "SELECT echolon_drop_model('secret')", qr/permission denied|does not exist/, 'nor can it drop the model');
is($node->safe_psql('postgres', "SELECT count(*) FROM echolon.models WHERE model = 'secret'"),
	'1', 'a model outlives its owner: the superuser sees it');

$node->stop;
done_testing();
