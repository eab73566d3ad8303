"""The page of a run: its template, style and scripts, and what fills them."""
