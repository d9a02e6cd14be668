# shellcheck shell=bash
# Carry out a Containerfile in directories where no container engine runs. Each stage is a root of
# its own, and each instruction is carried out in it as the engines' documentation describes; an
# instruction that is not known here is an error. Sourced after chroot.sh, under its conditions.
#
# Its results: STAGE_ROOT (of the last stage), IMAGE_ENV, IMAGE_USER, IMAGE_DIR,
# IMAGE_ENTRYPOINT, IMAGE_SIGNAL.
#
# It is not an engine: no layers, no network and no security profile of one.

declare -A STAGES=()		# roots by the name of the stage
STAGE_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# Instructions, one a line, without comments
containerfile_lines()
{
	sed '/^[[:space:]]*#/d' "$1" | awk '
		/\\$/ { sub(/\\$/, ""); line = line $0; next }
		{ line = line $0; gsub(/\t/, " ", line); if (line ~ /[^ ]/) print line; line = "" }'
}

# image_exec COMMAND...: in the last stage as its user, in its directory, with its environment and
# no other
image_exec()
{
	chroot --userspec="$IMAGE_USER" "$STAGE_ROOT" env -i -C "$IMAGE_DIR" PATH="$STAGE_PATH" HOME=/ \
		"${IMAGE_ENV[@]}" "$@"
}

stage_from()
{
	local image=$1 as=${2:-} name=${3:-}
	[[ $image =~ ^debian:([a-z]+)-slim$ ]] || { echo "no image $image here"; return 1; }
	STAGE_ROOT=$WORK/stage-${#STAGES[@]}
	make_root "${BASH_REMATCH[1]}" "$STAGE_ROOT" || return 1
	rm -rf -- "$STAGE_ROOT/etc/postgresql-common"
	[ -z "$as" ] || [ "${as^^}" = AS ] || return 1
	STAGES[${name:-last}]=$STAGE_ROOT
	IMAGE_ENV=()
	IMAGE_USER=root
	IMAGE_DIR=/
	IMAGE_ENTRYPOINT=()
	IMAGE_SIGNAL=TERM
}

# stage_copy CONTEXT [--from=STAGE] [--chmod=MODE] SOURCE DESTINATION
stage_copy()
{
	local from=$1 mode='' source target
	shift
	while [[ $1 == --* ]]; do
		case $1 in
			--from=*) from=${STAGES[${1#*=}]:-} ;;
			--chmod=*) mode=${1#*=} ;;
			*) return 1 ;;
		esac
		shift
	done
	[ $# -eq 2 ] && [ -n "$from" ] || return 1
	source=$from/$1
	target=$STAGE_ROOT$2
	if [ -d "$source" ]; then
		mkdir -p "$target" && tar -C "$source" -cf - . | tar -C "$target" --no-same-owner -xf -
	else
		mkdir -p "${target%/*}" && cp --no-preserve=ownership "$source" "$target"
	fi && { [ -z "$mode" ] || chmod "$mode" "$target"; }
}

# do_instruction CONTEXT WORD REST
do_instruction()
{
	local context=$1 word=$2 rest=$3 words
	read -ra words <<<"$rest"
	echo "# $word $rest"
	case $word in
		FROM) stage_from "${words[@]}" ;;
		COPY) stage_copy "$context" "${words[@]}" ;;
		RUN) image_exec /bin/sh -c "$rest" ;;
		ENV)
			[[ $rest =~ ^[A-Za-z_]+=[^[:space:]]*$ ]] && IMAGE_ENV+=("$rest")
			;;
		USER) IMAGE_USER=$rest ;;
		WORKDIR)
			mkdir -p "$STAGE_ROOT$rest"
			IMAGE_DIR=$rest
			;;
		ENTRYPOINT) mapfile -t IMAGE_ENTRYPOINT < \
			<(perl -MJSON::PP -e 'print "$_\n" for @{decode_json($ARGV[0])}' "$rest") ;;
		STOPSIGNAL) IMAGE_SIGNAL=${rest#SIG} ;;
		EXPOSE) [[ $rest =~ ^[0-9]+$ ]] ;;
		*)
			echo "an instruction that is not known here"
			return 1
			;;
	esac
}

