"""SIGINT and SIGTERM during a training."""

from __future__ import annotations

import os
import signal

import pytest

from training.signals import Stopped, StopSignals


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_recorded_and_stops_when_checked(number, status):
    with StopSignals() as signals:
        assert signals.received == 0
        signals.stop_if_received()
        os.kill(os.getpid(), number)
        assert signals.received == number
        with pytest.raises(Stopped, match=number.name) as stopped:
            signals.stop_if_received()
    assert stopped.value.status == status


def test_the_first_signal_counts():
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.received == signal.SIGTERM


def test_the_previous_handlers_are_restored_also_after_an_error():
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    with StopSignals():
        assert all(
            signal.getsignal(number) != handler
            for number, handler in zip(numbers, before, strict=True)
        )
    assert [signal.getsignal(number) for number in numbers] == before
    with pytest.raises(ZeroDivisionError), StopSignals():
        _ = 1 / 0
    assert [signal.getsignal(number) for number in numbers] == before
