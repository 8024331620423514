"""What the tests of closed periods share: closing, looking, and a history of which a part is played before and a part after."""

import re

import pytest

from history import History

CLOSE = ("--despite", "没有签报")
FORMS = (("02", "2019-06"), ("03", "2019"))


def close(city, form, period, *more, **kw):
    return city.ctl("period", "close", form, period, *CLOSE, *more, output="json", **kw)


def revise(city, form, period, cls="routine", reason="迟报"):
    return city.ctl("period", "revise", form, period, "--class", cls, "--reason", reason, output="json").json()


def csv(city, form, period, version=None, *more):
    words = ["form", "show", form, "--period", period, *(["--version", version] if version else []), *more]
    return city.ctl(*words, output="csv").out


def as_closed(live, version):
    """What a version shows of the figures that were live when it was closed."""
    lines = live.replace("\r", "").splitlines()
    return "".join(re.sub(r"(?:,P)?(,[^,]*),live$", lambda m: f"{',A' if m[0].startswith(',P') else ''}{m[1]},{version}", line) + "\n"
                   for line in lines)


def plain(text):
    return text.replace("\r", "")


def live(city, form, period):
    """All that a version keeps: plain, and cumulative where there is."""
    shown = {"": csv(city, form, period)}
    if form == "02" and len(period) == 7 and period[5].isdigit():
        shown["--cumulative"] = csv(city, form, period, None, "--cumulative")
    return shown


def shows(city, form, period, version, then):
    for how, text in then.items():
        found = csv(city, form, period, version, *([how] if how else []))
        assert plain(found) == as_closed(text, version), f"{form} {period} version {version} {how}"
        assert found.count("\n") > 20


class Story:
    """A history over some districts, of which a part is played, then periods closed, then the rest."""

    def __init__(self, cluster, oracle, seed, districts=3, people=50):
        self.cluster, self.oracle = cluster, oracle
        self.history = History(seed, f"{cluster.dir}/data", districts=districts, people=people)
        cluster.build(self.history.districts)

    @property
    def city(self):
        return self.cluster.city

    def play(self, first, last):
        steps = self.history.steps
        n = len(steps)
        self.history.play(self.cluster, self.oracle, steps[int(n * first):int(n * last)])
        self.cluster.wait_folded()


def cells(text):
    """{cell: value} of form show's CSV."""
    rows = [line.split(",") for line in plain(text).splitlines()[1:]]
    return {",".join(r[2:-4]): r[-4] for r in rows}


def positions(city, form, period, version):
    return {p["origin"]: p["position"] for p in city.ctl("period", "show", form, period, "--version", version, output="json").json()["positions"]}


def diff(city, form, period, m, n, **kw):
    return city.ctl("period", "diff", form, period, m, n, "--limit", 100000, output="json", **kw).json()


@pytest.fixture
def story(cluster, oracle):
    s = Story(cluster, oracle, 31)
    cluster.start()
    s.play(0, 0.6)
    return s
