/** How the page looks, by light and by dark, on a telephone too. */
const STYLE = `
:root {
  color-scheme: light dark;
  --soft: #f59e0b22;
  --dim: light-dark(#666, #aaa); --warn: light-dark(#9a3412, #fbbf24);
}
* { box-sizing: border-box; }
body {
  font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: .75rem; max-width: 80rem; height: 100dvh;
  display: flex; flex-direction: column; gap: .5rem; font-variant-numeric: tabular-nums;
}
h1 { font-size: 1.2rem; margin: 0 auto 0 0; overflow-wrap: anywhere; }
p, ol { margin: 0; padding: 0; }
header, .bar { display: flex; flex-wrap: wrap; gap: .4rem .75rem; align-items: center; }
form { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .4rem .75rem; }
label { font-size: .85rem; }
form input { display: block; width: 100%; }
input, button { font: 1rem system-ui; padding: .2rem .5rem; }
.bar label { flex: 1 9rem; }
#filter { width: calc(100% - 2.75rem); }
.live { color: light-dark(#15803d, #4ade80); }
.refused { color: light-dark(#b91c1c, #f87171); }
.connecting, .paused, #badge, .notice { color: var(--warn); }
#badge, .notice { background: var(--soft); }
#badge { padding: 0 .6rem; border-radius: 1rem; }
p, .notice { overflow-wrap: anywhere; }
#counts, #hello, time, i { color: var(--dim); }
#hello { font-size: .85rem; max-height: 20vh; overflow: auto; }
#list {
  flex: 1; min-height: 12rem; overflow-y: auto; list-style: none; border: 1px solid #8885;
  font: 13px/1.5 ui-monospace, monospace;
}
li { padding: .15rem .5rem; border-bottom: 1px solid #8885; white-space: pre-wrap; }
li:not(.notice) { word-break: break-all; }
li > * { margin-right: .75rem; unicode-bidi: isolate; }
`;

/** The style as it is sent: its line ends and its indentation are for whoever reads this file. */
export function pageStyle(): string {
  return STYLE.replace(/\s*([{};:,\s])\s*/g, "$1");
}
