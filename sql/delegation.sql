-- Nobody raises their own rights: what is given, and what denial is taken back, must be held throughout; explain_access says why.
\set SHOW_CONTEXT never
CREATE ROLE regress_delegation_op IN ROLE vault_admin;
CREATE ROLE regress_delegation_admin;
CREATE ROLE regress_delegation_lead;
CREATE ROLE regress_delegation_app;
SET ROLE regress_delegation_op;
SELECT vault.create_tenant('delegation', 'regress_delegation_admin') IS NOT NULL AS made;
SET ROLE regress_delegation_admin;
SELECT vault.create_principal('lead', 'user', 'regress_delegation_lead') IS NOT NULL AS lead,
	vault.create_principal('app', db_role => 'regress_delegation_app') IS NOT NULL AS app;
SELECT vault."grant"('lead', '{read,grant}', 'team/**', '{dev,test}') AS lead \gset
SELECT vault."grant"('app', '{write}', 'other/**') AS foreign_grant \gset

-- no "grant" permission: nothing can be given
SET ROLE regress_delegation_app;
SELECT vault."grant"('app', '{write}', 'other/**');
\set VERBOSITY sqlstate
SELECT vault."grant"('lead', '{read}', 'team/**', effect => 'deny');
SELECT vault.revoke(:'lead');

-- with it: what one holds, on names and in environments that are covered
SET ROLE regress_delegation_lead;
SELECT vault."grant"('app', '{read}', 'team/a', '{dev}') AS given \gset
SELECT vault."grant"('app', '{read,list}', 'team/*/x', '{dev,test}') IS NOT NULL AS within;
SELECT vault."grant"('app', '{write}', 'team/a', '{dev}');
SELECT vault."grant"('app', '{read,write}', 'team/a', '{dev}');
SELECT vault."grant"('app', '{read}', '**', '{dev}');
SELECT vault."grant"('app', '{read}', 'team', '{dev}');
SELECT vault."grant"('app', '{read}', '*/a', '{dev}');
SELECT vault."grant"('app', '{read}', 'team/a', '{dev,prod}');
SELECT vault."grant"('app', '{read}', 'team/a');
SELECT vault."grant"('lead', '{read}', 'team/**', '{prod}');
SELECT vault."grant"('lead', '{write}', 'team/**', '{dev}');
SELECT vault.revoke(:'foreign_grant');
SELECT vault.revoke(:'given');

-- one's own denial cannot be taken back, and no way around it be given
SET ROLE regress_delegation_admin;
SELECT vault."grant"('lead', '{read}', 'team/secret', '{dev}', 'deny') AS denial \gset
SET ROLE regress_delegation_lead;
SELECT vault.revoke(:'denial');
SELECT vault."grant"('app', '{read}', 'team/**', '{dev}');
SELECT vault."grant"('app', '{read}', 'team/secret', '{dev}');
SELECT vault."grant"('app', '{read}', 'team/**', '{test}') IS NOT NULL AS elsewhere;
SELECT vault."grant"('app', '{read}', 'team/public', '{dev}') IS NOT NULL AS beside;
SET ROLE regress_delegation_admin;
SELECT vault.revoke(:'denial');

-- an operator, and a member of the administrator's role, give nothing
SET ROLE regress_delegation_op;
SELECT vault."grant"('lead', '{read}', '**');
SELECT vault.revoke(:'lead');

-- explain_access: oneself; of others administrators, and operators who name the tenant
SET ROLE regress_delegation_admin;
SELECT vault."grant"('app', '{read}', 'team/no/**', effect => 'deny') IS NOT NULL AS denied;
SET ROLE regress_delegation_app;
SELECT effect, permissions, name_pattern, environments, applies, reason FROM vault.explain_access('app', 'read', 'team/a', 'test');
SELECT effect, applies, reason FROM vault.explain_access('app', 'read', 'team/no/x', 'test') WHERE applies;
SELECT effect, applies, reason FROM vault.explain_access('app', 'delete', 'team/a', 'test');
SELECT effect, reason FROM vault.explain_access('app', 'list', 'other/a') WHERE applies;
\set VERBOSITY default
SELECT count(*) FROM vault.explain_access('lead', 'read', 'team/a');
\set VERBOSITY sqlstate
SELECT count(*) FROM vault.explain_access('unknown', 'read', 'team/a');
SELECT count(*) FROM vault.explain_access('app', 'read', 'team/a', tenant => 'other');
SET ROLE regress_delegation_admin;
SELECT effect, applies, reason FROM vault.explain_access('lead', 'read', 'team/a', 'dev');
SELECT count(*) FROM vault.explain_access('unknown', 'read', 'team/a');
SET ROLE regress_delegation_op;
SELECT effect, applies, reason FROM vault.explain_access('lead', 'read', 'team/a', 'prod', tenant => 'delegation');
SELECT count(*) FROM vault.explain_access('lead', 'read', 'team/a');
SELECT count(*) FROM vault.explain_access('unknown', 'read', 'team/a', tenant => 'delegation');
SELECT count(*) FROM vault.explain_access(NULL, 'read', 'team/a', tenant => 'delegation');
SELECT count(*) FROM vault.explain_access('lead', 'rule', 'team/a', tenant => 'delegation');
SELECT count(*) FROM vault.explain_access('lead', 'read', 'team//a', tenant => 'delegation');

-- who holds "grant" on a part is no administrator
SET ROLE regress_delegation_lead;
SELECT vault.create_principal('friend');
SELECT count(*) FROM vault.principals;

RESET ROLE;
SELECT vault.destroy_tenant('delegation', 'delegation');
DROP ROLE regress_delegation_op, regress_delegation_admin, regress_delegation_lead, regress_delegation_app;
