import { Catalog } from "../../store/catalog/catalog.ts";
import { diffManifests } from "../../store/catalog/diff.ts";
import { noteChange, reindex } from "../../store/catalog/reindex.ts";
import { verifyCapture } from "../../store/catalog/verify.ts";
import type { IndexRow } from "../../store/index/row.ts";
import type { CommandIo } from "../io.ts";
import { openStore, type StoreArguments } from "../store-argument.ts";
import { formatTable } from "../table.ts";

async function withCatalog<T>(
  args: StoreArguments,
  io: CommandIo,
  work: (catalog: Catalog) => Promise<T>,
): Promise<T> {
  const store = await openStore(args, io);
  try {
    return await work(new Catalog(store));
  } finally {
    store.close();
  }
}

/** `gorewind captures pin|unpin ID`: keeps retention away from it, or lets it come again. */
export async function pinCapture(
  id: string,
  pinned: boolean,
  args: StoreArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  return await withCatalog(args, io, async (catalog) => {
    const row = await catalog.find(id, signal);
    await note(catalog, await catalog.pin(row, pinned, io.now(), signal), io, signal);
    io.out(`${row.id} is ${pinned ? "pinned: retention leaves it alone" : "no longer pinned"}\n`);
    return 0;
  });
}

/** `gorewind captures rm ID…`: deletes them, their manifests first. */
export async function removeCaptures(
  ids: readonly string[],
  args: StoreArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  return await withCatalog(args, io, async (catalog) => {
    for (const id of ids) {
      const row = await catalog.find(id, signal);
      await note(catalog, await catalog.remove(row, io.now(), signal), io, signal);
      io.out(`${row.id} is deleted\n`);
    }
    return 0;
  });
}

/** `gorewind verify ID…`: reads each where it lies. Exit code 1 when one is not what its manifest says. */
export async function verifyCaptures(
  ids: readonly string[],
  args: StoreArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  return await withCatalog(args, io, async (catalog) => {
    let bad = 0;
    for (const id of ids) {
      const row = await catalog.find(id, signal);
      const manifest = await catalog.manifest(row.prefix, signal);
      const files = await verifyCapture(catalog.store, { manifest, prefix: row.prefix }, signal);
      for (const { name, problem } of files) {
        if (problem !== undefined) bad++;
        io.out(`${row.id}/${name}: ${problem ?? "ok"}\n`);
      }
    }
    return bad === 0 ? 0 : 1;
  });
}

/** `gorewind captures diff A B`: where their manifests differ. */
export async function diffCaptures(
  ids: readonly [string, string],
  args: StoreArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  return await withCatalog(args, io, async (catalog) => {
    const [a, b] = await Promise.all(
      ids.map(async (id) => catalog.manifest((await catalog.find(id, signal)).prefix, signal)),
    );
    if (a === undefined || b === undefined) return 1;
    const rows = diffManifests(a, b).map((each) => [each.path, each.a ?? "", each.b ?? ""]);
    io.out(formatTable([{ title: "" }, { title: a.id }, { title: b.id }], rows));
    return 0;
  });
}

/** `gorewind captures link ID FILE`: a link that works without credentials until it expires. */
export async function linkCapture(
  id: string,
  file: string,
  seconds: number,
  args: StoreArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  return await withCatalog(args, io, async (catalog) => {
    const { store } = catalog;
    const row = await catalog.find(id, signal);
    if (store.presign === undefined) {
      io.err(`${store.location} makes no links: use \`gorewind captures get ${row.id}\`\n`);
      return 1;
    }
    io.out(`${await store.presign(row.prefix + file, seconds, signal)}\n`);
    return 0;
  });
}

/** `gorewind captures reindex`: makes the index anew from the manifests. */
export async function reindexCaptures(
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

async function note(catalog: Catalog, row: IndexRow, io: CommandIo, signal: AbortSignal): Promise<void> {
  await noteChange(catalog, row, Math.floor(io.random() * 2 ** 48).toString(36), signal);
}
