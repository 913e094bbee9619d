/* ---- features: functions of one row ---- */
