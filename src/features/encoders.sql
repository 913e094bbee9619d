/* ---- features: functions that use what a feature set has fitted ---- */
