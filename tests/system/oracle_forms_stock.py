"""Forms of what stands at a point: 01 the skilled, 05 facilities, 06 honours. The numbers of a point are also asked by
form 12A, at the end of a month: each form's stock is a function of a day."""

from judge import CODES
from oracle_sheet import MONEY, NEVER, WHOLE, Form, previous, span

# ---- 01 ----

LEVELS = ("5", "4", "3", "2", "1", "T", "S")  # from the lowest up: their ranks are 1 to 7
EDUCATION = {7: "('11', '14')", 8: "('21')", 9: "('31')", 10: "('41', '44', '47')", 11: "('61', '71', '81')"}
STANDING = """
create temp table {name} as
with held as (
    select person, max(instr('54321TS', level)) as rank from certificate
    where kind in ('qualification', 'level_employer', 'level_social') and level is not null and instr('54321TS', level) > 0
    and issued_on <= :d and coalesce(revoked_on, {never}) > :d and coalesce(valid_until, {never}) >= :d group by person),
facts as (
    select * from (select *, row_number() over (partition by person order by as_of desc, district) as nth from person where as_of <= :d)
    where nth = 1),
latest as (
    select * from (select person, district, row_number() over (partition by person order by issued_on desc, district) as nth
                   from certificate where issued_on <= :d)
    where nth = 1)
select held.person, substr('54321TS', rank, 1) as level, coalesce(facts.district, latest.district) as district,
    female, birth, education, local_hukou, status, :d / 10000 - birth as age
from held join who using (person) join latest using (person) left join facts using (person)
"""


def standing(oracle, name, day):
    """Makes a table of the skilled at a day: each person once, with level, district and facts."""
    oracle.db.execute(f"drop table if exists {name}")
    oracle.db.execute(STANDING.format(name=name, never=NEVER), {"d": day})


def stock_01(oracle, s, day):
    standing(oracle, "standing", day)
    oracle.cube(s, "standing", "1", (), {
        1: "count(*)", 2: "sum(female)", 3: "sum(age <= 35)", 4: "sum(age between 36 and 45)", 5: "sum(age between 46 and 55)",
        6: "sum(coalesce(age, 99) >= 56)", **{m: f"sum(coalesce(education, '') in {codes})" for m, codes in EDUCATION.items()},
        12: "sum(education is null)", 13: "sum(coalesce(local_hukou, 0))", 14: "sum(coalesce(status, '') = 'employed')"})


PLACES = ("select area, row, person from {table} join part using (district) "
          "join member on member.dim = '01/level' and member.code = level")


def form_01(oracle, s):
    s.columns(WHOLE, *range(1, 17))
    stock_01(oracle, s, s.last)
    standing(oracle, "stood", span(previous(s.period))[1])
    now, then = PLACES.format(table="standing"), PLACES.format(table="stood")
    for measure, came, went in ((15, now, then), (16, then, now)):
        for area, row, n in oracle.db.execute(f"select area, row, count(*) from ({came} except {went}) group by area, row").fetchall():
            s.put(area, (row,), measure, n)


Form("01", "quarter year", [("level", LEVELS, {"high": ("3", "2", "1", "T", "S")})], form_01)

# ---- 05 ----

IN_FORCE = f"approved_on <= ? and coalesce(ends_on, {NEVER}) >= ? and coalesce(withdrawn_on, {NEVER}) > ?"


def stock_05(oracle, s, day):
    oracle.cube(s, "facility", IN_FORCE, (day,) * 3, {1: "count(*)", 6: "sum(coalesce(open_to_society, 0))"})


def form_05(oracle, s):
    s.columns(WHOLE, 1, 2, 3, 6)
    s.columns(MONEY, 4, 5)
    stock_05(oracle, s, s.last)
    oracle.cube(s, "facility", "approved_on between ? and ?", s.days, {2: "count(*)", 4: "sum(grant)", 5: "sum(matched)"})
    before = span(previous(s.period))[1]
    oracle.cube(s, "facility", f"(({IN_FORCE}) or approved_on between ? and ?) and not ({IN_FORCE})",
                (*(before,) * 3, *s.days, *(s.last,) * 3), {3: "count(*)"})


Form("05", "year", [("kind", CODES["facility_kind"], {})], form_05)

# ---- 06 ----

TITLES = [t for t in CODES["honour"] if t != "unit"]
HELD = f"title != 'unit' and granted_on <= ? and coalesce(revoked_on, {NEVER}) > ?"


def stock_06(oracle, s, day):
    oracle.db.execute("drop table if exists employed")
    oracle.db.execute("create temp table employed as select person from (select person, status, row_number() over "
                      "(partition by person order by as_of desc, district) as nth from person where as_of <= ?) "
                      "where nth = 1 and status = 'employed'", (day,))
    oracle.cube(s, "honour join who using (person)", HELD, (day, day), {
        1: "count(distinct person)", 3: "count(distinct case when person in (select person from employed) then person end)",
        4: "count(distinct case when female then person end)"})


def form_06(oracle, s):
    s.columns(WHOLE, 1, 2, 3, 4)
    stock_06(oracle, s, s.last)
    oracle.cube(s, "honour", "title != 'unit' and granted_on between ? and ?", s.days, {2: "count(distinct person)"})


Form("06", "year", [("title", TITLES, {"leaders": ("chief", "master_city", "master_state")})], form_06)
