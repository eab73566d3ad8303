"""Numbers that are computed once and kept among the results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

import runs
from evaluation.session import Session

Source = np.ndarray | bytes | str


class Kept:
    """A table of numbers in a file among the results of a run.

    The file is a SHA-256 and the numbers. The hash is that of the numbers and of all that
    determines them, so a file of other numbers, or a damaged one, counts as missing.

    Args:
        session: in whose ``kept_dir`` the file is.
        name: of the file.
        sources: all that determines the numbers: arrays, bytes and texts.
        num_columns: of the table.
        dtype: of the numbers.
    """

    def __init__(
        self,
        session: Session,
        name: str,
        sources: Iterable[Source],
        num_columns: int,
        dtype: str = "<f8",
    ):
        self._session = session
        self._name = name
        self._num_columns = num_columns
        self._dtype = np.dtype(dtype)
        self._origin = hashlib.sha256()
        for source in sources:
            if isinstance(source, np.ndarray):
                self._origin.update(f"{source.dtype.str} {source.shape}".encode())
                source = np.ascontiguousarray(source).tobytes()
            content = source.encode() if isinstance(source, str) else source
            self._origin.update(len(content).to_bytes(8, "little") + content)

    def read(self, max_rows: int) -> np.ndarray:
        """Returns the rows that are kept, (num_rows, num_columns), finite; at most ``max_rows``."""
        row_size, size = self._dtype.itemsize * self._num_columns, self._origin.digest_size
        try:
            with runs.open_regular(
                self._session.path(self._name, self._session.kept_dir), size + row_size * max_rows
            ) as file:
                signature, content = file.read(size), file.read()
        except OSError:  # not kept yet, or not a file; what stands in the way, ``write`` reports
            signature, content = b"", b""
        if signature == self._sign(content) and len(content) % row_size == 0:
            rows = np.frombuffer(content, self._dtype).reshape(-1, self._num_columns)
            if np.isfinite(rows).all():
                return rows.astype(self._dtype.newbyteorder("="))
        return np.empty((0, self._num_columns), self._dtype)

    def write(self, rows: np.ndarray) -> None:
        """Replaces the file by one of these rows, (num_rows, num_columns)."""
        content = rows.astype(self._dtype).tobytes()
        with self._session.write(self._name, self._session.kept_dir) as path:
            path.write_bytes(self._sign(content) + content)

    def _sign(self, content: bytes) -> bytes:
        signature = self._origin.copy()
        signature.update(content)
        return signature.digest()
