import { toHex } from "../base/bytes.ts";
import { refuse } from "../base/result.ts";
import { accountOf, chainId, epochOf, heightOf } from "../chain/chain.ts";
import { parseBatch } from "../codec/batch.ts";
import { payloadOf } from "../node-execute.ts";
import { accountRows } from "./account.ts";
import { command, type World } from "./command.ts";
import type { Parsed } from "./flags.ts";
import { FOLDER_FLAGS, openFolder, readCars, readRecord } from "./folder.ts";
import { FolderFault, progress, reading } from "./folder-fault.ts";
import { bigints, decimalOf, heightIn } from "./numbers.ts";
import { beginReplay, type Replay, replay } from "./replay.ts";
import { table } from "./table.ts";
import { timeText } from "./time-text.ts";

const FLAGS = { ...FOLDER_FLAGS, json: { help: "as JSON" } };
type Inspection = { readonly flags: Parsed<typeof FLAGS>; readonly world: World; readonly asked: string };
/** One thing as rows of text, and as JSON. */
type Shown = { readonly rows: string[][]; readonly json: unknown };

const VIEWS: Readonly<Record<string, { readonly asks: boolean; readonly show: (inspection: Inspection) => Shown }>> = {
  block: { asks: true, show: showBlock },
  certificate: { asks: true, show: showCertificate },
  account: { asks: true, show: showAccount },
  epoch: { asks: false, show: showEpoch },
};

/** `hmn-node inspect`: one thing of a data folder. */
export const inspect = command(
  {
    command: "inspect",
    summary:
      "shows `block HEIGHT` or `certificate HEIGHT` as stored, `account ID` or the newest `epoch` by executing the folder",
    flags: FLAGS,
    positionals: ["DIR", "WHAT"],
    optional: ["HEIGHT|ID"],
  },
  async (flags, world) => {
    const [, what = "", asked = ""] = flags.positionals;
    const view = Object.hasOwn(VIEWS, what) ? VIEWS[what] : undefined;
    if (view === undefined) return refuse("usage", `WHAT: one of ${Object.keys(VIEWS).join(", ")}`);
    if (view.asks && decimalOf(asked) === undefined) return refuse("usage", `${what}: a decimal number has to follow`);
    if (!view.asks && asked !== "") return refuse("usage", `${asked} is one argument too many`);
    return reading("inspect", world, () => {
      const { rows, json } = view.show({ flags, world, asked });
      world.out(flags.on("json") ? `${JSON.stringify(json, bigints, 2)}\n` : table(rows));
      return 0;
    });
  },
);

const open = ({ flags, world }: Inspection) => openFolder(flags, world, progress("inspect", world));

function showBlock(inspection: Inspection): Shown {
  const folder = open(inspection);
  const { record, place } = readRecord(folder, heightIn(inspection.asked));
  const { block } = record;
  const { height, hash, epoch, view, kind, parent, proposer, time, executed, next } = block;
  const payload = payloadOf(block);
  const batches = readCars(folder, payload, { height, place }).flatMap((car) =>
    car.batches.map((bytes, index) => {
      const parsed = parseBatch(bytes);
      const { type, records, signer } = parsed.ok
        ? { type: parsed.value.type, records: parsed.value.count, signer: toHex(parsed.value.publicKey) }
        : { type: "unreadable", records: 0, signer: "" };
      return { id: car.ids[index] ?? "", lane: car.validator, car: car.number, type, records, signer };
    }),
  );
  const header = { height, hash, epoch, view, kind, parent, proposer, time, executed, next };
  const [votes, evidence] = [block.votes.length, block.evidence.length];
  const { tips } = payload;
  return {
    json: { ...header, votes, evidence, tips, batches, place },
    rows: [
      ["block", `${height}, ${kind}`],
      ["hash", hash],
      ["parent", parent],
      ["epoch, view", `${epoch}, ${view}`],
      ["proposer", `validator ${proposer}`],
      ["time", timeText(time)],
      ["executed", `results ${executed.resultsHash} of height ${executed.height}`],
      ...(kind === "closing" ? [["next epoch", next]] : []),
      ["carries", `${votes} votes, ${evidence} pieces of evidence`],
      ...tips.map(({ validator, number, cars }) => [`lane ${validator}`, `up to car ${number}, ${cars} of them new`]),
      ...batches.map(({ id, type, records }, index) => [`batch ${index}`, `${id} ${type}, ${records} records`]),
      ["stands", `${place.path}, byte ${place.offset}, ${place.length} bytes`],
    ],
  };
}

function showCertificate(inspection: Inspection): Shown {
  const { record, place } = readRecord(open(inspection), heightIn(inspection.asked));
  const { block, headers, certificate } = record;
  const { ballot } = certificate;
  const signatures = certificate.signatures.map(({ signer, signature }) => ({ signer, signature: toHex(signature) }));
  return {
    json: { height: block.height, hash: block.hash, ballot, hops: headers.length, signatures, place },
    rows: [
      ["finality of", `block ${block.height}, ${block.hash}`],
      [
        "signed for",
        ballot.block === block.hash ? "the block itself" : `${ballot.block}, ${headers.length} blocks above`,
      ],
      ["epoch, view", `${ballot.epoch}, ${ballot.view}`],
      ...signatures.map(({ signer, signature }) => [`validator ${signer}`, signature]),
      ["checked", "not here: `hmn-node verify` checks every signature"],
      ["stands", `${place.path}, byte ${place.offset}, ${place.length} bytes`],
    ],
  };
}

/** Executes the whole folder, checking everything as `verify` does. */
function executeAll(inspection: Inspection): Replay {
  const tell = progress("inspect", inspection.world);
  const run = beginReplay(open(inspection));
  for (const _ of replay(run)) tell(() => `height ${heightOf(run.chain)} of ${run.last}`);
  return run;
}

function showAccount(inspection: Inspection): Shown {
  const { chain } = executeAll(inspection);
  const account = accountOf(chain, decimalOf(inspection.asked) ?? 0n);
  if (account === undefined)
    throw new FolderFault(`there is no account ${inspection.asked} at height ${heightOf(chain)}`, "asked");
  return {
    json: { height: heightOf(chain), account },
    rows: [...accountRows(account), ["at height", `${heightOf(chain)}`]],
  };
}

/** Its JSON is what `check-proof --validators` takes. */
function showEpoch(inspection: Inspection): Shown {
  const { chain } = executeAll(inspection);
  const { number, startTime, lengthNs, firstHeight, members, setHash } = epochOf(chain);
  return {
    json: { chainId: chainId(chain), epoch: number, members, firstHeight, startTime, lengthNs, setHash },
    rows: [
      ["epoch", `${number}, from height ${firstHeight}`],
      ["began", timeText(startTime)],
      ["length", `${lengthNs / 1_000_000n} ms`],
      ["set hash", setHash],
      ...members.map(({ id, weight, publicKey }) => [`validator ${id}`, `weight ${weight}, key ${publicKey}`]),
    ],
  };
}
