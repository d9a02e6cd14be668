# shellcheck shell=bash disable=SC2154
# Run the TAP files, some at a time, and the examples of the documentation beside them. Sourced by
# script/test.
#
# It guards the others against a file that hangs: it ends after TAP_TIMEOUT with what it has
# started. A file that ends early or against its plan has failed.

TAP_RUNNING=()		# names of TAP files, by process id
DOCS_PID=

suite_tap()
{
	local files=("${TAP_FILES[@]}") file
	if [ "${#files[@]}" -eq 0 ]; then
		mapfile -t files < <(cd "$VAULT_ROOT" && for f in t/*.pl; do [ ! -e "$f" ] ||
			echo "$f"; done)
	fi
	[ "${#files[@]}" -gt 0 ] || { skip "tap: t/ is empty"; return; }
	server_dir 0755 "$WORK/tap"
	make_tap_tmpdir
	[[ " ${SUITES[*]} " != *" docs "* ]] || start_docs
	for file in "${files[@]}"; do
		if out_of_time; then
			skip "tap/$(basename "$file" .pl): no time left"
			continue
		fi
		[ "${#TAP_RUNNING[@]}" -lt "${VAULT_TEST_JOBS:-$(nproc)}" ] || finish_tap_file
		start_tap_file "$file"
	done
	while [ "${#TAP_RUNNING[@]}" -gt 0 ]; do
		finish_tap_file
	done
}

# Choose the place where PostgreSQL::Test::Cluster makes its socket directories: below WORK, if that
# is short enough for a socket.
make_tap_tmpdir()
{
	TAP_TMPDIR=$WORK/tmp
	if [ ${#TAP_TMPDIR} -gt 70 ]; then
		TAP_TMPDIR=$(mktemp -d "$TMPDIR/vault-run.XXXXXX")
		echo "$TAP_TMPDIR" >"$WORK/tap/socket_dir"
	fi
	server_dir 0700 "$TAP_TMPDIR"
}

# Start a file with a directory of its own below WORK; the locks in top_builddir share out the
# ports. A file that hangs ends with all that it has started, and the others go on.
start_tap_file()
{
	local file=$1 name dir pgxs
	name=$(basename "$file" .pl)
	dir=$WORK/tap/$name
	pgxs=$("$PG_CONFIG" --pkglibdir)/pgxs
	server_dir 0755 "$dir"
	start_captured "$LOGS/tap-$name.log" as_server_in "$WORK/input" \
		env PATH="$(pg_bin):$PATH" PG_CONFIG="$PG_CONFIG" TMPDIR="$TAP_TMPDIR" TESTDIR="$dir" \
		TESTDATADIR="$dir" TESTLOGDIR="$dir/log" \
		top_builddir="$WORK/tap" PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
		VAULT_SOURCE_DIR="$WORK/input" \
		timeout -k 30 "$TAP_TIMEOUT" \
		prove -v -I "$pgxs/src/test/perl" -I "$WORK/input/t/lib" "$file"
	TAP_RUNNING[$STARTED]=$name
}

# Wait for one of the files that run.
finish_tap_file()
{
	local pid name rc=0 bad=$FAILED
	wait -n -p pid "${!TAP_RUNNING[@]}" || rc=$?
	name=${TAP_RUNNING[$pid]}
	unset "TAP_RUNNING[$pid]" "CHILDREN[$pid]"
	stop_servers "$WORK/tap/$name"
	count_tap "$name" "$LOGS/tap-$name.log"
	if [ "$rc" -eq 124 ] || [ "$rc" -eq 137 ]; then
		fail "tap/$name: not finished in $TAP_TIMEOUT s (VAULT_TAP_TIMEOUT)"
	elif [ "$rc" -ne 0 ] && [ "$FAILED" -eq "$bad" ]; then
		fail "tap/$name: ended early or against its plan"
	fi
	if [ "$FAILED" -gt "$bad" ]; then
		keep_logs "$name"
		show_tap "$name"
	fi
	rm -rf -- "${WORK:?}/tap/$name"
}

# Show the failing assertions, and the last words of a test that died.
show_tap()
{
	sed -n -e '/^Test Summary Report/q' -e '/^ok /d' -e 's/^/      | /p' "$LOGS/tap-$1.log" |
		head -n 80
	[ ! -e "$LOGS/tap-$1-detail.log" ] ||
		grep -vE '^(\[.*\) (ok|#)|###? |# Running|waiting for|server st|# (No p|P)ostmaster)' \
		"$LOGS/tap-$1-detail.log" |
		tail -n 12 | sed 's/^/      | /' || true
	echo "      | more in .test/log/tap-$1*"
}

keep_logs()
{
	local f
	as_server find "$WORK/tap/$1" -path '*/log/*' -name "*$1*" 2>/dev/null | while read -r f; do
		case $f in
			*/regress_log_*) keep_log "$f" "tap-$1-detail.log" ;;
			*.log) keep_log "$f" "tap-${f##*/}" ;;
		esac
	done
}

# Count each top-level assertion as a test.
count_tap()
{
	local name=$1 line
	while IFS= read -r line; do
		case $line in
			# prove says so of a file that is skipped as a whole, and hides its plan.
			't/'*' .. skipped: '*) skip "tap/$name: ${line#* .. skipped: }" ;;
			'ok '*' # skip '* | 'ok '*' # SKIP '*) skip "tap/$name: ${line#ok }" ;;
			'ok '[0-9]*) pass "tap/$name: ${line#ok }" ;;
			'not ok '*' # TO''DO '*) skip "tap/$name: ${line#not ok }" ;;
			'not ok '[0-9]*) fail "tap/$name: ${line#not ok }" ;;
		esac
	done <"$2"
}

# ---- documentation ----

# Start the examples of the documentation beside the TAP files, because they mostly wait for a job.
start_docs()
{
	start_captured "$LOGS/docs.log" timeout -k 30 "$SUITE_TIMEOUT" "$HERE/check-docs" "$WORK"
	DOCS_PID=$STARTED
}

suite_docs()
{
	[ -n "$DOCS_PID" ] || start_docs
	wait "$DOCS_PID" || true
	unset "CHILDREN[$DOCS_PID]"
	cat_counted "$LOGS/docs.log"
}
