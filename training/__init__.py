"""Training: fit, the compiled loop, callbacks, checkpoints, distribution and the device."""
