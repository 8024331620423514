#!/bin/sh
# Runs one unit test: a line when it passes, all that it said when it does not.
#   run.sh PROGRAM
set -u
out=$(mktemp) || exit 255
trap 'rm -f "$out"' EXIT
begun=$(date +%s)
if "$1" >"$out" 2>&1; then
	printf 'passed  %4ss  %s\n' $(($(date +%s) - begun)) "$1"
else
	code=$?
	cat "$out"
	printf 'FAILED  (exit %s)  %s\n' "$code" "$1"
	exit 255 # xargs starts no further one
fi
