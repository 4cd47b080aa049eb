import type { Dispatcher } from "undici";
import type { EpochMilliseconds } from "../base/units.ts";
import { readDropped, TraceFolder } from "../scraper/folder.ts";
import type { TraceOptions } from "../scraper/options.ts";
import { fetchSnapshot } from "../scraper/snapshot.ts";
import type { ChunkSink } from "../scraper/stream.ts";
import type { Target } from "../scraper/target.ts";

/** A whole trace that is there to be read: what a flight recorder inside the service gave out. */
export interface Snapshot {
  /** For people: a path, or a file's name. */
  readonly name: string;
  /** When it was taken; absent: now. */
  readonly taken?: EpochMilliseconds;
  /** Hands its bytes to `sink`. @throws {ScrapeError} it cannot be had. */
  readonly read: (sink: ChunkSink, signal: AbortSignal) => Promise<void>;
}

/** Where whole traces come from. */
export interface SnapshotSupply {
  readonly mode: "snapshot" | "file";
  /** A snapshot holds what the one before it held, as far as that is still in the recorder. */
  readonly overlapping: boolean;
  /** Those that are there and were not given before. @throws {ScrapeError} the place cannot be looked at. */
  next(): Promise<readonly Snapshot[]>;
}

/** An endpoint of the service that answers with what its flight recorder holds. */
export function endpointSupply(
  dispatcher: Dispatcher,
  target: Target,
  options: TraceOptions,
): SnapshotSupply {
  const snapshot: Snapshot = {
    name: options.path,
    read: (sink, signal) => fetchSnapshot(dispatcher, target, options, sink, signal),
  };
  return { mode: "snapshot", overlapping: true, next: () => Promise.resolve([snapshot]) };
}

/** A folder where the service's flight recorder drops a file when the service thinks it is worth it. */
export function folderSupply(options: TraceOptions): SnapshotSupply {
  const folder = new TraceFolder(options.folder);
  return {
    mode: "file",
    overlapping: false,
    next: async () =>
      (await folder.look()).map((file) => ({
        name: file.name,
        taken: file.modified,
        read: (sink) => readDropped(file, sink),
      })),
  };
}
