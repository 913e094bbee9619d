# Parallel workers: the same bytes with any number of them, and that they took part; a cancel or a killed worker
# ends the training at once and leaves nothing; where none is to be had, it goes on alone.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

# Shared memory as files of the data directory: they can be counted.
my $node = new_cluster('workers');
$node->append_conf('postgresql.conf',
	"dynamic_shared_memory_type = mmap\nmax_parallel_maintenance_workers = 8\nmax_parallel_workers = 8\nmax_worker_processes = 10\n");
$node->restart;
create_points($node, 60000);
$node->safe_psql('postgres', 'ALTER TABLE points ADD COLUMN w float8; UPDATE points SET w = 1 + id % 3; VACUUM points');

# ---- the same model, and the same scores of it

my $features = "features => '{a,b,c,colour,day}'";
my %trainings = (
	'forest, bootstrap' => "echolon_train_rf('points', 'y', $features, n_estimators => 30",
	'forest, weights, no bootstrap' =>
	  "echolon_train_rf('points', 'y', $features, n_estimators => 20, bootstrap => false, max_samples => 0.5, sample_weight => 'w'",
	'forest, classes' => "echolon_train_rf('points', 'kind', $features, n_estimators => 20, test_fraction => 0",
	'forest, two classes' =>
	  "echolon_train_rf('points', 'label', $features, n_estimators => 20, criterion => 'entropy', class_weight => 'balanced'",
	'boosting' => "echolon_train_gb('points', 'y', $features, n_estimators => 60",
	'boosting, classes, early stopping' =>
	  "echolon_train_gb('points', 'kind', $features, n_estimators => 40, early_stopping_rounds => 5",
	'boosting, subsample, weights' =>
	  "echolon_train_gb('points', 'label', $features, n_estimators => 60, subsample => 0.7, sample_weight => 'w', max_leaf_nodes => 63",
	'boosting, leaves by rank' =>
	  "echolon_train_gb('points', 'y', $features, n_estimators => 40, loss => 'absolute_error'",
);

# Train under a name, and tell all that must not depend on workers, and how many processes there were.
my $trained = 0;
sub train
{
	my ($training, $jobs, $settings) = @_;
	my $model = 'm' . ++$trained;
	my $processes = $node->safe_psql('postgres',
		"$settings; SELECT details->>'processes' FROM $training, n_jobs => $jobs, model => '$model')");
	my $all = $node->safe_psql(
		'postgres', qq(
		SELECT digest, fingerprint, metrics, parameters, notes,
			(SELECT md5(string_agg(c::text, ',')) FROM echolon_learning_curve('$model') AS c)
		FROM echolon.model_versions WHERE model = '$model'));
	$node->safe_psql('postgres', "SELECT echolon_drop_model('$model')");
	return ($all, $processes);
}

for my $name (sort keys %trainings)
{
	my ($alone, $one) = train($trainings{$name}, 1, 'SELECT 1 WHERE false');
	is($one, '1', "$name: alone");
	for my $workers (0, 1, 2, 4)
	{
		my ($shared, $processes) =
		  train($trainings{$name}, 8, "SET max_parallel_maintenance_workers = $workers");
		is($shared, $alone, "$name: the same with $workers workers");
		if ($workers == 0)
		{
			is($processes, '1', "$name: none with none allowed");
		}
		else
		{
			cmp_ok($processes, '>', 1, "$name: workers took part");
			cmp_ok($processes, '<=', $workers + 1, "$name: no more than allowed");
		}
	}
}

# ---- what decides how many there are

my $forest = $trainings{'forest, bootstrap'};
my ($expected) = train($forest, 1, 'SELECT 1 WHERE false');
for my $settings ('SET max_parallel_workers = 0', "SET echolon.max_memory = '150MB'")
{
	my ($all, $processes) = train($forest, 2, $settings);
	is($all, $expected, "$settings: the same model");
	cmp_ok($processes, '<=', 2, "$settings: it works");
}
is((train($forest, 2, 'SELECT 1 WHERE false'))[1], '2', 'n_jobs => 2 is one worker, though more are allowed');
is( $node->safe_psql('postgres', "SELECT details->>'processes' FROM echolon_train_rf('points', 'y', features => '{a}', n_estimators => 1, max_depth => 2, n_jobs => 4, model => 'small')"),
	'1', 'a small training starts none');
for my $bad (0, -2, 1025)
{
	fails($node, 'postgres', "SELECT echolon_train_rf('points', 'y', n_jobs => $bad)",
		qr/parameter "n_jobs" is out of range.*It is $bad; allowed is 1 to 1024, or -1/s, "n_jobs => $bad");
}
is((train($forest, -1, 'SELECT 1 WHERE false'))[1], (train($forest, 'NULL', 'SELECT 1 WHERE false'))[1], 'n_jobs => -1 is as many as without it');
is( $node->safe_psql('postgres', "SELECT count(*) FROM echolon.model_versions WHERE parameters ? 'n_jobs'"),
	'0', 'n_jobs is no part of what a model is made from');

# ---- where it is called

