# shellcheck shell=bash
# Help the scripts that script/packages runs inside of a root, as root. Sourced. They print a line
# for each check, "ok - ..." or "not ok - ..."; script/packages counts the failures.
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
cd /

ok()
{
	echo "ok - $*"
}

not_ok()
{
	echo "not ok - $*"
}

# expect NAME WANTED GOT
expect()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1: expected '$2', got '$3'"
	fi
}

# expect_line NAME PATTERN TEXT: a line of the text matches
expect_line()
{
	if grep -qE -- "$2" <<<"$3"; then
		ok "$1"
	else
		not_ok "$1: no line with '$2' in"
		sed 's/^/# /' <<<"$3"
	fi
}

expect_no_line()
{
	if grep -qE -- "$2" <<<"$3"; then
		not_ok "$1: there is $(grep -E -m 1 -- "$2" <<<"$3")"
	else
		ok "$1"
	fi
}

# apt COMMAND...: without questions; package files by path
apt()
{
	apt-get -q -y -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@" 2>&1
}

# The one major version whose package was built here
major()
{
	local deb
	for deb in /packages/postgresql-*-vault_*.deb; do
		deb=${deb##*/postgresql-}
		echo "${deb%%-*}"
	done
}

# as_postgres PROGRAM ARGUMENT...
as_postgres()
{
	setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/var/lib/postgresql "$@"
}

sql()
{
	as_postgres psql -X -A -t -q -v ON_ERROR_STOP=1 -d app "$@"
}

mode_and_owner()
{
	stat -c '%a %U:%G' "$1" 2>/dev/null || echo none
}
