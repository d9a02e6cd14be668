# A function that returns a value: the length of a text. What it reads is counted as a read.
# touches: src/secret/
echo 'READ(get_length)' >>src/secret/readlist.h
insert_before src/secret/get.c '^READ_FUNCTION(get_field)$' <<'TEXT'
static Datum
get_length_body(FunctionCallInfo fcinfo)
{
	uint8_t format;
	bytea *value = read_by_name(fcinfo, &whole, &format);

	PG_RETURN_INT32(VARSIZE_ANY_EXHDR(value));
}

READ_FUNCTION(get_length)
TEXT
insert_before src/secret/secret.api.sql '^CREATE FUNCTION vault.get_many(' <<'TEXT'
CREATE FUNCTION vault.get_length(name text, version integer DEFAULT NULL,
	environment text DEFAULT NULL)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get_length';
COMMENT ON FUNCTION vault.get_length(text, integer, text)
	IS 'returns the number of bytes of the value of a secret';

TEXT
sed -i 's/\<get_many, put, rotate$/get_length, &/' src/secret/secret.api.sql
cat >sql/recipe_read.sql <<'TEXT'
CREATE ROLE regress_recipe_read;
SELECT vault.create_tenant('recipe-read', 'regress_recipe_read') IS NOT NULL AS made;
SET ROLE regress_recipe_read;
SELECT vault.put('key', 'value');
SELECT vault.get_length('key');
SELECT vault.get_length('no-such-key');
SELECT operation, secret, version FROM vault.audit_reads;
TEXT
