# How far long calls are: echolon.progress, seen by who may see the session and by nobody else, with workers and
# without, gone after an error, a cancel, a failed block; and the notices of echolon.verbose.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('progress');
$node->append_conf('postgresql.conf', "dynamic_shared_memory_type = mmap\nmax_parallel_maintenance_workers = 4\nmax_parallel_workers = 4\n");
$node->restart;
create_points($node, 40000);
# Each row takes its time, so that whatever reads it can be watched.
$node->safe_psql(
	'postgres', q(
	CREATE ROLE alice LOGIN;
	CREATE ROLE stranger LOGIN;
	CREATE ROLE member LOGIN IN ROLE alice;
	CREATE ROLE monitor LOGIN IN ROLE pg_read_all_stats;
	GRANT CREATE ON SCHEMA public TO alice;
	GRANT SELECT ON points TO alice;
	CREATE VIEW slow AS SELECT * FROM points WHERE pg_sleep(0.002) IS NOT NULL;
	GRANT SELECT ON slow TO alice, stranger;
	CREATE TABLE loaded (n int);
));

# What a role sees of echolon.progress.
sub seen
{
	my ($role, $columns) = @_;
	return $node->safe_psql('postgres', "SELECT $columns FROM echolon.progress", extra_params => [ '-U', $role ]);
}

my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

# Cancel what is running, and wait until nothing is shown.
sub cancel
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(pid) FROM echolon.progress');
	ok(wait_for($node, 'SELECT count(*) = 0 FROM echolon.progress'), "$name: a cancel clears it");
	return;
}

# A session of a role, and its end.
sub session_of
{
	my ($role) = @_;
	my %s = (in => '', out => '', err => '');
	$s{run} = IPC::Run::start([ 'psql', '-X', '-At', '-f', '-', '-U', $role, $node->connstr('postgres') ],
		'<', \$s{in}, '>', \$s{out}, '2>', \$s{err}, IPC::Run::timeout(180));
	return \%s;
}

sub end
{
	my ($s) = @_;
	submit($s, '\q');
	$s->{run}->finish;
	return;
}

# ---- nothing runs
is(seen($superuser, 'count(*)'), '0', 'nothing is shown where nothing runs');

# ---- a training, alone and with workers, of trees and of rounds
for my $case (
	[ 'a forest', "echolon_train_rf('points', 'y', model => 'secret', n_estimators => 10000, max_leaf_nodes => 8, n_jobs => 1)", 'growing trees', 10000, 0 ],
	[ 'a forest with workers', "echolon_train_rf('points', 'y', model => 'secret', n_estimators => 10000, max_leaf_nodes => 8, n_jobs => 3)", 'growing trees', 10000, 2 ],
	[ 'boosting', "echolon_train_gb('points', 'y', model => 'secret', n_estimators => 10000, n_jobs => 1)", 'boosting', 10000, 0 ],
	[ 'boosting with workers', "echolon_train_gb('points', 'y', model => 'secret', n_estimators => 10000, n_jobs => 2)", 'boosting', 10000, 1 ])
{
	my ($name, $call, $phase, $total, $workers) = @$case;
	my $alice = session_of('alice');
	submit($alice, "SELECT version FROM $call;");
	ok(wait_for($node, "SELECT count(*) = 1 FROM echolon.progress WHERE phase = '$phase' AND done > 0"), "$name: its phase is shown") or diag($alice->{err});
	is(seen($superuser, 'datname, usename, command, model, relation, phase, total, workers, memory_bytes > 1000000, seconds > 0, fraction BETWEEN 0 AND 1, remaining_seconds > 0'),
		"postgres|alice|train|secret|public.points|$phase|$total|$workers|t|t|t|t", "$name: and all there is to it");
	my ($pid, $done) = split /\|/, seen($superuser, 'pid, done');
	ok(wait_for($node, "SELECT count(*) = 1 FROM echolon.progress WHERE done > $done"), "$name: it goes on");
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND state = 'active' AND usename = 'alice'"), '1', "$name: of that session");
	is(seen('stranger', 'count(*)'), '0', "$name: a stranger sees nothing of it");
	is(seen('alice', 'model'), 'secret', "$name: its role sees it");
	is(seen('member', 'model'), 'secret', "$name: so does a member of the role");
	is(seen('monitor', 'model'), 'secret', "$name: and who may see all activity");
	is($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM pg_stat_progress_copy) + (SELECT count(*) FROM pg_stat_progress_create_index) + (SELECT count(*) FROM pg_stat_progress_vacuum) + (SELECT count(*) FROM pg_stat_progress_analyze)'),
		'0', "$name: it is no command of core's");
	cancel($name);
	end($alice);
}

