# shellcheck shell=bash
# Hold the things that every script shares: directories, the user that runs servers, the build and
# the installation of the extension. Sourced, never run. It guards two rules: servers and their
# tools never run as root (as_server), and only `make install` into PostgreSQL's directories is
# allowed to ask for more rights than the caller has (as_root).
#
# Overrides: PG_CONFIG or PG_MAJOR (which PostgreSQL), VAULT_RUN_AS (the user that runs servers when
# the caller is root), TMPDIR.

VAULT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=script/lib/releases.sh
. "$VAULT_ROOT/script/lib/releases.sh"

# The PG* variables of the caller (PGHOST, PGUSER, PGSERVICE ...) would lead psql and pg_regress to
# another server.
for _v in $(compgen -e PG || true); do
	case $_v in
		PG_TEST_*) ;;			# settings of PostgreSQL's test modules
		PG_CONFIG | PG_MAJOR) ;;
		*) unset "$_v" ;;
	esac
done
# shellcheck disable=SC2034
PG_NAMED=${PG_CONFIG:-${PG_MAJOR:-}}	# empty: the caller leaves it to us
choose_postgres
unset _v PG_MAJOR
export PG_CONFIG
export LC_ALL=C.UTF-8
unset LANGUAGE

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# Print one short line for each step.
say()
{
	echo "==> $*"
}

# Name the server that is taken, if there are several.
say_choice()
{
	[ -z "$PG_CHOICE" ] || say "$PG_CHOICE"
}

is_root()
{
	[ "$(id -u)" -eq 0 ]
}

# Run a command with root's rights: as it is, or through sudo.
as_root()
{
	if is_root; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "installing into PostgreSQL's directories needs root or sudo"
	fi
}

# The user that runs PostgreSQL: ourselves, or for root the one that Debian's package made.
server_user()
{
	if is_root; then
		echo "${VAULT_RUN_AS:-postgres}"
	else
		id -un
	fi
}

check_server_user()
{
	local user
	user=$(server_user)
	id -u "$user" >/dev/null 2>&1 ||
		die "no user $user on this system; set VAULT_RUN_AS to an unprivileged one"
	[ "$(id -u "$user")" -ne 0 ] ||
		die "PostgreSQL does not run as root; set VAULT_RUN_AS to an unprivileged user"
}

# as_server_in DIR COMMAND...: run as the server's user in DIR. Nothing inherits the lock of
# script/test, descriptor 9.
as_server_in()
{
	local dir=$1 user
	shift
	if is_root; then
		user=$(server_user)
		setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- \
			env -C "$dir" HOME="$dir" USER="$user" LOGNAME="$user" "$@" 9>&-
	else
		env -C "$dir" "$@" 9>&-
	fi
}

as_server()
{
	as_server_in / "$@"
}

# server_dir MODE DIR...: directories that belong to the server's user
server_dir()
{
	local mode=$1
	shift
	mkdir -p "$@" && chmod "$mode" "$@" || return 1
	! is_root || chown "$(server_user):" "$@"
}

# Set TMPDIR to a directory that the server's user can write.
choose_tmpdir()
{
	TMPDIR=${TMPDIR:-/tmp}
	if ! as_server test -w "$TMPDIR" 2>/dev/null; then
		TMPDIR=/tmp
	fi
	export TMPDIR
}

# The server's user can walk down to this directory.
server_can_reach()
{
	as_server test -x "$1" 2>/dev/null
}

# run_logged LOG COMMAND...: output into LOG, its end on the screen only when the command fails. The
# command runs in the background, in a process group of its own, so that a signal to this script is
# handled at once; stop_children ends the groups.
CHILDREN=()		# indexed by process id
run_logged()
{
	local log=$1 rc=0
	shift
	run_captured "$log" "$@" || rc=$?
	if [ "$rc" -ne 0 ]; then
		echo "failed ($rc): $*; the end of $log:" >&2
		tail -n 40 "$log" | sed 's/^/    /' >&2
	fi
	return "$rc"
}

# The same without a word on failure.
run_captured()
{
	local rc=0
	start_captured "$@"
	wait "$STARTED" || rc=$?
	unset "CHILDREN[$STARTED]"
	return "$rc"
}

# The same without waiting: STARTED is the process. The caller that waits for it unsets
# CHILDREN[it].
start_captured()
{
	local log=$1
	shift
	set -m
	"$@" </dev/null >"$log" 2>&1 9>&- &
	STARTED=$!
	set +m
	CHILDREN[$STARTED]=$log
}

stop_children()
{
	local pid n
	for pid in "${!CHILDREN[@]}"; do
		kill -TERM -- "-$pid" 2>/dev/null || true
	done
	for pid in "${!CHILDREN[@]}"; do
		for n in {1..100}; do
			kill -0 -- "-$pid" 2>/dev/null || break
			sleep 0.1
		done
		[ "$n" -lt 100 ] || kill -KILL -- "-$pid" 2>/dev/null || true
	done
	CHILDREN=()
}

# Build the extension. Objects that were compiled for another server are compiled anew.
build_extension()
{
	local stamp=$VAULT_ROOT/build/server server
	server="$("$PG_CONFIG" --version), $("$PG_CONFIG" --includedir-server), ${COPT:-}"
	if [ "$(cat "$stamp" 2>/dev/null)" != "$server" ]; then
		run_logged "$1" make -C "$VAULT_ROOT" clean PG_CONFIG="$PG_CONFIG" || return 1
		mkdir -p "${stamp%/*}"
		echo "$server" >"$stamp"
	fi
	run_logged "$1" make -C "$VAULT_ROOT" -j"$(nproc)" PG_CONFIG="$PG_CONFIG"
}

# Prints what `make install` would change: the files that are not installed as they were built.
not_installed()
{
	local lib ext f
	lib=$("$PG_CONFIG" --pkglibdir)
	ext=$("$PG_CONFIG" --sharedir)/extension
	for f in "$VAULT_ROOT"/*.so; do
		cmp -s "$f" "$lib/${f##*/}" || echo "$f"
	done
	for f in "$VAULT_ROOT"/vault.control "$VAULT_ROOT"/vault--*.sql; do
		cmp -s "$f" "$ext/${f##*/}" || echo "$f"
	done
}

# Installs when something differs. Sets INSTALLED=yes or no.
install_extension()
{
	local log=$1
	INSTALLED=no
	[ -n "$(not_installed)" ] || return 0
	if [ -w "$("$PG_CONFIG" --pkglibdir)" ] && [ -w "$("$PG_CONFIG" --sharedir)/extension" ]; then
		run_logged "$log" make -C "$VAULT_ROOT" install PG_CONFIG="$PG_CONFIG" || return 1
	else
		as_root true || return 1	# a password is asked for here, not behind the log
		run_logged "$log" as_root make -C "$VAULT_ROOT" install PG_CONFIG="$PG_CONFIG" || return 1
	fi
	# shellcheck disable=SC2034
	INSTALLED=yes
}
