# shellcheck shell=bash
# Make and run root directories of Debian's releases, with mmdebstrap. Sourced after common.sh, by
# script/in-root.
#
# A root directory is kept packed in VAULT_ROOTS (/var/cache/vault-roots), and unpacked for each
# run. Its name has the release and a hash of the list of packages and of the month. So it is made
# anew when the list changes, and each month for the updates. Packages that were downloaded stay in
# VAULT_ROOTS too. They come from the mirror that this machine's own package sources name, or from
# VAULT_MIRROR, and are checked against Debian's keys; how apt reaches it (proxies, certificates) is
# taken from this machine's settings.

ROOTS=${VAULT_ROOTS:-/var/cache/vault-roots}
ROOT_FORMAT=1		# raised when the same packages make another root
ROOT_USER=1000		# the ordinary user in it, `tester`, and his group
ROOT_SECONDS=${VAULT_ROOT_TIMEOUT:-1800}	# for making one
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# Variables of the caller's environment that a command in a root directory sees
ROOT_ENVIRONMENT=(TERM CI COPT TESTS http_proxy https_proxy no_proxy PG_MAJOR VAULT_FUZZ_SECONDS \
	VAULT_SOAK VAULT_TEST_JOBS
	VAULT_TAP_TIMEOUT VAULT_DEADLINE)

no_root()
{
	echo "in-root: no root directory of $RELEASE: $*" >&2
	exit 77
}

root_packages()
{
	echo sudo
	echo ca-certificates
	[ "$1" = bare ] || "$VAULT_ROOT/script/bootstrap" --packages "$RELEASE" test
}

# root_find_or_make RELEASE test|bare: sets ROOT_PACKED
root_find_or_make()
{
	local packages hash
	packages=$(root_packages "$2" | sort -u | paste -s -d ,)
	hash=$(echo "$packages $(date +%Y-%m) $ROOT_FORMAT" | sha256sum | cut -c 1-16)
	ROOT_PACKED=$ROOTS/$1-$hash.tar.zst
	mkdir -p "$ROOTS" 2>/dev/null || no_root "$ROOTS cannot be written"
	root_remove_stale
	[ ! -e "$ROOT_PACKED" ] || return 0
	exec 7>"$ROOTS/$1.lock"
	flock 7
	[ -e "$ROOT_PACKED" ] || root_make "$1" "$packages"
	exec 7>&-
}

