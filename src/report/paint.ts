/** How emphasis is shown. A terminal hands in colours; files have none. */
export interface Paint {
  readonly heading: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly bad: (text: string) => string;
}

const same = (text: string): string => text;

export const plain: Paint = { heading: same, dim: same, good: same, warning: same, bad: same };
