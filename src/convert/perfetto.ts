/**
 * Perfetto's protobuf: a stream of TracePacket with TrackEvents, written as events come. Field numbers from
 * protos/perfetto/trace/{trace_packet,track_event/track_event,track_event/track_descriptor,interned_data/interned_data,
 * profiling/profile_common,clock_snapshot}.proto of google/perfetto.
 *
 * Times are the trace clock's, which stands for Perfetto's BOOTTIME; clock snapshots tie it to the wall clock.
 */

import { Interner, StackInterner } from "./interner.ts";
import { ProtoWriter } from "./proto.ts";
import { counterUnits } from "./sink.ts";
import type { CounterName, Detail, TimelineSink, Track, TrackKind } from "./sink.ts";

const Packet = {
  packet: 1,
  clockSnapshot: 6,
  timestamp: 8,
  sequence: 10,
  interned: 12,
  flags: 13,
  event: 11,
  descriptor: 60,
};
const Event = {
  category: 3,
  annotation: 4,
  type: 9,
  name: 10,
  track: 11,
  counter: 30,
  flow: 47,
  endFlow: 48,
  callstack: 56,
};
const Descriptor = { uuid: 1, name: 2, parent: 5, counter: 8, rank: 12 };
const Interned = { category: 1, name: 2, annotation: 3, func: 5, frame: 6, callstack: 7, path: 18 };
const Type = { begin: 1, end: 2, instant: 3, counter: 4 };
const Clock = { realtime: 1, boottime: 6 };

/** All packets are of one sequence: numbers of texts and stacks hold within one. */
const SEQUENCE = 1;
const STATE_CLEARED = 1;
const NEEDS_STATE = 2;
const UNIT = { count: 2, bytes: 3 };

/** Folders of tracks, in order. */
const folders: Readonly<Record<TrackKind | "counter", readonly [uuid: number, name: string]>> = {
  counter: [1, "Counters"],
  gc: [2, "GC"],
  task: [3, "Tasks"],
  proc: [4, "Procs (P)"],
  sweep: [4, "Procs (P)"],
  thread: [5, "Threads (M)"],
  goroutine: [6, "Goroutines (G)"],
  activity: [6, "Goroutines (G)"],
};
const FIRST_TRACK = 100;

