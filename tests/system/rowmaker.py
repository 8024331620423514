"""Random good rows out of the register table and the rule table, and every way to spoil one: both tables read as data.

A value is what it means (a day, fen, a code); `spell` writes it as a clerk might, `shown` as `list -o json` must give it back."""

import datetime
import random

import data  # noqa: F401  (the generator's folder becomes importable)
import made_up
from judge import CODES, REGISTERS, TEXTS, _table, half_width

OCCUPATIONS = [row[0] for row in _table("occupations-2022.tsv") if row[1] == "4"]
RULES = {}
for _row in _table("rules.tsv"):
    if _row[0] != "*":
        RULES.setdefault(_row[0], []).append((_row + [""] * 3)[1:7])
PLACES = {r: [(int(row[6]), row[1]) for row in _table("registers.tsv") if row[0] == r and row[6]] for r in REGISTERS}
KEYS = {r: [name for _, name in sorted(places)] for r, places in PLACES.items()}
GB = "甲乙丙丁戊己庚辛壬癸子丑寅卯技能人才班·，。（）《》ＡＢ①ⅢαЖ䶮㐂"
PLAIN = "abcXYZ-_./:;#%&<>'\"\\ ,|"
CHINESE = {codes: {code: zh for zh, code in of.items()} for codes, of in TEXTS.items()}


def text(rnd, most=40):
    """Anything but control characters and runs of digits; it begins and ends with what no trimming takes."""
    inside = "".join(rnd.choice(GB + PLAIN + "0123456789 \u3000\U00020000") for _ in range(rnd.randrange(most)))
    return rnd.choice(GB[:20]) + inside[:198] + rnd.choice(GB[:20])


