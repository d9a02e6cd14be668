# shellcheck shell=bash disable=SC2034
# Know the supported systems and servers, and choose the server. Sourced, never run.
#
# It guards that nothing is installed or built for a system or a server that vault does not support:
# check_release and check_postgres end the script with one line that names the remedy.
#
# PG_CONFIG names the server; else PG_MAJOR chooses among those of Debian's packages; else it is the
# release's own if that is there or can be installed, else the newest that is there.

# Debian's releases, in its order. Sid calls itself by the name of the release to come.
#	name	Debian	PostgreSQL	clang
RELEASES='
	bookworm	12	15	14
	trixie		13	17	19
	forky		14	18	21'

# The first minor of each major without known row-security defects, as in src/platform/compat.h
MINIMUMS='15.19 16.15 17.11 18.5 19.0'

# The system, and for tests of the scripts a directory that looks like one
SYSTEM=${VAULT_SYSTEM:-}

refuse()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# release_field RELEASE debian|postgres|clang: nothing for a release that is not in the table
release_field()
{
	awk -v release="$1" -v field="$2" '
		BEGIN { column["debian"] = 2; column["postgres"] = 3; column["clang"] = 4 }
		$1 == release { print $column[field] }' <<<"$RELEASES"
}

release_names()
{
	awk 'NF { print $1 }' <<<"$RELEASES" | paste -s -d ' '
}

# os_field NAME: of the system's own description
os_field()
{
	[ -r "$SYSTEM/etc/os-release" ] || return 0
	sed -n "s/^$1=//p" "$SYSTEM/etc/os-release" | tr -d '"' | head -n 1
}

# The name of this release, nothing on another distribution
release_here()
{
	[ "$(os_field ID)" != debian ] || os_field VERSION_CODENAME
}

# minimum_of MAJOR: its first minor that is good, nothing for a major that is not supported
minimum_of()
{
	local version
	for version in $MINIMUMS; do
		[ "${version%.*}" != "$1" ] || echo "$version"
	done
}

debian_pg_config()
{
	echo "$SYSTEM/usr/lib/postgresql/$1/bin/pg_config"
}

# The supported majors of Debian's packages that are there, the newest first
majors_here()
{
	local path major
	for path in "$SYSTEM"/usr/lib/postgresql/*/bin/pg_config; do
		major=${path%/bin/pg_config}
		major=${major##*/}
		[ ! -x "$path" ] || [ -z "$(minimum_of "$major")" ] || echo "$major"
	done | sort -rn
}

# Before the first `apt-get update` apt knows nothing, and everything counts as installable.
can_be_installed()
{
	compgen -G "$SYSTEM/var/lib/apt/lists/*_Packages*" >/dev/null || return 0
	LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

# choose_major: print the major that is taken if the caller names none
choose_major()
{
	local own here
	own=$(release_field "$(release_here)" postgres)
	here=$(majors_here)
	if [ -z "$here" ] || grep -qx "${own:-none}" <<<"$here"; then
		echo "$own"
	elif [ -n "$own" ] && can_be_installed "postgresql-server-dev-$own"; then
		echo "$own"
	else
		head -n 1 <<<"$here"
	fi
}

# choose_postgres: sets PG_CONFIG, and PG_CHOICE to a line that says what was taken where there was
# a choice
choose_postgres()
{
	local major here
	PG_CHOICE=
	[ -z "${PG_CONFIG:-}" ] || return 0
	if [ -n "${PG_MAJOR:-}" ]; then
		PG_CONFIG=$(debian_pg_config "$PG_MAJOR")
		return
	fi
	major=$(choose_major)
	PG_CONFIG=$(debian_pg_config "${major:-none}")
	here=$(majors_here | sed "/^${major:-none}\$/d" | paste -s -d ' ')
	[ -z "$here" ] ||
		PG_CHOICE="taking PostgreSQL $major; also there: $here (PG_MAJOR=${here%% *} takes it)"
}

# The major if PG_CONFIG is of Debian's packages, installed or not yet
debian_major()
{
	local bin=${PG_CONFIG%/pg_config}
	[ ! -x "$PG_CONFIG" ] || bin=$("$PG_CONFIG" --bindir)
	[[ $bin =~ ^"$SYSTEM"/usr/lib/postgresql/([0-9]+)/bin$ ]] && echo "${BASH_REMATCH[1]}"
}

# ---- supported systems and servers ----

check_release()
{
	[ -z "$(release_field "$(release_here)" debian)" ] || return 0
	refuse "this is $(os_field PRETTY_NAME)," \
		"and the scripts know Debian's $(release_names | sed 's/ /, /g');" \
		"elsewhere install what README.md names, set PG_CONFIG, and VAULT_BOOTSTRAP=no"
}

# server_version: sets SERVER_MAJOR and SERVER_MINOR of PG_CONFIG's server. The minor is empty of
# one that is not released yet, and of one of Debian's that is not installed yet.
server_version()
{
	SERVER_MAJOR=$(debian_major) || SERVER_MAJOR=
	SERVER_MINOR=
	if [ -x "$PG_CONFIG" ]; then
		[[ $("$PG_CONFIG" --version) =~ ^PostgreSQL\ ([0-9]+)(\.([0-9]+))? ]] ||
			refuse "$PG_CONFIG does not say which PostgreSQL it belongs to"
		SERVER_MAJOR=${BASH_REMATCH[1]}
		SERVER_MINOR=${BASH_REMATCH[3]:-}
	fi
	[ -n "$SERVER_MAJOR" ] ||
		refuse "there is no program $PG_CONFIG; PG_CONFIG is the path of a server's pg_config"
}

# check_postgres: that the server of PG_CONFIG is one that vault runs on. Of Debian's, a minor that
# is too old is upgraded, and one that is not there is installed.
check_postgres()
{
	local minimum
	server_version
	minimum=$(minimum_of "$SERVER_MAJOR")
	[ -n "$minimum" ] ||
		refuse "vault supports PostgreSQL ${MINIMUMS%%.*} to $(newest_major), and this is" \
			"$SERVER_MAJOR ($PG_CONFIG)"
	! debian_major >/dev/null || return 0
	[ "${minimum#*.}" -gt 0 ] || return 0	# its candidates for release too
	[ "${SERVER_MINOR:--1}" -ge "${minimum#*.}" ] ||
		refuse "PostgreSQL $SERVER_MAJOR.${SERVER_MINOR:-0} has row-security defects;" \
			"vault needs $minimum or later ($PG_CONFIG)"
}

newest_major()
{
	local newest=${MINIMUMS##* }
	echo "${newest%.*}"
}
