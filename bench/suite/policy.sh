# shellcheck shell=bash disable=SC2154
# Measure decisions about access with 1, 10 and 1,000 grants, with and without conditions.
#
# It guards against a decision that gets slower with the number of grants.

# Run one session as each principal in turn; its identity does not change the rest of a get. The
# records of one statement fit into the ring, and a pause lets the worker empty it: otherwise the
# worker would be measured. A decision takes the time of a statement with it, less the time of the
# same statement without it: planning, the tenant's id and the rows are in both.
decisions()
{
	local one ten thousand without decision conditional select
	local decide="SELECT count(*) FILTER (WHERE
		vault_data.sees_secret((SELECT id FROM vault.tenants), name, 'default')) FROM few"
	local pause='\\timing off\n\1\nSELECT pg_sleep(0.15) \\g \/dev\/null\n\\timing on\n'
	say "policy"
	bulk_script $((3 * BULK_ROUNDS)) \
		one "SET ROLE bench_app1; SELECT count(vault.get(name)) FROM few" \
		ten "SET ROLE bench_app; SELECT count(vault.get(name)) FROM few" \
		thousand "SET ROLE bench_app1000; SELECT count(vault.get(name)) FROM few" \
		without "SET ROLE bench_app1000; SELECT count(*) FILTER (WHERE
			(SELECT id FROM vault.tenants) IS NOT NULL AND name <> '') FROM few" \
		decision "SET ROLE bench_app1000; $decide" \
		conditional "SET ROLE bench_conditional; $decide" |
		sed "s/^\(SET ROLE [a-z0-9_]*;\) /$pause/" |
		as_server sh -c 'cat >"$1"' sh "$OUT/decisions.sql"
	sql decisions.log bench_switch decisions.sql
	one=$(each decisions.log one "$DECISIONS")
	ten=$(each decisions.log ten "$DECISIONS")
	thousand=$(each decisions.log thousand "$DECISIONS")
	row 'policy: get with 10 grants - get with 1' "$(calc - "$ten" "$one")" us '' '' \
		"$ten and $one us a get, in one statement"
	row 'policy: get with 1,000 grants - get with 1' "$(calc - "$thousand" "$one")" us '' '' \
		"$thousand us a get"
	without=$(each decisions.log without "$DECISIONS")
	decision=$(calc - "$(each decisions.log decision "$DECISIONS")" "$without")
	conditional=$(calc - "$(each decisions.log conditional "$DECISIONS")" "$without")
	row 'policy: a decision with 1,000 grants' "$decision" us '<=' 2.0 \
		"who is asking included; the rest of the statement took $without us a row"
	row 'policy: the same, with conditions on each' "$conditional" us '<=' 2.0 \
		"time windows, valid until, through a role"
	pin
	bench select_one 1 "$((MIXED / 2))" select_one
	unpin
	select=$(latency select_one 0)
	row 'policy: a decision with 1,000 grants / SELECT 1' \
		"$(calc / "$decision" "$select" 3)" x '' '' \
		"SELECT 1 takes $select us"
}
