import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type GenesisFile, genesisFileSchema } from "./api/contract.ts";
import { restoredPath, stateParts } from "./backup/state-file.ts";
import type { Hex } from "./base/bytes.ts";
import { isMissing } from "./base/missing.ts";
import { accept, type Result, refuse } from "./base/result.ts";
import { chainId, createChain } from "./chain/chain.ts";
import { trustOfGenesis } from "./chain/proof-trust.ts";
import { type Disk, isDiskRefusal } from "./storage/disk.ts";
import { snapshotHeights } from "./storage/snapshot-files.ts";
import { writeWhole } from "./storage/whole-file.ts";

export type Genesis = { readonly file: GenesisFile; readonly chainId: Hex };

/** `genesis.json`, if it is there and describes a chain of this network that this volume may hold. The reason of a refusal is for `/status`. */
export function readGenesis(
  options: { readonly config: string; readonly data: string; readonly network: string },
  disk: Disk,
): Result<Genesis, "waiting" | "unusable"> {
  let text: string;
  try {
    text = readFileSync(join(options.config, "genesis.json"), "utf8");
  } catch (cause) {
    if (isMissing(cause)) return refuse("waiting", "waiting for genesis");
    throw new Error("genesis.json cannot be read", { cause });
  }
  const parsed = parseGenesis(text);
  if (!parsed.ok) return parsed;
  const file = parsed.value;
  if (file.network !== options.network) {
    return refuse("unusable", `genesis.json is of network ${file.network}, network.json of ${options.network}`);
  }
  // A volume that has come to a snapshot needs no beginning any more.
  const begun = snapshotHeights(disk, options.data).length > 0;
  const restored = begun ? undefined : stateParts(restoredPath(options.data));
  if (file.restoredFrom !== undefined && !begun && restored === undefined)
    return refuse(
      "waiting",
      `waiting for the state after block ${file.restoredFrom.height}: hmn-node restore brings it`,
    );
  const identified = begun ? trustOfGenesis(file) : beginningOf(file, restored);
  if (!identified.ok) return refuse("unusable", `genesis.json is refused: ${identified.detail ?? identified.reason}`);
  const id = identified.value.chainId;
  const known = readChainId(options.data);
  if (known !== undefined && known !== id) {
    return refuse(
      "unusable",
      `genesis.json is of chain ${id}, this volume holds chain ${known}: give the old genesis back, or start on an empty volume`,
    );
  }
  if (known === undefined) {
    const written = writeChainId(disk, options.data, id);
    if (!written.ok) return written;
  }
  return accept({ file, chainId: id });
}

function beginningOf(file: GenesisFile, restored: Iterable<Uint8Array> | undefined): Result<{ chainId: Hex }> {
  const chain = createChain(file, undefined, undefined, restored);
  return chain.ok ? accept({ chainId: chainId(chain.value) }) : chain;
}

/** The genesis of a file's text, its form checked: `createChain` says whether it makes a chain. */
export function parseGenesis(text: string): Result<GenesisFile, "unusable"> {
  try {
    const parsed = genesisFileSchema.safeParse(JSON.parse(text));
    if (parsed.success) return accept(parsed.data);
    const [issue] = parsed.error.issues;
    return refuse("unusable", `genesis.json: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "malformed"}`);
  } catch {
    return refuse("unusable", "genesis.json is not JSON");
  }
}

/** The chain of a volume is written down before its first block, so that another genesis is noticed. */
const chainPath = (data: string): string => join(data, "chain");

/** The chain that a data folder was made for; undefined before its first block. */
export function readChainId(data: string): Hex | undefined {
  try {
    return readFileSync(chainPath(data), "utf8").trim();
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}

function writeChainId(disk: Disk, data: string, id: Hex): Result<void, "unusable"> {
  try {
    writeWhole(disk, chainPath(data), new TextEncoder().encode(`${id}\n`));
    return accept(undefined);
  } catch (cause) {
    if (!isDiskRefusal(cause)) throw cause;
    return refuse("unusable", `the disk takes no writes: ${cause.message}`);
  }
}
