"""Speed against peers, side by side in one run: python -m benchmarks.training (make bench)."""
