/* ---- features: the private store of feature sets, and the views people see ---- */

/*
 * As for models: no grants, no row security, C code checks the right and then reads or
 * writes (src/features/store.c).  The right to a set is the right to its view.  Relations are
 * stored as text with a stamp beside it (src/model/table.h), so that a dump can be restored in
 * any order and a view that was dropped and made anew gets nothing of the old one's.  Why there are no
 * foreign keys is told there as well.
 */
CREATE TABLE echolon.feature_set_store (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL UNIQUE
		CHECK (pg_catalog.octet_length(name) OPERATOR(pg_catalog.>) 0),
	view text COLLATE "C" NOT NULL,
	view_stamp text COLLATE "C" NOT NULL,
	materialized_view text COLLATE "C",
	materialized_stamp text COLLATE "C"
		CHECK ((materialized_stamp IS NULL) OPERATOR(pg_catalog.=) (materialized_view IS NULL)),
	relation text COLLATE "C" NOT NULL,
	relation_stamp text COLLATE "C" NOT NULL,
	date_column text COLLATE "C",
	columns text[] COLLATE "C" NOT NULL,
	definition jsonb NOT NULL,
	fit uuid NOT NULL,
	temporal integer NOT NULL CHECK (temporal OPERATOR(pg_catalog.>=) 0),
	rolling integer NOT NULL CHECK (rolling OPERATOR(pg_catalog.>=) 0),
	interaction integer NOT NULL CHECK (interaction OPERATOR(pg_catalog.>=) 0),
	categorical integer NOT NULL CHECK (categorical OPERATOR(pg_catalog.>=) 0),
	business integer NOT NULL CHECK (business OPERATOR(pg_catalog.>=) 0),
	polynomial integer NOT NULL CHECK (polynomial OPERATOR(pg_catalog.>=) 0),
	scaling integer NOT NULL CHECK (scaling OPERATOR(pg_catalog.>=) 0),
	period integer NOT NULL CHECK (period OPERATOR(pg_catalog.>=) 0),
	rows_fitted bigint NOT NULL CHECK (rows_fitted OPERATOR(pg_catalog.>=) 0),
	created_at timestamptz NOT NULL,
	created_by text COLLATE "C" NOT NULL,
	refreshed_at timestamptz NOT NULL
);
COMMENT ON TABLE echolon.feature_set_store IS 'Private: one row a feature set. People see echolon.feature_sets';
COMMENT ON COLUMN echolon.feature_set_store.id IS 'Number of the set in this database';
COMMENT ON COLUMN echolon.feature_set_store.name IS 'Name, unique in the database';
COMMENT ON COLUMN echolon.feature_set_store.view IS 'Its view: schema.name, quoted where needed; its rights are those to the set';
COMMENT ON COLUMN echolon.feature_set_store.view_stamp IS 'Database and number of the view when it was written, so that a new view of the same name gets nothing';
COMMENT ON COLUMN echolon.feature_set_store.materialized_view IS 'The materialized view behind the view; NULL where there is none';
COMMENT ON COLUMN echolon.feature_set_store.materialized_stamp IS 'Stamp of the materialized view';
COMMENT ON COLUMN echolon.feature_set_store.relation IS 'Relation the features are made of: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.feature_set_store.relation_stamp IS 'Stamp of the relation';
COMMENT ON COLUMN echolon.feature_set_store.date_column IS 'Column the rows are ordered by; NULL where there is none';
COMMENT ON COLUMN echolon.feature_set_store.columns IS 'Columns of the relation that the set uses';
COMMENT ON COLUMN echolon.feature_set_store.definition IS 'What the features expand from: names and values, never SQL';
COMMENT ON COLUMN echolon.feature_set_store.fit IS 'Another one whenever something else was fitted: sessions keep what they loaded by it';
COMMENT ON COLUMN echolon.feature_set_store.temporal IS 'Features that are parts of the date';
COMMENT ON COLUMN echolon.feature_set_store.rolling IS 'Features of windows, lags and running sums';
COMMENT ON COLUMN echolon.feature_set_store.interaction IS 'Features of several numbers';
COMMENT ON COLUMN echolon.feature_set_store.categorical IS 'Encoded categories';
COMMENT ON COLUMN echolon.feature_set_store.business IS 'Features of revenue, engagement and churn';
COMMENT ON COLUMN echolon.feature_set_store.polynomial IS 'Powers and cross terms';
COMMENT ON COLUMN echolon.feature_set_store.scaling IS 'Scaled numbers';
COMMENT ON COLUMN echolon.feature_set_store.period IS 'Features of all rows of a date, month or year';
COMMENT ON COLUMN echolon.feature_set_store.rows_fitted IS 'Rows of the relation that were read when it was fitted';
COMMENT ON COLUMN echolon.feature_set_store.created_at IS 'When it was made';
COMMENT ON COLUMN echolon.feature_set_store.created_by IS 'Name of the role that made it';
COMMENT ON COLUMN echolon.feature_set_store.refreshed_at IS 'When it was fitted last';

