"""The base class of objectives."""

from __future__ import annotations

import inspect

from models.terms import Terms


class Objective:
    """What the optimizer minimizes. Its constructor arguments are its attributes.

    Attributes:
        num_samples: samples of z per image.
    """

    num_samples = 1

    @property
    def compares_images(self) -> bool:
        """Whether the objective of an image depends on the other images of its batch."""
        return False

    @property
    def is_loss(self) -> bool:
        """Whether it equals the reported loss when β is constant."""
        return False

    def __call__(self, terms: Terms, beta):
        """Returns the objective of each image in nats, (batch,), without ``terms.added``.

        Args:
            terms: of a batch.
            beta: weight of the KL at this step.
        """
        raise NotImplementedError

    def path_weights(self, terms: Terms, beta):
        """Returns the weights of the gradient that reaches q(z|x) through each z, (k, batch).

        None to leave that gradient as it is. The gradient of ``terms.added`` is not weighted.
        """

    def get_config(self):
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
