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


def ordinal(day):
    """The number of a day yyyymmdd, for differences."""
    return day and datetime.date(day // 10000, day // 100 % 100, day % 100).toordinal()


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
        if not re.fullmatch(r"-?\d+(\.\d)?", text):
            raise Bad
        whole, _, tenth = text.lstrip("-").partition(".")
        return (int(whole) * 10 + int(tenth or 0)) * (-1 if text[0] == "-" else 1)
    if kind == "money":
        if not re.fullmatch(r"(\d+|\d{1,3}(,\d{3})+)(\.\d{1,2})?", text):
            raise Bad
        whole, _, cents = text.replace(",", "").partition(".")
        if int(whole) * 100 + int(cents.ljust(2, "0") or 0) > 10**13:
            raise Bad
        return int(whole) * 100 + int(cents.ljust(2, "0"))
    if kind in ("int", "year"):
        if not re.fullmatch(r"\d+", text) or int(text) > 10**12 or kind == "year" and not 1950 <= int(text) <= TODAY.year + 5:
            raise Bad
        return int(text)
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


# ---- rules between fields: each yields the fields at fault; what is absent says nothing ----

def given_when(r, condition, *names):
    for name in names:
        if condition and r[name] is None:
            yield name


def order(r, *names):
    """Dates, in this order; each against the one before it."""
    for before, after in zip(names, names[1:]):
        if r[before] and r[after] and r[after] < r[before]:
            yield after


def at_most(r, *names):
    """Numbers: each not above the one before it."""
    for most, name in zip(names, names[1:]):
        if r[most] is not None and r[name] is not None and r[name] > r[most]:
            yield name


def within(r, low, high, *names):
    for name in names:
        if r[name] is not None and not (low <= r[name] and (high is None or r[name] <= high)):
            yield name


def fits(r, pattern, name):
    if r[name] and not re.fullmatch(pattern, r[name]):
        yield name


def level_rules(r, without):
    if r["kind"] in without:
        if r["level"]:
            yield "level"
    elif r["kind"] and not r["level"]:
        yield "level"


def training_rules(r):
    yield from given_when(r, r["channel"] == "enterprise", "employer")
    yield from given_when(r, r["result"] in ("completed", "withdrawn"), "ended_on")
    yield from order(r, "enrolled_on", "ended_on")
    yield from within(r, 0, 20000, "hours_online", "hours_offline")


def certificate_rules(r):
    yield from level_rules(r, ("special", "newskill", "foreign"))
    yield from order(r, "issued_on", "revoked_on")


def assessment_rules(r):
    yield from level_rules(r, ("special", "newskill"))
    yield from order(r, "registered_on", "sat_on")
    yield from within(r, 0, 1000, "theory", "practice")


HAN = "[\u3400-\u9fff\uf900-\ufaff\U00020000-\U00033fff]"
DOT = "[\u00b7\u2022\u2027\u30fb\uff0e]"
NAME = re.compile(f"{HAN}{{2,4}}|(?=.*{HAN}.*{HAN})(?=.*{DOT})(?:{HAN}|{DOT})+")


def names_alone(parts):
    parts = [p for p in parts if p]
    return bool(parts) and all(NAME.fullmatch(p) for p in parts)


def looks_like_a_name(text):
    """Names and nothing else: spaces inside of them, or between them; marks of a list between them."""
    lists = re.split("[、，；／｜＆＋,;/\\\\|&+]", text)
    return names_alone(re.sub("[ \u3000]", "", p) for p in lists) or names_alone(w for p in lists for w in re.split("[ \u3000]", p))


def apprenticeship_rules(r):
    for name in ("mentor_employer", "mentor_school"):
        if r[name] and (re.search(r"\d{11}", r[name]) or looks_like_a_name(r[name])):
            yield name
    yield from given_when(r, (r["mentor_allowance"] or 0) > 0, "mentor_employer")
    yield from given_when(r, r["status"] and r["status"] != "running", "ended_on")
    if r["certified"] and r["status"] and r["status"] != "completed":
        yield "certified"


def subsidy_rules(r):
    yield from given_when(r, r["purpose"] == "training", "channel")
    pays = {"individual": "person", "enterprise": "unit", "sme": "unit"}.get(r["channel"])
    if pays and r["payee_kind"] and r["payee_kind"] != pays:
        yield "payee_kind"
    yield from given_when(r, r["payee_kind"] == "unit", "payee")
    yield from at_most(r, "claimed", "approved", "paid", "recovered")
    yield from given_when(r, (r["paid"] or 0) > 0, "paid_on")
    yield from given_when(r, (r["recovered"] or 0) > 0, "recovered_on")


def expense_rules(r):
    yield from at_most(r, "spent", "spent_frontline")
    yield from at_most(r, "staff", "staff_frontline")
    yield from given_when(r, r["ownership"] == "state", "growth_skilled", "growth_managers")


def introduction_rules(r):
    yield from fits(r, "[A-Z]{3}", "nationality")
    yield from order(r, "received_on", "decided_on")


def demand_rules(r):
    yield from fits(r, r"(19|20)\d\d-H[12]", "period")
    yield from within(r, 1, 5, "urgency")


LED = ("studio_city", "studio_state", "studio_district", "chief")
RULES = {"training": training_rules, "certificate": certificate_rules, "assessment": assessment_rules,
         "apprenticeship": apprenticeship_rules, "subsidy": subsidy_rules, "expense": expense_rules,
         "introduction": introduction_rules, "demand": demand_rules,
         "organisation": lambda r: order(r, "opened", "closed"),
         "facility": lambda r: given_when(r, r["kind"] in LED, "lead_name", "lead_doc_number"),
         "honour": lambda r: given_when(r, not r["unit"], "name", "doc_type", "doc_number"),
         "contest_entry": lambda r: within(r, 1, None, "rank"),
         "fund": lambda r: at_most(r, "budget", "allotted"),
         "figure": lambda r: fits(r, r"(19|20)\d\d(-Q[1-4]|-(0[1-9]|1[0-2]))?", "period")}
NOTHING = lambda r: ()  # noqa: E731


def identity(record, cells, prefix, bad):
    """The person whom a row names, as `person`, `female` and `birth`; who leads a facility, whom no form counts, with `lead_` before."""
    kind = record[f"{prefix}doc_type"]
    try:
        if kind and record[f"{prefix}doc_number"]:
            number, female = document(kind, cells.get(f"{prefix}doc_number", ""))
            record[f"{prefix}person"] = f"{kind}/{number}"
            record[f"{prefix}female"], record[f"{prefix}birth"] = female, birth_year(kind, number)
    except Bad:
        bad.append(f"{prefix}doc_number")


def birth_year(kind, number):
    """As a document tells it: the resident identity card and the foreign card of 2023 do."""
    if kind == "111":
        return int(number[6:10])
    return int(number[6:10]) if kind == "553" and number[0] == "9" else None


def judge_row(register, cells):
    """cells: {field: text}. (record, fields at fault). Who it is about stands in `person`, `female` and `birth`."""
    record, bad = {"person": None, "female": None, "birth": None}, []
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
    for field in REGISTERS[register]:
        if field.type == "person.doc_number":
            identity(record, cells, field.name[:-len("doc_number")], bad)
    if register == "certificate" and record["kind"] and record["number"]:
        try:
            record["number"] = certificate_number(record["kind"], record["number"])
        except Bad:
            bad.append("number")
    bad += [f for f in RULES.get(register, NOTHING)(record) if f not in bad]
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


KEYS = {r: [row[1] for row in sorted((row for row in _table("registers.tsv") if row[0] == r and row[6:7] > [""]), key=lambda row: int(row[6]))]
        for r in REGISTERS}


def natural_key(register, record):
    """Its parts, in the order of the register's key; a document stands for its person."""
    return tuple(record["person"] if name == "doc_number" else record[name] for name in KEYS[register])


def key_text(register, record):
    """As `retract` wants it."""
    return "/".join("" if v is None else str(v) for v in natural_key(register, record))
