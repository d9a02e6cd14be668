# shellcheck shell=bash disable=SC2154
# Measure loading and the disk: puts without statistics, puts in one statement, one synchronous
# write.
#
# It guards against a put that gets slower with the number of secrets.

load()
{
	local first third rest ms
	say "loading $SECRETS secrets"
	sql setup.log postgres setup.sql
	sql load_first.log postgres load_first.sql
	first=$(times load_first.log first)
	third=$(times load_first.log third)
	sql load.log postgres load.sql
	ms=$(times load.log load)
	rest=$((SECRETS - 3000))
	row 'load: third 1,000 puts / first 1,000' "$(calc / "$third" "$first")" x '<=' 1.5 \
		"$first ms, then $third ms; one session, no statistics yet"
	row 'load: seconds for all in one statement' "$(calc / "$ms" 1000 1)" s '' '' \
		"$rest puts, $(calc '*1000/' "$ms" "$rest" 0) us each"
}

measure_fsync()
{
	local file=$BASE/data/fsync.probe seconds
	as_server dd if=/dev/zero of="$file" bs=8k count="$FSYNCS" conv=fsync 2>/dev/null
	seconds=$(as_server dd if=/dev/zero of="$file" bs=8k count="$FSYNCS" \
		conv=notrunc oflag=dsync 2>&1 |
		sed -n 's/.*copied, \([0-9.e-]*\) s.*/\1/p')
	as_server rm -f "$file"
	row 'disk: one synchronous 8 kB write' "$(calc '*1000000/' "$seconds" "$FSYNCS" 0)" us '' '' \
		"dd oflag=dsync, $FSYNCS writes, $(df --output=fstype "$BASE" | tail -n 1)"
}
