/* ---- features: the window function behind the views ---- */
