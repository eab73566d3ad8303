"""Slow commands: speed against peers (make bench), and trainings killed at random."""
