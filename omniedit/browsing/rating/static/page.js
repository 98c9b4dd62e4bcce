// Page of `omniedit rate`: a queue of questions, answers by key, and answers that are sent again until they are saved.
import { $, report, request, say } from "./base.js";

const RETRY_MS = 2000, PAN = 5, LEAST_ZOOM = 2, LONG_TEXT = 110;
const VIEWS = ["side", "wipe", "flip"];
const SIDES = { scores: ["source", "edited"], pairwise: ["source", "left", "right"] };
const state = { rater: "", mode: "scores", questions: [], done: 0, total: 0, chosen: {}, ready: false, since: 0, unsaved: [], loaded: new Map(), shown: null };

const address = (ticket, side) => `image/${ticket}/${side}`;
const sides = () => SIDES[state.mode];
const randomToken = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), byte => byte.toString(16).padStart(2, "0")).join("");

// The rater's name stays in the address, so that a reload or a bookmark continues.
async function start() {
  const name = decodeURIComponent(location.hash.slice(1));
  if (name) {
    try {
      return await enter(await request(`api/state?rater=${encodeURIComponent(name)}`));
    } catch (error) {
      if (!error.status) throw error;
    }
  }
  document.body.dataset.mode = (await request("api/mode")).mode;
  showSection("join");
  $("name").value = name;
  $("name").focus();
}

async function join(event) {
  event.preventDefault();
  const found = await request("api/join", { rater: $("name").value });
  location.hash = encodeURIComponent(found.rater);
  await enter(found);
  if (found.done) say(`Welcome back, ${found.rater}: you continue after ${found.done}.`);
}

async function enter(found) {
  state.rater = found.rater;
  state.mode = document.body.dataset.mode = found.mode;
  $("bar").hidden = false;
  $("rater").textContent = `Rater: ${found.rater}`;
  accept(found);
  await show();
}

function showSection(name) {
  for (const each of ["join", "rate", "finished"]) $(each).hidden = each !== name;
}

// Take the server's state, except for answers that are not saved yet. The question on the page stays.
function accept(found) {
  const waiting = new Set(state.unsaved.map(each => each.ticket)), shown = state.shown;
  state.questions = found.questions.filter(each => !waiting.has(each.ticket) && each.ticket !== shown?.ticket);
  if (shown) state.questions.unshift(shown);
  state.done = found.done + waiting.size;
  state.total = Math.max(found.total, state.done);
  showProgress();
  prefetch();
}

function showProgress() {
  $("progress").value = state.total ? state.done / state.total : 1;
  $("count").textContent = `${state.done} of ${state.total}`;
  document.body.dataset.unsaved = state.unsaved.length;
  $("unsaved").hidden = !state.retrying;
  $("unsaved").textContent = `${state.unsaved.length} not saved yet, trying again`;
}

// Images are loaded before their question is shown; the promises say whether they could be.
function prefetch() {
  const wanted = new Map();
  for (const { ticket } of state.questions) {
    const loading = state.loaded.get(ticket) ?? Promise.all(sides().map(side => load(ticket, side)));
    loading.catch(() => {}); // reported when the question is shown
    wanted.set(ticket, loading);
  }
  state.loaded = wanted;
}

function load(ticket, side) {
  const image = Object.assign(new Image(), { alt: figure(side).alt, src: address(ticket, side) });
  return image.decode().then(() => image);
}

async function show(before = null) {
  const question = state.questions[0] ?? null;
  Object.assign(state, { chosen: {}, ready: false, shown: question });
  if (!question) return finish();
  showSection("rate");
  closeReasons();
  setZoom(false);
  $("instruction").textContent = question.instruction;
  $("instruction").classList.toggle("long", question.instruction.length > LONG_TEXT);
  $("stage").classList.add("waiting");
  showChosen(before);
  const late = setTimeout(() => showLoading("Loading the images"), 250);
  try {
    const images = await state.loaded.get(question.ticket);
    if (state.shown !== question) return;
    images.forEach((image, place) => figure(sides()[place]).replaceWith(image));
    $("stage").style.setProperty("--ratio", images[0].naturalWidth / images[0].naturalHeight);
    showLoading("");
    $("stage").classList.remove("waiting");
    Object.assign(state, { ready: true, since: performance.now() });
  } catch {
    if (state.shown !== question) return;
    state.loaded.delete(question.ticket);
    showLoading("An image cannot be loaded. Press x to skip it, or reload the page to try again.");
    $("loading").classList.add("broken");
  } finally {
    clearTimeout(late);
  }
}

