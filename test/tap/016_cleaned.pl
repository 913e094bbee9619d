# Views of cleaned rows and models of groups beyond one session: dumped and restored (in any form, over
# themselves, with the extension elsewhere), with their rights, and on a standby.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use EcholonTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('cleaned', allows_streaming => 1, auth_extra => [ '--create-role', 'clerk,stranger' ]);
my $dump = $node->basedir . '/dump';

create_points($node, 1500);
$node->safe_psql(
	'postgres', q(
	CREATE ROLE analyst;
	CREATE ROLE clerk LOGIN;
	CREATE ROLE stranger LOGIN;
	CREATE SCHEMA "Her Marts" AUTHORIZATION analyst;
	GRANT USAGE ON SCHEMA "Her Marts" TO PUBLIC;
	GRANT SELECT ON points TO analyst, clerk;
	SET ROLE analyst;
	SELECT echolon_preprocess('"Her Marts".clean', 'points', target => 'y', impute => 'mean', outliers => 'clip', scale => 'robust', missing_indicators => true,
		overrides => '{"colour": {"impute": "constant", "impute_value": "it''s \"none\""}, "c": {"outliers": "remove"}}');
	SELECT echolon_preprocess('"Her Marts".filled', 'points', target => 'y', impute => 'forward', outliers => 'keep', date_column => 'day', group_by => '{colour}');
	GRANT SELECT ON "Her Marts".clean TO clerk;
	SELECT echolon_train_gb('"Her Marts".clean', 'y', exclude => '{id,label,kind,day}', n_estimators => 10, model => 'cleaned');
	SELECT echolon_train_gb('points', 'y', features => '{a,b,c}', group_by => '{colour,kind}', n_estimators => 10, impute => 'mean', min_group_rows => 50, model => 'grouped');
	SELECT echolon_grant_model('grouped', 'clerk');
));

my $listed = q(SELECT string_agg(concat_ws(' ', preprocessing, view, relation, owner, rows_fitted, created_at, created_by, state), E'\n' ORDER BY preprocessing) FROM echolon.preprocessings);
my $rows = q(SELECT md5(string_agg(v::text, ',' ORDER BY id)) FROM "Her Marts".%s AS v);
my $single = q(SELECT md5(string_agg(echolon_preprocess_row('"Her Marts".clean', p)::text, ',' ORDER BY id)) FROM points AS p);
my $explained = q(SELECT md5(string_agg(s::text, ',' ORDER BY column_name)) FROM echolon_preprocess_summary('"Her Marts".clean') AS s);
my $predicted = q(SELECT md5(string_agg(echolon_predict('grouped', p)::text, ',' ORDER BY id)) FROM points AS p);
my $predicted_clean = q(SELECT md5(string_agg(echolon_predict('cleaned', v)::text, ',' ORDER BY id)) FROM "Her Marts".clean AS v);
my $scores = q(SELECT md5(string_agg(g::text, ',' ORDER BY group_key::text)) FROM echolon_group_metrics('grouped') AS g);

cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM echolon_group_metrics('grouped')"), '>=', 4, 'several groups have models of their own');

# A restored database must be the same in everything a user can see.
sub same_as
{
	my ($where, $database, $what, $path) = @_;
	my $set = $path ? "SET search_path = $path; " : '';
	my %questions = (
		'the list of views' => $listed, 'the cleaned rows' => sprintf($rows, 'clean'), 'the filled rows' => sprintf($rows, 'filled'), 'single rows' => $single,
		'what is said of it' => $explained, 'predictions of groups' => $predicted, 'predictions of cleaned rows' => $predicted_clean, 'scores of groups' => $scores);
	foreach my $question (sort keys %questions)
	{
		is($where->safe_psql($database, $set . $questions{$question}), $node->safe_psql('postgres', $questions{$question}), "$what: $question");
	}
	my $clerk = $where->connstr($database) . ' user=clerk';
	is($where->safe_psql($database, "${set}SELECT count(echolon_predict('grouped', p)) FROM points AS p", connstr => $clerk), '1500', "$what: who was given the model uses it");
	is($where->safe_psql($database, "${set}SELECT count(*) > 0 FROM echolon_preprocess_summary('\"Her Marts\".clean')", connstr => $clerk), 't', "$what: who may read the view may see what it does");
	fails($where, $database, "${set}SELECT echolon_preprocess_row('\"Her Marts\".clean', ROW(1))", qr/does not exist|permission denied/, "$what: others may not", user => 'stranger');
	fails($where, $database, "${set}SELECT echolon_predict('grouped', ROW(1))", qr/does not exist|permission denied/, "$what: nor use the model", user => 'stranger');
	return;
}

