import type { Hex } from "../base/bytes.ts";
import { fromHex } from "../base/bytes.ts";
import { hashHeader, type SealedBlock } from "../codec/block.ts";
import { parseRecord } from "../codec/block-record.ts";
import { sha256Hex } from "../codec/hash.ts";
import { verify } from "../codec/signature.ts";
import { ballotMessage } from "../codec/vote.ts";
import { check } from "./violation.ts";

type Validator = { readonly id: number; readonly weight: number; readonly publicKey: Hex };

/** Agreement, validity, equal results and monotone heights, over everything that any honest node makes final. */
export type FinalityChecker = {
  /** A node writes its next final block. */
  onRecord(node: number, bytes: Uint8Array): void;
  onExecuted(node: number, height: number, resultsHash: Hex): void;
  /** A node came back with these blocks in its log, and with these results after replaying them. */
  onRestart(node: number, log: readonly Uint8Array[], resultsHash: Hex): void;
  chain(): readonly SealedBlock[];
  resultsHash(height: number): Hex | undefined;
};

export function createFinalityChecker(setting: {
  chainId: Hex;
  genesisResultsHash: Hex;
  validators: readonly Validator[];
  /** Whether the nullify votes of a view can have been a quorum. */
  mayHaveNullified: (view: number) => boolean;
}): FinalityChecker {
  const chain: SealedBlock[] = [];
  const written = new Map<number, number>();
  const executed = new Map<number, number>();
  const results = new Map<number, Hex>([[0, setting.genesisResultsHash]]);
  const proved = new Set<Hex>();

  const prove = (bytes: Uint8Array, node: number): SealedBlock => {
    const record = parseRecord(bytes);
    check(record.ok, "validity", () => `node ${node} wrote a record that nobody can read`);
    const { block, headers, certificate } = record.value;
    const key = sha256Hex(bytes);
    if (proved.has(key)) return block;
    proved.add(key);
    let tip = { hash: block.hash, height: block.height };
    for (const header of headers) {
      check(
        header.parent === tip.hash,
        "validity",
        () => `height ${block.height}: headers don't lead to the certificate`,
      );
      tip = { hash: hashHeader(header), height: header.height };
    }
    const { ballot } = certificate;
    const right = ballot.block === tip.hash && ballot.height === tip.height;
    check(right, "validity", () => `height ${block.height}: the certificate is for another block`);
    checkQuorum(setting, certificate, `height ${block.height} at node ${node}`);
    return block;
  };

  const onRecord = (node: number, bytes: Uint8Array): void => {
    const block = prove(bytes, node);
    const { height } = block;
    const before = written.get(node) ?? 0;
    check(height === before + 1, "monotone heights", () => `node ${node} writes height ${height} after ${before}`);
    written.set(node, height);
    const known = chain[height - 1];
    if (known !== undefined) {
      check(
        known.hash === block.hash,
        "agreement",
        () => `height ${height}: ${known.hash} and ${block.hash} are final`,
      );
      return;
    }
    const parent = chain[height - 2];
    const parentHash = height === 1 ? setting.chainId : parent?.hash;
    check(
      block.parent === parentHash,
      "validity",
      () => `height ${height} has another parent than height ${height - 1}`,
    );
    if (parent !== undefined) {
      check(block.time > parent.time, "validity", () => `height ${height} is not later than its parent`);
      check(block.view > parent.view, "validity", () => `height ${height} is not of a later view than its parent`);
    }
    for (let view = (parent?.view ?? 0) + 1; view < block.view; view++) {
      const nullified = setting.mayHaveNullified(view);
      check(nullified, "validity", () => `height ${height} leaves out view ${view}, which was not nullified`);
    }
    const named = results.get(block.executed.height);
    const trueResults = named === block.executed.resultsHash && block.executed.height < height;
    check(trueResults, "validity", () => `height ${height} names results that height ${block.executed.height} has not`);
    chain.push(block);
  };

  return {
    onRecord,
    onExecuted: (node, height, resultsHash) => {
      const before = executed.get(node) ?? 0;
      check(height === before + 1, "exactly once", () => `node ${node} executes height ${height} after ${before}`);
      executed.set(node, height);
      const known = results.get(height) ?? resultsHash;
      check(
        known === resultsHash,
        "equal results",
        () => `height ${height}: node ${node} has ${resultsHash}, not ${known}`,
      );
      results.set(height, known);
    },
    onRestart: (node, log, resultsHash) => {
      // What a crash left on disk was not announced; what a lost volume took is fetched again.
      for (const bytes of log.slice(written.get(node) ?? 0)) onRecord(node, bytes);
      written.set(node, log.length);
      executed.set(node, log.length);
      const known = results.get(log.length) ?? resultsHash;
      check(
        known === resultsHash,
        "restart",
        () => `node ${node} replays height ${log.length} to ${resultsHash}, not ${known}`,
      );
      results.set(log.length, known);
    },
    chain: () => chain,
    resultsHash: (height) => results.get(height),
  };
}

/** The checkers' own arithmetic: thirds by multiplication in big integers, each signature verified, nobody twice. */
export function checkQuorum(
  { chainId, validators }: { chainId: Hex; validators: readonly Validator[] },
  {
    ballot,
    signatures,
  }: {
    ballot: Parameters<typeof ballotMessage>[1];
    signatures: readonly { signer: number; signature: Uint8Array }[];
  },
  where: string,
): void {
  const message = ballotMessage(chainId, ballot);
  const seen = new Set<number>();
  let signed = 0n;
  let total = 0n;
  for (const { weight } of validators) total += BigInt(weight);
  for (const { signer, signature } of signatures) {
    const validator = validators.find(({ id }) => id === signer);
    check(
      validator !== undefined && !seen.has(signer),
      "certificates",
      () => `${where}: signer ${signer} doesn't count`,
    );
    seen.add(signer);
    const publicKey = fromHex(validator.publicKey) ?? new Uint8Array();
    const right = verify({ message, signature, publicKey });
    check(right, "certificates", () => `${where}: signature of ${signer} is wrong`);
    signed += BigInt(validator.weight);
  }
  const enough = signed + signed + signed > total + total;
  check(enough, "certificates", () => `${where}: ${signed} of ${total} is not more than two thirds`);
}
