import { readFileSync } from "node:fs";
import { z } from "zod";
import { unreachable } from "../base/assert.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { nanos } from "../base/units.ts";
import { type AccountProof, type BatchProof, checkAccountProof, checkBatchProof, type Trust } from "../chain/proof.ts";
import { type AnchorProof, checkAnchorProof } from "../chain/proof-anchor.ts";
import { type Proof, parseProof } from "../chain/proof-file.ts";
import type { BatchOutcome } from "../chain/types.ts";
import { sha256Hex } from "../codec/hash.ts";
import { wallMsOf } from "../codec/hybrid-clock.ts";
import { provenAccount } from "../ledger/roots.ts";
import { accountRows } from "./account.ts";
import { command } from "./command.ts";
import type { Flags, Parsed } from "./flags.ts";
import { readGenesis } from "./folder.ts";
import { reading } from "./folder-fault.ts";
import { table } from "./table.ts";
import { timeText } from "./time-text.ts";

const FLAGS = {
  validators: {
    value: "FILE",
    help: "the validator set that you trust, as `hmn-node inspect DIR epoch --json` prints it",
  },
  genesis: { value: "FILE", help: "or the network's genesis.json, whose set is that of epoch 1" },
  content: { value: "FILE", help: "of a memory entry: is it the content whose hash was anchored?" },
} as const satisfies Flags;

/** `hmn-node check-proof`: needs neither a node nor a folder. */
export const checkProof = command(
  {
    command: "check-proof",
    summary: "checks a proof with nothing but a validator set, and says what it proves",
    flags: FLAGS,
    positionals: ["FILE"],
  },
  async (flags, world) => {
    const [path = ""] = flags.positionals;
    if ((flags.text("validators") === undefined) === (flags.text("genesis") === undefined))
      return refuse("usage", "either --validators or --genesis says whom you trust");
    const text = readText(path);
    if (!text.ok) return text;
    const contentPath = flags.text("content");
    const content = contentPath === undefined ? undefined : read(contentPath);
    if (content?.ok === false) return content;
    return reading("check-proof", world, () => {
      const trust = trustOf(flags);
      const checked = trust.ok ? check(text.value, trust.value, content?.value) : trust;
      if (checked.ok) world.out(checked.value);
      else world.error(`hmn-node check-proof: ${path} proves nothing: ${checked.detail ?? checked.reason}\n`);
      return checked.ok ? 0 : 1;
    });
  },
);

function readText(path: string): Result<string, "usage"> {
  const bytes = read(path);
  return bytes.ok ? accept(bytes.value.toString("utf8")) : bytes;
}

function read(path: string): Result<Buffer, "usage"> {
  try {
    return accept(readFileSync(path));
  } catch (cause) {
    return refuse("usage", cause instanceof Error ? cause.message : String(cause));
  }
}

const trustSchema = z.object({
  chainId: z.string().regex(/^[0-9a-f]{64}$/),
  epoch: z.number().int().positive(),
  members: z.array(z.object({ id: z.number(), weight: z.number(), publicKey: z.string() })),
});

function trustOf(flags: Parsed<typeof FLAGS>): Result<Trust> {
  const validators = flags.text("validators");
  if (validators === undefined) {
    return accept(readGenesis(flags.text("genesis") ?? "").trust);
  }
  const text = readText(validators);
  if (!text.ok) return text;
  try {
    const parsed = trustSchema.safeParse(JSON.parse(text.value));
    if (parsed.success) return accept(parsed.data);
    const [issue] = parsed.error.issues;
    return refuse("usage", `--validators: ${issue?.path.join(".")}: ${issue?.message}`);
  } catch {
    return refuse("usage", "--validators: the file is not JSON");
  }
}

/** What faults of a proof mean, in the words of who asked. */
const FAULTS: Readonly<Record<string, string>> = {
  proof_malformed: "the file is no proof",
  wrong_chain: "it is of another network",
  epoch_not_reached: "the trusted set is not of an epoch that the proof begins with or leads through",
  not_final: "the block that it rests on is not signed by more than two thirds of the weight",
  set_differs: "a closing block names another validator set than the proof",
  results_differ: "its results do not lead to those that the final block names",
  not_in_the_results: "the batch with this outcome is not in the block's results",
  not_the_batch: "its content is not the batch that was executed",
  not_anchored: "the batch anchored nothing at this place",
  not_in_the_state: "the account's data is not in the certified state",
};

