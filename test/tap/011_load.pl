# Loading files of the server: rights, odd files, huge fields, encodings, cancels, progress, many rows.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use IPC::Run;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = new_cluster('load', extra => [ '-E', 'UTF8', '--locale=C' ]);
my $dir = PostgreSQL::Test::Utils::tempdir;
chmod 0755, $dir;

# A file with this text; or what the function prints.
sub file
{
	my ($name, $content) = @_;
	open(my $handle, '>:raw', "$dir/$name") or die $!;
	ref $content ? $content->($handle) : print $handle $content;
	close $handle or die $!;
	return "$dir/$name";
}

sub load
{
	my ($sql, %options) = @_;
	return $node->safe_psql($options{database} // 'postgres',
		"SET client_min_messages = warning; SET datestyle = 'ISO, MDY'; SELECT rows_loaded, rows_refused, columns FROM $sql");
}

# ---- rights: those of COPY
my $sales = file('sales.csv', "id,price,city\n1,2.50,Oslo\n2,3,\"Rome, Italy\"\n");
$node->safe_psql('postgres', q(
	CREATE USER analyst; CREATE USER reader IN ROLE pg_read_server_files; CREATE USER stranger;
	GRANT CREATE ON SCHEMA public TO analyst, reader;
	CREATE TABLE theirs (id int, price numeric, city text);
	CREATE TABLE column_wise (id int, price numeric, city text);
	GRANT INSERT (id, price) ON column_wise TO analyst;
	CREATE TABLE guarded (id int, price numeric, city text);
	ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
	GRANT INSERT ON guarded TO analyst;
	CREATE POLICY all_of_it ON guarded USING (true)));
fails($node, 'postgres', "SELECT echolon_load_csv('s', '$sales')", qr/permission denied to read a file of the server/,
	'no path without the right', user => 'analyst');
fails($node, 'postgres', "SELECT echolon_load_csv('s', '/nowhere')", qr/permission denied to read a file of the server/,
	'nor is it told whether it exists', user => 'analyst');
fails($node, 'postgres', "SELECT echolon_load_json('s', '$sales')", qr/permission denied to read a file of the server/,
	'JSON neither', user => 'analyst');
fails($node, 'postgres', "SELECT echolon_load_csv('s', content => 'a')", qr/permission denied for schema public/,
	'no table without the right to create one', user => 'stranger');
fails($node, 'postgres', "SELECT echolon_load_csv('theirs', content => E'id\n1\n')", qr/permission denied for table theirs/,
	'a table of someone else', user => 'analyst');
fails($node, 'postgres', "SELECT echolon_load_csv('column_wise', content => E'id,city\n1,x\n')", qr/permission denied for table column_wise/,
	'a column without the right', user => 'analyst');
fails($node, 'postgres', "SELECT echolon_load_csv('guarded', content => E'id\n1\n')", qr/with row-level security/,
	'row-level security, as COPY', user => 'analyst');
is( $node->safe_psql('postgres', qq(
	SET client_min_messages = warning; SET ROLE reader;
	SELECT rows_loaded FROM echolon_load_csv('s', '$sales');
	RESET ROLE; SET ROLE analyst;
	SELECT rows_loaded FROM echolon_load_csv('column_wise', content => E'id,price\\n1,2\\n');
	SELECT rows_refused FROM echolon_load_csv('mine', content => E'id,price\\n1,2\\n3\\n', max_errors => 1);
	RESET ROLE; SET ROLE stranger;
	SELECT count(*) FROM echolon.load_errors;
	RESET ROLE; SET ROLE analyst;
	SELECT count(*) FROM echolon.load_errors)),
	"2\n1\n1\n0\n1", 'with the rights it works, and refused lines are seen by who loaded');
is($node->safe_psql('postgres', "SET client_min_messages = warning; SET ROLE stranger; SELECT rows_loaded FROM echolon_load_csv('pg_temp.own', content => E'a\n1\n')"),
	'1', 'who may make no other table may make a temporary one');
