# shellcheck shell=bash
# One line for each test, counted. Sourced.

PASSED=0
FAILED=0
SKIPPED=0

pass()
{
	PASSED=$((PASSED + 1))
	echo "ok    $*"
}

fail()
{
	FAILED=$((FAILED + 1))
	echo "FAIL  $*"
}

skip()
{
	SKIPPED=$((SKIPPED + 1))
	echo "skip  $*"
}

# What a failed test has to show: at most 100 lines of a file.
show()
{
	[ -s "$1" ] || return 0
	head -n 100 "$1" | sed 's/^/      | /'
}

summary()
{
	if [ "$SKIPPED" -gt 0 ]; then
		echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	else
		echo "$PASSED passed, $FAILED failed"
	fi
}
