"""The page that lists the folders of results."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from report import page

_COLUMNS = ("run", "", "figures", "dataset", "model", "settings", "trained")  # before the metrics


def fill(rows: Sequence[Mapping[str, Any]], headings: Sequence[str]) -> str:
    """Returns the page.

    Args:
        rows: of each folder, the texts ``name``, ``thumbnail`` (a PNG image in base64),
            ``dataset``, ``model``, ``settings``, ``trained`` and ``problem``; ``metrics``, pairs of
            a text and a number or None; and ``reports`` and ``figures``, pairs of a file's name and
            its address.
        headings: of the metrics.
    """
    columns = [*_COLUMNS, *headings]
    head = "".join(
        f'<th scope="col">{html.escape(each)}</th>' if each else "<td></td>" for each in columns
    )
    return page.fill_template(
        "index.html",
        {
            "title": "Results",
            "style": "".join(map(page.read, ["page.css", "sort.css", "index.css"])),
            "head": f"<tr>{head}</tr>",
            "rows": "\n".join(map(_write_row, rows)),
            "scripts": page.write_scripts(["theme.js", "sort.js", "index.js"]),
        },
    )


def _write_row(row: Mapping[str, Any]) -> str:
    name, picture = html.escape(row["name"]), ""
    if row["reports"]:
        name = _link(row["name"], row["reports"][0][1])
    if row["thumbnail"]:
        source = f"data:image/png;base64,{html.escape(row['thumbnail'])}"
        picture = f'<img src="{source}" alt="test images over their reconstructions">'
    texts = [html.escape(row[each]) for each in ("dataset", "model", "settings", "trained")]
    cells = [f"<td>{text}</td>" for text in (picture, *texts)]
    cells.insert(1, f'<td data-value="{len(row["figures"])}">{_write_files(row)}</td>')
    for text, value in row["metrics"]:
        cells.append("<td></td>" if value is None else f'<td data-value="{value}">{text}</td>')
    return f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>'


def _write_files(row: Mapping[str, Any]) -> str:
    if row["problem"]:
        return html.escape(row["problem"])
    links = "".join(f"<li>{_link(*each)}</li>" for each in [*row["reports"], *row["figures"]])
    count = len(row["figures"])
    if not links:
        return ""
    return (
        f"<details><summary>{count} figure{'s' * (count != 1)}</summary><ul>{links}</ul></details>"
    )


def _link(text: str, address: str) -> str:
    return f'<a href="{html.escape(address)}">{html.escape(text)}</a>'
