-- The second half of docs/views.md, from the COMMENTs of the views; scripts/make-reference runs it.
WITH members AS (
	SELECT classid, objid FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'echolon')
)
SELECT format(E'\n### %s.%s\n\n%s\n\n| column | type | meaning |\n|---|---|---|\n', n.nspname, c.relname,
		regexp_replace(obj_description(c.oid, 'pg_class'), '([^.!?:;])$', '\1.'))
	|| string_agg(format('| `%s` | %s | %s |', attname, format_type(atttypid, atttypmod), replace(col_description(c.oid, attnum), '|', '\|')), E'\n' ORDER BY attnum) || E'\n'
FROM pg_class AS c JOIN members ON classid = 'pg_class'::regclass AND objid = c.oid
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
-- the others are made of it
WHERE c.relkind = 'v' AND has_table_privilege('public', c.oid, 'SELECT')
GROUP BY c.oid, n.nspname, c.relname ORDER BY c.relname COLLATE "C";
