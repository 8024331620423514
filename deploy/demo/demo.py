#!/usr/bin/python3
"""What `make demo` runs after installation and build: a city with sixteen districts on this machine.

Makes up registers, starts one aggregator and sixteen collectors under a temporary folder, brings the registers in through
tallyctl, waits until every district is proven equal, asks the city for its figures, and stops everything cleanly.
Ends with 1 if anything is off. Nothing stays behind. TALLY_BUILD names the build folder; PEOPLE the size of the city."""

import argparse
import collections
import concurrent.futures
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
sys.path.insert(0, os.path.join(ROOT, "tests", "generator"))

import generate  # noqa: E402
import made_up  # noqa: E402
from cluster import Cluster, counts, ctl, program  # noqa: E402

NAMES = dict(zip(generate.DISTRICTS, (
    "黄浦 Huangpu", "徐汇 Xuhui", "长宁 Changning", "静安 Jing'an", "普陀 Putuo", "虹口 Hongkou", "杨浦 Yangpu", "闵行 Minhang",
    "宝山 Baoshan", "嘉定 Jiading", "浦东 Pudong", "金山 Jinshan", "松江 Songjiang", "青浦 Qingpu", "奉贤 Fengxian", "崇明 Chongming")))
NAMES["310000"] = "全市 the city"
FORMATS = {"utf8": "CSV in UTF-8", "gb18030": "CSV in GB18030", "xlsx": "workbooks", "ndjson": "of JSON lines"}
BOLD, DIM, GOOD, BAD, OFF = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("",) * 5


