/* ---- features: moving aggregates for any frame ---- */
