import { describe, expect, test } from "vitest";
import { PRIVATE_KINDS, replacement, type PrivacyPolicy, type Rename } from "../../src/base/privacy.ts";
import { decodeProfile } from "../../src/pprof/decode.ts";
import { protectProfile } from "../../src/pprof/protect.ts";
import { ProtoWriter } from "../../src/pprof/wire.ts";

const rename: Rename = (kind, text) => replacement(kind, String(text.length));

const STRINGS = [
  "",
  "samples",
  "count",
  "example.com/pay.Charge",
  "/home/ada/pay.go",
  "runtime.main",
  "/home/ada/sdk/src/runtime/proc.go",
  "customer",
  "ada@example.com",
  "/srv/pay/bin",
  "b1d",
  "--token=abc",
] as const;
const at = (text: (typeof STRINGS)[number]): number => STRINGS.indexOf(text);

/** A profile with all that refers to strings, as Go writes it. */
function example(): Uint8Array {
  const out = new ProtoWriter();
  out.message(1, new ProtoWriter().varint(1, at("samples")).varint(2, at("count")));
  const label = new ProtoWriter().varint(1, at("customer")).varint(2, at("ada@example.com"));
  out.message(2, new ProtoWriter().packed(1, [1, 2]).packed(2, [7]).message(3, label));
  out.message(3, new ProtoWriter().varint(1, 1).varint(5, at("/srv/pay/bin")).varint(6, at("b1d")));
  for (const id of [1, 2]) {
    const line = new ProtoWriter().varint(1, id).varint(2, 10 * id);
    out.message(
      4,
      new ProtoWriter()
        .varint(1, id)
        .varint(2, 1)
        .varint(3, 0x1000 + id)
        .message(4, line),
    );
  }
  const own = at("example.com/pay.Charge");
  out.message(
    5,
    new ProtoWriter().varint(1, 1).varint(2, own).varint(3, own).varint(4, at("/home/ada/pay.go")),
  );
  const main = at("runtime.main");
  const proc = at("/home/ada/sdk/src/runtime/proc.go");
  out.message(5, new ProtoWriter().varint(1, 2).varint(2, main).varint(3, main).varint(4, proc));
  for (const text of STRINGS) out.text(6, text);
  out.packed(13, [at("--token=abc")]);
  return out.finish();
}

function textOf(profile: Uint8Array): string {
  return Buffer.from(profile).toString("latin1");
}

describe("a privacy policy on a profile", () => {
  test.each<[PrivacyPolicy, RegExp, RegExp]>([
    [["labels"], /ada@/, /\/home\/ada\/pay\.go.*customer.*--token/s],
    [["file_paths"], /\/home\/ada/, /\/go\/src\/runtime\/proc\.go.*ada@example/s],
    [["cmdline"], /\/srv\/pay|b1d|--token/, /\/home\/ada\/pay\.go/],
    [["functions"], /example\.com\/pay/, /\/home\/ada\/pay\.go.*runtime\.main/s],
    [PRIVATE_KINDS, /ada|pay|token|b1d/, /runtime\.main/],
  ])("%s replaces those and nothing else", (policy, gone, kept) => {
    const text = textOf(protectProfile(example(), policy, rename));
    expect(text).not.toMatch(gone);
    expect(text).toMatch(kept);
  });

  test("keeps numbers and stacks", () => {
    const shape = (bytes: Uint8Array): unknown => {
      const { samples, sampleTypes } = decodeProfile(bytes);
      return {
        sampleTypes,
        samples: samples.map(({ values, stack }) => [values, stack.map(({ pc, line }) => [pc, line])]),
      };
    };
    expect(shape(protectProfile(example(), PRIVATE_KINDS, rename))).toEqual(shape(example()));
    expect(Buffer.from(protectProfile(example(), [], rename)).equals(example())).toBe(true);
  });

  test("refuses what is no profile", () => {
    expect(() => protectProfile(new Uint8Array([0xff]), ["labels"], rename)).toThrow(/not a pprof profile/);
    expect(() => protectProfile(new Uint8Array(0), ["labels"], rename)).toThrow(/not a pprof profile/);
  });
});
