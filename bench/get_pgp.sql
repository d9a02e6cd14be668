\set i random(:first, :first + :pgp_rows - 1)
SELECT pgp_sym_decrypt(value, 'a key of some length') FROM pgp
	WHERE name = 'apps/app-' || :i || '/api-key';
