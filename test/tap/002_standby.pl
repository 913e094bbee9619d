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

$standby->promote;
is( $standby->safe_psql(
		'postgres', "SELECT version FROM echolon_train_rf('points', 'y', model => 'forest', n_estimators => 3, features => '{a,b}')"),
	'3', 'a promoted standby trains the next version');

$standby->stop;
$primary->stop;
done_testing();
