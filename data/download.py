"""Downloads a dataset with TFDS: python -P data/download.py NAME FOLDER.

It is a program of its own because TFDS imports TensorFlow, for which the scripts first prepare
the environment. It prints the reason, in one line, if it fails.
"""

from __future__ import annotations

import http.client
import sys
import urllib.error
import urllib.request

_TIMEOUT = 10.0  # seconds


def main(dataset: str, folder: str) -> None:
    """Downloads and prepares a dataset of TFDS's own.

    Args:
        dataset: its name, configuration and version, as in emnist/letters:3.1.0.
        folder: of prepared datasets.
    """
    import tensorflow_datasets as tfds

    name, _, version = dataset.partition(":")
    name, _, configuration = name.partition("/")
    builder_class = tfds.builder_cls(name)
    known = list(builder_class.builder_configs)
    if configuration not in (known or [""]):
        choice = f"type --dataset {name}/CONFIGURATION with one of {', '.join(known[:30])}"
        raise ValueError(choice if known else f"{name} has no configurations")
    builder = builder_class(data_dir=folder, config=configuration or None, version=version or None)
    _check_server(getattr(builder_class, "url_infos", None) or {})
    builder.download_and_prepare()


def _check_server(addresses: dict[str, object]) -> None:
    """Raises OSError if the first server does not answer: TFDS itself tries for minutes."""
    for address in list(addresses)[:1]:
        try:
            urllib.request.urlopen(address, timeout=_TIMEOUT).close()
        except (urllib.error.HTTPError, ValueError):
            pass  # it answers, or is of another protocol
        except (OSError, http.client.HTTPException) as error:
            raise OSError(str(getattr(error, "reason", error))) from None


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # TFDS raises a dozen kinds, from urllib's to its own
        lines = str(error).strip().splitlines()
        print(lines[0].strip()[:300] if lines else type(error).__name__)
        sys.exit(1)
