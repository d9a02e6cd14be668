# shellcheck shell=bash disable=SC2154
# Run the suites that need no server: lint, scripts, unit, fuzz. Sourced by script/test.
#
# It guards the count: a suite that fails without a line for a test, and a log without a line, are
# failures.

suite_lint()
{
	run_captured "$LOGS/lint.log" "$HERE/lint" || true
	cat_counted "$LOGS/lint.log"
}

suite_scripts()
{
	run_captured "$LOGS/scripts.log" "$VAULT_ROOT/test/scripts/run" || true
	cat_counted "$LOGS/scripts.log"
}

cat_counted()
{
	count_results '' <"$1"
	[ "$COUNTED" -gt 0 ] || fail "${1##*/} is empty"
}

suite_unit()
{
	local rc=0 bad=$FAILED
	run_captured "$LOGS/unit.log" make -C "$VAULT_ROOT/test/unit" -j "$(nproc)" check \
		PG_CONFIG="$PG_CONFIG" || rc=$?
	count_unit_lines "$LOGS/unit.log"
	if [ "$rc" -ne 0 ] && [ "$FAILED" -eq "$bad" ]; then
		fail "unit: make check ($rc)"
	fi
	if [ "$FAILED" -gt "$bad" ]; then
		grep -vE '^ok |: [0-9]+ passed, 0 failed' "$LOGS/unit.log" | tail -n 100 |
			sed 's/^/      | /'
	fi
	return 0
}

# Count each unit program as one test: it ends with "NAME: N passed, N failed", and its checks run
# in loops, by the million.
count_unit_lines()
{
	local line
	while IFS= read -r line; do
		if [[ $line =~ ^[^:]+:\ skipped ]]; then
			skip "unit/$line"
		elif [[ $line =~ ^[^:]+:\ [0-9]+\ passed,\ 0\ failed ]]; then
			pass "unit/$line"
		elif [[ $line =~ ^[^:]+:\ [0-9]+\ passed,\ [0-9]+\ failed ]]; then
			fail "unit/$line"
		fi
	done <"$1"
}

# Run each fuzz target: make prints "TARGET: passed ..." or "TARGET: FAILED". Debian's clang-N alone
# has no command `clang`.
suite_fuzz()
{
	local rc=0 bad=$FAILED seconds=${VAULT_FUZZ_SECONDS:-5} cc
	cc=clang-$(release_field "$(release_here)" clang)
	command -v "$cc" >/dev/null || cc=clang
	run_captured "$LOGS/fuzz.log" make -C "$VAULT_ROOT/fuzz" -j "$(nproc)" run CC="$cc" \
		SECONDS_EACH="$seconds" || rc=$?
	count_fuzz_lines "$LOGS/fuzz.log"
	if [ "$rc" -ne 0 ] && [ "$FAILED" -eq "$bad" ]; then
		fail "fuzz: make run ($rc)"
	fi
	if [ "$FAILED" -gt "$bad" ]; then
		tail -n 100 "$LOGS/fuzz.log" | sed 's/^/      | /'
	fi
}

count_fuzz_lines()
{
	local line
	while IFS= read -r line; do
		[[ $line =~ ^([A-Za-z0-9_-]+):\ (ok|passed|FAILED|failed) ]] || continue
		case ${BASH_REMATCH[2]} in
			ok | passed) pass "fuzz/${BASH_REMATCH[1]}" ;;
			*) fail "fuzz/${BASH_REMATCH[1]}" ;;
		esac
	done <"$1"
}