const figure = side => $("stage").querySelector(`.${side} img`);

function showLoading(text) {
  $("loading").hidden = !text;
  $("loading").textContent = text;
  $("loading").classList.remove("broken");
}

function finish() {
  showSection("finished");
  $("summary").textContent = state.total ? `You answered ${state.done} of ${state.total}.` : "There is nothing left to answer: enough people have rated every edit.";
  if (state.unsaved.length) $("summary").textContent += " Keep this page open until all answers are saved.";
  $("undo-last").hidden = !state.done;
}

// Answers. A score can be changed until both are given.
function score(name, value) {
  if (state.mode !== "scores" || !state.ready) return;
  state.chosen[name] = value;
  showChosen(null);
  if ("sc" in state.chosen && "pq" in state.chosen) submit({ sc: state.chosen.sc, pq: state.chosen.pq });
}

function choose(choice) {
  if (state.mode === "pairwise" && state.ready) submit({ choice });
}

function showChosen(before) {
  for (const button of document.querySelectorAll("[data-score]")) {
    const { score, value } = button.dataset;
    button.setAttribute("aria-pressed", String(state.chosen[score] === Number(value)));
    if (before || !Object.keys(state.chosen).length) button.classList.toggle("before", before?.[score] === Number(value));
  }
}

function submit(answer) {
  const question = state.questions[0];
  if (!question) return;
  const seconds = state.ready ? (performance.now() - state.since) / 1000 : null;
  state.unsaved.push({ rater: state.rater, token: randomToken(), ticket: question.ticket, seconds, ...answer });
  state.questions.shift();
  state.done += 1;
  showProgress();
  const sent = save();
  if (state.questions.length || state.done >= state.total) report(show());
  else {
    showLoading("Loading the next one");
    $("stage").classList.add("waiting");
    Object.assign(state, { ready: false, shown: null });
    report(sent);
  }
}

// One answer at a time, in order. Without a reply from the server it is sent again; its token prevents it from counting twice.
function save() {
  state.saving ??= saveAll().finally(() => { state.saving = null; });
  return state.saving;
}

async function saveAll() {
  while (state.unsaved.length) {
    try {
      const found = await request("api/answer", state.unsaved[0]);
      state.unsaved.shift();
      state.retrying = false;
      accept(found);
    } catch (error) {
      if (error.status) {
        state.unsaved.shift();
        say(error.message);
        accept(await request(`api/state?rater=${encodeURIComponent(state.rater)}`));
      } else {
        state.retrying = true;
        showProgress();
        await new Promise(wake => setTimeout(wake, RETRY_MS));
      }
    }
  }
  if (!state.shown) await show();
}

async function undo() {
  await state.saving;
  if (!state.rater) return;
  const found = await request("api/undo", { rater: state.rater });
  if (!found.undone) return say("There is nothing to undo.");
  state.shown = null;
  accept(found);
  await show(found.undone);
  say("Undone: answer it again.");
}

// Cannot judge.
function openReasons() {
  if (!state.questions.length) return;
  $("reasons").hidden = false;
  $("unable").setAttribute("aria-expanded", "true");
  $("reasons").querySelector("button").focus();
}

function closeReasons() {
  $("reasons").hidden = true;
  $("reason").value = "";
  $("unable").setAttribute("aria-expanded", "false");
}

function giveReason(problem) {
  if (!problem.trim()) return;
  closeReasons();
  submit({ problem });
}

