# shellcheck shell=bash disable=SC2154
# Measure views of an auditor before and after two thousand tenants were created.
#
# It guards against a view whose cost is rows times tenants.

VIEWS=(audit principals grants)

# views NAME: run each view with the rows of the tenants that there were before
views()
{
	local view
	for view in "${VIEWS[@]}"; do
		printf '%s\n' "\\echo $view" '\timing on' \
			"SELECT count(*) FROM vault.$view" \
			"WHERE tenant IN ('bench', 'other')${RECENT[$view]:-};" \
			'\timing off'
	done | as_server sh -c 'cat >"$1"' sh "$OUT/views.sql"
	sql "views_$1.log" bench_auditor views.sql
}

tenants()
{
	local view before after
	declare -A RECENT=([audit]=" AND at > '$(date -u -d '-15 min' '+%F %T+00')'")
	say "$TENANTS tenants"
	await_sealed
	views before
	sql tenants.log postgres tenants.sql -v tenants="$TENANTS"
	await_sealed
	views after
	for view in "${VIEWS[@]}"; do
		before=$(times views_before.log "$view")
		after=$(times views_after.log "$view")
		row "tenants: vault.$view with $TENANTS / with 2" "$(calc / "$after" "$before" 1)" x \
			'<=' 3 "$after ms, $before ms; the rows of two tenants"
	done
	row 'tenants: creating one' \
		"$(calc / "$(times tenants.log create)" "$TENANTS" 1)" ms '' '' "$TENANTS in one statement"
}
