"""The number of cores, with and without a limit for the process."""

import os

from data import cores


def test_it_is_the_number_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 8}, raising=False)
    assert cores.count() == 3


def test_macos_has_no_limit_of_a_process(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 10)
    assert cores.count() == 10
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.count() == 1
