# A cancel is answered within a second in every phase of a training, and leaves
# nothing behind; the next training works.
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

my $node = new_cluster('cancel');
create_points($node, 2000);
create_points($node, 100000, table => 'many_points');
$node->safe_psql(
	'postgres', q(
	CREATE VIEW slow_points AS SELECT a, c, y FROM points, pg_sleep(a - a + 0.005);
	-- long texts, all different: the time goes into dictionaries and sorting
	CREATE TABLE wide_texts AS SELECT i % 97 + a AS y, repeat(md5(i::text), 4) AS t1, repeat(md5((i + 1)::text), 4) AS t2,
		repeat(md5((i / 4)::text), 4) AS t3, a, b FROM (SELECT id AS i, a, b FROM many_points) AS p;
	ANALYZE wide_texts;
));

# What a cancelled training must not have left.
sub nothing_left
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is( $node->safe_psql(
			'postgres', q(
			SELECT (SELECT count(*) FROM echolon.model_store) + (SELECT count(*) FROM echolon.version_store)
				+ (SELECT count(*) FROM echolon.chunk_store) + (SELECT count(*) FROM echolon.holdout_store))),
		'0', "$name: no row in the store");
	is( $node->safe_psql(
			'postgres', q(
			SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')
				+ (SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE '%parallel%' OR backend_type LIKE '%echolon%')
				+ (SELECT count(*) FROM pg_ls_tmpdir()))),
		'0', "$name: no lock, worker or temporary file");
	return;
}

# Seconds between the moment the statement should stop and its end.
sub delay_after_timeout
{
	my ($sql, $milliseconds, $name) = @_;
	my ($stdout, $stderr) = ('', '');
	my $begin = time;
	my $status = $node->psql(
		'postgres', "SET statement_timeout = $milliseconds; $sql",
		stdout => \$stdout,
		stderr => \$stderr);
	my $delay = time - $begin - $milliseconds / 1000;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like($stderr, qr/canceling statement due to statement timeout/, "$name: it was cancelled");
	cmp_ok($delay, '<', 1.0, "$name: within a second");
	return;
}

# ---- by a timeout
my %phases = (
	'reading a slow view' => "SELECT echolon_train_rf('slow_points', 'y', model => 'm')",
	'reading and sorting' => "SELECT echolon_train_gb('wide_texts', 'y', model => 'm', n_estimators => 10000)",
	'growing a forest' =>
	  "SELECT echolon_train_rf('many_points', 'y', model => 'm', n_estimators => 10000, min_samples_leaf => 200)",
	'growing one huge tree' =>
	  "SELECT echolon_train_rf('many_points', 'y', model => 'm', n_estimators => 1, bootstrap => false) FROM generate_series(1, 1000)",
	'boosting' => "SELECT echolon_train_gb('many_points', 'y', model => 'm', n_estimators => 10000)",
	'boosting classes' => "SELECT echolon_train_gb('many_points', 'kind', model => 'm', n_estimators => 10000)",
	'boosting with leaves by rank' =>
	  "SELECT echolon_train_gb('many_points', 'y', model => 'm', n_estimators => 10000, loss => 'absolute_error')",
);
for my $phase (sort keys %phases)
{
	for my $milliseconds (100, 900)
	{
		delay_after_timeout($phases{$phase}, $milliseconds, "$phase, $milliseconds ms");
	}
	nothing_left($phase);
}

# ---- by pg_cancel_backend while the finished model is being stored: the test
# holds a lock that lets training read the store and not write to it
{
	my ($holder_in, $holder_out, $holder_err) = ('', '', '');
	my $holder = IPC::Run::start(
		[ 'psql', '-X', '-At', '-f', '-', $node->connstr('postgres') ],
		'<', \$holder_in, '>', \$holder_out, '2>', \$holder_err, IPC::Run::timeout(120));
	$holder_in .= "BEGIN; LOCK TABLE echolon.chunk_store IN SHARE ROW EXCLUSIVE MODE; SELECT 'locked';\n";
	$holder->pump until $holder_out =~ /locked/;

	my ($out, $err) = ('', '');
	my $training = IPC::Run::start(
		[
			'psql', '-X', '-At', '-c',
			"SELECT echolon_train_rf('points', 'y', model => 'm', n_estimators => 50)",
			$node->connstr('postgres')
		],
		'>', \$out, '2>', \$err, IPC::Run::timeout(120));
	my $waiting = "FROM pg_stat_activity WHERE query LIKE 'SELECT echolon_train%' AND wait_event_type = 'Lock'";
	ok(wait_for($node, "SELECT count(*) = 1 $waiting"), 'storing: the training waits to write');
	my $begin = time;
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) $waiting");
	$training->finish;
	cmp_ok(time - $begin, '<', 1.0, 'storing: answered within a second');
	like($err, qr/canceling statement due to user request/, 'storing: it was cancelled');
	$holder_in .= "COMMIT;\n\\q\n";
	$holder->finish;
	nothing_left('storing');
}

# ---- a whole backend goes away in the middle
{
	my ($out, $err) = ('', '');
	my $training = IPC::Run::start(
		[ 'psql', '-X', '-At', '-c', $phases{'growing a forest'}, $node->connstr('postgres') ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(120));
	my $running = "FROM pg_stat_activity WHERE query LIKE 'SELECT echolon_train%' AND state = 'active'";
	ok(wait_for($node, "SELECT count(*) = 1 $running"), 'a training runs');
	usleep(300_000);
	my $begin = time;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) $running");
	$training->finish;
	cmp_ok(time - $begin, '<', 1.0, 'termination is answered within a second');
	nothing_left('termination');
}

# ---- predicting and evaluating stop as well
$node->safe_psql('postgres', "SELECT model FROM echolon_train_rf('many_points', 'y', model => 'm', n_estimators => 20)");
delay_after_timeout(
	"SELECT sum(echolon_predict('m', p)) FROM many_points AS p, generate_series(1, 1000)", 500, 'predicting');
delay_after_timeout("SELECT * FROM echolon_permutation_importance('m', 'many_points', n_repeats => 1000)",
	500, 'permutation importance');

# ---- and the next training works
is( $node->safe_psql('postgres', "SELECT version FROM echolon_train_rf('points', 'y', n_estimators => 3)"),
	'1', 'the next training works');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal|leak/, 'nothing bad in the server log');

$node->stop;
done_testing();
