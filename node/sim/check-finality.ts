import type { Hex } from "../base/bytes.ts";
import { fromHex } from "../base/bytes.ts";
import { hashHeader, type SealedBlock } from "../codec/block.ts";
import { parseRecord } from "../codec/block-record.ts";
import { sha256Hex } from "../codec/hash.ts";
import { verify } from "../codec/signature.ts";
import { ballotMessage } from "../codec/vote.ts";
import { check } from "./violation.ts";

export type Validator = { readonly id: number; readonly weight: number; readonly publicKey: Hex };
/** The validators that a node holds to be the set of a height's epoch. */
export type MembersAt = (height: number) => readonly Validator[];

/** Agreement, validity, equal results and monotone heights, over everything that any honest node makes final. */
export type FinalityChecker = {
  /** A node writes its next final block. */
  onRecord(node: number, bytes: Uint8Array, membersAt: MembersAt): void;
  /** An honest node has voted for a block, whatever becomes of it. */
  onVoted(block: SealedBlock): void;
  onExecuted(node: number, height: number, resultsHash: Hex): void;
  /** A node came back with these blocks in its log, and with these results after replaying them. */
  onRestart(
    node: number,
    log: { readonly base: number; readonly blocks: readonly Uint8Array[] },
    resultsHash: Hex,
    membersAt: MembersAt,
  ): void;
  /** A node goes on behind this height, from the state that a peer gave it. */
  onAdopted(node: number, height: number): void;
  chain(): readonly SealedBlock[];
  resultsHash(height: number): Hex | undefined;
  /** Views below final blocks that no final block came of. */
  skippedViews(): number;
  /** The set of an epoch, once a block of it is final. */
  membersOf(epoch: number): readonly Validator[] | undefined;
};

