/** Writes small v1 traces, event by event, by the names of the table. */

import { headerBytes } from "../../../src/trace/header.ts";
import type { V1Version } from "../../../src/trace/header.ts";
import { V1, wireArgs } from "../../../src/trace/v1/spec.ts";
import { putUvarint } from "../../../src/trace/varint.ts";

export type V1EventName = keyof typeof V1;

export class V1Builder {
  private readonly bytes: number[];

  constructor(version: V1Version = 21) {
    this.bytes = [...headerBytes(version)];
  }

  /** Begins a batch of a P; the events after it are its own. */
  batch(pid: number, ticks: number | bigint = 1000): this {
    this.bytes.push(V1.Batch | (1 << 6));
    return this.values([pid, ticks]);
  }

  /** An event with all its arguments: the time delta first, a stack last. */
  event(name: V1EventName, ...args: readonly (number | bigint)[]): this {
    if (args.length !== wireArgs[V1[name]]) throw new Error(`${name} has ${wireArgs[V1[name]]} arguments`);
    return this.raw(V1[name], args);
  }

  /** An event with any arguments, right or wrong. */
  raw(type: number, args: readonly (number | bigint)[]): this {
    if (args.length <= 3) {
      this.bytes.push(type | ((args.length - 1) << 6));
      return this.values(args);
    }
    const payload: number[] = [];
    for (const arg of args) putUvarint(payload, arg);
    this.bytes.push(type | (3 << 6));
    putUvarint(this.bytes, payload.length);
    this.bytes.push(...payload);
    return this;
  }

  string(id: number, text: string): this {
    this.bytes.push(V1.String);
    return this.values([id]).text(text);
  }

  log(delta: number, task: number, key: number, stack: number, message: string): this {
    return this.event("UserLog", delta, task, key, stack).text(message);
  }

  /** A stack of frames (pc, function, file, line). */
  stack(id: number, ...frames: readonly (readonly [number | bigint, number, number, number])[]): this {
    const args = [id, frames.length, ...frames.flat()];
    const payload: number[] = [];
    for (const arg of args) putUvarint(payload, arg);
    this.bytes.push(V1.Stack | (3 << 6));
    putUvarint(this.bytes, payload.length);
    this.bytes.push(...payload);
    return this;
  }

  frequency(ticksPerSecond: number | bigint = 1_000_000_000): this {
    this.bytes.push(V1.Frequency);
    return this.values([ticksPerSecond]);
  }

  byte(value: number): this {
    this.bytes.push(value);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }

  private values(args: readonly (number | bigint)[]): this {
    for (const arg of args) putUvarint(this.bytes, arg);
    return this;
  }

  private text(text: string): this {
    const utf8 = new TextEncoder().encode(text);
    putUvarint(this.bytes, utf8.length);
    this.bytes.push(...utf8);
    return this;
  }
}
