import { readFile } from "node:fs/promises";
import {
  checkCapture,
  diffCaptures,
  linksOf,
  openCapture,
  pinCapture,
  removeCapture,
  type Change,
} from "../../store/catalog/commands.ts";
import { reindex } from "../../store/catalog/reindex.ts";
import type { CommandIo } from "../io.ts";
import { withCatalog, type StoreArguments } from "../store-argument.ts";
import { identitiesOf } from "./get.ts";
import { formatTable } from "../table.ts";

/** `gorewind captures pin|unpin ID`: keeps retention away from it, or lets it come again. */
export async function pinCommand(
  id: string,
  pinned: boolean,
  args: StoreArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  return await withCatalog(args, io, async (catalog) => {
    const row = await pinCapture(catalog, id, pinned, changeBy(io), signal);
    io.out(`${row.id} is ${pinned ? "pinned: retention leaves it alone" : "no longer pinned"}\n`);
    return 0;
  });
}

/** `gorewind captures rm ID…`: deletes them, their manifests first. */
export async function removeCommand(
  ids: readonly string[],
  args: StoreArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  return await withCatalog(args, io, async (catalog) => {
    for (const id of ids) {
      const row = await removeCapture(catalog, id, changeBy(io), signal);
      io.out(`${row.id} is deleted\n`);
    }
    return 0;
  });
}

export interface VerifyArguments extends StoreArguments {
  /** An age identity file. */
  readonly identity?: string;
  /** PEM of an Ed25519 public key. */
  readonly publicKey?: string;
}

/** `gorewind verify ID…`: reads each where it lies. Exit code 1 when one is not what its manifest says. */
export async function verifyCommand(
  ids: readonly string[],
  args: VerifyArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  const identities = await identitiesOf(args);
  const publicKey = args.publicKey === undefined ? undefined : await readFile(args.publicKey, "utf8");
  return await withCatalog(args, io, async (catalog) => {
    let bad = 0;
    for (const id of ids) {
      for (const { name, problem } of await checkCapture(catalog, id, signal, { identities, publicKey })) {
        if (problem !== undefined) bad++;
        io.out(`${id}/${name}: ${problem ?? "ok"}\n`);
      }
    }
    return bad === 0 ? 0 : 1;
  });
}

/** `gorewind captures diff A B`: where their manifests differ. */
export async function diffCommand(
  a: string,
  b: string,
  args: StoreArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  return await withCatalog(args, io, async (catalog) => {
    const rows = (await diffCaptures(catalog, a, b, signal)).map((each) => [
      each.path,
      each.a ?? "",
      each.b ?? "",
    ]);
    io.out(formatTable([{ title: "" }, { title: a }, { title: b }], rows));
    return 0;
  });
}

/** `gorewind captures links ID`: links that work without credentials until they expire. */
export async function linksCommand(
  id: string,
  seconds: number,
  args: StoreArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  return await withCatalog(args, io, async (catalog) => {
    const links = await linksOf(catalog, await openCapture(catalog, id, signal), seconds, signal);
    if (links === undefined) {
      io.err(`${catalog.store.location} makes no links: use \`gorewind captures get\`\n`);
      return 1;
    }
    io.out(
      Object.entries(links)
        .map(([name, link]) => `${name}  ${link}\n`)
        .join(""),
    );
    return 0;
  });
}

/** `gorewind captures reindex`: makes the index anew from the manifests. */
export async function reindexCommand(
  args: StoreArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  return await withCatalog(args, io, async (catalog) => {
    const count = await reindex(catalog, io.now(), signal);
    io.out(`${count} captures are in the index of ${catalog.store.location}\n`);
    return 0;
  });
}

function changeBy(io: CommandIo): Change {
  return { now: io.now(), token: Math.floor(io.random() * 2 ** 48).toString(36) };
}
