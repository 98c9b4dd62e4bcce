// Page of `omniedit browse`: filters, list, viewer and decisions. Texts from files are set as text, never as HTML.
import { $, element, report, request, say } from "./base.js";

const PAGE = 60, MOST = 200, AHEAD = 2, WITHDRAW = "withdraw";
const FACETS = ["task", "reason", "judge", "ratio"];
const STATES = { accept: "accepted by hand", reject: "rejected by hand" };
const state = { rows: [], total: 0, place: -1, record: null, undo: [], loading: null, asked: 0 };

const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
const words = name => name.replaceAll("_", " ");
const score = value => value === null || value === undefined ? "\u2013" : value.toFixed(2);
const image = (number, name, size) => `/image/${number}/${name}/${size}`;

// The run: counts, values of the filters, what cannot be read. Asked again while shards are being read.
async function refresh() {
  const run = await request("/api/run");
  const before = state.run;
  state.run = run;
  document.title = `${run.run} - OmniEdit pairs`;
  $("run").textContent = run.run;
  const reading = run.shards.read < run.shards.all ? `, reading ${run.shards.read} of ${plural(run.shards.all, "shard")}` : "";
  showCounts(run.by_hand, reading);
  for (const name of FACETS) fillFacet(name, run.facets[name]);
  const more = run.more_problems ? [`and ${run.more_problems} more`] : [];
  $("problems").replaceChildren(...[...run.problems, ...more].map(text => element("p", { textContent: text })));
  $("problems").hidden = !run.problems.length;
  if (!before || before.pairs !== run.pairs) await (state.place < 0 ? search() : count());
  if (reading) setTimeout(() => report(refresh()), 1000);
}

function showCounts(byHand, reading = "") {
  const hand = byHand.accepted + byHand.rejected ? ` \u00b7 by hand: ${byHand.accepted} accepted, ${byHand.rejected} rejected` : "";
  $("counts").textContent = plural(state.run.pairs, "pair") + reading + hand;
}

function fillFacet(name, values) {
  const select = $("query").elements[name], chosen = select.value || new URLSearchParams(location.search).get(name) || "";
  select.replaceChildren(new Option("all", ""), ...values.map(([value, count]) => new Option(`${words(value)} (${count.toLocaleString("en")})`, value)));
  if (chosen && !values.some(([value]) => value === chosen)) select.append(new Option(words(chosen), chosen));
  select.value = chosen;
}

// The list: rows come a page at a time, when the end of the list comes into view.
function filters() {
  return new URLSearchParams([...new FormData($("query"))].filter(([name, value]) => value && !(name === "order" && value === "file")));
}

async function search() {
  state.asked += 1;
  Object.assign(state, { rows: [], total: 0, place: -1, loading: null });
  $("rows").replaceChildren();
  history.replaceState(null, "", `?${filters()}`);
  $("list").scrollTo(0, 0);
  await load();
  $("nothing").hidden = state.total > 0;
  $("pair").hidden = state.total === 0;
  if (state.total) await open(0);
}

async function count() {
  state.total = (await request(`/api/pairs?${filters()}&limit=0`)).total;
  showTotal();
}

function showTotal() {
  $("total").textContent = `${plural(state.total, "pair")} selected`;
  showPosition();
}

function load() {
  if (!state.loading) state.loading = loadPage(state.asked).finally(() => { state.loading = null; });
  return state.loading;
}

async function loadPage(asked) {
  const found = await request(`/api/pairs?${filters()}&offset=${state.rows.length}&limit=${PAGE}`);
  if (asked !== state.asked) return;
  const first = state.rows.length;
  state.rows.push(...found.pairs);
  state.total = found.total;
  $("rows").append(...found.pairs.map((row, place) => listRow(row, first + place)));
  showTotal();
}

function listRow(row, place) {
  const thumbnail = element("img", { alt: "", loading: "lazy", decoding: "async", src: image(row.number, "edited", "thumb") });
  const button = element("button", { type: "button", title: row.pair_id, onclick: () => report(open(place)) },
    thumbnail,
    element("span", { className: "task", textContent: words(row.task) }),
    element("span", { className: "score", textContent: score(row.score) }),
    element("span", { className: "state" }));
  const item = element("li", {}, button);
  markState(item, row);
  return item;
}

function markState(item, row) {
  const shown = item.querySelector(".state");
  const accepted = row.by_hand ? row.by_hand === "accept" : row.kept;
  shown.textContent = row.by_hand ? STATES[row.by_hand] : row.reason === "kept" ? "accepted" : row.reason;
  shown.className = `state ${accepted === null ? "" : accepted ? "accepted" : "rejected"}`;
}

new IntersectionObserver(entries => {
  if (entries.some(entry => entry.isIntersecting) && state.rows.length && state.rows.length < state.total) report(load());
}, { rootMargin: "600px" }).observe($("more"));

