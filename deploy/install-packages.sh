#!/bin/sh
# install-packages.sh KIND…: installs what is missing of deploy/packages.tsv for the kinds named (build test docs).
# Does nothing, and asks for nothing, when all is there. As root, or with sudo.
set -eu
here=$(dirname "$0")
[ $# -gt 0 ] || { echo "usage: install-packages.sh build|test|docs …" >&2; exit 64; }

missing=
for kind in "$@"; do
	for package in $(awk -F'\t' -v k="$kind" '$1 !~ /^#/ && $2 == k { print $1 }' "$here/packages.tsv"); do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' ||
			missing="$missing $package"
	done
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null 2>&1 || {
	echo "missing:$missing; this script knows Debian's apt-get only: install them by hand" >&2
	exit 1
}
as_root=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || {
		echo "missing:$missing; run as root, or with sudo at hand, or install them by hand" >&2
		exit 1
	}
	as_root=sudo
fi
echo "installing:$missing" >&2
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
