/* Tables that are sorted by a click on a heading. */
"use strict";

/** Makes the column headings of a table buttons that sort its rows; empty cells come last. */
function makeSortable(table) {
  const headings = [...table.tHead.rows[0].querySelectorAll("th")];
  for (const heading of headings) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const direction = heading.ariaSort === "ascending" ? -1 : 1;
      for (const each of headings) each.removeAttribute("aria-sort");
      heading.ariaSort = direction === 1 ? "ascending" : "descending";
      const key = (row) => {
        const cell = row.cells[heading.cellIndex];
        return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
      };
      const compare = (one, other) => {
        if (one === "" || other === "") return (one === "") - (other === "");
        return direction * (typeof one === "number" ? one - other : one.localeCompare(other));
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort((one, other) => compare(key(one), key(other))));
    });
  }
}
