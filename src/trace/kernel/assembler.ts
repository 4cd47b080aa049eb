/**
 * A small assembler of WebAssembly: expressions and statements as TypeScript calls, in the order they run. Just what
 * kernel.ts needs; the engine optimises, so nothing here does.
 *
 *     const f = new Assembler();
 *     const n = f.local("i32");
 *     f.loop((again) => {
 *       n.set(n.add(1));
 *       f.branchIf(again, n.lt(10));
 *     });
 *     f.leave(n);
 *
 * A function that calls these is a macro. Opcodes: https://webassembly.github.io/spec/core/binary/instructions.html
 */

export type ValueType = "i32" | "i64" | "f64";
type Operand = Expression | number | bigint;

const typeCode = { i32: 0x7f, i64: 0x7e, f64: 0x7c } as const;
const EMPTY = 0x40;
/** `\\0asm`, version 1. */
const MAGIC = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** The opcode of an operation by type; comparisons give an i32, the rest their operands' type. */
const binary: Record<string, Partial<Record<ValueType, number>>> = {
  add: { i32: 0x6a, i64: 0x7c, f64: 0xa0 },
  sub: { i32: 0x6b, i64: 0x7d, f64: 0xa1 },
  mul: { i32: 0x6c, f64: 0xa2 },
  and: { i32: 0x71, i64: 0x83 },
  or: { i32: 0x72, i64: 0x84 },
  xor: { i32: 0x73, i64: 0x85 },
  shl: { i32: 0x74, i64: 0x86 },
  shr: { i32: 0x76, i64: 0x88 },
};
const comparison: Record<string, Partial<Record<ValueType, number>>> = {
  eq: { i32: 0x46, i64: 0x51, f64: 0x61 },
  ne: { i32: 0x47, i64: 0x52, f64: 0x62 },
  // Of integers without sign.
  lt: { i32: 0x49, i64: 0x54, f64: 0x63 },
  gt: { i32: 0x4b, i64: 0x56, f64: 0x64 },
  le: { i32: 0x4d, i64: 0x58, f64: 0x65 },
  ge: { i32: 0x4f, i64: 0x5a, f64: 0x66 },
};

/** A value on WebAssembly's stack, as the code that puts it there. */
export class Expression {
  readonly type: ValueType;
  readonly code: readonly number[];

  constructor(type: ValueType, code: readonly number[]) {
    this.type = type;
    this.code = code;
  }

  add(other: Operand): Expression {
    return this.#binary("add", other);
  }
  sub(other: Operand): Expression {
    return this.#binary("sub", other);
  }
  mul(other: Operand): Expression {
    return this.#binary("mul", other);
  }
  and(other: Operand): Expression {
    return this.#binary("and", other);
  }
  or(other: Operand): Expression {
    return this.#binary("or", other);
  }
  xor(other: Operand): Expression {
    return this.#binary("xor", other);
  }
  shl(other: Operand): Expression {
    return this.#binary("shl", other);
  }
  /** Without sign. */
  shr(other: Operand): Expression {
    return this.#binary("shr", other);
  }
  eq(other: Operand): Expression {
    return this.#compare("eq", other);
  }
  ne(other: Operand): Expression {
    return this.#compare("ne", other);
  }
  lt(other: Operand): Expression {
    return this.#compare("lt", other);
  }
  gt(other: Operand): Expression {
    return this.#compare("gt", other);
  }
  le(other: Operand): Expression {
    return this.#compare("le", other);
  }
  ge(other: Operand): Expression {
    return this.#compare("ge", other);
  }

  /** Count of trailing zero bits (i64). */
  trailingZeros(): Expression {
    return new Expression("i64", [...this.code, 0x7a]);
  }
  floor(): Expression {
    return new Expression("f64", [...this.code, 0x9c]);
  }
  /** The low half of an i64. */
  low(): Expression {
    return new Expression("i32", [...this.code, 0xa7]);
  }
  /** An i32 without sign as an i64. */
  wide(): Expression {
    return new Expression("i64", [...this.code, 0xad]);
  }
  /** The bits of an f64 as an i64. */
  bits(): Expression {
    return new Expression("i64", [...this.code, 0xbd]);
  }
  /** An f64 as an i64, towards zero. */
  truncate(): Expression {
    return new Expression("i64", [...this.code, 0xb0]);
  }
  /** An i32 without sign, or an i64 with one, as an f64. */
  float(): Expression {
    return new Expression("f64", [...this.code, this.type === "i32" ? 0xb8 : 0xb9]);
  }

  #binary(name: string, other: Operand): Expression {
    return new Expression(this.type, this.#join(binary[name]![this.type]!, other));
  }
  #compare(name: string, other: Operand): Expression {
    return new Expression("i32", this.#join(comparison[name]![this.type]!, other));
  }
  #join(opcode: number, other: Operand): number[] {
    return [...this.code, ...constant(this.type, other).code, opcode];
  }
}

/** A local variable. */
export class Local extends Expression {
  readonly #assembler: Assembler;
  readonly #index: number;

  constructor(assembler: Assembler, type: ValueType, index: number) {
    super(type, [0x20, ...leb(index)]);
    this.#assembler = assembler;
    this.#index = index;
  }

  set(value: Operand): void {
    this.#assembler.emit(...constant(this.type, value).code, 0x21, ...leb(this.#index));
  }
}

/** Where a branch goes: the depth of its block at its place. */
export type Label = number;

/** One function of one module; its parameters are the first locals. It imports `env.memory` and is exported as `run`. */
export class Assembler {
  readonly #parameters: ValueType[];
  readonly #locals: ValueType[] = [];
  readonly #body: number[] = [];
  #depth = 0;
  readonly parameters: readonly Local[];

