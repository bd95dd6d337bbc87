"""CSS of the report page: system fonts, light or dark by the reader's preference."""

STYLE = """
:root { color-scheme: light dark; --paper: #f6f8fa; --card: #fff; --ink: #1d2733; --faint: #5d6975;
  --line: #dfe5eb; --accent: #0063a0; --good: #117a43; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #12171d; --card: #1a2129; --ink: #e6ebf0;
  --faint: #9aa7b4;
  --line: #2c3742; --accent: #6cb8ee; --good: #5fce93; --bad: #ff8a80; } }
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
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; width: 100%; }
caption { text-align: left; color: var(--faint); font-size: .85rem; padding: 0 0 .4rem; }
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
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
.even { color: var(--faint); }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 0 2.5rem;
  margin-bottom: 1.2rem; align-items: start; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 1.2rem 0 0; }
.pair .wide { grid-column: 1 / -1; }
h2 + figure, .pair figure { margin-top: 0; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; padding: .5rem;
  background: #fff; border-radius: .4rem; }
figcaption { margin-top: .4rem; color: var(--faint); font-size: .85rem; }
footer { padding: .5rem 1.25rem 2.5rem; color: var(--faint); font-size: .82rem; }
@media (max-width: 40rem) { section { padding: 1rem; } h1 { font-size: 1.8rem; }
  figure { overflow-x: auto; } .wide img { max-width: none; width: 46rem; } }
@media print { body { background: #fff; } section { break-inside: avoid; } }
"""
