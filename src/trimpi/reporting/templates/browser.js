// The record browser of a report. It reads the page's own JSON, writes text only as text, and keeps its view in the
// address, so that a view can be linked: #browse?suite=accuracy&outcome=wrong&q=cyan&at=...
(function () {
  "use strict";

  const data = JSON.parse(document.getElementById("records-data").textContent);
  const records = data.records;
  const FRAGMENT = "browse";
  const ROW_HEIGHT = 60; // as in browser.css
  const ROWS_AROUND = 6;
  const OUTCOME_MARKS = { correct: "✓", wrong: "✗", no_answer: "–", truncated: "…" };
  const VERDICTS = { right: ["✓", "right"], wrong: ["✗", "wrong"], unread: ["·", "not judged"] };
  // Characters that are not seen, or that turn the text around them: shown by their number instead.
  const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/;

  const byId = (id) => document.getElementById(id);
  const list = byId("list");
  const rows = byId("rows");
  const search = byId("search");

  // ---- small helpers -------------------------------------------------------------------------------------------

  function element(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  const number = (value) => value.toLocaleString("en-US");

  function text(index) {
    const held = data.texts[index];
    return Array.isArray(held) ? held[0] : held;
  }

  /** Any text of a model or a document: as it is, unseen characters by their number, and what was cut off. */
  function shown(tag, className, content, cut) {
    const made = element(tag, className);
    made.dir = "auto";
    let rest = content;
    for (let at = rest.search(UNSEEN); at >= 0; at = rest.search(UNSEEN)) {
      const code = rest.charCodeAt(at).toString(16).toUpperCase().padStart(4, "0");
      made.append(rest.slice(0, at), element("span", "unseen-character", "U+" + code));
      rest = rest.slice(at + 1);
    }
    made.append(rest);
    if (cut) made.append(element("span", "cut", "… " + number(cut) + " more characters are in the run's files"));
    return made;
  }

  function shownText(tag, className, index) {
    const held = data.texts[index];
    return Array.isArray(held) ? shown(tag, className, held[0], held[1]) : shown(tag, className, held);
  }

  const suiteName = (record) => data.suites[record.suite][0];
  const suiteLabel = (record) => data.suites[record.suite][1];
  const outcomeName = (record) => data.outcomes[record.outcome][0];
  const outcomeLabel = (record) => data.outcomes[record.outcome][1];
  const place = (record) => [suiteName(record), data.models[record.model], record.id].join("~");

  // ---- filters -------------------------------------------------------------------------------------------------

  const inOrder = (names) => (a, b) => names.indexOf(a) - names.indexOf(b);
  const byNumber = (a, b) => a.localeCompare(b, "en", { numeric: true });

  function errorsOf(record) {
    const kinds = new Set((record.steps || []).map((step) => step.error).filter(Boolean));
    if (record.error) kinds.add(record.error);
    return [...kinds];
  }

  /** What records are filtered by: a name as in the address, a label, the values of a record, and their order. */
  const FACETS = [
    { name: "suite", label: "Suite", of: (r) => [suiteName(r)], order: inOrder(data.suites.map((s) => s[0])),
      say: (value) => data.suites.find((suite) => suite[0] === value)[1] },
    { name: "model", label: "Model", of: (r) => [data.models[r.model]], order: inOrder(data.models) },
    { name: "outcome", label: "Verdict", of: (r) => [outcomeName(r)], order: inOrder(data.outcomes.map((o) => o[0])),
      say: (value) => data.outcomes.find((outcome) => outcome[0] === value)[1] },
    { name: "policy", label: "Policy", of: (r) => [r.policy], order: byNumber },
    { name: "section", label: "Section or rule", of: (r) => r.sections || [], order: byNumber },
    { name: "error", label: "Kind of error", of: errorsOf, order: byNumber },
  ];
  for (const tag of new Set(records.flatMap((record) => Object.keys(record.tags || {})))) {
    FACETS.push({
      name: "tag:" + tag,
      label: "Tag: " + tag.replaceAll("_", " "),
      of: (r) => (r.tags && Object.hasOwn(r.tags, tag) ? [r.tags[tag]] : []),
      order: () => 0,
      isTag: true,
    });
  }

  for (const facet of FACETS) {
    const numbers = new Map();
    facet.ofRecord = records.map((record) =>
      facet.of(record).map((value) => {
        if (!numbers.has(value)) numbers.set(value, numbers.size);
        return numbers.get(value);
      })
    );
    facet.numbers = numbers;
    facet.chosen = null;
    addSelect(facet, [...numbers.keys()].sort(facet.order));
  }

  function addSelect(facet, values) {
    const select = document.createElement("select");
    facet.any = new Option("", "");
    facet.options = values.map((value) => {
      const option = new Option("", value);
      return { option, number: facet.numbers.get(value), label: facet.say ? facet.say(value) : value };
    });
    select.append(facet.any, ...facet.options.map(({ option }) => option));
    select.addEventListener("change", () => {
      facet.chosen = select.value === "" ? null : select.value;
      refresh();
    });
    facet.select = select;
    facet.field = element("label", "", facet.label, select);
    facet.field.hidden = values.length === 0;
    byId("facets").append(facet.field);
  }

  // ---- what is in the view -------------------------------------------------------------------------------------

  const lower = []; // every text in lower case, once it was searched
  let found = records.map((_, index) => index);
  let current = null; // an index of records
  let at = -1; // its place in `found`, or -1

  function matchesOf(query) {
    if (!query) return null;
    return data.texts.map((_, index) => (lower[index] ??= text(index).toLowerCase()).includes(query));
  }

  const TEXTS = ["request", "completion", "answer", "gold", "reason"];

  function filter() {
    const query = search.value.trim().toLowerCase();
    const matches = matchesOf(query);
    const chosen = FACETS.map((facet) => (facet.chosen === null ? null : facet.numbers.get(facet.chosen) ?? -1));
    const counts = FACETS.map((facet) => new Array(facet.numbers.size).fill(0));
    found = [];
    for (let index = 0; index < records.length; index++) {
      const record = records[index];
      if (matches && !TEXTS.some((name) => matches[record[name]]) && !record.id.toLowerCase().includes(query)) continue;
      // A record that one filter alone keeps out still counts among that filter's options.
      let against = -1;
      let failed = 0;
      for (let f = 0; f < FACETS.length && failed < 2; f++) {
        if (chosen[f] !== null && !FACETS[f].ofRecord[index].includes(chosen[f])) {
          failed++;
          against = f;
        }
      }
      if (failed > 1) continue;
      if (failed === 0) found.push(index);
      for (let f = 0; f < FACETS.length; f++) {
        if (failed === 0 || f === against) for (const value of FACETS[f].ofRecord[index]) counts[f][value]++;
      }
    }
    FACETS.forEach((facet, f) => describe(facet, counts[f]));
  }

  function describe(facet, counts) {
    const suite = FACETS[0];
    setText(facet.any, "any");
    for (const { option, number: value, label } of facet.options) {
      setText(option, label + " (" + number(counts[value]) + ")");
      option.disabled = counts[value] === 0 && option.value !== facet.chosen;
    }
    facet.select.value = facet.chosen ?? "";
    if (facet.isTag) {
      // Tags are a suite's own: without a suite there would be a control for every tag of every suite.
      const useful = counts.some((count) => count > 0) && suite.chosen !== null;
      facet.field.hidden = !useful && facet.chosen === null;
    }
  }

  function setText(node, content) {
    if (node.textContent !== content) node.textContent = content;
  }

  /** Filter again and show it; the record in view stays if it is still in it, else the first takes its place. */
  function refresh({ keepAddress = false } = {}) {
    filter();
    at = current === null ? -1 : found.indexOf(current);
    if (at < 0) {
      at = found.length ? 0 : -1;
      current = found.length ? found[0] : null;
    }
    const all = number(records.length);
    setText(byId("count"), found.length === records.length ? all + " records" : number(found.length) + " of " + all + " records");
    byId("nothing").hidden = found.length > 0;
    byId("record").parentElement.hidden = found.length === 0;
    rows.style.height = found.length * ROW_HEIGHT + "px";
    scrollToRow();
    draw();
    showRecord();
    if (!keepAddress) writeAddress();
  }

  // ---- the list: only the rows in sight are in the page --------------------------------------------------------

  function draw() {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW_HEIGHT) - ROWS_AROUND);
    const last = Math.min(found.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW_HEIGHT) + ROWS_AROUND);
    const made = [];
    for (let position = first; position < last; position++) made.push(row(position));
    if (at >= 0 && (at < first || at >= last)) made.push(row(at)); // what aria-activedescendant names is always there
    rows.replaceChildren(...made);
    if (at >= 0) list.setAttribute("aria-activedescendant", "row-" + at);
    else list.removeAttribute("aria-activedescendant");
  }

  function row(position) {
    const record = records[found[position]];
    const outcome = outcomeName(record);
    const mark = element("span", "mark " + outcome, OUTCOME_MARKS[outcome]);
    mark.setAttribute("aria-hidden", "true");
    // A suite that judges something else than an answer says why instead.
    const answer = text(record.answer ?? record.reason).slice(0, 120) || outcomeLabel(record);
    const gold = text(record.gold).slice(0, 120);
    const said = element("span", "said", shown("b", "", answer));
    if (outcome !== "correct" && gold && record.answer !== undefined) said.append(" instead of ", shown("bdi", "", gold));
    const made = element(
      "div", "row",
      mark,
      element("span", "unseen", outcomeLabel(record) + ": "),
      said,
      shown("span", "where", [suiteLabel(record), data.models[record.model], record.id].join(" · ")),
    );
    made.id = "row-" + position;
    made.setAttribute("role", "option");
    made.setAttribute("aria-selected", String(position === at));
    made.setAttribute("aria-setsize", String(found.length));
    made.setAttribute("aria-posinset", String(position + 1));
    made.style.top = position * ROW_HEIGHT + "px";
    return made;
  }

  function scrollToRow() {
    if (at < 0) return;
    const top = at * ROW_HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW_HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW_HEIGHT - list.clientHeight;
  }

  function go(position) {
    if (!found.length) return;
    at = Math.min(Math.max(position, 0), found.length - 1);
    current = found[at];
    scrollToRow();
    draw();
    showRecord();
    writeAddress();
  }

  // ---- one record ----------------------------------------------------------------------------------------------

  function showRecord() {
    const view = byId("record");
    if (current === null) {
      view.replaceChildren();
      return;
    }
    const record = records[current];
    const parts = [
      head(record),
      pictures(record),
      part("Request", shownText("div", "prose", record.request)),
      reasoning(record),
      verdict(record),
      facts(record),
      elsewhere(record),
    ];
    view.replaceChildren(...parts.filter((made) => made !== null));
    // A text that scrolls must be reachable without a pointer.
    for (const box of view.querySelectorAll("div.prose")) if (box.scrollHeight > box.clientHeight) reachable(box);
  }

  function reachable(box) {
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Text, scrollable");
  }

  function head(record) {
    const title = shown("h3", "", record.id);
    const badge = element("span", "badge " + outcomeName(record), outcomeLabel(record));
    const where = element("p", "where", suiteLabel(record) + " · " + data.models[record.model] + " · ");
    where.append(at < 0 ? "not among the filtered" : number(at + 1) + " of " + number(found.length));
    const moves = element("div", "moves", mover("Previous", "‹", -1), mover("Next", "›", 1), link(record));
    return element("div", "head", element("div", "title", title, badge), where, moves);
  }

  function mover(label, sign, step) {
    const button = element("button", "", sign);
    button.type = "button";
    button.title = label + " record";
    button.setAttribute("aria-label", label + " record");
    button.disabled = at < 0 ? found.length === 0 : !found.length || at + step < 0 || at + step >= found.length;
    button.addEventListener("click", () => {
      go(at + step);
      // The button was made anew with the record: the focus goes to its successor, or to the list at an end.
      const successor = [...byId("record").querySelectorAll(".moves button")][step < 0 ? 0 : 1];
      (successor && !successor.disabled ? successor : list).focus({ preventScroll: true });
    });
    return button;
  }

  function link(record) {
    const made = element("a", "", "Link");
    made.href = address(record, { filters: false });
    made.title = "The address of this record alone";
    made.setAttribute("aria-label", "Link to this record");
    return made;
  }

  function part(title, ...content) {
    return element("div", "part", element("h4", "", title), ...content);
  }

  function pictures(record) {
    if (!record.pictures) return null;
    return element("div", "pictures", ...record.pictures.map((picture, position) => {
      if (typeof picture === "string") return shown("p", "gone", picture + " is not in this page");
      const image = document.createElement("img");
      const elsewhere = document.querySelector('img[data-picture="' + picture + '"]');
      image.src = data.pictures[picture] ?? elsewhere.src;
      image.alt = "Image " + (position + 1) + " of the request";
      return image;
    }));
  }

  /** The judged steps where there are any: the record's own, or those of the same completion in another suite. */
  function reasoning(record) {
    const whole = shownText("div", "prose", record.completion);
    const judged = record.steps ? record : twins(record).find((other) => other.steps);
    if (!judged) return part("What the model wrote", whole);
    const steps = element("ol", "steps", ...judged.steps.map(step));
    const notes = [];
    if (judged.more_steps) notes.push(element("p", "small", number(judged.more_steps) + " more steps are in the run's files"));
    if (judged !== record) notes.push(element("p", "small", "Judged in the suite " + suiteLabel(judged) + "."));
    const raw = element("details", "raw", element("summary", "", "As it was written"), whole);
    return part("Reasoning, step by step", steps, ...notes, raw);
  }

  function step(judged) {
    const [sign, label] = VERDICTS[judged.verdict] || ["?", judged.verdict || "not judged"];
    const mark = element("span", "mark " + judged.verdict, sign);
    mark.setAttribute("aria-hidden", "true");
    const made = element("li", judged.verdict || "unread", mark, element("span", "unseen", label + ": "));
    made.append(shown("span", "prose", judged.text || "(nothing was written)"));
    if (judged.error || judged.why) {
      const why = element("p", "why");
      if (judged.first_wrong) why.append(element("span", "first", "first error"), " ");
      if (judged.error) why.append(shown("b", "", judged.error), judged.why ? ": " : "");
      if (judged.why) why.append(shown("span", "", judged.why));
      made.append(why);
    }
    return made;
  }

  function verdict(record) {
    const pairs = [];
    if (text(record.gold)) pairs.push(["Gold", shownText("b", "", record.gold)]);
    if (record.answer !== undefined) pairs.push(["Answer", shownText("b", "", record.answer)]);
    if (text(record.reason)) pairs.push(["Why", shownText("span", "", record.reason)]);
    return part("Verdict: " + outcomeLabel(record), definitions(pairs));
  }

  function facts(record) {
    const pairs = [["Policy", shown("span", "", record.policy)]];
    if (record.sections) pairs.push(["Decided by", shown("span", "", record.sections.join(", "))]);
    if (record.error) pairs.push(["Kind of error", shown("span", "", record.error)]);
    for (const [tag, value] of Object.entries(record.tags || {})) pairs.push([tag.replaceAll("_", " "), shown("span", "", value)]);
    for (const [name, value] of Object.entries(record.parts || {})) pairs.push([name, String(Math.round(value * 1e4) / 1e4)]);
    if (record.value !== undefined) pairs.push(["Score", String(record.value)]);
    pairs.push(["Prompt tokens", number(record.tokens)]);
    return part("About it", definitions(pairs));
  }

  function definitions(pairs) {
    const made = element("dl", "");
    for (const [name, value] of pairs) made.append(shown("dt", "", name), element("dd", "", value));
    return made;
  }

  const ofQuestion = new Map();
  for (const record of records) {
    if (!ofQuestion.has(record.id)) ofQuestion.set(record.id, []);
    ofQuestion.get(record.id).push(record);
  }

  /** Records of the same completion: suites that judge what was written for another one. */
  function twins(record) {
    return ofQuestion.get(record.id).filter((other) => other.model === record.model && other.completion === record.completion);
  }

  function elsewhere(record) {
    const others = ofQuestion.get(record.id).filter((other) => other !== record);
    if (!others.length) return null;
    const buttons = others.map((other) => {
      const outcome = outcomeName(other);
      const button = element(
        "button", "",
        element("span", "mark " + outcome, OUTCOME_MARKS[outcome]),
        data.models[other.model] + " · " + suiteLabel(other) + ": " + outcomeLabel(other),
      );
      button.type = "button";
      button.addEventListener("click", () => open(other));
      return button;
    });
    return part("The same request elsewhere", element("div", "others", ...buttons));
  }

  function open(record) {
    current = records.indexOf(record);
    at = found.indexOf(current);
    scrollToRow();
    draw();
    showRecord();
    writeAddress();
    byId("record").querySelector(".moves a").focus({ preventScroll: true });
  }

  // ---- the address ---------------------------------------------------------------------------------------------

  function address(record, { filters }) {
    const view = new URLSearchParams();
    if (filters) {
      if (search.value) view.set("q", search.value);
      for (const facet of FACETS) if (facet.chosen !== null) view.set(facet.name, facet.chosen);
    }
    if (record) view.set("at", place(record));
    const query = view.toString();
    return "#" + FRAGMENT + (query ? "?" + query : "");
  }

  function writeAddress() {
    try {
      history.replaceState(null, "", address(current === null ? null : records[current], { filters: true }));
    } catch {
      // A page inside another one may have no address of its own; the view works without.
    }
  }

  /** Take the view from the address, if it names one. */
  function readAddress() {
    const [fragment, query] = location.hash.slice(1).split(/\?(.*)/s);
    if (fragment !== FRAGMENT || query === undefined) return false;
    const view = new URLSearchParams(query);
    search.value = view.get("q") ?? "";
    for (const facet of FACETS) {
      const value = view.get(facet.name);
      facet.chosen = value !== null && facet.numbers.has(value) ? value : null;
    }
    const wanted = view.get("at");
    const index = wanted === null ? -1 : records.findIndex((record) => place(record) === wanted);
    current = index < 0 ? null : index;
    list.scrollTop = 0;
    refresh({ keepAddress: true });
    return true;
  }

  function followAddress() {
    if (!readAddress()) return;
    byId("browse").scrollIntoView();
    list.focus({ preventScroll: true });
  }

  // ---- controls ------------------------------------------------------------------------------------------------

  const PAGE = 10;
  const MOVES = {
    j: () => at + 1, k: () => at - 1, ArrowDown: () => at + 1, ArrowUp: () => at - 1,
    PageDown: () => at + PAGE, PageUp: () => at - PAGE, Home: () => 0, End: () => found.length - 1,
  };

  byId("browser").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(MOVES, event.key)) return;
    if (event.target.closest("input, select, textarea")) return;
    // Everywhere else in the browser letters move too; arrows and the like only in the list, where nothing else scrolls.
    if (event.key.length > 1 && event.target !== list) return;
    event.preventDefault();
    go(MOVES[event.key]());
  });

  list.addEventListener("click", (event) => {
    const clicked = event.target.closest("[role=option]");
    if (!clicked) return;
    go(Number(clicked.id.slice("row-".length)));
    // On a narrow screen the record is below the list.
    if (getComputedStyle(list.parentElement).gridTemplateColumns.split(" ").length === 1) {
      byId("record").scrollIntoView({ block: "start" });
    }
  });

  let drawing = false;
  list.addEventListener("scroll", () => {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      draw();
    });
  });

  search.addEventListener("input", () => refresh());
  search.form.addEventListener("submit", (event) => event.preventDefault());
  byId("clear").addEventListener("click", () => {
    search.value = "";
    for (const facet of FACETS) facet.chosen = null;
    refresh();
  });
  window.addEventListener("hashchange", followAddress);
  window.addEventListener("resize", draw);

  byId("browser").hidden = false;
  document.documentElement.classList.add("scripted");
  refresh({ keepAddress: true });
  followAddress();
})();
