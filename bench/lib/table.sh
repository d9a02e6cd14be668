# shellcheck shell=bash disable=SC2154
# Collect the rows of the table of bench/run and print them. Sourced by bench/run, which sets LOAD
# and RESULTS.
#
# It guards the goals: a row that has one says whether it is met.

TABLE=

# row NAME FIGURE UNIT RELATION GOAL HOW...: add a row; RELATION is <=, >= or empty
row()
{
	local verdict=
	if [ -n "$4" ]; then
		verdict=$(awk "BEGIN { print ($2 $4 $5) ? \"met\" : \"MISSED\" }")
	fi
	TABLE+=$(printf '%-48s %9s %-4s %-2s %-5s %-7s %s' "$1" "$2" "$3" "$4" "$5" \
		"$verdict" "${*:6}")$'\n'
}

print_table()
{
	{
		echo "vault $(git -C "$VAULT_ROOT" rev-parse --short HEAD 2>/dev/null || true)," \
			"$("$PG_CONFIG" --version)," \
			"$(nproc) cores, load $LOAD at the start, $SECRETS secrets of 40 bytes"
		echo
		printf '%-48s %9s %-4s %-8s %-7s %s\n' what figure '' goal verdict 'taken from'
		printf '%s' "$TABLE"
	} | tee "$RESULTS/last.txt"
}
