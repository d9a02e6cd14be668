# shellcheck shell=bash
# PostgreSQL instances that are private to a directory. Sourced after common.sh.
#
# An instance is a directory BASE with data/, run/ (its socket, the only way in: it does not listen
# on any address), keys/ (0700, for the root key, outside of the data directory) and server.log.
# These belong to the server's user, BASE itself to the caller. A server is only ever stopped
# through pg_ctl on its own data directory.

# shellcheck disable=SC2034
SOCKET_PORT=5432		# names the socket file, nothing listens on it

pg_bin()
{
	"$PG_CONFIG" --bindir
}

# instance_create BASE RUN_MODE [INITDB OPTION...]
instance_create()
{
	local base=$1 mode=$2 run
	shift 2
	mkdir -p "$base" || return 1
	chmod 0755 "$base"
	server_dir 0700 "$base/data" "$base/keys" || return 1
	as_server "$(pg_bin)/initdb" -D "$base/data" -U postgres -E UTF8 --locale=C.UTF-8 \
		--auth-local=trust "$@" || return 1
	touch "$base/server.log"
	chmod 0600 "$base/server.log"
	! is_root || chown "$(server_user):" "$base/server.log"
	run=$(instance_make_run "$base" "$mode") || return 1
	instance_conf "$base" \
		"listen_addresses = ''" \
		"port = $SOCKET_PORT" \
		"unix_socket_directories = '$run'" \
		"password_encryption = scram-sha-256" \
		"max_worker_processes = 20" \
		"cron.use_background_workers = on"
}

# A socket's path holds at most 107 bytes; a longer one goes to a short directory, remembered in
# BASE/socket_dir.
instance_make_run()
{
	local base=$1 mode=$2 run=$1/run
	if [ ${#run} -gt 80 ]; then
		run=$(mktemp -d "$TMPDIR/vault-run.XXXXXX") || return 1
		echo "$run" >"$base/socket_dir"
	fi
	server_dir "$mode" "$run" || return 1
	echo "$run"
}

instance_socket()
{
	if [ -e "$1/socket_dir" ]; then
		cat "$1/socket_dir"
	else
		echo "$1/run"
	fi
}

# instance_conf BASE LINE...: append to postgresql.conf
instance_conf()
{
	local base=$1
	shift
	printf '%s\n' "$@" | as_server sh -c 'cat >>"$1"' sh "$base/data/postgresql.conf"
}

# The settings that make it an instance with vault: instance_preload BASE DATABASE
instance_preload()
{
	instance_conf "$1" \
		"shared_preload_libraries = 'pg_cron,vault'" \
		"cron.database_name = '$2'" \
		"vault.database = '$2'" \
		"vault.root_key_source = 'file:$1/keys/root.key'"
}

# Create a database before the first real start, so that the workers find it.
instance_create_database()
{
	local base=$1 db=$2 out
	out=$(echo "CREATE DATABASE $db" |
		as_server "$(pg_bin)/postgres" --single -D "$base/data" -c shared_preload_libraries= \
		postgres 2>&1) &&
		! grep -E "ERROR|FATAL|PANIC" <<<"$out" >&2
}

# Running: its pid file names a live process whose command line names this data directory (and not
# another process that got the same number).
instance_running()
{
	local data=$1/data pid
	pid=$(as_server head -n 1 "$data/postmaster.pid" 2>/dev/null) || return 1
	[ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 1
	tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -Fxq -- "$data"
}

# A far socket directory does not outlive a cleaning of TMPDIR.
instance_renew_run()
{
	local base=$1 run
	[ -e "$base/socket_dir" ] && [ ! -d "$(instance_socket "$base")" ] || return 0
	run=$(instance_make_run "$base" 0755) &&
		instance_conf "$base" "unix_socket_directories = '$run'"
}

instance_start()
{
	local base=$1
	instance_renew_run "$base" || return 1
	if as_server "$(pg_bin)/pg_ctl" -D "$base/data" -l "$base/server.log" -w -t 60 -s start \
		>/dev/null 2>&1; then
		return 0
	fi
	echo "the server in $base did not start; the end of its log:" >&2
	as_server tail -n 25 "$base/server.log" | sed 's/^/    /' >&2
	return 1
}

# instance_stop BASE [MODE]
instance_stop()
{
	local base=$1 mode=${2:-fast}
	instance_running "$base" || return 0
	if [ -x "$PG_CONFIG" ]; then
		as_server "$(pg_bin)/pg_ctl" -D "$base/data" -m "$mode" -w -t 60 -s stop
	else
		instance_signal "$base"
	fi
}

# Its programs are not installed any more, but it still runs: what pg_ctl does, a fast stop.
instance_signal()
{
	local base=$1 n
	as_server sh -c 'kill -INT "$(head -n 1 "$1")"' sh "$base/data/postmaster.pid"
	for n in {1..600}; do
		instance_running "$base" || return 0
		sleep 0.1
	done
	echo "the server in $base did not stop in $((n / 10)) s" >&2
	return 1
}

# Stop, remove, and its far socket directory too.
instance_remove()
{
	local base=$1 run
	instance_stop "$base" immediate || return 1
	run=$(instance_socket "$base")
	case $run in
		"$base"/*) ;;
		*/vault-run.??????) rm -rf -- "$run" ;;
	esac
	rm -rf -- "$base"
}

# instance_psql BASE DATABASE ARGUMENT...: as the superuser, no psqlrc, stop at the first error
instance_psql()
{
	local base=$1 db=$2
	shift 2
	as_server "$(pg_bin)/psql" -X -q -v ON_ERROR_STOP=1 -h "$(instance_socket "$base")" \
		-p "$SOCKET_PORT" \
		-U postgres -d "$db" "$@"
}
