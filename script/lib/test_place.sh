# shellcheck shell=bash disable=SC2154
# Make and remove the place where the tests of script/test run. Sourced by script/test, which sets
# TEST_DIR and LOGS.
#
# It guards the machine: there is one run at a time in a checkout. The servers that a run has
# started, and no others, are stopped at its end, and at the beginning of the next run if it was
# killed.

# The copy of the tests, the instances, the results. Its directories belong to the server's user.
WORK=

lock()
{
	mkdir -p "$TEST_DIR"
	[ -O "$TEST_DIR" ] ||
		die "$TEST_DIR belongs to $(stat -c %U "$TEST_DIR"); run this as that user"
	chmod 0755 "$TEST_DIR"
	exec 9>"$TEST_DIR/lock"
	flock -n 9 || die "another run is under way in this checkout"
}

# Choose a place for a copy of the tests that the server's user can read and write beside:
# .test/work or, where that user cannot reach the checkout, a directory in TMPDIR.
prepare_work()
{
	choose_tmpdir
	remove_stale_work
	WORK=$TEST_DIR/work
	if ! server_can_reach "$TEST_DIR"; then
		WORK=$(mktemp -d "$TMPDIR/vault-test.XXXXXX")
		say "user $(server_user) cannot reach this checkout, the servers run in $WORK"
	fi
	echo "$WORK" >"$TEST_DIR/location"
	mkdir -p "$WORK"
	chmod 0755 "$WORK"
}

# Remove whatever a run that was killed has left.
remove_stale_work()
{
	[ -e "$TEST_DIR/location" ] || return 0
	WORK=$(cat "$TEST_DIR/location")
	remove_work
}

copy_tests()
{
	server_dir 0755 "$WORK/input" || return 1
	tar -C "$VAULT_ROOT" -cf - --exclude=./.git --exclude=./.test --exclude=./.quickstart \
		--exclude='*.o' \
		--exclude='*.bc' --exclude='*/build' . |
		as_server tar -C "$WORK/input" --no-same-owner --no-same-permissions -xf -
}

# stop_servers DIR: every server below it, ours or started by a test that was cut short
stop_servers()
{
	local pidfile data
	as_server find "$1" -name postmaster.pid 2>/dev/null | while read -r pidfile; do
		data=${pidfile%/postmaster.pid}
		as_server "$(pg_bin)/pg_ctl" -D "$data" -m immediate -w -t 30 -s stop </dev/null \
			>/dev/null 2>&1 ||
			kill_server "$data"
	done
}

# Kill a postmaster that does not obey, and its children. Its number could be another process's by
# now.
kill_server()
{
	local pid children
	pid=$(as_server head -n 1 "$1/postmaster.pid" 2>/dev/null) || return 0
	tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -Fxq -- "$1" || return 0
	children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null) || children=
	# shellcheck disable=SC2086
	as_server kill -KILL "$pid" $children 2>/dev/null || true
}

remove_work()
{
	local run
	[ -n "$WORK" ] && [ -d "$WORK" ] || return 0
	stop_servers "$WORK"
	for run in $(as_server cat "$WORK"/*/socket_dir 2>/dev/null); do
		case $run in
			*/vault-run.??????) rm -rf -- "$run" ;;
		esac
	done
	rm -rf -- "$WORK"
	rm -f "$TEST_DIR/location"
}

# keep_log FILE NAME: copy a log of a server's user into LOGS, read with the rights of its writer
keep_log()
{
	as_server cat "$1" >"$LOGS/$2" 2>/dev/null || rm -f "$LOGS/$2"
}
