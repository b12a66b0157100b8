import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { toHex } from "../base/bytes.ts";
import { refuse } from "../base/result.ts";
import { SEED_BYTES } from "../codec/signature.ts";
import { command } from "./command.ts";
import { readKeyFile } from "./key-file.ts";

/** `hmn-node keygen`: a new key, or the public part of one that is there. */
export const keygen = command(
  {
    command: "keygen",
    summary: "makes an Ed25519 key and prints its public part; FILE gets the secret seed, for its owner only",
    flags: { public: { help: "only prints the public part of the key in FILE" } },
    positionals: ["FILE"],
  },
  async (flags, world) => {
    const [path = ""] = flags.positionals;
    if (!flags.on("public")) {
      try {
        // A key that is there is never written over.
        writeFileSync(path, `${randomBytes(SEED_BYTES).toString("hex")}\n`, { mode: 0o600, flag: "wx" });
      } catch (cause) {
        return refuse("usage", `FILE: ${cause instanceof Error ? cause.message : String(cause)}`);
      }
    }
    const key = readKeyFile(path);
    if (!key.ok) return key;
    world.out(`${toHex(key.value.publicKey)}\n`);
    return 0;
  },
);