is($node->safe_psql('postgres', <<"SQL"), '0 2', 'in a function, in a subtransaction that is rolled back, and again');
	CREATE FUNCTION retry() RETURNS text LANGUAGE plpgsql AS \$\$
	DECLARE n int;
	BEGIN
		BEGIN
			PERFORM model FROM $forest, n_jobs => 2, model => 'nested');
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN
			SELECT count(*) INTO n FROM echolon.models WHERE model = 'nested';
		END;
		RETURN n || ' ' || (SELECT details->>'processes' FROM $forest, n_jobs => 2, model => 'nested'));
	END \$\$;
	SELECT retry();
SQL
my $of_mine = $forest =~ s/'points'/'mine'/r;
is($node->safe_psql('postgres', <<"SQL"), '2', 'a temporary table of a serializable transaction');
	BEGIN ISOLATION LEVEL SERIALIZABLE;
	SAVEPOINT s;
	CREATE TEMP TABLE mine AS TABLE points;
	SELECT details->>'processes' FROM $of_mine, n_jobs => 2, model => 'serializable');
	COMMIT;
SQL
fails($node, 'postgres', "BEGIN READ ONLY; SELECT model FROM $forest, n_jobs => 2)", qr/read-only transaction/, 'not in a read-only transaction');

# ---- a cancel and killed workers

my $worker = "FROM pg_stat_activity WHERE backend_type = 'parallel worker'";

# Segments of shared memory; there are a few that the server itself keeps.
sub segments
{
	return $node->safe_psql('postgres', "SELECT count(*) FROM pg_ls_dir('pg_dynshmem')");
}
my $segments = segments();

sub nothing_left
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(wait_for($node, "SELECT count(*) = 0 $worker"), "$name: no worker is left");
	is(segments(), $segments, "$name: no shared memory is left");
	return;
}

my %endless = (
	'a forest' => "SELECT model FROM echolon_train_rf('points', 'y', $features, model => 'endless', n_jobs => 3, n_estimators => 10000, min_samples_leaf => 500)",
	'boosting' => "SELECT model FROM echolon_train_gb('points', 'y', $features, model => 'endless', n_jobs => 3, n_estimators => 50000)",
);
my %ends = (
	'a cancelled leader' => [ "SELECT pg_cancel_backend(leader_pid) $worker LIMIT 1", qr/canceling statement due to user request/ ],
	'a terminated leader' => [ "SELECT pg_terminate_backend(leader_pid) $worker LIMIT 1", qr/terminating connection due to administrator command/ ],
	'a cancelled worker' => [ "SELECT pg_cancel_backend(pid) $worker LIMIT 1", qr/canceling statement due to user request/ ],
	'a terminated worker' => [ "SELECT pg_terminate_backend(pid) $worker LIMIT 1", qr/terminating .* due to administrator command/ ],
);
for my $training (sort keys %endless)
{
	for my $end (sort keys %ends)
	{
		my ($out, $err) = ('', '');
		my $run = IPC::Run::start([ 'psql', '-X', '-At', '-c', $endless{$training}, $node->connstr('postgres') ],
			'>', \$out, '2>', \$err, IPC::Run::timeout(120));
		ok(wait_for($node, "SELECT count(*) = 2 $worker"), "$training, $end: two workers");
		usleep(200_000);
		my $begin = time;
		$node->safe_psql('postgres', $ends{$end}[0]);
		$run->finish;
		cmp_ok(time - $begin, '<', 1.0, "$training, $end: it ends within a second");
		like($err, $ends{$end}[1], "$training, $end: and says why");
		nothing_left("$training, $end");
	}
	my ($stdout, $stderr);
	my $begin = time;
	$node->psql('postgres', "SET statement_timeout = 700; $endless{$training}", stdout => \$stdout, stderr => \$stderr);
	cmp_ok(time - $begin, '<', 1.7, "$training, a timeout: within a second");
	like($stderr, qr/canceling statement due to statement timeout/, "$training, a timeout: and says why");
	nothing_left("$training, a timeout");
}
is($node->safe_psql('postgres', "SELECT count(*) FROM echolon.models WHERE model = 'endless'"), '0', 'nothing was stored');
is((train($forest, 2, 'SELECT 1 WHERE false'))[0], $expected, 'the next training works');

# ---- all workers are taken: one for the launcher of logical replication, one for the other training

$node->append_conf('postgresql.conf', "max_worker_processes = 2\n");
$node->restart;
{
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-X', '-At', '-c', $endless{'a forest'}, $node->connstr('postgres') ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(120));
	# workers that prepare rows leave after a moment, and their place is free until trees are grown
	ok(wait_for($node, "SELECT count(*) = 1 $worker AND backend_start < clock_timestamp() - interval '1 second'"),
		'another training has the only worker');
	my ($stdout, $stderr);
	$node->psql('postgres', "SET client_min_messages = debug1; SELECT details->>'processes' FROM $forest, n_jobs => 2, model => 'late')",
		stdout => \$stdout, stderr => \$stderr);
	is($stdout, '1', 'no worker is to be had: it goes on alone');
	like($stderr, qr/no parallel worker is to be had/, 'and says so to who wants to know');
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(leader_pid) $worker LIMIT 1");
	$run->finish;
}
is( $node->safe_psql('postgres', "SELECT digest FROM echolon.model_versions WHERE model = 'late'"),
	(split /\|/, $expected)[0], 'with the same bytes');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal|leak/, 'nothing bad in the server log');

$node->stop;
done_testing();
