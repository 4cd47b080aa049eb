import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./process.ts";

/** Files of a certificate and its key. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Certificate {
  /** A certificate for `names`, such as `DNS:shop.test` and `IP:127.0.0.1`; for a client without any. */
  issue(name: string, names?: readonly string[]): Promise<Certificate>;
}

/** Why certificates cannot be made here, or undefined. */
export async function opensslUnavailable(): Promise<string | undefined> {
  const { exitCode, stderr } = await run("openssl", ["version"]).catch((error: unknown) => ({
    exitCode: -1,
    stderr: String(error),
  }));
  return exitCode === 0 ? undefined : `there is no openssl: ${stderr}`;
}

/** Makes a certificate authority with openssl, its files in `folder`. */
export async function createAuthority(folder: string, name = "ca"): Promise<Authority> {
  const own = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  await openssl([
    "req",
    "-x509",
    ...newKey(own.key),
    "-out",
    own.cert,
    "-days",
    "2",
    "-subj",
    `/CN=${name}`,
    "-addext",
    "basicConstraints=critical,CA:TRUE",
    "-addext",
    "keyUsage=critical,keyCertSign",
  ]);
  return {
    ...own,
    issue: async (issued, names = []) => {
      const files = { cert: join(folder, `${issued}.crt`), key: join(folder, `${issued}.key`) };
      const request = join(folder, `${issued}.csr`);
      const extensions = join(folder, `${issued}.ext`);
      await openssl(["req", ...newKey(files.key), "-out", request, "-subj", `/CN=${issued}`]);
      await writeFile(
        extensions,
        `extendedKeyUsage=serverAuth,clientAuth\n${names.length === 0 ? "" : `subjectAltName=${names.join(",")}\n`}`,
      );
      await openssl([
        "x509",
        "-req",
        "-in",
        request,
        "-CA",
        own.cert,
        "-CAkey",
        own.key,
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        extensions,
        "-out",
        files.cert,
      ]);
      return files;
    },
  };
}

const newKey = (file: string): string[] => [
  "-newkey",
  "ec",
  "-pkeyopt",
  "ec_paramgen_curve:prime256v1",
  "-nodes",
  "-keyout",
  file,
];

async function openssl(args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await run("openssl", args);
  if (exitCode !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
}
