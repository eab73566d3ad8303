"""A VAE with a hierarchy of latent variables: Tomczak and Welling (2018), for any number of levels.

z = (z_1, …, z_L), where z_1 is next to the image and z_L is the top level. z_{>l} stands for all
levels above l, (z_{l+1}, …, z_L).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from catalog.values import to_levels
from models import noise
from models.distributions import DiagonalGaussian
from models.networks import layers, mlp
from models.terms import Terms
from models.vae import VAE, build_part


def build(parts: Mapping[str, Any], settings: Mapping[str, Any]) -> HierarchicalVAE:
    """Returns the model of these parts, which ``models.build`` made of the flags."""
    flags = {name: settings[name] for name in layers.LAYER_FLAGS if name != "dropout"}
    sizes = {"hidden_dims": settings["conditional_dims"], "activation": settings["activation"][0]}
    lower = list(enumerate(to_levels(settings["latent_dim"])[:-1], start=1))
    networks = {
        kind: [mlp.Encoder(dim, name=f"{kind}_{level}", **sizes, **flags) for level, dim in lower]
        for kind in ("posterior", "prior")
    }
    return HierarchicalVAE(
        **parts,
        posteriors=networks["posterior"],
        priors=networks["prior"],
        name="hierarchical_vae",
    )


@keras.saving.register_keras_serializable(package="models")
class HierarchicalVAE(VAE):
    """p(x|z) p(z_L) Π_l p(z_l | z_{>l}), with the posterior q(z_L|x) Π_l q(z_l | x, z_{>l}).

    Tomczak and Welling (2018), equations 13 and 14, where L = 2. The decoder receives all levels.
    All conditional distributions are diagonal Gaussians. Wherever z is one array, as in ``decode``
    and ``sample_prior``, it is the concatenation of z_1, …, z_L. With one level the model is a VAE.

    The networks between levels have no dropout: those of the posterior are evaluated twice, for
    samples and for their density, which must be that of the same distribution.

    Args:
        encoder: images to q(z_L|x); its features are also inputs of ``posteriors``.
        decoder: z to logits.
        posteriors: for each level l below L from 1, the features of the image and z_{>l},
            concatenated, to q(z_l | x, z_{>l}).
        priors: for each of these levels, z_{>l} to p(z_l | z_{>l}).
        likelihood, prior, beta, objective, beta_schedule, seed, corruption: as in ``VAE``. The
            prior is p(z_L).
    """

    _PARTS = (*VAE._PARTS, "posteriors", "priors")

    def __init__(
        self,
        encoder,
        decoder,
        posteriors: Sequence[layers.GaussianEncoder],
        priors: Sequence[layers.GaussianEncoder],
        *args: Any,
        **kwargs: Any,
    ):
        self.levels = (*(network.latent_dim for network in priors), encoder.latent_dim)
        super().__init__(encoder, decoder, *args, **kwargs)
        self.posteriors = list(posteriors)
        self.priors = list(priors)

    def build(self, input_shape):
        build_part(self.encoder, (None, *input_shape[1:]))
        num_features = self.encoder.z_mean.kernel.shape[0]
        for level, networks in enumerate(zip(self.posteriors, self.priors, strict=True), start=1):
            above = sum(self.levels[level:])
            for network, size in zip(networks, (num_features + above, above), strict=True):
                build_part(network, (None, size))
        super().build(input_shape)

    @property
    def latent_dim(self) -> int:
        """Dimensions of z, all levels together."""
        return sum(self.levels)

    @property
    def reported(self) -> tuple[str, ...]:  # type: ignore[override]
        """Metrics of an epoch: those of a VAE, and the KL of each of several levels."""
        return (*VAE.reported, *self._name_levels())

    def _name_levels(self) -> list[str]:
        count = len(self.levels)
        return [f"kl_{level}" for level in range(1, count + 1)] if count > 1 else []

    # -------------------------------------------------------- the evidence lower bound

    def terms(self, images, num_samples: int = 1, training: bool = False) -> Terms:
        """Returns the terms of the evidence lower bound, with ``num_samples`` samples of z.

        ELBO(x) = E[log p(x|z)] − KL(q(z_L|x) ‖ p(z_L))
                  − Σ_l E[KL(q(z_l | x, z_{>l}) ‖ p(z_l | z_{>l}))],  l = 1, …, L − 1

        The KL of a level below the top is in closed form, given the sampled levels above it.

        Args:
            images, num_samples, training: as in ``VAE``.
        """
        posterior = self.posterior(images, training)
        z = self._sample(posterior, num_samples)  # (k, batch, latent_dim)
        *lower, top = split(z, self.levels)  # z_1, …, z_L
        q = posterior.condition(z)  # q(z_l | x, z_{>l}) for l = 1, …, L
        p = self.condition(z)  # p(z_l | z_{>l}) for l = 1, …, L − 1
        log_p_top = self.prior.observe(posterior.top, top) if training else self.prior.log_prob(top)

        kl = [ops.mean(q_l.kl(p_l), axis=0) for q_l, p_l in zip(q, p, strict=False)]
        by_level = [ops.sum(of_level, axis=-1) for of_level in kl]  # (batch,) for l = 1, …, L − 1
        kl_top = self.prior.kl(posterior.top)
        if kl_top is None:
            by_level.append(ops.mean(posterior.top.log_prob(top) - log_p_top, axis=0))
        else:
            by_level.append(ops.sum(kl_top, axis=-1))
        return Terms(
            posterior=posterior if lower else posterior.top,
            z=z,
            log_likelihood=self.log_likelihood(images, z, training),
            log_q=add_log_probs(q, [*lower, top]),
            log_p=add_log_probs(p, lower) + log_p_top,
            kl_by_dimension=None if kl_top is None else ops.concatenate([*kl, kl_top], axis=-1),
            kl_by_level=ops.stack(by_level, axis=-1),
            reported=dict(zip(self._name_levels(), by_level, strict=False)),
        )

    def posterior(self, images, training) -> HierarchicalPosterior:  # type: ignore[override]
        """Returns q(z|x) in float32; in training, of the corrupted images."""
        images = self.prepare(images, training)
        top, features = self.encoder(images, with_features=True, training=training)
        features = ops.cast(features, "float32")
        return HierarchicalPosterior(top.to_float32(), features, self.posteriors)

    def log_prior(self, z):
        """Returns log p(z) = log p(z_L) + Σ_l log p(z_l | z_{>l}) in nats, (…, batch).

        Args:
            z: (…, batch, latent_dim).
        """
        *lower, top = split(z, self.levels)
        return add_log_probs(self.condition(z), lower) + self.prior.log_prob(top)

    def condition(self, z) -> list[DiagonalGaussian]:
        """Returns p(z_l | z_{>l}) for l = 1, …, L − 1.

        Args:
            z: (…, batch, latent_dim).
        """
        pairs = zip(self.priors, find_above(z, self.levels), strict=True)
        return [apply(network, above) for network, above in pairs]

    def _sample(self, posterior, num_samples):
        """Returns z ~ q(z|x), (num_samples, batch, latent_dim)."""
        zeros = ops.zeros((ops.shape(posterior.top.mean)[0], self.latent_dim))
        return posterior.sample(
            self.sampling(DiagonalGaussian(zeros, zeros), num_samples=num_samples)
        )

    # --------------------------------------------------------- encoding, decoding, sampling

    def call(self, images, training=False):
        """Returns the decoder's outputs for a sampled z, such as logits of the images' shape."""
        z = self._sample(self.posterior(images, training), 1)[0]
        return self.decoder_outputs(z, training)

    def sample_prior(self, num_samples: int, seed: int = 0):
        """Returns z ~ p(z), (num_samples, latent_dim), drawn from the top level downwards."""
        own_seed = noise.derive_seed(seed, "levels below the top")
        shape = (num_samples, sum(self.levels[:-1]))
        epsilon = keras.random.normal(shape, seed=own_seed)
        return self.sample_lower(super().sample_prior(num_samples, seed), epsilon)

    def sample_lower(self, top, epsilon):
        """Returns (batch, latent_dim): z_L with levels z_l ~ p(z_l | z_{>l}) below it.

        Args:
            top: z_L, (batch, its dimensions).
            epsilon: noise from N(0, I), (batch, dimensions of the levels below).
        """
        z = top
        pairs = zip(self.priors, split(epsilon, self.levels[:-1]), strict=True)
        for network, of_level in reversed([*pairs]):
            z = ops.concatenate([apply(network, z).sample(of_level), z], axis=-1)
        return z

    def kl_by_dimension(self, posterior: DiagonalGaussian):
        """Returns the KL of each latent dimension with one level; else None.

        The KL of a lower level is a mean over samples of those above.
        """
        return super().kl_by_dimension(posterior) if len(self.levels) == 1 else None


class HierarchicalPosterior:
    """q(z|x) = q(z_L|x) Π_l q(z_l | x, z_{>l}) of the images in a batch.

    It has the methods of ``DiagonalGaussian``. Below the top level, q(z_l|x) is a mixture of
    Gaussians over z_{>l}; ``mean`` and ``log_var`` are of the component at the mean of z_{>l}.

    Args:
        top: q(z_L|x).
        features: of the images, (batch, num_features).
        networks: as ``posteriors`` of ``HierarchicalVAE``.
    """

    def __init__(
        self,
        top: DiagonalGaussian,
        features: Any,
        networks: Sequence[layers.GaussianEncoder],
    ):
        self.top = top
        self.features = features
        self.networks = networks
        self.levels = (*(network.latent_dim for network in networks), top.mean.shape[-1])

    @property
    def mean(self):
        """The mean of each level given the means of those above, (batch, latent_dim)."""
        z = self.top.mean
        for network in reversed(self.networks):
            z = ops.concatenate([self._apply(network, z).mean, z], axis=-1)
        return z

    @property
    def log_var(self):
        """The log-variances of the distributions whose means are ``mean``, of its shape."""
        given = self.condition(self.mean)
        return ops.concatenate([gaussian.log_var for gaussian in given], axis=-1)

    def sample(self, noise):
        """Returns z ~ q(z|x), each level given the sampled ones above, for ε ~ N(0, I).

        Args:
            noise: ε, (…, batch, latent_dim).
        """
        *lower, top = split(noise, self.levels)
        z = self.top.sample(top)
        for network, of_level in reversed([*zip(self.networks, lower, strict=True)]):
            z = ops.concatenate([self._apply(network, z).sample(of_level), z], axis=-1)
        return z

    def condition(self, z) -> list[DiagonalGaussian]:
        """Returns q(z_l | x, z_{>l}) for l = 1, …, L.

        Args:
            z: (…, batch, latent_dim).
        """
        above = find_above(z, self.levels)
        lower = [self._apply(*pair) for pair in zip(self.networks, above, strict=True)]
        return [*lower, self.top]

    def log_prob(self, z):
        """Returns log q(z|x) in nats: shape (…, batch).

        Args:
            z: (…, batch, latent_dim).
        """
        return add_log_probs(self.condition(z), split(z, self.levels))

    def log_prob_of_path(self, z):
        """Returns ``log_prob(z)``, whose gradient reaches the parameters through z only."""
        fixed = ops.stop_gradient(z)
        with tf.GradientTape() as tape:
            tape.watch(fixed)
            log_prob = self.log_prob(fixed)
        slope = ops.stop_gradient(tape.gradient(log_prob, fixed))
        return ops.stop_gradient(log_prob) + ops.sum((z - fixed) * slope, axis=-1)

    def _apply(self, network, z_above):
        features = self.features
        if len(z_above.shape) > 2:
            shape = (*ops.shape(z_above)[:-1], features.shape[-1])
            features = ops.broadcast_to(features, shape)
        inputs = ops.concatenate([features, z_above], axis=-1)
        return apply(network, inputs)


def split(z, levels: Sequence[int]) -> list[Any]:
    """Returns z_1, …, z_L.

    Args:
        z: their concatenation, (…, sum of levels).
        levels: dimensions of each.
    """
    ends = list(itertools.accumulate(levels))
    return [z[..., end - size : end] for size, end in zip(levels, ends, strict=True)]


def find_above(z, levels: Sequence[int]) -> list[Any]:
    """Returns z_{>l} for l = 1, …, L − 1.

    Args:
        z, levels: as in ``split``.
    """
    return [z[..., sum(levels[:level]) :] for level in range(1, len(levels))]


def add_log_probs(gaussians: Sequence[DiagonalGaussian], z: Sequence[Any]):
    """Returns Σ_l log N(z_l), (…, batch); 0 for no level.

    Args:
        gaussians: of each level.
        z: of each level, (…, batch, dimensions of the level).
    """
    return sum(gaussian.log_prob(z_l) for gaussian, z_l in zip(gaussians, z, strict=True))


def apply(network: layers.GaussianEncoder, inputs) -> DiagonalGaussian:
    """Returns the Gaussian of each row of inputs, in float32.

    Args:
        network: (batch, num_inputs) to the Gaussian's parameters.
        inputs: (…, num_inputs).
    """
    if len(inputs.shape) == 2:
        return network(inputs, training=False).to_float32()
    rows = ops.reshape(inputs, (-1, inputs.shape[-1]))
    shape = (*ops.shape(inputs)[:-1], network.latent_dim)
    found = network(rows, training=False).to_float32()
    return DiagonalGaussian(*(ops.reshape(parameter, shape) for parameter in found))
