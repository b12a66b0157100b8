import { writeFileSync } from "node:fs";
import { type Refusal, refuse } from "../base/result.ts";
import { checkpointOf, heightOf } from "../chain/chain.ts";
import type { AccountProof, BatchProof } from "../chain/proof.ts";
import { type AnchorProof, anchorsOf, withContent } from "../chain/proof-anchor.ts";
import { type Proof, writeProof } from "../chain/proof-file.ts";
import { proveAccount, proveBatch } from "../chain/prove.ts";
import { accountProof, wantProof } from "../ledger/roots.ts";
import { command, type World } from "./command.ts";
import type { Parsed } from "./flags.ts";
import { FOLDER_FLAGS, openFolder } from "./folder.ts";
import { FolderFault, progress, reading } from "./folder-fault.ts";
import { decimalOf, heightIn } from "./numbers.ts";
import { beginReplay, epochsUpTo, type Replay, type Replayed, replay } from "./replay.ts";

const FLAGS = { ...FOLDER_FLAGS, out: { value: "FILE", help: "writes the proof here, if nothing is there yet" } };

/** `hmn-node prove`: a proof that `check-proof` checks without the folder. */
export const prove = command(
  {
    command: "prove",
    summary:
      "proves what became of `batch HEIGHT INDEX` (the index as `inspect DIR block HEIGHT` has it), `account ID` at the newest certified checkpoint, or that two replicas anchored the newest version of a memory entry: `anchor AUTHOR ID`",
    flags: FLAGS,
    positionals: ["DIR", "WHAT", "HEIGHT|ID|AUTHOR"],
    optional: ["INDEX|ID"],
  },
  async (flags, world) => {
    const [, what = "", first = "", index] = flags.positionals;
    const out = flags.text("out");
    if (out === undefined) return refuse("usage", "--out is missing");
    if (what === "anchor") {
      if (!/^[0-9a-f]{64}$/.test(first)) return refuse("usage", `${first} is no public key of an author`);
      if (index === undefined) return refuse("usage", "ID: of the author's entry");
      return write({ flags, world, out }, (run, blocks) => anchorIn(run, blocks, { author: first, id: index }));
    }
    if (decimalOf(first) === undefined) return refuse("usage", `${first} is no decimal number`);
    switch (what) {
      case "batch":
        if (index === undefined || decimalOf(index) === undefined)
          return refuse("usage", "INDEX: the batch's place in the block, from 0");
        return write({ flags, world, out }, (run, blocks) =>
          batchIn(run, blocks, { height: heightIn(first), index: heightIn(index) }),
        );
      case "account":
        if (index !== undefined) return refuse("usage", `${index} is one argument too many`);
        return write({ flags, world, out }, (run, blocks) => accountIn(run, blocks, BigInt(first)));
      default:
        return refuse("usage", "WHAT: batch, account or anchor");
    }
  },
);

function write(
  { flags, world, out }: { flags: Parsed<typeof FLAGS>; world: World; out: string },
  make: (run: Replay, blocks: Iterable<Replayed>) => Proof,
): number | Refusal<"usage"> {
  let refused: Refusal<"usage"> | undefined;
  const code = reading("prove", world, () => {
    const tell = progress("prove", world);
    const run = beginReplay(openFolder(flags, world, tell));
    const proof = make(run, told(run, tell));
    try {
      writeFileSync(out, `${writeProof(proof)}\n`, { flag: "wx" });
    } catch (cause) {
      refused = refuse("usage", `--out: ${cause instanceof Error ? cause.message : String(cause)}`);
      return 2;
    }
    world.out(
      `${out}: ${proof.steps.length} steps, ${proof.epochs.length} epochs; check it with hmn-node check-proof\n`,
    );
    return 0;
  });
  return refused ?? code;
}

function* told(run: Replay, tell: (how: () => string) => void): Generator<Replayed> {
  for (const replayed of replay(run)) {
    tell(() => `height ${heightOf(run.chain)} of ${run.last}`);
    yield replayed;
  }
}

