\set i random(:first, :last)
\set r random(1000000000000000, 9999999999999999)
SELECT vault.put('apps/app-' || :i || '/api-key', 'sk_live_0123456789abcdef' || :r);
