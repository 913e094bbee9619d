# A streaming standby predicts what the primary predicts, follows its versions,
# and refuses to train until it is promoted.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_cluster('primary', allows_streaming => 1);
create_points($primary, 1000);
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

train_all($primary);
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
my $first = predictions($primary);
like($first, qr/^[0-9a-f]{32}$/, 'the primary predicts');
is(predictions($standby), $first, 'the standby predicts the same');
is(digests($standby), digests($primary), 'and has the same bytes');
is( $standby->safe_psql('postgres', "SELECT count(*) FROM echolon.models WHERE state = 'ready'"),
	'3', 'the standby lists the models');
like(
	$standby->safe_psql('postgres', "SELECT count(*) FROM echolon_metrics('forest')"),
	qr/^[1-9]/, 'and their metrics');

fails($standby, 'postgres', "SELECT echolon_train_rf('points', 'y', model => 'forest')",
	qr/cannot execute .* (during recovery|in a read-only transaction)/, 'training on the standby is refused');

# One session of the standby predicts before and after the model changes.
train_all($primary, seed => 7);
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
my $second = predictions($primary);
isnt($second, $first, 'another seed gives another model');
is(predictions($standby), $second, 'the standby follows to version 2');

# A session of the standby with a prepared statement follows what a retraining promotes, a rollback and a drop.
$primary->safe_psql('postgres', 'CREATE TABLE fixed AS TABLE points');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
my $reader = session($standby);
ask($reader, "SET plan_cache_mode = force_generic_plan; PREPARE predicted AS SELECT sum(echolon_predict('forest', p)) FROM fixed AS p;");
my $champion = ask($reader, 'EXECUTE predicted;');
is($champion, $primary->safe_psql('postgres', "SELECT sum(echolon_predict('forest', p)) FROM fixed AS p"), 'a prepared statement on the standby');
$primary->safe_psql('postgres', 'INSERT INTO points SELECT id + 1000, a, b + 1, c, colour, day, y + 1, label, kind FROM points');
my $open = session($primary);
ask($open, "BEGIN; SELECT state FROM echolon_retrain('forest', promote => true);");
is(ask($reader, 'EXECUTE predicted;'), $champion, 'a retraining that is not committed is not seen there');
ask($open, 'COMMIT;');
is($primary->safe_psql('postgres', "SELECT active FROM echolon.model_versions WHERE model = 'forest' AND version = 3;"), 't', 'it is promoted');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
my $promoted = ask($reader, 'EXECUTE predicted;');
isnt($promoted, $champion, 'the standby follows a promotion');
is($promoted, $primary->safe_psql('postgres', "SELECT sum(echolon_predict('forest', p)) FROM fixed AS p"), 'to the same predictions');
is($standby->safe_psql('postgres', "SELECT state, version FROM echolon.training_runs WHERE kind = 'retraining'"), 'promoted|3', 'and shows the run');
fails($standby, 'postgres', $_, qr/cannot execute .* (during recovery|in a read-only transaction)/, "on the standby: $_")
  for ("SELECT echolon_retrain('forest')", "CALL echolon_retrain_due('forest', force => true)", "SELECT echolon_rollback('forest')",
	"SELECT echolon_activate('forest', 1)", "SELECT echolon_set_alias('forest', 'x', 1)", "SELECT echolon_retrain_when('forest', every_rows => 10)", "SELECT echolon_drop_model('forest')");
is($standby->safe_psql('postgres', "SELECT (echolon_compare('forest', 1, 3)).rows"), $primary->safe_psql('postgres', "SELECT (echolon_compare('forest', 1, 3)).rows"), 'comparing writes nothing, and works there');
is($primary->safe_psql('postgres', "SELECT echolon_rollback('forest')"), '2', 'a rollback');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
is(ask($reader, 'EXECUTE predicted;'), $champion, 'is followed too');
$primary->safe_psql('postgres', "SELECT echolon_activate('forest', 3)");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
is(ask($reader, 'EXECUTE predicted;'), $promoted, 'and an activation');
for my $s ($reader, $open)
{
	$s->{in} .= "\\q\n";
	$s->{run}->finish;
}

$standby->promote;
is( $standby->safe_psql(
		'postgres', "SELECT version FROM echolon_train_rf('points', 'y', model => 'forest', n_estimators => 3, features => '{a,b}')"),
	'4', 'a promoted standby trains the next version');

$standby->stop;
$primary->stop;
done_testing();
