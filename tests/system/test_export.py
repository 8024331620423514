"""The official lay-out: what openpyxl reads from the workbook is what `form show` says, cell for cell, for every form."""

import csv
import io
import os

import openpyxl
import pytest

from cluster import Cluster
from data import Data

DISTRICTS = ["310115", "310101"]
LETTERS = "甲乙丙丁戊"
MISSING, NONE, HELD = "…", "—", "※"
PERIODS = [("01", "2019", ()), ("01", "2019-Q2", ()), ("02", "2019-06", ("--cumulative",)), ("02", "2019-Q2", ()), ("03", "2019", ()),
           ("04", "2019-Q3", ()), ("05", "2019", ()), ("06", "2019", ()), ("07", "2019-H1", ()), ("08", "2019-06", ()), ("08", "2019", ()),
           ("09", "2019", ()), ("10", "2019-H1", ()), ("11", "2019", ()), ("12A", "2019-06", ()), ("12A", "2019", ()), ("12B", "2019", ())]


@pytest.fixture(scope="module")
def city():
    c = Cluster()
    try:
        c.build(DISTRICTS).start()
        data = Data(os.path.join(c.dir, "made"), "--plain", seed=8, people=3000, districts=DISTRICTS, registers="all", broken=0,
                    corrections=0, retractions=0)
        for f in (f for f in data.files if f["rows"]):
            c.districts.get(f["district"], c.city).ctl("import", f["register"], data.path(f))
        c.wait_proven()
        c.wait_folded()
        yield c
    finally:
        c.close()


def lines(node, form, period, words, area, zeros):
    more = ("--zeros",) if zeros else ()
    out = node.ctl("form", "show", form, "--period", period, "--area", area, *words, *more, output="csv").out
    return list(csv.DictReader(io.StringIO(out)))


class Sheet:
    """A sheet taken apart: head lines, columns, {row codes: {measure: what the cell holds}}."""

    def __init__(self, ws):
        self.ws = ws
        first = next(r for r in range(1, 40) if ws.cell(r, 1).value == LETTERS[0])
        numbers = [c.value for c in ws[first]]
        stub = sum(1 for n in numbers if n and n in LETTERS)
        self.first, self.stub, self.measures = first, stub, numbers[stub:]
        self.titles = [c.value for c in ws[first - 1]]
        self.head = [ws.cell(r, c).value for r in range(1, first - 1) for c in range(1, len(numbers) + 1) if ws.cell(r, c).value]
        self.rows, self.labels = {}, []
        r = first + 1
        while ws.cell(r, stub).value is not None:
            codes = ws.cell(r, stub).value
            assert codes not in self.rows, f"{codes} stands twice"
            self.rows[codes] = {m: ws.cell(r, stub + 1 + i) for i, m in enumerate(self.measures)}
            self.labels.append(codes)
            r += 1
        self.foot = [ws.cell(k, 1).value for k in range(r, ws.max_row + 1) if ws.cell(k, 1).value]


def codes_of(line):
    names = list(line)
    return " ".join(line[n] for n in names[3:names.index("measure")])


def expected(line):
    if line["conf_status"] in "CD":
        return HELD
    if line["obs_status"] == "M":
        return MISSING
    return NONE if line["obs_status"] == "_Z" else float(line["value"])


def export(node, where, form, period, *words):
    path = os.path.join(where, f"{form}.xlsx")
    node.ctl("form", "export", form, "--period", period, *words, "--to", path)
    return openpyxl.load_workbook(path)


@pytest.mark.parametrize("form,period,words", PERIODS)
def test_the_workbook_says_what_form_show_says(city, tmp_path, form, period, words):
    book = export(city.city, str(tmp_path), form, period, *words)
    assert book.sheetnames[0] == "上海市" and len(book.sheetnames) == 3
    for ws, area in zip(book, ["310000", *sorted(DISTRICTS)]):
        sheet = Sheet(ws)
        zeros = lines(city.city, form, period, words, area, True)
        means = {codes_of(x) for x in zeros if expected(x) != NONE}
        shown = {codes_of(x) for x in lines(city.city, form, period, words, area, False)}
        few = len({codes_of(x) for x in zeros}) <= 500
        for line in zeros:
            codes = codes_of(line)
            if codes in sheet.rows:
                cell, want = sheet.rows[codes][line["measure"]], expected(line)
                assert cell.value == want, f"{area} {codes} {line['measure']}: {cell.value!r}, form show {line}"
                if not isinstance(want, str):
                    decimals = line["value"].partition(".")[2]
                    assert cell.number_format.partition(".")[2].count("0") == len(decimals), (line, cell.number_format)
            else:
                assert codes not in (means if few else shown), f"{area} {codes} has no row"
        assert {m for r in sheet.rows.values() for m in r} <= {x["measure"] for x in zeros}
        if sheet.labels and not few:
            assert shown == set(sheet.labels)


