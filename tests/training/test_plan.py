"""What training prints before it begins."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import data
import models
from tests.settings import make_settings
from training import plan


@pytest.mark.parametrize(
    ("num_components", "expected"),
    [(20, "num_components 20"), (60, "num_components 60, here 50, half of the training images")],
)
def test_the_plan_says_how_many_exemplars_there_are(num_components, expected, capsys):
    flags = {"dataset": "digits", "prior": "exemplar", "num_components": num_components}
    settings = {**make_settings(**flags), "stream": False}
    model = models.build((8, 8, 1), settings, num_train=100)
    training = SimpleNamespace(num_images=100, steps_per_epoch=1)
    rows = {"images": "few", "device": "CPU", "run": "one"}
    plan.print_plan(data.describe("digits"), settings, model, (training, training), rows)
    assert f"p(z)      exemplar: {expected}\n" in capsys.readouterr().out
