// Parts that all local pages share. Texts from files are set as text, never as HTML.
export const $ = id => document.getElementById(id);

// Error without `status`: the server did not answer, so the request can be sent again.
export async function request(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const reply = await fetch(path, options).catch(() => { throw new Error("The server does not answer. Is the command still running?"); });
  const value = await reply.json();
  if (!reply.ok) throw Object.assign(new Error(value.error), { status: reply.status });
  return value;
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter(child => child !== null));
  return made;
}

export function say(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
  clearTimeout(say.timer);
  if (text) say.timer = setTimeout(() => say(""), 6000);
}

export const report = action => action.catch(error => say(error.message));