CREATE TABLE echolon.feature_fit_store (
	set_id bigint NOT NULL,
	kind text COLLATE "C" NOT NULL
		CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['number', 'category']::pg_catalog.text[])),
	column_name text COLLATE "C" NOT NULL,
	chunk integer NOT NULL CHECK (chunk OPERATOR(pg_catalog.>=) 0),
	n bigint NOT NULL CHECK (n OPERATOR(pg_catalog.>=) 0),
	mean double precision,
	stddev double precision,
	minimum double precision,
	maximum double precision,
	q1 double precision,
	median double precision,
	q3 double precision,
	points double precision[],
	smaller bigint[],
	labels text[] COLLATE "C",
	counts bigint[] NOT NULL,
	PRIMARY KEY (set_id, kind, column_name, chunk),
	CHECK ((kind OPERATOR(pg_catalog.=) 'number') OPERATOR(pg_catalog.=) (points IS NOT NULL AND smaller IS NOT NULL AND chunk OPERATOR(pg_catalog.=) 0)),
	CHECK ((kind OPERATOR(pg_catalog.=) 'category') OPERATOR(pg_catalog.=) (labels IS NOT NULL))
);
-- they are read whole when a fit is loaded; decompressing would cost more than reading
ALTER TABLE echolon.feature_fit_store ALTER COLUMN points SET STORAGE EXTERNAL;
ALTER TABLE echolon.feature_fit_store ALTER COLUMN smaller SET STORAGE EXTERNAL;
ALTER TABLE echolon.feature_fit_store ALTER COLUMN labels SET STORAGE EXTERNAL;
ALTER TABLE echolon.feature_fit_store ALTER COLUMN counts SET STORAGE EXTERNAL;
COMMENT ON TABLE echolon.feature_fit_store IS 'Private: what a feature set has learned of the columns, which the functions in its view use';
COMMENT ON COLUMN echolon.feature_fit_store.set_id IS 'Its feature set';
COMMENT ON COLUMN echolon.feature_fit_store.kind IS 'number: a distribution, one row; category: levels, in pieces of some megabytes, which a dump can carry';
COMMENT ON COLUMN echolon.feature_fit_store.column_name IS 'Column of the relation';
COMMENT ON COLUMN echolon.feature_fit_store.chunk IS '0, 1, ...';
COMMENT ON COLUMN echolon.feature_fit_store.n IS 'Values it was learned from: not NULL, and for a number neither NaN nor infinite; the same in all chunks';
COMMENT ON COLUMN echolon.feature_fit_store.mean IS 'Mean; NULL without a value, as the next ones';
COMMENT ON COLUMN echolon.feature_fit_store.stddev IS 'Standard deviation of a sample; NULL below two values';
COMMENT ON COLUMN echolon.feature_fit_store.minimum IS 'Smallest value';
COMMENT ON COLUMN echolon.feature_fit_store.maximum IS 'Largest value';
COMMENT ON COLUMN echolon.feature_fit_store.q1 IS 'percentile_cont(0.25)';
COMMENT ON COLUMN echolon.feature_fit_store.median IS 'percentile_cont(0.5)';
COMMENT ON COLUMN echolon.feature_fit_store.q3 IS 'percentile_cont(0.75)';
COMMENT ON COLUMN echolon.feature_fit_store.points IS 'Distinct values, ascending: all, or 10,000 of them that leave no gap above 1/4890 of the values';
COMMENT ON COLUMN echolon.feature_fit_store.smaller IS 'How many values are smaller than a point';
COMMENT ON COLUMN echolon.feature_fit_store.labels IS 'Levels, in the order of their codes';
COMMENT ON COLUMN echolon.feature_fit_store.counts IS 'How many values a point or level stands for';

REVOKE ALL ON echolon.feature_set_store FROM PUBLIC;
REVOKE ALL ON echolon.feature_fit_store FROM PUBLIC;
REVOKE ALL ON SEQUENCE echolon.feature_set_store_id_seq FROM PUBLIC;

