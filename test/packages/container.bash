# shellcheck shell=bash disable=SC2034
# The Containerfile: its steps are carried out, its entrypoint refuses to lose a root key, the
# quickstart's tour passes, and what was stored is there after a stop and a start. Sourced by
# script/packages.

CONTAINER_LOG=$OUT/container.log

container_is()
{
	local name=$1
	shift
	if "$@"; then
		pass "packages/container: $name"
	else
		fail "packages/container: $name"
		tail -n 20 "$CONTAINER_LOG" | sed 's/^/      | /'
	fi
}

log_has()
{
	grep -qF -- "$1" "$CONTAINER_LOG"
}

# refuses TEXT [NAME=VALUE...]: the container ends with an error that says so, and has written
# nothing
refuses()
{
	local text=$1
	shift
	start_container "$CONTAINER_LOG" "$@"
	! wait_for_container && log_has "$text" && [ ! -e "$WORK/data/17" ]
}

container_sql()
{
	in_container psql -X -A -t -q -v ON_ERROR_STOP=1 -U postgres -d app "$@"
}

# Until the vault answers; a container that ends before does not.
serves()
{
	while kill -0 "$UNSHARED" 2>/dev/null; do
		[ "$(container_sql -c 'SELECT NOT initialised OR NOT sealed FROM vault.status()' \
			2>/dev/null)" != t ] || return 0
		sleep 0.5
	done
	return 1
}

# To its end, and the logins in it, by a psql of their own, were tried with an old password and a
# new one.
tour_passes()
{
	in_container env PGDATABASE=app psql -X -q -v ON_ERROR_STOP=1 -U postgres \
		-f /usr/local/share/vault/quickstart.sql \
		>"$OUT/container-tour.log" 2>&1 &&
		grep -q '^The end of the tour' "$OUT/container-tour.log" &&
		grep -q 'password authentication failed for user "billing_rw"' "$OUT/container-tour.log" &&
		[ "$(grep -cx ' *billing_rw' "$OUT/container-tour.log")" -ge 2 ] && return
	tail -n 20 "$OUT/container-tour.log" | sed 's/^/      | /'
	return 1
}

# The key is in its own volume and nowhere in the other.
key_is_apart()
{
	local key
	key=$(sed -n 's/^vault-root-key:.*://p' "$WORK/keys/root.key" | tail -n 1)
	[ "$(stat -c '%a %u' "$WORK/keys/root.key")" = '600 999' ] && [ ${#key} -ge 43 ] &&
		! grep -rqF -- "$key" "$WORK/data"
}

stops()
{
	stop_container && log_has 'database system is shut down'
}

value_is_there()
{
	[ "$(container_sql -c "SET SESSION AUTHORIZATION acme_admin" \
		-c "SELECT vault.get('billing/oauth/invoices') IS NOT NULL")" = t ]
}

try_refusals()
{
	VOLUMES=()
	container_is 'without a volume for the data it refuses' refuses \
		'no volume is mounted at /var/lib/postgresql'
	new_volume "$WORK/data" /var/lib/postgresql
	container_is 'without one for the key, too' refuses 'the root key would go with the container'
	container_is 'nor does it put the key beside the data' \
		refuses 'the root key would lie in the volume of the data' \
		VAULT_ROOT_KEY_SOURCE=file:/var/lib/postgresql/root.key
}

try_tour()
{
	new_volume "$WORK/keys" /etc/postgresql-vault
	start_container "$CONTAINER_LOG"
	container_is 'it starts' serves
	container_is "the quickstart's tour passes" tour_passes
	container_is 'the key is in its own volume only' key_is_apart
	container_is 'verify() finds nothing' \
		[ -z "$(container_sql -c 'SELECT * FROM vault.verify()' 2>&1)" ]
	container_is 'it stops' stops
	start_container "$CONTAINER_LOG"
	container_is 'it starts again, unsealed' serves
	container_is 'and has what was stored' value_is_there
	container_is 'and stops' stops
}

logs_in_by_network()
{
	[ "$(in_container env PGPASSWORD="$1" psql -X -A -t -w -h 127.0.0.1 -U postgres -d app \
		-c 'SELECT 1' 2>/dev/null)" = 1 ]
}

no_network_login()
{
	! logs_in_by_network "$1"
}

takes_key_of_secret()
{
	container_sql -o /dev/null -c 'SELECT vault.init()' -c 'CREATE ROLE adm LOGIN' \
		-c "SELECT vault.create_tenant('t', 'adm')" &&
		[ "$(container_sql -c 'SET SESSION AUTHORIZATION adm' -c "SELECT vault.put('a', 'b')" \
		-c "SELECT vault.get('a')" | tail -n 1)" = b ]
}

root_key_stays()
{
	[ "$(container_sql -v VERBOSITY=sqlstate -c 'SELECT vault.rotate_root_key()' \
		2>&1)" = 'ERROR:  58030' ]
}

# A key that somebody else keeps, given as a file that cannot be written, and a password for the
# network
try_secrets()
{
	VOLUMES=()
	new_volume "$WORK/data2" /var/lib/postgresql
	openssl rand -base64 32 >"$WORK/key-secret"
	echo 'of a test' >"$WORK/password-secret"
	chown 999 "$WORK/key-secret" "$WORK/password-secret"
	chmod 0400 "$WORK/key-secret" "$WORK/password-secret"
	add_volume "$WORK/key-secret" /etc/postgresql-vault/root.key ro
	add_volume "$WORK/password-secret" /run/superuser-password ro
	start_container "$CONTAINER_LOG" POSTGRES_PASSWORD_FILE=/run/superuser-password
	container_is 'it starts with a key and a password as secrets' serves
	container_is 'it encrypts with that key' takes_key_of_secret
	container_is 'which it cannot rotate' root_key_stays
	container_is 'the superuser logs in by the network with the password' logs_in_by_network \
		'of a test'
	container_is 'and not with another' no_network_login 'of a guess'
	container_is 'it stops, too' stops
}

test_containerfile()
{
	if [ -z "${PACKED_trixie:-}" ]; then
		skip 'packages/container: no system of trixie could be made'
		return
	fi
	if ! build_image "$VAULT_ROOT/Containerfile" "$OUT/source" "$OUT/container-build.log"; then
		fail 'packages/container: the image is built'
		tail -n 30 "$OUT/container-build.log" | sed 's/^/      | /'
		return
	fi
	pass 'packages/container: the image is built'
	try_refusals
	try_tour
	try_secrets
}
