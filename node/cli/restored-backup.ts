import type { GenesisFile } from "../api/contract.ts";
import type { RestoredFrom } from "../api/contract-restored.ts";
import type { Manifest } from "../backup/manifest.ts";
import { readHead, stateParts } from "../backup/state-file.ts";
import { present } from "../base/assert.ts";
import { type Hex, toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { nanos } from "../base/units.ts";
import { checkStateProof, type StateProof } from "../chain/proof.ts";
import { parseStateProof } from "../chain/proof-file.ts";
import { trustOfGenesis } from "../chain/proof-trust.ts";
import { type HandedOn, handedOnSubroots, importState } from "../chain/restored-state.ts";
import { stateRootOf } from "../chain/state-root.ts";
import { parseGenesis } from "../shell-genesis.ts";

/** The content of a backup, after everything in it was held against the certificates that came with it. */
export type RestoredBackup = {
  /** Of the network that it is of. */
  readonly genesis: GenesisFile;
  readonly from: RestoredFrom;
  readonly stateRoot: Hex;
  readonly proof: StateProof;
  readonly state: HandedOn;
};

export type ContentFault = "content_malformed" | "not_certified" | "state_differs" | "wrong_chain";

/**
 * Reads a backup's content from a file. The genesis in it says whom the certificates have to be of; that it is the right genesis is
 * for the caller to say, who knows the chain id.
 */
export function openRestored(path: string): Result<RestoredBackup, ContentFault> {
  const head = readHead(path);
  const genesis = parseGenesis(head.genesis);
  if (!genesis.ok) return refuse("content_malformed", genesis.detail);
  const trust = trustOfGenesis(genesis.value);
  if (!trust.ok) return refuse("content_malformed", trust.detail);
  const proof = parseStateProof(head.proof);
  if (!proof.ok) return refuse("content_malformed", proof.detail);
  const checked = checkStateProof(proof.value, trust.value);
  if (!checked.ok) return refuse("not_certified", checked.detail ?? checked.reason);
  const { height, time, blockHash, subroots } = checked.value;
  const state = importState(stateParts(path) ?? [], 0);
  if (!state.ok) return refuse("content_malformed", state.detail);
  const found = new Map(handedOnSubroots(state.value, time).map(({ name, root }) => [name, toHex(root)]));
  for (const { name, root } of subroots) {
    const own = found.get(name);
    if (own !== undefined && own !== toHex(root))
      return refuse("state_differs", `its ${name} are not those that the network certified at height ${height}`);
  }
  const rootOf = (name: string): Hex => present(found.get(name), "every part of a state has a root");
  const named = {
    accounts: rootOf("accounts"),
    ids: rootOf("ids"),
    pending: rootOf("pending"),
    validators: rootOf("validators"),
  };
  return accept({
    genesis: genesis.value,
    from: { chainId: trust.value.chainId, height, timeNs: String(time), blockHash, subroots: named },
    stateRoot: toHex(stateRootOf({ height, time: nanos(time), subroots })),
    proof: proof.value,
    state: state.value,
  });
}

/** Whether the manifest tells of this content: it is signed with the key, the content with the network's. */
export function manifestFault(manifest: Manifest, { from, stateRoot }: RestoredBackup): string | undefined {
  const { chainId, height, timeNs, blockHash, subroots } = manifest;
  if (chainId !== from.chainId) return `its manifest is of network ${chainId}, its content of ${from.chainId}`;
  const told = [height, timeNs, blockHash, manifest.stateRoot, subroots.accounts, subroots.pending].join(" ");
  const held = [from.height, from.timeNs, from.blockHash, stateRoot, from.subroots.accounts, from.subroots.pending];
  return told === held.join(" ") ? undefined : "its manifest tells of another block than its content";
}
