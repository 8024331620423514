"""The kinds of file that reach an intake: CSV in UTF-8 or GB18030, workbooks, lines of JSON. Standard library and iconv only.

Rows are lists of cells as a clerk writes them in a CSV (amounts with separators stand in quotes already)."""

import json
import re
import subprocess
import zipfile
from xml.sax.saxutils import escape

from style import TYPES

ENDING = {"utf8": ".csv", "gb18030": ".csv", "xlsx": ".xlsx", "ndjson": ".ndjson"}
LARGEST_WORKBOOK = 4000  # rows; a larger one is written as GB18030

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
SHEET, WORKBOOK, STYLES = (f"application/vnd.openxmlformats-officedocument.spreadsheetml.{p}+xml" for p in ("worksheet", "sheet.main", "styles"))
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType='
    '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{WORKBOOK}"/><Override PartName="/xl/s.xml" ContentType="{SHEET}"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{STYLES}"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{OFFICE}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="登记" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{OFFICE}/worksheet" '
    f'Target="s.xml"/><Relationship Id="r2" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
    # style 0 as it comes, 1 text, 2 a date
    "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1">'
    '<border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/><xf numFmtId="49" applyNumberFormat="1"/>'
    '<xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
}
EPOCH = 693594  # ordinal of 1899-12-30, day 0 of a sheet
NUMBER = re.compile(r"\d{1,14}(\.\d)?")


def letters(n):
    return letters(n // 26 - 1) + chr(65 + n % 26) if n > 25 else chr(65 + n)


def bare(cell):
    return cell.strip('"')


def csv(path, style, register, rows):
    end, arrange = style.end, style.arrange(register)
    text = end.join([style.header(register), *[",".join(arrange(cells)) for cells in rows], ""])
    with open(path, "wb") as f:
        f.write((b"\xef\xbb\xbf" if style.bom else b"") + text.encode())


def gb18030(path, style, register, rows):
    csv(path, style, register, rows)
    with open(path, "rb") as f:
        text = f.read().removeprefix(b"\xef\xbb\xbf")
    with open(path, "wb") as f:
        subprocess.run(["iconv", "-f", "utf-8", "-t", "gb18030"], input=text, stdout=f, check=True)


def ndjson(path, style, register, rows):
    """Numbers and booleans as such; what is empty left out, but for the type of a document: without it 111 is meant."""
    header = [bare(h) for h in style.header(register).split(",")]
    arrange, kinds = style.arrange(register), style.arrange(register)(TYPES[register])
    with open(path, "w", encoding="utf-8") as f:
        for cells in rows:
            record = {}
            for name, kind, cell in zip(header, kinds, arrange(cells)):
                if cell or kind == "person.doc_type":
                    record[name] = typed(kind, bare(cell), style)
            f.write(json.dumps(record, ensure_ascii=False) + "\n")


def typed(kind, cell, style):
    if kind == "bool" and cell in (style.yes, style.no):
        return cell == style.yes
    if kind in ("int", "dec1") and NUMBER.fullmatch(cell):
        return float(cell) if "." in cell else int(cell)
    return cell


def xlsx(path, style, register, rows):
    """Dates as date cells at every second district, numbers as numbers, everything else as text."""
    kinds = style.arrange(register)(TYPES[register])
    arrange, columns = style.arrange(register), [letters(i) for i in range(len(kinds))]
    days = {text: day for day, text in style.date.items() if text} if style.crlf or style.shuffled or style.bom else {}

    def cell(at, kind, text):
        if not text:
            return ""
        text = bare(text)
        if kind == "date" and text in days:
            return f'<c r="{at}" s="2"><v>{days[text] - EPOCH}</v></c>'
        if kind in ("int", "dec1") and NUMBER.fullmatch(text):
            return f'<c r="{at}"><v>{text}</v></c>'
        space = ' xml:space="preserve"' if text != text.strip() else ""
        return f'<c r="{at}" s="1" t="inlineStr"><is><t{space}>{escape(text)}</t></is></c>'

    def lines():
        yield 1, ["text"] * len(kinds), style.header(register).split(",")
        for n, cells in enumerate(rows, 2):
            yield n, kinds, arrange(cells)

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
        for name, part in PARTS.items():
            z.writestr(zipfile.ZipInfo(name, (2019, 1, 1, 0, 0, 0)), XML + part)
        with z.open(zipfile.ZipInfo("xl/s.xml", (2019, 1, 1, 0, 0, 0)), "w") as f:
            f.write((XML + f'<worksheet xmlns="{MAIN}"><sheetData>').encode())
            for n, kinds_of, cells in lines():
                inside = "".join(cell(f"{c}{n}", k, t) for c, k, t in zip(columns, kinds_of, cells))
                f.write(f'<row r="{n}">{inside}</row>'.encode())
            f.write(b"</sheetData></worksheet>")


WRITERS = {"utf8": csv, "gb18030": gb18030, "xlsx": xlsx, "ndjson": ndjson}
ORDER = ("utf8", "xlsx", "gb18030", "ndjson")


def of(option, nth, rows):
    """The format of the nth file, by the option --formats."""
    if option != "mixed":
        return option
    wanted = ORDER[nth % 4]
    return "gb18030" if wanted == "xlsx" and rows > LARGEST_WORKBOOK else wanted


def first_line(form):
    """The number of the first row in a file: a header stands before it, except in lines of JSON."""
    return 1 if form == "ndjson" else 2
