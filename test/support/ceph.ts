import { randomUUID } from "node:crypto";
import { appendFile, copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installDebian } from "./debian.ts";
import { freePort } from "./port.ts";
import { run, start } from "./process.ts";
import type { Child } from "./process.ts";
import type { S3Backend, S3BackendOptions } from "./s3.ts";

/** The key that `encryption: { kind: kms }` can name. */
export const CEPH_KMS_KEY = "captures-key";
/** Beside STANDARD. */
export const CEPH_STORAGE_CLASS = "STANDARD_IA";

const PACKAGES = ["ceph-mon", "ceph-osd", "ceph-common", "radosgw"];

/** Why Ceph cannot be run here, or undefined. As root on Debian it installs what is missing. */
export async function cephUnavailable(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "the Ceph daemons are run as root";
  return installDebian("/usr/bin/radosgw", PACKAGES);
}

/**
 * The smallest Ceph there can be, on loopback: one monitor, one OSD that keeps objects in memory, and the RADOS
 * gateway, which speaks S3. The daemons stay in the foreground, so that they die with the test.
 */
export async function startCeph(options: S3BackendOptions): Promise<S3Backend> {
  const { folder, port, accessKeyId, secretAccessKey } = options;
  const monitorAddress = `v2:127.0.0.1:${await freePort()}/0`;
  const fsid = randomUUID();
  const paths = {
    config: join(folder, "ceph.conf"),
    keyring: join(folder, "keyring"),
    map: join(folder, "monmap"),
    gateway: join(folder, "rgw"),
  };
  for (const name of ["mon", "osd", "rgw"]) await mkdir(join(folder, name), { recursive: true });
  await writeFile(paths.config, configuration({ folder, fsid, monitorAddress, port }));
  const ceph = (command: string, ...args: readonly string[]): Promise<string> =>
    succeed(command, ["-c", paths.config, ...args]);

  const children: Child[] = [];
  const daemon = async (command: string, ...args: readonly string[]): Promise<Child> => {
    const child = await start(command, ["-c", paths.config, "-f", ...args]);
    children.push(child);
    return child;
  };
  // They take their time over SIGTERM, and nothing they hold is wanted.
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.kill9()));
  };

  try {
    await succeed("ceph-authtool", [
      "--create-keyring",
      paths.keyring,
      "--gen-key",
      "-n",
      "mon.",
      ...caps(["mon"]),
    ]);
    await succeed("ceph-authtool", [
      paths.keyring,
      "--gen-key",
      "-n",
      "client.admin",
      ...caps(["mon", "osd", "mgr"]),
    ]);
    await succeed("monmaptool", [
      "--create",
      "--addv",
      "a",
      `[${monitorAddress}]`,
      "--fsid",
      fsid,
      paths.map,
    ]);
    await ceph("ceph-mon", "-i", "a", "--mkfs", "--monmap", paths.map, "--keyring", paths.keyring);
    await daemon("ceph-mon", "-i", "a");

    const osdId = randomUUID();
    await ceph("ceph", "--connect-timeout", "20", "osd", "new", osdId);
    const grant = ["mon", "allow profile osd", "osd", "allow *"];
    await appendFile(paths.keyring, await ceph("ceph", "auth", "get-or-create", "osd.0", ...grant));
    await ceph("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osdId);
    await daemon("ceph-osd", "-i", "0");

    await copyFile(paths.keyring, join(paths.gateway, "keyring")); // the gateway looks for it in rgw_data
    const user = [
      "--uid=test",
      "--display-name=test",
      `--access-key=${accessKeyId}`,
      `--secret-key=${secretAccessKey}`,
    ];
    const admin = (...args: readonly string[]): Promise<string> =>
      ceph("radosgw-admin", "-n", "client.admin", ...args);
    await admin("user", "create", ...user);
    const place = ["--placement-id=default-placement", `--storage-class=${CEPH_STORAGE_CLASS}`];
    await admin("zonegroup", "placement", "add", "--rgw-zonegroup=default", ...place);
    await admin("zone", "placement", "add", "--rgw-zone=default", ...place, "--data-pool=default.rgw.ia");
    const gateway = await daemon("radosgw", "-n", "client.admin");
    return {
      pid: gateway.pid,
      running: () => gateway.running,
      output: () => children.flatMap((child) => child.lines("stderr").slice(-20)).join("\n"),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const caps = (services: readonly string[]): readonly string[] =>
  services.flatMap((service) => ["--cap", service, "allow *"]);

async function succeed(command: string, args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(command, args);
  if (exitCode !== 0) throw new Error(`${command} ${args.join(" ")}: exit ${exitCode}: ${stderr.trim()}`);
  return stdout;
}

interface Configuration {
  readonly folder: string;
  readonly fsid: string;
  readonly monitorAddress: string;
  readonly port: number;
}

/** One copy of everything on one OSD, few placement groups, and all files inside `folder`. */
function configuration({ folder, fsid, monitorAddress, port }: Configuration): string {
  const settings = {
    global: {
      fsid,
      mon_initial_members: "a",
      mon_host: monitorAddress,
      auth_cluster_required: "cephx",
      auth_service_required: "cephx",
      auth_client_required: "cephx",
      osd_pool_default_size: 1,
      osd_pool_default_min_size: 1,
      osd_pool_default_pg_num: 4,
      osd_pool_default_pgp_num: 4,
      osd_pool_default_pg_autoscale_mode: "off",
      osd_crush_chooseleaf_type: 0,
      mon_allow_pool_size_one: true,
      mon_max_pg_per_osd: 1000,
      mon_data: join(folder, "mon"),
      osd_data: join(folder, "osd"),
      osd_objectstore: "memstore",
      memstore_device_bytes: 2 * 1024 ** 3,
      osd_memory_target: 896 * 1024 ** 2, // the least it accepts
      osd_class_load_list: "*",
      osd_class_default_list: "*",
      keyring: join(folder, "keyring"),
      run_dir: folder,
      pid_file: join(folder, "$name.pid"),
      log_file: join(folder, "$name.log"),
      admin_socket: join(folder, "$name.asok"),
    },
    client: {
      rgw_data: join(folder, "rgw"),
      rgw_frontends: `beast endpoint=127.0.0.1:${port}`,
      rgw_thread_pool_size: 32,
      // A key store for tests: the gateway encrypts for real, with this key.
      rgw_crypt_require_ssl: "false",
      rgw_crypt_s3_kms_backend: "testing",
      rgw_crypt_s3_kms_encryption_keys: `${CEPH_KMS_KEY}=${Buffer.alloc(32, "gorewind").toString("base64")}`,
    },
  };
  return Object.entries(settings)
    .map(([section, values]) => {
      const lines = Object.entries(values).map(([name, value]) => `${name} = ${value}`);
      return [`[${section}]`, ...lines, ""].join("\n");
    })
    .join("\n");
}
