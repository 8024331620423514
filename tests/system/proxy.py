"""A TCP proxy of our own between a collector and the aggregator: cuts, stalls, delays, counts, damages."""

import asyncio
import threading


class Proxy:
    def __init__(self, port_to, port):
        self.to, self.port = port_to, port
        self.bytes = 0          # passed on, both ways
        self.connections = 0    # ever taken
        self.delay = 0.0        # seconds for each piece
        self.limit = None       # cut by itself after so many further bytes
        self.damage = False     # flip a bit in the next large piece
        self._open = True
        self._streams = set()
        self._loop = asyncio.new_event_loop()
        self._go = asyncio.Event()
        self._go.set()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", self.port))
        self._loop.call_soon(ready.set)
        self._loop.run_forever()

    async def _connection(self, reader, writer):
        self.connections += 1
        if not self._open:
            writer.transport.abort()
            return
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        self._streams |= {writer, to_writer}
        await asyncio.gather(self._pump(reader, to_writer), self._pump(to_reader, writer))
        self._streams -= {writer, to_writer}

    async def _pump(self, reader, writer):
        try:
            while data := await reader.read(16384):
                await self._go.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                if self.damage and len(data) > 600:
                    self.damage = False
                    data = data[:300] + bytes([data[300] ^ 4]) + data[301:]
                if self.limit is not None:
                    data = data[:self.limit]
                    self.limit -= len(data)
                writer.write(data)
                await writer.drain()
                self.bytes += len(data)
                if self.limit == 0:
                    self._abort()
                    self._open, self.limit = False, None
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    def _abort(self):
        for w in self._streams:
            w.transport.abort()

    def _call(self, fn):
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (fn(), done.set()))
        done.wait()

    def cut(self):
        """Ends every connection and takes no new one."""
        self._open = False
        self._call(self._abort)

    def restore(self):
        self.limit = None
        self._open = True
        self._call(self._go.set)

    def stall(self):
        """Connections stay, nothing moves: what a dead route looks like."""
        self._call(self._go.clear)

    def cut_after(self, n):
        """Cuts in the middle of whatever passes when n more bytes have passed."""
        self.limit = n

    @property
    def is_cut(self):
        return not self._open

    def close(self):
        self.cut()

        async def end():
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            self._loop.stop()
        asyncio.run_coroutine_threadsafe(end(), self._loop)
        self._thread.join(5)
