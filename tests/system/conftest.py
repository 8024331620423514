import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cluster as cluster_module  # noqa: E402
from oracle import Oracle, difference, periods, read_csv_form  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out under the sanitizers")
    config.addinivalue_line("markers", "threads: run under the thread sanitizer too")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


# A slow start is not what the tests look for: back-off stays short.
SETTINGS = {"collector": {}, "aggregator": {}}


@pytest.fixture
def cluster(request):
    """An empty cluster; cleaned up, and searched for crashes, whatever the test does."""
    made = cluster_module.Cluster(SETTINGS)
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


@pytest.fixture
def same_figures():
    """Compares every cell of both forms with the oracle's."""
    def compare(city, oracle, year=2019, more=()):
        for form in ("02", "03"):
            for period, cumulative in [*periods(form, year), *((str(year + d), False) for d in (-1, 1)), *more]:
                theirs = read_csv_form(city.form(form, period, cumulative))
                wrong = difference(oracle.form(form, period, cumulative), theirs)
                assert not wrong, f"form {form} {period}{' cumulative' if cumulative else ''}: {wrong}"
    return compare
