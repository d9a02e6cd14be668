#!/usr/bin/env bash
# The packages in a system that had nothing of PostgreSQL: what is where, whose it is, and
# debian/tests as root and as an ordinary user.
. "$(dirname "$0")/lib.sh"

MAJOR=$(major)
KEYS=/etc/postgresql-vault

out=$(apt install --install-recommends "/packages/postgresql-${MAJOR}-vault_"*.deb) ||
	{ echo "$out"; exit 1; }
expect 'the key directory is of postgres alone' '700 postgres:postgres' "$(mode_and_owner $KEYS)"
expect 'and empty' '' "$(ls -A $KEYS)"
expect 'pg_cron comes along' installed \
	"$(dpkg-query -W -f '${db:Status-Status}' "postgresql-$MAJOR-cron")"
expect 'no server was to be restarted' '' "$(grep '^vault:' <<<"$out" || true)"
expect 'no program of the auditors is beside psql' '' \
	"$(compgen -G '/usr/lib/postgresql/*/bin/*vault*')"

out=$(apt install "/packages/vault-audit-verify_"*.deb) || { echo "$out"; exit 1; }
id -u tester >/dev/null 2>&1 || useradd --create-home tester
for user in root tester; do
	if out=$(setpriv --reuid=$user --regid=$user --init-groups env HOME=/tmp \
		/source/debian/tests/vault 2>&1); then
		ok "debian/tests/vault as $user: $(grep -c '^ok - ' <<<"$out") checks"
	else
		not_ok "debian/tests/vault as $user"
		tail -n 60 <<<"$out" | sed 's/^/# /'
	fi
done
