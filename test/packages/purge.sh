#!/usr/bin/env bash
# Purge the package and check the files that it removes. A key is never removed. A directory that an
# administrator has made keeps its owner. An empty one is removed with the package of the last major
# version.
. "$(dirname "$0")/lib.sh"

MAJOR=$(major)
PACKAGE=postgresql-$MAJOR-vault
KEYS=/etc/postgresql-vault

# A package of another major version that is installed, by name
pretend_other_major()
{
	mkdir -p /tmp/other/DEBIAN
	printf '%s\n' 'Package: postgresql-99-vault' 'Version: 1' 'Architecture: all' \
		'Maintainer: nobody <nobody@vault.invalid>' 'Description: a name for a test' \
		>/tmp/other/DEBIAN/control
	dpkg-deb -b /tmp/other /tmp/other.deb >/dev/null
	dpkg -i /tmp/other.deb >/dev/null
}

key=$(md5sum "$KEYS/root.key")
out=$(apt remove "$PACKAGE")
expect 'a removal keeps the key' "$key" "$(md5sum "$KEYS/root.key")"
expect_no_line 'and does not speak of it' '^vault:' "$out"
expect 'it takes the library' '' "$(compgen -G "/usr/lib/postgresql/$MAJOR/lib/vault*")"

out=$(apt purge "$PACKAGE")
expect 'a purge keeps the key' "$key" "$(md5sum "$KEYS/root.key")"
expect_line 'and says so' "^vault: $KEYS is kept" "$out"

out=$(apt install "/packages/${PACKAGE}_"*.deb)
expect 'the next installation leaves it as it is' "$key" "$(md5sum "$KEYS/root.key")"

rm "$KEYS/root.key"
pretend_other_major
out=$(apt purge "$PACKAGE")
expect 'an empty directory stays for the package of another major' '700 postgres:postgres' \
	"$(mode_and_owner $KEYS)"
expect_no_line 'without a word' '^vault:' "$out"
dpkg --purge postgresql-99-vault >/dev/null

out=$(apt install "/packages/${PACKAGE}_"*.deb)
out=$(apt purge "$PACKAGE")
expect 'and goes with the last' none "$(mode_and_owner $KEYS)"

install -d -o root -g postgres -m 0750 $KEYS
out=$(apt install "/packages/${PACKAGE}_"*.deb)
expect 'one that an administrator has made keeps its owner and mode' '750 root:postgres' \
	"$(mode_and_owner $KEYS)"
out=$(apt purge "$PACKAGE")
expect 'dpkg has forgotten the package' '' \
	"$(dpkg-query -W -f '${db:Status-Status}' "$PACKAGE" 2>/dev/null | grep -v not-installed ||
	true)"
