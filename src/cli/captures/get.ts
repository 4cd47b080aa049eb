import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatSize } from "../../base/size.ts";
import type { Manifest } from "../../capture/manifest.ts";
import { getCapture, viewerOf } from "../../store/catalog/commands.ts";
import type { DownloadProgress } from "../../store/catalog/download.ts";
import { Identities } from "../../store/encryption.ts";
import type { CommandIo } from "../io.ts";
import { withCatalog, type StoreArguments } from "../store-argument.ts";

export interface GetArguments extends StoreArguments {
  /** Where to put the capture's folder. */
  readonly output?: string;
  /** An age identity file. */
  readonly identity?: string;
}

/** `gorewind captures get ID`: the capture's files, each checked; goes on with what an earlier try left. */
export async function fetchCommand(
  id: string,
  args: GetArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  const identities = await identitiesOf(args);
  const { folder, manifest } = await withCatalog(args, io, (catalog) =>
    getCapture(catalog, id, args.output ?? ".", told(io), signal, identities),
  );
  io.out(`${folder}\n`);
  if (isSealed(manifest, args)) {
    io.err("the files are encrypted: give --identity FILE to decrypt them\n");
    return 0;
  }
  const viewer = viewerOf(manifest, folder);
  if (viewer !== undefined) io.err(`${viewer.join(" ")}\n`);
  return 0;
}

export interface OpenArguments extends GetArguments {
  /** The report instead of the trace. */
  readonly report?: boolean;
}

/** `gorewind captures open ID`: fetches it and starts `go tool trace`, or what opens HTML here. */
export async function openCommand(
  id: string,
  args: OpenArguments,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  const identities = await identitiesOf(args);
  const { folder, manifest } = await withCatalog(args, io, (catalog) =>
    getCapture(catalog, id, args.output ?? join(tmpdir(), "gorewind"), told(io), signal, identities),
  );
  if (isSealed(manifest, args)) {
    io.err(`the capture is encrypted: give --identity FILE to open it: ${folder}\n`);
    return 1;
  }
  const what = args.report === true ? "report" : "trace";
  const viewer = viewerOf(manifest, folder, what);
  if (viewer === undefined) {
    const why = manifest.omitted.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
    io.err(`the capture has no ${what} (${why}): ${folder}\n`);
    return 1;
  }
  io.err(`${viewer.join(" ")}\n`);
  return await show(viewer, folder, io, signal);
}

/** @throws {StoreError} `identity`. */
export async function identitiesOf(args: Pick<GetArguments, "identity">): Promise<Identities | undefined> {
  return args.identity === undefined ? undefined : await Identities.read(args.identity);
}

function isSealed(manifest: Manifest, { identity }: GetArguments): boolean {
  return manifest.encryption !== undefined && identity === undefined;
}

async function show(
  [program, ...rest]: readonly [string, ...string[]],
  folder: string,
  io: CommandIo,
  signal: AbortSignal,
): Promise<number> {
  return await new Promise<number>((resolve, reject) => {
    const child = spawn(program, rest, { stdio: "inherit", signal });
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (signal.aborted) return resolve(0);
      if (error.code !== "ENOENT") return reject(error);
      io.err(`there is no ${program} on the PATH; the capture is in ${folder}\n`);
      return resolve(1);
    });
    child.on("exit", (code) => resolve(code ?? 0));
  });
}

/** Says of each file when it is there. */
function told(io: CommandIo): (progress: DownloadProgress) => void {
  return ({ file, bytes, of }) => {
    if (bytes === of) io.err(`${file}  ${formatSize(of)}\n`);
  };
}
