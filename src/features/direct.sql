/* ---- features: the direct path ---- */
