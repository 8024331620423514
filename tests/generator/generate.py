#!/usr/bin/python3
"""Made-up registers of a city: generate.py --seed 1 --people 65000 --out DIR. See README.md in this folder."""

import argparse
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import follow  # noqa: E402
import formats  # noqa: E402
import others  # noqa: E402
from people import DISTRICTS  # noqa: E402
from registers import City, District  # noqa: E402
from style import Style  # noqa: E402

REGISTERS = ("training", "certificate", "person", "assessment", *others.MAKERS)
DEFAULT = ("training", "certificate", "person")


class Sample:
    """About `share` of the good rows of a file, kept to be corrected or retracted."""

    def __init__(self, rnd, share):
        self.random, self.share, self.kept = rnd.random, share, []

    def see(self, item):
        if self.random() < self.share:
            self.kept.append(item)


class Writer:
    """Writes the files of one district and notes in the manifest what an import of each must answer."""

    def __init__(self, district, args, manifest):
        self.d, self.args, self.manifest = district, args, manifest
        self.dir = os.path.join(args.out, district.code)
        self.retracted = []
        os.makedirs(self.dir, exist_ok=True)

    def file(self, register, name, rows, broken=()):
        """rows: lists of cells; broken: (cells, field at fault), scattered among them. The ending is the format's."""
        nth = REGISTERS.index(register) + int(self.d.code)  # neighbours differ, and so do the registers of a district
        form = formats.of(self.args.formats, nth, len(rows))
        refused = self.scatter(rows, broken, formats.first_line(form))
        name += formats.ENDING[form]
        formats.WRITERS[form](os.path.join(self.dir, name), self.d.style, register, rows)
        self.manifest["files"].append({
            "district": self.d.code, "register": register, "path": f"{self.d.code}/{name}", "format": form, "rows": len(rows),
            "good": len(rows) - len(refused), "refused": refused,
        })

    def scatter(self, rows, broken, first_line):
        rnd = random.Random(f"{self.args.seed}/{self.d.code}/scatter")
        places = sorted(rnd.sample(range(len(rows) + len(broken)), len(broken)))
        refused = []
        for at, (cells, field) in zip(places, broken):
            rows.insert(at, cells)
            refused.append({"line": at + first_line, "field": field})
        return refused

    def register(self, register):
        args, d = self.args, self.d
        rnd = random.Random(f"{args.seed}/{d.code}/{register}/sample")
        sample = Sample(rnd, args.corrections + args.retractions)
        example = []

        def good():
            for cells, facts in d.rows(register, args.rows.get(register)):
                sample.see((cells, facts))
                if register == "training":
                    self.lead_on(facts)
                example or example.append(cells)
                yield cells

        rows = list(good())
        nth = args.districts.index(d.code) if d.code in args.districts else 0
        first = nth * args.broken  # so that small numbers still show every kind over the districts
        broken = [follow.broken(register, example[0], first + k) for k in range(args.broken)] if rows else []
        self.file(register, register, rows, broken)
        if rows:
            self.follow_ups(register, sample.kept, rnd)

    def lead_on(self, facts):
        city = self.d.city
        if "subsidy" in self.args.registers:
            self.d.trained.append(facts)
        certificate = self.d.follows(facts)
        if certificate:
            city.sent[certificate[0]].append(certificate[1])

    def follow_ups(self, register, kept, rnd):
        made = follow.corrector(register)
        if not made or not (self.args.corrections or self.args.retractions):
            return
        share = self.args.corrections / (self.args.corrections + self.args.retractions)
        corrected = []
        correction = made(self.d)
        for cells, facts in kept:
            if rnd.random() < share:
                corrected.append(correction.make(cells, facts))
            else:
                self.retracted.append((register, facts[0], rnd.choice(follow.REASONS)))
        if corrected:
            self.file(register, f"{register}.corrections", corrected)

    def retractions(self):
        if not self.retracted:
            return
        with open(os.path.join(self.dir, "retractions.tsv"), "w", encoding="utf-8") as f:
            f.writelines("\t".join(row) + "\n" for row in self.retracted)
        self.manifest["retractions"].append(
            {"district": self.d.code, "path": f"{self.d.code}/retractions.tsv", "rows": len(self.retracted)})


def generate(args):
    """Writes everything; returns the manifest. Trainings of all districts come first: certificates follow from them."""
    at_city = [r for r in others.OF_CITY if r in args.registers]
    styles = {d: Style(d, args.plain) for d in (*args.districts, others.CITY)}
    city = City(args.seed, args.people, args.districts, styles, args.year, args.dense)
    manifest = {"seed": args.seed, "people": args.people, "year": args.year, "districts": list(args.districts),
                "files": [], "retractions": []}
    writers = [Writer(District(city, code), args, manifest) for code in args.districts]
    for register in args.registers:
        for w in writers:
            if register != "target":
                w.register(register)
    if at_city:
        writers.append(Writer(District(city, others.CITY), args, manifest))
        for register in at_city:
            writers[-1].register(register)
    for w in writers:
        w.retractions()
    files = manifest["files"]
    manifest["rows"] = {r: sum(f["rows"] for f in files if f["register"] == r) for r in args.registers}
    with open(os.path.join(args.out, "manifest.json"), "w", encoding="utf-8") as f:
        json.dump(manifest, f, ensure_ascii=False, indent=1)
    return manifest


def districts(text):
    if text == "all":
        return DISTRICTS
    wanted = tuple(text.split(","))
    unknown = [d for d in wanted if d not in DISTRICTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such district: {','.join(unknown)}")
    return wanted


def registers(text):
    wanted = list(REGISTERS) if text == "all" else text.split(",")
    unknown = [r for r in wanted if r not in REGISTERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such register: {','.join(unknown)}")
    return tuple(r for r in REGISTERS if r in wanted)  # certificates follow from trainings


def rows(text):
    out = {}
    for part in text.split(","):
        name, _, n = part.partition("=")
        if name not in REGISTERS or not n.isdigit():
            raise argparse.ArgumentTypeError(f"not REGISTER=N: {part}")
        out[name] = int(n)
    return out


def parse(argv):
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--people", type=int, default=65000, help="in the whole of the districts; about 2.6 rows each")
    p.add_argument("--out", required=True)
    p.add_argument("--districts", type=districts, default=DISTRICTS, help="310101,310115 or all")
    p.add_argument("--registers", type=registers, default=DEFAULT, help="all, or of " + ",".join(REGISTERS))
    p.add_argument("--formats", choices=("mixed", *formats.WRITERS), default="utf8", help="mixed: all of them side by side")
    p.add_argument("--rows", type=rows, default={}, help="exactly so many in each district: training=50000,certificate=0")
    p.add_argument("--year", type=int, default=2019)
    p.add_argument("--corrections", type=float, default=0.0, help="share of rows that a corrections file changes")
    p.add_argument("--retractions", type=float, default=0.0, help="share of rows that are retracted")
    p.add_argument("--broken", type=int, default=0, help="rows to be refused in each register's file")
    p.add_argument("--dense", action="store_true", help="few people who meet everywhere")
    p.add_argument("--plain", action="store_true", help="every district writes alike: English, no BOM, 2019-05-01")
    return p.parse_args(argv)


if __name__ == "__main__":
    began = time.monotonic()
    done = generate(parse(sys.argv[1:]))
    total = sum(f["rows"] for f in done["files"])
    print(f"{total} rows in {len(done['files'])} files, {time.monotonic() - began:.1f} s")
