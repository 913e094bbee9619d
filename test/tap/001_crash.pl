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

# ---- in mid-training, with workers
$node->append_conf('postgresql.conf',
	"dynamic_shared_memory_type = mmap\nmax_parallel_maintenance_workers = 4\nmax_parallel_workers = 4\n");
$node->restart;
$models = $node->safe_psql('postgres', 'TABLE echolon.model_versions');
my $bytes = $node->safe_psql('postgres', 'SELECT count(*), sum(octet_length(bytes)) FROM echolon.chunk_store');
sub segments { return scalar(() = glob($node->data_dir . '/pg_dynshmem/*')) }
my $segments = segments();
create_points($node, 30000, table => 'many');
my $busy = session($node);
submit($busy, "SELECT version FROM echolon_train_gb('many', 'y', n_estimators => 100000, n_jobs => 3, model => 'forest_of_many');");
ok(wait_for($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND state = 'active'"), 'workers train');
cmp_ok(segments(), '>', $segments, 'in shared memory');
$node->stop('immediate');
eval { $busy->{run}->finish };
$node->start;
is(predictions($node), $before, 'killed in mid-training: predictions are the same');
is($node->safe_psql('postgres', 'TABLE echolon.model_versions'), $models, 'and so are models and versions');
is($node->safe_psql('postgres', 'SELECT count(*), sum(octet_length(bytes)) FROM echolon.chunk_store'), $bytes, 'no byte of the unfinished one is there');
is(segments(), $segments, 'nor of its shared memory');
is($node->safe_psql('postgres', "SELECT version FROM echolon_train_gb('many', 'y', n_estimators => 3, n_jobs => 3, model => 'forest_of_many')"), '1', 'it can be trained');

# ---- right after the commit of a retraining, which is all there or not at all
$node->safe_psql('postgres', 'CREATE TABLE fixed AS TABLE points; INSERT INTO points SELECT id + 1000, a, b + 1, c, colour, day, y + 1, label, kind FROM points');
my $predicted = "SELECT sum(echolon_predict('forest', p)) FROM fixed AS p";
my $old = $node->safe_psql('postgres', $predicted);
my $session = session($node);
like(ask($session, "SELECT state FROM echolon_retrain('forest', promote => true);"), qr/^promoted$/, 'a retraining is committed');
$node->stop('immediate');
eval { $session->{run}->finish };
$node->start;
is($node->safe_psql('postgres', "SELECT version, active FROM echolon.model_versions WHERE model = 'forest' ORDER BY version"), "1|f\n2|t", 'its version is there, and the active one');
is($node->safe_psql('postgres', "SELECT state, version FROM echolon.training_runs WHERE model = 'forest' AND kind = 'retraining'"), 'promoted|2', 'with its run');
my $new = $node->safe_psql('postgres', $predicted);
isnt($new, $old, 'it predicts');
is($node->safe_psql('postgres', "SELECT echolon_rollback('forest'); $predicted"), "1\n$old", 'and the one before is whole');
is($node->safe_psql('postgres', "SELECT echolon_activate('forest', 2); $predicted"), "1\n$new", 'both are');

# ---- in the midst of a procedure that commits between models
create_points($node, 1000, table => $_) for ('due_a', 'due_b');
$node->safe_psql('postgres', qq(
	SELECT version FROM echolon_train_rf('$_', 'y', features => '{a,b}', model => '$_', n_estimators => 3);
	SELECT echolon_retrain_when('$_', every_rows => 100);
	INSERT INTO $_ SELECT id + 1000, a, b + 1, c, colour, day, y + 1, label, kind FROM $_)) for ('due_a', 'due_b');
my $holder = session($node);
ask($holder, 'BEGIN; LOCK TABLE due_b;');
my $due = session($node);
submit($due, 'CALL echolon_retrain_due();');
ok(wait_for($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CALL echolon_retrain_due%'"), 'the second of two models waits');
$node->stop('immediate');
eval { $_->{run}->finish } for ($holder, $due);
$node->start;
my $due_versions = 'SELECT model, count(*) FROM echolon.model_versions WHERE model LIKE \'due%\' GROUP BY model ORDER BY model';
is($node->safe_psql('postgres', $due_versions), "due_a|2\ndue_b|1", 'the first is done, the second not begun');
is($node->safe_psql('postgres', "SELECT model, started_by FROM echolon.training_runs WHERE kind = 'retraining' AND model LIKE 'due%'"), 'due_a|1,000 new rows', 'and so are the runs');
$node->safe_psql('postgres', 'CALL echolon_retrain_due()');
is($node->safe_psql('postgres', $due_versions), "due_a|2\ndue_b|2", 'the next call does what was left');

$node->stop;
done_testing();