// One pair.
async function open(place) {
  while (place >= state.rows.length && state.rows.length < state.total) await load();
  if (place < 0 || place >= state.rows.length) return;
  const items = $("rows").children;
  items[state.place]?.firstChild.removeAttribute("aria-current");
  state.place = place;
  items[place].firstChild.setAttribute("aria-current", "true");
  items[place].scrollIntoView({ block: "nearest", inline: "nearest" });
  showPosition();
  const row = state.rows[place];
  for (const side of ["source", "edited"]) showImage(side, row.number);
  $("stage").querySelectorAll("svg").forEach(svg => svg.remove());
  const record = await request(`/api/pair/${row.number}`);
  if (state.rows[state.place] !== row) return;
  state.record = record;
  show(record);
  for (const next of state.rows.slice(place + 1, place + 1 + AHEAD)) {
    for (const side of ["source", "edited"]) new Image().src = image(next.number, side, "screen");
  }
}

function showImage(side, number) {
  const shown = $("stage").querySelector(`.${side} img`);
  shown.src = image(number, side, "screen");
}

function showPosition() {
  $("position").textContent = state.place < 0 ? "" : `${(state.place + 1).toLocaleString("en")} of ${state.total.toLocaleString("en")}`;
  $("previous").disabled = state.place <= 0;
  $("next").disabled = state.place + 1 >= state.total;
}

function show(record) {
  const known = "row" in record;
  $("instruction").textContent = known ? record.instructions[0] : record.pair_id;
  $("stage").hidden = !known;
  if (known) $("stage").style.setProperty("--ratio", record.size[0] / record.size[1]);
  $("unread").hidden = !record.problems.length;
  $("unread").textContent = record.problems.join("\n");
  const facts = known ? [words(record.task), record.ratio.replace("x", ":"), `${record.size[0]} \u00d7 ${record.size[1]}`,
    record.mask_share === null ? "no mask" : `mask ${(100 * record.mask_share).toFixed(1)} %`,
    record.session ? `session ${record.session}, turn ${record.turn}` : ""] : [];
  $("facts").replaceChildren(...[...facts, record.pair_id].filter(Boolean).map(text => element("span", { textContent: text })));
  $("mask").disabled = !record.outline;
  if (record.outline) drawMask(record);
  showDecision(record);
  $("references").replaceChildren(...(record.references ?? []).map((each, place) => {
    const name = `reference-${place + 1}`;
    return element("figure", {}, element("img", { alt: each.role, src: image(record.number, name, "screen") }),
      element("figcaption", { textContent: `reference: ${each.role}${each.caption ? `: ${each.caption}` : ""}` }));
  }));
  $("details").replaceChildren(...details(record));
}

function drawMask(record) {
  const namespace = "http://www.w3.org/2000/svg";
  for (const figure of $("stage").querySelectorAll("figure")) {
    const svg = document.createElementNS(namespace, "svg"), path = document.createElementNS(namespace, "path");
    svg.setAttribute("viewBox", `0 0 1000 ${Math.round(1000 * record.size[1] / record.size[0])}`);
    svg.setAttribute("preserveAspectRatio", "none");
    path.setAttribute("d", record.outline);
    svg.append(path);
    figure.append(svg);
  }
}

function showDecision(record) {
  const made = record.by_hand, automatic = record.decision;
  for (const name of ["accept", "reject"]) $(name).setAttribute("aria-pressed", String(made?.decision === name));
  const filter = automatic ? `Filter: ${automatic.kept ? "accepted" : "rejected"}, ${automatic.reason}.` : "Filter: no decision yet.";
  const hand = made ? `By hand: ${STATES[made.decision].split(" ")[0]} by ${made.who}, ${made.when}${made.note ? `: ${made.note}` : ""}.` : "";
  $("verdict").textContent = [hand, filter].filter(Boolean).join(" ");
  $("undo").disabled = !state.undo.length;
}

function details(record) {
  const captions = record.captions ?? {};
  const texts = [...(record.instructions ?? []).slice(1).map((text, place) => [`paraphrase ${place + 1}`, text]),
    ["source caption", captions.source], ["edited caption", captions.edited]];
  return [
    section("Scores", scoreRows(record.scores)),
    section("Teacher's scores", scoreRows(record.teacher_scores)),
    section("Imported scores", Object.entries(record.imported_scores ?? {})),
    section("Texts", texts),
    section("Provenance", Object.entries(record.provenance ?? {})),
    section("File", [["file", record.file], ["row", record.row], ...Object.entries(record.shard ?? {})]),
    links(record),
    command(record),
  ].filter(Boolean);
}

function scoreRows(scores) {
  if (!scores) return [];
  const judge = [scores.judge, scores.judge_version].filter(Boolean).join(" ");
  if (scores.status === "unscorable") return [["judge", judge], ["unscorable", scores.reasoning]];
  const meters = [["O", "o_score"], ["edit succeeded", "sc_score_1"], ["nothing else changed", "sc_score_2"], ["image quality", "pq_score"]];
  return [["judge", judge], ...meters.map(([label, name]) => [label, meter(scores[name])]), ["rationale", scores.reasoning], ["rubric", scores.prompt_hash]];
}

function meter(value) {
  if (value === null || value === undefined) return null;
  return element("span", {}, element("meter", { min: 0, max: 10, value }), score(value));
}

