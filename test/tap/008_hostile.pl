# Damaged and hostile model bytes: an error that says so, never a crash.
#
# Plain damage is caught by the checksum.  Who forges bytes forges the checksum
# as well, so most of the work here is done on bytes that are sealed again: then
# each field must hold out by itself.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# CRC-32C (Castagnoli), reflected, as the model format has it.
my @crc_table = map {
	my $c = $_;
	$c = $c & 1 ? ($c >> 1) ^ 0x82F63B78 : $c >> 1 for 1 .. 8;
	$c;
} 0 .. 255;

use constant { CHECKSUM_AT => 12, LENGTH_AT => 16 };

# The bytes with a checksum that fits them.
sub seal
{
	my ($bytes) = @_;
	return $bytes if length($bytes) < CHECKSUM_AT + 4;
	substr($bytes, CHECKSUM_AT, 4) = "\0\0\0\0";
	my $crc = 0xFFFFFFFF;
	$crc = $crc_table[ ($crc ^ $_) & 0xFF ] ^ ($crc >> 8) for unpack 'C*', $bytes;
	substr($bytes, CHECKSUM_AT, 4) = pack 'V', $crc ^ 0xFFFFFFFF;
	return $bytes;
}

my $node = new_cluster('hostile');
create_points($node, 400);
$node->safe_psql('postgres', q(ALTER TABLE points ADD town text; UPDATE points SET town = 'town ' || id % 7));
my %small = (
	forest => "echolon_train_rf('points', 'y', features => '{a,colour}', model => 'forest', n_estimators => 3, max_depth => 3)",
	classes => "echolon_train_rf('points', 'kind', features => '{a,b,day}', model => 'classes', n_estimators => 2, max_depth => 3)",
	encoded => "echolon_train_rf('points', 'y', features => '{a,town}', encode => 'target', model => 'encoded', n_estimators => 3, max_depth => 3)",
	boosted => "echolon_train_gb('points', 'label', features => '{a,c,colour}', model => 'boosted', n_estimators => 3, max_leaf_nodes => 4)");
$node->safe_psql(
	'postgres', q(
	CREATE FUNCTION attempt(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM echolon_predict_model(bytes, p) FROM points AS p WHERE id <= 5;
		RETURN 'predicted';
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END $$;
	CREATE FUNCTION attempt_class(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM echolon_predict_model_proba(bytes, p) FROM points AS p WHERE id <= 5;
		RETURN 'predicted';
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END $$;
	CREATE TABLE hostile (bytes bytea);
));
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $log_at = -s $node->logfile;

srand(20240229);

for my $model (sort keys %small)
{
	$node->safe_psql('postgres', "SELECT $small{$model}");
	my $good = pack 'H*', model_bytes($node, $model);
	my $length = length $good;
	my $attempt = $model =~ /^(forest|encoded)$/ ? 'attempt' : 'attempt_class';

	is($node->safe_psql('postgres', "SELECT $attempt(decode('" . unpack('H*', $good) . "', 'hex'))"),
		'predicted', "$model: the good bytes predict");
	is(unpack('H*', seal($good)), unpack('H*', $good), "$model: this test's checksum is the format's");

	# Every bit, and every length: all must be noticed.
	is( $node->safe_psql(
			'postgres', qq(
			WITH good AS MATERIALIZED (SELECT echolon_export_model('$model') AS bytes),
				bad AS (SELECT set_bit(bytes, bit, 1 - get_bit(bytes, bit)) AS bytes
					FROM good, generate_series(0, length(bytes)::int8 * 8 - 1, 3) AS bit
					UNION ALL SELECT substr(bytes, 1, n) FROM good, generate_series(0, length(bytes) - 1) AS n
					UNION ALL SELECT bytes || '\\x00' FROM good)
			SELECT string_agg(DISTINCT $attempt(bytes), ' ') FROM bad)),
		'XX001', "$model: every flipped bit and every truncation is data corruption");

	# Sealed again: single bytes, and words with the values that break arithmetic.
	my @bad;
	my @values = (0, 1, 0x7F, 0x80, 0xFF);
	for my $at (0 .. ($length < 1500 ? $length : 1500) - 1)
	{
		my $bytes = $good;
		substr($bytes, $at, 1) = chr $values[ $at % @values ];
		push @bad, $bytes;
	}
	my @words = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF8);
	for (1 .. 1500)
	{
		my $bytes = $good;
		my $at = 4 * int(rand($length / 4));
		substr($bytes, $at, 4) = pack 'V', $words[ rand @words ];
		substr($bytes, 4 * int(rand($length / 4)), 4) = pack 'V', int(rand(256)) if rand() < 0.3;
		push @bad, $bytes;
	}
	# Truncated, with a length that says so.
	for (1 .. 300)
	{
		my $bytes = substr($good, 0, 32 + int(rand($length - 32)));
		substr($bytes, LENGTH_AT, 8) = pack 'Q<', length $bytes;
		push @bad, $bytes;
	}
	# Two good parts that do not belong together, and noise behind a good header.
	for (1 .. 300)
	{
		my $bytes = $good;
		my $n = 8 * (1 + int(rand(20)));
		my $from = 8 * int(rand(($length - $n) / 8));
		my $to = 8 * int(rand(($length - $n) / 8));
		substr($bytes, $to, $n) = rand() < 0.5 ? substr($good, $from, $n) : join '', map { chr rand 256 } 1 .. $n;
		push @bad, $bytes;
	}
	my $file = $node->basedir . "/$model.hex";
	open my $out, '>', $file or die "$file: $!";
	print $out '\\\\x', unpack('H*', seal($_)), "\n" for @bad;
	close $out or die "$file: $!";
	$node->safe_psql('postgres', "TRUNCATE hostile; COPY hostile FROM '$file'");
	my %seen = map { split /\|/, $_, 2 } split /\n/,
	  $node->safe_psql('postgres', "SELECT $attempt(bytes), count(*) FROM hostile GROUP BY 1");
	note("$model: ", join ', ', map { "$_ $seen{$_}" } sort keys %seen);
	cmp_ok($seen{XX001} // 0, '>', @bad / 3, "$model: forged bytes: much of it is noticed");
	# A changed threshold or leaf value is another model, and a changed column
	# name or type is a column the row has not; nothing else may happen.
	is(join(' ', grep { !/^(XX001|predicted|42703|42804|22023|42704)$/ } sort keys %seen),
		'', "$model: forged bytes: a prediction, or an error of a kind that is meant");
}

# ---- bytes that are no model at all
for my $bytes ("''", "'\\x00'", "decode(repeat('ff', 1000), 'hex')", "convert_to('ECHOLON', 'UTF8') || '\\x00'",
	"convert_to('ECHOLON', 'UTF8') || decode(repeat('00', 4000), 'hex')")
{
	is($node->safe_psql('postgres', "SELECT attempt($bytes)"), 'XX001', "no model: $bytes");
}

# ---- and the server never noticed
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server was not restarted');
my $log = slurp_file($node->logfile, $log_at);
unlike($log, qr/PANIC|TRAP|terminated by signal|server process .* exited/, 'no backend died');

$node->stop;
done_testing();
