# shellcheck shell=bash disable=SC2154
# Say where the time goes: perf on the backend and on the worker "vault audit", into
# RESULTS/profile.txt.

# watch NAME CONDITION: run perf on the process of pg_stat_activity that pgbench keeps busy
watch()
{
	local pid
	sleep 2
	pid=$(backend_pid "$2")
	perf record -q -F 2000 --call-graph fp -o "$LOGS/$1.perf" -p "$pid" -- sleep 4
}

# profile_one NAME SCRIPT [CONDITION]: profile a process, by default the one backend of bench_app
profile_one()
{
	local name=$1 script=$2 watcher how
	watch "$name" "${3:-usename = 'bench_app'}" >"$LOGS/perf.log" 2>&1 9>&- &
	watcher=$!
	bench "profile_$name" 1 8 "$script"
	wait "$watcher" || die "perf cannot watch the server: $(tail -n 1 "$LOGS/perf.log")"
	for how in '--no-children --sort dso' '--no-children --sort dso,sym' \
		'--children --sort dso,sym'; do
		echo "== $name: $how"
		# shellcheck disable=SC2086
		perf report -i "$LOGS/$name.perf" $how -g none --stdio 2>/dev/null |
			awk '/^#|^$/ { next } n++ < 40'
		echo
	done >>"$RESULTS/profile.txt"
	rm -f "$LOGS/$name.perf"
}

profile()
{
	say "profile"
	: >"$RESULTS/profile.txt"
	echo "SELECT count(value) FROM vault.get_many('**');" |
		as_server sh -c 'cat >"$1"' sh "$OUT/get_many.sql"
	audit_mode queued
	profile_one get get
	profile_one worker get "backend_type = 'vault audit'"
	profile_one get_many get_many
	audit_mode durable
	profile_one put put_version
	say "profiles are in ${RESULTS#"$VAULT_ROOT"/}/profile.txt"
}
