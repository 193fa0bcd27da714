/** The page of `bus_to_browser_deno.ts` and `bus_to_browser_bun.ts`. It asks for nothing but the events. */
export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A bus in a browser</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; --line: #8884; --dim: #777; --warn: #b45309; --soft: #f59e0b1f; }
  @media (prefers-color-scheme: dark) { :root { --dim: #999; --warn: #fbbf24; } }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.4rem; margin: 0; }
  p { margin: 0.25rem 0 1rem; color: var(--dim); }
  header, form { display: flex; gap: 0.75rem; align-items: center; flex-wrap: wrap; }
  header { justify-content: space-between; }
  form { margin: 1rem 0; }
  button, select { font: inherit; padding: 0.2rem 0.6rem; }
  #state { border-radius: 1rem; padding: 0.1rem 0.75rem; border: 1px solid; font-size: 0.9rem; color: var(--warn); }
  #state.open { color: #15803d; }
  @media (prefers-color-scheme: dark) { #state.open { color: #4ade80; } }
  dl { display: flex; gap: 2rem; margin: 1rem 0; flex-wrap: wrap; }
  dt { font-size: 0.8rem; color: var(--dim); }
  dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
  #last { font: 0.95rem/2 ui-monospace, monospace; }
  ol { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); }
  li { display: grid; grid-template-columns: 5rem 5rem 1fr; gap: 0.75rem; padding: 0.3rem 0.25rem; border-bottom: 1px solid var(--line); }
  li :first-child { color: var(--dim); font-variant-numeric: tabular-nums; text-align: right; }
  li.notice { background: var(--soft); color: var(--warn); }
</style>
<header>
  <h1>A bus in a browser</h1>
  <span id="state" role="status">connecting</span>
</header>
<p>What happens in a shop, as it happens. Stop the server and start it again: the page comes back by itself, and says what it has missed.</p>
<form>
  <label>Show <select id="type">
    <option value="">everything</option>
    <option value="order">orders</option>
    <option value="payment">payments</option>
    <option value="visit">visits</option>
  </select></label>
  <button id="burst">Publish 10,000 events at once</button>
</form>
<dl>
  <div><dt>events received</dt><dd id="received">0</dd></div>
  <div><dt>events lost</dt><dd id="lost">0</dd></div>
  <div><dt>times reconnected</dt><dd id="reconnected">0</dd></div>
  <div><dt>last event id</dt><dd id="last">–</dd></div>
</dl>
<ol id="events"></ol>
<script type="module">
  const MOST_ROWS = 200;
  const element = (id) => document.getElementById(id);
  const counts = { received: 0, lost: 0, reconnected: -1 };
  let source;
  let last;
  let isUnsure = false;

  function count(name, by) {
    counts[name] += by;
    const text = Math.max(0, counts[name]).toLocaleString("en");
    element(name).textContent = name === "lost" && isUnsure ? "at least " + text : text;
  }

  function show(state) {
    element("state").textContent = state;
    element("state").className = state;
  }

  function add(className, ...texts) {
    const row = document.createElement("li");
    row.className = className;
    for (const text of texts) row.append(Object.assign(document.createElement("span"), { textContent: text }));
    const list = element("events");
    list.prepend(row);
    while (list.children.length > MOST_ROWS) list.lastChild.remove();
  }

  function connect() {
    const query = new URLSearchParams();
    if (element("type").value !== "") query.set("type", element("type").value);
    if (last !== undefined) query.set("after", last);
    source?.close();
    source = new EventSource("/events?" + query);
    source.onopen = () => {
      show("open");
      count("reconnected", 1);
    };
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return show("reconnecting");
      // After any answer that is no stream, such as that of a proxy, a browser does not come back by itself.
      show("closed, trying again");
      setTimeout(connect, 2_000);
    };
    source.onmessage = ({ data, lastEventId }) => {
      const { number, type, text } = JSON.parse(data);
      last = lastEventId;
      element("last").textContent = last;
      count("received", 1);
      add("event", number, type, text);
    };
    source.addEventListener("lag", ({ data }) => {
      const { lost, missed } = JSON.parse(data);
      if (missed === null) isUnsure = true;
      count("lost", lost ?? missed ?? 0);
      if (lost !== undefined) add("notice", "", "lost", lost.toLocaleString("en") + " events, since this browser was too slow");
      else if (missed !== null) add("notice", "", "missed", missed.toLocaleString("en") + " events, which the server does not keep any more");
      else add("notice", "", "missed", "nobody knows how many events: the server was started anew");
    });
    source.addEventListener("end", () => {
      source.close();
      show("ended");
    });
  }

  element("type").onchange = () => {
    last = undefined;
    counts.reconnected--;
    connect();
  };
  element("burst").onclick = (event) => {
    event.preventDefault();
    fetch("/burst", { method: "POST" });
  };
  connect();
</script>
</html>
`;
