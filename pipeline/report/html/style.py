"""CSS of the report page: system fonts, light or dark by the reader's preference."""

STYLE = """
:root { color-scheme: light dark; --paper: #f6f8fa; --card: #fff; --ink: #1d2733; --faint: #5d6975;
  --line: #dfe5eb; --accent: #0063a0; --good: #117a43; --bad: #b3261e;
  --cell: #1f6fb2; --deep: #fff; --bar: #9cc4e4; }
@media (prefers-color-scheme: dark) { :root { --paper: #12171d; --card: #1a2129; --ink: #e6ebf0;
  --faint: #9aa7b4;
  --line: #2c3742; --accent: #6cb8ee; --good: #5fce93; --bad: #ff8a80;
  --cell: #6cb8ee; --deep: #0d1218; --bar: #33658a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { margin: 0; font-size: 2.4rem; line-height: 1.15; letter-spacing: -0.02em; overflow-wrap: anywhere; }
h2 { margin: 0 0 1rem; font-size: 1.25rem; letter-spacing: -0.01em; }
.kicker { margin: 0 0 .3rem; color: var(--accent); font-weight: 600; font-size: .85rem;
  letter-spacing: .06em;
  text-transform: uppercase; }
.protocol { margin: .25rem 0 1.5rem; color: var(--faint); }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0 0 1.5rem; padding: 0; list-style: none; }
.tiles li { flex: 1 1 6rem; display: flex; flex-direction: column; padding: .8rem 1rem;
  background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; }
.tiles .accuracy { flex: 1 1 9rem; border-top: 3px solid var(--accent); }
.tiles .count { border-top: 3px solid var(--line); }
.tiles .name { color: var(--faint); font-size: .85rem; }
.tiles .value { font-size: 1.9rem; font-weight: 650; letter-spacing: -0.02em; line-height: 1.25; }
.tiles .count .value { font-size: 1.5rem; line-height: 1.58; }
.tiles small { margin-left: .15rem; font-size: .55em; color: var(--faint); font-weight: 500; }
.tiles .spread { color: var(--faint); font-size: .8rem; }
section { margin: 0 0 1.25rem; padding: 1.4rem 1.5rem 1.5rem; background: var(--card);
  border: 1px solid var(--line);
  border-radius: .6rem; }
.scroll { overflow-x: auto; position: relative; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; width: 100%; }
caption { text-align: left; color: var(--faint); font-size: .85rem; padding: 0 0 .4rem; position: sticky; left: 0;
  min-width: min(18rem, 100vw - 4.6rem); max-width: calc(100vw - 4.6rem); }
th, td { padding: .42rem .75rem .42rem 0; text-align: right; border-bottom: 1px solid var(--line);
  vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
th:first-child, .words th, .words td { text-align: left; }
thead th { color: var(--faint); font-weight: 500; font-size: .82rem; border-bottom-width: 2px;
  white-space: nowrap; }
tbody th { font-weight: 500; }
td, tbody th, .words tbody th code { white-space: nowrap; }
.words td { white-space: normal; min-width: 7rem; }
.words td:last-child { min-width: 14rem; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: .86em;
  overflow-wrap: anywhere; white-space: normal; }
.notes { margin: .9rem 0 0; padding: 0 0 0 1.1rem; color: var(--faint); font-size: .88rem; }
p.notes { padding: 0; }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
.even { color: var(--faint); }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 0 2.5rem;
  margin-bottom: 1.2rem; align-items: start; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 1.2rem 0 0; }
.pair > .wide { grid-column: 1 / -1; }
h2 + figure, .pair figure { margin-top: 0; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; padding: .5rem;
  background: #fff; border-radius: .4rem; }
figcaption { margin-top: .4rem; color: var(--faint); font-size: .85rem; }
footer { padding: .5rem 1.25rem 2.5rem; color: var(--faint); font-size: .82rem; }
@media (max-width: 40rem) { section { padding: 1rem; } h1 { font-size: 1.8rem; }
  figure { overflow-x: auto; } .wide img { max-width: none; width: 46rem; } }
h3 { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere; } h4 { margin: 1rem 0 .3rem; font-size: .92rem; }
.faint { color: var(--faint); }
.heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[hidden] { display: none !important; }
button, select, input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
  border-radius: .35rem; padding: .3rem .6rem; min-width: 0; }
button { cursor: pointer; }
:is(button, select, input, summary, .scroll):focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.link { border: 0; padding: 0; background: none; color: var(--accent); text-align: inherit;
  text-decoration: underline; text-underline-offset: .15em; }
body:not(.live) :is(.link, .confusion button) { color: inherit; text-decoration: none; pointer-events: none; }
#filters { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .6rem; align-items: end; }
#filters label { display: grid; gap: .15rem; color: var(--faint); font-size: .82rem; min-width: 0; }
#filters :is(select, input) { color: var(--ink); font-size: .92rem; width: 100%; }
#found { margin: .8rem 0 .6rem; font-weight: 600; }
#list td { white-space: normal; min-width: 5rem; } #list td:last-child { min-width: 7rem; }
#list th[scope=row] { white-space: nowrap; }
#more { margin-top: .8rem; }
#strips figure { content-visibility: auto; contain-intrinsic-size: auto 40rem; }
dialog { width: min(68rem, 96vw); max-height: 94vh; padding: 0; color: var(--ink); background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; }
dialog::backdrop { background: rgb(0 0 0 / .55); }
.bar-of-buttons { position: sticky; top: 0; display: flex; gap: .6rem; align-items: center; padding: .7rem 1rem;
  background: var(--card); border-bottom: 1px solid var(--line); }
.bar-of-buttons h3 { flex: 1; }
#clip-body { padding: .4rem 1rem 1.2rem; } #clip-body ol { margin: 0; padding-left: 1.4rem; font-size: .9rem; }
#clip-body .side { margin: 0; }
details { margin-top: 1rem; } summary { cursor: pointer; color: var(--accent); }
small { color: var(--faint); }
.confusion { width: auto; border-spacing: 1px; border-collapse: separate; font-size: .8rem; }
.confusion :is(td, th) { padding: 0; border: 0; text-align: center; vertical-align: middle; }
.confusion tbody th { padding-right: .5rem; text-align: right; font-size: .85em; white-space: nowrap; }
.confusion th span { color: var(--faint); }
.confusion td { min-width: 1.5rem; height: 1.5rem;
  background: color-mix(in srgb, var(--cell) var(--share, 0%), var(--paper)); }
.confusion thead td { background: none; }
.confusion button { width: 100%; height: 100%; padding: 0; border: 0; border-radius: 0; background: none;
  min-height: 1.5rem; }
.confusion .deep { color: var(--deep); }
.bars td { white-space: nowrap; } .bars td b { display: inline-block; width: 2.2em; font-weight: 500; }
.bar { position: relative; display: inline-block; width: 6rem; height: .9em; vertical-align: -.1em;
  background: linear-gradient(var(--bar) 0 0) 0 / var(--mean) 100% no-repeat var(--paper); }
.bar::after { content: ""; position: absolute; top: calc(50% - 1px); height: 2px; background: var(--ink);
  left: var(--low); width: calc(var(--high) - var(--low)); }
.maps { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem; }
.maps svg { width: 100%; background: var(--paper); border-radius: .4rem; }
.maps figcaption { grid-column: 1 / -1; margin: 0; }
#maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr)); gap: 0 1.5rem; }
#maps use { opacity: .85; cursor: pointer; } #maps .back { opacity: .1; }
#maps .here { opacity: 1; stroke: var(--ink); stroke-width: 2px; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem; margin: .8rem 0 0; padding: 0;
  list-style: none; font-size: .82rem; }
.legend button { display: flex; gap: .3rem; align-items: center; padding: .1rem .45rem; }
.legend svg { width: .9em; height: .9em; }
.legend [aria-pressed=true] { border-color: var(--accent); font-weight: 600; }
body:not(.live) .legend button { pointer-events: none; }
@media (max-width: 40rem) { .maps { grid-template-columns: 1fr; } dialog { width: 100vw; max-width: 100vw; } }
@media print { :root { --paper: #f6f8fa; --card: #fff; --ink: #1d2733; --faint: #5d6975; --line: #dfe5eb;
  --accent: #0063a0; --good: #117a43; --bad: #b3261e; --cell: #1f6fb2; --deep: #fff; --bar: #9cc4e4;
  color-scheme: light; }
  body { background: #fff; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  #filters, #more, dialog, #hovered { display: none; } section { break-inside: auto; border: 0; padding: 0; }
  figure, tr { break-inside: avoid; } .scroll { overflow: visible; } table { font-size: .75rem; } }
"""
