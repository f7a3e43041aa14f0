// One document: its texts with gold and one method's predictions marked, and what every method predicted.
const page = window.readbench;
const { node } = page;

// A letter that belongs to a word. Chinese and Japanese have no spaces: there a phrase may begin anywhere.
const isWord = (letter) =>
  letter !== undefined && /[\p{L}\p{N}]/u.test(letter) && !/[\u3005-\u30ff\u3400-\u9fff]/u.test(letter);

// Says of each letter of a text whether one of the phrases covers it; a phrase begins and ends with a word.
const covered = (text, phrases) => {
  const small = text.toLowerCase();
  const found = new Uint8Array(text.length);
  // Of a few letters the small form is longer; then places in it are none in the text.
  if (small.length !== text.length) return found;
  for (const phrase of new Set(phrases.map((one) => one.toLowerCase()))) {
    for (let from = small.indexOf(phrase); from >= 0 && phrase; from = small.indexOf(phrase, from + 1)) {
      const to = from + phrase.length;
      const cutsBefore = isWord(small[from - 1]) && isWord(small[from]);
      const cutsAfter = isWord(small[to]) && isWord(small[to - 1]);
      if (!cutsBefore && !cutsAfter) found.fill(1, from, to);
    }
  }
  return found;
};

const marked = (text, gold, said) => {
  const [inGold, inSaid] = [covered(text, gold), covered(text, said)];
  const parts = [];
  for (let from = 0; from < text.length;) {
    let to = from + 1;
    while (to < text.length && inGold[to] === inGold[from] && inSaid[to] === inSaid[from]) to += 1;
    const classes = [inGold[from] ? "gold" : "", inSaid[from] ? "said-by" : ""].join(" ").trim();
    parts.push(classes ? node("mark", text.slice(from, to), classes) : text.slice(from, to));
    from = to;
  }
  return parts;
};

// An entry of a document's table is a text, or a list of it and of what stands for it in the document.
const textOf = (entry) => (Array.isArray(entry) ? entry[0] : entry);
const formsOf = (entry, task) => {
  if (!Array.isArray(entry)) return [entry];
  return task.task === "extraction" ? entry.slice(1) : entry;
};

// Gold and predictions of a document; its table begins with gold, and everything else holds places in it.
const answersOf = (data, task, place) => {
  const [goldCount, table, absent, same] = data.texts[task.documents[place]][1 + data.tasks.indexOf(task)];
  return { goldCount, table, absent, same, predicted: task.predicted[place], sure: task.sure[place] ?? [] };
};

const textsOf = (data, task, place, chosen, { goldCount, table, predicted }) => {
  const labels = task.task === "classification";
  const gold = labels ? [] : table.slice(0, goldCount).flatMap((entry) => formsOf(entry, task));
  const said = labels ? [] : (predicted[chosen] ?? []).flatMap((one) => formsOf(table[one], task));
  const fields = data.texts[task.documents[place]][0].filter((text) => text);
  return fields.map((text, field) => {
    const made = node(field === 0 && data.fields.length > 1 ? "h3" : "p", "", "text");
    made.append(...marked(text, gold, said));
    return made;
  });
};

const goldOf = ({ goldCount, table, absent }) => {
  const line = node("p");
  line.append(node("strong", "Gold: "));
  if (!goldCount) line.append("none");
  table.slice(0, goldCount).forEach((entry, place) => {
    if (place) line.append("; ");
    line.append(node("bdi", textOf(entry)));
    if (absent.includes(place)) line.append(node("span", " (not in the text)", "muted"));
  });
  return line;
};

const predictedBy = (task, method, { goldCount, table, same, predicted, sure }) => {
  const places = predicted[method];
  if (places === null) return node("td", "its predictions are gone");
  if (!places.length) return node("td", task.task === "classification" ? "no label" : "nothing");
  const isMatch = (place) => place < goldCount || same.some((one, at) => at % 2 === 0 && one === place);
  const cell = node("td");
  places.forEach((place, rank) => {
    if (rank) cell.append("; ");
    const match = isMatch(place);
    cell.append(node("bdi", `${match ? "✓ " : ""}${textOf(table[place])}`, match ? "match" : ""));
  });
  if (typeof sure[method] === "number") cell.append(` ${sure[method].toFixed(2)}`);
  return cell;
};

const tableOf = (task, place, chosen, answers) => {
  const table = node("table");
  const head = table.createTHead().insertRow();
  for (const name of ["method", task.metric, ...(answers ? ["predicted"] : [])]) {
    const cell = node("th", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  task.methods.forEach((method, index) => {
    const row = body.insertRow();
    if (index === chosen) row.className = "chosen";
    const name = node("th", method);
    name.scope = "row";
    row.append(name, node("td", page.shownScore(task.scores[index][place])));
    if (answers) row.append(predictedBy(task, index, answers));
  });
  return table;
};

// The elements that show a document, `place` of its task, with the predictions of the `chosen` method marked.
page.detailOf = (data, task, place, chosen) => {
  const one = task.documents[place];
  const answers = data.texts ? answersOf(data, task, place) : null;
  const link = node("a", "A link to this document");
  link.href = page.linkTo(data.ids[one], task.methods[chosen], task.task);
  const last = node("p");
  last.append(link);
  return [
    node("p", `${data.ids[one]} · ${data.words[one]} words`, "muted"),
    ...(answers ? [...textsOf(data, task, place, chosen, answers), goldOf(answers)] : []),
    tableOf(task, place, chosen, answers),
    last,
  ];
};
