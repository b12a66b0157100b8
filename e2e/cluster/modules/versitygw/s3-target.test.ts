import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTarget } from "../../../../node/backup/open-target.ts";
import { fetchBackup, readManifest } from "../../../../node/backup/read.ts";
import { stateParts } from "../../../../node/backup/state-file.ts";
import type { Target } from "../../../../node/backup/target.ts";
import { writeBackup } from "../../../../node/backup/write.ts";
import { assert } from "../../../../node/base/assert.ts";
import { binary } from "../../cache.ts";

const server = binary("versitygw");
const KEY = new Uint8Array(32).fill(7);
const HASH = "ab".repeat(32);
const FRAMES = 37;
/** Nine MiB in parts that are no multiple of a piece: three pieces. */
const frames = (): Uint8Array[] =>
  Array.from({ length: FRAMES }, (_, index) => new Uint8Array(256 * 1024 - index).fill(index));
const facts = {
  ...{ network: "payments", chainId: HASH, height: 7, timeNs: "1", blockHash: HASH, stateRoot: HASH, release: "1.0.0" },
  subroots: { accounts: HASH, ids: HASH, parameters: HASH, pending: HASH, validators: HASH },
  createdAt: "2030-01-01T00:00:00.000Z",
};

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  assert(typeof address === "object" && address !== null, "a port is bound");
  return address.port;
}

// Built from Go modules (build.ts beside this); HMN_S3=required makes its absence a failure (.ci/run does).
describe.skipIf(!existsSync(server) && process.env.HMN_S3 !== "required")("backups in a real S3 store", () => {
  let store: ChildProcess;
  let folder = "";
  let endpoint = "";
  const open = async (place: string): Promise<Target> => {
    const target = await openTarget(place, { endpoint, region: "us-east-1" });
    assert(target.ok, "the place is one");
    return target.value;
  };
  const as = (id: string, secret: string): void => {
    process.env.AWS_ACCESS_KEY_ID = id;
    process.env.AWS_SECRET_ACCESS_KEY = secret;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "hmn-s3-"));
    // A bucket of this backend is a folder.
    mkdirSync(join(folder, "buckets", "backups"), { recursive: true });
    const port = await freePort();
    endpoint = `http://127.0.0.1:${port}`;
    const access = ["--access", "hmn", "--secret", "hmn-secret", "--port", `127.0.0.1:${port}`];
    store = spawn(server, [...access, "posix", join(folder, "buckets")], { stdio: "ignore" });
    as("hmn", "hmn-secret");
    for (let up = false; !up; ) {
      assert(store.exitCode === null, "the store runs");
      up = await fetch(endpoint).then(
        () => true,
        () => delay(50, false),
      );
    }
  });
  afterAll(() => {
    store.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it("takes a backup in pieces, lists it once it is whole, and gives the same back", async () => {
    const target = await open("s3://backups/of/payments/");
    expect(await target.list()).toEqual([]);
    await target.put("half/piece-00000", new Uint8Array(9));
    const { manifest } = await writeBackup(target, { ...facts, name: "one", key: KEY, frames: frames() });
    expect(manifest.pieces).toHaveLength(3);
    expect(await target.list()).toEqual(["one"]);
    // As the store keeps it: this bucket, this prefix, no plain text.
    const piece = readFileSync(join(folder, "buckets", "backups", "of", "payments", "one", "piece-00001"));
    expect(piece.includes(Buffer.alloc(64, 20))).toBe(false);
    const path = join(folder, "state");
    expect(await fetchBackup(target, { name: "one", key: KEY, path })).toMatchObject({ ok: true });
    const parts = [...(stateParts(path) ?? [])].map((part) => Buffer.from(part).toString("base64"));
    const [, , ...sealed] = frames();
    expect(parts).toEqual(sealed.map((part) => Buffer.from(part).toString("base64")));
    await target.remove("one");
    expect(await target.list()).toEqual([]);
    expect(await readManifest(target, "one")).toMatchObject({ ok: false, reason: "no_backup" });
    expect(existsSync(join(folder, "buckets", "backups", "of", "payments", "one", "piece-00001"))).toBe(false);
    target.close();
  });

  it("says what the store refuses", async () => {
    const other = await open("s3://elsewhere");
    await expect(other.put("one/piece-00000", new Uint8Array(1))).rejects.toThrow(/bucket/i);
    as("hmn", "wrong");
    const stranger = await open("s3://backups");
    await expect(stranger.list()).rejects.toThrow(/signature/i);
    as("hmn", "hmn-secret");
  });
});
