# shellcheck shell=bash disable=SC2154
# Measure reads of many secrets in one statement.
#
# It guards the cost of each secret beside the statement's own, and that a durable get_many waits as
# often as one get.

bulk()
{
	local many one pgp plain rows=$SECRETS
	local how="$rows in one statement, fastest of $BULK_ROUNDS (median"
	say "bulk"
	bulk_script "$BULK_ROUNDS" \
		get_many "SELECT count(value) FROM vault.get_many('**')" \
		get 'SELECT count(vault.get(name)) FROM names' \
		plain 'SELECT count(value) FROM plain' \
		pgp "SELECT count(pgp_sym_decrypt(value, 'a key of some length'))
			FROM (SELECT value FROM pgp LIMIT $PGP_BULK) p" |
		as_server sh -c 'cat >"$1"' sh "$OUT/bulk.sql"
	sql bulk.log bench_app bulk.sql
	many=$(each bulk.log get_many "$rows")
	one=$(each bulk.log get "$rows")
	pgp=$(each bulk.log pgp "$PGP_BULK")
	plain=$(each bulk.log plain "$rows")
	row 'bulk: get_many(**), each secret' "$many" us '<=' 2.0 \
		"$how $(each_median bulk.log get_many "$rows")); plain scan $plain us a row"
	row 'bulk: count(vault.get(name)), each secret' "$one" us '<=' 2.0 \
		"$how $(each_median bulk.log get "$rows"))"
	row 'bulk: pgcrypto / get_many' "$(calc / "$pgp" "$many" 0)" x '' '' \
		"pgp_sym_decrypt takes $pgp us a row ($PGP_BULK rows)"
}

# Count the worker's transactions that hold records of the last nine thousand secrets of get_many.
commits_of_bulk()
{
	echo "SELECT count(DISTINCT xid) FROM (SELECT xid FROM vault_data.audit_log
			WHERE operation = 'get_many' ORDER BY id DESC LIMIT 9000) r" |
		instance_psql "$BASE" "$DATABASE" -At
}

bulk_thousand()
{
	local mode ms commits many one
	for mode in queued durable; do
		audit_mode $mode
		sql get_many_$mode.log bench_app get_many_1000.sql
	done
	commits=$(commits_of_bulk)
	ms=$(times get_many_durable.log get_many)
	read -r many one < <(awk '
		$1 == "sleeps" { getline; v[n++] = $1 }
		END { print v[1] - v[0] - 1, v[3] - v[2] - 1 }' "$LOGS/get_many_durable.log")
	row 'get_many of 1,000, durable: a call' "$(calc / "$ms" 9)" ms '' '' \
		"$(calc / "$(times get_many_queued.log get_many)" 9) ms if queued;" \
		'nine calls in one statement'
	row 'get_many of 1,000, durable: waits / those of one get' \
		"$(calc / "$many" "$one" 1)" x '<=' 1.5 \
		"the backend slept $many times in nine calls, and $one times in nine of one secret;" \
		"the worker committed $commits times"
}
