/* ---- features: feature sets made, shown, refreshed, dropped ---- */