for my $table ('load_store', 'load_error_store')
{
	fails($node, 'postgres', "SELECT * FROM echolon.$table", qr/permission denied for table $table/, "$table is private", user => 'analyst');
}

# ---- what a path may be
fails($node, 'postgres', "SELECT echolon_load_csv('bad', '$dir')", qr/is a directory/, 'a directory');
fails($node, 'postgres', "SELECT echolon_load_csv('bad', 'nowhere.csv')", qr/could not read file "nowhere.csv".*The path is one of the server/s, 'a relative path that is not there');
POSIX::mkfifo("$dir/pipe", 0666) or die $!;
fails($node, 'postgres', "SET statement_timeout = '5s'; SELECT echolon_load_csv('bad', '$dir/pipe')", qr/is not a regular file/, 'a named pipe does not hang');
fails($node, 'postgres', "SELECT echolon_load_csv('bad', '/dev/zero')", qr/is not a regular file/, 'a device');
file('secret.csv', "a\n1\n");
chmod 0, "$dir/secret.csv";
SKIP:
{
	skip 'root reads everything', 1 if $> == 0;
	fails($node, 'postgres', "SELECT echolon_load_csv('bad', '$dir/secret.csv')", qr/Permission denied/, 'a file the server may not read');
}

# ---- odd files
fails($node, 'postgres', "SELECT echolon_load_csv('bad', '" . file('empty.csv', '') . "')", qr/file ".*empty.csv" is empty/, 'an empty file');
fails($node, 'postgres', "SELECT echolon_load_csv('bad', '" . file('mark.csv', "\xEF\xBB\xBF") . "')", qr/is empty/, 'nothing but a byte order mark');
fails($node, 'postgres', "SELECT echolon_load_csv('bad', '" . file('utf16.csv', "\xFF\xFEa\0\n\0") . "')", qr/UTF-16/, 'UTF-16');
fails($node, 'postgres', "SELECT echolon_load_csv('bad', '" . file('packed.csv.gz', "\x1F\x8B\x08\0abc") . "')", qr/is compressed/, 'gzip');
fails($node, 'postgres', "SELECT echolon_load_json('bad', '" . file('sheet.xlsx', "PK\x03\x04abc") . "')", qr/an archive or a spreadsheet/, 'a spreadsheet');
fails($node, 'postgres', "SELECT echolon_load_csv('bad', '" . file('nul.csv', "a,b\n1,x\0y\n") . "')", qr/line 2 has a NUL byte/, 'a NUL byte');
my $latin = file('latin.csv', "id,city\n1,Malm\xF6\n2,K\xF8ge\n");
fails($node, 'postgres', "SET client_encoding = 'UTF8'; SELECT echolon_load_csv('bad', '$latin')",
	qr/line 2 is not valid UTF8.*column "city": "Malm\\xf6".*encoding => 'LATIN1'/s, 'a wrong encoding names line, column, value and the way out');
