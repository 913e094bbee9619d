# Retraining with several sessions: who waits, who skips, what commits when, what a rollback, a cancel and
# a limit of time leave; and a dump with versions, aliases, policies and runs.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('retrain');

# A table of n points and a model of it.
sub create_model
{
	my ($name) = @_;
	create_points($node, 1000, table => $name);
	$node->safe_psql('postgres',
		"SELECT version FROM echolon_train_rf('$name', 'y', features => '{a,b,c}', model => '$name', n_estimators => 5)");
	return;
}

# More rows of the same kind, so that a retraining makes another version.
sub more
{
	my ($name) = @_;
	$node->safe_psql('postgres',
		"INSERT INTO $name SELECT id + (SELECT max(id) FROM $name), a + 0.001, b, c, colour, day, y, label, kind FROM $name WHERE id <= 200");
	return;
}

sub value { return $node->safe_psql('postgres', $_[0]) }

sub versions { return value("SELECT count(*) FROM echolon.model_versions WHERE model = '$_[0]'") }

# State and cause of the retrainings of a model, in their order.
sub runs
{
	return value(
		"SELECT string_agg(state || ': ' || started_by, ', ' ORDER BY run) FROM echolon.training_runs"
		  . " WHERE model = '$_[0]' AND kind = 'retraining'");
}

my $waiting = "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%";

# ---- rolled back, it never was
create_model('one');
more('one');
my $reader = session($node);
$node->safe_psql('postgres', 'CREATE TABLE fixed AS TABLE one');
ask($reader, "SET plan_cache_mode = force_generic_plan; PREPARE predicted AS SELECT sum(echolon_predict('one', p)) FROM fixed AS p;");
my $before = ask($reader, 'EXECUTE predicted;');
my $session = session($node);
ask($session, "BEGIN; SELECT state FROM echolon_retrain('one', promote => true);");
is(ask($reader, 'EXECUTE predicted;'), $before, 'what is not committed is seen by nobody');
ask($session, 'ROLLBACK;');
is(versions('one'), '1', 'rolled back: no version');
is(runs('one'), '', 'no run');
is(ask($reader, 'EXECUTE predicted;'), $before, 'the champion predicts');
ask($session, "BEGIN; CALL echolon_retrain_due('one', force => true); ROLLBACK;");
is(versions('one') . runs('one'), '1', 'neither does the procedure leave anything, in a transaction block');

# ---- two sessions: the second waits, and finds what the first committed
ask($session, "BEGIN; SELECT state FROM echolon_retrain('one', promote => true);");
my $second = session($node);
submit($second, "SELECT state, champion FROM echolon_retrain('one');");
ok(wait_for($node, $waiting . "champion FROM echolon_retrain%'"), 'a second retraining waits for the first');
my $third = session($node);
ask($third, "CALL echolon_retrain_due('one', force => true);");
like($third->{err}, qr/model "one" is skipped: another session trains or changes it/, 'the procedure does not wait');
is(versions('one'), '1', 'and does nothing');
ask($session, 'COMMIT;');
is(ask($second, 'SELECT 1;'), "unchanged|2\n1", 'the second one begins with what the first promoted');
is(versions('one'), '2', 'no version is lost or doubled');
my $after = ask($reader, 'EXECUTE predicted;');
isnt($after, $before, 'a prepared statement of another session follows the promotion');
is($after, value("SELECT sum(echolon_predict('one', p)) FROM fixed AS p"), 'to the right version');
is(value("SELECT echolon_rollback('one')"), '1', 'and back');
is(ask($reader, 'EXECUTE predicted;'), $before, 'to the first');

# A promotion is for the champion that was measured: where another one was activated meanwhile, that one stays.
more('one');
ask($session, 'BEGIN; LOCK TABLE one;');
submit($second, "SELECT state, champion, version, reason FROM echolon_retrain('one', promote => true);");
ok(wait_for($node, $waiting . "version, reason FROM%'"), 'a retraining waits for its table');
is(value("SELECT echolon_activate('one', 2)"), '1', 'meanwhile nobody has to wait for it to activate another version');
ask($session, 'ROLLBACK;');
like(ask($second, 'SELECT 1;'), qr/^kept\|1\|3\|another version became the active one meanwhile; /, 'that one stays');
is(value("SELECT echolon_version('one') || ' ' || echolon_version('one', 'challenger')"), '2 3', 'and the new one is the challenger');