# ---- other calls, while they read
$node->safe_psql('postgres', "SELECT version FROM echolon_train_rf('points', 'y', features => '{a,b}', model => 'again', n_estimators => 5)");
$node->safe_psql('postgres', "UPDATE echolon.model_store SET relation = 'public.slow' WHERE model = 'again'");
for my $case (
	[ 'train', "SELECT version FROM echolon_train_gb('slow', 'y')", 'slow_y' ],
	[ 'fine_tune', "SELECT count(*) FROM echolon_fine_tune('slow', 'y')", 'slow_y_regression' ],
	[ 'retrain', "SELECT echolon_retrain('again')", 'again' ],
	[ 'update', "SELECT echolon_update('again', 'slow')", 'again' ],
	[ 'create_features', "SELECT echolon_create_features('f', 'slow', date_column => 'day', families => '{scaling}')", '' ],
	[ 'permutation_importance', "SELECT count(*) FROM echolon_permutation_importance('again', 'slow')", 'again' ])
{
	my ($command, $call, $model) = @$case;
	my $caller = session_of($superuser);
	submit($caller, "$call;");
	ok(wait_for($node, "SELECT count(*) = 1 FROM echolon.progress WHERE phase = 'reading' AND done > 0"), "$command: rows are counted");
	is(seen($superuser, 'command, model, relation, total IS NULL'), "$command|$model|public.slow|t", "$command: it is named");
	cancel($command);
	end($caller);
}

# ---- a load is shown here and by core
$node->safe_psql('postgres', q(CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END';
	CREATE TRIGGER slowly BEFORE INSERT ON loaded FOR EACH ROW EXECUTE FUNCTION slowly()));
{
	my $caller = session_of($superuser);
	submit($caller, q(SELECT rows_loaded FROM echolon_load_csv('loaded', content => (SELECT E'n\n' || string_agg(i::text, E'\n') FROM generate_series(1, 20000) AS i));));
	ok(wait_for($node, q(SELECT count(*) = 1 FROM echolon.progress WHERE command = 'load' AND phase = 'writing' AND relation = 'public.loaded')), 'load: it is shown');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_progress_copy JOIN echolon.progress USING (pid)'), '1', 'load: and core shows its COPY');
	cancel('load');
	end($caller);
}

# ---- errors end it: of a statement, and of a block that goes on
{
	my $caller = session_of($superuser);
	submit($caller, q(DO $$ BEGIN
		BEGIN
			PERFORM set_config('echolon.max_memory', '1MB', true);
			PERFORM echolon_train_rf('points', 'y');
		EXCEPTION WHEN others THEN RAISE NOTICE 'failed: %', SQLERRM;
		END;
		PERFORM pg_sleep(60);
	END $$;));
	ok(wait_for($node, q(SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep')), 'a block goes on after a failed training');
	is(seen($superuser, 'count(*)'), '0', 'which is shown no more');
	$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'));
	end($caller);
	like($caller->{err}, qr/failed: reading "points" needs more than 1 MB/, 'the training had begun to read');
}

# ---- a function of the user's that fails inside of it does not end what is shown
$node->safe_psql('postgres', q(
	CREATE FUNCTION careless(i int) RETURNS boolean LANGUAGE plpgsql AS
		'BEGIN IF i % 5000 = 0 THEN PERFORM 1 / 0; END IF; RETURN true; EXCEPTION WHEN division_by_zero THEN PERFORM pg_sleep(0.5); RETURN true; END';
	CREATE VIEW careless AS SELECT * FROM points WHERE careless(id)));
{
	my $caller = session_of($superuser);
	submit($caller, q(SELECT version FROM echolon_train_rf('careless', 'y', n_estimators => 10000, max_leaf_nodes => 8, n_jobs => 1);));
	ok(wait_for($node, q(SELECT count(*) = 1 FROM echolon.progress WHERE phase = 'growing trees' AND model = 'careless_y')), 'a failure within a view that is read is survived');
	cancel('after it');
	end($caller);
}

# ---- track_activities, and notices
is($node->safe_psql('postgres', q(SET track_activities = off; SELECT version FROM echolon_train_rf('points', 'y', model => 'quiet', n_estimators => 5))), '1', 'without track_activities a training works');
my ($stdout, $stderr) = ('', '');
$node->psql('postgres', q(SET "echolon.verbose" = on; SELECT version FROM echolon_train_rf('points', 'y', model => 'told', n_estimators => 5, n_jobs => 1)), stdout => \$stdout, stderr => \$stderr);
like($stderr, qr/told: 40000 rows read in \d+\.\d s\n.*told: \d+ features prepared in .*told: 5 trees grown in .*told: training rows predicted out of bag in .*told: scored in .*told: written in /s, 'each phase is told where that is wanted');
$node->psql('postgres', q(SELECT version FROM echolon_train_rf('points', 'y', model => 'told', n_estimators => 6, n_jobs => 1)), stdout => \$stdout, stderr => \$stderr);
unlike($stderr, qr/rows read in/, 'and not where it is not');

$node->stop;
done_testing();
