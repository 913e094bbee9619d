# Models that travel: other databases, schemas and encodings; files of the server and the right to them;
# a cancelled update; updates, trainings and drops of one model at once.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_cluster('exchange', extra => [ '-E', 'UTF8', '--locale=C' ]);
my $dir = PostgreSQL::Test::Utils::tempdir;

# ---- another database, another encoding, another schema
create_points($node, 800);
$node->safe_psql('postgres', q(UPDATE points SET colour = U&'gr\00FCn' WHERE colour = 'green'; UPDATE points SET label = U&'s\00ED' WHERE label = 'yes'));
$node->safe_psql('postgres', "CREATE DATABASE $_->[0] TEMPLATE template0 ENCODING '$_->[1]' LOCALE 'C'")
  for [ 'latin', 'LATIN1' ], [ 'back', 'UTF8' ];
$node->safe_psql($_, 'CREATE SCHEMA lab; CREATE EXTENSION echolon SCHEMA lab') for qw(latin back);
$node->safe_psql('postgres', qq(
	SELECT echolon_train_rf('points', 'y', features => '{a,b,c,colour,day}', n_estimators => 20, encode => 'target', target_smoothing => 1, model => 'forest');
	SELECT echolon_train_gb('points', 'label', features => '{a,b,c,colour,day}', n_estimators => 20, model => 'boosted');
	SELECT echolon_train_gb('points', 'kind', features => '{a,b,c,colour,day}', n_estimators => 20, impute => 'median', scale => 'robust', model => 'classes');
	COPY points TO '$dir/points.copy' (ENCODING 'UTF8');
	SELECT echolon_export_model_file(model, '$dir/' || model) FROM unnest('{forest,boosted,classes}'::text[]) AS model));
my $home = predictions_in('postgres');
like($home, qr/^[0-9a-f]{32}$/, 'predictions of the database the models were trained in');

# Every prediction of the three models in one digest, labels as UTF-8.
sub predictions_in
{
	my ($database) = @_;
	return $node->safe_psql($database, q(
		SET client_encoding = 'UTF8'; SET search_path = public, lab;
		SELECT md5(string_agg(convert_to(concat_ws(' ', echolon_predict('forest', p), echolon_predict_class('boosted', p),
			echolon_predict_proba('boosted', p), echolon_predict_proba('classes', p)), 'UTF8'), ',' ORDER BY id)) FROM points AS p));
}

