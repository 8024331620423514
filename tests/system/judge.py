"""Which rows are good: validation.md of the design, written a second time and independently of the C.

judge_file() reads a CSV file as a clerk wrote it and yields (line, record or None, fields at fault)."""

import csv
import datetime
import functools
import io
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _table(name):
    with open(os.path.join(ROOT, "proto", name), encoding="utf-8") as f:
        return [line.rstrip("\n").split("\t") for line in f if line.strip() and not line.startswith("#")]


class Field:
    def __init__(self, row):
        _, self.name, self.zh, self.type, self.required, self.codes, *_ = row + [""] * 7


REGISTERS = {}
for _row in _table("registers.tsv"):
    REGISTERS.setdefault(_row[0], []).append(Field(_row))
CODES, TEXTS = {}, {}
for _row in _table("codes.tsv"):
    CODES.setdefault(_row[0], []).append(_row[1])
    TEXTS.setdefault(_row[0], {})[_row[2]] = _row[1]

TODAY = datetime.date.today()


class Bad(Exception):
    pass


def half_width(text):
    if text.isascii():
        return text.strip(" \t")
    out = []
    for c in text:
        if 0xFF10 <= ord(c) <= 0xFF19 or 0xFF21 <= ord(c) <= 0xFF3A or 0xFF41 <= ord(c) <= 0xFF5A:
            c = chr(ord(c) - 0xFEE0)
        out.append(c)
    return "".join(out).strip(" \t\u3000")


def parse_date(text):
    m = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})|(\d{4})/(\d{1,2})/(\d{1,2})|(\d{4})\.(\d{1,2})\.(\d{1,2})|"
                     r"(\d{4})(\d{2})(\d{2})|(\d{4})年(\d{1,2})月(\d{1,2})日", text)
    if not m:
        raise Bad
    y, mo, d = (int(g) for g in m.groups() if g is not None)
    try:
        datetime.date(y, mo, d)
    except ValueError:
        raise Bad from None
    if not 1950 <= y <= TODAY.year + 5:
        raise Bad
    return y * 10000 + mo * 100 + d


WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
PROVINCES = {int(p) for p in (
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83").split()}


def gb11643(number):
    if not re.fullmatch(r"\d{17}[\dX]", number):
        raise Bad
    if "10X98765432"[sum(int(c) * w for c, w in zip(number, WEIGHTS)) % 11] != number[17]:
        raise Bad
    try:
        birth = datetime.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise Bad from None
    if birth > TODAY:
        raise Bad
    return int(number[16]) % 2 == 0


def document(kind, number):
    """(canonical number, female or None)"""
    number = half_width(number).upper()
    if kind == "111":
        if re.fullmatch(r"\d{15}", number):
            number = number[:6] + "19" + number[6:]
            number += "10X98765432"[sum(int(c) * w for c, w in zip(number, WEIGHTS)) % 11]
        female = gb11643(number)
        if int(number[:2]) not in PROVINCES:
            raise Bad
        return number, female
    if kind == "553":
        if re.fullmatch(r"9\d{16}[\dX]", number):
            return number, gb11643(number)
        if re.fullmatch(r"[A-Z]{3}\d{12}", number):
            return number, None
        raise Bad
    pattern = {"516": r"[HM]\d{8}(\d\d)?", "511": r"\d{8}", "414": r"[A-Z0-9]{5,17}", "990": r".{3,40}"}[kind]
    if not re.fullmatch(pattern, number):
        raise Bad
    return (number[:9] if kind == "516" else number), None


ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def credit_code(text):
    text = half_width(text).upper()
    if not re.fullmatch(f"[{ALPHABET}]{{18}}", text):
        raise Bad
    s = sum(ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(text[:17]))
    if ALPHABET[(31 - s % 31) % 31] != text[17]:
        raise Bad
    return text


def certificate_number(kind, text):
    text = half_width(text)
    if kind == "qualification":
        if re.fullmatch(r"\d{13}", text):
            text = "000" + text
        ok = re.fullmatch(r"\d{16}", text)
    elif kind in ("level_employer", "level_social"):
        ok = re.fullmatch(("Y" if kind == "level_employer" else "S") + r"[0-9A-Z]{21}", text)
    else:
        ok = re.fullmatch(r".{1,40}", text)
    if not ok:
        raise Bad
    return text


@functools.lru_cache(1 << 16)
def cell(kind, codes, text):
    """The value of one cell, by its field's type and code list: None when empty."""
    if kind in ("text", "key", "person.name", "person.phone"):
        text = text.strip(" \t\u3000")
        if len(text) > (64 if kind == "person.name" else 200):
            raise Bad
        return text or None
    text = half_width(text)
    if not text:
        return None
    if kind == "date":
        return parse_date(text)
    if kind in ("code", "person.doc_type"):
        return code(codes, text)
    if kind == "codes":
        return frozenset(code(codes, half_width(t)) for t in text.split(";"))
    if kind == "uscc":
        return credit_code(text)
    if kind == "occ":
        if not re.fullmatch(r"\d-\d\d-\d\d-\d\d", text):
            raise Bad
        return text
    if kind == "dec1":
        if not re.fullmatch(r"\d+(\.\d)?", text):
            raise Bad
        whole, _, tenth = text.partition(".")
        return int(whole) * 10 + int(tenth or 0)
    if kind == "money":
        if not re.fullmatch(r"(\d+|\d{1,3}(,\d{3})+)(\.\d{1,2})?", text):
            raise Bad
        return text
    if kind == "bool":
        if text.lower() not in BOOLEANS:
            raise Bad
        return BOOLEANS[text.lower()]
    return text


BOOLEANS = {"1": 1, "0": 0, "是": 1, "否": 0, "yes": 1, "no": 0, "true": 1, "false": 0}


def code(name, text):
    if text in CODES[name]:
        return text
    if text in TEXTS[name]:
        return TEXTS[name][text]
    raise Bad


# ---- rules between fields: each yields the fields at fault ----

def training_rules(r):
    if r["channel"] == "enterprise" and not r["employer"]:
        yield "employer"
    if r["result"] in ("completed", "withdrawn") and not r["ended_on"]:
        yield "ended_on"
    if r["ended_on"] and r["enrolled_on"] and r["ended_on"] < r["enrolled_on"]:
        yield "ended_on"
    for name in ("hours_online", "hours_offline"):
        if (r[name] or 0) > 20000:
            yield name


def certificate_rules(r):
    if r["kind"] in ("special", "newskill", "foreign"):
        if r["level"]:
            yield "level"
    elif r["kind"] and not r["level"]:
        yield "level"
    if r["revoked_on"] and r["issued_on"] and r["revoked_on"] < r["issued_on"]:
        yield "revoked_on"


def assessment_rules(r):
    if r["kind"] in ("special", "newskill"):
        if r["level"]:
            yield "level"
    elif r["kind"] and not r["level"]:
        yield "level"
    if r["sat_on"] and r["registered_on"] and r["sat_on"] < r["registered_on"]:
        yield "sat_on"
    for name in ("theory", "practice"):
        if (r[name] or 0) > 1000:
            yield name


RULES = {"training": training_rules, "certificate": certificate_rules, "assessment": assessment_rules,
         "person": lambda r: ()}


def judge_row(register, cells):
    """cells: {field: text}. (record, fields at fault); the record's person is in `person` and `female`."""
    record, bad = {}, []
    for field in REGISTERS[register]:
        text = cells.get(field.name, "")
        if register == "person" and field.name == "doc_type" and field.name not in cells:
            text = "111"
        try:
            value = cell(field.type, field.codes, text)
        except Bad:
            value = None
            bad.append(field.name)
        else:
            if value is None and field.required == "y":
                bad.append(field.name)
        record[field.name] = value
    kind = record["doc_type"]
    try:
        if kind and "doc_number" not in bad:
            number, record["female"] = document(kind, cells.get("doc_number", ""))
            record["person"] = f"{kind}/{number}"
    except Bad:
        bad.append("doc_number")
    if register == "certificate" and record["kind"] and record["number"]:
        try:
            record["number"] = certificate_number(record["kind"], record["number"])
        except Bad:
            bad.append("number")
    bad += [f for f in RULES[register](record) if f not in bad]
    return record, bad


def judge_file(register, path):
    with open(path, "rb") as f:
        text = f.read().decode("utf-8-sig")
    reader = csv.reader(io.StringIO(text, newline=""))
    names = {f.zh: f.name for f in REGISTERS[register]}
    header = [names.get(h.strip(), h.strip()) for h in next(reader)]
    for line, row in enumerate(reader, 2):
        record, bad = judge_row(register, dict(zip(header, row)))
        yield line, record, bad


KEY = {"training": lambda r: r["enrolment_no"], "certificate": lambda r: r["number"],
       "assessment": lambda r: r["assessment_no"], "person": lambda r: f"{r['person']}/{r['as_of']}"}