class Maker:
    """Good rows of one register: make() gives {field: value}, None where it is empty."""

    def __init__(self, register, seed):
        self.register, self.fields = register, REGISTERS[register]
        self.rnd = random.Random(f"{register}/{seed}")
        self.type = {f.name: f.type for f in self.fields}
        self.codes = {f.name: f.codes for f in self.fields}
        self.groups = sorted({f.name[:-8] for f in self.fields if f.type == "person.doc_type"})
        self.made = 0

    def value(self, name):
        rnd, kind, codes = self.rnd, self.type[name], self.codes[name]
        if kind == "key":
            return f"K{self.made:05d}{rnd.choice(('', '-a', '/7', '键'))}"
        if kind == "text" and name.startswith("mentor_"):
            return f"M{text(rnd)}"
        if kind == "text":
            return text(rnd)
        if kind == "date":
            return datetime.date(1990, 1, 1) + datetime.timedelta(rnd.randrange(13000))
        if kind == "year":
            return rnd.randrange(1950, datetime.date.today().year + 5)
        if kind == "int":
            return rnd.choice((0, 1, rnd.randrange(100), rnd.randrange(10**9)))
        if kind == "dec1":
            return rnd.randrange(-500, 10_000)
        if kind == "money":
            return rnd.choice((0, rnd.randrange(10**6), rnd.randrange(10**13)))
        if kind == "code":
            return rnd.choice(CODES[codes])
        if kind == "codes":
            return rnd.sample(CODES[codes], rnd.randrange(1, min(4, len(CODES[codes]))))
        if kind == "uscc":
            return made_up.uscc(rnd.choice(made_up.AREAS), rnd.randrange(100_000), rnd.choice(("91", "52", "12", "N2", "A1", "Y1")))
        if kind == "occ":
            return rnd.choice(OCCUPATIONS)
        assert kind == "bool", kind
        return rnd.random() < 0.5

    def person(self, prefix):
        n = self.made * 7 + len(prefix) + self.rnd.randrange(7)
        number, female = made_up.resident_number(n)
        year = int(number[6:10])
        if n % 9 == 0:
            number = made_up.old_form(number)
        return {f"{prefix}name": made_up.name(n), f"{prefix}doc_type": "111", f"{prefix}doc_number": number,
                f"{prefix}sex": "female" if female else "male", f"{prefix}birth_year": year}

    def make(self):
        self.made += 1
        row = {f.name: None for f in self.fields}
        for prefix in self.groups:
            row.update({f"{prefix}sex": None, f"{prefix}birth_year": None})
            if self.needed(f"{prefix}name") or self.rnd.random() < 0.6:
                row.update(self.person(prefix))
        for f in self.fields:
            if not f.type.startswith("person.") and (self.needed(f.name) or self.rnd.random() < 0.6):
                row[f.name] = self.value(f.name)
        if "phone" in row and self.rnd.random() < 0.5:
            row["phone"] = f"100{self.rnd.randrange(10**8):08d}"
        for _ in range(6):  # one rule may wake another
            for rule in RULES.get(self.register, ()):
                self.obey(row, *rule)
        return row

    def needed(self, name):
        return next(f.required for f in self.fields if f.name == name) == "y"

    def give(self, row, name):
        if row[name] is None and self.type[name].startswith("person."):
            row.update(self.person(name[:name.rindex(self.type[name][7:])]))
        elif row[name] is None:
            row[name] = self.value(name)

    def obey(self, row, field, _, check, *arg):
        """Makes the rule hold."""
        rnd = self.rnd
        other = row.get(arg[0])
        listed = other is not None and other in arg[1].split(";")
        if (check == "required_when" and listed) or (check == "required_unless" and other is not None and not listed) or \
                (check == "required_without" and other is None) or (check == "required_above" and (other or 0) > int(arg[1] or 0)):
            self.give(row, field)
        elif check == "empty_when" and listed:
            row[field] = None
        elif check == "true_when" and not listed and row[field]:
            row[field] = None
        elif check == "one_when" and listed:
            row[field] = rnd.choice(arg[2].split(";"))
        elif row[field] is not None:
            self.bound(row, field, check, arg, other)

    def bound(self, row, field, check, arg, other):
        """Rules about a value that is there."""
        rnd = self.rnd
        if check == "not_before" and other and row[field] < other:
            row[field] = other + datetime.timedelta(rnd.randrange(3))
        elif check in ("not_above", "at_least_when") and other is not None:
            row[field] = min(row[field], other) if check == "not_above" else max(row[field], other)
        elif check == "between":
            scale = 10 if self.type[field] == "dec1" else 1
            row[field] = max(row[field], int(arg[0]) * scale)
            row[field] = min(row[field], int(arg[1]) * scale) if arg[1] else row[field]
        elif check == "capitals":
            row[field] = "".join(rnd.choice("ABCDEFXYZ") for _ in range(int(arg[0])))
        elif check == "period":
            row[field] = "2019" + rnd.choice({"Y": ("",), "H": ("-H1", "-H2"), "Q": ("-Q1", "-Q4"), "M": ("-01", "-12")}[rnd.choice(arg[0].split(";"))])
        elif check == "occupations":
            row[field] = ";".join(rnd.sample(OCCUPATIONS, 2))
        elif check == "certificate" and not row.get("numbered"):
            row["numbered"] = True
            self.certificate(row)

    def certificate(self, row):
        level = row["level"] or "4"
        if level in ("T", "S", "8", "9") and row["kind"] == "qualification":
            level = row["level"] = "3"
        if row["kind"] not in ("special", "newskill", "foreign"):
            row["level"] = level
        row["number"] = made_up.certificate_number(row["kind"], "310101", row["issued_on"].year, level, self.made)