// Views.
function setView(view) {
  $("stage").dataset.view = view;
  for (const button of document.querySelectorAll("button[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === view));
  setShown(sides().at(-1));
}

function setShown(side) {
  $("stage").dataset.shown = side;
  $("stage").classList.toggle("flipped", side !== "source");
}

function flip() {
  if ($("stage").dataset.view !== "flip") return setView("flip");
  const place = sides().indexOf($("stage").dataset.shown);
  setShown(sides()[(place + 1) % sides().length]);
}

function setZoom(on) {
  const shown = figure(sides().at(-1));
  const pixels = shown.naturalWidth / (shown.clientWidth || 1);
  $("stage").style.setProperty("--zoom", Math.max(LEAST_ZOOM, pixels));
  $("stage").classList.toggle("zoomed", on);
  $("zoom").setAttribute("aria-pressed", String(on));
}

const origin = { x: 50, y: 50 };
function pan(x, y) {
  Object.assign(origin, { x: Math.min(100, Math.max(0, x)), y: Math.min(100, Math.max(0, y)) });
  $("stage").style.setProperty("--ox", `${origin.x}%`);
  $("stage").style.setProperty("--oy", `${origin.y}%`);
}

$("stage").addEventListener("pointermove", event => {
  const place = event.target.closest("figure")?.getBoundingClientRect();
  if (place) pan(100 * (event.clientX - place.left) / place.width, 100 * (event.clientY - place.top) / place.height);
});

const zoom = () => setZoom(!$("stage").classList.contains("zoomed"));
const nextView = () => setView(VIEWS[(VIEWS.indexOf($("stage").dataset.view) + 1) % VIEWS.length]);
const arrow = (x, y) => { if ($("stage").classList.contains("zoomed")) pan(origin.x + x, origin.y + y); };

const keys = {
  a: () => score("sc", 0), s: () => score("sc", 0.5), d: () => score("sc", 1),
  j: () => score("pq", 0), k: () => score("pq", 0.5), l: () => score("pq", 1),
  1: () => choose("left"), 2: () => choose("right"), 3: () => choose("tie"), 4: () => choose("both_bad"),
  u: () => report(undo()), x: openReasons, v: nextView, f: flip, z: zoom,
  ArrowLeft: () => arrow(-PAN, 0), ArrowRight: () => arrow(PAN, 0), ArrowUp: () => arrow(0, -PAN), ArrowDown: () => arrow(0, PAN),
};

// A digit counts by its place on the keyboard too, because some layouts need shift for it.
const keyName = event => /^Digit[1-4]$/.test(event.code) ? event.code.at(-1) : event.key.length === 1 ? event.key.toLowerCase() : event.key;

document.addEventListener("keydown", event => {
  const typing = event.target.matches("input:not([type=range])"), key = keyName(event), isOpen = !$("reasons").hidden;
  if (event.key === "Escape") return isOpen ? closeReasons() : setZoom(false);
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isOpen) {
    const reason = /^[1-4]$/.test(key) && $("reasons").querySelectorAll("[data-reason]")[key - 1];
    if (!reason) return;
    event.preventDefault();
    return reason.click();
  }
  if (!(key in keys) || !state.rater || (event.repeat && !key.startsWith("Arrow")) || (event.target === $("wipe") && key.startsWith("Arrow"))) return;
  event.preventDefault();
  keys[key]();
});

$("leave").onclick = () => { location.hash = ""; location.reload(); };
$("name-form").onsubmit = event => report(join(event));
for (const button of document.querySelectorAll("[data-score]")) button.onclick = () => score(button.dataset.score, Number(button.dataset.value));
for (const button of document.querySelectorAll("[data-choice]")) button.onclick = () => choose(button.dataset.choice);
for (const button of document.querySelectorAll("[data-reason]")) button.onclick = () => giveReason(button.dataset.reason);
for (const button of document.querySelectorAll("button[data-view]")) button.onclick = () => setView(button.dataset.view);
$("reasons").onsubmit = event => { event.preventDefault(); giveReason($("reason").value); };
$("undo").onclick = $("undo-last").onclick = keys.u;
$("unable").onclick = () => $("reasons").hidden ? openReasons() : closeReasons();
$("cancel").onclick = closeReasons;
$("zoom").onclick = zoom;
$("wipe").oninput = () => $("stage").style.setProperty("--x", `${$("wipe").value}%`);
$("stage").onclick = () => { if ($("stage").dataset.view === "flip") flip(); };
addEventListener("beforeunload", event => { if (state.unsaved.length) event.preventDefault(); });
report(start());
