"""Numbers that are computed once and kept among the results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import runs
from evaluation.session import Session


class Kept:
    """A table of numbers in a file among the results.

    The file is a SHA-256 and the numbers, float64. The hash is that of the numbers and of all that
    determines them, so a file of other numbers, or a damaged one, counts as missing.

    Args:
        session: in whose folder for results the file is.
        name: of the file.
        sources: all that determines the numbers: arrays, bytes and texts.
        num_columns: of the table.
    """

    def __init__(
        self,
        session: Session,
        name: str,
        sources: Iterable[np.ndarray | bytes | str],
        num_columns: int,
    ):
        self._session = session
        self._name = name
        self._num_columns = num_columns
        self._origin = hashlib.sha256()
        for source in sources:
            if isinstance(source, np.ndarray):
                self._origin.update(f"{source.dtype.str} {source.shape}".encode())
                source = np.ascontiguousarray(source).tobytes()
            content = source.encode() if isinstance(source, str) else source
            self._origin.update(len(content).to_bytes(8, "little") + content)

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self._session.path(self._name)

    def read(self, max_rows: int) -> np.ndarray:
        """Returns the rows that are kept, (num_rows, num_columns), at most ``max_rows``."""
        row_size, size = 8 * self._num_columns, self._origin.digest_size
        try:
            with runs.open_regular(self.path, size + row_size * max_rows) as file:
                signature, content = file.read(size), file.read()
        except OSError:  # missing, or no such file; ``write`` reports what it cannot replace
            signature, content = b"", b""
        if signature != self._sign(content) or len(content) % row_size:
            content = b""
        return np.frombuffer(content, "<f8").reshape(-1, self._num_columns)

    def write(self, rows: np.ndarray) -> None:
        """Replaces the file by one of these rows, (num_rows, num_columns)."""
        content = rows.astype("<f8").tobytes()
        with self._session.write(self._name) as path:
            path.write_bytes(self._sign(content) + content)

    def _sign(self, content: bytes) -> bytes:
        signature = self._origin.copy()
        signature.update(content)
        return signature.digest()
