"use strict";
const { items, images, labels } = JSON.parse(document.getElementById("data").textContent);
const STEP = 20, WIDEST = 16;
const label = name => Object.hasOwn(labels, name) ? labels[name] : name;
const unique = values => [...new Set(values)];
const editors = unique(items.flatMap(item => item.outputs.map(output => output.editor)));
const judges = unique(items.flatMap(item => item.outputs.flatMap(output => output.scores.map(score => score.judge))));
const mean = values => values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
const range = values => values.length > 1 ? Math.max(...values) - Math.min(...values) : 0;
const given = output => output.scores.map(score => score.o).filter(o => o !== null);

for (const item of items) {
  for (const output of item.outputs) { output.o = mean(given(output)); output.split = range(given(output)); }
  const known = item.outputs.filter(output => output.o !== null).map(output => output.o);
  item.best = known.length ? Math.max(...known) : null;
  item.worst = known.length ? Math.min(...known) : null;
  item.mean = mean(known);
  item.spread = range(known);
  item.split = Math.max(0, ...item.outputs.map(output => output.split));
  item.failures = item.outputs.filter(output => output.image === null).length;
}

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

if (items.length) {
  const form = document.getElementById("filters"), list = document.getElementById("items");
  const viewer = document.getElementById("viewer"), stage = document.getElementById("stage"), slider = document.getElementById("slider");
  const hidden = new Set();
  const end = document.getElementById("end");
  const watcher = new IntersectionObserver(entries => { if (entries.at(-1).isIntersecting) more(); }, { rootMargin: "1200px" });
  let chosen = items, drawn = 0;

  const option = (value, text) => { const made = make("option", "", text); made.value = value; return made; };
  form.task.append(...unique(items.map(item => item.task)).map(task => option(task, label(task))));
  form.of.append(...editors.map(editor => option("=" + editor, label(editor))));
  if (judges.length < 2) document.querySelectorAll("[data-judges]").forEach(element => element.remove());
  const count = document.getElementById("count");
  editors.forEach(editor => {
    const box = make("input"), around = make("label");
    box.type = "checkbox"; box.checked = true;
    box.addEventListener("change", () => { hidden[box.checked ? "delete" : "add"](editor); draw(); });
    around.append(box, label(editor));
    count.before(around);
  });

  const visible = item => item.outputs.filter(output => !hidden.has(output.editor));
  const number = name => form[name] && form[name].value !== "" ? Number(form[name].value) : null;

  function scoresOf(item) {
    const of = form.of.value;
    if (of === "best" || of === "worst") return [item[of]];
    return item.outputs.filter(output => of === "any" || of === "=" + output.editor).map(output => output.o);
  }
  function matches(item) {
    const low = number("low"), high = number("high"), split = number("split"), text = form.text.value.trim().toLowerCase();
    if (form.task.value && item.task !== form.task.value) return false;
    if (text && !item.instruction.toLowerCase().includes(text)) return false;
    if (split !== null && item.split < split) return false;
    if (low === null && high === null) return true;
    return scoresOf(item).some(o => o !== null && (low === null || o >= low) && (high === null || o <= high));
  }
  const down = key => (a, b) => b[key] - a[key];
  const orders = {
    split: down("split"), spread: down("spread"), failures: down("failures"),
    low: (a, b) => (a.mean ?? 11) - (b.mean ?? 11), high: (a, b) => (b.mean ?? -1) - (a.mean ?? -1),
  };
  function filter() {
    chosen = items.filter(matches);
    if (orders[form.order.value]) chosen.sort(orders[form.order.value]);
    count.textContent = chosen.length.toLocaleString("en") + " of " + items.length.toLocaleString("en") + " items";
    document.getElementById("nothing").hidden = chosen.length > 0;
    draw();
  }
  function draw() { list.replaceChildren(); drawn = 0; more(); }
  function more() {
    const next = chosen.slice(drawn, drawn + STEP);
    drawn += next.length;
    list.append(...next.map(card));
    watcher.unobserve(end);
    if (drawn < chosen.length) watcher.observe(end);  // reports again, even if the end of the page is still near
  }

  function card(item) {
    const article = make("article", "item"), about = make("p", "about"), row = make("div", "row");
    about.append(make("span", "", label(item.task)), make("span", "mono", item.id));
    if (item.split > 0) about.append(make("span", "split", "judges differ by " + item.split.toFixed(1)));
    row.append(figure(item, "source", "Source", item.source));
    item.references.forEach((place, n) => row.append(figure(item, "reference" + n, "Reference " + (n + 1), place)));
    if (item.target !== null) row.append(figure(item, "target", "Target", item.target));
    const shown = visible(item);
    row.append(...shown.map(output => outputFigure(item, output)));
    article.append(make("h2", "", item.instruction), about, row);
    const reasons = shown.flatMap(output => output.scores.filter(score => score.why).map(score => [output, score]));
    if (reasons.length) article.append(rationales(reasons));
    return article;
  }
  function figure(item, key, name, place) {
    const around = make("figure"), frame = make("button", "frame"), image = make("img"), caption = make("figcaption");
    frame.type = "button";
    image.loading = "lazy"; image.decoding = "async";
    image.src = images[place]; image.alt = name + ": " + item.instruction;
    frame.append(image);
    frame.addEventListener("click", () => open(item, key));
    caption.append(make("b", "", name));
    around.append(frame, caption);
    return around;
  }
  function outputFigure(item, output) {
    const name = label(output.editor);
    let around;
    if (output.image === null) {
      around = make("figure");
      const caption = make("figcaption");
      caption.append(make("b", "", name));
      around.append(make("div", "failed", "failed: " + (output.failure || "no output")), caption);
    } else around = figure(item, "=" + output.editor, name, output.image);
    if (output.scores.length) around.querySelector("figcaption").append(scoreList(item, output));
    return around;
  }
  function scoreList(item, output) {
    const list = make("dl", "scores");
    for (const score of output.scores) {
      const name = make("dt", "", score.judge), parts = make("dd", "", detail(score)), o = make("dd", "o", score.o === null ? "no score" : "O " + score.o.toFixed(1));
      name.title = score.judge;
      if (score.o !== null && output.o === item.best && item.spread > 0) o.classList.add("best");
      list.append(name, parts, o);
    }
    return list;
  }
  const part = (name, value) => value === null ? "" : name + " " + value.toFixed(1);
  const detail = score => [part("SC", score.sc), part("PQ", score.pq)].filter(Boolean).join(", ");
  function rationales(reasons) {
    const details = make("details", "why");
    details.append(make("summary", "", judges.length > 1 ? "the judges' rationales" : "the judge's rationales"));
    details.addEventListener("toggle", () => {
      if (details.children.length > 1) return;
      for (const [output, score] of reasons) {
        const line = make("p");
        line.append(make("b", "", label(output.editor) + (judges.length > 1 ? ", " + score.judge : "") + ". "), score.why);
        details.append(line);
      }
    });
    return details;
  }

  let at = null, view = { zoom: 1, x: 0, y: 0 };
  function sides(item) {
    const found = [["source", "Source", item.source]];
    item.references.forEach((place, n) => found.push(["reference" + n, "Reference " + (n + 1), place]));
    if (item.target !== null) found.push(["target", "Target", item.target]);
    for (const output of visible(item)) if (output.image !== null) found.push(["=" + output.editor, label(output.editor), output.image]);
    return found;
  }
  function open(item, key) {
    const before = [left.value, right.value], keys = sides(item).map(side => side[0]);
    at = item;
    document.getElementById("what").textContent = item.instruction;
    for (const select of [left, right]) select.replaceChildren(...sides(item).map(side => option(side[0], side[1])));
    left.value = viewer.open && keys.includes(before[0]) ? before[0] : "source";
    right.value = key ?? (keys.includes(before[1]) ? before[1] : keys.at(-1));
    if (key === "source" || right.value === left.value) right.value = keys.find(each => each !== left.value) ?? keys[0];
    fit(); showSides();
    if (!viewer.open) { viewer.showModal(); slider.focus(); }
  }
  const left = document.getElementById("left"), right = document.getElementById("right");
  function showSides() {
    for (const [select, id, tag] of [[left, "under", ".left"], [right, "over", ".right"]]) {
      const [, name, place] = sides(at).find(side => side[0] === select.value);
      const image = document.getElementById(id);
      image.src = images[place]; image.alt = name;
      stage.querySelector(tag).textContent = name;
    }
  }
  function place() {
    stage.classList.toggle("zoomed-in", view.zoom > 1);
    stage.style.setProperty("--x", slider.value + "%");
    stage.style.setProperty("--zoom", view.zoom);
    stage.style.setProperty("--tx", view.x + "px");
    stage.style.setProperty("--ty", view.y + "px");
    viewer.querySelector(".zoomed").textContent = Math.round(view.zoom * 100) + " %";
  }
  function fit() { view = { zoom: 1, x: 0, y: 0 }; place(); }
  function zoom(factor, x = 0, y = 0) {
    const zoomed = Math.min(WIDEST, Math.max(1, view.zoom * factor)), ratio = zoomed / view.zoom;
    view = zoomed === 1 ? { zoom: 1, x: 0, y: 0 } : { zoom: zoomed, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
    place();
  }
  function step(by) {
    const next = chosen[chosen.indexOf(at) + by];
    if (next) open(next);
  }
  const actions = {
    next: () => step(1), previous: () => step(-1), close: () => viewer.close(), in: () => zoom(1.5), out: () => zoom(1 / 1.5), fit,
  };
  viewer.addEventListener("click", event => {
    const name = event.target.dataset.do;
    if (name && Object.hasOwn(actions, name)) actions[name]();
  });
  left.addEventListener("change", showSides);
  right.addEventListener("change", showSides);
  slider.addEventListener("input", place);
  stage.addEventListener("wheel", event => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2);
  }, { passive: false });
  stage.addEventListener("pointerdown", event => { if (event.isPrimary) stage.setPointerCapture(event.pointerId); });
  stage.addEventListener("pointermove", event => {
    if (!stage.hasPointerCapture(event.pointerId)) return;
    if (view.zoom > 1) view = { ...view, x: view.x + event.movementX, y: view.y + event.movementY };
    else slider.value = 100 * (event.clientX - stage.getBoundingClientRect().left) / stage.clientWidth;
    place();
  });
  viewer.addEventListener("keydown", event => {
    if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = { j: "next", k: "previous", "+": "in", "=": "in", "-": "out", 0: "fit" };
    if (Object.hasOwn(keys, event.key)) { event.preventDefault(); actions[keys[event.key]](); }
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      if (event.target === slider) return;
      event.preventDefault();
      slider.value = Number(slider.value) + (event.key === "ArrowRight" ? 2 : -2);
      place();
    }
  });

  form.addEventListener("input", filter);
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  filter();
}