export function createFinalityChecker(setting: {
  chainId: Hex;
  genesisResultsHash: Hex;
  /** Of block time; an epoch closes with the first block behind it whose E is the epoch's eighth block or later. */
  epochLengthNs: bigint;
  /** Whether the nullify votes of a view can have been a quorum. */
  mayHaveNullified: (place: { epoch: number; view: number }, members: readonly Validator[]) => boolean;
}): FinalityChecker {
  const { chainId } = setting;
  const chain: SealedBlock[] = [];
  const written = new Map<number, number>();
  const executed = new Map<number, number>();
  const results = new Map<number, Hex>([[0, setting.genesisResultsHash]]);
  const proved = new Set<Hex>();
  const sets = new Map<number, readonly Validator[]>();
  const voted = new Map<Hex, SealedBlock>();

  /** One set for each epoch, the same on all nodes, and none with somebody who alone could stop it. */
  const setOf = (epoch: number, members: readonly Validator[], node: number): readonly Validator[] => {
    const known = sets.get(epoch) ?? members;
    sets.set(epoch, known);
    const same = JSON.stringify(known) === JSON.stringify(members);
    check(same, "equal sets", () => `node ${node} has another set of validators for epoch ${epoch}`);
    const total = known.reduce((sum, { weight }) => sum + BigInt(weight), 0n);
    const capped = known.length < 4 || known.every(({ weight }) => 3n * BigInt(weight) < total);
    check(capped, "equal sets", () => `epoch ${epoch}: a validator has a third of the weight`);
    return known;
  };

  const prove = (bytes: Uint8Array, node: number, membersAt: MembersAt): SealedBlock => {
    const record = parseRecord(bytes);
    check(record.ok, "validity", () => `node ${node} wrote a record that nobody can read`);
    const { block, headers, certificate } = record.value;
    const key = sha256Hex(bytes);
    if (proved.has(key)) return block;
    proved.add(key);
    const where = `height ${block.height} at node ${node}`;
    const members = setOf(block.epoch, membersAt(block.height), node);
    check(block.kind !== "tail", "validity", () => `${where}: a tail block has no place in the chain`);
    let tip: { hash: Hex; kind: string; height: number } = block;
    for (const header of headers) {
      const tail = tip.kind !== "normal";
      const follows = header.parent === tip.hash && header.epoch === block.epoch && (header.kind === "tail") === tail;
      check(follows, "validity", () => `${where}: headers don't lead to the certificate`);
      tip = { hash: hashHeader(header), kind: header.kind, height: header.height };
    }
    const { ballot } = certificate;
    const right = ballot.block === tip.hash && ballot.height === tip.height && ballot.epoch === block.epoch;
    check(right, "validity", () => `${where}: the certificate is for another block`);
    checkQuorum({ chainId, validators: members }, certificate, where);
    return block;
  };

  const checkPlace = (block: SealedBlock): void => {
    const { height, epoch, view } = block;
    const parent = chain[height - 2];
    const parentHash = height === 1 ? chainId : parent?.hash;
    const where = `height ${height}`;
    check(block.parent === parentHash, "validity", () => `${where} has another parent than height ${height - 1}`);
    const begins = parent?.kind === "closing";
    check(epoch === (parent?.epoch ?? 1) + (begins ? 1 : 0), "epochs", () => `${where} is of the wrong epoch ${epoch}`);
    if (parent !== undefined) {
      check(block.time > parent.time, "validity", () => `${where} is not later than its parent`);
      check(begins || view > parent.view, "validity", () => `${where} is not of a later view than its parent`);
    }
    checkSkipped(block, parent);
    checkClosing(block);
    checkCarried(block);
    const named = results.get(block.executed.height);
    const trueResults = named === block.executed.resultsHash && block.executed.height < height;
    check(trueResults, "validity", () => `${where} names results that height ${block.executed.height} has not`);
  };

  /** Rule 6: every view since the parent's was given up. */
  const checkSkipped = ({ epoch, view, height }: SealedBlock, parent: SealedBlock | undefined): void => {
    const members = sets.get(epoch) ?? [];
    for (let skipped = (parent?.epoch === epoch ? parent.view : 0) + 1; skipped < view; skipped++) {
      const nullified = setting.mayHaveNullified({ epoch, view: skipped }, members);
      check(nullified, "validity", () => `height ${height} leaves out view ${skipped}, which was not nullified`);
    }
  };

  /** Rule 5, by the chain's own times: the first block that may close its epoch does. */
  const checkClosing = ({ height, epoch, time, executed, kind }: SealedBlock): void => {
    const first = chain.findIndex((block) => block.epoch === epoch);
    const before = chain[first < 0 ? height - 2 : first - 1];
    // Epoch 1 starts with its first block, later ones with the closing block before.
    const start = before?.time ?? chain[0]?.time ?? time;
    const firstHeight = first < 0 ? height : first + 1;
    const due = time >= start + setting.epochLengthNs && executed.height >= firstHeight + 7;
    check(due === (kind === "closing"), "epochs", () => `height ${height} is ${kind}${due ? ", not closing" : ""}`);
  };

  /** Each vote that a block carries was really signed, for the ancestor that it stands for. */
  const checkCarried = (block: SealedBlock): void => {
    for (const { depth, signer, executedHash, signature } of block.votes) {
      const ancestor = chain[block.height - 1 - depth];
      const publicKey = fromHex(sets.get(ancestor?.epoch ?? 0)?.find(({ id }) => id === signer)?.publicKey ?? "");
      const where = `height ${block.height}, vote of ${signer} at depth ${depth}`;
      check(ancestor !== undefined && publicKey !== undefined, "carried votes", () => `${where} is of nobody`);
      const { epoch, view, hash, height, executed } = ancestor;
      const dissent = executedHash === undefined ? {} : { dissent: executedHash };
      const message = ballotMessage(chainId, {
        kind: "notarize",
        epoch,
        view,
        block: hash,
        height,
        executed,
        ...dissent,
      });
      check(verify({ message, signature, publicKey }), "carried votes", () => `${where} was never signed`);
    }
  };

  const onRecord = (node: number, bytes: Uint8Array, membersAt: MembersAt): void => {
    const block = prove(bytes, node, membersAt);
    const { height } = block;
    const before = written.get(node) ?? 0;
    check(height === before + 1, "monotone heights", () => `node ${node} writes height ${height} after ${before}`);
    written.set(node, height);
    const known = chain[height - 1];
    if (known !== undefined) {
      const same = known.hash === block.hash;
      check(same, "agreement", () => `height ${height}: ${known.hash} and ${block.hash} are final`);
      return;
    }
    checkPlace(block);
    chain.push(block);
  };

  return {
    onRecord,
    onVoted: (block) => {
      voted.set(block.hash, block);
      const parent = voted.get(block.parent) ?? chain.find(({ hash }) => hash === block.parent);
      // Before a block of the epoch is final nobody here knows its members.
      if (sets.has(block.epoch) && (parent !== undefined || block.parent === chainId)) checkSkipped(block, parent);
    },
    onExecuted: (node, height, resultsHash) => {
      const before = executed.get(node) ?? 0;
      check(height === before + 1, "exactly once", () => `node ${node} executes height ${height} after ${before}`);
      executed.set(node, height);
      const known = results.get(height) ?? resultsHash;
      const same = known === resultsHash;
      check(same, "equal results", () => `height ${height}: node ${node} has ${resultsHash}, not ${known}`);
      results.set(height, known);
    },
    onRestart: (node, { base, blocks }, resultsHash, membersAt) => {
      if (base > (written.get(node) ?? 0)) written.set(node, base);
      // What a crash left on disk was not announced; what a lost volume took is fetched again.
      for (const bytes of blocks.slice(Math.max(0, (written.get(node) ?? 0) - base))) onRecord(node, bytes, membersAt);
      const height = base + blocks.length;
      written.set(node, height);
      executed.set(node, height);
      const known = results.get(height) ?? resultsHash;
      const same = known === resultsHash;
      check(same, "restart", () => `node ${node} replays height ${height} to ${resultsHash}, not ${known}`);
      results.set(height, known);
    },
    onAdopted: (node, height) => {
      check(height <= chain.length, "agreement", () => `node ${node} goes on from height ${height}, which nobody has`);
      written.set(node, height);
      executed.set(node, height);
    },
    chain: () => chain,
    resultsHash: (height) => results.get(height),
    skippedViews: () =>
      chain.reduce((skipped, { epoch, view }, index) => {
        const parent = chain[index - 1];
        return skipped + view - (parent?.epoch === epoch ? parent.view : 0) - 1;
      }, 0),
    membersOf: (epoch) => sets.get(epoch),
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
