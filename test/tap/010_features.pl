# Feature sets under load and misfortune: restored in parallel, made and dropped by many sessions at once, cancelled
# in every phase, after a crash, on a standby.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = new_cluster('features', allows_streaming => 1);
$node->safe_psql(
	'postgres', q(
	CREATE TABLE shops (id int PRIMARY KEY, shop text, day date, revenue float8, units int);
	INSERT INTO shops SELECT i, 'shop ' || i % 50, date '2015-01-01' + i / 50, (i::int8 * 7919 % 10007) / 7.0, i % 13 FROM generate_series(1, 20000) AS i;
	CREATE TABLE many AS SELECT i AS id, 'shop ' || (i::int8 * 7919 % 30011) AS shop, date '2015-01-01' + i / 300 AS day,
		(i::int8 * 104729 % 1000003) / 7.0::float8 AS revenue, i % 1013 AS units FROM generate_series(1, 400000) AS i;
	ALTER TABLE many ADD PRIMARY KEY (id);
	ANALYZE;
));
my $families = "families => '{rolling,categorical,scaling,period}', statistics => '{mean,median,min,slope}', scalings => '{standard,percentile,bucket}'";
my $make = "date_column => 'day', numeric_columns => '{revenue,units}', category_columns => '{shop}', group_by => '{shop}', $families";

# A digest of a view, to the last bit.
sub viewed
{
	my ($where, $database, $view) = @_;
	return $where->safe_psql($database, "SELECT md5(string_agg(md5(record_send(v)), '' ORDER BY id)) FROM $view AS v");
}

# "(id integer, …)" of a view.
sub definitions
{
	my ($view) = @_;
	return $node->safe_psql('postgres',
		"SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '$view'::regclass AND attnum > 0");
}

# ---- restored several tables at once; materialized sets, one on another
$node->safe_psql(
	'postgres', qq(
	SELECT echolon_create_features('plain_set', 'shops', $make);
	SELECT echolon_create_features('stored_set', 'shops', $make, materialized => true);
	SELECT echolon_create_features('upon_set', 'stored_set', 'day', '{revenue_lag1}', '{}', '{shop}', families => '{rolling}', materialized => true);
));
my $dump = $node->basedir . '/dump';
$node->safe_psql('postgres', 'CREATE DATABASE parallel');
$node->command_ok([ 'pg_dump', '-Fd', '-f', $dump, $node->connstr('postgres') ], 'pg_dump -Fd');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $node->connstr('parallel'), $dump ], 'pg_restore --jobs');
is(viewed($node, 'parallel', $_), viewed($node, 'postgres', $_), "$_ is the same") for qw(plain_set stored_set upon_set);
is($node->safe_psql('parallel', 'SELECT string_agg(state, $$,$$) FROM echolon.feature_sets'), 'ready,ready,ready', 'all sets are ready');
is( $node->safe_psql('parallel', "SELECT echolon_drop_features(s) > 0 FROM unnest('{upon_set,stored_set,plain_set}'::text[]) AS s; SELECT count(*) FROM echolon.feature_fit_store"),
	"t\nt\nt\n0", 'and are dropped with what they fitted');

# ---- many sessions make, fit, read and drop sets of the same names at once
{
	my $churn = q(
SELECT echolon_create_features('contested_' || :n, 'shops', 'day', '{revenue}', '{shop}', '{shop}', families => '{rolling,categorical,scaling}', materialized => random() < 0.3);
SELECT echolon_refresh_features('contested_' || :n);
SELECT count(echolon_frequency('contested_' || :n, 'shop', shop)) FROM shops WHERE id < 100;
SELECT echolon_features_at('contested_' || :n, s) FROM shops AS s WHERE id = 100;
SELECT echolon_drop_features('contested_' || :n);
);
	my (@clients, %complaints);
	for my $client (1 .. 6)
	{
		my %c = (out => '', err => '');
		# psql goes on after an error
		my $script = join('', map { "\\set n " . (1 + ($_ + $client) % 2) . $churn } 1 .. 12);
		$c{run} = IPC::Run::start([ 'psql', '-X', '-At', '-f', '-', $node->connstr('postgres') ], '<', \$script,
			'>', \$c{out}, '2>', \$c{err}, IPC::Run::timeout(180));
		push @clients, \%c;
	}
	$_->{run}->finish for @clients;
	for (map { $_->{err} =~ /(?:ERROR|FATAL|server closed)[^\n]*/g } @clients)
	{
		s/contested_\d/contested/g;
		s/\d+/N/g;
		$complaints{$_}++;
	}
	my @odd = grep { !/(exists already|already exists|does not exist|was dropped|could not open relation|belongs to another)/ } keys %complaints;
	is("@odd", '', 'sessions that make and drop the same sets complain only of each other');
	is($node->safe_psql('postgres', "SELECT count(*) FROM echolon.feature_sets WHERE feature_set ~ 'contested' AND state <> 'ready'"), '0', 'and leave no broken set');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM echolon.feature_fit_store WHERE set_id NOT IN (SELECT id FROM echolon.feature_set_store)'), '0', 'nor a fit without a set');
}

