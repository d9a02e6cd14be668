# shellcheck shell=bash disable=SC2154
# Run SQL and pgbench on the instance of bench/run, choose the cores of server and client, and
# compute figures from the logs. Sourced by bench/run, which sets BASE, OUT, LOGS, DATABASE and the
# sizes.
#
# It guards the comparability of two figures. The scripts of one pgbench run are mixed transaction
# by transaction, or take turns. Of latencies the lowest and the highest tenth are dropped. A ratio
# of turns is taken within each turn.

# server_run LOG COMMAND...: run it as the server's user, beside the scripts; a signal to this
# script ends the command at once
server_run()
{
	local log=$1
	shift
	run_logged "$LOGS/$log" as_server_in "$OUT" "$@"
}

# sql LOG ROLE FILE [psql argument...]: run a file of SQL
sql()
{
	local log=$1 role=$2 file=$3
	shift 3
	server_run "$log" "$(pg_bin)/psql" -X -q -v ON_ERROR_STOP=1 -h "$(instance_socket "$BASE")" \
		-p "$SOCKET_PORT" -U "$role" -d "$DATABASE" -v first="$FIRST" -v last="$LAST" \
		-v pgp_rows="$PGP_ROWS" -v audit_rows="$AUDIT_ROWS" -v decisions="$DECISIONS" \
		"$@" -f "$file" || die "$file failed"
}

# audit_mode durable|queued: set it for the sessions that start from now on
audit_mode()
{
	echo "ALTER DATABASE $DATABASE SET vault.audit_mode = $1" | instance_psql "$BASE" "$DATABASE"
}

# backend_pid CONDITION: print the number of one process that pg_stat_activity has
backend_pid()
{
	echo "SELECT pid FROM pg_stat_activity WHERE $1 LIMIT 1" | instance_psql "$BASE" "$DATABASE" -At
}

# bench NAME CLIENTS SECONDS SCRIPT...: run the scripts mixed, as BENCH_USER; each transaction is in
# the log, the summary in NAME.log
bench()
{
	local name=$1 clients=$2 seconds=$3 threads script args=()
	shift 3
	for script in "$@"; do
		args+=(-f "$script.sql")
	done
	threads=$((clients < 2 ? 1 : 2))
	server_run "$name.log" ${PIN[@]+"${PIN[@]}"} "$(pg_bin)/pgbench" -n -M prepared \
		-c "$clients" -j "$threads" -T "$seconds" -l --log-prefix="$name" \
		-D first="$FIRST" -D last="$LAST" -D pgp_rows="$PGP_ROWS" "${args[@]}" \
		-h "$(instance_socket "$BASE")" -p "$SOCKET_PORT" -U "${BENCH_USER:-bench_app}" \
		"$DATABASE" ||
		die "pgbench failed"
	! grep -q 'aborted' "$LOGS/$name.log" ||
		die "a client of pgbench was aborted, see $LOGS/$name.log"
}

# turns NAME CLIENTS SCRIPT...: run each script alone, in turns
turns()
{
	local name=$1 clients=$2 turn script
	shift 2
	for ((turn = 1; turn <= TURNS; turn++)); do
		for script in "$@"; do
			bench "turn_${name}_${script}_$turn" "$clients" "$TURN" "$script"
		done
	done
}

# ---- cores ----

ALL_CORES=$(taskset -pc $$ | sed 's/.*: //')
PIN=()

postmaster_cores()
{
	local pid
	pid=$(as_server head -n 1 "$BASE/data/postmaster.pid")
	as_server taskset -pc "$1" "$pid" >/dev/null
}

pin()
{
	local core
	core=${ALL_CORES##*[-,]}
	postmaster_cores "$core"
	PIN=(taskset -c "$core")
}

unpin()
{
	postmaster_cores "$ALL_CORES"
	PIN=()
}

# worker_core other|same|any: let the worker "vault audit" run on another core than that of pin, on
# the same, or on any
worker_core()
{
	local cores=$ALL_CORES pid
	case $1 in
		other) cores=${ALL_CORES%%[-,]*} ;;
		same) cores=${ALL_CORES##*[-,]} ;;
	esac
	pid=$(backend_pid "backend_type = 'vault audit'")
	as_server taskset -pc "$cores" "$pid" >/dev/null
}