# build_image FILE CONTEXT LOG
build_image()
{
	local file=$1 context=$2 log=$3 line
	: >"$log"
	while IFS= read -r line <&6; do
		do_instruction "$context" "${line%% *}" "${line#* }" >>"$log" 2>&1 6<&- </dev/null ||
			return 1
	done 6< <(containerfile_lines "$file")
}

# Volumes of a container: a directory outside and where it is mounted, "ro" if nothing is written
# there
VOLUMES=()
add_volume()
{
	VOLUMES+=("$1:$2:${3:-rw}")
}

# new_volume DIR PATH: empty, and of whom the image's directory is, as the engines make it
new_volume()
{
	mkdir -p "$1"
	chown --reference="$STAGE_ROOT$2" "$1"
	chmod --reference="$STAGE_ROOT$2" "$1"
	add_volume "$1" "$2"
}

# Inside of the container's namespaces: mount, and become process 1
container_main()
{
	local volume parts
	perl -e '
		socket(my $s, 2, 2, 0);
		ioctl($s, 0x8914, my $request = pack("a16s", "lo", 0x41)) or die "lo: $!\n"'
	mount -t proc proc "$STAGE_ROOT/proc"
	for volume in "${VOLUMES[@]}"; do
		IFS=: read -ra parts <<<"$volume"
		if [ -d "${parts[0]}" ]; then
			mkdir -p "$STAGE_ROOT${parts[1]}"
		else
			touch "$STAGE_ROOT${parts[1]}"
		fi
		mount --bind "${parts[0]}" "$STAGE_ROOT${parts[1]}"
		mount -o "remount,bind,${parts[2]}" "$STAGE_ROOT${parts[1]}"
	done
	exec chroot --userspec="$IMAGE_USER" "$STAGE_ROOT" env -i -C "$IMAGE_DIR" PATH="$STAGE_PATH" \
		HOME=/ \
		"${IMAGE_ENV[@]}" "$@" "${IMAGE_ENTRYPOINT[@]}"
}

# start_container LOG [NAME=VALUE...]: in the background; CONTAINER is its first process as seen
# from here
start_container()
{
	local log=$1
	shift
	start_captured "$log" unshare --mount --pid --net --fork --kill-child \
		bash -c "$(declare -f container_main); $(declare -p VOLUMES STAGE_ROOT STAGE_PATH \
		IMAGE_USER IMAGE_DIR IMAGE_ENV IMAGE_ENTRYPOINT)
			container_main \"\$@\"" container "$@"
	UNSHARED=$STARTED
	CONTAINER=
	while [ -z "$CONTAINER" ] && kill -0 "$UNSHARED" 2>/dev/null; do
		sleep 0.1
		CONTAINER=$(tr -d ' ' <"/proc/$UNSHARED/task/$UNSHARED/children" 2>/dev/null) || break
	done
}

# in_container COMMAND...: as the engines' exec
in_container()
{
	nsenter --target "$CONTAINER" --mount --net --pid -- chroot --userspec="$IMAGE_USER" \
		"$STAGE_ROOT" \
		env -i -C "$IMAGE_DIR" PATH="$STAGE_PATH" HOME=/ "${IMAGE_ENV[@]}" "$@"
}

# stop_container: as the engines do, by the image's signal; the status is the container's
stop_container()
{
	local rc=0
	kill "-$IMAGE_SIGNAL" "$CONTAINER" 2>/dev/null || true
	wait_for_container || rc=$?
	return $rc
}

wait_for_container()
{
	local rc=0
	wait "$UNSHARED" || rc=$?
	unset "CHILDREN[$UNSHARED]"
	return $rc
}
