-- load.sql: the data of the accuracy test that lies in this repository, under the
-- names the other data sets have; run by psql in the repository's top folder.
\set QUIET on
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE SCHEMA echolon_data;
CREATE TABLE echolon_data.diabetes (
	row_id integer PRIMARY KEY,
	age float8, sex float8, bmi float8, bp float8, tc float8, ldl float8, hdl float8, tch float8,
	ltg float8, glu float8,
	progression float8
);
\copy echolon_data.diabetes FROM 'test/accuracy/data/diabetes.csv' CSV HEADER
CREATE TABLE echolon_data.breast_cancer (
	row_id integer PRIMARY KEY,
	mean_radius float8, mean_texture float8, mean_perimeter float8, mean_area float8,
	mean_smoothness float8, mean_compactness float8, mean_concavity float8,
	mean_concave_points float8, mean_symmetry float8, mean_fractal_dimension float8,
	radius_error float8, texture_error float8, perimeter_error float8, area_error float8,
	smoothness_error float8, compactness_error float8, concavity_error float8,
	concave_points_error float8, symmetry_error float8, fractal_dimension_error float8,
	worst_radius float8, worst_texture float8, worst_perimeter float8, worst_area float8,
	worst_smoothness float8, worst_compactness float8, worst_concavity float8,
	worst_concave_points float8, worst_symmetry float8, worst_fractal_dimension float8,
	diagnosis text
);
\copy echolon_data.breast_cancer FROM 'test/accuracy/data/breast_cancer.csv' CSV HEADER
\cd demo/data
\ir ../../demo/load.sql
\cd ../..
CREATE VIEW echolon_data.ames AS SELECT * FROM public.house_sales;
CREATE VIEW echolon_data.mlc_churn AS SELECT * FROM public.customers;
