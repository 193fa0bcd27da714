import { assertEquals, assertLess } from "@std/assert";
import { chromeTrace, foldedStacks, type Span, type SpanRecord } from "../../cache/mod.ts";
import { browserTest as test, Chromium, type Page } from "../_chromium.ts";
import { Random } from "../_random.ts";
import { serve } from "../tap/_server.ts";
import { clocked } from "./_clocked.ts";
import { packages } from "./_otel.ts";
import { arrowsOf, asWritten, depthOf, eventsOf, slicesOf } from "./_trace_format.ts";

/** A page that draws a trace, and says of it what can be seen. */
const PAGE =
  `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>A trace</title>
<style>
  body { margin: 8px; font: 10px sans-serif }
  svg { width: 100%; height: 95vh }
  rect { fill: #9cf; stroke: #036; stroke-width: .5 }
  .instant { fill: #c30; stroke: none }
  line { stroke: #c30 }
</style><svg></svg><script type="module">
  const { traceEvents } = await (await fetch("/trace.json")).json();
  const svg = document.querySelector("svg");
  const add = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    svg.append(element);
    return element;
  };
  const is = (phase) => traceEvents.filter(({ ph }) => ph === phase);
  const last = Math.max(...is("X").map(({ ts, dur }) => ts + dur));
  const x = (ts) => ts / last * (innerWidth - 16);
  const lines = Map.groupBy(is("X"), ({ tid }) => tid);
  const tops = new Map();
  let top = 0;
  for (const [tid, line] of lines) {
    tops.set(tid, top);
    let deepest = 0;
    const stack = [];
    for (const { name, ts, dur } of line.sort((a, b) => a.ts - b.ts)) {
      while (stack.length > 0 && stack.at(-1) <= ts) stack.pop();
      stack.push(ts + dur);
      deepest = Math.max(deepest, stack.length);
      const y = top + (stack.length - 1) * 9;
      const box = add("rect", { x: x(ts), y, width: Math.max(.2, x(dur)), height: 8 });
      box.append(Object.assign(document.createElementNS(svg.namespaceURI, "title"), { textContent: name }));
    }
    top += deepest * 9 + 4;
  }
  for (const { ts, tid } of is("i")) {
    add("rect", { class: "instant", x: x(ts), y: tops.get(tid), width: 1, height: 8 });
  }
  const ends = new Map(is("f").map((end) => [end.id, end]));
  for (const { id, ts, tid } of is("s")) {
    const end = ends.get(id);
    add("line", { x1: x(ts), y1: tops.get(tid) + 8, x2: x(end.ts), y2: tops.get(end.tid) });
  }
  const boxes = [...svg.querySelectorAll("rect:not(.instant)")].map((box) => box.getBBox());
  globalThis.seen = {
    title: traceEvents.find(({ name }) => name === "process_name").args.name,
    lines: lines.size,
    boxes: boxes.length,
    instants: svg.querySelectorAll(".instant").length,
    arrows: svg.querySelectorAll("line").length,
    // In the same row, by more than what a line is wide.
    covered: boxes.filter((one, at) =>
      boxes.some((other, i) =>
        i !== at && one.y === other.y && one.x < other.x + other.width - .5 && other.x < one.x + one.width - .5
      )
    ).length,
  };
</script>`;

/** What a server did: requests at the same time, with spans in them that wait for each other or do not. */
function busy(requests: number): SpanRecord[] {
  const random = new Random(11);
  const { cache, clock } = clocked();
  const open: Span[] = [];
  let started = 0;
  while (started < requests || open.length > 0) {
    clock.pass(1 + random.below(3));
    const what = random.below(3);
    if (what === 0 && started < requests) {
      open.push(cache.start("request", { number: ++started }, { kind: "server" }));
    } else if (what === 1 && open.length > 0 && open.length < 20) {
      open.push(random.pick(open).start(random.pick(["query", "render; text", "send"])));
    } else if (open.length > 0) {
      const [span] = open.splice(random.below(open.length), 1);
      span!.event("done");
      clock.pass(1);
      span!.end();
    }
  }
  return cache.page({ limit: Infinity });
}

const TYPES: Record<string, string> = { html: "text/html", js: "text/javascript", css: "text/css" };