is(load("echolon_load_csv('some_latin', '" . file('some_latin.csv', "id,city\n1,Malm\xF6\n2,\xF8,3\n3,Oslo\n") . "', max_errors => 2)"), '1|2|{"id integer","city text"}', 'the other lines are loaded');
is($node->safe_psql('postgres', "SELECT line, column_name, value FROM echolon.load_errors WHERE table_name = 'public.some_latin'"), "2|city|Malm\\xf6\n3|city|\\xf8", 'what was refused can be read');
fails($node, 'postgres', "SET client_encoding = 'UTF8'; SELECT echolon_load_csv('bad', '" . file('latin_name.csv', "id,Stra\xDFe\n1,2\n") . "')", qr/line 1 is not valid UTF8.*Stra\\xdfe/s, 'nor in a name');
is(load("echolon_load_csv('latin', '$latin', encoding => 'LATIN1')"), '2|0|{"id integer","city text"}', 'the right one');
is($node->safe_psql('postgres', "SELECT string_agg(encode(convert_to(city, 'UTF8'), 'hex'), ' ' ORDER BY id) FROM latin"), '4d616c6dc3b6 4bc3b86765', 'and its letters');
is(load("echolon_load_csv('marked', '" . file('marked.csv', "\xEF\xBB\xBFid,city\r\n1,Malm\xC3\xB6\r\n") . "')"), '1|0|{"id integer","city text"}', 'a byte order mark and line ends of Windows');
fails($node, 'postgres', "SELECT echolon_load_csv('bad', '$dir/marked.csv', encoding => 'LATIN1')", qr/byte order mark of UTF8, not LATIN1/, 'a mark of another encoding');
is(load("echolon_load_csv('mac', '" . file('mac.csv', "a,b\r1,2\r") . "')"), '1|0|{"a integer","b integer"}', 'line ends of old');
fails($node, 'postgres', "SELECT echolon_load_csv('bad', '" . file('open.csv', "a,b\n1,\"2\n" . ("3,4\n" x 100000)) . "')", qr/unterminated CSV quoted field.*begins in line 2/s, 'a quote that never closes');
is($node->safe_psql('postgres', "SET client_encoding = 'UTF8';" . q(CREATE FUNCTION said(path text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		message text; detail text; context text;
	BEGIN
		PERFORM echolon_load_csv('bad', path);
		RETURN 'no error';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
		RETURN convert_from(convert_to(concat_ws(' | ', message, detail, context), 'UTF8'), 'UTF8') ~ 'line 2';
	END $$;) . "SELECT said(path) FROM unnest('{$latin," . file('open_latin.csv', "a,b\n1,\"Malm\xF6\n3,4\n") . "," . file('ragged_latin.csv', "a,b\nMalm\xF6\n") . "}'::text[]) AS path"),
	"true\ntrue\ntrue", 'no message has bytes in it that are no text');
is(load("echolon_load_json('windows_json', '" . file('w.json', "\xEF\xBB\xBF{\"a\": 1}\r\n{\"a\": 2}\r\n") . "')"), '2|0|{"a integer"}', 'JSON with a byte order mark');
is(load("echolon_load_json('pretty', '" . file('p.json', "{\n  \"a\": {\n\"b\": [\n1]}\n}\n{\n\"a\":\n{\"b\": \"x\"}}") . "')"), '2|0|{"\"a.b\" text"}', 'objects of several lines');
fails($node, 'postgres', "SELECT echolon_load_json('bad', '" . file('l.json', "{\"a\": \"Malm\xF6\"}\n") . "')", qr/object 1, in line 1, is not valid UTF-8/, 'JSON in another encoding');

# ---- a field of 1 GB, and other memory
SKIP:
{
	my ($blocks) = grep { /\d/ } split /\n/, `df -Pk $dir | tail -1 | awk '{print \$4}'`;
	skip 'less than 4 GB free', 2 if $blocks < 4 * 1024 * 1024;
	my $gigabyte = file('gigabyte.csv', sub { my ($h) = @_; print $h "a,b\n1,"; print $h 'x' x 1048576 for 1 .. 1024; print $h "\n2,3\n" });
	fails($node, 'postgres', "SELECT echolon_load_csv('bad', '$gigabyte')", qr/the record that begins in line 2 is longer than 128 MB/, 'a field of 1 GB');
	my ($out, $err);
	$node->psql('postgres', "SELECT echolon_load_json('bad', '$gigabyte', max_errors => 5)", stderr => \$err);
	like($err, qr/there is no object|not an object|longer than/, 'nor is it JSON');
	unlink $gigabyte;
}
my $megabytes = file('megabytes.csv', sub { my ($h) = @_; print $h "a,b\n1,\""; print $h "x\\\n\t" x 262144 for 1 .. 40; print $h "\"\n2,3\n" });
is(load("echolon_load_csv('megabytes', '$megabytes')"), '2|0|{"a integer","b text"}', 'a field of 40 MB');
is($node->safe_psql('postgres', q(SELECT md5(b) = md5(repeat(E'x\\\\\n\t', 262144 * 40)) FROM megabytes WHERE a = 1)), 't', 'has every byte');
fails($node, 'postgres', "SET echolon.max_memory = '8MB'; SELECT echolon_load_csv('bad', '$megabytes')", qr/longer than 2 MB.*echolon.max_memory/s, 'within echolon.max_memory');
fails($node, 'postgres', "SET temp_file_limit = '1MB'; SELECT echolon_load_csv('bad', '$megabytes')", qr/temp_file_limit/, 'within temp_file_limit');

# ---- a million integers and then a text; Oracle: COPY into a table of the same types
my $many = file('many.csv', sub { my ($h) = @_; print $h "a,b,c\n"; printf $h "%d,%d.25,2024-01-%02d\n", $_, $_, 1 + $_ % 28 for 1 .. 1_000_000; });
my $duration = time;
is(load("echolon_load_csv('many', '$many')"), '1000000|0|{"a integer","b numeric","c date"}', 'a million rows');
$duration = 1000 * (time - $duration);
$node->safe_psql('postgres', "CREATE TABLE copied (LIKE many); COPY copied FROM '$many' CSV HEADER");
is($node->safe_psql('postgres', q(SELECT (SELECT md5(string_agg(m::text, '' ORDER BY a)) FROM many AS m) = (SELECT md5(string_agg(m::text, '' ORDER BY a)) FROM copied AS m))), 't', 'the same rows as COPY');
open(my $append, '>>:raw', $many) or die $!;
print $append "end,1,2024-01-01\n";
close $append;
is(load("echolon_load_csv('many_text', '$many')"), '1000001|0|{"a text","b numeric","c date"}', 'one text at the end: it is text');
is(load("echolon_load_csv('many', '$many', max_errors => 1)"), '1000000|1|{"a integer","b numeric","c date"}', 'refused by a table that has integers');
is($node->safe_psql('postgres', q(SELECT line, column_name, value FROM echolon.load_errors WHERE table_name = 'public.many')), '1000002|a|end', 'with its line');

# ---- lines of odd bytes without end; Oracle: COPY of the same file into texts
{
	my $state = 12345;
	my $random = sub { my ($n) = @_; $state = ($state * 1103515245 + 12345) % 2147483648; return int($state / 65536) % $n };
	my @pieces = ('a', 'b', '1', ',', ',', "\n", '"', '"', '\\', '.', 'N', ' ', "\t", "\xC3\xA9", '""', '"x,y"', "\"l\nm\"");
	my $text = sub { my ($n) = @_; return join '', map { $pieces[ $random->(scalar @pieces) ] } 1 .. $n };
	my $sql = 'CREATE TABLE texts (a text, b text, c text); CREATE TABLE compared (what text, files int);';
	for my $i (1 .. 600)
	{
		my $lines = "a,b,c\n";
		for (0 .. $random->(4))
		{
			my @fields = map { my $v = $text->($random->(5)); $random->(3) ? '"' . ($v =~ s/"/""/gr) . '"' : $v =~ s/[",\n\\]//gr } 1 .. 3;
			$lines .= ($random->(5) ? join(',', @fields) : 'x' . $text->($random->(10))) . "\n";
		}
		my $end = ("\n", "\n", "\r\n", "\r")[ $random->(4) ];
		$lines =~ s/\n/$end/g if $random->(10);
		$lines =~ s/\s\z// unless $random->(4);
		my $path = file("odd$i.csv", $lines);
		$sql .= qq(SELECT compare('$path'););
	}
	$node->safe_psql('postgres', q(
		CREATE FUNCTION compare(path text) RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			theirs text;
			ours text;
			rows bigint;
		BEGIN
			TRUNCATE texts;
			DROP TABLE IF EXISTS loaded;
			BEGIN EXECUTE format('COPY texts FROM %L CSV HEADER', path); EXCEPTION WHEN OTHERS THEN theirs := SQLSTATE; END;
			BEGIN PERFORM echolon_load_csv('loaded', path, column_types => '{"a": "text", "b": "text", "c": "text"}'); EXCEPTION WHEN OTHERS THEN ours := SQLSTATE; END;
			IF theirs IS NULL AND ours IS NULL THEN
				SELECT count(*) INTO rows FROM (SELECT nullif(a, ''), nullif(b, ''), nullif(c, '') FROM texts EXCEPT ALL SELECT * FROM loaded) AS t;
				rows := rows + abs((SELECT count(*) FROM texts) - (SELECT count(*) FROM loaded));
				INSERT INTO compared VALUES (CASE WHEN rows = 0 THEN 'same' ELSE 'differs: ' || path END, 1);
			ELSE
				INSERT INTO compared VALUES (CASE WHEN theirs IS NOT NULL AND ours IS NOT NULL THEN 'both fail' ELSE 'one fails: ' || path END, 1);
			END IF;
		END
		$$));
	$node->safe_psql('postgres', "SET client_min_messages = warning; $sql");
	is($node->safe_psql('postgres', q(SELECT string_agg(what, ', ') FROM compared WHERE what NOT IN ('same', 'both fail'))), '', 'the same lines and the same errors as COPY');
	cmp_ok($node->safe_psql('postgres', q(SELECT count(*) FROM compared WHERE what = 'same')), '>', 200, 'many of them were loaded');
}

# ---- a database in another encoding
$node->safe_psql('postgres', q(CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0));
$node->safe_psql('latin', 'CREATE EXTENSION echolon');
my $utf8 = file('utf8.json', "{\"city\": \"Malm\xC3\xB6\"}\n");
is(load("echolon_load_json('cities', '$utf8')", database => 'latin'), '1|0|{"city text"}', 'JSON is converted');
is($node->safe_psql('latin', "SELECT encode(convert_to(city, 'UTF8'), 'hex') FROM cities"), '4d616c6dc3b6', 'to the same letters');
fails($node, 'latin', "SELECT echolon_load_json('bad', '" . file('tokyo.json', "{\"a\": 1}\n{\"city\": \"\xE6\x97\xA5\"}\n") . "')", qr/has no equivalent in encoding "LATIN1".*object 2, line 2 of/s, 'or an error says what cannot be');
is(load("echolon_load_csv('marked', '$dir/marked.csv')", database => 'latin'), '1|0|{"id integer","city text"}', 'CSV with a byte order mark as well');
fails($node, 'latin', "SET client_encoding = 'LATIN1'; SELECT echolon_load_csv('bad', '" . file('tokyo.csv', "\xEF\xBB\xBFa\n\xE6\x97\xA5\n") . "')", qr/has no equivalent.*was read as UTF8, in line 2/s, 'or an error');

# ---- a cancel in each phase leaves nothing
$node->safe_psql('postgres', q(
	CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END $$;
	CREATE TABLE slow (a text, b text, c text);
	CREATE TRIGGER slowly BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION slowly()));
for my $case (
	[ 'reading', "SELECT echolon_load_csv('gone', '$many')", $duration * 0.15 ],
	[ 'copying', "SELECT echolon_load_csv('gone', '$many')", $duration * 0.7 ],
	[ 'copying with max_errors', "SELECT echolon_load_csv('slow', '$many', max_errors => 5)", 2500 ],
	[ 'a slow trigger', "SELECT echolon_load_csv('slow', '$many')", 2500 ])
{
	my ($name, $sql, $milliseconds) = @$case;
	$milliseconds = int $milliseconds;
	my ($stdout, $stderr) = ('', '');
	my $begin;
	# A load that is quicker than the one that was timed is over before: then sooner.
	for (1 .. 6)
	{
		$begin = time;
		last if $node->psql('postgres', "SET statement_timeout = $milliseconds; $sql", stdout => \$stdout, stderr => \$stderr) != 0;
		$node->safe_psql('postgres', 'DROP TABLE IF EXISTS gone; TRUNCATE slow');
		$milliseconds = int($milliseconds / 2);
	}
	cmp_ok(time - $begin - $milliseconds / 1000, '<', 1.0, "$name: a cancel is answered within a second");
	like($stderr, qr/canceling statement due to statement timeout/, "$name: it was cancelled");
	is($node->safe_psql('postgres', q(SELECT to_regclass('gone') IS NULL, (SELECT count(*) FROM slow), (SELECT count(*) FROM pg_ls_tmpdir()))), 't|0|0', "$name: nothing is left");
}

# ---- others see how far it is: first reading, then loading
{
	my $session = session($node);
	submit($session, "SELECT rows_loaded FROM echolon_load_csv('slow', '$many');");
	ok(wait_for($node, q(SELECT count(*) > 0 FROM pg_stat_progress_copy WHERE bytes_total > 0 AND bytes_processed <= bytes_total AND command = 'COPY FROM')), 'progress is shown');
	ok(wait_for($node, q(SELECT count(*) > 0 FROM pg_stat_progress_copy WHERE relid = 'slow'::regclass AND tuples_processed > 10)), 'with rows');
	$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_progress_copy));
	ok(wait_for($node, q(SELECT count(*) = 0 FROM pg_stat_progress_copy)), 'and ends with a cancel');
	submit($session, '\q');
	$session->{run}->finish;
}

# ---- half of the lines are bad, in a table with a unique index: work stays in proportion
{
	my $half = file('half.csv', sub { my ($h) = @_; print $h "id,n\n"; print $h int($_ / 2), ',', $_ % 4 == 0 ? 'x' : $_, "\n" for 2 .. 20001 });
	$node->safe_psql('postgres', 'CREATE TABLE half (id int PRIMARY KEY, n int)');
	my $begin = time;
	is(load("echolon_load_csv('half', '$half', max_errors => 20000)"), '10000|10000|{"id integer","n integer"}', 'half of the lines refused');
	cmp_ok(time - $begin, '<', 60, 'in time');
	# Oracle: INSERT ... ON CONFLICT of the lines whose n is a number
	is($node->safe_psql('postgres', q(SELECT count(*) FROM half FULL JOIN (SELECT DISTINCT ON (id) id, n FROM (SELECT i / 2 AS id, i AS n FROM generate_series(2, 20001) AS i WHERE i % 4 <> 0) AS l ORDER BY id, n) AS e USING (id, n) WHERE half.ctid IS NULL OR e.id IS NULL)), '0', 'the right half');
}

# ---- a standby and a read-only transaction refuse at once
fails($node, 'postgres', "BEGIN READ ONLY; SELECT echolon_load_csv('bad', content => 'a')", qr/cannot execute echolon_load_csv\(\) in a read-only transaction/, 'read-only');

# ---- a dump carries refused lines
$node->safe_psql('postgres', 'CREATE DATABASE restored');
command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", $node->connstr('postgres') ], 'dump');
command_ok([ 'pg_restore', '-d', $node->connstr('restored'), "$dir/dump" ], 'restore');
is($node->safe_psql('restored', "SELECT count(*) FROM echolon.load_errors WHERE table_name = 'public.many'"), '1', 'with refused lines');
is($node->safe_psql('restored', "UPDATE echolon.load_store SET loaded_by_stamp = '1' || loaded_by_stamp; SELECT count(*) FROM echolon.load_errors WHERE table_name = 'public.many'; SELECT echolon_clear_load_errors() > 0"), "1\nt", 'as in another cluster they are seen and cleared by name');
is($node->safe_psql('restored', "SET client_min_messages = warning; SELECT rows_refused FROM echolon_load_csv('after', content => E'a,b\n1,2\n3\n', max_errors => 1)"), '1', 'and goes on from there');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal|reference leak|leak:/, 'nothing bad in the server log');
$node->stop;
done_testing();
