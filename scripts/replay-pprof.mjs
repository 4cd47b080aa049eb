// A local server that speaks pprof's endpoints from recorded files: `npm run demo` on a machine without Go.
// The trace is sent generation by generation at its own pace; when the recording is over the stream ends, as a real
// one does after its seconds. Needs dist/.
import { createReadStream, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { Framing } from "../dist/trace/framing.js";
import { root } from "./ensure-installed.mjs";

const FOLDER = join(root, "test", "fixtures", "replay");
const PREFIX = "/debug/pprof/";

const trace = gunzipSync(readFileSync(join(FOLDER, "trace.out.gz")));
const framing = new Framing();
const generations = [...framing.push(trace), ...framing.end()];
let tracing = false;

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const name = url.pathname.startsWith(PREFIX) ? url.pathname.slice(PREFIX.length) : undefined;
  if (name === "trace") {
    void replay(url, response);
  } else if (["goroutine", "heap", "profile"].includes(name)) {
    response.writeHead(200, { "content-type": "application/octet-stream" });
    createReadStream(join(FOLDER, `${name}.pb.gz`)).pipe(response);
  } else {
    response.writeHead(404).end("404 page not found\n");
  }
});

async function replay(url, response) {
  // As in a Go process, there is one tracer.
  if (tracing) {
    response.writeHead(500).end("Could not enable tracing: execution tracer already enabled\n");
    return;
  }
  tracing = true;
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  try {
    const until = Date.now() + Number(url.searchParams.get("seconds") ?? 1) * 1000;
    response.writeHead(200, { "content-type": "application/octet-stream" });
    response.write(trace.subarray(0, 16));
    for (const generation of generations) {
      const seconds = (generation.maxTicks - generation.minTicks) / generation.sync.ticksPerSecond;
      await sleep(seconds * 1000, undefined, { signal: gone.signal });
      response.write(generation.bytes);
      if (Date.now() >= until) break;
    }
    response.end();
  } catch {
    // The reader has gone: as with a real service, that ends the trace.
  } finally {
    tracing = false;
  }
}

server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ event: "listening", debug_addr: `127.0.0.1:${server.address().port}` }));
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