/** What the proof proves, in words. */
function check(text: string, trust: Trust, content: Uint8Array | undefined): Result<string> {
  const parsed = parseProof(text);
  if (!parsed.ok) return explained(parsed.reason, parsed.detail);
  // Who trusts the set of a later epoch than the first needs no proof of the epochs before.
  const epochs = parsed.value.epochs.filter(({ header: { epoch } }) => epoch >= trust.epoch);
  const proof = { ...parsed.value, epochs };
  if (content !== undefined && proof.kind !== "anchor")
    return refuse("usage", "--content is for the anchor of a memory entry");
  switch (proof.kind) {
    case "batch":
      return batchWords(proof, trust);
    case "account":
      return accountWords(proof, trust);
    case "anchor":
      return anchorWords(proof, trust, content);
    default:
      return unreachable(proof);
  }
}

function anchorWords(proof: AnchorProof, trust: Trust, content: Uint8Array | undefined): Result<string> {
  const checked = checkAnchorProof(proof, trust);
  if (!checked.ok) return explained(checked.reason, checked.detail);
  const { record, height, byTime } = checked.value;
  const { author, id, clock, contentHash, epoch, attestations } = record;
  if (content !== undefined && sha256Hex(content) !== contentHash)
    return refuse(
      "content_differs",
      `the file's content has the hash ${sha256Hex(content)}, anchored is ${contentHash}`,
    );
  const by = attestations.map(({ validator }) => validator).join(" and ");
  const rows = [
    ["proved", `that a version of memory entry ${id} was anchored`],
    ["author", author],
    ["id", id],
    ["clock", `${clock}, ${timeText(nanos(BigInt(wallMsOf(clock)) * 1_000_000n))} by its author`],
    ["content hash", `${contentHash}${content === undefined ? "" : ", which is the file's"}`],
    ["attested by", `validators ${by}, replicas of its shard in epoch ${epoch}`],
    ["anchored in", `block ${height}, at the latest at ${timeText(byTime)}`],
    ...witnesses(proof, trust),
  ];
  return accept(table(rows));
}

function batchWords(proof: BatchProof, trust: Trust): Result<string> {
  const checked = checkBatchProof(proof, trust);
  if (!checked.ok) return explained(checked.reason, checked.detail);
  const { batch, outcome } = proof;
  const rows = [
    ["proved", `what became of batch ${batch}`],
    ["executed in", `block ${checked.value.height}`],
    ["outcome", outcomeWords(outcome)],
    ...failuresOf(outcome).map(({ index, code }) => [`record ${index}`, code]),
    ...witnesses(proof, trust),
  ];
  return accept(table(rows));
}

function accountWords(proof: AccountProof, trust: Trust): Result<string> {
  const checked = checkAccountProof(proof, trust);
  if (!checked.ok) return explained(checked.reason, checked.detail);
  const { account, bucket, place, checkpoint } = proof;
  const found = provenAccount({ ...place, bucket }, account);
  if (found === undefined) return refuse("not_found", `account ${account} is not in what it shows`);
  const rows = [
    ["proved", `how account ${account} stood after block ${checkpoint.height}, at ${timeText(checkpoint.time)}`],
    ...accountRows(found),
    ...witnesses(proof, trust),
  ];
  return accept(table(rows));
}

function witnesses({ final, epochs }: Proof, trust: Trust): string[][] {
  const { header, certificate } = final;
  const signers = certificate.signatures.map(({ signer }) => signer);
  const ends = epochs.length === 0 ? "" : `, over the ends of ${epochs.length} epochs`;
  return [
    ["signed by", `validators ${signers.join(", ")}: more than two thirds of the weight of epoch ${header.epoch}`],
    ["who made", `block ${header.height} final, which names the results of height ${header.executed.height}`],
    ["trusting", `the validator set of epoch ${trust.epoch} of network ${trust.chainId}${ends}`],
  ];
}

const failuresOf = (outcome: BatchOutcome) => ("refused" in outcome ? [] : outcome.failures);

function outcomeWords(outcome: BatchOutcome): string {
  if ("refused" in outcome) return `refused as a whole, nothing happened: ${outcome.refused}`;
  const { count, failures } = outcome;
  return failures.length === 0 ? `all ${count} records done` : `${failures.length} of ${count} records refused`;
}

const explained = (reason: string, detail: string | undefined) =>
  refuse(reason, `${FAULTS[reason] ?? reason} (${detail === undefined ? reason : `${reason}: ${detail}`})`);