# ---- each model is committed before the next is begun
create_model($_) for ('due_a', 'due_b', 'due_c');
$node->safe_psql('postgres', "SELECT echolon_retrain_when('$_', every_rows => 100)") for ('due_a', 'due_b', 'due_c');
more($_) for ('due_a', 'due_b', 'due_c');
ask($session, 'BEGIN; LOCK TABLE due_b;');
submit($second, 'CALL echolon_retrain_due();');
ok(wait_for($node, $waiting . "echolon_retrain_due%'"), 'the second of three models waits for its table');
is(versions('due_a') . versions('due_b') . versions('due_c'), '211', 'the first is there already');
like(runs('due_a'), qr/^(promoted|kept): 200 new rows$/, 'and so is its run');

# A cancel is not a failure of the model.
is(value("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CALL echolon_retrain_due%'"),
	'1', 'cancelled');
ask($second, 'SELECT 1;');
like($second->{err}, qr/canceling statement due to user request/, 'the call ends');
is(versions('due_a') . versions('due_b') . versions('due_c'), '211', 'what was committed stays, the rest is not begun');
is(runs('due_b'), '', 'and no failure is recorded');

# A failure is: with lock_timeout the same wait becomes one, and the next model follows.
$second->{err} = '';
ask($second, "SET lock_timeout = '100ms'; CALL echolon_retrain_due(); RESET lock_timeout;");
like($second->{err}, qr/WARNING:  model "due_b" was not trained again: canceling statement due to lock timeout/, 'a failure is a warning');
like(runs('due_b'), qr/^failed: /, 'is recorded');
is(versions('due_b') . versions('due_c'), '12', 'and the next model follows');
ask($session, 'ROLLBACK;');
ask($second, 'CALL echolon_retrain_due();');
like(runs('due_b'), qr/^failed: .*, (promoted|kept): 200 new rows$/, 'the next call makes good for it');
is(runs('due_a') =~ tr/,//, 0, 'and those that are not due are left alone');

# ---- a limit of time
$node->safe_psql(
	'postgres', q(
	CREATE VIEW slow AS SELECT * FROM one;
	SELECT version FROM echolon_train_rf('slow', 'y', features => '{a,b,c}', model => 'slow', n_estimators => 5);
	CREATE OR REPLACE VIEW slow AS SELECT * FROM one WHERE pg_sleep(0.01)::text IS NOT NULL;
	SELECT echolon_retrain_when('slow', max_seconds => 1)));
fails($node, 'postgres', "SELECT echolon_retrain('slow')", qr/the retraining of model "slow" took longer than 1 s/, 'a function that takes longer fails');
ask($third, "CALL echolon_retrain_due('slow', force => true); SELECT pg_sleep(1.2);");
is(runs('slow'), 'failed: asked for', 'in the procedure it is recorded');
unlike($third->{err}, qr/canceling statement/, 'and the limit ends with it');
fails($node, 'postgres', "SET statement_timeout = '200ms'; SELECT echolon_retrain('slow')",
	qr/canceling statement due to statement timeout/, 'a limit of the session stays one');

# ---- a dump carries it all
$node->safe_psql(
	'postgres', q(
	SELECT echolon_set_alias('one', 'audited', 1);
	SELECT echolon_add_note('one', 1, 'the first');
	SELECT echolon_keep_versions('one', 2)));
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ],
	'the dump loads without an error');
for my $view (
	'echolon.model_aliases ORDER BY model, alias',
	'echolon.retrain_policies ORDER BY model',
	'echolon.training_runs ORDER BY model, finished_at, version',
	'echolon.model_versions ORDER BY model, version')
{
	my ($name) = split / /, $view;
	is($node->safe_psql('restored', "SELECT * FROM $view"), value("SELECT * FROM $view"), "$name is the same");
}
is( $node->safe_psql('restored', "SELECT max(run) FROM echolon.training_runs; CALL echolon_retrain_due('one', force => true);"
		  . ' SELECT max(run) FROM echolon.training_runs'),
	join("\n", value('SELECT max(run) FROM echolon.training_runs'), value('SELECT max(run) + 1 FROM echolon.training_runs')),
	'and goes on from there');

for my $s ($session, $second, $third, $reader)
{
	$s->{in} .= "\\q\n";
	$s->{run}->finish;
}
$node->stop;
done_testing();
