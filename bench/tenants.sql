-- Many tenants, each with an administrator of its own. Variable: tenants.
SELECT format('CREATE ROLE bench_tenant_%s', i) FROM generate_series(1, :tenants) i \gexec
\timing on
\echo create
SELECT count(vault.create_tenant('bench-' || i, 'bench_tenant_' || i))
FROM generate_series(1, :tenants) i;
\timing off
VACUUM ANALYZE;