# ---- dumped and restored
$node->command_ok([ 'pg_dump', '-f', "$dump.sql", $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE plain');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", $node->connstr('plain') ], 'the dump loads without an error');
same_as($node, 'plain', 'plain format');
is($node->safe_psql('plain', q(SET ROLE analyst; SELECT echolon_refresh_preprocess('"Her Marts".clean'))), '1500', 'its owner fits a restored view again');
is($node->safe_psql('plain', $predicted), $node->safe_psql('postgres', $predicted), 'which harms no model');
is($node->safe_psql('plain', q(SET client_min_messages = warning; SET ROLE analyst;
	SELECT (echolon_train_gb('points', 'y', features => '{a,b,c}', group_by => '{colour,kind}', n_estimators => 10, impute => 'mean', min_group_rows => 50, model => 'grouped')).version)), '2', 'a restored model is trained again');
is($node->safe_psql('plain', $predicted), $node->safe_psql('postgres', $predicted), 'to the same predictions');
is($node->safe_psql('plain', q(SET ROLE analyst; SELECT echolon_drop_preprocess('"Her Marts".clean') > 0, echolon_drop_preprocess('"Her Marts".filled') > 0; SELECT count(*) FROM echolon.preprocessings)), "t|t\n0", 'and all is dropped');

$node->safe_psql('postgres', 'CREATE DATABASE custom');
$node->command_ok([ 'pg_dump', '-Fd', '-f', "$dump.directory", $node->connstr('postgres') ], 'pg_dump -Fd');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $node->connstr('custom'), "$dump.directory" ], 'pg_restore --jobs');
same_as($node, 'custom', 'restored in parallel');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', $node->connstr('custom'), "$dump.directory" ], 'pg_restore --clean');
same_as($node, 'custom', 'restored over itself');

# ---- the extension in another schema, which no search_path names when views are read
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
$node->safe_psql('elsewhere', 'CREATE SCHEMA lab; CREATE EXTENSION echolon SCHEMA lab; GRANT USAGE ON SCHEMA lab TO PUBLIC');
create_points($node, 1500, database => 'elsewhere');
$node->safe_psql('elsewhere', q(SELECT lab.echolon_preprocess('clean', 'points', target => 'y', scale => 'standard')));
my $moved = q(SELECT md5(string_agg(v::text, ',' ORDER BY id)) FROM public.clean AS v);
$node->command_ok([ 'pg_dump', '-f', "$dump.elsewhere", $node->connstr('elsewhere') ], 'pg_dump, other schema');
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere_restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.elsewhere", $node->connstr('elsewhere_restored') ], 'the dump loads without an error');
is($node->safe_psql('elsewhere_restored', "SET search_path = ''; $moved"), $node->safe_psql('elsewhere', $moved), 'other schema: the view is the same');

# ---- a standby reads, and refuses to fit
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('cleaned_standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
same_as($standby, 'postgres', 'on a standby');
fails($standby, 'postgres', q(SELECT echolon_refresh_preprocess('"Her Marts".clean')), qr/cannot (execute|run|be run)|recovery|read-only/, 'a standby does not fit');
fails($standby, 'postgres', q(SELECT echolon_train_gb('points', 'y', group_by => '{colour}', model => 'there')), qr/cannot|recovery|read-only/, 'nor train');

done_testing();
