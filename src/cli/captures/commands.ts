import { Option, type Command } from "commander";
import { SORT_KEYS } from "../../store/catalog/filter.ts";
import type { CommandIo } from "../io.ts";
import type { StoreArguments } from "../store-argument.ts";
import type { VerifyArguments } from "./change.ts";
import type { GetArguments, OpenArguments } from "./get.ts";
import type { ListArguments } from "./list.ts";

type Done = (code: number) => void;

/** Adds `captures …` and `verify`. */
export function addCaptureCommands(program: Command, io: CommandIo, done: Done): void {
  const captures = program.command("captures").description("list and fetch captures from a store");
  addListing(captures, io, done);
  addFetching(captures, io, done);
  addChanging(captures, io, done);

  withStore(
    program.command("verify <id...>").description("re-check captures in place against their manifests"),
    io,
  )
    .option("--identity <file>", "age identity file: check that what is encrypted can be read")
    .option("--public-key <file>", "PEM: check that its holder signed the manifest")
    .action(async (ids: string[], args: VerifyArguments) => {
      const { verifyCommand } = await import("./change.ts");
      done(await abortable(io, (signal) => verifyCommand(ids, args, io, signal)));
    });
}

function addListing(captures: Command, io: CommandIo, done: Done): void {
  withStore(captures.command("ls").description("list captures, newest first"), io)
    .option("--service <name>")
    .option("--target <name>")
    .option("--rule <name>")
    .option("--severity <severity>", "this one or worse: info, warning, critical")
    .option("--label <name=value...>", "labels of the target")
    .option("--since <time>", "how long ago (2h, 7d), or a date and time")
    .option("--until <time>")
    .option("--min-value <number>", "observed value, in the signal's base unit")
    .option("--max-value <number>")
    .option("--pinned", "only pinned ones")
    .option("--sort <key>", `greatest first, by ${SORT_KEYS.join(", ")}`, "created")
    .option("--limit <n>", "at most so many", "50")
    .option("--scan", "read every manifest instead of the index")
    .option("--json", "one JSON object a line")
    .action(async (args: ListArguments) => {
      const { listCaptures } = await import("./list.ts");
      done(await abortable(io, (signal) => listCaptures(args, io, signal)));
    });
  withStore(captures.command("diff <a> <b>").description("where two captures' manifests differ"), io).action(
    async (a: string, b: string, args: StoreArguments) => {
      const { diffCommand } = await import("./change.ts");
      done(await abortable(io, (signal) => diffCommand(a, b, args, io, signal)));
    },
  );
}

function addFetching(captures: Command, io: CommandIo, done: Done): void {
  withStore(
    captures.command("get <id>").description("fetch a capture and check it; an end of its id will do"),
    io,
  )
    .option("-o, --output <folder>", "put the capture's folder there (default: here)")
    .option("--identity <file>", "age identity file: decrypt what is encrypted")
    .action(async (id: string, args: GetArguments) => {
      const { fetchCommand } = await import("./get.ts");
      done(await abortable(io, (signal) => fetchCommand(id, args, io, signal)));
    });
  withStore(captures.command("open <id>").description("fetch a capture and start go tool trace"), io)
    .option("-o, --output <folder>", "put the capture's folder there (default: the temporary folder)")
    .option("--report", "open its report.html instead")
    .option("--identity <file>", "age identity file: decrypt what is encrypted")
    .action(async (id: string, args: OpenArguments) => {
      const { openCommand } = await import("./get.ts");
      done(await abortable(io, (signal) => openCommand(id, args, io, signal)));
    });
  withStore(captures.command("links <id>").description("links that work without credentials for a while"), io)
    .option("--expires <seconds>", "how long", "3600")
    .action(async (id: string, args: StoreArguments & { expires: string }) => {
      const { linksCommand } = await import("./change.ts");
      done(await abortable(io, (signal) => linksCommand(id, Number(args.expires), args, io, signal)));
    });
}

function addChanging(captures: Command, io: CommandIo, done: Done): void {
  for (const pinned of [true, false]) {
    const name = pinned ? "pin" : "unpin";
    const what = pinned ? "keep retention away from a capture" : "let retention come again";
    withStore(captures.command(`${name} <id>`).description(what), io).action(
      async (id: string, args: StoreArguments) => {
        const { pinCommand } = await import("./change.ts");
        done(await abortable(io, (signal) => pinCommand(id, pinned, args, io, signal)));
      },
    );
  }
  withStore(captures.command("rm <id...>").description("delete captures"), io).action(
    async (ids: string[], args: StoreArguments) => {
      const { removeCommand } = await import("./change.ts");
      done(await abortable(io, (signal) => removeCommand(ids, args, io, signal)));
    },
  );
  withStore(captures.command("reindex").description("make the index anew from the manifests"), io).action(
    async (args: StoreArguments) => {
      const { reindexCommand } = await import("./change.ts");
      done(await abortable(io, (signal) => reindexCommand(args, io, signal)));
    },
  );
}

function withStore(command: Command, io: CommandIo): Command {
  return command
    .addOption(
      new Option("--store <place>", "s3://bucket/prefix[?endpoint=…&region=…&preset=…], or a folder").default(
        io.env["GOREWIND_STORE"],
      ),
    )
    .option("-c, --config <file>", "take the store of this configuration");
}

/** Runs a command that ends cleanly at Ctrl-C. */
async function abortable(io: CommandIo, work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  const off = io.onSignal(["SIGINT", "SIGTERM"], () => controller.abort());
  try {
    return await work(controller.signal);
  } catch (error) {
    if (controller.signal.aborted) return 130;
    throw error;
  } finally {
    off();
  }
}
