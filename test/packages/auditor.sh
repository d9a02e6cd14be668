#!/usr/bin/env bash
# The auditor's system: vault-audit-verify without a server, and a trail from elsewhere in
# /evidence.
. "$(dirname "$0")/lib.sh"

check()
{
	local rc=0
	vault-audit-verify -q -c /evidence/checkpoint -k /evidence/key "$1" >/dev/null 2>&1 || rc=$?
	echo $rc
}

out=$(apt install --no-install-recommends /packages/vault-audit-verify_*.deb) ||
	{ echo "$out"; exit 1; }
expect 'nothing of PostgreSQL comes along' '' \
	"$(dpkg-query -W -f '${Package}\n' | grep -E 'postgres|libpq' || true)"
expect 'a whole trail is whole' 0 "$(check /evidence/trail)"
sed 's/web\/key/web\/kez/' /evidence/trail >/tmp/changed
expect 'a changed one is not' 1 "$(check /tmp/changed)"
expect 'one that is not there cannot be checked' 2 "$(check /tmp/missing)"
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" /source/vault.control)
expect 'the program knows its version' "vault-audit-verify $version" \
	"$(vault-audit-verify --version)"
