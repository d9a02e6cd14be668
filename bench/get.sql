\set i random(:first, :last)
SELECT vault.get('apps/app-' || :i || '/api-key');
