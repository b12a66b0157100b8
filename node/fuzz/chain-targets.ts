import { isDeepStrictEqual } from "node:util";
import { equalBytes } from "../base/bytes.ts";
import { checkpointOf } from "../chain/chain.ts";
import { checkAccountProof, checkBatchProof } from "../chain/proof.ts";
import { checkAnchorProof } from "../chain/proof-anchor.ts";
import { parseProof, writeProof } from "../chain/proof-file.ts";
import { importChain } from "../chain/snapshot.ts";
import { verify } from "../codec/signature.ts";
import { encodeHead, headFault, parseHead } from "../node-snapshot-head.ts";
import {
  ACCOUNT_PROOF,
  ANCHOR_PROOF,
  BATCH_PROOF,
  cut,
  joined,
  partsOf,
  SNAPSHOT_HEADS,
  SNAPSHOT_PARTS,
  SNAPSHOT_ROOT,
  TRUST,
} from "./chain-samples.ts";
import { GENESIS } from "./samples.ts";
import { canonical, hold, type Target, toldOf } from "./target.ts";

/** What a person or a peer hands in that speaks of the whole chain. */
export const CHAIN_TARGETS: readonly Target[] = [
  {
    name: "proof-file",
    json: true,
    samples: [BATCH_PROOF, ACCOUNT_PROOF, ANCHOR_PROOF].map((proof) => new TextEncoder().encode(writeProof(proof))),
    run: readProof,
  },
  {
    name: "snapshot-head",
    samples: SNAPSHOT_HEADS.map(encodeHead),
    run: canonical(parseHead, encodeHead, (head) =>
      String(headFault(head, { ...TRUST, anchor: undefined, verify }) === undefined),
    ),
  },
  { name: "snapshot", samples: [joined(SNAPSHOT_PARTS)], run: readSnapshot },
];

/** A proof that holds proves what is so. */
function readProof(input: Uint8Array): string {
  const parsed = parseProof(new TextDecoder().decode(input));
  if (!parsed.ok) return toldOf(parsed);
  const proof = parsed.value;
  hold(isDeepStrictEqual(parseProof(writeProof(proof)), parsed), "a proof comes back from its file as it was");
  if (proof.kind !== "batch") {
    const checked = proof.kind === "account" ? checkAccountProof(proof, TRUST) : checkAnchorProof(proof, TRUST);
    hold(!checked.ok, "what was never so is not proved");
    return `${proof.kind} ${toldOf(checked)}`;
  }
  const checked = checkBatchProof(proof, TRUST);
  if (checked.ok) {
    const { batch, outcome } = proof;
    const so = batch === BATCH_PROOF.batch && isDeepStrictEqual(outcome, BATCH_PROOF.outcome);
    hold(so, "only what is so is proved");
  }
  return `batch ${toldOf(checked)}`;
}

/** Whoever has the right root has the right state, to the last byte. */
function readSnapshot(input: Uint8Array): string {
  const restored = importChain(GENESIS, cut(input));
  if (!restored.ok) return toldOf(restored);
  if (checkpointOf(restored.value).stateRoot !== SNAPSHOT_ROOT) return "another root";
  const parts = partsOf(restored.value);
  const same = parts.length === SNAPSHOT_PARTS.length && equalBytes(joined(parts), joined(SNAPSHOT_PARTS));
  hold(same, "the root covers all that a snapshot carries");
  return "the right root";
}
