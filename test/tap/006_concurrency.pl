# Two sessions train the same new name at once; and a prepared statement of
# another session follows each promotion.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('concurrency');
create_points($node, 1000);

# ---- the same new name in two sessions: hold both back where they begin to
# write, so that it is certain that neither saw the other's model when it began
my $holder = session($node);
ask($holder, 'BEGIN; LOCK TABLE echolon.model_store, echolon.version_store IN SHARE ROW EXCLUSIVE MODE;');
my @trainings;
for my $seed (1, 2)
{
	my ($out, $err) = ('', '');
	push @trainings,
	  {
		out => \$out,
		err => \$err,
		run => IPC::Run::start(
			[
				'psql', '-X', '-At', '-c',
				"SELECT version FROM echolon_train_rf('points', 'y', model => 'same', n_estimators => 5, seed => $seed)",
				$node->connstr('postgres')
			],
			'>', \$out, '2>', \$err, IPC::Run::timeout(120))
	  };
}
ok( wait_for($node,
		"SELECT count(*) = 2 FROM pg_stat_activity WHERE query LIKE 'SELECT version%' AND wait_event_type = 'Lock'"),
	'two trainings wait to write');
ask($holder, 'COMMIT;');
$_->{run}->finish for @trainings;
is_deeply(
	[ sort map { ${ $_->{out} } =~ s/\s+//gr } @trainings ],
	[ 1, 2 ],
	'both succeed, as versions 1 and 2') or diag(map { ${ $_->{err} } } @trainings);
is( $node->safe_psql('postgres', "SELECT count(*), count(*) FILTER (WHERE active) FROM echolon.model_versions WHERE model = 'same'"),
	'2|1', 'two versions are stored, one of them is active');

# ---- a prepared statement across promotion, activation and a rolled-back training
my $reader = session($node);
my $sum = "SELECT sum(echolon_predict('same', p)) FROM points AS p";
ask($reader, "SET plan_cache_mode = force_generic_plan; PREPARE predicted(text) AS SELECT sum(echolon_predict(\$1, p)) FROM points AS p;");
sub now { return ask($reader, "EXECUTE predicted('same');") }
sub expected { return $node->safe_psql('postgres', $sum) }

my $one = now();
is($one, expected(), 'prepared: the active version');
my $other = $node->safe_psql('postgres', "SELECT version FROM echolon.model_versions WHERE model = 'same' AND NOT active");
$node->safe_psql('postgres', "SELECT echolon_activate('same', $other)");
my $two = now();
isnt($two, $one, 'prepared: follows an activation');
is($two, expected(), 'prepared: to the right one');
$node->safe_psql('postgres', "SELECT echolon_train_rf('points', 'y', model => 'same', n_estimators => 5, seed => 3)");
my $three = now();
isnt($three, $two, 'prepared: follows a training');
is($three, expected(), 'prepared: to the right one');

# One snapshot sees one version, whatever others commit meanwhile.
ask($reader, 'BEGIN ISOLATION LEVEL REPEATABLE READ;');
is(now(), $three, 'repeatable read: begins with version 3');
$node->safe_psql('postgres', "SELECT echolon_train_rf('points', 'y', model => 'same', n_estimators => 5, seed => 4)");
is(now(), $three, 'repeatable read: stays with it after a promotion');
ask($reader, 'COMMIT;');
isnt(now(), $three, 'and sees the new one afterwards');

# A savepoint rolled back takes its version with it.
my $four = now();
ask($reader, "BEGIN; SAVEPOINT s; SELECT version FROM echolon_train_rf('points', 'y', model => 'same', n_estimators => 5, seed => 5);");
isnt(now(), $four, 'a transaction sees its own training');
ask($reader, 'ROLLBACK TO s;');
is(now(), $four, 'and not after ROLLBACK TO');
ask($reader, 'COMMIT;');

# Dropped in one session: the next statement of the other says so.
$node->safe_psql('postgres', "SELECT echolon_drop_model('same')");
ask($reader, "EXECUTE predicted('same');");
like($reader->{err}, qr/model "same" does not exist/, 'a dropped model is gone for everyone');

# ---- many at once: trainers of one model, readers, and nothing but good answers
$node->safe_psql('postgres', "SELECT echolon_train_rf('points', 'y', model => 'busy', n_estimators => 2)");
$node->pgbench(
	'--client=4 --transactions=10 --no-vacuum',
	0,
	[qr/processed: 40\/40/],
	[qr/^(?!.*ERROR)/s],
	'trainers and readers of one model',
	{
		'busy_train@1' => "SELECT version FROM echolon_train_rf('points', 'y', model => 'busy', n_estimators => 2);",
		'busy_read@2' => "SELECT sum(echolon_predict('busy', p)) FROM points AS p;"
	});
is( $node->safe_psql('postgres',
		"SELECT count(*) = max(version) AND count(*) FILTER (WHERE active) = 1 FROM echolon.model_versions WHERE model = 'busy'"),
	't', 'versions are numbered without a gap, and one is active');

# A model is dropped whole or not at all: a snapshot from before the last version would leave that behind.
ask($reader, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM echolon.models;');
$node->safe_psql('postgres', "SELECT echolon_train_rf('points', 'y', model => 'same', n_estimators => 5, seed => 5)");
ask($reader, "SELECT echolon_drop_model('same');");
like($reader->{err}, qr/could not serialize access/, 'repeatable read: a drop that does not see all versions fails');
ask($reader, "ROLLBACK; SELECT echolon_drop_model('same');");
is( $node->safe_psql('postgres', q(SELECT count(*) FROM echolon.version_store AS v FULL JOIN echolon.chunk_store AS c ON version_id = v.id
		WHERE v.id IS NULL OR (version_id IS NULL AND retired_at IS NULL) OR model_id NOT IN (SELECT id FROM echolon.model_store))),
	'0', 'and one that does leaves nothing behind');

for my $s ($holder, $reader)
{
	$s->{in} .= "\\q\n";
	$s->{run}->finish;
}
$node->stop;
done_testing();
