"""What the published runs came to: docs/results.md, from the runs' own files."""
