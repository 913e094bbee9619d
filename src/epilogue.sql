/* ---- the end ---- */

-- Default privileges of the one who creates the extension must not open the tables, nor let anyone write
-- through a view.
DO $$
DECLARE
	o record;
BEGIN
	FOR o IN
		SELECT DISTINCT c.oid::pg_catalog.regclass AS name, c.relkind, g.grantee,
			c.relkind OPERATOR(pg_catalog.=) 'v' AND g.grantee OPERATOR(pg_catalog.=) 0 AS read_by_all
		FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) g
		WHERE c.relnamespace OPERATOR(pg_catalog.=) 'echolon'::pg_catalog.regnamespace
			AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'S', 'v']::pg_catalog."char"[])
			AND g.grantee OPERATOR(pg_catalog.<>) c.relowner
			AND (c.relkind OPERATOR(pg_catalog.<>) 'v' OR g.grantee OPERATOR(pg_catalog.<>) 0
				OR g.privilege_type OPERATOR(pg_catalog.<>) 'SELECT')
	LOOP
		EXECUTE pg_catalog.format('REVOKE %s ON %s %s FROM %s',
			CASE WHEN o.read_by_all THEN 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER' ELSE 'ALL' END,
			CASE WHEN o.relkind OPERATOR(pg_catalog.=) 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
			o.name,
			CASE WHEN o.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC'
				ELSE o.grantee::pg_catalog.regrole::pg_catalog.text END);
	END LOOP;
END
$$;
