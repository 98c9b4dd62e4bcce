// Page of `omniedit bench-set review`: one proposed instruction at a time, decided by key.
import { $, report, request, say } from "./base.js";

const state = { found: null, busy: false };

// Show the state that the server sends. `before` is the accepted text of a decision that is undone.
function show(found) {
  state.found = found;
  const { slot } = found;
  $("progress").value = found.total ? found.done / found.total : 1;
  $("count").textContent = `${found.done} of ${found.total}`;
  $("accepted").textContent = `${found.accepted} accepted`;
  $("review").hidden = !slot;
  $("finished").hidden = Boolean(slot);
  $("undo").disabled = $("undo-last").disabled = !found.can_undo;
  closeEdit();
  $("photo").textContent = slot ? slot.photo : "";
  if (!slot) {
    $("summary").textContent = `${found.accepted} instructions are in the table. End the command, then run omniedit bench-set build.`;
    return;
  }
  $("task").textContent = slot.task;
  $("instruction").textContent = slot.instruction || `No proposal: ${slot.reason}. Write one, or reject.`;
  $("instruction").classList.toggle("none", !slot.instruction);
  $("accept").disabled = !slot.instruction;
  $("captions").textContent = slot.captions.join("\n");
  $("more").textContent = slot.more ? `${slot.more} more for this task` : "the last one for this task";
  const address = `image/${slot.image}`;
  if ($("image").getAttribute("src") !== address) $("image").src = address;
  if (slot.next_image !== null) new Image().src = `image/${slot.next_image}`;
  if (found.before) openEdit(found.before);
}

// One decision at a time. Its turn prevents one that is sent twice from counting twice.
async function send(path, body) {
  if (state.busy || !state.found) return;
  state.busy = true;
  try {
    show(await request(path, { turn: state.found.turn, ...body }));
  } finally {
    state.busy = false;
  }
}

const decide = (verdict, instruction) => report(send("api/decide", { verdict, instruction }));

function accept() {
  const instruction = state.found?.slot?.instruction;
  if (instruction) decide("accept", instruction);
}

function openEdit(text) {
  $("edit-form").hidden = false;
  $("text").value = text;
  $("text").focus();
}

function closeEdit() {
  $("text").blur();
  $("edit-form").hidden = true;
}

const edit = () => { if (state.found?.slot) openEdit(state.found.slot.instruction); };

function save() {
  const text = $("text").value.trim();
  if (text) decide("accept", text);
  else say("Write an instruction, or reject.");
}

const whenAsked = verdict => () => { if (state.found?.slot) decide(verdict); };
const keys = {
  a: accept, e: edit, r: whenAsked("reject"), p: whenAsked("leave_out"),
  u: () => report(send("api/undo", {})),
};

document.addEventListener("keydown", event => {
  if (event.target === $("text")) {
    if (event.key === "Escape") closeEdit();
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      save();
    }
    return;
  }
  const key = event.key.toLowerCase();
  if (!(key in keys) || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  keys[key]();
});

$("accept").onclick = accept;
$("edit").onclick = edit;
$("reject").onclick = keys.r;
$("leave-out").onclick = keys.p;
$("undo").onclick = $("undo-last").onclick = keys.u;
$("cancel").onclick = closeEdit;
$("edit-form").onsubmit = event => { event.preventDefault(); save(); };
report(request("api/state").then(show));
