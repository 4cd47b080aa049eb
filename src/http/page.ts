/**
 * The agent's own page: what is recorded, what the rules say, which captures there are, and a button that takes one. One
 * file without a network of its own; it reads the same API that everybody has, and again every few seconds.
 */

/** @param nonce of the content security policy that the page is sent with. */
export function renderPage(nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>gorewind</title>
<style>${style}</style>
</head>
<body>
<main>
<header><h1>gorewind</h1><span id="state" class="soft">asking the agent …</span></header>
<h2>Targets</h2><div id="targets" class="cards"></div>
<h2>Captures</h2><div id="captures"></div>
<h2>Rules</h2><div id="rules"></div>
<footer class="soft"><a href="/metrics">metrics</a> · <a href="/api/v1/targets">targets</a> · <a href="/api/v1/captures">captures</a> · <a href="/api/v1/triggers">triggers</a> · <a href="/debug/pprof/">pprof</a></footer>
</main>
<script nonce="${nonce}">${script}</script>
</body>
</html>
`;
}

const style = `
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --line: #dfe3e8; --text: #16202c; --soft: #5b6775;
  --accent: #0b5cad; --bad: #b42318; --warn: #8a5a00; --good: #17693a; }
@media (prefers-color-scheme: dark) { :root { --page: #10151b; --card: #182029; --line: #2c3742; --text: #e4e9ee;
  --soft: #9aa8b6; --accent: #6cb2ff; --bad: #ff8f85; --warn: #f3c265; --good: #7fd6a0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 20px 20px 40px; overflow-wrap: anywhere; }
header { display: flex; align-items: baseline; gap: 14px; flex-wrap: wrap; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 17px; margin: 28px 0 8px; } h3 { font-size: 15px; margin: 0; }
p { margin: 2px 0; } a { color: var(--accent); } footer { margin-top: 32px; font-size: 14px; }
.soft { color: var(--soft); } .bad { color: var(--bad); } .warn { color: var(--warn); } .good { color: var(--good); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(320px, 100%), 1fr)); gap: 12px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; margin-bottom: 10px; }
.cards .card { margin: 0; } .row { display: flex; gap: 4px 14px; flex-wrap: wrap; align-items: baseline; }
.row > :first-child { flex: 1 1 auto; } .num { font-variant-numeric: tabular-nums; }
.links { display: flex; gap: 4px 14px; flex-wrap: wrap; font-size: 14px; }
button { font: inherit; color: var(--accent); background: none; border: 1px solid var(--line); border-radius: 7px;
  padding: 3px 10px; cursor: pointer; margin-top: 6px; } button:disabled { color: var(--soft); cursor: default; }
`;

/** Text is only ever set as text: names and messages come from the services that are watched. */
const script = `
"use strict";
const byId = (id) => document.getElementById(id);
function el(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}
const text = (tag, className, content) => el(tag, { className, textContent: content });
const link = (href, content) => el("a", { href, textContent: content });
const size = (bytes) => bytes < 1024 * 1024 ? (bytes / 1024).toFixed(0) + " KiB" : (bytes / 1048576).toFixed(1) + " MiB";
const when = (iso) => new Date(iso).toLocaleString();
const colour = { recording: "good", firing: "bad", pending: "warn", critical: "bad", warning: "warn" };
/** Targets that a capture was just asked of: until when their button rests. */
const asked = new Map();

async function capture(name) {
  asked.set(name, Date.now() + 5000);
  const response = await fetch("/api/v1/targets/" + encodeURIComponent(name) + "/capture?reason=asked+for+on+the+page", { method: "POST" });
  const answer = await response.json();
  asked.set(name, response.ok ? Date.now() + 5000 : 0);
  byId("state").textContent = response.ok ? "capturing " + name + " …" : answer.error;
  setTimeout(refresh, 1500);
}

function targetCard(target) {
  const { ring } = target;
  const rests = (asked.get(target.name) ?? 0) > Date.now();
  const button = el("button", { textContent: rests ? "capturing …" : "Capture now", disabled: rests });
  button.addEventListener("click", () => { button.disabled = true; void capture(target.name); });
  return el("div", { className: "card" },
    el("div", { className: "row" }, text("h3", "", target.name), text("span", colour[target.state] ?? "warn", target.state)),
    target.reason === "" ? undefined : text("p", "soft", target.reason),
    text("p", "num", "ring: " + ring.span_seconds.toFixed(1) + " s, " + size(ring.bytes) + ", " + ring.generations + (ring.generations === 1 ? " generation" : " generations")),
    text("p", "soft", [target.mode, target.trace_format && "trace format " + target.trace_format].filter(Boolean).join(" · ")),
    button);
}

function captureCard({ id, place, location, manifest }) {
  const [first, ...more] = manifest.reasons;
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const at = "/api/v1/captures/" + encodeURIComponent(id) + "/";
  const files = manifest.files.map(({ name }) => link(at + encodeURIComponent(name), name === "report.html" ? "open the report" : name));
  files.sort((a, b) => Number(b.textContent === "open the report") - Number(a.textContent === "open the report"));
  return el("div", { className: "card" },
    el("div", { className: "row" }, text("h3", "", first.rule + " on " + manifest.target.name), text("span", "soft num", when(manifest.created))),
    text("p", colour[first.severity] ?? "", first.message),
    more.length === 0 ? undefined : text("p", "soft", "and " + more.length + " more: " + more.map((reason) => reason.rule).join(", ")),
    text("p", "soft", size(bytes) + " · " + (place === "spool" ? "waits on the agent's disk" : location)),
    el("div", { className: "links" }, ...files, link(at + "manifest.json", "manifest.json")));
}

const labelsOf = ({ labels }) => " {" + Object.entries(labels).map(([name, value]) => name + "=" + value).join(", ") + "}";
const order = { firing: 0, pending: 1, inactive: 2, no_data: 3 };
function ruleCard(rule) {
  const instances = [...rule.instances].sort((a, b) => order[a.state] - order[b.state]);
  const shown = instances.slice(0, 5);
  const about = [rule.severity, rule.dryRun ? "dry run" : "", rule.targets + (rule.targets === 1 ? " target" : " targets")];
  return el("div", { className: "card" },
    el("div", { className: "row" }, text("h3", "", rule.rule), text("span", "soft", about.filter(Boolean).join(" · "))),
    rule.description === "" ? undefined : text("p", "soft", rule.description),
    ...shown.map((each) => el("p", {}, text("span", colour[each.state] ?? "soft", each.state.replace("_", " ")), " " + each.target + labelsOf(each) + ": " + each.why)),
    instances.length > shown.length ? text("p", "soft", "and " + (instances.length - shown.length) + " more") : undefined,
    instances.length === 0 ? text("p", "soft", "nothing that it asks for was seen yet") : undefined);
}

function show(id, cards, none) {
  byId(id).replaceChildren(...(cards.length > 0 ? cards : [text("p", "soft", none)]));
}

async function read(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(path + " answers " + response.status);
  return response.json();
}

let timer;
async function refresh() {
  clearTimeout(timer);
  try {
    const [{ targets }, { captures }, { triggers }, ready] = await Promise.all([
      read("/api/v1/targets"), read("/api/v1/captures?limit=50"), read("/api/v1/triggers"), fetch("/-/ready")]);
    show("targets", targets.map(targetCard), "no targets: see scrape_configs in the configuration");
    show("captures", captures.map(captureCard), "no captures yet");
    show("rules", triggers.map(ruleCard), "no rules: see triggers in the configuration");
    byId("state").textContent = (await ready.text()).trim();
    byId("state").className = ready.ok ? "good" : "warn";
  } catch (error) {
    byId("state").textContent = "the agent does not answer: " + error.message;
    byId("state").className = "bad";
  }
  timer = setTimeout(refresh, document.hidden ? 30000 : 3000);
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) void refresh(); });
void refresh();
`;
