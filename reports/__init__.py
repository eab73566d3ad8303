"""The page of results, docs/results.md, written from the files of published runs."""
