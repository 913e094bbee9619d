/* ---- the end ---- */

-- Default privileges of the one who creates the extension must not open the tables.
DO $$
DECLARE
	o record;
BEGIN
	FOR o IN
		SELECT DISTINCT c.oid::pg_catalog.regclass AS name, c.relkind, g.grantee
		FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) g
		WHERE c.relnamespace OPERATOR(pg_catalog.=) 'echolon'::pg_catalog.regnamespace
			AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'S']::pg_catalog."char"[])
			AND g.grantee OPERATOR(pg_catalog.<>) c.relowner
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %s',
			CASE WHEN o.relkind OPERATOR(pg_catalog.=) 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
			o.name,
			CASE WHEN o.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC'
				ELSE o.grantee::pg_catalog.regrole::pg_catalog.text END);
	END LOOP;
END
$$;
