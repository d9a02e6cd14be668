#!/usr/bin/env bash
# The packages from source, as an unprivileged user with nothing installed but what debian/control
# says, and lintian's opinion of them. /source is the checkout, /build gets what is built;
# build-tools.sh was run before.
. "$(dirname "$0")/lib.sh"

VERSION=$(sed -n '1s/.*(\(.*\)-[^-]*).*/\1/p' /source/debian/changelog)
TREE=/build/postgresql-vault-$VERSION

builder()
{
	setpriv --reuid=builder --regid=builder --init-groups env HOME=/build "$@"
}

useradd --home-dir /build --create-home builder
builder cp -r /source "$TREE"
builder tar -C /build --exclude=debian -czf "/build/postgresql-vault_$VERSION.orig.tar.gz" \
	"${TREE##*/}"
cd "$TREE" || exit
builder pg_buildext updatecontrol
if builder dpkg-buildpackage -us -uc 2>&1; then
	ok "build: $(cd /build && echo postgresql-*-vault_*.deb)"
else
	not_ok 'build'
	exit 1
fi
if out=$(cd /build &&
	builder lintian --fail-on error,warning --tag-display-limit 0 ./*.changes 2>&1) &&
	[ -z "$out" ]; then
	ok 'lintian says nothing'
else
	not_ok 'lintian says'
	sed 's/^/# /' <<<"$out"
fi
