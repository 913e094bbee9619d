# What the C sources promise each other, and a compiler does not see.
use strict;
use warnings FATAL => 'all';

use FindBin;
use Test::More;

my $top = "$FindBin::RealBin/../..";

# Arguments of SQL functions are read through src/function.h, which notices those that an older definition has not.
for my $file (sort glob "$top/src/*.c $top/src/*/*.c")
{
	open my $in, '<', $file or die "$file: $!";
	my $source = do { local $/ = undef; <$in> };
	next unless $source =~ /\bPG_(?:GETARG_|ARGISNULL|FUNCTION_INFO_V1)/;
	my $name = $file =~ s/^\Q$top\E\///r;
	like($source, qr/^#include "function\.h"$/m, "$name includes function.h");
	unlike($source, qr/^#include "fmgr\.h"$/m, "$name not fmgr.h");
}

done_testing();
