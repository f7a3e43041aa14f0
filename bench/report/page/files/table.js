// The board: sorting, filtering, saving as CSV. Rows of methods that failed stay last.
const sortValue = (row, column) => {
  const cell = row.cells[column];
  if (column === 0) return row.querySelector("summary").textContent;
  return cell?.dataset.sort === undefined ? null : Number(cell.dataset.sort);
};

const compare = (first, second, sign) => {
  if (first === null || second === null) return (first === null) - (second === null);
  if (typeof first === "string") return sign * (first < second ? -1 : first > second ? 1 : 0);
  return sign * (first - second);
};

const sortBy = (table, header) => {
  const button = header.querySelector("button");
  const column = Number(button.dataset.column);
  const first = button.dataset.better === "higher" ? "descending" : "ascending";
  const other = first === "descending" ? "ascending" : "descending";
  const direction = header.getAttribute("aria-sort") === first ? other : first;
  for (const known of table.tHead.rows[0].cells) known.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const rows = [...table.tBodies[0].rows];
  rows.sort(
    (a, b) =>
      a.classList.contains("failed") - b.classList.contains("failed") ||
      compare(sortValue(a, column), sortValue(b, column), sign) ||
      a.dataset.place - b.dataset.place,
  );
  table.tBodies[0].append(...rows);
};

// A spreadsheet takes what begins like a formula for one; an apostrophe makes it text.
const csvCell = (text) => {
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

const csvOf = (table) => {
  const textOf = (cell) => (cell.querySelector("summary") ?? cell).textContent.trim();
  const visible = [...table.rows].filter((row) => !row.hidden);
  return visible.map((row) => [...row.cells].map(textOf).map(csvCell).join(",")).join("\n") + "\n";
};

const save = (text, name) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

for (const task of document.querySelectorAll(".task")) {
  const table = task.querySelector(".board");
  for (const header of table.tHead.rows[0].cells) {
    header.querySelector("button")?.addEventListener("click", () => sortBy(table, header));
  }
  const filter = task.querySelector(".filter");
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const row of table.tBodies[0].rows) {
      row.hidden = !sortValue(row, 0).toLowerCase().includes(wanted);
    }
  });
  const name = `${task.querySelector("h2").textContent}.csv`;
  task.querySelector(".csv").addEventListener("click", () => save(csvOf(table), name));
  for (const part of filter.closest(".tools").children) part.hidden = false;
}
