"""What a process and all that it starts use: memory at its peak, time of the cores."""

import os
import threading
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
EVERY = 0.5  # seconds between two looks


class Watch:
    """Looks at this process and its descendants while a `with` block runs (Linux).

    peak: bytes resident at once, pages that processes share counted for each, so no less than what was used.
    cores: seconds of processor time; of a process that ends between two looks the last of them is missing.
    """

    def __enter__(self) -> "Watch":
        self.peak, self._seconds, self._before = 0, {}, {}
        self._look()
        self._before, self.peak = dict(self._seconds), 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    @property
    def cores(self) -> float:
        return sum(self._seconds.values()) - sum(self._before.values())

    def _run(self) -> None:
        while not self._done.wait(EVERY):
            self._look()

    def _look(self) -> None:
        parents: dict[int, int] = {}
        times: dict[int, float] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue  # it ended meanwhile
                parents[int(entry.name)] = int(fields[1])
                times[int(entry.name)] = (int(fields[11]) + int(fields[12])) / TICKS
        resident = 0
        for pid in parents:
            if self._mine(pid, parents):
                self._seconds[pid] = times[pid]
                try:
                    resident += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
                except OSError:
                    continue
        self.peak = max(self.peak, resident)

    @staticmethod
    def _mine(pid: int, parents: dict[int, int]) -> bool:
        while pid > 1:
            if pid == os.getpid():
                return True
            pid = parents.get(pid, 0)
        return False
