"""A form that the program has never heard of, written as a file by a statistician: it works like the others."""

import csv
import glob
import os
import random
import shutil

import judge
from cluster import ROOT
from data import Data

DISTRICTS = ("310115", "310117")
CITY = "310000"
FORM = '''# 表十三 按重点领域和重点区域统计的培训与获证
form "13" {
	number      = "沪技统13号"
	title       = "重点领域和重点区域培训获证情况"
	title_en    = "Training and certificates by key field and key area"
	issuer      = "上海市人力资源和社会保障局"
	approver    = "上海市统计局"
	approval    = "待批准"
	valid_until = "2030-12-31"
	unit        = "人次、人、学时"
	unit_en     = "events, persons, hours"
	edition     = "1"
	periods     = {"month", "quarter", "year"}
	cumulative  = true

	dim "programme" { zh = "重点领域" en = "key field" codes = "programme" many = true none = true }
	dim "place" { zh = "重点区域" en = "key area" codes = "area" field = "area" many = true none = true
		rows = {"zhangjiang", "g60", "lingang", "c919"} other = true }

	measure "1" { zh = "结业人次" en = "completions" register = "training" date = "ended_on" where = "result = completed" }
	measure "2" { zh = "结业人数" en = "persons" of = "1" distinct = {"person"} }
	measure "3" { zh = "其中获证人数" en = "with a certificate" of = "1" distinct = {"person"}
		with "certificate" { date = "issued_on" until = "revoked_on" where = "kind != foreign" } }
	measure "4" { zh = "线下学时" en = "hours offline" of = "1" sum = "hours_offline" }
	measure "5" { zh = "人均学时" en = "hours a person" formula = "4" per = "2" }

	check "13-1" { level = "hard" rule = "2 <= 1" zh = "人数不多于人次" en = "persons are at most completions" }
	check "13-2" { level = "hard" rule = "3 <= 2" zh = "" en = "" }
}
'''
ROWS = {"programme": [str(k) for k in range(1, 11)], "area": ["zhangjiang", "g60", "lingang", "c919"]}
LISTED = {"programme": ROWS["programme"], "area": [*ROWS["area"], "zizhu", "metro", "beidou"]}


def tag(path, seed):
    """Gives the trainings of a plain CSV random lists of tags, in the order of their lists."""
    rnd = random.Random(seed)
    with open(path, encoding="utf-8-sig", newline="") as f:
        rows = list(csv.DictReader(f))
    for row in rows:
        for field, codes in LISTED.items():
            some = rnd.sample(codes, rnd.choice((0, 0, 1, 1, 2, 3)))
            row[field] = ";".join(c for c in codes if c in some)
    with open(path, "w", encoding="utf-8", newline="") as f:
        w = csv.DictWriter(f, list(rows[0]))
        w.writeheader()
        w.writerows(rows)


def rows_of(record, field):
    """The rows that a list stands in, and once the total."""
    codes = record[field] or ()
    if not codes:
        return {"_Z", "_T"}
    return {c if c in ROWS[field] else "_O" for c in codes} | {"_T"}


