# shellcheck shell=bash disable=SC2154
# Measure the room that a read takes in the audit trail and in the WAL, seals included.
#
# It guards the cost of keeping the trail for years.

# Print the bytes of the trail's tables with their indexes, and the position of the WAL.
trail_bytes()
{
	echo "SELECT sum(pg_total_relation_size(oid)), pg_current_wal_insert_lsn() - '0/0'
		FROM pg_class WHERE relnamespace = 'vault_data'::regnamespace AND relkind = 'r'
			AND relname LIKE 'audit\\_%'" |
		instance_psql "$BASE" "$DATABASE" -At -F ' '
}

# size_of LABEL READS STATEMENT: run the statement, which makes so many reads, and add its rows. The
# records of the time before it are sealed before it begins, and its own before it is measured.
size_of()
{
	local table wal table_after wal_after how
	await_sealed
	read -r table wal < <(trail_bytes)
	echo "$3;" | as_server sh -c 'cat >"$1"' sh "$OUT/size.sql"
	sql size.log bench_app size.sql
	await_sealed
	read -r table_after wal_after < <(trail_bytes)
	how="$2 reads, indexes and seals included"
	row "room: trail, $1" "$(calc / $((table_after - table)) "$2" 0)" B '' '' "$how"
	row "room: WAL, $1" "$(calc / $((wal_after - wal)) "$2" 0)" B '' '' \
		"$how, without a checkpoint meanwhile"
}

sizes()
{
	local n=$SIZE_ROUNDS
	say "room"
	audit_mode queued
	size_of 'a single read' $((n * SECRETS)) \
		"SELECT count(vault.get(name)) FROM names, generate_series(1, $n)"
	size_of 'one read of get_many' $((n * SECRETS)) \
		"SELECT count(value) FROM generate_series(1, $n), vault.get_many('**')"
}
