"""The walls of the house: who may include whom, which foreign header lives where, how long a file and a function may be.

Run by `make lint`. Prints a line a fault and exits 1 when there is one.
"""

import re
import subprocess
import sys
from pathlib import Path

# room: the rooms it may include besides itself (the house, in the design's order)
BELOW = {
    "proto": [],
    "daemon/base": ["proto"],
    "daemon/reader": ["proto", "daemon/base"],
    "daemon/conf": ["proto", "daemon/base"],
    "daemon/loop": ["proto", "daemon/base"],
    "daemon/store": ["proto", "daemon/base"],
    "daemon/ledger": ["proto", "daemon/base", "daemon/store"],
    "daemon/link": ["proto", "daemon/base", "daemon/loop", "daemon/store", "daemon/ledger"],
    "daemon/api": ["proto", "daemon/base"],
    "daemon/book": ["proto", "daemon/base", "daemon/api"],
    "daemon/ctl": ["proto", "daemon/base", "daemon/conf", "daemon/ledger", "daemon/link", "daemon/identity"],
    "daemon/run": ["proto", "daemon/base", "daemon/conf", "daemon/loop", "daemon/store", "daemon/ledger", "daemon/link",
                   "daemon/api"],
    "daemon/identity": ["proto", "daemon/base", "daemon/ledger"],
    "daemon/intake": ["proto", "daemon/base", "daemon/reader", "daemon/conf", "daemon/loop", "daemon/store", "daemon/ledger", "daemon/link",
                      "daemon/api", "daemon/book", "daemon/run", "daemon/survey", "daemon/talent", "daemon/identity"],
    "daemon/survey": ["proto", "daemon/base", "daemon/ledger"],
    "daemon/talent": ["proto", "daemon/base", "daemon/ledger", "daemon/survey"],
    "daemon/subsidy": ["proto", "daemon/base", "daemon/api", "daemon/ledger", "daemon/survey", "daemon/talent"],
    "daemon/fold": ["proto", "daemon/base", "daemon/store", "daemon/ledger", "daemon/survey", "daemon/talent"],
    "daemon/figures": ["proto", "daemon/base", "daemon/conf", "daemon/loop", "daemon/store", "daemon/ledger", "daemon/link",
                       "daemon/api", "daemon/book", "daemon/run", "daemon/survey", "daemon/talent", "daemon/fold"],
    "daemon/periods": ["proto", "daemon/base", "daemon/conf", "daemon/loop", "daemon/store", "daemon/ledger", "daemon/link", "daemon/api",
                       "daemon/run", "daemon/survey", "daemon/identity", "daemon/fold", "daemon/figures"],
    "daemon/registrar": ["proto", "daemon/base", "daemon/conf", "daemon/loop", "daemon/store", "daemon/ledger", "daemon/link", "daemon/api",
                         "daemon/run", "daemon/identity", "daemon/intake", "daemon/survey", "daemon/talent", "daemon/fold",
                         "daemon/figures"],
    "daemon/returns": ["proto", "daemon/base", "daemon/conf", "daemon/loop", "daemon/store", "daemon/ledger", "daemon/link", "daemon/api",
                       "daemon/run", "daemon/survey", "daemon/identity", "daemon/fold", "daemon/figures"],
    "collector": ["proto", "daemon/base", "daemon/conf", "daemon/loop", "daemon/store", "daemon/ledger", "daemon/link",
                  "daemon/api", "daemon/run", "daemon/intake", "daemon/survey", "daemon/talent", "daemon/fold", "daemon/figures",
                   "daemon/periods", "daemon/returns", "daemon/registrar", "daemon/subsidy"],
    "aggregator/talents": ["proto", "daemon/base", "daemon/store", "daemon/ledger", "daemon/api", "daemon/run", "daemon/survey",
                           "daemon/talent", "daemon/fold", "daemon/figures", "daemon/registrar", "daemon/subsidy"],
    "aggregator": ["proto", "daemon/base", "daemon/conf", "daemon/loop", "daemon/store", "daemon/ledger", "daemon/link",
                   "daemon/api", "daemon/run", "daemon/intake", "daemon/survey", "daemon/talent", "daemon/fold", "daemon/figures",
                   "daemon/periods", "daemon/returns", "daemon/registrar", "daemon/subsidy", "aggregator/talents"],
}

# foreign header: where it may stand
FOREIGN = {
    "lmdb.h": ["daemon/store"],
    "zlib.h": ["daemon/store"],
    "zmq.h": ["daemon/link"],
    "zstd.h": ["daemon/link", "daemon/figures/frozen.c"],
    "microhttpd.h": ["daemon/api"],
    "curl/curl.h": ["daemon/ctl"],
    "confuse.h": ["daemon/conf"],
    "csv.h": ["daemon/reader"],
    "zip.h": ["daemon/reader"],
    "expat.h": ["daemon/reader"],
    "xlsxwriter.h": ["daemon/book", "daemon/intake/template.c", "daemon/figures/export.c"],
    "iconv.h": ["daemon/reader"],
    "sodium.h": ["daemon/ledger", "daemon/link/keys.c", "daemon/ctl/keygen.c", "daemon/identity", "daemon/intake/vault.c", "daemon/intake/secrets.c"],
    "uv.h": ["daemon/loop", "daemon/link"],
}

FILE_LINES = 500
FUNCTION_LINES = 100

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns], capture_output=True, text=True, check=True)
    return sorted(p for p in out.stdout.split() if Path(p).exists())


def room_of(path):
    return next((r for r in sorted(BELOW, key=len, reverse=True) if path.startswith(r + "/")), None)


def include_faults(path):
    room = room_of(path)
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        m = INCLUDE.match(line)
        if not m:
            continue
        quote, target = m.groups()
        if quote == "<":
            homes = FOREIGN.get(target)
            if homes and not any(path == h or path.startswith(h + "/") for h in homes):
                yield f"{path}:{number}: <{target}> lives in {', '.join(homes)}"
            continue
        if target.startswith("."):
            yield f"{path}:{number}: includes are written from the root of the checkout: {target}"
            continue
        other = room_of(target)
        if other is None:
            yield f"{path}:{number}: {target} is in no room"
        elif other != room and other not in BELOW[room]:
            yield f"{path}:{number}: {room} may not include {other} ({target})"


def function_faults(paths):
    cmd = ["ctags", "-x", "--c-kinds=f", "--fields=+ne", "--_xformat=%F\t%N\t%n\t%e", *paths]
    out = subprocess.run(cmd, capture_output=True, text=True, check=True)
    for row in out.stdout.splitlines():
        path, name, first, last = row.split("\t")
        if last.isdigit() and int(last) - int(first) > FUNCTION_LINES:
            yield f"{path}:{first}: {name} has {int(last) - int(first)} lines; at most {FUNCTION_LINES}"


def main():
    code = tracked("proto/*.[ch]", "daemon/*.[ch]", "collector/*.[ch]", "aggregator/*.[ch]")
    faults = [f for p in code for f in include_faults(p)]
    every = tracked("*.c", "*.h", "*.py", "*.sh", "Makefile")
    for path in every:
        lines = len(Path(path).read_text().splitlines())
        if lines > FILE_LINES:
            faults.append(f"{path}: {lines} lines; at most {FILE_LINES}: split by idea")
    faults += function_faults([p for p in every if p.endswith(".c")])
    for room in BELOW:
        if tracked(room + "/*.c") and not Path(room, "README.md").exists():
            faults.append(f"{room}: a room without a README.md")
    print("\n".join(faults) or f"walls: {len(every)} files, every wall stands")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
