-- operate: a model in plain sentences.

CREATE FUNCTION echolon_report(
	model text,
	version integer DEFAULT NULL,
	OUT topic text,
	OUT sentence text
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 10
AS 'MODULE_PATHNAME', 'echolon_report';
COMMENT ON FUNCTION echolon_report(text, integer) IS
'What a model is and how good, in sentences for people who do not read metrics: what it predicts and from what (model), how often it is right (score, ranking, classes, probability) or how far off (error), against the baseline it has to beat, what it relies on (features), what its training noted (note), how to use it (use). Numbers are those of its training: on rows that it was not fitted to, classes from the held-out predictions stored with the version. version asks for an older version than the active one. Errors: no such model or version, or no right to it.
SELECT sentence FROM echolon_report(''customers_churn'');';
