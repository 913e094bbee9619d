# EcholonTest.pm: what the TAP tests share: a table without randomness, and
# digests of models and predictions.
package EcholonTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(new_cluster create_points train_all digests predictions wait_for fails
  model_bytes session submit ask);

# A running cluster with the extension in database postgres.
sub new_cluster
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%options);
	$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION echolon');
	return $node;
}

# A table of n rows made by arithmetic: numbers, text, a date, NULLs, a numeric
# target, one of two classes and one of three.
sub create_points
{
	my ($node, $n, %options) = @_;
	my $database = $options{database} // 'postgres';
	my $table = $options{table} // 'points';
	$node->safe_psql(
		$database, qq(
		CREATE TABLE $table (id int PRIMARY KEY, a float8, b numeric, c int, colour text, day date,
			y float8, label text, kind text);
		INSERT INTO $table
		SELECT i, a, b, c, colour, date '2020-01-01' + i % 700,
			3 * a + CASE WHEN b > 50 THEN 20 ELSE 0 END + coalesce(c, 4) * length(colour) + (i::int8 * i) % 7,
			CASE WHEN a + b / 10 + (i % 3) > 11 THEN 'yes' ELSE 'no' END,
			(ARRAY['low', 'middle', 'high'])[1 + least(2, floor((a + b / 10) / 7)::int)]
		FROM (
			SELECT i, (i::int8 * 7919 % 1000) / 100.0::float8 AS a, (i::int8 * 104729 % 997) / 10.0 AS b,
				CASE WHEN i % 10 <> 0 THEN (i * 31 % 9) END AS c,
				(ARRAY['red', 'green', 'blue', 'yellow'])[1 + (i::int8 * i % 13) % 4] AS colour
			FROM generate_series(1, $n) AS i) AS g;
		ANALYZE $table;
	));
	return;
}

# The three models the tests compare: a forest, a boosted one, three classes.
sub train_all
{
	my ($node, %options) = @_;
	my $database = $options{database} // 'postgres';
	my $table = $options{table} // 'points';
	my $prefix = $options{prefix} // '';
	my $seed = $options{seed} // 42;
	my $common =
	  "features => '{a,b,c,colour,day}', n_estimators => 20, seed => $seed, model => '$prefix";
	$node->safe_psql(
		$database, qq(
		SELECT model, version FROM echolon_train_rf('$table', 'y', ${common}forest');
		SELECT model, version FROM echolon_train_gb('$table', 'label', ${common}boosted');
		SELECT model, version FROM echolon_train_gb('$table', 'kind', ${common}classes');
	));
	return;
}

# The digests of the active versions' bytes.
sub digests
{
	my ($node, %options) = @_;
	my $database = $options{database} // 'postgres';
	my $prefix = $options{prefix} // '';
	return $node->safe_psql($database,
		    "SELECT string_agg(digest::text, ' ' ORDER BY model)"
		  . " FROM echolon.model_versions WHERE active"
		  . " AND model IN ('${prefix}boosted', '${prefix}classes', '${prefix}forest')");
}

# Every prediction of the three models, in one digest, to the last bit.
sub predictions
{
	my ($node, %options) = @_;
	my $database = $options{database} // 'postgres';
	my $table = $options{table} // 'points';
	my $prefix = $options{prefix} // '';
	my ($stdout, $stderr) = ('', '');
	my $status = $node->psql(
		$database, qq(
		SELECT md5(string_agg(concat_ws(' ', echolon_predict('${prefix}forest', p),
			echolon_predict_proba('${prefix}boosted', p, 'yes'),
			echolon_predict_class('${prefix}boosted', p),
			echolon_predict_proba('${prefix}classes', p)), ',' ORDER BY id))
		FROM $table AS p),
		stdout => \$stdout,
		stderr => \$stderr,
		connstr => $node->connstr($database) . ($options{user} ? " user=$options{user}" : ''));
	return $status == 0 ? $stdout : "error: $stderr";
}

# Wait until a query gives t, at most 60 seconds.
sub wait_for
{
	my ($node, $query) = @_;
	for (1 .. 1200)
	{
		return 1 if $node->safe_psql('postgres', $query) eq 't';
		usleep(50_000);
	}
	return 0;
}

# The statement fails with this message; what else it said is shown.
sub fails
{
	my ($node, $database, $sql, $message, $name, %options) = @_;
	my ($stdout, $stderr) = ('', '');
	my $status = $node->psql(
		$database, $sql,
		stdout => \$stdout,
		stderr => \$stderr,
		on_error_stop => 1,
		connstr => $node->connstr($database) . ($options{user} ? " user=$options{user}" : ''));
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	subtest $name => sub {
		isnt($status, 0, 'it is an error');
		like($stderr, $message, 'it says why');
	};
	return;
}

# A session that reads statements as they come; what it complains of is in its err.
sub session
{
	my ($node, $database) = @_;
	my %s = (in => '', out => '', err => '');
	$s{run} = IPC::Run::start(
		[ 'psql', '-X', '-At', '-f', '-', $node->connstr($database // 'postgres') ],
		'<', \$s{in}, '>', \$s{out}, '2>', \$s{err}, IPC::Run::timeout(120));
	return \%s;
}

# Send it statements without waiting for an answer.
sub submit
{
	my ($s, $sql) = @_;
	$s->{in} .= "$sql\n";
	while (length $s->{in})
	{
		$s->{run}->pump_nb;
		usleep(1000);
	}
	return;
}

# Send it statements, and wait for the answer.
sub ask
{
	my ($s, $sql) = @_;
	$s->{out} = '';
	$s->{in} .= "$sql\n\\echo done\n";
	$s->{run}->pump until $s->{out} =~ /^done$/m;
	my ($answer) = $s->{out} =~ /^(.*?)\n?done$/ms;
	return $answer;
}

# The bytes of a model's active version, in hexadecimal.
sub model_bytes
{
	my ($node, $model) = @_;
	return $node->safe_psql('postgres', "SELECT encode(echolon_export_model('$model'), 'hex')");
}

1;
