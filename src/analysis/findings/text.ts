/** Figures as sentences have them. */

/** `1.2 ms`: three digits, in the unit that suits. */
export function duration(ns: number): string {
  const units: readonly (readonly [number, string])[] = [
    [1e9, "s"],
    [1e6, "ms"],
    [1e3, "µs"],
  ];
  for (const [size, name] of units) if (ns >= size) return `${round(ns / size)} ${name}`;
  return `${round(ns)} ns`;
}

/** `37 %`. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(value >= 10 ? 3 : 2)));
}

/** A function without the path of its package: `pkg.(*T).F`. */
export function shortName(name: string): string {
  const bracket = name.search(/[([]/);
  const slash = (bracket < 0 ? name : name.slice(0, bracket)).lastIndexOf("/");
  return name === "" ? "an unknown function" : name.slice(slash + 1);
}
