"""Forms of what happened in a period: 02 training, 03 assessment, 04 apprenticeship, 07 contests, 08 subsidies,
12B introduction."""

from judge import CODES
from oracle_sheet import MONEY, NEVER, RATIO, TENTHS, WHOLE, Form, ratio

LEVELS = ("5", "4", "3", "2", "1", "T", "S")


def form_02(oracle, s):
    s.columns(WHOLE, *range(1, 14))
    s.columns(TENTHS, 14, 15)
    oracle.cube(s, "training", "enrolled_on between ? and ?", s.days, {1: "count(distinct district || '/' || class_no)", 2: "count(*)"})
    sums = {7: "groups like '%;migrant;%'", 8: "status_group = 'unemployed'", 9: "status_group = 'employed'", 10: "status_group = 'student'",
            11: "status_group = 'other'", 12: "groups like '%;veteran;%'", 13: "groups like '%;disabled;%'", 14: "hours_online",
            15: "hours_offline"}
    done = "result = 'completed' and ended_on between ? and ?"
    oracle.cube(s, "training join who using (person)", done, s.days,
                {3: "count(*)", 4: "count(distinct person)", 6: "sum(female)", **{m: f"sum({e})" for m, e in sums.items()}})
    holders = ("person in (select person from certificate where issued_on between ? and ? "
               f"and coalesce(revoked_on, {NEVER}) > ?)")
    oracle.cube(s, "training", f"{done} and {holders}", (*s.days, *s.days, s.last), {5: "count(distinct person)"})


Form("02", "month cumulative quarter year", [("type", CODES["training_type"], {}), ("channel", CODES["channel"], {})], form_02)


def form_03(oracle, s):
    s.columns(WHOLE, *range(1, 7))
    oracle.cube(s, "assessment", "registered_on between ? and ?", s.days, {1: "count(*)"})
    oracle.cube(s, "assessment", "sat_on between ? and ? and result in ('failed', 'passed')", s.days,
                {2: "count(*)", 3: "sum(result = 'passed')"})
    rows = ("case when source = 'contest' then 'contest' else kind end", "coalesce(level, '_Z')")
    oracle.cube(s, "certificate", "kind != 'foreign' and issued_on between ? and ?", s.days,
                {4: "count(*)", 5: "count(distinct person)"}, rows)
    oracle.cube(s, "certificate", "kind != 'foreign' and revoked_on between ? and ?", s.days, {6: "count(*)"}, rows)


Form("03", "quarter year", [("kind", CODES["assessment_kind"], {}), ("level", (*LEVELS, "_Z"), {})], form_03)


def form_04(oracle, s):
    s.columns(WHOLE, *range(1, 11), 13)
    s.columns(MONEY, 11, 12)
    ended = f"coalesce(ended_on, {NEVER})"
    real = f"{ended} >= started_on"  # a contract that ends before it begins is in no stock
    oracle.cube(s, "apprenticeship", f"{real} and started_on < ? and {ended} >= ?", (s.first, s.first), {1: "count(*)"})
    oracle.cube(s, "apprenticeship", "started_on between ? and ?", s.days,
                {2: "count(*)", 11: "sum(subsidy)", 12: "sum(mentor_allowance)"})
    oracle.cube(s, "apprenticeship", "status = 'completed' and ended_on between ? and ?", s.days,
                {3: "count(*)", 4: "sum(certified)"})
    oracle.cube(s, "apprenticeship", "status = 'left' and ended_on between ? and ?", s.days, {5: "count(*)"})
    oracle.cube(s, "apprenticeship", f"{real} and started_on <= ? and {ended} > ?", (s.last, s.last), {6: "count(*)", 13: "sum(insured)"})
    oracle.cube(s, "apprenticeship", f"{real} and started_on <= ? and {ended} >= ?", (s.last, s.first), {
        7: "count(distinct employer)", 8: "count(distinct school)",
        9: "count(distinct employer || '/' || mentor_employer)", 10: "count(distinct school || '/' || mentor_school)"})


Form("04", "quarter year", [("scheme", CODES["apprenticeship_scheme"], {}), ("level", CODES["level"], {})], form_04)


def form_07(oracle, s):
    s.columns(WHOLE, *range(1, 6))
    oracle.cube(s, "contest_entry", "held_on between ? and ?", s.days, {
        1: "count(distinct contest)", 2: "count(*)", 3: "count(distinct case when award is not null then person end)",
        4: "count(promoted_level)", 5: "count(distinct case when national_squad then person end)"})


Form("07", "half year", [("tier", CODES["contest_tier"], {}), ("series", (*CODES["contest_series"], "_Z"), {})], form_07)


def form_08(oracle, s):
    s.columns(WHOLE, 1, 7, 8, 9)
    s.columns(MONEY, 2, 3, 4, 5, 6, 10)
    oracle.cube(s, "subsidy", "claimed_on between ? and ?", s.days, {1: "count(*)", 2: "sum(claimed)"})
    oracle.cube(s, "subsidy", "decided_on between ? and ?", s.days, {3: "sum(approved)", 9: "sum(status = 'refused')"})
    oracle.cube(s, "subsidy", "paid_on between ? and ?", s.days, {
        4: "sum(paid)", 7: "count(distinct person)", 8: "count(distinct case when payee_kind = 'unit' then payee end)"})
    oracle.cube(s, "subsidy", "recovered_on between ? and ?", s.days, {5: "sum(recovered)"})
    for area, row, _ in list(s.values):
        s.put(area, row, 6, s.get(area, row, 4) - s.get(area, row, 5))
    if s.kind == "year":
        oracle.cube(s, "fund", "year = ?", (int(s.period),), {10: "sum(budget)"})
    else:
        s.state[10] = "_Z"


Form("08", "month cumulative year", [("source", CODES["fund_source"], {}), ("purpose", CODES["subsidy_purpose"], {})], form_08)


def form_12b(oracle, s):
    s.columns(WHOLE, 1, 2, 3)
    s.columns(RATIO, 4)
    oracle.cube(s, "introduction", "received_on between ? and ?", s.days, {1: "count(*)"})
    oracle.cube(s, "introduction", "decided_on between ? and ?", s.days, {
        2: "count(*)", 3: "sum(decision = 'granted')", 4: "sum(days(decided_on) - days(received_on))"})
    s.state[4] = "_Z"
    for area, row in {k[:2] for k in s.values if k[2] == 2}:
        s.put(area, row, 4, ratio(s.get(area, row, 4), s.get(area, row, 2)))
        s.mark(area, row, 4, "")


Form("12B", "month cumulative year", [("route", CODES["introduction_route"], {}), ("basis", CODES["introduction_basis"], {})], form_12b)
