"""Templates as clerks get them: a workbook that openpyxl reads, whose hints an import passes over, and whose lists it takes."""

import csv
import zipfile

import openpyxl
import pytest

from data import Data  # noqa: F401  (the generator's folder becomes importable)
from test_doors import HEAD, record


@pytest.fixture
def node(cluster):
    cluster.build(("310101",)).start()
    return cluster.districts["310101"]


def registers():
    import judge
    return judge.REGISTERS


@pytest.mark.parametrize("lang", ("zh", "en"))
def test_every_register(node, lang):
    for name, fields in registers().items():
        to = f"{node.cluster.dir}/{name}.xlsx"
        assert node.ctl("--lang", lang, "template", name, "--to", to).out == ""
        assert zipfile.ZipFile(to).testzip() is None
        book = openpyxl.load_workbook(to)
        sheet = book.worksheets[0]
        assert [c.value for c in sheet[1]] == [f.zh if lang == "zh" else f.name for f in fields]
        assert sheet["A2"].value.startswith("※") and sheet.freeze_panes == "A3"
        assert [s.sheet_state for s in book.worksheets] == ["visible", "hidden"]
        ruled = {str(r.sqref).split("3:")[0].split(" ")[0].rstrip("0123456789") for r in sheet.data_validations.dataValidation}
        wanted = {openpyxl.utils.get_column_letter(i + 1) for i, f in enumerate(fields) if f.type in ("code", "bool", "person.doc_type")}
        assert ruled == wanted, f"{name}: {ruled ^ wanted}"
        for r in sheet.data_validations.dataValidation:
            column = openpyxl.utils.column_index_from_string(str(r.sqref).split("3:")[0])
            if r.formula1.startswith("codes!"):
                shown = [c[0].value for c in book["codes"][r.formula1.split("!")[1].replace("$", "")]]
            else:
                shown = r.formula1.strip('"').split(",")
            codes = judge_codes(fields[column - 1])
            assert shown == (codes[lang] if codes else {"zh": ["是", "否"], "en": ["yes", "no"]}[lang]), f"{name}: {shown}"
        for i, f in enumerate(fields):
            letter = openpyxl.utils.get_column_letter(i + 1)
            if f.type in ("key", "uscc", "person.doc_number", "person.phone", "text", "month"):
                assert column_format(sheet, letter) == "@", f"{name}.{f.name}"
        # nothing in it yet: hints are no rows
        register_at = "city" if name == "target" else "district"
        if register_at == "district":
            r = node.ctl("--lang", "en", "import", name, to, codes=(1,))
            assert "E011" in r.err, r


def judge_codes(field):
    import judge
    if field.type == "bool":
        return None
    return {"en": judge.CODES[field.codes], "zh": list(judge.TEXTS[field.codes])}


def column_format(sheet, letter):
    for dim in sheet.column_dimensions.values():
        if dim.min <= openpyxl.utils.column_index_from_string(letter) <= dim.max:
            return dim.number_format
    return None


def test_filled_in(node):
    """A row typed below the hints, with texts from the lists, is the same record as in a CSV with codes."""
    to = f"{node.cluster.dir}/t.xlsx"
    node.ctl("--lang", "zh", "template", "training", "--to", to)
    book = openpyxl.load_workbook(to)
    sheet = book.worksheets[0]
    import judge
    fields = {f.name: i + 1 for i, f in enumerate(judge.REGISTERS["training"])}
    lists = {f.name: f.codes for f in judge.REGISTERS["training"]}
    for name, value in record(7).items():
        if name in ("doc_type", "type", "channel", "status_group", "result"):
            value = next(zh for zh, code in judge.TEXTS[lists[name]].items() if code == value)
        sheet.cell(3, fields[name], value)
    book.save(to)
    assert "accepted 1, changed 0, unchanged 0, refused 0" in node.ctl("import", "training", to).out
    path = f"{node.cluster.dir}/t.csv"
    with open(path, "w", encoding="utf-8", newline="") as f:
        w = csv.DictWriter(f, HEAD)
        w.writeheader()
        w.writerow(record(7))
    assert "unchanged 1" in node.ctl("import", "training", path).out
