/**
 * Where everything is in the memory that the kernel and the TypeScript around it share. Addresses and offsets in bytes.
 *
 *     0          parameters and the kernel's own figures (`At`)
 *     COLUMNS    the rows being made, column by column
 *     TABLES     what grows, wherever LinearMemory puts it
 */

/** Addresses of single values: f64 first, then i32. A `…` with a table is where the table begins. */
export const At = {
  nsPerTick: 0,
  seqBase: 8,
  lastTime: 16,
  /** No task of an earlier generation that is still open has a greater id. */
  olderTask: 24,
  /** Rows made so far, and the count at which there may be no room for an event more. */
  rows: 32,
  full: 36,
  heap: 40,
  heapLength: 44,
  threads: 52,
  buckets: 56,
  bucketMask: 60,
  goroutines: 64,
  /** Slots that were freed, a stack; then slots never used, up to the table's end. */
  free: 68,
  freeCount: 72,
  used: 76,
  slots: 80,
  procs: 84,
  procCount: 88,
  /** Index by id, 0 for none; and how many ids. */
  strings: 92,
  stringCount: 96,
  stacks: 100,
  stackCount: 104,
  /** Tasks that began in this generation, by id; the mask of their buckets, and how many there are. */
  tasks: 108,
  taskMask: 112,
  taskCount: 116,
} as const;

/** A goroutine's record. Slot 0 stands for none: its id is −1 and its status 0, always. */
export const Goroutine = {
  size: 32,
  id: 0,
  seq: 8,
  status: 16,
  /** Bits of `Mark`. */
  marks: 17,
  /** The region it is in, if `Mark.region`: string index of its name, and its task. */
  regionName: 20,
  regionTask: 24,
} as const;
/**
 * What a goroutine is in. The usual case is in its record (one region that began in this generation; a mark assist), any
 * other in the scheduler's lists, which a record's goes to as soon as it is not alone.
 */
export const Mark = { regions: 1, ranges: 2, assist: 4, region: 8 } as const;
/** A task's record; 32 bytes of which 20 are used, since a shift is quicker than a product. */
export const Task = { size: 32, id: 0, parent: 8, name: 16 } as const;
/** A proc's record. */
export const Proc = { size: 16, seq: 0, status: 8, sweeping: 9 } as const;
/** A thread's record. Slot 0 is "no thread". */
export const Thread = { size: 32, id: 0, goroutine: 8, goroutineSlot: 16, proc: 20, seen: 24 } as const;
/** A thread's cursor in a generation: its next event (up to its time), the end of its batch, the thread's slot. */
export const Cursor = { size: 32, time: 0, position: 8, end: 12, type: 16, thread: 20 } as const;

/** Rows the kernel makes room for. */
export const MAX_ROWS = 2048;
const COLUMNS = 1024;

/** Bytes of a value of each column, in their order. */
const widths = {
  time: 8,
  g: 8,
  m: 8,
  subject: 8,
  arg0: 8,
  arg1: 8,
  p: 4,
  stack: 4,
  type: 1,
  from: 1,
  to: 1,
} as const;

export type ColumnName = keyof typeof widths;

/** Columns begin at different places of a cache's sets: the rows are a power of two, and many columns are written at once. */
const STAGGER = 5 * 64;

/**
 * Places columns of MAX_ROWS values one after the other.
 * @param from the first one's address
 * @param bytes of a value of each
 * @returns their addresses, and where the tables begin behind them
 */
export function placeColumns<Name extends string>(
  from: number,
  bytes: Readonly<Record<Name, number>>,
): { readonly columns: Readonly<Record<Name, number>>; readonly tables: number } {
  let next = from;
  const columns = {} as Record<Name, number>;
  for (const name of Object.keys(bytes) as Name[]) {
    columns[name] = next;
    next += MAX_ROWS * bytes[name] + STAGGER;
  }
  return { columns, tables: Math.ceil(next / 64) * 64 };
}

const placed = placeColumns(COLUMNS, widths);

/** Addresses of the columns. */
export const Column = placed.columns;

/** Where the tables begin. */
export const TABLES = placed.tables;
