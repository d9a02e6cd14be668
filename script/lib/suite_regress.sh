# shellcheck shell=bash disable=SC2154
# Run pg_regress and pg_isolation_regress, each on an instance of its own. Sourced by script/test.
#
# It guards the count: a test without a result has failed.

# make_server NAME DATABASE: start an instance with vault preloaded and an empty DATABASE that is
# set up as pg_regress would
make_server()
{
	local base=$WORK/$1 db=$2
	run_logged "$LOGS/$1-initdb.log" instance_create "$base" 0700 || return 1
	instance_preload "$base" "$db" &&
		instance_conf "$base" 'fsync = off' 'full_page_writes = off' \
		'max_prepared_transactions = 4' \
			"log_line_prefix = '%m %b[%p] %q%a '" 'timezone_abbreviations = Default' &&
		instance_create_database "$base" "$db" &&
		instance_start "$base" || return 1
	regress_settings "$db" | instance_psql "$base" "$db"
}

regress_settings()
{
	local setting
	for setting in "lc_messages TO 'C'" "lc_monetary TO 'C'" "lc_numeric TO 'C'" "lc_time TO 'C'" \
		"bytea_output TO 'hex'" "timezone_abbreviations TO 'Default'"; do
		echo "ALTER DATABASE $1 SET $setting;"
	done
}

# run_pg_regress SUITE PROGRAM DATABASE INPUTDIR TEST...
run_pg_regress()
{
	local suite=$1 program=$2 db=$3 input=$4 base=$WORK/$1
	shift 4
	local bad=$FAILED
	server_dir 0700 "$base/out"
	run_captured "$LOGS/$suite.log" as_server_in "$base/out" timeout -k 30 "$SUITE_TIMEOUT" \
		"$program" --bindir="$(pg_bin)" \
		--dlpath="$("$PG_CONFIG" --pkglibdir)" --inputdir="$input" --outputdir="$base/out" \
		--host="$(instance_socket "$base")" --port="$SOCKET_PORT" --user=postgres \
		--use-existing --dbname="$db" "$@" || true
	count_regress "$suite" "$@"
	keep_log "$base/out/regression.diffs" "$suite.diffs"
	keep_log "$base/server.log" "$suite-server.log"
	if [ "$FAILED" -gt "$bad" ]; then
		if [ -s "$LOGS/$suite.diffs" ]; then
			show "$LOGS/$suite.diffs"
		else
			tail -n 20 "$LOGS/$suite.log" | sed 's/^/      | /'
		fi
	fi
	instance_remove "$base"
}

# Count the results: PostgreSQL 15 writes "test NAME ... ok", later ones TAP. A test without a
# result failed.
count_regress()
{
	local suite=$1 name
	shift
	for name in "$@"; do
		if grep -qE "^(test +$name +\.\.\. ok|ok [0-9]+ +[-+] $name )" "$LOGS/$suite.log"; then
			pass "$suite/$name"
		else
			fail "$suite/$name"
		fi
	done
}

regress_names()
{
	local name
	if [ -z "${TESTS:-}" ]; then
		make -C "$VAULT_ROOT" -s print-regress
		return
	fi
	echo install
	for name in $TESTS; do
		[ "$name" = install ] || echo "$name"
	done
}

suite_regress()
{
	local names
	mapfile -t names < <(regress_names | tr -s ' \n' '\n')
	[ -n "${names[0]:-}" ] || { fail "regress: the Makefile names no tests"; return; }
	make_server regress regression || { fail "regress: no server"; return; }
	run_pg_regress regress "$("$PG_CONFIG" --pkglibdir)/pgxs/src/test/regress/pg_regress" \
		regression \
		"$WORK/input" "${names[@]}"
}

# specs/*.spec, with specs/expected/*.out, in the shape that pg_isolation_regress wants
suite_isolation()
{
	local names base=$WORK/isolation input=$WORK/isolation-input
	mapfile -t names < <(cd "$VAULT_ROOT" && for f in specs/*.spec; do [ ! -e "$f" ] ||
		basename "$f" .spec; done)
	[ "${#names[@]}" -gt 0 ] || { skip "isolation: specs/ is empty"; return; }
	server_dir 0755 "$input"
	as_server ln -sfn "$WORK/input/specs" "$input/specs"
	as_server ln -sfn "$WORK/input/specs/expected" "$input/expected"
	if ! make_server isolation isolation_regression ||
		! create_vault isolation isolation_regression; then
		fail "isolation: no server"
		return
	fi
	run_pg_regress isolation \
		"$("$PG_CONFIG" --pkglibdir)/pgxs/src/test/isolation/pg_isolation_regress" \
		isolation_regression "$input" "${names[@]}"
}

create_vault()
{
	run_logged "$LOGS/$1-create.log" instance_psql "$WORK/$1" "$2" -c 'CREATE EXTENSION pg_cron' \
		-c 'CREATE EXTENSION vault CASCADE' -c "UPDATE cron.job SET schedule = '0 0 31 2 *'" \
		-c 'SELECT vault.init()'
}
