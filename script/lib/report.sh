# shellcheck shell=bash
# Print one line for each test, and count them. Sourced.

PASSED=0
FAILED=0
SKIPPED=0
FAILURES=()

pass()
{
	PASSED=$((PASSED + 1))
	echo "ok    $*"
}

fail()
{
	FAILED=$((FAILED + 1))
	FAILURES+=("$*")
	echo "FAIL  $*"
}

skip()
{
	SKIPPED=$((SKIPPED + 1))
	echo "skip  $*"
}

# Show at most 100 lines of a file, after a failed test.
show()
{
	[ -s "$1" ] || return 0
	head -n 100 "$1" | sed 's/^/      | /'
}

# count_results PREFIX <OUTPUT: takes over the results of another script, named after PREFIX, and
# shows what it says besides but not its totals or its list of failed tests. Sets COUNTED to the
# number of results, and ENDED=yes if it came to its totals.
count_results()
{
	local prefix=$1 line
	COUNTED=0
	# shellcheck disable=SC2034
	ENDED=no
	while IFS= read -r line; do
		case $line in
			'ok    '*) pass "$prefix${line#ok    }" ;;
			'FAIL  '*) fail "$prefix${line#FAIL  }" ;;
			'skip  '*) skip "$prefix${line#skip  }" ;;
			'failed: '*) continue ;;
			[0-9]*' passed, '[0-9]*' failed'*)
				ENDED=yes
				continue
				;;
			*)
				echo "$line"
				continue
				;;
		esac
		COUNTED=$((COUNTED + 1))
	done
}

# part COMMAND...: run it, and count its results with the others
part()
{
	count_results '' < <("$@" </dev/null 2>&1)
	[ "$ENDED" = yes ] || fail "$*: ended early"
}

# Print the totals, and before them the failed tests again: they may stand thousands of lines above.
summary()
{
	[ "$FAILED" -eq 0 ] || printf 'failed: %s\n' "${FAILURES[@]}"
	if [ "$SKIPPED" -gt 0 ]; then
		echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	else
		echo "$PASSED passed, $FAILED failed"
	fi
}