sub move_models
{
	my ($from, $to) = @_;
	$node->safe_psql($to, "CREATE TABLE points (id int PRIMARY KEY, a float8, b numeric, c int, colour text, day date, y float8, label text, kind text);
		COPY points FROM '$dir/points.copy' (ENCODING 'UTF8')");
	$node->safe_psql($from, "SET search_path = public, lab; SELECT echolon_export_model_file(model, '$dir/$from.' || model) FROM unnest('{forest,boosted,classes}'::text[]) AS model");
	$node->safe_psql($to, "SET search_path = public, lab; SELECT echolon_import_model(model, path => '$dir/$from.' || model, relation => 'points') FROM unnest('{forest,boosted,classes}'::text[]) AS model");
	return;
}
my $facts = q(SET search_path = public, lab; SELECT string_agg(model || digest || score || metrics || parameters || fingerprint, ' ' ORDER BY model) FROM echolon.model_versions);
move_models('postgres', 'latin');
is(predictions_in('latin'), $home, 'UTF8 to LATIN1, in another schema: the same bits');
is($node->safe_psql('latin', $facts), $node->safe_psql('postgres', $facts), 'with the same record');
move_models('latin', 'back');
is(predictions_in('back'), $home, 'and back to UTF8');
is($node->safe_psql('back', $facts), $node->safe_psql('postgres', $facts), 'with the same record again');
is($node->safe_psql('latin', q(SET search_path = public, lab; SELECT state FROM echolon.models WHERE model = 'boosted')), 'ready', 'and ready to be trained again');
is($node->safe_psql('latin', q(SET search_path = public, lab; SET client_encoding = 'UTF8'; SELECT echolon_model_to_json('boosted') ->> 'labels')), "[\"no\", \"s\x{c3}\x{ad}\"]", 'the JSON is in the encoding of the database');
# it goes on there
is($node->safe_psql('latin', q(SET search_path = public, lab; SELECT version, trees_after - trees_before FROM echolon_update('boosted', 'points', n_estimators => 3, activate => true))), '2|3', 'an imported model goes on with new rows');
# what LATIN1 does not have
$node->safe_psql('postgres', q(CREATE TABLE euro AS SELECT a, y, CASE WHEN id % 2 = 0 THEN U&'\20AC' ELSE 'x' END AS coin FROM points));
$node->safe_psql('postgres', "SELECT echolon_train_rf('euro', 'y', model => 'euro', n_estimators => 2); SELECT echolon_export_model_file('euro', '$dir/euro')");
fails($node, 'latin', "SELECT lab.echolon_import_model('euro', path => '$dir/euro')", qr/has no equivalent in encoding "LATIN1"/, 'a category that the encoding does not have');
is($node->safe_psql('latin', q(SELECT count(*) FROM echolon.models WHERE model = 'euro')), '0', 'is not stored');

# ---- files
is(sprintf('%o', (stat "$dir/forest")[2] & 07777), '600', 'a file is for the server alone');
my $size = -s "$dir/forest";
is($node->safe_psql('postgres', "SELECT echolon_export_model_file('forest', '$dir/forest')"), $size, 'it is written again, and says its size');
cmp_ok($node->safe_psql('postgres', "SELECT echolon_export_model_file('forest', '$dir/bare', with_record => false)"), '<', $size, 'without its record it is smaller');
is($node->safe_psql('postgres', "SELECT pg_read_binary_file('$dir/bare') = echolon_export_model('forest')"), 't', 'and is what echolon_export_model gives');
is($node->safe_psql('postgres', "SELECT pg_read_binary_file('$dir/forest') = echolon_export_model('forest', with_record => true)"), 't', 'with it too');
fails($node, 'postgres', "SELECT echolon_export_model_file('forest', 'forest')", qr/must be absolute/, 'a relative path');
fails($node, 'postgres', "SELECT echolon_export_model_file('forest', '')", qr/path of the file is empty/, 'no path');
fails($node, 'postgres', "SELECT echolon_export_model_file('forest', '$dir')", qr/is a directory/, 'a directory');
fails($node, 'postgres', "SELECT echolon_export_model_file('forest', '$dir/none/forest')", qr/could not create file/, 'a folder that is not there');
symlink "$dir/bare", "$dir/link" or die $!;
fails($node, 'postgres', "SELECT echolon_export_model_file('forest', '$dir/link')", qr/not a regular file/, 'a symbolic link is not followed');
POSIX::mkfifo("$dir/fifo", 0666) or die $!;
fails($node, 'postgres', "SELECT echolon_export_model_file('forest', '$dir/fifo')", qr/not a regular file/, 'a FIFO to write');
fails($node, 'postgres', "SELECT echolon_import_model('x', path => '$dir/fifo')", qr/not a regular file/, 'a FIFO to read does not wait');
fails($node, 'postgres', "SELECT echolon_import_model('x', path => '$dir')", qr/is a directory/, 'a directory to read');
fails($node, 'postgres', "SELECT echolon_import_model('x', path => '$dir/none')", qr/could not open file .*No such file/, 'a file that is not there');
fails($node, 'postgres', "SELECT echolon_import_model('x', path => '/dev/zero')", qr/not a regular file/, 'a device');
fails($node, 'postgres', "SELECT echolon_import_model('x', path => '$dir/points.copy')", qr/They look like text/, 'a text');
open my $empty, '>', "$dir/empty" or die $!;
close $empty;
fails($node, 'postgres', "SELECT echolon_import_model('x', path => '$dir/empty')", qr/not the bytes of an Echolon model/, 'an empty file');
is(join(' ', grep { /\.tmp$/ } map { s/.*\///r } glob "$dir/*"), '', 'no file is left half-made');

# ---- rights
$node->safe_psql('postgres', q(CREATE USER owner; CREATE USER stranger; CREATE USER writer IN ROLE pg_write_server_files; CREATE USER reader IN ROLE pg_read_server_files;
	SELECT echolon_grant_model('forest', 'owner', 'own'); SELECT echolon_grant_model('forest', 'writer', 'train'); GRANT SELECT ON points TO PUBLIC));
chmod 0755, $dir;
fails($node, 'postgres', "SELECT echolon_export_model_file('forest', '$dir/mine')", qr/permission denied to write a file of the server/, 'own is not the right to files', user => 'owner');
fails($node, 'postgres', "SELECT echolon_export_model_file('forest', '$dir/mine')", qr/permission denied for model "forest"/, 'the right to files is not own', user => 'writer');
fails($node, 'postgres', "SELECT echolon_import_model('mine', path => '$dir/forest')", qr/permission denied to read a file of the server/, 'no right to read files', user => 'stranger');
fails($node, 'postgres', "SELECT echolon_model_to_json('forest')", qr/permission denied for model "forest"/, 'the JSON needs own', user => 'writer');
fails($node, 'postgres', "SELECT echolon_model_to_json('forest')", qr/does not exist/, 'and is not even known of by a stranger', user => 'stranger');
is($node->safe_psql('postgres', "SELECT (echolon_import_model('mine', path => '$dir/forest')).version", extra_params => [ '-U', 'reader' ]), '1', 'pg_read_server_files reads');
is($node->safe_psql('postgres', q(SELECT owner, state FROM echolon.models WHERE model = 'mine')), 'reader|imported, no relation', 'who imports a model owns it');
fails($node, 'postgres', "SELECT echolon_import_model('boosted', path => '$dir/boosted')", qr/belongs to another role/, 'a name of someone else', user => 'reader');
# only the owner says what an imported model is trained on
$node->safe_psql('postgres', q(SELECT echolon_grant_model('mine', 'writer', 'train')));
fails($node, 'postgres', q(SELECT echolon_train_rf('points', 'y', model => 'mine')), qr/Giving it a relation needs the right "own"/, 'train does not bind a model to a relation', user => 'writer');
fails($node, 'postgres', 'BEGIN READ ONLY; ' . q(SELECT echolon_import_model('x', bytes => echolon_export_model('forest'))), qr/read-only transaction/, 'a read-only transaction');
fails($node, 'postgres', 'BEGIN READ ONLY; ' . q(SELECT echolon_update('forest', 'points')), qr/read-only transaction/, 'of an update too');

# ---- cancelled in the middle
create_points($node, 60_000, table => 'many');
$node->safe_psql('postgres', q(SELECT echolon_train_gb('many', 'y', features => '{a,b,c,colour,day}', n_estimators => 5, model => 'long')));
my $busy = session($node);
submit($busy, "SET application_name = 'updating'; SELECT echolon_update('long', 'many', n_estimators => 90000);");
ok(wait_for($node, q(SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'updating' AND state = 'active' AND query LIKE 'SELECT echolon_update%')), 'an update runs');
usleep(1_500_000);
my $asked = Time::HiRes::time();
$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'updating'));
ok(wait_for($node, q(SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'updating' AND state = 'idle')), 'it ends');
cmp_ok(Time::HiRes::time() - $asked, '<', 2, 'soon');
is($node->safe_psql('postgres', q(SELECT count(*) FROM echolon.model_versions WHERE model = 'long')), '1', 'and leaves nothing');
$busy->{run}->finish;

# ---- at once
my ($one, $two) = (session($node), session($node));
ask($one, 'SET client_min_messages = warning; BEGIN;');
ask($two, 'SET client_min_messages = warning;');
is(ask($one, q(SELECT version, active FROM echolon_update('long', 'many', n_estimators => 2, activate => true);)), '2|t', 'an update, not yet committed');
submit($two, q(SELECT 'second', version, active, updated_version FROM echolon_update('long', 'many', n_estimators => 3);));
ok(wait_for($node, q(SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%second%')), 'another one waits for it');
ask($one, 'COMMIT;');
like(ask($two, 'SELECT 1;'), qr/second\|3\|f\|1/, 'and is the next version, which is not active: the one it went on from no longer is');
is($node->safe_psql('postgres', q(SELECT version FROM echolon.models WHERE model = 'long')), '2', 'what was compared with decides');
ask($one, 'BEGIN;');
ask($one, q(SELECT echolon_drop_model('long');));
submit($two, q(SELECT 'third', echolon_update('long', 'many', n_estimators => 1);));
ok(wait_for($node, q(SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%third%')), 'an update waits for a drop');
ask($one, q(SELECT version FROM echolon_train_gb('many', 'y', features => '{a}', n_estimators => 2, model => 'long');));
ask($one, 'COMMIT;');
ask($two, 'SELECT 1;');
like($two->{err}, qr/model "long" was dropped while a version was made of it/, 'which is an error, though there is a new one of its name');
is($node->safe_psql('postgres', q(SELECT count(*) FROM echolon.model_versions WHERE model = 'long')), '1', 'and adds no version to that');
$_->{in} .= "\\q\n" for $one, $two;
$_->{run}->finish for $one, $two;

$node->stop;
done_testing();