def test_a_sheet_looks_official(city, tmp_path):
    ws = export(city.city, str(tmp_path), "02", "2019-06", "--cumulative")["浦东新区"]
    sheet = Sheet(ws)
    assert ws["A1"].value == "职业技能培训情况" and any(str(m).startswith("A1:") for m in ws.merged_cells.ranges)
    assert sheet.head[1] == "2019年1—6月"
    for begin in ("表    号：沪技统2号", "制定机关：", "批准机关：", "批准文号：", "有效期至：2030-12-31", "填报单位：浦东新区（310115）", "计量单位：人次"):
        assert sum(str(h).startswith(begin) for h in sheet.head) == 1, (begin, sheet.head)
    assert sheet.titles[:3] == ["培训类型", "补贴通道", "代码"] and sheet.titles[3] == "开办班次"
    assert sheet.stub == 3 and sheet.measures == [str(i) for i in range(1, 16)]
    assert sheet.labels[0] == "_T _T", "totals stand first"
    first = sheet.first + 1
    assert ws.freeze_panes == f"D{first}" and ws.print_title_rows == f"${first - 2}:${first - 1}"
    assert ws.page_setup.orientation == "landscape" and ws.page_setup.paperSize == 9
    assert ws.sheet_properties.pageSetUpPr.fitToPage and ws.page_setup.fitToHeight == 0
    assert "&P" in (ws.oddFooter.center.text or "")
    assert any(MISSING in n and NONE in n and HELD in n for n in sheet.foot), "the signs are explained"
    assert sum(n.startswith("单位负责人：") and "填表人：" in n and "报出日期：" in n for n in sheet.foot) == 1
    # the stub's outer column is joined over the rows that share it
    blocks = [m for m in ws.merged_cells.ranges if m.min_col == m.max_col == 1 and m.min_row >= first]
    assert sum(m.max_row - m.min_row + 1 for m in blocks) == len(sheet.labels)


def test_zero_missing_and_does_not_apply_never_share_a_sign(city, tmp_path):
    found = set()
    for form, period in (("11", "2019"), ("12A", "2019"), ("09", "2019")):
        for ws in export(city.city, str(tmp_path), form, period):
            found |= {c.value for r in Sheet(ws).rows.values() for c in r.values() if isinstance(c.value, str) or c.value == 0}
    assert {0, NONE, HELD} <= found <= {0, NONE, HELD, MISSING}


def test_one_area_and_other_words(city, tmp_path):
    book = export(city.city, str(tmp_path), "05", "2019", "--area", "310101", "--lang", "en")
    assert book.sheetnames == ["Huangpu"]
    ws = book["Huangpu"]
    assert ws["A1"].value.startswith("Bases") or ws["A1"].value
    path = str(tmp_path / "a.csv")
    r = city.city.ctl("form", "export", "05", "--period", "2019", "--to", path, codes=None)
    assert r.code == 2 and "form show" in r.err and not os.path.exists(path)
    r = city.city.ctl("form", "export", "05", "--period", "2019-06", "--to", str(tmp_path / "b.xlsx"), codes=None)
    assert r.code == 2 and "year" in r.err


def test_a_district_prints_its_own(city, tmp_path):
    book = export(city.districts["310101"], str(tmp_path), "02", "2019-06")
    assert book.sheetnames == ["黄浦区"]
    assert Sheet(book["黄浦区"]).rows["_T _T"]["2"].value > 0
    assert not [n for n in os.listdir(city.city.state) if "book" in n or n.endswith(".tmp")], "nothing is left beside the stores"


def feet(book):
    return {ws.title: Sheet(ws).foot for ws in book}


def test_who_signed_stands_below(city, tmp_path):
    node = city.districts["310101"]
    before = feet(export(city.city, str(tmp_path), "02", "2019-06"))
    assert not any("甲子" in n for n in before["黄浦区"])
    node.ctl("return", "sign", "02", "2019-06", "--by", "甲子", "--approve", "乙丑", codes=(0, 1))
    city.wait_folded()
    after = feet(export(city.city, str(tmp_path), "02", "2019-06"))
    line = after["黄浦区"][-1]
    assert line.startswith("单位负责人：乙丑") and "填表人：甲子" in line and "　　年" not in line and "月" in line
    assert after["上海市"] == before["上海市"] and after["浦东新区"] == before["浦东新区"]
    assert not any("又写入" in n for n in after["黄浦区"])
    row = tmp_path / "one.csv"
    row.write_text("uscc,name,kind\n91310101MA1T000136,甲乙,enterprise\n", encoding="utf-8")
    assert node.load("organisation", str(row)) == (1, 0, 0, 0)
    city.wait_folded()
    later = feet(export(city.city, str(tmp_path), "02", "2019-06"))["黄浦区"]
    assert any("又写入 1 条" in n for n in later), later


@pytest.mark.parametrize("form,period,words", [p for p in PERIODS if p[:2] not in (("01", "2019-Q2"), ("08", "2019-06"), ("12A", "2019-06"))])
def test_a_closed_version_prints_the_same(city, tmp_path, form, period, words):
    live = export(city.city, str(tmp_path), form, period, *words)
    closed = city.city.ctl("period", "close", form, period, "--despite", "没有签报", codes=None)
    assert closed.code == 0, closed
    city.wait_folded()
    book = export(city.city, str(tmp_path), form, period, "--version", "1", *words)
    assert book.sheetnames == live.sheetnames
    for ws in book:
        then, now = Sheet(live[ws.title]), Sheet(ws)
        assert now.titles == then.titles and now.labels == then.labels
        assert any("第 1 版" in n for n in now.foot)
        for codes, row in then.rows.items():
            for m, cell in row.items():
                found = now.rows[codes][m].value
                assert found == cell.value or (found in (None, "") and cell.value in (0, NONE)), (ws.title, codes, m, cell.value, found)
