# A column of the trail: the encoding of the client.
# touches: src/audit/
insert_before src/audit/columns.h '^AUDIT_COLUMN(MAC,' <<'TEXT'
AUDIT_COLUMN(ENCODING, encoding, TEXT, 16, 63)
TEXT
insert_before src/audit/audit.tables.sql '^	mac  *bytea$' <<'TEXT'
	encoding           text,
TEXT
sed -i 's,^#include "miscadmin.h"$,#include "mb/pg_wchar.h"\n&,
	s,^	row->application_name = client_name();$,&\n	row->encoding = pg_get_client_encoding_name();,' \
	src/audit/audit_describe.c
cat >sql/recipe_audit_column.sql <<'TEXT'
CREATE ROLE regress_recipe_column;
SELECT vault.create_tenant('recipe-column', 'regress_recipe_column') IS NOT NULL AS made;
SET ROLE regress_recipe_column;
SELECT vault.put('key', 'value');
SET client_encoding = 'LATIN1';
SELECT vault.get('key');
RESET client_encoding;
SELECT operation, encoding FROM vault.audit WHERE secret = 'key' ORDER BY id;
RESET ROLE;
SELECT count(*) AS findings FROM vault.verify_audit() WHERE NOT ok;
TEXT
