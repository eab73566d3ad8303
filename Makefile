# make demo     train a VAE on embedded digits and draw its figures
# make test     lint, type check and tests
# make figures  the figures of the README, from MNIST and Fashion-MNIST
# make results  docs/results.md: the results of every recipe compared with the published ones
# make classifiers  the classifiers in whose features evaluate.py --quality compares images
# make screenshots  the pictures of the page of a run, in docs/figures/report/
# make notebooks   the notebooks, with their outputs
# make bench    docs/speed.md: seconds per epoch, compared with Keras' fit, PyTorch and JAX
# make speedrun seconds from Enter to a test ELBO of −100 nats, compared with PyTorch and JAX
# make clean    remove .venv
.PHONY: demo test figures results classifiers screenshots notebooks bench speedrun clean

# The first Python 3.11 to 3.13 found on this machine; PYTHON=/path/to/python overrides it.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3 python python3.13 python3.12 python3.11; do \
	if $$python -c '$(SUITABLE)' 2>/dev/null; then echo $$python; break; fi; done)
BIN := .venv/bin

demo: .venv/requirements.installed
	$(BIN)/python train.py --flagfile=configs/demo.flags
	$(BIN)/python evaluate.py --run_name demo --all 1

test: .venv/requirements-dev.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

figures: .venv/requirements.installed
	$(BIN)/python train.py --flagfile=configs/mnist_mlp.flags --latent_dim 10 --overwrite
	$(BIN)/python train.py --flagfile=configs/mnist_mlp.flags --latent_dim 2 --overwrite
	$(BIN)/python train.py --dataset fashion_mnist --latent_dim 2 --num_epochs 20 --overwrite
	$(BIN)/python evaluate.py --run_name mnist_vae_hd500_ld10_e50 --all 1
	$(BIN)/python evaluate.py --run_name mnist_vae_hd500_ld2_e50 --all 1
	$(BIN)/python evaluate.py --run_name fashion_mnist_vae_hd500_ld2_e20 --all 1
	mkdir -p docs/figures
	cp result/mnist_vae_hd500_ld10_e50/reconstruction.png docs/figures/mnist_ld10_reconstruction.png
	cp result/mnist_vae_hd500_ld10_e50/generated.png docs/figures/mnist_ld10_generated.png
	cp result/mnist_vae_hd500_ld10_e50/latent_test.png docs/figures/mnist_ld10_latent.png
	cp result/mnist_vae_hd500_ld10_e50/curves.png docs/figures/mnist_ld10_curves.png
	cp result/mnist_vae_hd500_ld2_e50/manifold.png docs/figures/mnist_ld2_manifold.png
	cp result/fashion_mnist_vae_hd500_ld2_e20/latent_test.png docs/figures/fashion_ld2_latent.png

results: .venv/requirements.installed
	$(BIN)/python -m publishing.results --collect

classifiers: .venv/requirements.installed
	for dataset in mnist fashion_mnist digits; do \
		$(BIN)/python -m evaluation.train_classifier --dataset $$dataset || exit; done

screenshots: .venv/requirements-dev.installed
	$(BIN)/python train.py --latent_dim 10 --num_epochs 20 --run_name mnist10 --overwrite
	$(BIN)/python train.py --latent_dim 2 --num_epochs 20 --run_name mnist2 --overwrite
	$(BIN)/python evaluate.py --run_name mnist10 --report 1
	$(BIN)/python evaluate.py --run_name mnist2 --report 1
	$(BIN)/python -m publishing.screenshots mnist10 mnist2

notebooks: .venv/requirements-dev.installed
	$(BIN)/jupyter execute --inplace notebooks/*.ipynb

bench: .venv/requirements-bench.installed
	$(BIN)/python -m benchmarks.training --json docs/speed.json
	$(BIN)/python -m benchmarks.sources --json docs/speed.json
	$(BIN)/python -m benchmarks.sources --million --json docs/speed.json
	$(BIN)/python -m benchmarks.enter_to_prompt --json docs/speed.json
	$(BIN)/python -m publishing.speed

speedrun: .venv/requirements-bench.installed
	$(BIN)/python -m benchmarks.speedrun

clean:
	rm -rf .venv

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 to 3.13 found:" \
		"install one, or run make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv .venv

# Stamp files: updated after each successful install of the requirements.
.venv/requirements.installed: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/requirements-dev.installed: requirements-dev.txt requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ .venv/requirements.installed

.venv/requirements-bench.installed: requirements-bench.txt requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@ .venv/requirements.installed
