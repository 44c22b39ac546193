/** The style of the HTML report: light and dark, narrow and wide, on a screen and on paper. */
export const STYLE = `
:root {
  --page: #ffffff; --panel: #f5f7f9; --ink: #1b2129; --soft: #566070; --line: #dbe0e6; --link: #1f5f9e;
  --bad: #b42318; --good: #17713f; --warn: #8a5200;
  --heat-0: #eef1f4; --heat-1: #d3e3f3; --heat-2: #a5c6e6; --heat-3: #6fa3d4; --heat-4: #2f6fae; --heat-5: #1b5592;
  --flag-1: #fbd5cf; --flag-2: #f4aea4; --flag-3: #e67f71; --flag-4: #c03d2c; --flag-5: #a32617;
  --dot: #1b2129; --explained: #6f9cc7; --unexplained: #c2321f;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #11151a; --panel: #1a2027; --ink: #e7ebf0; --soft: #a0abb8; --line: #303842; --link: #8bbdf0;
    --bad: #ff8d7e; --good: #6fd39a; --warn: #f0b45c;
    --heat-0: #1c232b; --heat-1: #1f354c; --heat-2: #264e75; --heat-3: #3570a6; --heat-4: #5a9bd6; --heat-5: #9ccbf5;
    --flag-1: #4d241f; --flag-2: #76322a; --flag-3: #a44438; --flag-4: #d66355; --flag-5: #ff9a8c;
    --dot: #ffffff; --explained: #4c7fae; --unexplained: #ff7a69;
  }
}
* { box-sizing: border-box; }
html { background: var(--page); -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 68rem; padding: 2rem 1.5rem 4rem; color: var(--ink); background: var(--page);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif;
  overflow-wrap: anywhere; print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
h1 { font-size: 1.1rem; font-weight: 600; margin: 0; }
h2 { font-size: 1.2rem; margin: 3rem 0 .35rem; line-height: 1.3; }
h3 { font-size: 1rem; margin: 0; line-height: 1.4; }
p { margin: .35rem 0; max-width: 46rem; }
body > header p { max-width: none; }
.soft, figcaption, .note { color: var(--soft); }
code, .code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: .86em; }
header .over { color: var(--soft); font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; margin: 0 0 .2rem; }
.headline { font-size: 2.1rem; font-weight: 650; line-height: 1.2; margin: .9rem 0 .5rem; max-width: none; letter-spacing: -.015em; }
.headline.bad b { color: var(--bad); }
.headline.good b { color: var(--good); }
.headline b { font-weight: inherit; }
dl.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.3rem, 1fr)); gap: .6rem; margin: 1.4rem 0 0; }
dl.facts div { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; }
dl.facts dt { color: var(--soft); font-size: .82rem; }
dl.facts dd { margin: 0; font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.35; }
dl.facts dd small { display: block; font-size: .8rem; font-weight: 400; color: var(--soft); }
dl.facts dd small.bad { color: var(--bad); font-weight: 600; }
.partial { border: 1px solid var(--warn); border-left-width: 5px; border-radius: 6px; padding: .6rem .9rem; margin: 1.2rem 0 0; max-width: none; }
.partial b { color: var(--warn); }
nav { margin: 1.4rem 0 0; font-size: .9rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; list-style: none; margin: 0; padding: 0; }
figure { margin: .8rem 0 0; }
figcaption { font-size: .86rem; margin-top: .3rem; }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; align-items: center; margin: .5rem 0 0; font-size: .86rem; color: var(--soft); }
.legend span { display: inline-flex; align-items: center; gap: .4rem; }
.legend svg { display: inline-block; }
svg { display: block; overflow: visible; }
svg text { fill: var(--soft); font-size: 11.5px; font-variant-numeric: tabular-nums; }
svg text.scale { paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round; }
svg text.name { fill: var(--ink); font-size: 13px; }
svg text.note { font-size: 12px; }
.narrow { display: none; }
.rule { stroke: var(--line); } .axis { stroke: var(--soft); }
.tone-explained { fill: var(--explained); } .tone-unexplained { fill: var(--unexplained); }
.mark { fill: none; stroke: var(--warn); stroke-width: 2; }
.bed { fill: var(--heat-0); }
.heat-0, .heat-1, .heat-2, .heat-3, .heat-4, .heat-5, .flag-1, .flag-2, .flag-3, .flag-4, .flag-5 { stroke: var(--page); stroke-width: 1.5px; }
rect.heat-0 { fill: var(--heat-0); } rect.heat-1 { fill: var(--heat-1); } rect.heat-2 { fill: var(--heat-2); }
rect.heat-3 { fill: var(--heat-3); } rect.heat-4 { fill: var(--heat-4); } rect.heat-5 { fill: var(--heat-5); }
rect.flag-1 { fill: var(--flag-1); } rect.flag-2 { fill: var(--flag-2); } rect.flag-3 { fill: var(--flag-3); }
rect.flag-4 { fill: var(--flag-4); } rect.flag-5 { fill: var(--flag-5); }
.dot { fill: var(--dot); stroke: var(--page); stroke-width: 1px; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; margin: .6rem 0 0; }
caption { text-align: left; color: var(--soft); font-size: .86rem; padding: 0 0 .3rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .9rem .4rem 0; border-bottom: 1px solid var(--line); font-weight: 400; }
th:last-child, td:last-child { padding-right: 0; }
thead th { overflow-wrap: normal; color: var(--soft); font-size: .8rem; border-bottom-color: var(--soft); vertical-align: bottom; }
tbody th { font-weight: 500; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.bad { color: var(--bad); } .warn { color: var(--warn); }
.scroll { overflow-x: auto; }
article { border: 1px solid var(--line); border-left: 5px solid var(--soft); border-radius: 8px; padding: .9rem 1.1rem 1rem; margin: .9rem 0 0; }
article.critical, article.high { border-left-color: var(--unexplained); }
article.medium { border-left-color: var(--warn); }
article.low { border-left-color: var(--explained); }
article header { display: flex; gap: .3rem .7rem; align-items: baseline; flex-wrap: wrap; }
article header h3 { flex: 1 1 20rem; }
article p { max-width: none; }
.badge { display: inline-block; min-width: 4.6rem; text-align: center; border-radius: 4px; padding: .05rem .5rem; font-size: .76rem; font-weight: 600; color: #ffffff; background: #4a5563; }
.badge.critical { background: #86180d; } .badge.high { background: #b42318; } .badge.medium { background: #8a5200; } .badge.low { background: #2a5d8f; }
.fix { border-left: 2px solid var(--line); padding-left: .8rem; margin: .5rem 0; }
.fix b { font-weight: 600; }
details { margin: .5rem 0 0; font-size: .9rem; }
summary { cursor: pointer; color: var(--link); }
ul.ids { columns: 22rem auto; column-gap: 1.5rem; margin: .4rem 0 0; padding: 0; list-style: none; }
table.matrix { width: auto; border-collapse: separate; border-spacing: 2px; }
table.matrix th, table.matrix td { border: 0; padding: .2rem .35rem; }
table.matrix thead th.column { writing-mode: vertical-rl; transform: rotate(180deg); vertical-align: bottom; text-align: left; padding: .35rem .2rem; white-space: nowrap; color: var(--ink); }
table.matrix tbody th { position: sticky; left: 0; background: var(--page); padding-right: .8rem; min-width: 9rem; max-width: 19rem; }
table.matrix td { text-align: center; min-width: 3.3rem; border-radius: 3px; font-variant-numeric: tabular-nums; }
td.heat-0 { color: var(--soft); }
td.heat-1 { background: var(--heat-1); } td.heat-2 { background: var(--heat-2); } td.heat-3 { background: var(--heat-3); }
td.heat-4 { background: var(--heat-4); } td.heat-5 { background: var(--heat-5); }
td.flag-1 { background: var(--flag-1); } td.flag-2 { background: var(--flag-2); } td.flag-3 { background: var(--flag-3); }
td.flag-4 { background: var(--flag-4); } td.flag-5 { background: var(--flag-5); }
td.heat-3, td.flag-3 { color: #10151b; }
td.heat-4, td.heat-5, td.flag-4, td.flag-5 { color: #ffffff; }
td.total { font-weight: 600; }
table.matrix td small { font-size: .7rem; line-height: 1.2; color: inherit; white-space: nowrap; }
th small, td small { display: block; font-size: .82rem; line-height: 1.45; color: var(--soft); font-weight: 400; }
td small.warn { color: var(--warn); }
small.code { font-size: .7rem; }
.accesses table { table-layout: fixed; }
.accesses thead th:nth-child(1) { width: 19%; } .accesses thead th:nth-child(2) { width: 23%; }
.accesses thead th:nth-child(3) { width: 22%; } .accesses thead th:nth-child(5) { width: 12%; }
.accesses .time { white-space: normal; }
footer { margin-top: 3.5rem; padding-top: .8rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .84rem; }
@media screen and (prefers-color-scheme: dark) {
  td.heat-3, td.flag-3 { color: #ffffff; }
  td.heat-4, td.heat-5, td.flag-4, td.flag-5 { color: #10151b; }
}
@media screen and (max-width: 44rem) {
  body { padding: 1.2rem 1rem 3rem; }
  .headline { font-size: 1.6rem; }
  .narrow { display: inline; } .wide { display: none; }
  dl.facts { grid-template-columns: 1fr 1fr; }
  article { padding: .8rem .85rem; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards table, .cards caption, .cards tbody, .cards tr, .cards th, .cards td { display: block; }
  .cards tr { border-bottom: 1px solid var(--line); padding: .5rem 0; }
  .cards th, .cards td { border: 0; padding: .08rem 0; text-align: left; white-space: normal; }
  .cards td:empty { display: none; }
  .cards td::before { content: attr(data-label) ": "; color: var(--soft); font-family: system-ui, sans-serif; font-size: .82rem; }
}
@media print {
  @page { margin: 14mm 12mm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav, details:not(.events) { display: none; }
  dl.facts { grid-template-columns: repeat(6, 1fr); gap: 2mm; }
  dl.facts dd { font-size: 1.1rem; }
  h2 { break-after: avoid; margin-top: 8mm; }
  h3, caption, .legend { break-after: avoid; }
  figure, tr, dl.facts div, .partial, article header, .fix { break-inside: avoid; }
  article { break-inside: auto; }
  thead { display: table-header-group; }
  .scroll { overflow: visible; }
  table { font-size: 8.5pt; }
  table.matrix tbody th { position: static; min-width: 26mm; max-width: 44mm; padding-right: 2mm; }
  table.matrix td { min-width: 0; padding: .1rem .12rem; font-size: 7.5pt; }
  table.matrix td small { font-size: 6pt; white-space: normal; }
  details.events::details-content { content-visibility: visible; display: block; height: auto; }
  a { color: inherit; text-decoration: none; }
}
`;
