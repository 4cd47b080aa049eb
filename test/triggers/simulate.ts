/** Noise of a known seed, so that a run can be had again. */
export interface Noise {
  /** 0 to below 1. */
  uniform(): number;
  /** Mean 0, deviation 1. */
  normal(): number;
}

/** Mulberry32, and Box and Muller's way to normal values. */
export function noise(seed: number): Noise {
  let state = seed;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}
