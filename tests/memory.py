"""The peak of a process's memory, on Linux.

`ru_maxrss` cannot fall, and that of a child begins with the peak of its parent.
"""

import sys
from pathlib import Path

import pytest

STATUS = Path("/proc/self/status")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self")
# For the code of a child: its peak in bytes.
PEAK = f"1024 * int(open({str(STATUS)!r}).read().split('VmHWM:')[1].split()[0])"


def taken(call) -> int:
    """Bytes that `call` takes at most, beyond what the process has."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that of this moment
    before = eval(PEAK)
    call()
    return eval(PEAK) - before
