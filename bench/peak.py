"""peak.py: how much memory a training takes at its peak, in a backend with its parallel workers and in a process of Python.

Both begin to count at what the process held before: the data of the peers' matrices and their libraries are not in it, and
neither is PostgreSQL's buffer cache.
"""
import contextlib
import multiprocessing
import pathlib
import threading

INTERVAL = 0.005  # seconds between two looks at the server


def status(pid, key):
    """A number of /proc/<pid>/status in bytes; 0 of a process that has gone."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key + ":")), 0)


def children(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def works_for(pid, backend):
    try:
        return f"parallel worker for PID {backend}" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def shared_segments():
    """Bytes of PostgreSQL's dynamic shared memory that have pages."""
    total = 0
    for path in pathlib.Path("/dev/shm").glob("PostgreSQL.*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_blocks * 512
    return total


class Watch:
    """with Watch(server) as watch: …; then watch.bytes is the most that the session, its workers and their segments took."""

    def __init__(self, server):
        self.backend = server.value("SELECT pg_backend_pid()")
        self.postmaster = server.value("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int4")
        self.bytes = 0

    def now(self):
        total = status(self.backend, "RssAnon") + shared_segments()
        for pid in children(self.postmaster):
            if works_for(pid, self.backend):
                total += status(pid, "RssAnon")
        return total

    def look(self):
        while not self.done.wait(INTERVAL):
            self.bytes = max(self.bytes, self.now() - self.before)

    def __enter__(self):
        self.before = self.now()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def _child(pipe, prepare, work, arguments):
    """Prepare, forget the peak so far, work, tell the new one."""
    state = prepare(*arguments)
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = status("self", "VmRSS")
    work(state)
    most = status("self", "VmHWM")
    pipe.send((most - before, most))


def in_child(prepare, work, *arguments):
    """The most bytes of a process of its own that calls work(prepare(*arguments)): (beyond what prepare left, all)."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(theirs, prepare, work, arguments))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        raise RuntimeError("the process ended before its work did") from None
    finally:
        process.join()