root_make()
{
	local release=$1 packages=$2 log=$ROOTS/$1.log began=$SECONDS
	"$VAULT_ROOT/script/bootstrap" root 7>&- || no_root "mmdebstrap is not there"
	root_sources "$release"
	[ "${#SOURCES[@]}" -gt 0 ] ||
		no_root "the package sources of this machine name no mirror of Debian (VAULT_MIRROR does)"
	say "making a root directory of $release; it takes some minutes" >&2
	root_hooks "$release"
	if ! run_captured "$log" timeout -k 30 "$ROOT_SECONDS" mmdebstrap --mode=root \
		--variant=minbase --format=tar \
		--keyring="$KEYRING" --include="$packages" --dpkgopt=force-unsafe-io \
		--dpkgopt=path-exclude=/usr/share/locale/* \
		--dpkgopt=path-exclude=/usr/share/doc/* "${APT_OPTIONS[@]}" "${HOOKS[@]}" \
		"$release" "$ROOT_PACKED.tar" "${SOURCES[@]}" 7>&-; then
		rm -f "$ROOT_PACKED.tar"
		tail -n 10 "$log" | sed 's/^/    /' >&2
		no_root "mmdebstrap failed ($log)"
	fi
	zstd -q -3 -T0 -f "$ROOT_PACKED.tar" -o "$ROOT_PACKED.new"
	rm -f "$ROOT_PACKED.tar"
	mv "$ROOT_PACKED.new" "$ROOT_PACKED"
	find "$ROOTS" -maxdepth 1 -name "$release-*.tar.zst" -mtime +62 -delete
	say "made it in $((SECONDS - began)) s" >&2
}

# SOURCES: the lines of this machine's sources that are Debian's own, for another release.
# APT_OPTIONS: how it fetches.
root_sources()
{
	local release=$1 here uri suite rest name
	here=$(release_here)
	SOURCES=() APT_OPTIONS=()
	if [ -n "${VAULT_MIRROR:-}" ]; then
		SOURCES=("deb $VAULT_MIRROR $release main")
	else
		while read -r uri suite rest; do
			case $suite in
				"$here" | "$here-updates" | "$here-security")
					SOURCES+=("deb $uri $release${suite#"$here"} main")
					;;
			esac
		done < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
			'Created-By: Packages' |
			awk '$3 == "main"' | sort -u)
	fi
	while read -r name rest; do
		case $name in
			Acquire::http::* | Acquire::https::* | Acquire::Retries | Acquire::Check-Valid-Until)
				APT_OPTIONS+=(--aptopt="$name ${rest%;}")
				;;
		esac
	done < <(apt-config dump)
}

# Set the hooks: no package creates a cluster, downloads are kept, and there is a user who may use
# sudo.
root_hooks()
{
	local debs=$ROOTS/debs-$1 clusters=/etc/postgresql-common/createcluster.d
	mkdir -p "$debs"
	# shellcheck disable=SC2016
	HOOKS=(--skip=download/empty --skip=essential/unlink
		--setup-hook='mkdir -p "$1/var/cache/apt/archives" "$1'"$clusters"'"'
		--setup-hook="sync-in '$debs' /var/cache/apt/archives"
		--setup-hook='echo create_main_cluster = false >"$1'"$clusters"'/none.conf"'
		--customize-hook='chroot "$1" useradd -m -u '"$ROOT_USER"' -s /bin/bash tester'
		--customize-hook='echo "tester ALL=(ALL) NOPASSWD: ALL" >"$1/etc/sudoers.d/tester"'
		--customize-hook='chroot "$1" apt-get -q autoclean'
		--customize-hook="rm -rf '$debs' && mkdir '$debs'"
		--customize-hook="sync-out /var/cache/apt/archives '$debs'"
		--customize-hook='chroot "$1" apt-get clean')
}

# ---- one run ----

root_unpack()
{
	RUN=$(mktemp -d "$ROOTS/run.$$.XXXXXX")
	chmod 0755 "$RUN"
	tar -C "$RUN" --numeric-owner -I zstd -xf "$ROOT_PACKED"
	printf '127.0.0.1 localhost %s\n::1 localhost\n' "$(hostname)" >"$RUN/etc/hosts"
	cp -L /etc/resolv.conf "$RUN/etc/resolv.conf" 2>/dev/null || true
}

# Nothing is mounted in it here: the mounts were those of the command's own namespace.
root_remove()
{
	case $1 in
		"$ROOTS"/run.*) rm -rf --one-file-system -- "$1" ;;
	esac
}

# Remove the leftovers of runs that were killed.
root_remove_stale()
{
	local dir pid
	for dir in "$ROOTS"/run.*; do
		pid=${dir#"$ROOTS"/run.}
		pid=${pid%%.*}
		[ ! -d "$dir" ] || [ -e "/proc/$pid" ] || root_remove "$dir"
	done
}

# root_run root|user COMMAND...: in namespaces of its own, whose end is the end of every process in
# them
root_run()
{
	local as=$1 rc=0
	shift
	setpriv --pdeathsig KILL unshare --mount --pid --ipc --uts --fork --kill-child --propagation \
		private -- \
		bash -c '. "$1"; shift; root_inside "$@"' bash "$VAULT_ROOT/script/lib/root.sh" "$RUN" \
		"$as" "$@" &
	INSIDE=$!
	wait "$INSIDE" || rc=$?
	INSIDE=
	return "$rc"
}

# The first process in there: it mounts, starts the command, and waits for it and for whatever else
# ends.
root_inside()
{
	local root=$1 as=$2 name pass=() user=root home=/root
	shift 2
	set -euo pipefail
	root_mount "$root"
	for name in "${ROOT_ENVIRONMENT[@]}"; do
		[ -z "${!name+set}" ] || pass+=("$name=${!name}")
	done
	if [ "$as" = user ]; then
		user=tester home=/home/tester
	fi
	chroot "$root" setpriv --reuid="$user" --regid="$(chroot "$root" id -g "$user")" --init-groups \
		-- \
		env -i -C /src/vault PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME="$home" USER="$user" \
		LOGNAME="$user" LANG=C.UTF-8 "${pass[@]}" "$@" </dev/null
}

root_mount()
{
	local root=$1 name
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
	for name in null zero full random urandom tty; do
		: >"$root/dev/$name"
		mount --bind "/dev/$name" "$root/dev/$name"
	done
	ln -s /proc/self/fd "$root/dev/fd"
	ln -s /proc/self/fd/0 "$root/dev/stdin"
	ln -s /proc/self/fd/1 "$root/dev/stdout"
	ln -s /proc/self/fd/2 "$root/dev/stderr"
	mkdir "$root/dev/pts" "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
}
