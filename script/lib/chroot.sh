# shellcheck shell=bash
# Systems of Debian in directories, for packages: bare ones of root.sh, unpacked, mounted and left
# as they are until the namespaces end. Sourced after root.sh, by root in mount and process
# namespaces of its own. It never unmounts. WORK is the directory that they are in.

# make_root RELEASE DIR: from the file that PACKED_RELEASE names, which root_find_or_make has made
make_root()
{
	local packed=PACKED_$1
	[ -n "${!packed:-}" ] || { echo "there is no root directory of $1"; return 1; }
	unpack_root "$1" "$2" "${!packed}"
}

# Unpack a root. Packages that were downloaded before are in it, and no service of a package starts.
unpack_root()
{
	local release=$1 dir=$2 packed=$3
	mkdir -p "$dir" "$ROOTS/archives-$release" || return 1
	tar -C "$dir" --numeric-owner -I zstd -xf "$packed" || return 1
	cp -L /etc/resolv.conf "$dir/etc/resolv.conf" || return 1
	printf '#!/bin/sh\nexit 101\n' >"$dir/usr/sbin/policy-rc.d"
	chmod 0755 "$dir/usr/sbin/policy-rc.d"
	link_downloads "$ROOTS/archives-$release" "$dir/var/cache/apt/archives" || return 1
	echo "$release:$dir" >>"$WORK/unpacked"
	root_mount "$dir"
}

link_downloads()
{
	find "$1" -maxdepth 1 -name '*.deb' -exec cp -aln -t "$2" {} +
}

# Keep the downloaded packages for the next run.
keep_downloads()
{
	local release dir
	while IFS=: read -r release dir; do
		link_downloads "$dir/var/cache/apt/archives" "$ROOTS/archives-$release" || true
	done <"$WORK/unpacked"
}

# make_prepared_root RELEASE DIR SOURCE SCRIPT FILE...: with SOURCE in /source, and where SCRIPT, a
# path in SOURCE, has been run. Kept, too, for as long as SCRIPT and the FILEs in SOURCE stay as
# they are.
make_prepared_root()
{
	local release=$1 dir=$2 source=$3 script=$4 sum packed
	shift 3
	sum=$({ date +%Y-%m && cd "$source" && cat "$@"; } | sha256sum | cut -c 1-16) || return 1
	packed=$ROOTS/$release-$(basename "$script" .sh)-$sum.tar.zst
	if [ -e "$packed" ]; then
		unpack_root "$release" "$dir" "$packed" && bind_into "$dir" "$source" /source
		return
	fi
	make_root "$release" "$dir" && bind_into "$dir" "$source" /source &&
		in_root "$dir" "/source/$script" || return 1
	tar -C "$dir" --numeric-owner --one-file-system -I 'zstd -q -3 -T0' -cf "$packed.new" . &&
		mv "$packed.new" "$packed"
}

# bind_into ROOT SOURCE PATH: read-only, as it is outside
bind_into()
{
	mkdir -p "$1$3" && mount --bind "$2" "$1$3" && mount -o remount,bind,ro "$1$3"
}

# in_root DIR COMMAND...
in_root()
{
	local dir=$1
	shift
	chroot "$dir" env -i HOME=/root LC_ALL=C.UTF-8 \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		DEBIAN_FRONTEND=noninteractive "$@"
}