  constructor(parameters: ValueType[] = []) {
    this.#parameters = parameters;
    this.parameters = parameters.map((type, i) => new Local(this, type, i));
  }

  local(type: ValueType, value?: Operand): Local {
    this.#locals.push(type);
    const local = new Local(this, type, this.#parameters.length + this.#locals.length - 1);
    if (value !== undefined) local.set(value);
    return local;
  }

  emit(...code: readonly number[]): void {
    for (const byte of code) this.#body.push(byte);
  }

  /** Loads from `address + offset`; `u8` gives an i32. */
  load(type: ValueType | "u8", address: Operand, offset = 0): Expression {
    const [opcode, align] = { i32: [0x28, 2], i64: [0x29, 0], f64: [0x2b, 3], u8: [0x2d, 0] }[type] as [
      number,
      number,
    ];
    const code = [...constant("i32", address).code, opcode, align, ...leb(offset)];
    return new Expression(type === "u8" ? "i32" : type, code);
  }

  /** Stores at `address + offset`; `u8` takes an i32. */
  store(type: ValueType | "u8", address: Operand, offset: number, value: Operand): void {
    const [opcode, align] = { i32: [0x36, 2], i64: [0x37, 0], f64: [0x39, 3], u8: [0x3a, 0] }[type] as [
      number,
      number,
    ];
    const stored = constant(type === "u8" ? "i32" : type, value);
    this.emit(...constant("i32", address).code, ...stored.code, opcode, align, ...leb(offset));
  }

  constant(type: ValueType, value: number): Expression {
    return constant(type, value);
  }

  /** One of two values, without a branch. */
  select(condition: Expression, then: Expression, otherwise: Expression): Expression {
    return new Expression(then.type, [...then.code, ...otherwise.code, ...condition.code, 0x1b]);
  }

  /** A branch to its label goes to its end. */
  block(body: (end: Label) => void): void {
    this.#nested([0x02, EMPTY], body);
  }

  /** A branch to its label goes to its beginning; falling off its end leaves it. */
  loop(body: (again: Label) => void): void {
    this.#nested([0x03, EMPTY], body);
  }

  when(condition: Expression, then: () => void, otherwise?: () => void): void {
    this.#nested([...condition.code, 0x04, EMPTY], () => {
      then();
      if (otherwise === undefined) return;
      this.emit(0x05);
      otherwise();
    });
  }

  branch(label: Label): void {
    this.emit(0x0c, ...leb(this.#depth - label));
  }

  branchIf(label: Label, condition: Expression): void {
    this.emit(...condition.code, 0x0d, ...leb(this.#depth - label));
  }

  /** Runs the case of a value and goes to the end of the switch; a value without a case goes to `otherwise`. */
  switch(value: Expression, cases: ReadonlyMap<number, () => void>, otherwise: Label): void {
    const bodies = [...cases];
    const first = Math.min(...cases.keys());
    const last = Math.max(...cases.keys());
    this.block((end) => {
      for (let i = 0; i < bodies.length; i++) this.#open([0x02, EMPTY]);
      const targets = Array.from({ length: last - first + 1 }, (_, at) => {
        const index = bodies.findIndex(([number]) => number === first + at);
        return index < 0 ? this.#depth - otherwise : index;
      });
      this.emit(...value.sub(first).code, 0x0e, ...leb(targets.length), ...targets.flatMap(leb));
      this.emit(...leb(this.#depth - otherwise));
      for (const [, body] of bodies) {
        this.#close();
        body();
        this.branch(end);
      }
    });
  }

  /** Ends the function with a value. */
  leave(value: Operand): void {
    this.emit(...constant("i32", value).code, 0x0f);
  }

  /** The module's bytes. */
  module(): Uint8Array {
    const name = (text: string): number[] => [text.length, ...Array.from(text, (c) => c.charCodeAt(0))];
    const section = (id: number, content: number[]): number[] => [id, ...leb(content.length), ...content];
    const locals = this.#locals.flatMap((type) => [1, typeCode[type]]);
    // Falling off the end is not meant to happen.
    const code = [...leb(this.#locals.length), ...locals, ...this.#body, 0x00, 0x0b];
    const parameters = this.#parameters.map((type) => typeCode[type]);
    return Uint8Array.from([
      ...MAGIC,
      ...section(1, [1, 0x60, parameters.length, ...parameters, 1, typeCode.i32]),
      ...section(2, [1, ...name("env"), ...name("memory"), 2, 0, 0]),
      ...section(3, [1, 0]),
      ...section(7, [1, ...name("run"), 0, 0]),
      ...section(10, [1, ...leb(code.length), ...code]),
    ]);
  }

  #nested(opening: number[], body: (label: Label) => void): void {
    this.#open(opening);
    body(this.#depth);
    this.#close();
  }

  #open(code: number[]): void {
    this.emit(...code);
    this.#depth++;
  }

  #close(): void {
    this.emit(0x0b);
    this.#depth--;
  }
}

function constant(type: ValueType, value: Operand): Expression {
  if (value instanceof Expression) return value;
  if (type === "f64") {
    const bytes = new Uint8Array(Float64Array.of(Number(value)).buffer);
    return new Expression("f64", [0x44, ...bytes]);
  }
  const [opcode, bits] = type === "i32" ? [0x41, 32] : [0x42, 64];
  return new Expression(type, [opcode, ...signedLeb(BigInt.asIntN(bits, BigInt(value)))]);
}

/** Unsigned LEB128. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
}

function signedLeb(value: bigint): number[] {
  const low = Number(value & 127n);
  const rest = value >> 7n;
  const done = (rest === 0n && low < 64) || (rest === -1n && low >= 64);
  return done ? [low] : [low | 128, ...signedLeb(rest)];
}
