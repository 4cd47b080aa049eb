import type { Clock } from "../../base/clock.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Identity } from "../../capture/build.ts";
import type { Explainer } from "../../observe/explainer.ts";
import type { Protector } from "../../observe/protector.ts";
import type { RecordedGeneration, RecordedSession } from "../../ring/recording.ts";
import type { SpoolOptions } from "../../store/options.ts";
import type { Spool } from "../../store/spool/spool.ts";
import type { Watched } from "../captures.ts";
import type { MirrorEvent } from "../events.ts";
import type { MirroredTarget } from "./layout.ts";
import { RECOVER_EVERY_MS, type TakenRings } from "./left.ts";
import { RingMirror } from "./mirror.ts";
import { recoverRings } from "./recover.ts";

export interface PersistedRingsDeps {
  readonly spool: Spool;
  readonly clock: Clock;
  readonly emit: (event: MirrorEvent) => void;
  readonly identity: () => Identity;
  readonly protector: Protector;
  readonly explainer: Explainer;
}

/** `ring.persist`: rings on the disk, and captures of what an agent that died left there. */
export class PersistedRings {
  readonly #spoolPath: string;
  readonly #taken: TakenRings;
  readonly #deps: PersistedRingsDeps;
  readonly #mirror: RingMirror;

  constructor(options: SpoolOptions, taken: TakenRings, deps: PersistedRingsDeps) {
    this.#spoolPath = options.path;
    this.#taken = taken;
    this.#deps = deps;
    this.#mirror = new RingMirror(options.path, options.ring_max_bytes, {
      files: deps.spool.files,
      emit: deps.emit,
      describe: (watched) => this.#describe(watched),
      protect: async ({ privacy }, chunks) =>
        privacy.length === 0 ? chunks : [await deps.protector.protect("trace", chunks, privacy)],
    });
  }

  get bytes(): number {
    return this.#mirror.bytes;
  }

  /** Called inside the socket's read: notes it and returns. */
  changed(watched: Watched, session: RecordedSession, generation: RecordedGeneration): void {
    this.#mirror.changed(watched, session, generation);
  }

  forget(target: string): void {
    this.#mirror.forget(target);
  }

  /** Makes captures of what was left; ends when that is done. */
  async run(signal: AbortSignal): Promise<void> {
    const { emit } = this.#deps;
    for (const target of this.#taken.tooSoon) {
      const message = `one was made of it within the last ${RECOVER_EVERY_MS / 60_000} minutes`;
      emit({ kind: "ring.left_dropped", target, reason: "too_soon", message });
    }
    try {
      await recoverRings({ ...this.#deps, spoolPath: this.#spoolPath }, signal);
    } catch (error) {
      emit({ kind: "ring.left_dropped", target: "", reason: "failed", message: errorMessage(error) });
    }
  }

  /** The agent ends as it should: nothing of the rings stays on the disk. */
  async close(): Promise<void> {
    await this.#mirror.close();
  }

  #describe({ target, reads, privacy }: Watched): MirroredTarget {
    const { name, job, address, labels } = target;
    const recovered = this.#taken.recovered.get(name);
    const { goVersion } = reads.facts;
    return {
      version: 1,
      target: { name, job, address, labels },
      ...(goVersion !== undefined && { go_version: goVersion }),
      ...(recovered !== undefined && { recovered }),
      ...(privacy.length > 0 && { privacy }),
    };
  }
}