# ---- the workers ----

ticks()
{
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# Wait until the sealer is idle: it lags some seconds behind the reads, and would be measured with
# the next thing.
await_sealed()
{
	local pid before
	pid=$(backend_pid "backend_type = 'vault sealer'")
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
		before=$(ticks "$pid")
		sleep 5.5
		[ $(($(ticks "$pid") - before)) -gt 5 ] || return 0
	done
	say "the sealer is still busy"
}

# ---- figures ----

median()
{
	sort -n | awk '
		{ v[NR] = $1 }
		END {
			if (!NR) exit 1
			print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
		}'
}

calc()
{
	awk -v a="$2" -v b="$3" "BEGIN { printf \"%.${4:-2}f\", a $1 b }"
}

# latency NAME SCRIPT_NUMBER: print the trimmed mean in microseconds
latency()
{
	as_server sh -c 'cat "$1".*' sh "$OUT/$1" |
		awk -v s="$2" 'NF >= 6 && $4 == s { print $3 }' | sort -n | awk '
		{ v[NR] = $1 }
		END {
			cut = int(NR / 10)
			for (i = cut + 1; i <= NR - cut; i++) sum += v[i]
			if (NR < 50) exit 1
			printf "%.1f\n", sum / (NR - 2 * cut)
		}' || die "too few transactions of script $2 in $1"
}

# throughput NAME: print it from pgbench's summary, without the time to connect
throughput()
{
	sed -n 's/^tps = \([0-9.]*\) .*/\1/p' "$LOGS/$1.log"
}

# Print the speed of A as a part of B's: latencies of one client, mixed on one core.
speed()
{
	calc / "$(latency "$1" 1)" "$(latency "$1" 0)"
}

latencies()
{
	echo "$(latency "$1" 0) / $(latency "$1" 1) us, mixed, one core"
}

# turn_ratio NAME A B: print the median of the ratios within each turn, so that a change of the
# machine's speed between turns is in none of them
turn_ratio()
{
	local turn
	for ((turn = 1; turn <= TURNS; turn++)); do
		echo "$(calc / "$(throughput "turn_$1_$2_$turn")" "$(throughput "turn_$1_$3_$turn")" 4)"
	done | median | awk '{ printf "%.2f", $1 }'
}

turn_medians()
{
	local name=$1 script turn list=()
	shift
	for script in "$@"; do
		list+=("$(for ((turn = 1; turn <= TURNS; turn++)); do
			throughput "turn_${name}_${script}_$turn"
		done | median | sed 's/\..*//')")
	done
	(IFS=/ && echo "${list[*]} a second, median of $TURNS turns")
}

# ---- statements that psql times ----

# times LOG LABEL: print the milliseconds that psql gives for the statements under a label
times()
{
	awk -v l="$2" '
		$1 == l && NF == 1 { on = 1; next }
		on && /^Time:/ { print $2; on = 0 }' "$LOGS/$1"
}

# bulk_script ROUNDS LABEL STATEMENT...: print a script with each statement once unmeasured, then
# with all of them in turn
bulk_script()
{
	local rounds=$1 round i statements=()
	shift
	statements=("$@")
	for ((round = 0; round <= rounds; round++)); do
		for ((i = 0; i < ${#statements[@]}; i += 2)); do
			[ "$round" -eq 0 ] || printf '\\echo %s\n' "${statements[i]}"
			printf '\\timing on\n%s;\n\\timing off\n' "${statements[i + 1]}"
		done
	done
}

# each LOG LABEL ROWS: print the microseconds a row, in the fastest round: one session computes, and
# load can only add to it
each()
{
	calc '*1000/' "$(times "$1" "$2" | sort -n | head -n 1)" "$3"
}

each_median()
{
	calc '*1000/' "$(times "$1" "$2" | median)" "$3"
}
