"""Schedules of β against the papers' formulas in NumPy, also in compiled loops."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from catalog.schedules import BETA_SCHEDULES
from models import schedules

SIZES = {"beta_start": 0.01, "beta_steps": 50, "beta_cycles": 3}
BETA = 0.4
STEPS = np.arange(700)


def make(name: str) -> schedules.Constant:
    return schedules.build({"beta_schedule": name, **SIZES})


def linear_in_numpy(steps: np.ndarray) -> np.ndarray:
    return np.interp(steps, [0, 50], [0.01, 0.4])


def cyclical_in_numpy(steps: np.ndarray) -> np.ndarray:
    """Fu et al. (2019), equation 6: τ from 0 to 1 in each of M cycles of T iterations, R = ½."""
    iterations, num_cycles, part = 300, 3, 0.5
    tau = np.mod(steps, np.ceil(iterations / num_cycles)) / (iterations / num_cycles)
    rise = np.where(tau <= part, tau / part, 1.0)
    rise[steps >= iterations] = 1  # the paper ends here
    return 0.01 + (0.4 - 0.01) * rise


EXPECTED = {
    "constant": lambda steps: np.full(len(steps), 0.4),
    "linear": linear_in_numpy,
    "cyclical": cyclical_in_numpy,
}


@pytest.mark.parametrize("name", BETA_SCHEDULES)
def test_beta_is_that_of_the_formula_at_every_step(name):
    schedule = make(name)
    found = [float(schedule(tf.constant(step, tf.int64), BETA)) for step in STEPS]
    np.testing.assert_allclose(found, EXPECTED[name](STEPS), rtol=1e-6)


@pytest.mark.parametrize("name", BETA_SCHEDULES)
def test_a_compiled_loop_uses_the_beta_of_each_of_its_steps(name):
    schedule = make(name)
    counter = tf.Variable(0, dtype=tf.int64)

    @tf.function(jit_compile=True, autograph=False)
    def run(count):
        def body(index, found):
            beta = tf.cast(schedule(counter, BETA), tf.float32)
            counter.assign_add(1)
            return index + 1, tf.tensor_scatter_nd_update(found, [[index]], [beta])

        return tf.while_loop(lambda index, _: index < count, body, (0, tf.zeros(400)))[1]

    np.testing.assert_allclose(run(350)[:350], EXPECTED[name](STEPS[:350]), rtol=1e-6)
    np.testing.assert_allclose(run(350)[:350], EXPECTED[name](STEPS[350:]), rtol=1e-6)


@pytest.mark.parametrize("name", ["linear", "cyclical"])
def test_the_first_and_the_final_beta_have_no_rounding_error(name):
    schedule = make(name)
    assert float(schedule(0, BETA)) == np.float32(0.01)
    for step in (50, 300, 10**9, 2**40):
        assert float(schedule(step, BETA)) == np.float32(BETA)


def test_beta_may_fall():
    falling = schedules.Linear(start=2.0, steps=4)
    assert [float(falling(step, 1.0)) for step in range(6)] == [2.0, 1.75, 1.5, 1.25, 1.0, 1.0]


@pytest.mark.parametrize("name", BETA_SCHEDULES)
def test_a_config_makes_the_same_schedule_again(name):
    schedule = make(name)
    config = keras.saving.serialize_keras_object(schedule)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()
    assert schedule.get_config() == {
        flag.name.removeprefix("beta_"): SIZES[flag.name] for flag in BETA_SCHEDULES[name].flags
    }


def test_the_table_names_the_classes_of_the_schedules():
    assert {entry.class_name for entry in BETA_SCHEDULES.values()} == {
        type(make(name)).__name__ for name in BETA_SCHEDULES
    }


def test_schedules_describe_themselves():
    assert [str(make(name)) for name in BETA_SCHEDULES] == [
        "constant",
        "linear from 0.01 in 50 steps",
        "3 times linear from 0.01 in 50 steps and as many at the final β",
    ]
