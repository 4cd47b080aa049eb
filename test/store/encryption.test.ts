import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MANIFEST_NAME } from "../../src/capture/manifest.ts";
import { checkCapture, getCapture, viewerOf } from "../../src/store/catalog/commands.ts";
import { encryptTo, Identities } from "../../src/store/encryption.ts";
import { retentionSchema, spoolSchema, storeSchema, uploadSchema } from "../../src/store/options.ts";
import { Shipping } from "../../src/store/shipping.ts";
import { ageProgram, ageUnavailable } from "../support/age.ts";
import { run } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { bytesOf, idOf, seededBytes, sha256, spoolCapture } from "./support/captures.ts";
import { realClock } from "./support/clock.ts";

const never = new AbortController().signal;
const skip = requireOrSkip("encryption, with age's own programs", await ageUnavailable());

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-age-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Made by age-keygen: its file and its public key. */
async function newIdentity(name: string, ...args: string[]): Promise<{ file: string; recipient: string }> {
  const file = join(folder, name);
  const made = await run(await ageProgram("age-keygen"), [...args, "-o", file]);
  expect(made).toMatchObject({ exitCode: 0 });
  const recipient = /age1[0-9a-z]+/.exec(made.stderr)?.[0] ?? "";
  return { file, recipient };
}

async function openShipping(recipients: readonly string[]): Promise<Shipping> {
  return await Shipping.open(
    {
      store: storeSchema.parse({ kind: "filesystem", path: join(folder, "store") }),
      spool: spoolSchema.parse({ path: join(folder, "spool"), encrypt_to: recipients }),
      upload: uploadSchema.parse({}),
      retention: retentionSchema.parse({}),
    },
    { clock: realClock, random: Math.random, emit: () => {}, host: "h", services: () => [] },
    never,
  );
}

async function ship(shipping: Shipping): Promise<void> {
  const stop = new AbortController();
  const running = shipping.run(stop.signal);
  await shipping.drained(never);
  stop.abort();
  await running;
}

