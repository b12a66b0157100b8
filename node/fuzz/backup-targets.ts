import { isDeepStrictEqual } from "node:util";
import { parseManifest, writeManifest } from "../backup/manifest.ts";
import { backupKeys } from "../backup/seal.ts";
import { checkStateProof, type StateProof } from "../chain/proof.ts";
import { parseStateProof, writeStateProof } from "../chain/proof-file.ts";
import { exportState, handedOnSubroots, importState } from "../chain/restored-state.ts";
import { ACCOUNT_PROOF, cut, END, joined, TRUST } from "./chain-samples.ts";
import { hold, type Target, toldOf } from "./target.ts";

const KEYS = backupKeys(new Uint8Array(32), "ab".repeat(32));
const HASH = "cd".repeat(32);
const MANIFEST = writeManifest(
  {
    ...{ format: "hmn backup 1", network: "test", chainId: HASH, height: 7, timeNs: "9", blockHash: HASH },
    ...{ stateRoot: HASH, release: "1.0.0", createdAt: "2030-01-01T00:00:00.000Z", salt: HASH, keyId: KEYS.id },
    subroots: { accounts: HASH, ids: HASH, parameters: HASH, pending: HASH, validators: HASH },
    ...{ bytes: 3, pieces: [{ name: "piece-00000", bytes: 19, sha256: HASH }] },
  },
  KEYS,
);

const { kind: _, account: __, bucket: ___, place: ____, ...results } = ACCOUNT_PROOF;
/** Its form alone: nothing of it holds. */
const PROOF: StateProof = { kind: "state", ...results, block: results.final };
const STATE = [...exportState(END)];
const STATE_ROOTS = rootsOf(STATE);

const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);
const decoded = (input: Uint8Array): string => new TextDecoder().decode(input);

/** What a backup is made of: whoever holds the store may have changed it. */
export const BACKUP_TARGETS: readonly Target[] = [
  {
    name: "backup-manifest",
    json: true,
    samples: [encoded(MANIFEST)],
    run: (input) => toldOf(parseManifest(decoded(input))),
  },
  { name: "state-proof", json: true, samples: [encoded(writeStateProof(PROOF))], run: readProof },
  { name: "handed-on-state", samples: [joined(STATE)], run: readState },
];

function readProof(input: Uint8Array): string {
  const parsed = parseStateProof(decoded(input));
  if (!parsed.ok) return toldOf(parsed);
  hold(isDeepStrictEqual(parseStateProof(writeStateProof(parsed.value)), parsed), "a proof comes back as it was");
  const checked = checkStateProof(parsed.value, TRUST);
  hold(!checked.ok, "what was never so is not proved");
  return toldOf(checked);
}

function rootsOf(parts: readonly Uint8Array[]): readonly string[] | undefined {
  const state = importState(parts, 0);
  if (!state.ok) return undefined;
  return handedOnSubroots(state.value, END.time).map(({ root }) => Buffer.from(root).toString("hex"));
}

/** Whoever has the right roots has the right accounts: nothing else is believed of a backup. */
function readState(input: Uint8Array): string {
  const parts = cut(input);
  const state = importState(parts, 0);
  if (!state.ok) return toldOf(state);
  return isDeepStrictEqual(rootsOf(parts), STATE_ROOTS) ? "the right roots" : "other roots";
}
