/**
 * What a goroutine does with its time, told finer than Go's reasons do: `sync` is split by the stack into mutex, rwmutex,
 * waitgroup and once, running into running, mark assist and sweep; a wait whose reason came before the trace by its stack.
 */

import { Names } from "../names.ts";
import type { StackPool } from "../stacks.ts";
import { reasonFromStack } from "../waits.ts";

/** Kinds told apart; what comes after counts as `other wait`. */
const MAX_KINDS = 31;
/** Numbers of kinds are below it: the stride of sums by kind. */
export const KIND_STRIDE = 32;

/** Kinds that are no waits; waits follow. */
export const Kind = {
  running: 0,
  assist: 1,
  sweep: 2,
  runnable: 3,
  syscall: 4,
  /** In a syscall after its proc was taken away. */
  syscallBlocked: 5,
  /** After its goroutine's end, or before anything is known of it. */
  unknown: 6,
  firstWait: 7,
} as const;

const FIXED = ["running", "gc assist", "gc sweep", "runnable", "syscall", "syscall blocked", "unknown"];

/** Frames of package sync, leaf first, that tell what Go's `sync` is about; the first that matches. */
const SYNC: readonly (readonly [RegExp, string])[] = [
  // The runtime's own semaphores: whoever starts a cycle waits for the one before to be over.
  [/^runtime\.(gcStart|GC|gcMarkDone|gcMarkTermination)$/, "gc wait"],
  [/^sync\.\(\*RWMutex\)\.|^(internal\/)?sync\.runtime_SemacquireRWMutex/, "rwmutex"],
  [/^sync\.\(\*WaitGroup\)\.|^sync\.runtime_SemacquireWaitGroup/, "waitgroup"],
  [/^sync\.\(\*Once\)\./, "once"],
  [/^(internal\/)?sync\.\(\*Mutex\)\.|^(internal\/)?sync\.runtime_SemacquireMutex/, "mutex"],
  [/^(internal\/)?sync\.\(\*Cond\)\.|^(internal\/)?sync\.runtime_notifyListWait/, "cond"],
];
/** How deep they lie. */
const SYNC_DEPTH = 8;

/**
 * Functions of client libraries that wait for the goroutine which reads their connection: an answer from the network is
 * what they wait for, whatever Go's reason (select, chan receive, cond).
 */
const CLIENTS =
  /^(net\/http\.\(\*(persistConn|http2ClientConn|http2clientStream)\)|(golang\.org\/x\/net|net\/http\/internal)\/http2\.\(\*(ClientConn|clientStream)\)|google\.golang\.org\/grpc\/internal\/transport\.\(\*(recvBufferReader|http2Client|Stream|ClientStream)\))\.([rR]oundTrip|readClient|waitOnHeader|NewStream)/;
const CLIENT_REASONS = new Set(["select", "chan receive", "sync.(*Cond).Wait"]);

/** Go's reasons under shorter names. */
const SHORT: readonly (readonly [RegExp, string])[] = [
  [/^GC |until GC ends|^GC$/, "gc wait"],
  [/Cond\)\.Wait$/, "cond"],
];

export class Kinds {
  readonly names = new Names(MAX_KINDS, "other wait", FIXED);
  /** By stack: kind + 1 of a wait there, and the reason (number + 1) it was told for. */
  #ofStack = new Uint8Array(512);
  #reasonOfStack = new Uint8Array(512);

  /** The kind of a wait for this reason (its number, and Go's word) at this stack. */
  wait(reason: number, text: string, stack: number, stacks: StackPool): number {
    if (stack >= this.#ofStack.length) this.#grow(stack);
    const known = this.#ofStack[stack]!;
    if (known !== 0 && this.#reasonOfStack[stack] === reason + 1) return known - 1;
    const kind = this.names.id(waitName(text, stack, stacks));
    this.#ofStack[stack] = kind + 1;
    this.#reasonOfStack[stack] = reason + 1;
    return kind;
  }

  #grow(stack: number): void {
    const ofStack = new Uint8Array(stack * 2);
    const reasons = new Uint8Array(stack * 2);
    ofStack.set(this.#ofStack);
    reasons.set(this.#reasonOfStack);
    this.#ofStack = ofStack;
    this.#reasonOfStack = reasons;
  }
}

function waitName(reason: string, stack: number, stacks: StackPool): string {
  const text = reason === "" ? reasonFromStack(stacks, stack) : reason;
  if (text === "") return "wait";
  if (CLIENT_REASONS.has(text)) {
    const [...leaf] = stacks.framesOf(stack).subarray(0, SYNC_DEPTH);
    if (leaf.some((frame) => CLIENTS.test(stacks.frames[frame]!.func))) return "network";
  }
  if (text !== "sync") return SHORT.find(([pattern]) => pattern.test(text))?.[1] ?? text;
  const frames = stacks.framesOf(stack);
  for (const [pattern, name] of SYNC) {
    for (let i = 0; i < Math.min(SYNC_DEPTH, frames.length); i++)
      if (pattern.test(stacks.frames[frames[i]!]!.func)) return name;
  }
  return "sync";
}
