-- The reason for a decision, and the permissions of all principals: equal to the decision itself,
-- with conditions and roles, and without any right to a value.
\set SHOW_CONTEXT never
CREATE ROLE regress_review_admin;
CREATE ROLE regress_review_app;
CREATE ROLE regress_review_watcher;
CREATE ROLE regress_review_op IN ROLE vault_admin;
CREATE ROLE regress_review_auditor IN ROLE vault_auditor;
SELECT vault.create_tenant('review', 'regress_review_admin') IS NOT NULL AS made;
SET ROLE regress_review_admin;
SELECT vault.create_principal('app', db_role => 'regress_review_app') IS NOT NULL AS made,
	vault.create_principal('watcher', 'user', 'regress_review_watcher') IS NOT NULL AS made,
	vault.create_role('team') IS NOT NULL AS made, vault.create_role('crew') IS NOT NULL AS made;
SELECT vault.add_member('team', 'crew'), vault.add_member('crew', 'app'),
	vault.add_member('rotator', 'crew');
SELECT vault.put('db/a', 'v'), vault.put('db/b', 'v'),
	vault.put('db/a', 'v', environment => 'prod'), vault.put('gone', 'v');
SELECT vault.delete('gone') IS NOT NULL AS deleted;
SELECT vault."grant"('app', '{write}', 'db/*', '{default}') IS NOT NULL AS g1;
SELECT vault."grant"('team', '{read}', 'db/**', addresses => '{10.0.0.0/8}',
	require_tls => true) IS NOT NULL AS g2;
SELECT vault."grant"('crew', '{read}', 'db/**', windows => '{"mon-fri 09:00-17:00 Europe/Berlin"}',
	services => '{dns:app.internal}', valid_from => '2026-01-01',
	valid_until => '2027-01-01') IS NOT NULL AS g3;
SELECT vault."grant"('crew', '{read}', 'db/b', effect => 'deny',
	addresses => '{10.66.0.0/16}') IS NOT NULL AS g4;

-- every grant with the condition that failed, and the way by which it came
\set shown 'effect, permissions, name_pattern, applies, reason, via'
SET ROLE regress_review_app;
SELECT :shown FROM vault.explain_access('app', 'read', 'db/b', at => 'infinity');
SELECT count(*) > 1 AS no_roles FROM vault.explain_access('app', 'read', 'db/b', roles => NULL);
SELECT :shown FROM vault.explain_access('app', 'read', 'db/b', at => '2026-03-30 10:00+02');
SELECT :shown FROM vault.explain_access('app', 'read', 'db/b', at => '2026-03-30 10:00+02',
	from_address => '10.1.2.3', tls => true);
SELECT :shown FROM vault.explain_access('app', 'read', 'db/b', at => '2026-03-30 10:00+02',
	from_address => '10.66.2.3', tls => true, service => 'dns:app.internal');
SELECT :shown FROM vault.explain_access('app', 'read', 'db/b', at => '2026-03-30 18:00+02',
	from_address => '::ffff:10.1.2.3', service => 'dns:app.internal');
SELECT :shown FROM vault.explain_access('app', 'read', 'db/b', at => '2025-12-31 10:00+02',
	from_address => '192.0.2.1', tls => true);
SELECT :shown FROM vault.explain_access('app', 'read', 'db/a', 'prod', '2027-03-30 10:00+02',
	'10.1.2.3', service => 'dns:app.internal');
SELECT :shown FROM vault.explain_access('app', 'list', 'db/a', 'prod') WHERE applies;
-- the explanation agrees with what happens
\set VERBOSITY sqlstate
SELECT effect FROM vault.explain_access('app', 'read', 'db/a') WHERE reason LIKE 'decision%';
SELECT vault.get('db/a');
SELECT effect FROM vault.explain_access('app', 'write', 'db/a') WHERE reason LIKE 'decision%';
SELECT vault.put('db/a', 'w');
-- the callers that may ask, and about which principals
SELECT count(*) FROM vault.explain_access('watcher', 'read', 'db/a');
SELECT count(*) FROM vault.explain_access('app', 'read', 'db/a', service => 'app');
SET ROLE regress_review_watcher;
SELECT count(*) FROM vault.explain_access('app', 'read', 'db/a');
SELECT count(*) FROM vault.access_matrix;
SET ROLE regress_review_admin;
SELECT vault.add_member('auditor', 'watcher');
SELECT :shown FROM vault.explain_access('team', 'read', 'db/a');
SET ROLE regress_review_watcher;
SELECT effect FROM vault.explain_access('app', 'read', 'db/a') WHERE reason LIKE 'decision%';
SELECT count(DISTINCT principal) FROM vault.access_matrix;
SELECT vault.get('db/a');
SELECT vault.create_role('x');
SELECT count(*) FROM vault.import_policy('{"format": "vault-policy-v1"}');
SET ROLE regress_review_op;
SELECT effect, via FROM vault.explain_access('app', 'rotate', 'db/a', tenant => 'review')
	WHERE applies;
SELECT vault.get('db/a');
-- the matrix, as each sees it
SELECT principal, secret, environment, permissions, conditional, via FROM vault.access_matrix
	WHERE tenant = 'review' ORDER BY 1, 2, 3;
SET ROLE regress_review_auditor;
SELECT count(*) FROM vault.access_matrix WHERE tenant = 'review';
SET ROLE regress_review_app;
SELECT principal, secret, environment, permissions, conditional FROM vault.access_matrix ORDER BY 1,
	2, 3;
SET ROLE regress_review_admin;
SELECT vault."grant"('app', '{write}', 'db/b', effect => 'deny') IS NOT NULL AS denied;
SELECT permissions, conditional FROM vault.access_matrix
	WHERE principal = 'app' AND secret = 'db/b';

RESET ROLE;
SELECT vault.destroy_tenant('review', 'review');
DROP ROLE regress_review_admin, regress_review_app, regress_review_watcher, regress_review_op,
	regress_review_auditor;
