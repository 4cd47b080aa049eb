import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatSize } from "../../base/size.ts";
import { TRACE_NAME, type Manifest } from "../../capture/manifest.ts";
import { Catalog } from "../../store/catalog/catalog.ts";
import { downloadCapture } from "../../store/catalog/download.ts";
import type { CommandIo } from "../io.ts";
import { openStore, type StoreArguments } from "../store-argument.ts";

export interface GetArguments extends StoreArguments {
  /** Where to put the capture's folder. */
  readonly output?: string;
}

interface Fetched {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** `gorewind captures get ID`: the capture's files, each checked; goes on with what an earlier try left. */
export async function getCapture(
  id: string,
  args: GetArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  const { folder, manifest } = await fetchCapture(id, args.output ?? ".", args, io, signal);
  io.out(`${folder}\n`);
  if (manifest.trace !== undefined) io.err(`go tool trace ${join(folder, TRACE_NAME)}\n`);
  return 0;
}

/** `gorewind captures open ID`: fetches it and starts `go tool trace`. */
export async function openCapture(
  id: string,
  args: GetArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  const { folder, manifest } = await fetchCapture(
    id,
    args.output ?? join(tmpdir(), "gorewind"),
    args,
    io,
    signal,
  );
  if (manifest.trace === undefined) {
    io.err(
      `the capture has no trace (${manifest.omitted.map((o) => `${o.name}: ${o.reason}`).join("; ")}): ${folder}\n`,
    );
    return 1;
  }
  io.err(`go tool trace ${join(folder, TRACE_NAME)}\n`);
  return await new Promise<number>((resolve, reject) => {
    const child = spawn("go", ["tool", "trace", join(folder, TRACE_NAME)], { stdio: "inherit", signal });
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (signal.aborted) return resolve(0);
      if (error.code !== "ENOENT") return reject(error);
      io.err(`there is no go on the PATH; the capture is in ${folder}\n`);
      return resolve(1);
    });
    child.on("exit", (code) => resolve(code ?? 0));
  });
}

async function fetchCapture(
  id: string,
  parent: string,
  args: StoreArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<Fetched> {
  const store = await openStore(args, io);
  try {
    const catalog = new Catalog(store);
    const row = await catalog.find(id, signal);
    const manifest = await catalog.manifest(row.prefix, signal);
    const folder = join(parent, row.id);
    let told = "";
    const onProgress = ({ file, bytes, of }: { file: string; bytes: number; of: number }): void => {
      if (bytes < of || told === file) return;
      told = file;
      io.err(`${file}  ${formatSize(of)}\n`);
    };
    await downloadCapture(store, { manifest, prefix: row.prefix }, folder, onProgress, signal);
    return { folder, manifest };
  } finally {
    store.close();
  }
}
