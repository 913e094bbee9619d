# META.json against PGXN's specification 1.0.0, and against the other places
# that say the same things.
use strict;
use warnings FATAL => 'all';

use FindBin;
use JSON::PP;
use Test::More;

my $top = "$FindBin::RealBin/../..";

sub slurp
{
	my ($name) = @_;
	open my $in, '<:raw', "$top/$name" or die "$name: $!";
	local $/ = undef;
	return <$in>;
}

my $meta = eval { JSON::PP->new->utf8->decode(slurp('META.json')) };
ok($meta, 'META.json is JSON') or BAIL_OUT($@);

# Required: name, version, abstract, maintainer, license, provides, meta-spec.
my $version = qr/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([a-zA-Z][-0-9A-Za-z]*)?$/;
like($meta->{name}, qr/^[^\s\/\\\x00-\x1f]{2,}$/, 'name');
like($meta->{version}, $version, 'version is a semantic version');
like($meta->{abstract}, qr/\S/, 'abstract');
like(ref $meta->{maintainer} ? join(',', @{ $meta->{maintainer} }) : $meta->{maintainer}, qr/\S/, 'maintainer');
my %licenses = map { $_ => 1 } qw(agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3
  gpl_1 gpl_2 gpl_3 lgpl_2_1 lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun
  zlib open_source restricted unrestricted unknown);
ok(!ref $meta->{license} && $licenses{ $meta->{license} }, 'license is one of the list');
is($meta->{license}, 'postgresql', 'and the PostgreSQL License');
is($meta->{'meta-spec'}{version}, '1.0.0', 'meta-spec version');
like($meta->{'meta-spec'}{url}, qr{^https?://pgxn\.org/meta/spec\.txt$}, 'meta-spec url');
is_deeply([ keys %{ $meta->{provides} } ], ['echolon'], 'provides the extension');
my $extension = $meta->{provides}{echolon};
like($extension->{version}, $version, 'its version');
ok(-f "$top/$extension->{docfile}", 'its docfile is there');
like($extension->{file}, qr/^echolon--\Q$extension->{version}\E\.sql$/, 'its file is the script of that version');

# Optional keys, where given, of the right kind; no key the specification does not know.
my %known = map { $_ => 1 } qw(name version abstract maintainer license provides meta-spec description generated_by
  tags no_index prereqs release_status resources);
is_deeply([ grep { !$known{$_} && !/^x_/i } sort keys %$meta ], [], 'no unknown key');
is(ref $meta->{tags}, 'ARRAY', 'tags is a list');
is_deeply([ grep { !/^[^\/\\\x00-\x1f]{1,255}$/ } @{ $meta->{tags} } ], [], 'of tags');
like($meta->{release_status}, qr/^(stable|testing|unstable)$/, 'release status');
for my $phase (sort keys %{ $meta->{prereqs} })
{
	like($phase, qr/^(configure|build|test|runtime|develop)$/, "prereqs phase $phase");
	for my $relation (sort keys %{ $meta->{prereqs}{$phase} })
	{
		like($relation, qr/^(requires|recommends|suggests|conflicts)$/, "$phase $relation");
		like($_, qr/^((0|[1-9]\d*)\.\d+\.\d+|0)$/, "$phase $relation version")
		  for values %{ $meta->{prereqs}{$phase}{$relation} };
	}
}

# One version everywhere.
my ($control) = slurp('echolon.control') =~ /^default_version\s*=\s*'([^']+)'/m;
is($meta->{version}, $control, 'META.json and echolon.control have the same version');
is($extension->{version}, $control, 'and so has what it provides');
my ($changes) = slurp('CHANGELOG.md') =~ /^## (\S+)/m;
is($changes, $control, 'and the first heading of CHANGELOG.md');

done_testing();
