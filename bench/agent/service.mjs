/**
 * What recording costs the service: its CPU for each request, without a trace, with Go's in-process FlightRecorder, and
 * streamed to gorewind. The three take turns, many times, each beside a service that was just started; the figure is the
 * process's own processor time ÷ the requests it answered, and the median of all turns.
 *
 * The chatty one is a service of many small requests, each a task with regions that hands its work on six times: tracing
 * it costs half as much again.
 *
 *     npm run build && node bench/agent/service.mjs [--long] [--only NAME]
 */

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  buildGo,
  cpuSeconds,
  long,
  median,
  metrics,
  start,
  startAgent,
  startShop,
  stop,
} from "./support.mjs";

const { values } = parseArgs({ options: { long: { type: "boolean" }, only: { type: "string" } } });

const ROUNDS = long ? 11 : 3;
const SECONDS = long ? 10 : 5;
const WARM_UP_MS = 2000;
const shop = buildGo("shop");
const steady = buildGo("steady");
const KINDS = ["no trace", "FlightRecorder", "gorewind"];

console.log("workload                | no trace | FlightRecorder | gorewind | gorewind ÷ FlightRecorder");
await compare("300 checkouts a second ", startShop, shop, ["-load", "300", "-slow-every", "0"]);
await compare("1000 checkouts a second", startShop, shop, ["-load", "1000", "-slow-every", "0"]);
await compare("chatty, 5000 a second  ", startSteady, steady, ["-requests", "5000"]);

async function compare(name, startService, binary, args) {
  if (values.only !== undefined && !name.startsWith(values.only)) return;
  const costs = Object.fromEntries(KINDS.map((kind) => [kind, []]));
  for (let round = 0; round < ROUNDS; round++) {
    // Another one begins each time, so that a drift of the machine meets all of them.
    for (let i = 0; i < KINDS.length; i++) {
      const kind = KINDS[(round + i) % KINDS.length];
      const flags = kind === "FlightRecorder" ? [...args, "-flight-recorder"] : args;
      costs[kind].push(await cost(kind, await startService(binary, flags)));
    }
  }
  const figures = KINDS.map((kind) => median(costs[kind]));
  const [plain, recorder, streamed] = figures;
  const cell = (value) => `${value.toFixed(1)} µs (${(value / plain).toFixed(3)})`;
  console.log(
    `${name} | ${cell(plain)} | ${cell(recorder)} | ${cell(streamed)} | ${(streamed / recorder).toFixed(3)}`,
  );
}

async function startSteady(binary, args) {
  const service = await start(binary, args, "listening");
  return { ...service, address: service.line.debug_addr, url: `http://${service.line.debug_addr}` };
}

/** CPU in µs for each request. */
async function cost(kind, service) {
  const agent = kind === "gorewind" ? await startAgent([service.address]) : undefined;
  // Until the stream is open and has brought a generation.
  const recorded = async () => (await metrics(agent.url)).sum("gorewind_generations_total") > 0;
  if (agent !== undefined) while (!(await recorded())) await sleep(100);
  await sleep(WARM_UP_MS);
  const [requests, cpu] = [await answered(service.url), cpuSeconds(service.pid)];
  await sleep(SECONDS * 1000);
  const spent = cpuSeconds(service.pid) - cpu;
  const made = (await answered(service.url)) - requests;
  if (agent !== undefined) await stop(agent);
  await stop(service);
  return (spent / made) * 1e6;
}

/** Requests so far, by the service's own count. */
async function answered(url) {
  const own = await fetch(`${url}/requests`);
  if (own.ok) return Number(await own.text());
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^http_requests_total\{handler="\/checkout",code="200"\} (\d+)/m.exec(text)?.[1] ?? 0);
}