def count(facts, first, last):
    """{(area, programme, place, measure): number} of completions between two days, the slow way."""
    holders = {r["person"] for _, register, r in facts if register == "certificate" and r["kind"] != "foreign"
               and first <= r["issued_on"] <= last and not (r["revoked_on"] and r["revoked_on"] <= last)}
    events, persons, hours = {}, {}, {}
    for district, register, r in facts:
        if register != "training" or r["result"] != "completed" or not first <= r["ended_on"] <= last:
            continue
        for area in (district, CITY):
            for a in rows_of(r, "programme"):
                for b in rows_of(r, "area"):
                    at = (area, a, b)
                    events[at] = events.get(at, 0) + 1
                    persons.setdefault(at, set()).add(r["person"])
                    hours[at] = hours.get(at, 0) + (r["hours_offline"] or 0)
    cells = {}
    for at, n in events.items():
        cells[*at, "1"] = str(n)
        cells[*at, "2"] = str(len(persons[at]))
        if persons[at] & holders:
            cells[*at, "3"] = str(len(persons[at] & holders))
        if hours[at]:
            tenths = hours[at]
            cells[*at, "4"] = f"{tenths // 10}.{tenths % 10}" if tenths % 10 else str(tenths // 10)
            mean = (tenths * 20 + len(persons[at])) // (2 * len(persons[at]))  # hundredths of hours, half up
            cells[*at, "5"] = f"{mean // 100}.{mean % 100:02d}"
    return cells


def shown(city, period, *more):
    out = {}
    for line in csv.reader(city.ctl("form", "show", "13", "--period", period, *more, output="csv").out.splitlines()[1:]):
        if line[6]:
            out[line[2], line[3], line[4], line[5]] = line[6]
    return out


def test_a_form_written_only_as_a_file(cluster):
    forms = f"{cluster.dir}/forms"
    os.mkdir(forms)
    for path in glob.glob(f"{ROOT}/daemon/survey/forms/*"):
        shutil.copy(path, forms)
    with open(f"{forms}/13.form", "w", encoding="utf-8") as f:
        f.write(FORM)
    cluster.settings["aggregator"] = {"forms_dir": forms}
    cluster.build(DISTRICTS).start()
    data = Data(f"{cluster.dir}/data", "--plain", "--dense", seed=13, people=250, districts=DISTRICTS,
                registers=("training", "certificate"), corrections=0.1)
    facts = {}
    for f in sorted(data.files, key=lambda f: "corrections" in f["path"]):
        path = data.path(f)
        if f["register"] == "training":
            tag(path, f["path"])
        cluster.districts[f["district"]].load(f["register"], path)
        for _, record, bad in judge.judge_file(f["register"], path):
            assert not bad
            facts[f["district"], f["register"], judge.natural_key(f["register"], record)] = record
    gone = [k for k in facts if k[1] == "training"][::17]
    for district, register, key in gone:
        cluster.districts[district].ctl("retract", register, "/".join(key), "--reason", "entered twice")
        del facts[district, register, key]
    cluster.wait_folded()

    listed = [(d, register, r) for (d, register, _), r in facts.items()]
    for period, first, last, more in (("2019", 20190101, 20191231, ()), ("2019-Q3", 20190701, 20190931, ()),
                                      ("2019-05", 20190501, 20190531, ()), ("2019-05", 20190101, 20190531, ("--cumulative",))):
        expected, found = count(listed, first, last), shown(cluster.city, period, *more)
        wrong = {k: (expected.get(k), found.get(k)) for k in {*expected, *found} if expected.get(k) != found.get(k)}
        assert expected and not wrong, f"{period}: {len(wrong)} of {len(expected)} cells: {list(wrong.items())[:8]}"
    both = [k for k in count(listed, 20190101, 20191231) if "_T" not in k and "_Z" not in k]
    assert both, "no record had tags of both kinds"
    assert "重点领域" in cluster.city.ctl("form", "show", "13", "--period", "2019", "--lang", "zh").out
    cluster.city.ctl("check", "run", "13", "2019")
    assert "13.form" in cluster.city.ctl("form", "list").out
    cluster.city.ctl("recount")


def test_a_fault_is_told_with_file_and_line(cluster):
    forms = f"{cluster.dir}/forms"
    os.mkdir(forms)
    for words, broken in (("13.form:20: not a code of the field's list: gone", FORM.replace('result = completed', 'result = gone')),
                          ("13.form:20: the field holds several codes", FORM.replace(' many = true none = true }\n\tdim "place"', ' none = true }\n\tdim "place"', 1))):
        with open(f"{forms}/13.form", "w", encoding="utf-8") as f:
            f.write(broken)
        cluster.settings["aggregator"] = {"forms_dir": forms}
        cluster.build(())
        cluster.city.may_fail = True
        cluster.city.spawn()
        assert cluster.city.process.wait(20) == 78
        assert words in cluster.city.tail(), cluster.city.tail()
