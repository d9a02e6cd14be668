#!/usr/bin/env bash
# An upgrade of the package under a running server: the server goes on with what it has, says what
# it said, and the package names it as one to restart, which it does not do. After the restart the
# new library serves the old vault.
. "$(dirname "$0")/lib.sh"

MAJOR=$(major)
LIBRARY=/usr/lib/postgresql/$MAJOR/lib/vault.so
KEYS=/etc/postgresql-vault
EARLIER=$(echo "/packages/postgresql-${MAJOR}-vault_"*.deb)
LATER=/tmp/later.deb

# The same package with a later version and another library: bytes behind its end change nothing for
# the loader.
make_later_package()
{
	dpkg-deb -R "$EARLIER" /tmp/later
	sed -i 's/^Version: .*/&+later/' /tmp/later/DEBIAN/control
	echo later >>"/tmp/later/usr/lib/postgresql/$MAJOR/lib/vault.so"
	(cd /tmp/later && find usr -type f -exec md5sum {} + >DEBIAN/md5sums)
	dpkg-deb --root-owner-group -b /tmp/later "$LATER" >/dev/null
}

# The installation of PostgreSQL may have made a cluster already, which does not run.
make_vault()
{
	[ ! -e "/etc/postgresql/$MAJOR/main" ] || pg_dropcluster "$MAJOR" main
	pg_createcluster "$MAJOR" main >/dev/null
	cat >"/etc/postgresql/$MAJOR/main/conf.d/vault.conf" <<-CONF
		listen_addresses = ''
		shared_preload_libraries = 'pg_cron,vault'
		cron.database_name = 'app'
		cron.use_background_workers = on
		vault.database = 'app'
		vault.root_key_source = 'file:$KEYS/root.key'
	CONF
	pg_ctlcluster "$MAJOR" main start
	as_postgres createdb app
	sql -o /dev/null <<-'SQL'
		CREATE EXTENSION pg_cron;
		CREATE EXTENSION vault CASCADE;
		SELECT vault.init();
		CREATE ROLE acme_admin LOGIN;
		SELECT vault.create_tenant('acme', 'acme_admin');
		SET SESSION AUTHORIZATION acme_admin;
		SELECT vault.put('web/key', 'a value of a test');
	SQL
}

get()
{
	sql -c 'SET SESSION AUTHORIZATION acme_admin' -c "SELECT vault.get('web/key')" 2>&1
}

server()
{
	head -n 1 "/var/lib/postgresql/$MAJOR/main/postmaster.pid"
}

# Print the library that a process has: earlier, later or none.
library_of()
{
	local lines
	lines=$(grep -F "$LIBRARY" "/proc/$1/maps") || { echo none; return; }
	if grep -qF '(deleted)' <<<"$lines"; then
		echo earlier
	else
		echo later
	fi
}

check_before_restart()
{
	local pid=$1 out=$2 again
	expect 'the new library is on disk' later "$(tail -n 1 "$LIBRARY" | tail -c 6)"
	expect 'the server runs on' "$pid" "$(server)"
	expect 'with the library that it has' earlier "$(library_of "$pid")"
	expect_line 'the package names it' \
		"^vault: cluster $MAJOR/main goes on with the earlier library" "$out"
	expect_line 'and the remedy' "^vault: +pg_ctlcluster $MAJOR main restart" "$out"
	expect 'a new session reads' 'a value of a test' "$(get)"
	ask_open_session
	expect 'an open one, too' 'a value of a test' "$(tail -n 1 /tmp/answer)"
	expect 'and writes' 2 \
		"$(sql -c 'SET SESSION AUTHORIZATION acme_admin' \
		-c "SELECT vault.put('web/key', 'of another')")"
	again=$(sql -c 'SELECT vault.seal()' -c 'SELECT vault.unseal()' | tail -n 1)
	expect 'it can be sealed and unsealed' unsealed "$again"
}

# A session from before the upgrade, which reads when it is asked for
open_session()
{
	mkfifo -m 0600 /tmp/ask
	chown postgres: /tmp/ask
	as_postgres psql -X -A -t -q -d app </tmp/ask >/tmp/answer 2>&1 &
	SESSION=$!
	exec 5>/tmp/ask
	echo "SET SESSION AUTHORIZATION acme_admin; SELECT 'open';" >&5
	until grep -q open /tmp/answer; do sleep 0.1; done
}

# Ends it, too. Not in a subshell: only its parent can wait for it.
ask_open_session()
{
	echo "SELECT vault.get('web/key');" >&5
	exec 5>&-
	wait "$SESSION" || true
}

check_after_restart()
{
	pg_ctlcluster "$MAJOR" main restart
	until [ "$(sql -c 'SELECT sealed FROM vault.status()')" = f ]; do sleep 0.2; done
	expect 'after the restart it has the new library' later "$(library_of "$(server)")"
	expect 'and the value' 'of another' "$(get)"
	expect 'verify() finds nothing' '' "$(sql -c 'SELECT * FROM vault.verify()')"
	expect_no_line 'a further configuration names nothing' '^vault:' \
		"$(dpkg-reconfigure "postgresql-$MAJOR-vault" 2>&1)"
}

# Export the evidence for auditor.sh.
export_evidence()
{
	mkdir -p /evidence
	sql -c 'SELECT vault.audit_checkpoint()' >/evidence/checkpoint
	sql -c 'SELECT vault.audit_public_key()' >/evidence/key
	sql -c "SELECT vault.export_audit('acme')" >/evidence/trail
}

make_later_package
make_vault
open_session
pid=$(server)
expect 'before, the server has the package'"'s library" later "$(library_of "$pid")"
out=$(apt install "$LATER") || { echo "$out"; exit 1; }
check_before_restart "$pid" "$out"
check_after_restart
export_evidence
pg_ctlcluster "$MAJOR" main stop
