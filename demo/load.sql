-- load.sql: the demo's tables; run by psql in the folder demo/data.
\set QUIET on
\set ON_ERROR_STOP on

CREATE TABLE customers (
	row_id integer PRIMARY KEY,
	state text,
	account_length integer,
	area_code text,
	international_plan text,
	voice_mail_plan text,
	number_vmail_messages integer,
	total_day_minutes double precision,
	total_day_calls integer,
	total_day_charge double precision,
	total_eve_minutes double precision,
	total_eve_calls integer,
	total_eve_charge double precision,
	total_night_minutes double precision,
	total_night_calls integer,
	total_night_charge double precision,
	total_intl_minutes double precision,
	total_intl_calls integer,
	total_intl_charge double precision,
	number_customer_service_calls integer,
	churn text
);
\copy customers FROM 'mlc_churn.csv' CSV HEADER
COMMENT ON TABLE customers IS 'Customers of a telephone company, and whether they left: mlc_churn, see demo/data/README.md';

CREATE TABLE house_sales (
	row_id integer PRIMARY KEY,
	ms_sub_class text,
	ms_zoning text,
	lot_frontage integer,
	lot_area integer,
	street text,
	alley text,
	lot_shape text,
	land_contour text,
	utilities text,
	lot_config text,
	land_slope text,
	neighborhood text,
	condition_1 text,
	condition_2 text,
	bldg_type text,
	house_style text,
	overall_cond text,
	year_built integer,
	year_remod_add integer,
	roof_style text,
	roof_matl text,
	exterior_1st text,
	exterior_2nd text,
	mas_vnr_type text,
	mas_vnr_area integer,
	exter_cond text,
	foundation text,
	bsmt_cond text,
	bsmt_exposure text,
	bsmt_fin_type_1 text,
	bsmt_fin_sf_1 integer,
	bsmt_fin_type_2 text,
	bsmt_fin_sf_2 integer,
	bsmt_unf_sf integer,
	total_bsmt_sf integer,
	heating text,
	heating_qc text,
	central_air text,
	electrical text,
	first_flr_sf integer,
	second_flr_sf integer,
	gr_liv_area integer,
	bsmt_full_bath integer,
	bsmt_half_bath integer,
	full_bath integer,
	half_bath integer,
	bedroom_abv_gr integer,
	kitchen_abv_gr integer,
	tot_rms_abv_grd integer,
	functional text,
	fireplaces integer,
	garage_type text,
	garage_finish text,
	garage_cars integer,
	garage_area integer,
	garage_cond text,
	paved_drive text,
	wood_deck_sf integer,
	open_porch_sf integer,
	enclosed_porch integer,
	three_season_porch integer,
	screen_porch integer,
	pool_area integer,
	pool_qc text,
	fence text,
	misc_feature text,
	misc_val integer,
	mo_sold integer,
	year_sold integer,
	sale_type text,
	sale_condition text,
	sale_price integer,
	longitude double precision,
	latitude double precision
);
\copy house_sales FROM 'ames.csv' CSV HEADER NULL '\N'
COMMENT ON TABLE house_sales IS 'House sales in Ames, Iowa, 2006 to 2010: ames, see demo/data/README.md';

CREATE TABLE sales (
	row_id integer PRIMARY KEY,
	city text,
	month date,
	units integer,
	revenue numeric,
	median_price double precision,
	listings integer,
	inventory double precision
);
\copy sales FROM 'texas_housing_sales.csv' CSV HEADER
COMMENT ON TABLE sales IS 'Monthly home sales of 46 Texas cities, 2000-01 to 2015-07: texas_housing_sales, see demo/data/README.md';

CREATE TABLE seed_sales (
	id integer PRIMARY KEY,
	date date,
	revenue numeric,
	category text,
	engagement double precision,
	last_purchase_days_ago integer
);
\copy seed_sales FROM 'seed_sales.csv' CSV HEADER
COMMENT ON TABLE seed_sales IS 'Sales of two years, artificial: see demo/data/README.md';

ANALYZE;