function batchIn(
  run: Replay,
  blocks: Iterable<Replayed>,
  { height, index }: { height: number; index: number },
): BatchProof {
  if (height <= run.from || height > run.last)
    throw new FolderFault(`block ${height} is not executed here: ${run.from + 1} to ${run.last} are`, "asked");
  let executed: Replayed["executed"] = [];
  for (const replayed of blocks) {
    const { record } = replayed;
    if (record.block.height === height) executed = replayed.executed;
    if (record.block.executed.height < height) continue;
    const epochs = epochsUpTo(run, replayed);
    const proof = proveBatch(run.chain, { height, index, executed, final: record, epochs });
    if (!proof.ok) throw new FolderFault(proof.detail ?? proof.reason, "asked");
    return proof.value;
  }
  throw new FolderFault(`no final block of the folder names the results of height ${height} yet`, "asked");
}

/** Of the newest version that the folder's blocks anchored and that a final block of it proves. */
function anchorIn(run: Replay, blocks: Iterable<Replayed>, entry: { author: string; id: string }): AnchorProof {
  let proof: AnchorProof | undefined;
  let waiting: { height: number; at: number; index: number; content: Uint8Array; executed: Replayed["executed"] }[] =
    [];
  for (const replayed of blocks) {
    const { record, executed, batches } = replayed;
    for (const [at, content] of batches.entries()) {
      const outcome = executed[at]?.outcome;
      if (outcome === undefined) continue;
      for (const { index, record: anchor } of anchorsOf(content, outcome))
        if (anchor.author === entry.author && anchor.id === entry.id)
          waiting.push({ height: record.block.height, at, index, content, executed });
    }
    const named = record.block.executed.height;
    for (const { height, at, executed: all, ...said } of waiting.filter((one) => one.height <= named)) {
      const fromLog = { final: record, epochs: epochsUpTo(run, replayed) };
      const made = proveBatch(run.chain, { height, index: at, executed: all, ...fromLog });
      if (!made.ok) throw new FolderFault(made.detail ?? made.reason, "asked");
      proof = withContent(made.value, said);
    }
    waiting = waiting.filter((one) => one.height > named);
  }
  if (proof !== undefined) return proof;
  throw new FolderFault(`no certified block of the folder anchored entry ${entry.id} of ${entry.author}`, "asked");
}

type Checkpointed = Pick<Parameters<typeof proveAccount>[1], "checkpoint" | "leaf">;

/** Of the newest checkpoint whose root the results of a later one took in, where a final block names those. */
function accountIn(run: Replay, blocks: Iterable<Replayed>, account: bigint): AccountProof {
  const { chain } = run;
  const { ledgerRoots } = chain.roots;
  const now = (): Checkpointed | undefined => {
    const leaf = accountProof(ledgerRoots, account);
    return leaf === undefined ? undefined : { checkpoint: checkpointOf(chain), leaf };
  };
  let newest = now();
  let waiting: (Checkpointed & { readonly takenInBy: number })[] = [];
  let proof: AccountProof | undefined;
  // Asked for again before every block: the next one may be the checkpoint, and that ends the asking.
  wantProof(ledgerRoots, account);
  for (const replayed of blocks) {
    wantProof(ledgerRoots, account);
    const { record, stateRoot } = replayed;
    if (stateRoot !== undefined) {
      if (newest !== undefined) waiting.push({ ...newest, takenInBy: heightOf(chain) });
      newest = now();
    }
    const named = record.block.executed.height;
    const certified = waiting.findLast(({ takenInBy }) => takenInBy <= named);
    if (certified === undefined) continue;
    waiting = waiting.filter(({ takenInBy }) => takenInBy > named);
    const epochs = epochsUpTo(run, replayed);
    const made = proveAccount(chain, { ...certified, account, final: record, epochs });
    if (!made.ok) throw new FolderFault(made.detail ?? made.reason, "asked");
    proof = made.value;
  }
  if (proof !== undefined) return proof;
  throw new FolderFault(
    `account ${account} stands in no checkpoint of the folder that a quorum has certified`,
    "asked",
  );
}