function section(title, rows) {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (!known.length) return null;
  const cells = known.flatMap(([name, value]) => {
    const shown = value instanceof Node ? value : typeof value === "object" ? JSON.stringify(value, null, 1) : String(value);
    return [element("dt", { textContent: name }), element("dd", {}, shown)];
  });
  return element("section", {}, element("h2", { textContent: title }), element("dl", {}, ...cells));
}

function links(record) {
  if (!("row" in record)) return null;
  const names = ["source", "edited", ...(record.mask_share === null ? [] : ["mask"]), ...record.references.map((_, place) => `reference-${place + 1}`)];
  const made = names.map(name => element("a", { href: image(record.number, name, "stored"), target: "_blank", rel: "noopener", textContent: name }));
  return element("section", { className: "wide" }, element("h2", { textContent: "Images as stored" }), ...made);
}

function command(record) {
  const text = record.command ?? "No rule of the workflow makes this file.";
  return element("section", { className: "wide" }, element("h2", { textContent: "Make it again" }), element("pre", { textContent: text }));
}

// Decisions.
async function decide(decision) {
  const row = state.rows[state.place];
  if (!row) return;
  const done = await send(row, decision, $("note").value);
  state.undo.push({ row, previous: done.previous, made: done.made });
  $("note").value = "";
  if (state.place + 1 < state.total) await open(state.place + 1);
  else await open(state.place);
}

async function undo() {
  const last = state.undo.at(-1);
  if (!last) return;
  const done = await send(last.row, last.previous ?? WITHDRAW, "", last.made).catch(async error => {
    if (error.status === 409) { state.undo.pop(); await update(); }
    throw error;
  });
  state.undo.pop();
  for (const each of state.undo) if (each.row.number === last.row.number) each.made = done.made;
  const place = state.rows.findIndex(row => row.number === last.row.number);
  await open(place < 0 ? state.place : place);
  say("Decision undone.");
}

async function send(row, decision, note, undoes = null) {
  const done = await request("/api/decide", { number: row.number, pair_id: row.pair_id, decision, note, undoes });
  markDecided(row.number, done.decision);
  row.by_hand = done.decision;
  showCounts(done.by_hand);
  return done;
}

function markDecided(number, decision) {
  const place = state.rows.findIndex(each => each.number === number);
  if (place < 0) return;
  state.rows[place].by_hand = decision;
  markState($("rows").children[place], state.rows[place]);
}

// Other windows decide too: show what they decided. The list stays, whatever the filters select now.
async function update() {
  showCounts((await request("/api/run")).by_hand);
  for (let offset = 0; offset < state.rows.length; offset += MOST) {
    const found = await request(`/api/pairs?${filters()}&offset=${offset}&limit=${MOST}`);
    for (const row of found.pairs) markDecided(row.number, row.by_hand);
  }
  const row = state.rows[state.place];
  if (!row) return;
  const record = await request(`/api/pair/${row.number}`);
  if (state.rows[state.place] === row) showDecision(state.record = record);
}

// One key at a time: a second decision waits for the first.
let turn = Promise.resolve();
const queue = action => { turn = turn.then(() => report(action())); };
const step = by => queue(() => open(state.place + by));

function setView(view) {
  $("stage").dataset.view = view;
  for (const button of document.querySelectorAll("[data-view]")) if (button.matches("button")) button.setAttribute("aria-pressed", String(button.dataset.view === view));
}

function toggleMask() {
  const on = $("stage").classList.toggle("masked");
  $("mask").setAttribute("aria-pressed", String(on));
}

const keys = {
  j: () => step(1), k: () => step(-1), a: () => queue(() => decide("accept")), r: () => queue(() => decide("reject")),
  u: () => queue(undo), m: toggleMask, s: () => setView("side"), w: () => setView("wipe"), f: () => { setView("flip"); $("stage").classList.toggle("flipped"); },
};
document.addEventListener("keydown", event => {
  const typing = event.target.matches("input:not([type=range]), select, textarea");
  if (event.key === "Escape" && typing) event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !(event.key in keys)) return;
  event.preventDefault();
  if (!event.repeat || event.key === "j" || event.key === "k") keys[event.key]();
});

$("accept").onclick = keys.a;
$("reject").onclick = keys.r;
$("undo").onclick = keys.u;
$("previous").onclick = keys.k;
$("next").onclick = keys.j;
$("mask").onclick = toggleMask;
$("wipe").oninput = () => $("stage").style.setProperty("--x", `${$("wipe").value}%`);
$("stage").onclick = () => { if ($("stage").dataset.view === "flip") $("stage").classList.toggle("flipped"); };
for (const button of document.querySelectorAll("button[data-view]")) button.onclick = () => setView(button.dataset.view);
$("query").onsubmit = event => event.preventDefault();
$("query").onchange = () => queue(search);
$("query").onreset = () => setTimeout(() => queue(search));

for (const [name, value] of new URLSearchParams(location.search)) {
  const field = $("query").elements[name];
  if (field && !FACETS.includes(name)) field.value = value;
}
document.addEventListener("visibilitychange", () => { if (!document.hidden && state.run) queue(update); });
if (matchMedia("(max-width: 800px)").matches) $("filters").open = false;
report(refresh());