class Demo:
    def __init__(self, people, jobs):
        self.people, self.jobs = people, jobs
        self.began = time.monotonic()
        self.cluster = Cluster()
        self.faults = []
        self.records = 0

    def say(self, text):
        print(f"{DIM}{time.monotonic() - self.began:6.1f} s{OFF}  {text}", flush=True)

    def title(self, text):
        print(f"\n{BOLD}{text}{OFF}\n", flush=True)

    def must(self, condition, words):
        if not condition:
            self.faults.append(words)
            self.say(f"{BAD}✗ {words}{OFF}")
        return condition

    # ---- the acts ----

    def make_up(self):
        self.title("1 · Registers of people who do not exist")
        where = os.path.join(self.cluster.dir, "registers")
        self.manifest = generate.generate(generate.parse(
            ["--seed", "2019", "--people", str(self.people), "--out", where, "--corrections", "0.01", "--retractions", "0.001",
             "--broken", "2", "--registers", "all", "--formats", "mixed"]))
        self.where = where
        rows = self.manifest["rows"]
        for register in list(rows)[:4]:
            self.say(f"{rows[register]:7,} rows of {register}")
        rest = list(rows)[4:]
        self.say(f"{sum(rows[r] for r in rest):7,} rows of the other {len(rest)} registers: {', '.join(rest[:3])} … {rest[-1]}")
        kinds = collections.Counter(f["format"] for f in self.manifest["files"])
        self.say("files: " + ", ".join(f"{n} {FORMATS[kind]}" for kind, n in kinds.most_common()))
        self.say("clerks write as they like: Chinese and English headers, five kinds of dates, codes or their names")

    def start(self):
        self.title("2 · One aggregator, sixteen collectors")
        # The registrar's pair: the public half goes to the districts, the secret one to a place of its own.
        where = os.path.join(self.cluster.dir, "registrar")
        os.makedirs(where, mode=0o700)
        public = ctl("keygen", "--registrar", where, output="json").json()["registrar"]
        self.cluster.settings = {"collector": {"registrar": public},
                                 "aggregator": {"registrar_key": os.path.join(where, "registrar.key")}}
        self.cluster.build(generate.DISTRICTS).start()
        self.say(f"{len(self.cluster.nodes())} daemons run under {self.cluster.dir}; each has keys of its own")
        self.say("who is a talent goes to the city sealed to its registrar; who all others are stays in their district's vault")

    def import_district(self, district):
        """All first files, then the corrections, then the retractions; (district, sums of the answers, seconds)."""
        node, began = self.cluster.districts.get(district, self.cluster.city), time.monotonic()
        sums = [0, 0, 0, 0]
        files = [f for f in self.manifest["files"] if f["district"] == district and f["rows"]]  # in a small city not everybody has everything
        for f in sorted(files, key=lambda f: "corrections" in f["path"]):
            path = os.path.join(self.where, f["path"])
            answer = counts(node.ctl("import", f["register"], path, codes=(3,) if f["refused"] else (0,)).out)
            if "corrections" in f["path"]:
                expected = (0, f["good"], 0, 0)
            else:
                expected = (f["good"], 0, 0, len(f["refused"]))
            self.must(answer == expected, f"{f['path']}: answered {answer}, expected {expected}")
            sums = [a + b for a, b in zip(sums, answer)]
        for f in self.manifest["retractions"]:
            if f["district"] == district:
                with open(os.path.join(self.where, f["path"]), encoding="utf-8") as tsv:
                    for line in tsv:
                        register, key, reason = line.rstrip("\n").split("\t")
                        node.ctl("retract", register, key, "--reason", reason)
        return district, sums, time.monotonic() - began

    def import_all(self):
        self.title("3 · Every district brings its files in")
        began = time.monotonic()
        total = [0, 0, 0, 0]
        largest_first = sorted((*generate.DISTRICTS, "310000"), key=lambda d: -sum(f["rows"] for f in self.manifest["files"] if f["district"] == d))
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for done in concurrent.futures.as_completed([pool.submit(self.import_district, d) for d in largest_first]):
                district, sums, seconds = done.result()
                total = [a + b for a, b in zip(total, sums)]
                a, c, _, r = sums
                self.say(f"{district} {NAMES[district]:<14} accepted {a:6,}  corrected {c:4,}  refused {r}   {seconds:5.1f} s")
        self.records = total[0]
        spent = time.monotonic() - began
        self.say(f"{BOLD}{total[0]:,} records accepted{OFF}, {total[1]:,} corrected, {total[3]} refused: {total[0] / spent:,.0f} a second")

    def prove(self):
        self.title("4 · The halves must match")
        began = time.monotonic()
        self.cluster.wait_proven(60)
        self.say(f"{GOOD}every district is proven equal{OFF} ({time.monotonic() - began:.1f} s after the last import)")
        self.cluster.wait_folded(60)
        self.say(f"and every entry is in the city's figures ({time.monotonic() - began:.1f} s)")
        children = self.cluster.city.children()
        for district, node in self.cluster.districts.items():
            own = node.status()["ledger"]
            there = children[district]
            self.must(own["head"] == there["head"] and own["next"] - 1 == there["position"], f"{district}: the heads differ")

    def figures(self):
        city = self.cluster.city
        self.title("5 · The city's figures, at this moment")
        for words in (("form", "show", "02", "--period", "2019", "--area", "310000"),
                      ("form", "show", "03", "--period", "2019", "--area", "310000"), ("districts",)):
            print(f"{DIM}$ tallyctl {' '.join(words)}{OFF}")
            print(city.ctl(*words).out, flush=True)
        cells = [line.split(",") for line in city.form("02", "2019", False).splitlines()[1:]]
        total = {int(c[5]): float(c[6]) for c in cells if c[2:5] == ["310000", "_T", "_T"]}
        parts = sum(int(c[6]) for c in cells if c[2] != "310000" and c[3:6] == ["_T", "_T", "4"])
        self.must(total.get(3, 0) > 0, "form 02 is empty")
        self.say(f"{total[3]:,.0f} completions by {total[4]:,.0f} persons; the districts counted {parts:,} persons: "
                 f"{parts - total[4]:,.0f} times somebody trained in more than one")

    def plan(self):
        city = self.cluster.city
        self.title("6 · The plan, and who is how far")
        for words in (("plan", "--period", "2019"), ("assess", "--period", "2019", "--written", time.strftime("%Y"))):
            print(f"{DIM}$ tallyctl {' '.join(words)}{OFF}")
            print(city.ctl(*words).out, flush=True)
        path = os.path.join(self.cluster.dir, "02.xlsx")
        city.ctl("form", "export", "02", "--period", "2019", "--to", path)
        self.must(os.path.getsize(path) > 10_000, "the workbook is empty")
        self.say(f"tallyctl form export 02 --period 2019 --to 02.xlsx: a sheet for each of {len(generate.DISTRICTS) + 1} areas, "
                 f"ready to sign, {os.path.getsize(path) >> 10} KiB")

    def talents(self):
        city = self.cluster.city
        self.title("7 · Talents, and what only the centre can see")
        # One person, one occupation, one level: two districts pay. Neither can know of the other.
        number = made_up.resident_number(119_000_000)[0]
        for i, district in enumerate(("310101", "310115")):
            path = os.path.join(self.cluster.dir, f"claim-{district}.csv")
            with open(path, "w", encoding="utf-8") as f:
                f.write("claim_no,purpose,channel,source,payee_kind,name,doc_type,doc_number,occupation,level,claimed,claimed_on,approved,status\n"
                        f"DEMO-{i},certificate,individual,employment,person,{made_up.name(119_000_000)},111,{number},6-18-01-01,3,"
                        f"1500,2019-0{6 + i}-01,1500,approved\n")
            self.must(self.cluster.districts[district].load("subsidy", path) == (1, 0, 0, 0), f"the claim in {district} was not taken in")
        self.cluster.wait_folded(60)
        for words in (("talent", "find", "--level-min", "1", "--occupation", "6", "--limit", "5"), ("talent", "find", "--level-min", "1", "--facets"),
                      ("alert", "list", "--rule", "A02", "--limit", "5"), ("talent", "eligible", "--for", "model", "--limit", "5")):
            print(f"{DIM}$ tallyctl {' '.join(words)}{OFF}")
            print("\n".join(city.ctl(*words).out.splitlines()[:24]), flush=True)
            print()
        found = [r for r in city.ctl("alert", "list", "--rule", "A02", "--limit", "100000", output="json").json()
                 if {r["key"], r["other_key"]} == {"DEMO-0", "DEMO-1"}]
        self.must(len(found) == 1 and found[0]["origin"] != found[0]["other_origin"], "what two districts paid twice is not listed")
        self.open_one(city.ctl("talent", "find", "--level-min", "1", "--limit", "1", output="json").json()[0]["id"])

    def open_one(self, talent):
        """The talents are pseudonyms: who one of them is, a registrar opens, for a purpose, on record."""
        city = self.cluster.city
        for words in (("talent", "identify", talent, "--purpose", "公示前核对 checking before publication"), ("access", "list", "--limit", "1")):
            print(f"{DIM}$ tallyctl {' '.join(words)}{OFF}")
            print(city.ctl(*words).out, flush=True)
        (line,) = city.ctl("access", "list", output="json").json()
        opened = city.ctl("talent", "identify", talent, "--purpose", "a test", output="json").json()
        self.must(opened and all(r["name"] and "1903" <= r["doc_number"][6:10] <= "1909" for r in opened if r["doc_type"] == "111"),
                  "the identity was not opened, or belongs to somebody who may exist")
        self.must(line["count"] == len(opened) or line["count"] == 1, "the access log does not say what was opened")
        self.must(not any(r["name"] in str(line) or r["doc_number"] in str(line) for r in opened), "the access log names somebody")
        self.say("the name is made up; the line in the access log holds none, and stood before the answer")

    def doubt(self):
        self.title("8 · Do not believe it: check")
        began = time.monotonic()
        self.must(self.cluster.city.ctl("recount", codes=None).code == 0, "recount found a difference")
        self.say(f"tallyctl recount: all ledgers folded anew, every figure equal ({time.monotonic() - began:.1f} s)")
        began = time.monotonic()
        self.must(self.cluster.city.ctl("ledger", "verify", codes=None).code == 0, "a chain is broken")
        self.say(f"tallyctl ledger verify: every hash and every signature of sixteen ledgers ({time.monotonic() - began:.1f} s)")

    def totals(self):
        self.title("9 · Totals")
        entries = sum(c["position"] for c in self.cluster.city.children().values())
        self.say(f"{self.records:,} records, {entries:,} entries in sixteen ledgers")
        disk = sum(os.path.getsize(os.path.join(folder, name)) for n in self.cluster.nodes() for folder, _, names in os.walk(n.state)
                   for name in names if os.path.exists(os.path.join(folder, name)))
        memory = [n.memory() / (1 << 20) for n in self.cluster.districts.values()]
        self.say(f"{disk >> 20} MiB on disk; memory of its own: a collector {max(memory):.1f} MiB at most, "
                 f"the aggregator {self.cluster.city.memory() / (1 << 20):.1f} MiB")
        self.must(self.records >= 160_000 or self.people < 65_000, "fewer records than promised")

    def run(self):
        try:
            for act in (self.make_up, self.start, self.import_all, self.prove, self.figures, self.plan, self.talents, self.doubt, self.totals):
                act()
        except (AssertionError, OSError, subprocess.SubprocessError, LookupError, ValueError) as e:
            self.must(False, f"{type(e).__name__}: {e}")
            for node in self.cluster.nodes():
                if node.process and not node.running():
                    print(f"---- {node.role} {node.origin}\n{node.tail()}")
        finally:
            began = time.monotonic()
            try:
                self.cluster.close(check=not self.faults)
            except AssertionError as e:
                self.must(False, str(e))
        if self.faults:
            print(f"\n{BAD}{len(self.faults)} things were off.{OFF}")
            return 1
        self.say(f"all stopped cleanly ({time.monotonic() - began:.1f} s)")
        print(f"\n{GOOD}{BOLD}The halves match.{OFF} {time.monotonic() - self.began:.0f} s in all.\n")
        return 0


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--people", type=int, default=int(os.environ.get("PEOPLE", "65000")))
    p.add_argument("--jobs", type=int, default=4, help="imports side by side")
    args = p.parse_args()
    if not os.path.exists(program("tallyctl")):
        print(f"{program('tallyctl')} is not there: run `make demo`, or `make` first", file=sys.stderr)
        return 1
    return Demo(args.people, args.jobs).run()


if __name__ == "__main__":
    sys.exit(main())
