"""A random history over several districts, played to the daemons and to the oracle alike."""

import random

from data import Data, split
from people import SIZE  # the generator's folder is on the path through data

REGISTERS = ("training", "certificate", "person", "assessment")


class History:
    """Steps: ("import", district, register, path) and ("retract", district, register, key, reason).
    Each district has its order; between districts anything goes."""

    def __init__(self, seed, where, districts=4, people=70):
        rnd = random.Random(f"history/{seed}")
        self.districts = sorted(rnd.sample(sorted(SIZE), districts))
        self.data = Data(where, "--dense", seed=seed, people=people, districts=self.districts, registers=REGISTERS,
                         corrections=0.15, retractions=0.06, broken=rnd.randint(0, 3))
        queues = [self.of_district(rnd, d, where) for d in self.districts]
        self.steps = []
        while any(queues):
            queue = rnd.choice([q for q in queues if q])
            self.steps.append(queue.pop(0))

    def of_district(self, rnd, district, where):
        steps, again = [], []
        files = self.data.of(district)
        rnd.shuffle(files)
        for f in files:
            for part in split(self.data.path(f), rnd.randint(1, 3), f"{where}/{district}"):
                steps.append(("import", district, f["register"], part))
                if rnd.random() < 0.2:
                    again.append(steps[-1])  # sends it again, later: what was retracted or corrected comes back as it was
        later = [("import", district, f["register"], self.data.path(f)) for f in self.data.of(district, None, True)]
        later += [("retract", district, *r) for r in self.data.retractions(district)]
        rnd.shuffle(later)
        for step in again:
            later.insert(rnd.randint(0, len(later)), step)
        return steps + later

    def play(self, cluster, oracle, steps=None):
        """Every answer of the daemons must be the oracle's."""
        for what, district, register, *rest in self.steps if steps is None else steps:
            node = cluster.districts[district]
            if what == "import":
                *expected, refused = oracle.take_file(district, register, rest[0])
                codes = (3,) if refused else (0,)
                found = node.load(register, rest[0], codes=codes)
                assert found == (*expected, len(refused)), f"{district} {register} {rest}: {found}, oracle {expected}, {refused}"
            else:
                key, reason = rest
                stood = oracle.retract(district, register, key)
                r = node.ctl("retract", register, key, "--reason", reason, codes=None)
                assert (r.code == 0) == stood, f"retract {district} {register} {key}: stood {stood}, {r}"
