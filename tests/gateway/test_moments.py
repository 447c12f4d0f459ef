"""Ids are never given out twice, whoever asks for them."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.moments import new_id


def test_ids_have_their_form_and_are_all_different() -> None:
    ids = [new_id() for _ in range(2_000)]
    assert all(re.fullmatch("[0-9a-f]{24}", found) for found in ids)
    assert len(set(ids)) == len(ids)


def test_threads_share_no_id() -> None:
    with ThreadPoolExecutor(8) as threads:
        drawn = threads.map(lambda _: [new_id() for _ in range(1_000)], range(8))
    ids = [found for part in drawn for found in part]
    assert len(set(ids)) == 8_000


# In a process of its own, which has no other threads: forking one that has is a warning since Python 3.12.
FORK = """
import os
from gateway.moments import new_id
new_id()
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.write(write, "".join(new_id() for _ in range(20)).encode())
    os._exit(0)
os.waitpid(child, 0)
theirs = os.read(read, 10_000).decode()
assert len(theirs) == 20 * 24
assert not {new_id() for _ in range(300)} & {theirs[start : start + 24] for start in range(0, len(theirs), 24)}
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_process_draws_its_own() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", FORK], check=True, timeout=60)
