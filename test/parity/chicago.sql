-- chicago.sql: windows of rows, lags, running totals and weighted means of a daily series.
\set QUIET on
\set ON_ERROR_STOP on

CREATE VIEW parity.chicago_ridership_ours AS
SELECT row_id, date, r[1] AS lag_1, r[2] AS lag_7, r[3] AS diff_1, r[4] AS pct_change_1, r[5] AS pct_change_7,
	r[6] AS roll7_mean, r[7] AS roll7_std, r[8] AS roll7_min, r[9] AS roll7_max, r[10] AS roll7_sum, r[11] AS roll7_median,
	r[12] AS roll7p_mean, r[13] AS roll7p_std, r[14] AS roll28_mean, r[15] AS roll28_std, r[16] AS prev7_mean,
	r[17] AS exp_sum, r[18] AS exp_mean, r[19] AS exp_std, r[20] AS exp_max, r[21] AS ewm7_adj, r[22] AS ewm7_noadj
FROM (SELECT row_id, date, echolon_rolling(ridership, date,
		'{lag 1,lag 7,diff 1,pct_change 1,pct_change 7,
		mean 7,stddev 7,min 7,max 7,sum 7,median 7,
		mean 7 min_periods 1,stddev 7 min_periods 1,mean 28,stddev 28,mean 7 end 1,
		sum expanding,mean expanding,stddev expanding,max expanding,ewma 7,ewma 7 unadjusted}') OVER (ORDER BY date) AS r
	FROM parity.chicago_ridership) AS s;
CALL parity.compare('chicago_ridership', '{row_id,date}', '{ridership}');
