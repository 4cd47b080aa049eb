/** The page's style: one column, readable on a phone, in light and dark. No outside font, no picture. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --line: #dfe3e8; --text: #16202c; --soft: #5b6775; --accent: #0b6bcb;
  --bad: #b42318; --bad-soft: #fdecea; --warn: #8a5a00; --warn-soft: #fdf3dc; --good: #17693a; --good-soft: #e5f5eb;
  --exec: #2e9e5b; --sched: #e0941b; --syscall: #8a63d2; --sync: #d64545; --network: #2f7fd6; --sleep: #9aa5b1;
  --chan: #16a3a3; --select: #7287a8; --gc: #d4569b; --other: #b08d57;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10151b; --card: #182029; --line: #2c3742; --text: #e4e9ee; --soft: #9aa8b6; --accent: #6cb2ff;
    --bad: #ff8f85; --bad-soft: #3a1d1b; --warn: #f3c265; --warn-soft: #35290f; --good: #7fd6a0; --good-soft: #14301f;
    --exec: #46b877; --sched: #eaa93c; --syscall: #a987ea; --sync: #ea6a6a; --network: #5aa0ee; --sleep: #6f7c8a;
    --chan: #35bdbd; --select: #8fa2c0; --gc: #e57db6; --other: #c6a570;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 48px; overflow-wrap: anywhere; }
h3, dd { min-width: 0; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; letter-spacing: -0.01em; }
h2 { font-size: 18px; margin: 36px 0 4px; }
h3 { font-size: 15px; margin: 0; overflow-wrap: anywhere; }
p { margin: 4px 0; overflow-wrap: anywhere; }
.soft, figcaption .soft, .summary { color: var(--soft); }
.summary { margin: 0 0 10px; }
.facts { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 6px 0 0; padding: 0; color: var(--soft); font-size: 14px; }
.facts div { display: flex; gap: 6px; } .facts dd { margin: 0; color: var(--text); font-variant-numeric: tabular-nums; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 20px 0 0; }
.card, .tile, .finding { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.tile .label { color: var(--soft); font-size: 13px; } .tile .hint { color: var(--soft); font-size: 12px; }
.tile .value { font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr)); gap: 12px; }
.card p { font-size: 14px; } .stack { display: grid; gap: 12px; } .stack > *, .cards > *, .tiles > * { min-width: 0; }
.finding { border-left-width: 5px; } .finding p.advice { font-weight: 500; }
.finding.critical { border-left-color: var(--bad); background: var(--bad-soft); }
.finding.warning { border-left-color: var(--warn); background: var(--warn-soft); }
.finding.info { border-left-color: var(--accent); }
.finding.healthy { border-left-color: var(--good); background: var(--good-soft); }
.tag { font-size: 12px; font-weight: 600; text-transform: uppercase; letter-spacing: 0.04em; }
.critical .tag { color: var(--bad); } .warning .tag { color: var(--warn); } .info .tag { color: var(--accent); }
.finding ul { margin: 6px 0; padding-left: 20px; color: var(--soft); font-size: 14px; }
.caveat { background: var(--warn-soft); border: 1px solid var(--line); border-radius: 8px; padding: 8px 12px; margin: 10px 0 0; }
figure { margin: 0; } figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 12px; margin-bottom: 8px; }
.plot { display: grid; grid-template-columns: auto 1fr; gap: 0 8px; }
.plot .y { display: flex; flex-direction: column; justify-content: space-between; text-align: right; margin: -7px 0; }
.plot .x { grid-column: 2; display: flex; justify-content: space-between; }
.plot .x, .plot .y { color: var(--soft); font-size: 12px; line-height: 14px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.plot .x { margin-top: 4px; } .plot.bare { grid-template-columns: 1fr; } .plot.bare .x { grid-column: 1; }
svg { display: block; width: 100%; overflow: visible; } svg.time { height: 110px; } svg.histogram { height: 96px; }
svg.bar { height: 14px; border-radius: 3px; overflow: hidden; } svg.lane { height: 22px; }
.grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.stroke { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; } .dash { stroke-dasharray: 5 4; }
.area { opacity: 0.22; } .band { opacity: 0.16; } .mark { stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 12px; font-size: 13px; color: var(--soft); margin: 0; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 5px; }
.bars { display: grid; gap: 10px; } .bars .row { display: grid; gap: 3px; }
.bars .row > div { display: flex; justify-content: space-between; gap: 12px; font-size: 14px; }
.bars .row b { font-weight: 500; overflow-wrap: anywhere; } .bars .row span { white-space: nowrap; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px; border-bottom: 1px solid var(--line); white-space: nowrap; text-align: left; }
tr:last-child td { border-bottom: 0; } th { color: var(--soft); font-weight: 500; } th.right, td.right { text-align: right; }
td.name { white-space: normal; } td.name span { display: block; min-width: 160px; max-width: 420px; overflow-wrap: anywhere; }
.notes { margin: 8px 0 0; padding-left: 20px; color: var(--soft); font-size: 14px; } .notes li { overflow-wrap: anywhere; }
details { margin-top: 8px; font-size: 14px; } summary { color: var(--accent); cursor: pointer; }
details .scroll { margin-top: 6px; max-height: 320px; overflow-y: auto; border-radius: 6px; }
code { font: 13px ui-monospace, "SFMono-Regular", Menlo, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
footer { margin-top: 40px; color: var(--soft); font-size: 13px; }
@media (max-width: 480px) { main { padding: 16px 12px 32px; } h1 { font-size: 20px; } .tiles { grid-template-columns: 1fr 1fr; } }
@media print { body { background: #fff; } .card, .tile, .finding { break-inside: avoid; } }
${[
  "exec",
  "sched",
  "syscall",
  "sync",
  "network",
  "sleep",
  "chan",
  "select",
  "gc",
  "other",
  "accent",
  "bad",
  "soft",
  "text",
]
  .map(
    (name) =>
      `.f-${name} { fill: var(--${name}); background: var(--${name}); } .s-${name} { stroke: var(--${name}); }`,
  )
  .join("\n")}
`;
