# Retraining by pg_cron: without it a line to use instead; with it a job that runs, and whose job it is.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('schedule', auth_extra => [ '--create-role', 'trainer,other' ]);

sub create_model
{
	my ($name) = @_;
	create_points($node, 500, table => $name);
	$node->safe_psql('postgres',
		"SELECT version FROM echolon_train_rf('$name', 'y', features => '{a,b}', model => '$name', n_estimators => 3)");
	return;
}

sub value { return $node->safe_psql('postgres', $_[0]) }

sub as
{
	my ($user, $sql) = @_;
	return $node->safe_psql('postgres', $sql, connstr => $node->connstr('postgres') . " user=$user");
}

# ---- without pg_cron
create_model('nightly');
fails($node, 'postgres', "SELECT echolon_schedule_retrain('nightly', '0 3 * * *')",
	qr/pg_cron is not there.*HINT:  A line in a crontab does the same: 0 3 \* \* \*  psql -X -d "postgres" -c "CALL public\.echolon_retrain_due\('nightly', force => true\)"/s,
	'without pg_cron the error has a line for a crontab');
is(value("SELECT echolon_unschedule('nightly')"), 'f', 'nothing is scheduled');
is(value('SELECT count(*) FROM echolon.schedules'), '0', 'and the view is there');
my ($line) = (psql_error("SELECT echolon_schedule_retrain('nightly', '0 3 * * *')") =~ /\*  (psql .*)$/m);
$node->command_ok([ 'sh', '-c', $line ], 'what the line says works in a shell');
is(value("SELECT started_by FROM echolon.training_runs WHERE model = 'nightly' AND kind = 'retraining'"), 'asked for', 'and trains');

