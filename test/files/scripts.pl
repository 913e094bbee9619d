# The scripts parse, are clean under shellcheck where it is there, and the
# Makefile can be read where there is no PostgreSQL.
use strict;
use warnings FATAL => 'all';

use FindBin;
use Test::More;

my $top = "$FindBin::RealBin/../..";
chdir $top or die "$top: $!";

my @scripts = grep { -f && !/\.(sql|sh)$/ } glob('scripts/*'), 'bench/run', '.ci/run';
cmp_ok(scalar @scripts, '>=', 6, 'there are scripts');
for my $script (@scripts)
{
	ok(-x $script, "$script can be run");
	is(system('bash', '-n', $script), 0, "$script parses");
}
SKIP:
{
	skip 'no shellcheck here', 1 if system('command -v shellcheck >/dev/null 2>&1') != 0;
	my $said = qx(shellcheck -x @scripts 2>&1);
	is($said, '', 'shellcheck has nothing to say');
}

# Without a PostgreSQL: every target is known, building says what to do.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL PG_CONFIG)};
for my $target (qw(demo demo-stop dashboard test unit parity accuracy bench docs dist))
{
	my $said = qx(make -n $target PG_CONFIG=/nowhere/pg_config 2>&1);
	is($?, 0, "make $target can be run without a PostgreSQL") or diag($said);
}
for my $target ('', 'install', 'installcheck')
{
	my $said = qx(make $target PG_CONFIG=/nowhere/pg_config 2>&1);
	isnt($?, 0, "make $target cannot");
	like($said, qr{/nowhere/pg_config.*install-deps.*PG_CONFIG=}s, 'and says what to do');
}
like(qx(scripts/private-server 2>&1), qr/create NAME/, 'private-server says how it is used');

SKIP:
{
	skip 'no python3 here', 1 if system('command -v python3 >/dev/null 2>&1') != 0;
	is(system('bash', '-c', 'python3 demo/data/make_seed_sales.py | cmp - demo/data/seed_sales.csv'),
		0, 'seed_sales.csv is what its generator makes');
}

# What is tracked names no place of one machine.
my @texts = grep { -f && !/\.csv$/ } glob('*.md *.json Makefile docs/* demo/* demo/data/*.md scripts/* .ci/* bench/* bench/results/* test/*/*');
my @places;
for my $file (@texts)
{
	open my $in, '<', $file or die "$file: $!";
	while (<$in>)
	{
		push @places, "$file:$." if m{(?<![\w.])/(home|root|work)/\w};
	}
}
is("@places", '', 'no file names a place of one machine');

done_testing();
