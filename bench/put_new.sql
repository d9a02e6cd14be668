\set r random(1000000000000000, 9999999999999999)
SELECT vault.put('apps/app-' || nextval('new_name') || '/api-key',
	'sk_live_0123456789abcdef' || :r);