# What an error says.
sub psql_error
{
	my ($sql, $database) = @_;
	my $stderr = '';
	$node->psql($database // 'postgres', $sql, stderr => \$stderr);
	return $stderr;
}

# A schema of this name that anybody made is not pg_cron.
$node->safe_psql(
	'postgres', q(
	CREATE ROLE trainer LOGIN;
	CREATE ROLE other LOGIN;
	GRANT CREATE ON DATABASE postgres TO other));
as('other', q(
	CREATE SCHEMA cron;
	CREATE TABLE cron.job (jobid bigint, jobname text, active boolean);
	CREATE FUNCTION cron.schedule(text, text, text) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN ALTER ROLE other SUPERUSER; RETURN 1; END$$;
	GRANT USAGE ON SCHEMA cron TO PUBLIC));
fails($node, 'postgres', "SELECT echolon_schedule_retrain('nightly', '0 3 * * *')", qr/pg_cron is not there/, 'a schema cron is not pg_cron');
is(value("SELECT rolsuper FROM pg_roles WHERE rolname = 'other'"), 'f', 'and nothing of it is called');
$node->safe_psql('postgres', 'DROP SCHEMA cron CASCADE');

# ---- with it
my $sharedir = `pg_config --sharedir`;
chomp $sharedir;
if (!-f "$sharedir/extension/pg_cron.control")
{
	note('pg_cron is not installed for this PostgreSQL: its part of this test is skipped');
	$node->stop;
	done_testing();
	exit 0;
}
my $settings = q(
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.use_background_workers = on
max_worker_processes = 20
);
$node->append_conf('postgresql.conf', $settings);
$node->restart;
fails($node, 'postgres', "SELECT echolon_schedule_retrain('nightly', '0 3 * * *')",
	qr/extension pg_cron is not created in database "postgres".*CREATE EXTENSION pg_cron/s, 'loaded, not created');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO trainer, other');

# A job that runs every minute: the rest is tested while it waits.
$node->safe_psql('postgres', "INSERT INTO nightly SELECT id + 1000, a, b + 1, c, colour, day, y, label, kind FROM nightly");
$node->safe_psql('postgres', "SELECT echolon_schedule_retrain('nightly', '* * * * *')");
my $running = "SELECT job_status = 'succeeded' FROM echolon.schedules WHERE model = 'nightly' AND job_status <> ''";

# ---- transactions, and one job a model
create_model('weekly');
$node->safe_psql('postgres', "BEGIN; SELECT echolon_schedule_retrain('weekly', '0 3 * * 1'); ROLLBACK");
is(value("SELECT count(*) FROM cron.job, echolon.schedules WHERE model = 'weekly'"), '0', 'rolled back, nothing is scheduled');
my $job = value("SELECT echolon_schedule_retrain('weekly', '0 3 * * 1')");
is(value("SELECT model, schedule, only_when_due, job_id, job, scheduled_by = current_user FROM echolon.schedules WHERE model = 'weekly'"),
	"weekly|0 3 * * 1|f|$job|active|t", 'the view shows it');
is(value("SELECT command, database FROM cron.job WHERE jobid = $job"),
	"CALL public.echolon_retrain_due('weekly', force => true)|postgres", 'and so does pg_cron');
$job = value("SELECT echolon_schedule_retrain('weekly', '0 4 * * 1', only_when_due => true)");
is(value('SELECT jobid, schedule, command FROM cron.job WHERE jobid NOT IN (SELECT job_id FROM echolon.schedules WHERE model = \'nightly\')'),
	"$job|0 4 * * 1|CALL public.echolon_retrain_due('weekly')", 'scheduled once more, it replaces the job');
fails($node, 'postgres', "SELECT echolon_schedule_retrain('weekly', 'now and then')", qr/invalid schedule: now and then/, 'a schedule that is none');
is(value("SELECT schedule FROM echolon.schedules WHERE model = 'weekly'"), '0 4 * * 1', 'leaves what there was');
$node->safe_psql('postgres', "SELECT cron.alter_job($job, active => false)");
is(value("SELECT job FROM echolon.schedules WHERE model = 'weekly'"), 'inactive', 'a job put to rest');
$node->safe_psql('postgres', "SELECT cron.unschedule($job)");
is(value("SELECT job FROM echolon.schedules WHERE model = 'weekly'"), 'missing', 'a job deleted behind our back');
is(value("SELECT echolon_unschedule('weekly')"), 't', 'is forgotten');
is(value("SELECT echolon_unschedule('weekly')"), 'f', 'once');

# ---- rights
fails($node, 'postgres', "SELECT echolon_schedule_retrain('weekly', '0 3 * * *')", qr/model "weekly" does not exist/, 'a stranger', user => 'trainer');
$node->safe_psql('postgres', "SELECT echolon_grant_model('weekly', 'other')");
fails($node, 'postgres', "SELECT echolon_schedule_retrain('weekly', '0 3 * * *')", qr/permission denied for model "weekly"/, 'who may only predict', user => 'other');
$node->safe_psql('postgres', "SELECT echolon_grant_model('weekly', 'trainer', 'train')");
as('trainer', "SELECT echolon_schedule_retrain('weekly', '0 3 * * *')");
is(value("SELECT username FROM cron.job WHERE jobid = (SELECT job_id FROM echolon.schedules WHERE model = 'weekly')"), 'trainer', 'a job is the caller\'s');
is(as('other', "SELECT job, job_started_at, scheduled_by FROM echolon.schedules WHERE model = 'weekly'"), 'unknown||trainer', 'others see that there is one');
fails($node, 'postgres', 'SELECT * FROM echolon.schedule_store', qr/permission denied/, 'the table is private', user => 'other');
$node->safe_psql('postgres', "SELECT echolon_grant_model('weekly', 'other', 'train')");
fails($node, 'postgres', "SELECT echolon_unschedule('weekly')", qr/was scheduled by another role/, 'who may train cannot take another\'s job away', user => 'other');
is(value("SELECT echolon_unschedule('weekly')"), 't', 'a superuser can');
is(value("SELECT count(*) FROM cron.job WHERE username = 'trainer'"), '0', 'and it is gone');
$node->safe_psql('postgres', "SELECT echolon_schedule_retrain('weekly', '0 3 * * *')");
like(psql_error("SELECT echolon_drop_model('weekly')"), qr/WARNING:  model "weekly" was scheduled.*Job \d+ of pg_cron goes on calling/s, 'dropping a scheduled model says so');
is(value("SELECT count(*) FROM echolon.schedule_store WHERE model_id NOT IN (SELECT id FROM echolon.model_store)"), '0', 'and leaves nothing of ours');

# ---- from another database: the line to execute where pg_cron is
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION echolon');
create_points($node, 500, database => 'shop');
$node->safe_psql('shop', "SELECT version FROM echolon_train_rf('points', 'y', features => '{a,b}', model => 'it''s', n_estimators => 3)");
my $error = psql_error("SELECT echolon_schedule_retrain('it''s', '* * * * *')", 'shop');
like($error, qr/pg_cron is in database "postgres", not in "shop"/, 'another database');
my ($select) = ($error =~ /Execute there: (SELECT cron\..*;)$/m);
$node->safe_psql('postgres', $select);

# ---- the jobs run
my $done = wait_for($node, $running) || wait_for($node, $running);
ok($done, 'pg_cron ran the job');
like(value("SELECT last_state, last_error IS NULL, job_message FROM echolon.schedules WHERE model = 'nightly'"),
	qr/^(promoted|kept|not comparable|unchanged)\|t\|CALL$/, 'which trained the model again');
cmp_ok(value("SELECT count(*) FROM echolon.model_versions WHERE model = 'nightly'"), '>', 1, 'as another version');
my $there = "SELECT count(*) > 0 FROM cron.job_run_details WHERE database = 'shop' AND status = 'succeeded'";
ok(wait_for($node, $there) || wait_for($node, $there), 'and the one of the other database');
is($node->safe_psql('shop', "SELECT count(*) > 0 FROM echolon.training_runs WHERE kind = 'retraining'"), 't', 'trained there');
$node->safe_psql('postgres', 'UPDATE cron.job SET active = false');

# ---- a dump
my $schedules = 'SELECT model, schedule, only_when_due, job_id, job, last_run, last_state, scheduled_at FROM echolon.schedules ORDER BY model';
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init;
$copy->append_conf('postgresql.conf', "fsync = off\n$settings");
$copy->start;
$copy->safe_psql('postgres', 'CREATE ROLE trainer; CREATE ROLE other');
$copy->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $copy->connstr('postgres') ], 'the dump loads');
is($copy->safe_psql('postgres', $schedules), value($schedules), 'schedules and their jobs are restored');
is($copy->safe_psql('postgres', "SELECT echolon_unschedule('nightly')"), 't', 'and can be taken away there');
$copy->stop;

$node->stop;
done_testing();