describe.skipIf(skip)("spool.encrypt_to", () => {
  // Around the format's 64 KiB chunks.
  const trace = seededBytes(200_000, 1);
  const files = { "trace.out": trace, "heap.pb.gz": seededBytes(65_536, 2), "tiny.txt": seededBytes(1, 3) };

  test("what is written only the recipients read, by age itself and by us", { timeout: 60_000 }, async () => {
    const [ada, bob, eve] = [await newIdentity("ada"), await newIdentity("bob"), await newIdentity("eve")];
    const shipping = await openShipping([ada.recipient, bob.recipient]);
    await spoolCapture(shipping.spool, { id: idOf(1), files: {} }).catch(() => undefined);
    const writer = await shipping.spool.begin(idOf(2));
    const added = await writer.addFile("trace.out", "application/vnd.golang.trace", [
      trace.subarray(0, 70_000),
      trace.subarray(70_000),
    ]);
    expect(added).toMatchObject({ name: "trace.out.age", content_type: "application/octet-stream" });
    await expect(writer.addFile("empty", "text/plain", [])).rejects.toMatchObject({ code: "empty_file" });
    await writer.abort();

    await spoolCapture(shipping.spool, { id: idOf(3), files });
    const clear = Buffer.from(trace.subarray(1000, 1100));
    const spooled = join(folder, "spool", "captures", idOf(3));
    expect((await readdir(spooled)).sort()).toEqual([
      "heap.pb.gz.age",
      MANIFEST_NAME,
      "tiny.txt.age",
      "trace.out.age",
    ]);
    expect((await readFile(join(spooled, "trace.out.age"))).includes(clear)).toBe(false);
    await ship(shipping);

    // The manifest stays readable, and says what is encrypted and to whom.
    const { catalog } = shipping;
    const sealed = await getCapture(catalog, idOf(3), join(folder, "sealed"), () => {}, never);
    expect(sealed.manifest.encryption).toEqual({ method: "age", recipients: [ada.recipient, bob.recipient] });
    expect(viewerOf(sealed.manifest, sealed.folder)?.at(-1)).toBe(join(sealed.folder, "trace.out"));
    for (const { file } of [ada, bob]) {
      const decrypted = join(folder, "by-age");
      const path = join(sealed.folder, "trace.out.age");
      expect(await run(await ageProgram("age"), ["-d", "-i", file, "-o", decrypted, path])).toMatchObject({
        exitCode: 0,
      });
      expect(sha256(await readFile(decrypted))).toBe(sha256(trace));
      const opened = await Identities.read(file);
      const got = await getCapture(catalog, idOf(3), join(folder, "got"), () => {}, never, opened);
      for (const [name, content] of Object.entries(files)) {
        expect(sha256(await readFile(join(got.folder, name))), name).toBe(sha256(content));
      }
      expect(await checkCapture(catalog, idOf(3), never, { identities: opened })).toEqual(
        sealed.manifest.files.map(({ name }) => ({ name, problem: undefined })),
      );
    }
    const wrong = await Identities.read(eve.file);
    const [first] = await checkCapture(catalog, idOf(3), never, { identities: wrong });
    expect(first?.problem).toMatch(/cannot be decrypted/);
    await expect(
      getCapture(catalog, idOf(3), join(folder, "for-eve"), () => {}, never, wrong),
    ).rejects.toMatchObject({ code: "decrypt" });
    expect(await readdir(join(folder, "for-eve", idOf(3)))).not.toContain("trace.out");
    await shipping.close();
  });

  test(
    "reads what age encrypted, post-quantum keys too, and refuses what was cut",
    { timeout: 60_000 },
    async () => {
      const hybrid = await newIdentity("hybrid", "-pq");
      expect(hybrid.recipient).toMatch(/^age1pq1/);
      const [plain, path] = [join(folder, "plain"), join(folder, "plain.age")];
      await writeFile(plain, trace);
      await run(await ageProgram("age"), ["-r", hybrid.recipient, "-o", path, plain]);
      await rm(plain);
      const identities = await Identities.read(hybrid.file);
      await identities.decryptFile(path);
      expect(sha256(await readFile(plain))).toBe(sha256(trace));
      await rm(plain);
      await truncate(path, 100_000);
      await expect(identities.decryptFile(path)).rejects.toMatchObject({ code: "decrypt" });
      expect(await readdir(folder)).not.toContain("plain");
    },
  );

  test("a file that cannot be read leaves nothing encrypted of it", async () => {
    const { recipient } = await newIdentity("ada");
    const shipping = await openShipping([recipient]);
    async function* torn(): AsyncIterable<Uint8Array> {
      yield trace;
      await Promise.resolve();
      throw new Error("the connection was lost");
    }
    const writer = await shipping.spool.begin(idOf(1));
    await expect(writer.addFile("cpu.pb.gz", "x/y", torn())).rejects.toThrow("the connection was lost");
    expect(await readdir(join(folder, "spool", "tmp", idOf(1)))).toEqual([]);
    // It may be tried again.
    await writer.addFile("cpu.pb.gz", "x/y", [trace]);
    await writer.abort();
    await shipping.close();
  });

  test("keys that are none are refused, at start and by the commands", async () => {
    await expect(openShipping([`age1${"q".repeat(58)}`])).rejects.toMatchObject({ code: "encrypt_to" });
    const file = join(folder, "none");
    await writeFile(file, "# only a comment\n");
    await expect(Identities.read(file)).rejects.toMatchObject({ code: "identity" });
  });

  test("encrypting streams: many chunks in, as many bytes as age's format takes", async () => {
    const { recipient, file } = await newIdentity("ada");
    const encryption = await encryptTo([recipient]);
    async function* chunks(): AsyncIterable<Uint8Array> {
      for (let i = 0; i < 100; i++) {
        await Promise.resolve();
        yield seededBytes(10_007, i);
      }
    }
    const sealed = await bytesOf(encryption.encrypt(chunks()));
    const identities = await Identities.read(file);
    async function* once(): AsyncIterable<Uint8Array> {
      await Promise.resolve();
      yield sealed;
    }
    const opened = await bytesOf(identities.decrypt("it", once()));
    expect(sha256(opened)).toBe(sha256(await bytesOf(chunks())));
  });
});