def spell(rnd, kind, codes, value):
    """The text of a cell: one of the ways that are allowed."""
    if value is None:
        return ""
    out = str(value)
    if kind == "date":
        out = rnd.choice((value.isoformat(), f"{value.year}/{value.month}/{value.day}", f"{value.year}.{value.month}.{value.day}",
                          value.strftime("%Y%m%d"), f"{value.year}年{value.month}月{value.day}日"))
    elif kind == "dec1":
        out = f"{'-' if value < 0 else ''}{abs(value) // 10}" + (f".{abs(value) % 10}" if value % 10 or rnd.random() < 0.3 else "")
    elif kind == "money":
        out = rnd.choice((f"{value // 100}.{value % 100:02d}", f"{value // 100:,}.{value % 100:02d}"))
        if value % 100 == 0 and rnd.random() < 0.5:
            out = out[:-3]
    elif kind == "bool":
        out = rnd.choice(("1", "是", "yes", "true") if value else ("0", "否", "no", "false"))
    elif kind in ("code", "person.doc_type"):
        out = rnd.choice((value, CHINESE[codes][value]))
    elif kind == "codes":
        out = ";".join(rnd.choice((v, CHINESE[codes][v])) for v in value)
    elif kind in ("uscc", "person.doc_number") and rnd.random() < 0.1:
        out = "".join(chr(ord(c) + 0xFEE0) for c in out.lower())
    return rnd.choice((" ", "\u3000")) + out + "  " if rnd.random() < 0.05 else out


def shown(kind, codes, value):
    """What `list -o json` says of it."""
    if value is None:
        return None
    if kind == "date":
        return value.isoformat()
    if kind in ("money", "dec1"):
        return value / (100 if kind == "money" else 10)
    if kind == "bool":
        return int(value)
    if kind == "codes":
        return ";".join(c for c in CODES[codes] if c in value)
    return half_width(value) if kind == "text" else value


def expected(maker, row):
    """The record without its key, position and pids."""
    out = {}
    for f in maker.fields:
        if not f.type.startswith("person."):
            out[f.name] = shown(f.type, f.codes, row[f.name])
    for prefix in maker.groups:
        out[f"{prefix}sex"], out[f"{prefix}birth_year"] = row[f"{prefix}sex"], row[f"{prefix}birth_year"]
    return out


# ---- ways to be wrong: (what is changed, {field: text}) → (code, field) ----

BAD = {  # type → [(text, code)]
    "date": [("2019-02-30", "E105"), ("1949-12-31", "E106")],
    "year": [("19", "E112"), ("2090", "E112")],
    "int": [("1.5", "E109"), ("1000000000001", "E114")],
    "dec1": [("1.25", "E110"), ("100000000000.1", "E114")],
    "money": [("12.345", "E107"), ("100000000000.01", "E108")],
    "bool": [("maybe", "E111")],
    "code": [("no such", "E301")],
    "codes": [("no such", "E301")],
    "uscc": [("91310101MA1T00013", "E211"), ("91310101MA1T000137", "E212"), (None, "E213")],
    "occ": [("6-31", "E303"), ("9-99-99-99", "W301")],
    "text": [("甲\x01", "E103"), ("甲" * 201, "E104")],
    "key": [("甲\x01", "E103"), ("甲" * 201, "E104")],
    "person.name": [("甲" * 65, "E201")],
    "person.doc_type": [("999", "E301")],
    "person.doc_number": [("31010119030105001", "E202"), ("990101190301050011", "E203"), ("310101190302300012", "E204"),
                          ("310101190301050016", "E205")],
    "person.phone": [("1" * 201, "E104")],
}


def no_department():
    """A credit code whose first character is none of the departments, with a right check character."""
    return made_up.uscc("310101", 7, "B1")


def check_digits_of(code):
    """E203 and E204 want numbers whose other parts are right."""
    front = {"E203": "99010119030105001", "E204": "31010119030230001"}[code]
    return front + made_up.CHECK[sum(int(c) * w for c, w in zip(front, made_up.WEIGHTS)) % 11]


def bad_values(maker):
    """(cells as texts, code, field) for each field by its type, and each that is required."""
    for f in maker.fields:
        for text_, code in BAD[f.type]:
            if code == "E213":
                text_ = no_department()
            if code in ("E203", "E204"):
                text_ = check_digits_of(code)
            yield {f.name: text_}, code, f.name
        if f.required == "y":
            yield {f.name: ""}, "E101", f.name


