/**
 * The script of the page, which finds `config` defined in front of it. It needs no build, and a browser of 2024. What comes from the tap
 * becomes the content of text nodes, and nothing else.
 */

/** The script as it is sent: its comments, its indentation and most of its line ends are for whoever reads this file. */
export function pageScript(): string {
  const SCRIPT = String.raw`
const MOST_ROWS = 1000, MOST_UNITS = 16e6, SHOWN_UNITS = 2000, PATIENCE_MS = 10000;
const ui = {};
for (const node of document.querySelectorAll("[id]")) ui[node.id] = node;
document.title = ui.title.textContent = config.title;

// What is watched, if anything is; whoever belongs to another run has nothing to say any more.
let run, lastQuery, lastId, state = "ready";
let isPaused = false, isFollowing = true, needle = "", timer;
let received = 0, dropped = 0, earlier = 0;
const makeList = () => ({ items: [], units: 0 });
let kept = makeList(), waiting = makeList();

const words = (record) =>
  Object.entries(record).filter(([, value]) => value != null)
    .map(([name, value]) => visible(name.replaceAll("_", " ") + " " + value)).join("; ");
const element = (name, textContent) => Object.assign(document.createElement(name), { textContent });
// Writes out what cannot be seen, or turns the text around it.
const visible = (text) =>
  text.replace(/(?!\t)[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (unit) =>
    "\\u" + unit.charCodeAt().toString(16).padStart(4, "0"));

function put(list, item) {
  list.items.push(item);
  list.units += item.text.length;
  while (list.items.length > MOST_ROWS || list.units > MOST_UNITS) {
    const oldest = list.items.shift();
    list.units -= oldest.text.length;
    oldest.row?.remove();
  }
}

function add(item) {
  put(waiting, item);
  timer ??= setTimeout(flush, 50);
}

const note = (text) => add({ time: Date.now(), text });

function flush() {
  timer = undefined;
  if (!isPaused) {
    const rows = new DocumentFragment();
    for (const item of waiting.items) {
      rows.append(item.row = makeRow(item));
      put(kept, item);
    }
    waiting = makeList();
    ui.list.append(rows);
  }
  update();
}

function makeRow(item) {
  const { time, stage, text, line } = item;
  const row = element("li");
  if (!line) row.className = "notice";
  row.append(element("time", new Date(Math.min(time, 8e15) || 0).toISOString().slice(11)));
  if (stage) row.append(element("b", visible(stage)));
  row.append(element("span", visible(text.slice(0, SHOWN_UNITS))));
  const more = text.length - SHOWN_UNITS;
  if (more > 0) row.append(element("i", "… and " + more + " characters more"));
  row.hidden = !fits(item);
  return row;
}

const fits = ({ stage, text, line }) => !line || (stage + " " + text).toLowerCase().includes(needle);
const shown = () => kept.items.filter(({ line, row }) => line && !row.hidden);

function update() {
  ui.counts.textContent = received + " received, " + shown().length + " shown" +
    (isPaused ? ", " + waiting.items.length + " waiting" : "");
  const lost = earlier + dropped;
  ui.badge.hidden = lost === 0;
  ui.badge.textContent = lost + " dropped";
  ui.state.textContent = ui.state.className = isPaused && state === "live" ? "paused" : state;
  ui.pause.textContent = isPaused ? "Resume" : "Pause";
  if (isFollowing) ui.list.scrollTop = ui.list.scrollHeight;
}

function show(name, why = "") {
  state = name;
  ui.why.textContent = why;
  ui.start.textContent = run ? "Restart" : "Start again";
  ui.stop.disabled = !run;
  update();
}

function finish(name, why) {
  clearTimeout(run?.timer);
  run?.source?.close();
  run = undefined;
  note(name + ": " + why);
  show(name, why);
}

async function connect(mine) {
  if (mine.end <= Date.now()) return finish("ended", "its time is over");
  show("connecting");
  try {
    const url = await makeUrl(mine);
    if (mine === run) listen(mine, url);
  } catch (error) {
    fail(mine, error);
  }
}

// A ticket is good for one session, so each attempt has its own.
async function makeUrl(mine) {
  const url = new URL(config.tap, location.href);
  const token = ui.token.value;
  const headers = token ? { authorization: "Bearer " + token } : {};
  const response = await ask(url, { method: "POST", headers });
  const { ticket } = await response.json().catch(() => ({}));
  if (!ticket) throw problem("there is no tap at " + url, true);
  const query = new URLSearchParams([...mine.query, ["meta", 1], ["ticket", ticket]]);
  if (lastId) query.set("since", lastId);
  // Its time goes on while it is cut off.
  if (mine.end) query.set("duration", Math.max(1, mine.end - Date.now()) + "ms");
  url.search = query;
  return url;
}

async function ask(url, options) {
  const response = await fetch(url, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
  if (response.ok) return response;
  const { status } = response;
  const { error = "the answer is " + status, hint } = await response.json().catch(() => ({}));
  // Too many sessions, and a server that is not well, may be over soon.
  throw problem(hint ? error + "; " + hint : error, /^4(?!08|09|29)/.test(status));
}

const problem = (message, isFinal) => Object.assign(new Error(message), { isFinal });

function listen(mine, url) {
  const source = mine.source = new EventSource(url);
  let hello;
  const on = (name, take) => source.addEventListener(name, ({ data }) => take(JSON.parse(data)));
  mine.timer = setTimeout(fail, PATIENCE_MS, mine, problem("the stream does not begin"));
  on("hello", (record) => {
    clearTimeout(mine.timer);
    hello = record;
    mine.tries = 0;
    mine.end ??= Date.now() + hello.duration_ms;
    earlier += dropped;
    dropped = 0;
    const { stage, where, fields, sampling, redact, duration_ms } = hello;
    ui.hello.textContent = words({
      stage,
      where,
      fields,
      redacted: redact.join(", ") || "no paths",
      sampling: sampling ? words(sampling) : "none",
      seconds: duration_ms / 1000,
    });
    note(words({ session: hello.session, missed: hello.missed ?? "unknown" }));
    show("live");
  });
  source.onmessage = ({ data, lastEventId }) => {
    lastId = lastEventId;
    received++;
    add(readEvent(data, hello));
  };
  const tell = (notice) => {
    dropped = notice.dropped ?? dropped;
    note(words(notice));
  };
  on("notice", tell);
  on("drop", tell);
  on("summary", (summary) => {
    tell(summary);
    finish("ended", words({ reason: summary.reason }));
  });
  source.onerror = async () => {
    source.close();
    clearTimeout(mine.timer);
    try {
      // It does not say why it was refused, so the same is asked in another way.
      if (!hello) (await ask(await makeUrl(mine))).body?.cancel();
      throw problem("the connection is lost");
    } catch (error) {
      fail(mine, error);
    }
  };
}

function fail(mine, { isFinal, message }) {
  if (mine !== run) return;
  if (isFinal) return finish("refused", message);
  mine.source?.close();
  if (mine.tries === 0) note(message);
  const seconds = Math.min(15, 2 ** mine.tries++);
  mine.timer = setTimeout(connect, seconds * 1000, mine);
  show("connecting", message + "; trying again in " + seconds + " s");
}

// The text is taken out as it came: read and written anew, a large number would be another one.
function readEvent(line, { stages }) {
  const [head, time, name] = /^{"id":"[^"]*","seq":\d+,"time":(\d+)[.\d]*,"stage":("(?:[^"\\]|\\.)*"),/.exec(line);
  const rest = line.slice(head.length, -1);
  const text = rest.startsWith('"event":') ? rest.slice(8)
    : rest.startsWith('"text":') ? JSON.parse(rest.slice(7))
    : "{" + rest + "}";
  return { time: +time, stage: stages.length === 1 ? "" : JSON.parse(name), text, line };
}

ui.form.onsubmit = (event) => {
  event.preventDefault();
  const query = [...new FormData(ui.form)].filter(([, text]) => text.trim());
  if (run) finish("ended", "restarted");
  // The same again goes on behind the last event, so that none is shown twice.
  if (lastQuery !== "" + query) lastId = undefined;
  lastQuery = "" + query;
  connect(run = { query, tries: 0 });
};
ui.stop.onclick = () => {
  finish("ended", "stopped here");
  ui.start.focus();
};
ui.pause.onclick = () => {
  isPaused = !isPaused;
  flush();
};
ui.clear.onclick = () => {
  kept = makeList();
  waiting = makeList();
  ui.list.replaceChildren();
  received = 0;
  earlier = -dropped;
  update();
};
ui.save.onclick = () => {
  const blob = new Blob(shown().map(({ line }) => line + "\n"), { type: "application/x-ndjson" });
  const href = URL.createObjectURL(blob);
  Object.assign(element("a"), { href, download: "tap-" + Date.now() + ".ndjson" }).click();
  setTimeout(URL.revokeObjectURL, 60000, href);
};
ui.filter.oninput = () => {
  needle = ui.filter.value.toLowerCase();
  for (const item of kept.items) item.row.hidden = !fits(item);
  update();
};
ui.list.onscroll = () => {
  isFollowing = ui.list.scrollHeight - ui.list.scrollTop - ui.list.clientHeight < 2;
};
update();
`;

  return SCRIPT.replace(/^\s*\/\/.*\n|^\s+|(?<=[;{,(])\n/gm, "");
}
