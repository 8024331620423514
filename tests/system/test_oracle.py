"""Random histories: every cell of both forms, for every area and period of a year, equals the oracle's."""

import os

import pytest

from history import History

SEEDS = int(os.environ.get("TALLY_SEEDS", "50"))
FIRST = int(os.environ.get("TALLY_FIRST_SEED", "1"))


@pytest.mark.threads
@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_random_history(seed, cluster, oracle, same_figures, tmp_path):
    history = History(seed, f"{cluster.dir}/data", districts=3 + seed % 2)
    cluster.build(history.districts).start()
    history.play(cluster, oracle)
    cluster.wait_folded()
    same_figures(cluster.city, oracle)
    cluster.city.ctl("recount")


def test_order_between_districts_does_not_matter(cluster, oracle, same_figures):
    """The same ledgers, sent to the city one after the other in two orders: equal figures."""
    history = History(4711, f"{cluster.dir}/data", districts=4)
    cluster.build(history.districts)
    for d in reversed(history.districts):
        cluster.districts[d].start()
    history.play(cluster, oracle)
    cluster.city.start()
    cluster.wait_folded(60)
    same_figures(cluster.city, oracle)
    cluster.check_equal()
