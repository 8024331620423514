"""An import that never ends, while something else is measured: the same records, changed and changed back, so that the city stays as
large as it is."""

import threading

from cluster import wait_for


class Stir(threading.Thread):
    """`with Stir(node, register, paths):` loads the paths in turn; it begins when the first has been taken in."""

    def __init__(self, node, register, paths):
        super().__init__()
        self.node, self.register, self.paths, self.ended, self.times = node, register, paths, threading.Event(), 0

    def run(self):
        while not self.ended.is_set():
            self.node.load(self.register, self.paths[self.times % len(self.paths)])
            self.times += 1

    def __enter__(self):
        self.start()
        wait_for("an import to run", lambda: self.times, 120)
        return self

    def __exit__(self, *_):
        ran = self.is_alive()
        self.ended.set()
        self.join()
        assert ran, "the import ended before what was measured"
