/*
 * Rows that decide something carry a MAC. Of every table with a column mac it covers the
 * columns before revision, and revision: what decides nothing stands after mac.
 */

CREATE FUNCTION vault_data.authenticate_row() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_authenticate_row';
COMMENT ON FUNCTION vault_data.authenticate_row()
	IS 'writes revision and mac of a row inside a call; it is the last trigger before the row '
	'is stored';

--@ execute vault_exec: authenticate_row
