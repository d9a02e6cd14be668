# shellcheck shell=bash disable=SC2154
# Measure reads by name, queued and durable, with 1 and with 8 clients, beside plain tables and
# pgcrypto; what the workers cost in the background; and the same reads after the audit trail has
# grown.
#
# It guards the cost of a read, and that it does not depend on the length of the trail.

# measure_reads NAME: take the three figures that must not depend on the length of the trail; speed
# and turn_ratio print them
measure_reads()
{
	await_sealed
	audit_mode queued
	pin
	worker_core other
	bench "$1_queued" 1 "$MIXED" get get_plain
	await_sealed
	audit_mode durable
	turns "$1_durable_1" 1 get get_hand
	worker_core any
	unpin
	turns "$1_durable" 8 get get_hand
}

queued_reads()
{
	row 'read, queued, 1 client: get / plain SELECT' "$(speed short_queued)" x '>=' 0.9 \
		"$(latencies short_queued), worker on another"
	audit_mode queued
	pin
	worker_core same
	turns one_core 1 get get_plain
	row 'read, queued, 1 client: with the worker' "$(turn_ratio one_core get get_plain)" x '' '' \
		"$(turn_medians one_core get get_plain), worker on the same core"
	worker_core other
	bench read_pgp 1 "$MIXED_PGP" get get_pgp
	row 'read, queued, 1 client: get / pgcrypto' "$(speed read_pgp)" x '' '' "$(latencies read_pgp)"
	worker_core any
	unpin
	turns queued 8 get get_plain
	row 'read, queued, 8 clients: get / plain SELECT' "$(turn_ratio queued get get_plain)" x '' '' \
		"$(turn_medians queued get get_plain)"
}

durable_reads()
{
	row 'read, durable, 1 client: get / by hand' \
		"$(turn_ratio short_durable_1 get get_hand)" x '>=' 0.7 \
		"$(turn_medians short_durable_1 get get_hand), worker on another core"
	audit_mode durable
	pin
	worker_core other
	bench durable_mixed 1 "$MIXED" get get_hand
	row 'read, durable, 1 client: the same, mixed' "$(speed durable_mixed)" x '' '' \
		"$(latencies durable_mixed), worker on another"
	worker_core same
	bench durable_same 1 "$MIXED" get get_hand
	row 'read, durable, 1 client: the same, mixed' "$(speed durable_same)" x '' '' \
		"$(latencies durable_same), worker on the same"
	worker_core any
	unpin
	row 'read, durable, 8 clients: get / by hand' \
		"$(turn_ratio short_durable get get_hand)" x '>=' 1.2 \
		"$(turn_medians short_durable get get_hand)"
}

reads()
{
	say "read by name"
	measure_reads short
	queued_reads
	durable_reads
}

# Measure the background: processor time of the workers for each read, of all secrets one by one.
background()
{
	local name pid busy log
	audit_mode queued
	await_sealed
	for name in audit sealer; do
		pid=$(backend_pid "backend_type = 'vault $name'")
		printf -v "pid_$name" %s "$pid"
		printf -v "busy_$name" %s "$(ticks "$pid")"
	done
	echo 'SELECT count(vault.get(name)) FROM names;' | as_server sh -c 'cat >"$1"' sh "$OUT/all.sql"
	sql all.log bench_app all.sql
	await_sealed
	for name in audit sealer; do
		pid=pid_$name busy=busy_$name
		log=$(calc '*1000000/100/' $(($(ticks "${!pid}") - ${!busy})) "$SECRETS" 1)
		row "background: the worker \"vault $name\", each read" "$log" us '' '' \
			"of processor time; $SECRETS reads, each of another secret"
	done
}

# Take the same figures after the trail has grown, each as a part of its former value.
flat()
{
	local name clients before after
	say "a trail of $AUDIT_ROWS rows more"
	sql audit_rows.log postgres audit_rows.sql
	measure_reads long
	row 'trail: rows loaded' "$AUDIT_ROWS" '' '' '' \
		"in $(calc '/1000/' "$(times audit_rows.log audit_rows)" 1 0) s"
	row 'long trail, queued, 1 client: after / before' \
		"$(calc / "$(speed long_queued)" "$(speed short_queued)")" x '>=' 0.9 \
		"$(speed long_queued) after, $(speed short_queued) before; $(latencies long_queued)"
	for name in durable_1 durable; do
		clients='1 client'
		[ "$name" != durable ] || clients='8 clients'
		before=$(turn_ratio "short_$name" get get_hand)
		after=$(turn_ratio "long_$name" get get_hand)
		row "long trail, durable, $clients: after / before" \
			"$(calc / "$after" "$before")" x '>=' 0.9 \
			"$after after; $(turn_medians "long_$name" get get_hand)"
	done
}
