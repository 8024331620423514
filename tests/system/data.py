"""Made-up data for a test, and the oracle that goes with it."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "generator"))

import generate  # noqa: E402


class Data:
    """A generated folder. `files` in the order of the manifest: {district, register, path, good, refused}."""

    def __init__(self, where, *options, **named):
        os.makedirs(where, exist_ok=True)
        line = ["--out", where]
        for name, value in named.items():
            line += [f"--{name}", ",".join(value) if isinstance(value, (list, tuple)) else str(value)]
        self.manifest = generate.generate(generate.parse([*line, *options]))
        self.dir = where
        self.files = self.manifest["files"]

    def path(self, file):
        return os.path.join(self.dir, file["path"])

    def of(self, district, register=None, corrections=False):
        return [f for f in self.files if f["district"] == str(district) and register in (None, f["register"])
                and ("corrections" in f["path"]) == corrections]

    def retractions(self, district):
        """[(register, key, reason)]"""
        path = os.path.join(self.dir, str(district), "retractions.tsv")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            return [tuple(line.rstrip("\n").split("\t")) for line in f]


def split(path, parts, where):
    """Cuts a CSV file into `parts` with the header in each; their paths."""
    with open(path, "rb") as f:
        head, *lines = f.read().splitlines(keepends=True)
    parts, out = min(parts, len(lines)), []
    for i in range(parts):
        piece = lines[len(lines) * i // parts:len(lines) * (i + 1) // parts]
        name = os.path.join(where, f"{os.path.basename(path)[:-4]}.{i}.csv")
        with open(name, "wb") as f:
            f.write(head + b"".join(piece))
        out.append(name)
    return out


def personal(data, most=4000):
    """Names and document numbers of the generated people, as bytes: what must not be found anywhere."""
    import judge
    names, numbers = set(), set()
    for f in data.files:
        for _, record, bad in judge.judge_file(f["register"], data.path(f)):
            if not bad and len(names) < most:
                names.add(record["name"].encode())
                numbers.add(record["person"].split("/", 1)[1].encode())
    return names, numbers
