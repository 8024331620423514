#!/bin/sh
# run.sh TARGET SECONDS: one fuzzer for a while, from its committed corpus; what it finds anew stays in the build folder.
# Prints a line, and the whole log when it found a fault.
set -eu
target=$1 seconds=$2
name=$(basename "$target")
here=$(dirname "$0")
found=$target.corpus
exec 9>"$target.lock"
flock 9 # one at a time
mkdir -p "$found" "$here/corpus/$name"
if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
	-artifact_prefix="$target." "$found" "$here/corpus/$name" >"$target.log" 2>&1; then
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$target.log")
	echo "fuzz $name: ${runs:-?} runs in $seconds s, no fault"
else
	cat "$target.log"
	echo "fuzz $name: FAULT, see $target.log" >&2
	exit 1
fi