# ---- a cancel is answered within a second in every phase
$node->safe_psql('postgres', "SELECT echolon_create_features('many_set', 'many', $make); SELECT echolon_create_features('many_stored', 'many', $make, materialized => true); SELECT echolon_create_features('long_set', 'many', 'day', '{revenue}', '{}', families => '{rolling}', running => '{median,sum}', rolling_windows => '{100000}', min_periods => 1)");
# the direct path, again and again
sub direct
{
	my ($set) = @_;
	my $columns = definitions($set);
	return "SELECT count(*) FROM generate_series(1, 100) AS i, LATERAL echolon_feature_rows(CASE WHEN i > 0 THEN '$set' END) AS f ($columns)";
}
my $often = 'FROM generate_series(1, 100)';
my %phases = (
	'making a set' => "SELECT echolon_create_features('never' || i, 'many', $make) $often AS i",
	'fitting again' => "SELECT echolon_refresh_features('many_set') $often",
	'filling a materialized view' => "SELECT echolon_refresh_features('many_stored') $often",
	'the direct path' => direct('many_set'),
	'the direct path of one long group' => direct('long_set'),
	'the view' => 'SELECT count(v) FROM many_set AS v, generate_series(1, 100)',
	'one row at the end of a long group' => "SELECT echolon_features_at('long_set', m) FROM many AS m WHERE id > 390000",
	'looking for leaks' => "SELECT echolon_check_leakage('many', 'revenue', 1000000) $often",
	'encoding by the target' => "SELECT echolon_train_rf('many', 'revenue', features => '{shop}', encode => 'target', model => 'never', n_estimators => 1) $often",
	'training on a set' => "SELECT echolon_train_rf('many_set', 'revenue', model => 'never', n_estimators => 1) $often",
);
for my $phase (sort keys %phases)
{
	for my $milliseconds (150, 900)
	{
		my ($stdout, $stderr) = ('', '');
		my $begin = time;
		$node->psql('postgres', "SET statement_timeout = $milliseconds; $phases{$phase}", stdout => \$stdout, stderr => \$stderr, on_error_stop => 1);
		my $seconds = time - $begin;
		like($stderr, qr/canceling statement due to statement timeout/, "$phase, $milliseconds ms: it was cancelled");
		cmp_ok($seconds - $milliseconds / 1000, '<', 1, "$phase, $milliseconds ms: within a second");
	}
}
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relname ~ 'never')), '0', 'nothing is left of what was cancelled');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_ls_tmpdir())), '0', 'no temporary file either');

# ---- a crash
my $before = viewed($node, 'postgres', 'plain_set');
my $stored = viewed($node, 'postgres', 'stored_set');
my $session = session($node);
ask($session, "BEGIN; SELECT echolon_drop_features('plain_set'); SELECT echolon_refresh_features('stored_set');");
$node->stop('immediate');
$session->{run}->kill_kill;
$node->start;
is(viewed($node, 'postgres', 'plain_set'), $before, 'a set that was being dropped when the server crashed is there');
is(viewed($node, 'postgres', 'stored_set'), $stored, 'and so is what was being refreshed');

# ---- a standby reads sets in every way, and makes nothing
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('features_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is(viewed($standby, 'postgres', $_), viewed($node, 'postgres', $_), "the view $_ on a standby") for qw(plain_set stored_set upon_set);
my %reads = (
	'the direct path' => "SELECT md5(string_agg(md5(record_send(f)), '' ORDER BY id)) FROM echolon_feature_rows('plain_set') AS f (" . definitions('plain_set') . ')',
	'the features of a row' => "SELECT md5(string_agg(md5(record_send(echolon_features_at('plain_set', s, NULL::plain_set))), '' ORDER BY id)) FROM shops AS s WHERE id % 500 = 0",
	'the summary' => "SELECT md5(string_agg(f::text, '')) FROM echolon_feature_summary('plain_set') AS f",
	'the state' => "SELECT string_agg(feature_set || state, ',' ORDER BY feature_set) FROM echolon.feature_sets",
	'leaks' => "SELECT md5(string_agg(l::text, '')) FROM echolon_check_leakage('shops', 'revenue') AS l",
);
is($standby->safe_psql('postgres', $reads{$_}), $node->safe_psql('postgres', $reads{$_}), "$_ on a standby") for sort keys %reads;
fails($standby, 'postgres', "SELECT echolon_train_rf('plain_set', 'revenue')", qr/recovery|read-only/, 'a standby trains on no set');
$standby->stop;

my @bad = grep { !/LOG:  statement/ && /PANIC|TRAP|terminated by signal|runtime error|WARNING/ } split /\n/, slurp_file($node->logfile);
$node->stop;
is("@bad", '', 'nothing bad in the server log');
done_testing();
