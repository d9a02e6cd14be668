\set i random(1, 1000)
SELECT vault.get('other/' || :i);
