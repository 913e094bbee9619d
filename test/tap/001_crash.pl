# A committed model survives a crash, an uncommitted one leaves nothing.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('crash');
# This test is about what is on disk: no fsync tricks.
$node->append_conf('postgresql.conf', 'fsync = on');
$node->restart;
create_points($node, 1000);
train_all($node);
my $before = predictions($node);
like($before, qr/^[0-9a-f]{32}$/, 'models predict before the crash');
my $models = $node->safe_psql('postgres', 'TABLE echolon.model_versions');

# A second session has trained and not committed when the server dies.
my ($in, $out, $err) = ('', '', '');
my $open = IPC::Run::start(
	[ 'psql', '-X', '-At', '-f', '-', $node->connstr('postgres') ],
	'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
$in .= "BEGIN;\nSELECT version FROM echolon_train_rf('points', 'y', model => 'unfinished', n_estimators => 3);\n"
  . "SELECT 'trained';\n";
$open->pump until $out =~ /trained/;
like($out, qr/^1$/m, 'the other session sees its own version 1');

$node->stop('immediate');
$in .= "\\q\n";
eval { $open->finish };
$node->start;

is(predictions($node), $before, 'predictions are the same after crash recovery');
is($node->safe_psql('postgres', 'TABLE echolon.model_versions'), $models,
	'models and versions are the same, and nothing of the uncommitted one is there');
is( $node->safe_psql(
		'postgres', "SELECT version FROM echolon_train_rf('points', 'y', model => 'unfinished', n_estimators => 3)"),
	'1', 'its name is free');

$node->stop;
done_testing();
