#!/usr/bin/env bash
# Try the archive for PGXN as its client installs it: unpack, build, install, create the extension.
# The packages for building are there already (build-tools.sh).
. "$(dirname "$0")/lib.sh"

ZIP=$(echo /packages/vault-*.zip)
MAJOR=17

{
	apt update
	apt install --no-install-recommends "postgresql-$MAJOR" pgxnclient
} || exit 1
if pgxn install --yes "$ZIP" 2>&1; then
	ok "pgxn install of ${ZIP##*/}"
else
	not_ok "pgxn install of ${ZIP##*/}"
	exit 1
fi
out=$(setpriv --reuid=postgres --regid=postgres --init-groups pg_virtualenv -v "$MAJOR" \
	-o shared_preload_libraries=vault \
	psql -X -A -t -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION vault CASCADE' \
	-c 'SELECT NOT initialised FROM vault.status()' 2>&1)
expect_line 'the extension is made' '^t$' "$out"
