import { SignalsMemory } from "../../src/signals/kernel/memory.ts";
import fc from "fast-check";
import { expect, it } from "vitest";
import { IdSlots } from "../../src/signals/id-slots.ts";

it("finds what was added and not removed, as a map does", () => {
  const step = fc.record({
    add: fc.boolean(),
    // Near each other, as goroutine ids are, and far apart.
    id: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2 ** 32 }), fc.constant(2 ** 52)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      let capacity = 0;
      const slots = new IdSlots(new SignalsMemory(), 100, (wider) => (capacity = wider));
      const model = new Map<number, number>();
      for (const { add, id } of steps) {
        const known = model.get(id);
        expect(slots.find(id)).toBe(known ?? -1);
        if (add && known === undefined) {
          const slot = slots.insert(id);
          if (model.size >= 100) expect(slot).toBe(-1);
          else {
            expect([...model.values()]).not.toContain(slot);
            expect(slot).toBeLessThan(capacity);
            model.set(id, slot);
          }
        } else if (!add && known !== undefined) {
          slots.remove(known);
          model.delete(id);
        }
        expect(slots.count).toBe(model.size);
      }
      for (const [id, slot] of model) expect(slots.ids[slot]).toBe(id);
    }),
  );
});
