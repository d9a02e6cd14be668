#!/usr/bin/env bash
# Install the packages that debian/control needs for building, and lintian.
. "$(dirname "$0")/lib.sh"

# The rest is to be as in a full system, where files are not left out: lintian lies in one such
# place.
sed -i '/^path-/d' /etc/dpkg/dpkg.cfg.d/*
apt update
apt build-dep --no-install-recommends /source
apt install --no-install-recommends lintian
