\set i random(:first, :last)
SELECT value FROM plain WHERE name = 'apps/app-' || :i || '/api-key';
