"""Form 12A: targets, out of the other forms. Months are cumulative; stocks are taken at the month's end."""

from judge import CODES
from oracle_forms_sample import form_09
from oracle_forms_stock import stock_01, stock_05, stock_06
from oracle_sheet import FORMS, RATIO, TENTHS, WHOLE, Form, Sheet, months, ratio

COUNTS = ("trained", "bases", "leaders", "studios")
TOTAL = ("_T", "_T")


def other(oracle, s, form, fill, *day):
    """Another form's numbers for the same span, or at its last day."""
    out = Sheet(FORMS[form], s.areas, s.period[:4] if form == "09" else s.period, s.cumulative and form == "02")
    fill(oracle, out, *day)
    return out


def share(of, area, rows, whole, measure):
    """Percent in hundredths, or None."""
    n = of.get(area, whole, measure)
    return ratio(sum(of.get(area, row, measure) for row in rows) * 100, n) if n else None


def actual(oracle, s):
    """(area, target) → a count, or hundredths of a percent; None when it does not apply."""
    two = other(oracle, s, "02", FORMS["02"].fill)
    nine = other(oracle, s, "09", form_09)
    one, five, six = (other(oracle, s, f, fill, s.last) for f, fill in (("01", stock_01), ("05", stock_05), ("06", stock_06)))
    out = {}
    for area in s.areas:
        out[area, "trained"] = two.get(area, TOTAL, 4)
        out[area, "upgrade_share"] = share(two, area, (("upgrade", "_T"), ("newskill", "_T")), TOTAL, 3)
        out[area, "bases"] = five.get(area, ("base",), 1)
        out[area, "studios"] = five.get(area, ("studio_city",), 1)
        out[area, "leaders"] = six.get(area, ("leaders",), 1)
        out[area, "high_share"] = share(one, area, (("high",),), ("_T",), 1)
        out[area, "frontline_share"] = None if nine.marked(area, TOTAL, 12) else nine.get(area, TOTAL, 12)
    return out


def form_12a(oracle, s):
    s.columns(TENTHS, 1)
    s.columns(RATIO, 3, 4, 5)
    s.how[2] = s.how[6] = lambda row: WHOLE if row[0] in COUNTS else RATIO
    targets = {(area, code): value for area, code, value in oracle.db.execute(
        "select area, code, sum(value) from target where year = ? group by area, code", (int(s.period[:4]),))}
    done = actual(oracle, s)
    gone = months(s.period)[2]
    for area in s.areas:
        for m in range(1, 7):
            s.mark(area, ("_T",), m, "_Z")
        for code in CODES["target"]:
            row_of(s, area, code, targets.get((area, code)), done[area, code], gone)


def row_of(s, area, code, target, done, gone):
    row = (code,)
    time = ratio(gone * 100, 12)
    s.put(area, row, 4, time)
    if target is None:
        for m in (1, 3, 5):
            s.mark(area, row, m, "M")
    else:
        s.put(area, row, 1, target)
    if done is None:
        s.mark(area, row, 2, "_Z")
        s.mark(area, row, 6, "_Z")
    else:
        s.put(area, row, 2, done)
        s.put(area, row, 6, (2 * done * 12 + gone) // (2 * gone) if code == "trained" else done)
    if target is None:
        return
    if done is None or target <= 0:
        s.mark(area, row, 3, "_Z")
        s.mark(area, row, 5, "_Z")
        return
    reached = ratio(done * (1000 if code in COUNTS else 10), target)  # targets stand in tenths, shares in hundredths
    s.put(area, row, 3, reached)
    s.put(area, row, 5, reached - time)


Form("12A", "month running year", [("target", CODES["target"], {})], form_12a)
