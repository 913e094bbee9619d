/* ---- features: the private store of feature sets, and the views people see ---- */
