import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkCapture, getCapture } from "../../src/store/catalog/commands.ts";
import { retentionSchema, spoolSchema, storeSchema, uploadSchema } from "../../src/store/options.ts";
import { Shipping } from "../../src/store/shipping.ts";
import { isSignedBy, loadSigner } from "../../src/store/signature.ts";
import { run } from "../support/process.ts";
import { idOf, seededBytes, spoolCapture } from "./support/captures.ts";
import { realClock } from "./support/clock.ts";

const never = new AbortController().signal;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-signature-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function openssl(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run("openssl", args);
  return `${exitCode} ${stdout}${stderr}`;
}

test("a manifest is signed so that openssl can tell", async () => {
  const [key, publicKey] = [join(folder, "key.pem"), join(folder, "key.pub")];
  expect(await openssl("genpkey", "-algorithm", "ed25519", "-out", key)).toMatch(/^0/);
  expect(await openssl("pkey", "-in", key, "-pubout", "-out", publicKey)).toMatch(/^0/);
  const shipping = await Shipping.open(
    {
      store: storeSchema.parse({ kind: "filesystem", path: join(folder, "store") }),
      spool: spoolSchema.parse({ path: join(folder, "spool") }),
      upload: uploadSchema.parse({ sign_key_file: key }),
      retention: retentionSchema.parse({}),
    },
    { clock: realClock, random: Math.random, emit: () => {}, host: "h", services: () => [] },
    never,
  );
  const stop = new AbortController();
  const running = shipping.run(stop.signal);
  await spoolCapture(shipping.spool, { id: idOf(1), files: { "trace.out": seededBytes(100, 1) } });
  await shipping.drained(never);
  const got = await getCapture(shipping.catalog, idOf(1), folder, () => {}, never);
  stop.abort();
  await running;
  const signatureBy = async (pem: string): Promise<string | undefined> =>
    (await checkCapture(shipping.catalog, idOf(1), never, { publicKey: pem })).at(-1)?.problem;
  const other = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" });
  expect(await signatureBy(await readFile(publicKey, "utf8"))).toBeUndefined();
  expect(await signatureBy(String(other))).toMatch(/not the signature/);
  await shipping.close();

  const manifest = join(got.folder, "manifest.json");
  const signature = join(got.folder, "manifest.sig");
  const check = [
    "pkeyutl",
    "-verify",
    "-pubin",
    "-inkey",
    publicKey,
    "-rawin",
    "-in",
    manifest,
    "-sigfile",
    signature,
  ];
  expect(await openssl(...check)).toMatch(/^0 Signature Verified Successfully/);
  const pem = await readFile(publicKey, "utf8");
  const text = await readFile(manifest);
  expect(isSignedBy(pem, text, await readFile(signature))).toBe(true);
  const forged = Buffer.from(text.toString().replace('"slow"', '"fast"'));
  expect(isSignedBy(pem, forged, await readFile(signature))).toBe(false);
  await writeFile(manifest, forged);
  expect(await openssl(...check)).toMatch(/^1/);
});

test("a key of another kind is refused", async () => {
  const key = join(folder, "key.pem");
  await openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key);
  await expect(loadSigner(key)).rejects.toMatchObject({ code: "sign_key" });
  await expect(loadSigner(join(folder, "none"))).rejects.toMatchObject({ code: "sign_key" });
});