def broken_rules(maker, register):
    """(cells as texts, code, field) for each row of the rule table: the rule's own words turned round."""
    for field, code, check, *arg in RULES.get(register, ()):
        first = arg[1].split(";")[0]
        listed = set(arg[1].split(";"))
        other = next((c for c in CODES.get(maker.codes.get(arg[0], ""), ()) if c not in listed), None)
        day, amount = "2019-03-01", "5"
        changes = {
            "required_when": lambda: {arg[0]: first, field: ""},
            "required_unless": lambda: {arg[0]: other, field: ""},
            "required_without": lambda: {arg[0]: "", field: ""},
            "required_above": lambda: {arg[0]: amount, field: ""},
            "empty_when": lambda: {arg[0]: first, field: "4"},
            "true_when": lambda: {arg[0]: other, field: "1"},
            "one_when": lambda: {arg[0]: first, field: next(c for c in CODES[maker.codes[field]] if c not in arg[2].split(";"))},
            "not_before": lambda: {arg[0]: day, field: "2019-02-28"},
            "not_above": lambda: {arg[0]: amount, field: "6"},
            "at_least_when": lambda: {arg[1]: arg[2].split(";")[0], arg[0]: amount, field: "4"},
            "between": lambda: {field: str(int(arg[1]) + 1) if arg[1] else str(int(arg[0]) - 1)},
            "certificate": lambda: {"kind": "qualification", "level": "4", field: "12345678901234"},
            "age": lambda: {arg[0]: day},
            "period": lambda: {field: "2019年"},
            "capitals": lambda: {field: "de"},
            "occupations": lambda: {field: "焊工"},
            "no_document": lambda: {field: "M13800000001"},
            "no_name": lambda: {field: maker.rnd.choice(("甲乙", "甲\u3000乙", "甲乙、丙丁戊/己庚", "\U00020000乙", "甲•乙丙丁戊"))},
        }[check]()
        for prefix in maker.groups:
            if check.startswith("required") and field.startswith((f"{prefix}name", f"{prefix}doc_")):
                changes.update({f"{prefix}{part}": "" for part in ("name", "doc_type", "doc_number")})
        yield changes, code, field


def broken_identities(maker):
    """An identity is whole, or absent where that is allowed."""
    for prefix in maker.groups:
        if not maker.needed(f"{prefix}name"):
            given = {"unit": made_up.uscc("310101", 8)} if "unit" in maker.type else {}
            yield {f"{prefix}name": "", **given}, "E207", f"{prefix}name"
        yield {f"{prefix}doc_type": "553", f"{prefix}doc_number": "DEU310010301051"[:14] + "9"}, "W201", f"{prefix}doc_number"


def broken_numbers(register):
    """What a certificate's number says and the row does not."""
    if register == "certificate":
        number = "S000031000123219000045"  # of 2021, level 9
        base = {"kind": "level_social", "level": "9", "issued_on": "2021-01-01", "revoked_on": "", "valid_until": ""}
        yield {**base, "number": number, "issued_on": "2020-01-01"}, "W221", "number"
        yield {**base, "number": number, "level": "4"}, "W222", "number"
        yield {**base, "number": number.replace("31", "32", 1)}, "W223", "number"


def soft_uscc(maker):
    """A credit code that is right, around an organisation code that is not."""
    body = "91310101MXT000070"
    body = body[:-1] + "X" if made_up.uscc("310101", 7)[16] != "X" else body
    check = (31 - sum(made_up.ALPHABET.index(c) * w for c, w in zip(body, made_up.USCC_WEIGHTS)) % 31) % 31
    for f in maker.fields:
        if f.type == "uscc":
            yield {f.name: body + made_up.ALPHABET[check]}, "W211", f.name


def spoilt(maker):
    """[(cells as texts, code, field)]: everything that can be wrong with a row of this register."""
    return [*bad_values(maker), *broken_rules(maker, maker.register), *broken_identities(maker), *broken_numbers(maker.register), *soft_uscc(maker)]
