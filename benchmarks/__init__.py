"""Benchmarks: speed compared with other frameworks, killed trainings, memory over time."""
