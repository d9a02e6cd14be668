# shellcheck shell=bash disable=SC2154
# Measure the slowest reads: of eight clients beside those of a plain SELECT, and of one tenant
# while another reads in bulk.
#
# It guards the one call in a hundred or a thousand that a mean hides, and one tenant from another.

# percentile PATTERN P: print the microseconds that P per cent of the transactions of the logs did
# not exceed
percentile()
{
	as_server sh -c 'cd "$1" && cat $2' sh "$OUT" "$1" | awk 'NF >= 6 { print $3 }' | sort -n |
		awk -v p="$2" '{ v[NR] = $1 } END { i = int(NR * p / 100 + 0.5); print v[i < 1 ? 1 : i] }'
}

percentiles()
{
	echo "$(percentile "$1" 50) / $(percentile "$1" 99) / $(percentile "$1" 99.9)"
}

# The logs of the turns that measured the throughput of eight clients have the latencies too.
slowest_of_eight()
{
	local p get='turn_queued_get_[0-9]*' plain='turn_queued_get_plain_*'
	for p in 50 99 99.9; do
		row "read, queued, 8 clients: p$p, get / SELECT" \
			"$(calc / "$(percentile "$get" "$p")" "$(percentile "$plain" "$p")")" x '' '' \
			"p50 / p99 / p99.9: $(percentiles "$get") us, $(percentiles "$plain") us"
	done
}

# flood NAME ROLE SQL: run the statement over and over in FLOOD sessions while one session of
# another tenant reads, and leave the latencies of that one in logs of the name
flood()
{
	local flood
	printf '%s;\n' "$3" | as_server sh -c 'cat >"$1"' sh "$OUT/flood.sql"
	as_server_in "$OUT" "$(pg_bin)/pgbench" -n -c "$FLOOD" -j 2 -T $((FLOOD_SECONDS + 4)) \
		-f flood.sql -h "$(instance_socket "$BASE")" -p "$SOCKET_PORT" -U "$2" "$DATABASE" \
		>"$LOGS/flood_$1.log" 2>&1 9>&- &
	flood=$!
	sleep 2
	BENCH_USER=bench_other bench "$1" 1 "$FLOOD_SECONDS" get_other
	wait "$flood" || say "some of the $FLOOD sessions ended early, see $LOGS/flood_$1.log"
}

slowest_beside_a_flood()
{
	local quiet plain bulk
	audit_mode queued
	await_sealed
	BENCH_USER=bench_other bench quiet 1 "$FLOOD_SECONDS" get_other
	flood plain bench_app "SELECT count(md5(i::text)) FROM generate_series(1, 20000) i"
	await_sealed
	flood bulk bench_app "SELECT count(value) FROM vault.get_many('apps/app-1000*/*')"
	await_sealed
	quiet=$(percentile 'quiet.*' 99)
	plain=$(percentile 'plain.*' 99)
	bulk=$(percentile 'bulk.*' 99)
	row 'flood: p99 of another tenant beside / alone' "$(calc / "$bulk" "$quiet" 1)" x '<=' 3 \
		"p99 $bulk us beside $FLOOD bulk readers, $quiet us alone"
	row 'flood: the same, sessions without the vault' "$(calc / "$plain" "$quiet" 1)" x '' '' \
		"p99 $plain us beside $FLOOD sessions that compute md5"
}

slowest()
{
	say "the slowest reads"
	slowest_of_eight
	slowest_beside_a_flood
}
