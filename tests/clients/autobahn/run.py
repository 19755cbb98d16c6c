# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs every case of the Autobahn test suite against the daemon's WebSocket.

    python run.py PROGRAM      PROGRAM is the built example `websocket-echo`

Ends with 1 if a case failed, if one that was strict is no longer, if compression was taken, or if
cases are missing.
"""

import asyncio
import subprocess
import sys

from kosoku import FailureError, run_fuzzingclient

# Cases of RFC 6455 alone, and of compression, which the daemon declines.
PLAIN_CASES = 301
COMPRESSION_CASES = 216

# Text that is cut within a character is refused when the message is whole, not at its first wrong
# frame. RFC 6455, section 8.1 allows either.
NON_STRICT = {"6.4.3", "6.4.4"}

# A run takes seconds; a server that hangs shall not take for ever.
PATIENCE_S = 300

LOOPBACK_LINE = "listening on "


async def results_of(address):
    try:
        return await asyncio.wait_for(run_fuzzingclient(address, concurrency=4), PATIENCE_S)
    except FailureError as failure:
        return failure.results


def judge(results):
    """What is wrong, line by line."""
    wrong = []
    compressed = [r for r in results if r.case_id.split(".")[0] in ("12", "13")]
    plain = [r for r in results if r not in compressed]
    if len(plain) != PLAIN_CASES or len(compressed) != COMPRESSION_CASES:
        wrong.append(f"{len(plain)} and {len(compressed)} cases ran, not {PLAIN_CASES} and {COMPRESSION_CASES}")
    for result in plain:
        if not result.passed:
            wrong.append(f"{result.case_id}: {result.behavior.value}, {result.behavior_close.value}: {result.result} {result.result_close}")
        elif result.behavior.value == "NON-STRICT" and result.case_id not in NON_STRICT:
            wrong.append(f"{result.case_id} is no longer strict: {result.result}")
    for result in compressed:
        if result.behavior.value != "UNIMPLEMENTED":
            wrong.append(f"{result.case_id}: compression was offered and not declined: {result.behavior.value}")
    return wrong


def tell(results):
    counts = {}
    for result in results:
        counts.setdefault(result.behavior.value, []).append(result.case_id)
    for behavior, cases in sorted(counts.items()):
        named = f": {', '.join(cases)}" if behavior in ("NON-STRICT", "INFORMATIONAL") else ""
        print(f"{behavior}: {len(cases)}{named}")


def main():
    [program] = sys.argv[1:]
    # It ends when its standard input does, so that it never outlives this program.
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as echo:
        line = echo.stdout.readline()
        if not line.startswith(LOOPBACK_LINE):
            sys.exit(f"{program} said {line!r} and not where it listens")
        results = asyncio.run(results_of(line.removeprefix(LOOPBACK_LINE).strip()))
        echo.stdin.close()
    tell(results)
    wrong = judge(results)
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
