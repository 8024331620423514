import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cluster as cluster_module  # noqa: E402
from oracle import FORMS, Oracle, difference  # noqa: E402
from oracle_sheet import all_of, read_csv_form  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out under the sanitizers")
    config.addinivalue_line("markers", "threads: run under the thread sanitizer too")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


@pytest.fixture
def cluster(request):
    """An empty cluster; cleaned up, and searched for crashes, whatever the test does."""
    made = cluster_module.Cluster()
    yield made
    report = getattr(request.node, "report_call", None)
    failed = report is None or report.failed
    if failed:
        for node in made.nodes():
            if os.path.exists(node.log):
                print(f"---- log of {node.role} {node.origin}\n{node.tail()}")
        for text in made.reports():
            print(text)
    made.close(check=not failed)


@pytest.fixture
def oracle():
    return Oracle()


BRIEF = (("02", "2019", False), ("02", "2019-06", False), ("02", "2019-09", True), ("02", "2019-Q2", False),
         ("03", "2019", False), ("03", "2019-Q3", False))


@pytest.fixture
def same_figures():
    """Compares both forms with the oracle's, cell for cell: a whole year and the years beside it, or (brief, for many
    records) a few periods of each kind."""
    def compare(city, oracle, brief=False):
        wanted = BRIEF
        if not brief:
            wanted = [(form, *p) for form in ("02", "03") for p in [*all_of(FORMS[form].kinds, 2019), ("2018", False), ("2020", False)]]
        for form, period, cumulative in wanted:
            theirs = read_csv_form(city.form(form, period, cumulative))
            wrong = difference(oracle.form(form, period, cumulative), theirs)
            assert not wrong, f"form {form} {period}{' cumulative' if cumulative else ''}: {wrong}"
    return compare
