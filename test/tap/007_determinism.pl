# The same data, parameters and seed give the same bytes, however the rows lie.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('determinism');
create_points($node, 3000);
train_all($node, prefix => 'first_');
my $expected = digests($node, prefix => 'first_');
like($expected, qr/^\S+ \S+ \S+$/, 'three models, three digests');

# Train again and compare.
my $n = 0;
sub same
{
	my ($name, %options) = @_;
	my $prefix = 'again' . ++$n . '_';
	train_all($node, prefix => $prefix, %options);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(digests($node, prefix => $prefix, %options), $expected, $name);
	return;
}

same('trained twice');

# The comparison can fail: another seed, another value.
train_all($node, prefix => 'other_', seed => 43);
isnt(digests($node, prefix => 'other_'), $expected, 'another seed gives other bytes');
$node->safe_psql('postgres', 'CREATE TABLE changed AS TABLE points; UPDATE changed SET a = a + 1 WHERE id = 5');
train_all($node, prefix => 'changed_', table => 'changed');
isnt(digests($node, prefix => 'changed_'), $expected, 'another value gives other bytes');

# ---- the order of rows
$node->safe_psql('postgres', 'CREATE TABLE shuffled AS SELECT * FROM points ORDER BY md5(id::text)');
same('shuffled insert', table => 'shuffled');
$node->safe_psql('postgres', 'CREATE TABLE reversed AS SELECT * FROM points ORDER BY id DESC');
same('reversed insert', table => 'reversed');
$node->safe_psql(
	'postgres', q(
	UPDATE points SET a = a WHERE id % 3 = 0;
	DELETE FROM points WHERE id <= 100;
	INSERT INTO points SELECT * FROM shuffled WHERE id <= 100;
));
same('after updates, deletes and inserts');
$node->safe_psql('postgres', 'VACUUM FULL points');
same('after VACUUM FULL');
$node->safe_psql('postgres', 'CREATE INDEX points_y ON points (y); CLUSTER points USING points_y');
same('after CLUSTER');

# ---- where the rows come from
$node->safe_psql(
	'postgres', q(
	CREATE VIEW points_view AS SELECT * FROM points;
	CREATE MATERIALIZED VIEW points_matview AS SELECT * FROM shuffled;
	CREATE TABLE points_parts (LIKE points) PARTITION BY HASH (id);
	CREATE TABLE points_part0 PARTITION OF points_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE points_part1 PARTITION OF points_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	INSERT INTO points_parts TABLE points;
	CREATE TABLE points_twice (LIKE points);
	INSERT INTO points_twice TABLE points;
	ALTER TABLE points_twice ADD COLUMN gone int;
	ALTER TABLE points_twice DROP COLUMN gone;
));
same('through a view', table => 'points_view');
same('through a materialized view', table => 'points_matview');
same('from a partitioned table', table => 'points_parts');
same('from a table with a dropped column', table => 'points_twice');

# ---- settings of the session and of the database
for my $setting (
	"timezone = 'Asia/Tokyo'", "datestyle = 'SQL, DMY'", 'extra_float_digits = 0', 'force_parallel_mode = regress',
	'debug_parallel_query = regress', 'synchronize_seqscans = off', "work_mem = '64kB'", 'max_parallel_workers_per_gather = 0')
{
	my ($name) = $setting =~ /^(\S+)/;
	# A setting this version does not have any more is no reason to fail.
	next if $node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE lower(name) = lower('$name')") eq '0';
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET $setting");
	same("with $setting");
	$node->safe_psql('postgres', "ALTER DATABASE postgres RESET $name");
}

# ---- dump and restore, into a database of another encoding and collation
$node->safe_psql('postgres',
	"CREATE DATABASE restored TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
my $dump = $node->basedir . '/points.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-t', 'points', $node->connstr('postgres') ], 'the table is dumped');
$node->safe_psql('restored', 'CREATE EXTENSION echolon');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ],
	'and restored');
same('after dump and restore', database => 'restored');

$node->stop;
done_testing();
