import { DiscoveryError } from "./error.ts";

const NEWLINE = 0x0a;

/**
 * The lines of a body as they come; one that is cut off at its end is given as well.
 *
 * @throws {DiscoveryError} limit: a line has more than `maxBytes`.
 */
export async function* readLines(
  body: AsyncIterable<unknown>,
  maxBytes: number,
): AsyncGenerator<string, void, undefined> {
  let open: Uint8Array[] = [];
  let size = 0;
  const close = (): string => {
    const line = Buffer.concat(open).toString("utf8");
    open = [];
    size = 0;
    return line;
  };
  for await (const chunk of body) {
    let rest = chunk as Uint8Array;
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      open.push(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      const line = close();
      if (line !== "") yield line;
    }
    open.push(rest);
    size += rest.length;
    if (size > maxBytes) throw new DiscoveryError("limit", `a line has more than ${maxBytes} bytes`);
  }
  const line = close();
  if (line !== "") yield line;
}
