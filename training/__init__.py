"""How a model is trained: the device, the fit, and what is written while it runs."""