/** Opens a page in a browser, on a server that has the page, the viewer, and what spans are written as. */
async function opened(
  path: string,
  spans: readonly SpanRecord[],
  body: (page: Page) => Promise<void>,
): Promise<void> {
  const { speedscope } = await packages();
  await using server = serve((request) => {
    const name = new URL(request.url).pathname.slice(1);
    if (name === "") return new Response(PAGE, { headers: { "content-type": "text/html" } });
    if (name === "trace.json") return Response.json(chromeTrace(spans, { processName: "shop" }));
    if (name === "stacks.txt") return new Response(foldedStacks(spans));
    const file = speedscope.get(name);
    if (file === undefined) return new Response(null, { status: 404 });
    const type = TYPES[name.split(".").at(-1)!] ?? "application/octet-stream";
    return new Response(file, { headers: { "content-type": type } });
  });
  await using browser = await Chromium.start();
  await body(await browser.open(`${server.url}/${path}`));
}

/** What speedscope has read, as it writes that itself. */
interface Exported {
  readonly shared: { readonly frames: readonly { readonly name: string }[] };
  readonly profiles: readonly {
    readonly name: string;
    /** Frames that open and close, with times since the first one. */
    readonly events: readonly {
      readonly type: "O" | "C";
      readonly at: number;
      readonly frame: number;
    }[];
  }[];
}

async function exported(page: Page): Promise<Exported> {
  await page.until("the profile is shown", `document.body.innerText.includes("Export")`);
  return JSON.parse(
    await page.evaluate(`new Promise((resolve) => {
      URL.createObjectURL = (blob) => (resolve(blob.text()), "data:,");
      const buttons = [...document.querySelectorAll("div")];
      buttons.findLast(({ innerText }) => innerText?.endsWith("Export")).click();
    })`),
  );
}

test("A page in a browser draws a trace, and nothing in it covers anything else", async () => {
  const spans = busy(60);
  const events = eventsOf(chromeTrace(spans));
  await opened("", spans, async (page) => {
    await page.until("the trace is drawn", "globalThis.seen");
    assertEquals(await page.evaluate("seen"), {
      title: "shop",
      lines: new Set(events.filter(({ ph }) => ph === "X").map(({ tid }) => tid)).size,
      boxes: spans.length,
      instants: spans.length,
      arrows: arrowsOf(events).length,
      covered: 0,
    });
  });
  assertLess(0, arrowsOf(events).length);
});

test("speedscope reads of a trace the slices that are in it, each in the one around it", async () => {
  const spans = busy(40);
  const events = eventsOf(chromeTrace(spans));
  const slices = slicesOf(events, asWritten);
  const firsts = new Map(slices.toReversed().map(({ event: { tid, ts } }) => [tid, ts]));
  const expected = slices.map((slice) => {
    const { event: { tid, name }, begin, end } = slice;
    return [tid, name, depthOf(slice), begin - firsts.get(tid)!, end - firsts.get(tid)!];
  });
  await opened("index.html#profileURL=/trace.json", spans, async (page) => {
    const { shared, profiles } = await exported(page);
    const read = profiles.flatMap(({ name, events }) => {
      const tid = Number(/line (\d+)/.exec(name)![1]);
      const stack: [number, string, number, number, number][] = [];
      return events.flatMap(({ type, at, frame }) => {
        // Its names of frames have the arguments behind them.
        const [name] = shared.frames[frame]!.name.split(" {");
        if (type === "O") {
          stack.push([tid, name!, stack.length, at, NaN]);
          return [];
        }
        const slice = stack.pop()!;
        assertEquals(slice[1], name);
        slice[4] = at;
        return [slice];
      });
    });
    const sorted = (slices: typeof expected): string[] =>
      slices.map((slice) => slice.join()).sort();
    assertEquals(sorted(read), sorted(expected));
  });
});

test("speedscope reads of folded stacks what is in them", async () => {
  const spans = busy(40);
  await opened("index.html#profileURL=/stacks.txt", spans, async (page) => {
    const { shared, profiles: [profile] } = await exported(page);
    const stack: string[] = [];
    const sums = new Map<string, number>();
    let before = 0;
    for (const { type, at, frame } of profile!.events) {
      const key = stack.join(";");
      if (at > before) sums.set(key, (sums.get(key) ?? 0) + at - before);
      before = at;
      const { name } = shared.frames[frame]!;
      if (type === "O") stack.push(name);
      else assertEquals(stack.pop(), name);
    }
    const written = foldedStacks(spans).split("\n").filter((line) => !/^$| 0$/.test(line));
    assertEquals([...sums].map(([stack, micros]) => `${stack} ${micros}`), written);
  });
});
