# shellcheck shell=bash disable=SC2154
# Measure puts of new secrets and of new versions beside the two rows that an application would
# write by hand.
#
# It guards the cost of a write.

# Take latencies with one client, whose throughput is their inverse, and turns with eight.
puts()
{
	local kind plain one=(put_version put_new pair pair_one) value=() n how
	say "put"
	pin
	bench put_1 1 "$MIXED_PUT" "${one[@]}"
	PIN=(env PGOPTIONS='-c synchronous_commit=off' "${PIN[@]}")
	bench put_cpu 1 "$((MIXED_PUT / 2))" "${one[@]}"
	unpin
	for n in 0 1 2 3; do
		value[n]=$(latency put_1 $n)
	done
	how="$(IFS=/ && echo "${value[*]}") us for new version/new secret/pair/in one call,"
	how+=' mixed, one core'
	row 'put, 1 client: new version / pair' \
		"$(calc / "${value[2]}" "${value[0]}")" x '>=' 0.8 "$how"
	row 'put, 1 client: new version / pair in one call' \
		"$(calc / "${value[3]}" "${value[0]}")" x '>=' 0.8 "$how"
	row 'put, 1 client: new secret / pair' \
		"$(calc / "${value[2]}" "${value[1]}")" x '>=' 0.8 "$how"
	row 'put, 1 client: new secret / pair in one call' \
		"$(calc / "${value[3]}" "${value[1]}")" x '>=' 0.8 "$how"
	row 'put, 1 client: the same, no wait for the disk' \
		"$(calc / "$(latency put_cpu 3)" "$(latency put_cpu 1)")" x '' '' \
		"$(latency put_cpu 1) / $(latency put_cpu 3) us, synchronous_commit off:" \
		'what is left of a ratio on a fast disk'
	turns put 8 "${one[@]}"
	how=$(turn_medians put "${one[@]}")
	for kind in version new; do
		for plain in pair pair_one; do
			row "put, 8 clients: new ${kind/new/secret} / ${plain/_one/ in one call}" \
				"$(turn_ratio put put_$kind $plain)" x '>=' 0.8 "$how"
		done
	done
}