-- pg_dump carries feature sets.  Each call is a statement of its own.
SELECT pg_catalog.pg_extension_config_dump('echolon.feature_set_store', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.feature_set_store_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.feature_fit_store', '');

/* ---- what the view asks ---- */

CREATE FUNCTION echolon.feature_view(view text, stamp text) RETURNS oid
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_feature_view';
COMMENT ON FUNCTION echolon.feature_view(text, text) IS
'The view a stored name stands for now; NULL where it is gone.
view: schema.name, quoted where needed. stamp: what is stored beside it. In the database where it was written the view is found under any name, and one that was made anew under the old name is another; in a database restored or copied from it the name decides.';

CREATE FUNCTION echolon.stored_relation_name(name text, stamp text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_stored_relation_name';
COMMENT ON FUNCTION echolon.stored_relation_name(text, text) IS
'What a stored relation is called now: schema.name, quoted where needed; the stored name where it is gone. Arguments as for echolon.feature_view';

CREATE FUNCTION echolon.may_use_features(view text, stamp text) RETURNS boolean
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_may_use_features';
COMMENT ON FUNCTION echolon.may_use_features(text, text) IS
'May the current user see and use a feature set: does it own its view, or may it SELECT from it, or a column of it?
A set whose view was dropped is the superusers'' only. Arguments as for echolon.feature_view';

CREATE FUNCTION echolon.feature_state(view text, view_stamp text, relation text, relation_stamp text, columns text[])
	RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_feature_state';
COMMENT ON FUNCTION echolon.feature_state(text, text, text, text, text[]) IS
'Can a feature set be used and refreshed?
ready, view dropped, relation dropped, column "x" dropped or column "x" renamed, compared with the catalog now. Of a renamed column the view goes on to show what it is made of, and all else refuses, also where another column has the name. columns: what the set uses of the relation. Other arguments as for echolon.feature_view';

GRANT EXECUTE ON FUNCTION echolon.feature_view(text, text) TO PUBLIC;
GRANT EXECUTE ON FUNCTION echolon.stored_relation_name(text, text) TO PUBLIC;
GRANT EXECUTE ON FUNCTION echolon.may_use_features(text, text) TO PUBLIC;
GRANT EXECUTE ON FUNCTION echolon.feature_state(text, text, text, text, text[]) TO PUBLIC;

CREATE VIEW echolon.feature_sets WITH (security_barrier) AS
SELECT s.name AS feature_set,
	echolon.stored_relation_name(s.view, s.view_stamp) AS view,
	echolon.stored_relation_name(s.relation, s.relation_stamp) AS relation,
	s.date_column,
	s.temporal OPERATOR(pg_catalog.+) s.rolling OPERATOR(pg_catalog.+) s.interaction
		OPERATOR(pg_catalog.+) s.categorical OPERATOR(pg_catalog.+) s.business
		OPERATOR(pg_catalog.+) s.polynomial OPERATOR(pg_catalog.+) s.scaling
		OPERATOR(pg_catalog.+) s.period AS features,
	s.temporal, s.rolling, s.interaction, s.categorical, s.business, s.polynomial, s.scaling, s.period,
	echolon.stored_relation_name(s.materialized_view, s.materialized_stamp) AS materialized_view,
	pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text AS owner,
	s.rows_fitted, s.created_at, s.created_by, s.refreshed_at,
	echolon.feature_state(s.view, s.view_stamp, s.relation, s.relation_stamp, s.columns) AS state
FROM echolon.feature_set_store s
	LEFT JOIN pg_catalog.pg_class c
		ON c.oid OPERATOR(pg_catalog.=) echolon.feature_view(s.view, s.view_stamp)
WHERE echolon.may_use_features(s.view, s.view_stamp);
COMMENT ON VIEW echolon.feature_sets IS
'The feature sets the current user may see: those whose view it owns or may SELECT from';
COMMENT ON COLUMN echolon.feature_sets.feature_set IS 'Name of the set';
COMMENT ON COLUMN echolon.feature_sets.view IS 'Its view: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.feature_sets.relation IS 'Relation the features are made of: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.feature_sets.date_column IS 'Column the rows are ordered by; NULL where there is none';
COMMENT ON COLUMN echolon.feature_sets.features IS 'How many features there are; the next columns say of which family';
COMMENT ON COLUMN echolon.feature_sets.temporal IS 'Features that are parts of the date';
COMMENT ON COLUMN echolon.feature_sets.rolling IS 'Features of windows, lags and running sums';
COMMENT ON COLUMN echolon.feature_sets.interaction IS 'Features of several numbers: products, ratios, sums, differences';
COMMENT ON COLUMN echolon.feature_sets.categorical IS 'Encoded categories: frequency, label, one-hot';
COMMENT ON COLUMN echolon.feature_sets.business IS 'Features of revenue, engagement and churn';
COMMENT ON COLUMN echolon.feature_sets.polynomial IS 'Powers and cross terms';
COMMENT ON COLUMN echolon.feature_sets.scaling IS 'Scaled numbers: standard, min-max, robust, percentile, bucket';
COMMENT ON COLUMN echolon.feature_sets.period IS 'Features of all rows of a date, month or year';
COMMENT ON COLUMN echolon.feature_sets.materialized_view IS 'The materialized view behind the view; NULL where there is none';
COMMENT ON COLUMN echolon.feature_sets.owner IS 'Role that owns the view, and may refresh and drop the set; NULL where the view was dropped';
COMMENT ON COLUMN echolon.feature_sets.rows_fitted IS 'Rows of the relation that were read when it was fitted last';
COMMENT ON COLUMN echolon.feature_sets.created_at IS 'When it was made';
COMMENT ON COLUMN echolon.feature_sets.created_by IS 'Role that made it';
COMMENT ON COLUMN echolon.feature_sets.refreshed_at IS 'When it was fitted last';
COMMENT ON COLUMN echolon.feature_sets.state IS 'ready, view dropped, relation dropped, column "x" dropped or column "x" renamed, as the catalog stands now';
GRANT SELECT ON echolon.feature_sets TO PUBLIC;
