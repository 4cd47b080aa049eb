import { describe, expect, it } from "vitest";
import { BufferPool } from "../../src/base/buffers.ts";

describe("BufferPool", () => {
  it("gives back what was given, in the length asked for", () => {
    const pool = new BufferPool(1 << 20);
    const first = pool.take(10_000);
    expect(first.length).toBe(10_000);
    pool.give(first);
    const again = pool.take(10_500);
    expect(again.buffer).toBe(first.buffer);
    expect(again.length).toBe(10_500);
    expect(pool.take(10_000).buffer).not.toBe(first.buffer);
  });

  it("chooses the shortest that is long enough, and none that is much too long", () => {
    const pool = new BufferPool(1 << 30);
    const [small, middle, large] = [pool.take(50_000), pool.take(80_000), pool.take(500_000)];
    for (const each of [large, small, middle]) pool.give(each);
    expect(pool.take(60_000).buffer).toBe(middle.buffer);
    expect(pool.take(60_000).buffer).not.toBe(large.buffer);
    expect(pool.take(20_000).buffer).not.toBe(small.buffer);
  });

  it("keeps no more than its bound: what was unused for longest goes", () => {
    const pool = new BufferPool(250_000);
    const [first, second, third] = [pool.take(90_000), pool.take(90_000), pool.take(90_000)];
    for (const each of [first, second, third]) pool.give(each);
    const left = [pool.take(90_000), pool.take(90_000), pool.take(90_000)].map(({ buffer }) => buffer);
    expect(left).not.toContain(first.buffer);
    expect(left).toContain(second.buffer);
    expect(left).toContain(third.buffer);
  });

  it("takes no notice of a buffer that was moved to a thread", () => {
    const pool = new BufferPool(1 << 20);
    const moved = pool.take(1000);
    structuredClone(moved, { transfer: [moved.buffer] });
    pool.give(moved);
    expect(pool.take(1000).length).toBe(1000);
  });
});
