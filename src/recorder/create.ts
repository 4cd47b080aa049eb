import type { Target } from "../scraper/target.ts";
import { Recorder, type RecorderDependencies, type RecorderOptions } from "./recorder.ts";
import { SnapshotRecorder } from "./snapshot-recorder.ts";
import { NoTrace } from "./no-trace.ts";
import { endpointSupply, folderSupply } from "./snapshots.ts";
import type { TraceSource } from "./source.ts";

/** What records a target, by its `trace.mode`. */
export function createSource(
  target: Target,
  options: RecorderOptions,
  deps: RecorderDependencies,
): TraceSource {
  const { trace } = options;
  switch (trace.mode) {
    case "snapshot":
      return new SnapshotRecorder(target, options, endpointSupply(deps.dispatcher, target, trace), deps);
    case "file":
      return new SnapshotRecorder(target, options, folderSupply(trace), deps);
    case "off":
      return new NoTrace(target, deps.clock);
    default:
      return new Recorder(target, options, deps);
  }
}
