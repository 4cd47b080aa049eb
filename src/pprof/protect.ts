import type { PrivacyPolicy, PrivateKind, Rename } from "../base/privacy.ts";
import { isStandard, standardFile } from "../base/standard-library.ts";
import { PprofFormatError } from "./error.ts";
import { protoFields, ProtoWriter, textOf, varintsOf, type ProtoField } from "./wire.ts";

/** Field numbers of profile.proto that refer to strings. */
const SAMPLE = 2;
const MAPPING = 3;
const FUNCTION = 5;
const STRING = 6;
const COMMENT = 13;

/**
 * Rewrites a profile (unpacked) so that it holds nothing that the policy names: values of pprof labels, source files, the
 * program's own path and the profile's comments, function names. It still opens in `go tool pprof`; numbers, keys of
 * labels and what is of the standard library stay.
 *
 * @throws {PprofFormatError} it is no profile: then nothing of it may be shown.
 */
export function protectProfile(profile: Uint8Array, policy: PrivacyPolicy, rename: Rename): Uint8Array {
  const strings: string[] = [];
  for (const field of protoFields(profile)) if (field.number === STRING) strings.push(textOf(field));
  if (strings[0] !== "") throw new PprofFormatError("its string table does not begin with the empty string");
  const uses = usesOf(profile, strings);
  const named = new Set(policy);
  const out = new ProtoWriter();
  let index = 0;
  for (const field of protoFields(profile)) {
    if (field.kind === "varint") out.varint(field.number, field.value);
    else if (field.number !== STRING) out.bytes(field.number, field.bytes);
    else {
      const text = strings[index] ?? "";
      const use = uses.get(index++);
      if (use === undefined || !named.has(use.kind)) out.bytes(STRING, field.bytes);
      else out.text(STRING, use.instead ?? rename(use.kind, text));
    }
  }
  return out.finish();
}

interface Use {
  readonly kind: PrivateKind;
  /** What takes its place, where that is not a name that tells nothing. */
  readonly instead?: string;
}

/** What the strings are used for, by index. Equal strings are one in the table: what tells most of the program wins. */
function usesOf(profile: Uint8Array, strings: readonly string[]): ReadonlyMap<number, Use> {
  const uses = new Map<number, Use>();
  const later: (() => void)[] = [];
  const use = (index: number, as: Use): void => {
    if (index > 0) uses.set(index, as);
  };
  for (const field of protoFields(profile)) {
    switch (field.number) {
      case SAMPLE:
        // Last, so that a label's value wins over a name that is spelled the same.
        for (const index of labelValues(field)) later.push(() => use(index, { kind: "labels" }));
        break;
      case MAPPING:
        // The program's path and its build id.
        for (const index of numbersOf(field, 5, 6)) use(index, { kind: "cmdline" });
        break;
      case FUNCTION: {
        const [name = 0] = numbersOf(field, 2);
        const standard = isStandard(strings[name] ?? "");
        if (!standard && strings[name] !== "main.main") {
          for (const index of numbersOf(field, 2, 3)) use(index, { kind: "functions" });
        }
        for (const index of numbersOf(field, 4)) {
          const instead = standard ? standardFile(strings[index] ?? "") : undefined;
          use(index, { kind: "file_paths", ...(instead !== undefined && { instead }) });
        }
        break;
      }
      case COMMENT:
        for (const index of varintsOf(field)) use(Number(index), { kind: "cmdline" });
        break;
      default:
    }
  }
  for (const each of later) each();
  return uses;
}

/** The string values of a sample's labels. */
function labelValues(sample: ProtoField): number[] {
  const found: number[] = [];
  if (sample.kind !== "bytes") return found;
  for (const label of protoFields(sample.bytes)) if (label.number === 3) found.push(...numbersOf(label, 2));
  return found;
}

/** The numbers of some fields of a message. */
function numbersOf(message: ProtoField, ...numbers: readonly number[]): number[] {
  const found: number[] = [];
  if (message.kind !== "bytes") return found;
  for (const field of protoFields(message.bytes)) {
    if (field.kind === "varint" && numbers.includes(field.number)) found.push(Number(field.value));
  }
  return found;
}