export class PerfettoSink implements TimelineSink {
  readonly #out = new ProtoWriter();
  readonly #tracks = new Map<string, number>();
  readonly #folders = new Set<number>();
  /** What the next packet must tell of new numbers. */
  #interned: (() => void)[] = [];
  readonly #names = this.#texts(Interned.name);
  readonly #categories = this.#texts(Interned.category);
  readonly #annotations = this.#texts(Interned.annotation);
  readonly #functions = this.#texts(Interned.func);
  readonly #paths = this.#texts(Interned.path);
  readonly #stacks = new StackInterner(
    (id, { func, file, line }) => {
      const funcId = this.#functions.id(func, func);
      const pathId = this.#paths.id(file, file);
      this.#interned.push(() =>
        this.#out.message(Interned.frame, () => {
          this.#out.varint(1, id);
          this.#out.varint(2, funcId);
          this.#out.varint(5, pathId);
          this.#out.varint(6, line);
        }),
      );
    },
    (id, frames) => {
      // Perfetto has the root first.
      const root = frames.toReversed();
      this.#interned.push(() =>
        this.#out.message(Interned.callstack, () => {
          this.#out.varint(1, id);
          for (const frame of root) this.#out.varint(2, frame);
        }),
      );
    },
  );
  #started = false;
  #uuids = FIRST_TRACK;

  clock(time: number, wall: bigint): void {
    this.#packet(() => {
      this.#out.message(Packet.clockSnapshot, () => {
        this.#out.message(1, () => {
          this.#out.varint(1, Clock.boottime);
          this.#out.varint(2, time);
        });
        this.#out.message(1, () => {
          this.#out.varint(1, Clock.realtime);
          this.#out.varint64(2, wall);
        });
      });
    });
  }

  begin(track: Track, time: number, name: string, category: string, detail: Detail = {}): void {
    this.#event(Type.begin, this.#track(track), time, { name, category, detail });
  }

  end(track: Track, time: number): void {
    this.#event(Type.end, this.#track(track), time);
  }

  instant(track: Track, time: number, name: string, category: string, detail: Detail = {}): void {
    this.#event(Type.instant, this.#track(track), time, { name, category, detail });
  }

  counter(name: CounterName, time: number, values: Readonly<Record<string, number>>): void {
    for (const [part, value] of Object.entries(values)) {
      const label = part === name ? name : `${name}: ${part}`;
      const uuid = this.#define(`counter ${label}`, label, folders.counter, () => {
        this.#out.message(Descriptor.counter, () => this.#out.varint(3, UNIT[counterUnits[name]]));
      });
      this.#packet(() => {
        this.#out.varint(Packet.timestamp, time);
        this.#out.message(Packet.event, () => {
          this.#out.varint(Event.type, Type.counter);
          this.#out.varint(Event.track, uuid);
          this.#out.varint(Event.counter, value);
        });
      });
    }
  }

  forget({ kind, id }: Track): void {
    this.#tracks.delete(`${kind} ${id}`);
  }

  finish(): void {
    // Every packet is whole already.
  }

  take(): Uint8Array {
    return this.#out.take();
  }

  get pending(): number {
    return this.#out.length;
  }

  #event(
    type: number,
    track: number,
    time: number,
    what?: { readonly name: string; readonly category: string; readonly detail: Detail },
  ): void {
    // Numbers first: what is new stands in this packet.
    const name = what && this.#names.id(what.name, what.name);
    const category = what && this.#categories.id(what.category, what.category);
    const stack = what?.detail.stack === undefined ? 0 : this.#stacks.id(what.detail.stack);
    const args = Object.entries(what?.detail.args ?? {}).map(
      ([key, value]) => [this.#annotations.id(key, key), value] as const,
    );
    this.#packet(() => {
      this.#out.varint(Packet.timestamp, time);
      this.#out.message(Packet.event, () => {
        this.#out.varint(Event.type, type);
        this.#out.varint(Event.track, track);
        if (name !== undefined) this.#out.varint(Event.name, name);
        if (category !== undefined) this.#out.varint(Event.category, category);
        const { flowFrom, flowTo } = what?.detail ?? {};
        if (flowFrom !== undefined) this.#out.fixed64(Event.flow, flowFrom);
        if (flowTo !== undefined) this.#out.fixed64(Event.endFlow, flowTo);
        if (stack > 0) this.#out.varint(Event.callstack, stack);
        for (const [key, value] of args) this.#annotation(key, value);
      });
    });
  }

  #annotation(key: number, value: string | number): void {
    this.#out.message(Event.annotation, () => {
      this.#out.varint(1, key);
      if (typeof value === "string") this.#out.string(6, value);
      else this.#out.varint64(4, BigInt(Math.trunc(value)));
    });
  }

  #packet(write: () => void): void {
    this.#out.message(Packet.packet, () => {
      this.#out.varint(Packet.sequence, SEQUENCE);
      this.#out.varint(Packet.flags, this.#started ? NEEDS_STATE : STATE_CLEARED);
      this.#started = true;
      const fresh = this.#interned;
      if (fresh.length > 0) {
        this.#interned = [];
        this.#out.message(Packet.interned, () => {
          for (const tell of fresh) tell();
        });
      }
      write();
    });
  }

  #texts(field: number): Interner<string> {
    return new Interner<string>((id, text) => {
      this.#interned.push(() =>
        this.#out.message(field, () => {
          this.#out.varint(1, id);
          this.#out.string(2, text);
        }),
      );
    });
  }

  #track({ kind, id, name }: Track): number {
    return this.#define(`${kind} ${id}`, name, folders[kind]);
  }

  /** The track's uuid; tells the viewer of a track when it is first used. */
  #define(key: string, name: string, [parent, folder]: readonly [number, string], more?: () => void): number {
    const known = this.#tracks.get(key);
    if (known !== undefined) return known;
    if (!this.#folders.has(parent)) {
      this.#folders.add(parent);
      this.#packet(() => {
        this.#out.message(Packet.descriptor, () => {
          this.#out.varint(Descriptor.uuid, parent);
          this.#out.string(Descriptor.name, folder);
          this.#out.varint(Descriptor.rank, parent);
        });
      });
    }
    const uuid = this.#uuids++;
    this.#tracks.set(key, uuid);
    this.#packet(() => {
      this.#out.message(Packet.descriptor, () => {
        this.#out.varint(Descriptor.uuid, uuid);
        this.#out.string(Descriptor.name, name);
        this.#out.varint(Descriptor.parent, parent);
        more?.();
      });
    });
    return uuid;
  }
}
