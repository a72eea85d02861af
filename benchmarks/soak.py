"""
Connect and disconnect clients for an hour, and watch the server's memory and
descriptors: C{python -m benchmarks.soak --help}.

The clients are those of C{tests/server/test_soak.py}.
"""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks import raise_open_file_limit
from tests.harness.processes import Server
from tests.harness.soak import OPTIONS, Sample, Soak

#: The largest difference of resident memory, in bytes.
FLAT = 1_000_000

#: Memory must be flat after this part of the time: from the tenth minute of an hour on.
SETTLED = 1 / 6

#: Seconds to wait for the server to close the descriptors of the last clients.
CLOSING = 60


def show(soak: Soak, sample: Sample) -> None:
    """
    Print a sample, once a minute.
    """
    if round(sample.at / soak.interval) % round(60 / soak.interval) == 0:
        print(
            f"{time.strftime('%H:%M:%S')}  {sample.at / 60:5.1f} min  "
            f"{sample.memory / 1e6:7.3f} MB  {sample.descriptors:5} descriptors  "
            f"{sample.clients:5} clients  {sum(soak.left.values()):7,} disconnected  "
            f"{soak.lines:9,} lines  {dict(soak.faults) or 'no faults'}",
            flush=True,
        )


def flat(soak: Soak, seconds: int) -> bool:
    """
    Print how memory changed while the number of clients was constant.
    """
    settled = [s for s in soak.samples if SETTLED * seconds <= s.at <= seconds]
    memory = [sample.memory for sample in settled]
    spread = max(memory) - min(memory)
    print(
        f"memory from minute {SETTLED * seconds / 60:.1f} on: first "
        f"{memory[0] / 1e6:.3f} MB, last {memory[-1] / 1e6:.3f}, least "
        f"{min(memory) / 1e6:.3f}, most {max(memory) / 1e6:.3f}, so flat within "
        f"{spread / 1e6:.3f} MB"
    )
    return spread <= FLAT


def exact(soak: Soak) -> bool:
    """
    Print how the clients disconnected, and what was wrong.
    """
    for (kind, way), number in sorted(soak.left.items()):
        print(f"{number:9,}  {kind:8} {way}")
    print(f"{sum(soak.left.values()):9,}  clients, which read {soak.lines:,} lines")
    print(f"{soak.skipped():9,}  seconds missing, although other clients got them")
    print(f"{len(soak.missed.keys() - soak.sent):9,}  seconds that no client got")
    print(f"{soak.faults.total():9,}  faults {dict(soak.faults) or ''}")
    return not (soak.skipped() or soak.faults)


def main() -> None:
    """
    Run the clients, print what was measured, and exit with status 1 if a check fails.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description="Connect and disconnect clients in every way. Fail if memory is "
        "not flat within 1 MB after a sixth of the time, if a descriptor is left, or "
        "if a client misses a second or gets one twice.",
    )
    parser.add_argument(
        "--seconds",
        type=int,
        default=3600,
        help="seconds to connect new clients (default: an hour)",
    )
    parser.add_argument(
        "--clients", type=int, default=2000, help="clients at a time (default: 2000)"
    )
    arguments = parser.parse_args()
    raise_open_file_limit()
    with Server(*OPTIONS) as server:
        soak = Soak(server, arguments.clients)
        before = soak.idle()
        soak.run(arguments.seconds, lambda sample: show(soak, sample))
        deadline = time.monotonic() + CLOSING
        while server.descriptors() > before and time.monotonic() < deadline:
            time.sleep(1)
        after = server.descriptors()
        print(f"{server.cpu():9.0f}  seconds of CPU")
        print(f"{server.memory() / 1e6:9.3f}  MB without clients")
    passed = [exact(soak), flat(soak, arguments.seconds), after <= before]
    print(f"descriptors: {before} at the start, {after} at the end")
    print("passed" if all(passed) else "FAILED")
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
