"use strict";

/**
 * Which folder of src/ may import from which: an allow-list. What is not here is refused, npm packages and Node's
 * own modules included. Data flows from scraper to store; stages are joined in agent/, never sideways.
 *
 * `npm` names packages, `node` Node's modules. The folders without either also run in a browser and in a worker.
 * Every folder's `options.ts` may use zod and schema/ as well: config/ composes those files and reads no others.
 */
const every = [
  "base",
  "trace",
  "pprof",
  "ring",
  "analysis",
  "report",
  "convert",
  "signals",
  "triggers",
  "capture",
  "scraper",
  "recorder",
  "observe",
  "outside",
  "governor",
  "discovery",
  "store",
  "telemetry",
  "http",
  "config",
  "schema",
  "events.ts",
];

const table = {
  base: {},
  schema: { folders: ["base"], npm: ["zod"] },

  // The formats and what is read from them: values in, values out.
  trace: { folders: ["base"] },
  pprof: { folders: ["base"], npm: ["pprof-format"] },
  ring: { folders: ["base", "trace"] },
  analysis: { folders: ["base", "trace", "pprof"] },
  report: { folders: ["base", "analysis"] },
  convert: { folders: ["base", "trace", "analysis"] },
  signals: { folders: ["base", "trace", "analysis", "pprof"] },
  triggers: { folders: ["base", "signals"] },
  governor: { folders: ["base"] },
  capture: { folders: ["base", "ring", "signals", "triggers"], npm: ["zod"] },

  // The edges, where effects are.
  scraper: {
    folders: ["base"],
    npm: ["undici"],
    node: ["stream", "zlib", "tls", "buffer", "net", "dns", "crypto", "fs", "fs/promises", "path"],
  },
  discovery: {
    folders: ["base", "scraper"],
    npm: ["undici", "yaml"],
    node: ["dns", "dns/promises", "fs", "fs/promises", "path", "crypto", "net"],
  },
  store: {
    folders: ["base", "capture"],
    npm: ["age-encryption", "@aws-sdk/client-s3", "@smithy/*", "hyparquet", "hyparquet-writer", "zod"],
    node: ["*"],
  },
  telemetry: { folders: ["base", "signals", "events.ts"], npm: ["pino", "prom-client", "zod"] },
  http: {
    folders: ["base", "capture", "store", "telemetry", "signals"],
    npm: ["hono", "@hono/node-server", "zod"],
    node: ["*"],
  },

  // Two stages that join a pure one to its effect.
  recorder: { folders: ["base", "ring", "scraper"], npm: ["undici"] },
  observe: {
    folders: ["base", "trace", "pprof", "ring", "analysis", "report", "signals"],
    // `process` for the entry of the process that explains a capture.
    node: ["worker_threads", "child_process", "process", "stream/consumers", "url", "zlib", "crypto"],
  },

  outside: {
    folders: ["base", "capture", "signals"],
    npm: ["undici", "croner", "zod"],
    node: ["child_process", "process"],
  },

  config: { folders: ["base", "schema"], npm: ["yaml", "zod"], node: ["crypto"] },
  agent: { folders: every, npm: ["undici"], node: ["*"] },
  cli: { folders: [...every, "agent"], npm: ["*"], node: ["*"] },
  ui: { folders: ["base", "trace", "pprof", "analysis"], npm: ["*"] },
};

/** Files at the top of src/. */
const files = {
  "events.ts": { folders: ["agent", ...every.filter((name) => name !== "base")], only: "/events[.]ts$" },
  "agent.ts": { folders: [...every, "agent"], npm: ["undici"], node: ["*"] },
  "main.ts": { folders: [...every, "agent", "agent.ts", "cli"], npm: ["commander"], node: ["*"] },
};

const escape = (text) => text.replace(/[.+?^${}()|[\]\\/]/g, "\\$&").replaceAll("*", ".*");
const place = (name) => (name.endsWith(".ts") ? `^src/${escape(name)}$` : `^src/${escape(name)}/`);
const npmPath = (name) => `(^|/)node_modules/${escape(name)}(/|$)`;
const nodePath = (name) => `^(node:)?${escape(name)}$`;

function rules(from, { folders = [], npm = [], node = [], only }) {
  const inside = (name) => (only === undefined ? place(name) : `^src/${escape(name)}${only}`);
  const allowed = folders.map((to) => ({ from: { path: from }, to: { path: inside(to) } }));
  const notCore = { dependencyTypesNot: ["core"] };
  for (const name of npm) allowed.push({ from: { path: from }, to: { path: npmPath(name), ...notCore } });
  for (const name of node) {
    allowed.push({ from: { path: from }, to: { path: nodePath(name), dependencyTypes: ["core"] } });
  }
  return allowed;
}

const allowed = [
  ...Object.keys(table).map((name) => ({ from: { path: place(name) }, to: { path: place(name) } })),
  ...Object.entries(table).flatMap(([name, may]) => rules(place(name), may)),
  ...Object.entries(files).flatMap(([name, may]) => rules(place(name), may)),
  ...rules("^src/.+/options[.]ts$", { folders: ["base", "schema"], npm: ["zod"] }),
  ...rules("^src/triggers/expression[.]ts$", { npm: ["@marcbachmann/cel-js"] }),
  { from: { path: "^src/config/" }, to: { path: "^src/.+/options[.]ts$" } },
  { from: { path: "^src/config/" }, to: { path: "^src/scraper/target[.]ts$" } }, // what a target is called
  { from: { path: "^src/config/" }, to: { path: "^src/scraper/client/guard[.]ts$" } }, // how far it is trusted
  { from: { path: "^src/config/" }, to: { path: "^src/discovery/targets[.]ts$" } }, // groups and rules → targets
  { from: { path: "^src/config/" }, to: { path: "^src/triggers/template[.]ts$" } }, // rules written out in full
  { from: { path: "^src/[^/]+/events[.]ts$" }, to: { path: "^src/base/" } },
];

module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    { name: "not-resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-dev-dependency",
      severity: "error",
      from: { path: "^src/(?!ui/)" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    { name: "no-barrels", severity: "error", from: {}, to: { path: "^src/.*/index[.]ts$" } },
  ],
  allowed,
  allowedSeverity: "error",
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      extensions: [".ts", ".tsx", ".js", ".mjs"],
      exportsFields: ["exports"],
      conditionNames: ["import", "node"],
    },
  },
};
