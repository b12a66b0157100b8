import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type GenesisFile, genesisFileSchema, LEDGERS } from "../api/contract.ts";
import { restoredPath, stateParts } from "../backup/state-file.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { chainId, createChain } from "../chain/chain.ts";
import { command } from "./command.ts";
import type { Flags, Parsed } from "./flags.ts";
import { openRestored, type RestoredBackup } from "./restored-backup.ts";
import { restoredGenesis } from "./scratch-network.ts";

const FLAGS = {
  base: { value: "FILE", help: "starts with this JSON; the other flags replace or add to what it says" },
  network: { value: "NAME", help: "name of the network, as in its certificates" },
  time: { value: "NANOSECONDS", help: "since 1970; now without" },
  authority: { value: "KEY", help: "a key of the parameter authority, 64 hexadecimal digits", many: true },
  threshold: { value: "N", help: "how many of the authority's keys have to sign; all without" },
  validator: {
    value: "ID:VOTEKEY:OWNERKEY:BOND",
    help: "a validator; the bond in 10^-6 ATR. With --restored ID:VOTEKEY: owner and bond are the backup's",
    many: true,
  },
  account: {
    value: "ID:OWNERKEY:TOKEN:BALANCE",
    help: "an account; FLX, CHR, ATR, PSY or RES; the balance in 10^-6",
    many: true,
  },
  restored: { value: "DIR", help: "goes on from the backup that `restore` brought into this data folder" },
  out: { value: "FILE", help: "writes genesis.json here, if it is not there yet; checks only without" },
} as const satisfies Flags;

/** `hmn-node genesis`: a checked genesis file and its chain id. */
export const genesis = command(
  { command: "genesis", summary: "makes or checks a genesis file and prints its chain id", flags: FLAGS },
  async (flags, world) => {
    const restored = restoredIn(flags);
    if (!restored.ok) return restored;
    const draft = draftOf(flags, restored.value);
    if (!draft.ok) return draft;
    const parsed = genesisFileSchema.safeParse(draft.value);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return refuse("usage", `${issue?.path.join(".")}: ${issue?.message}`);
    }
    const data = flags.text("restored");
    const parts = data === undefined ? undefined : stateParts(restoredPath(data));
    const chain = createChain(parsed.data, undefined, undefined, parts);
    if (!chain.ok) return refuse("usage", chain.detail ?? chain.reason);
    const out = flags.text("out");
    if (out !== undefined) {
      try {
        // Another genesis is another network: what is there stays.
        writeFileSync(out, `${JSON.stringify(parsed.data, null, 2)}\n`, { flag: "wx" });
      } catch (cause) {
        return refuse("usage", `--out: ${cause instanceof Error ? cause.message : String(cause)}`);
      }
    }
    world.out(`${chainId(chain.value)}\n`);
    return 0;
  },
);

type Draft = { readonly [K in keyof GenesisFile]?: unknown };

/** What file and flags say, unchecked but for the flags' own form. */
function draftOf(flags: Parsed<typeof FLAGS>, restored: RestoredBackup | undefined): Result<Draft, "usage"> {
  const file = flags.text("base");
  const started = file === undefined ? accept<Record<string, unknown>>({}) : readJson(file);
  if (!started.ok) return started;
  const base: Record<string, unknown> = {
    ...(restored === undefined ? {} : restoredGenesis(restored)),
    ...started.value,
  };
  const validators = flags.texts("validator").map((text) => validatorOf(text, restored));
  const accounts = flags.texts("account").map(accountOf);
  for (const [name, items] of [
    ["--validator", validators],
    ["--account", accounts],
  ] as const) {
    const wrong = items.indexOf(undefined);
    if (wrong >= 0)
      return refuse(
        "usage",
        `${name}: number ${wrong + 1} is not ${FLAGS[name === "--account" ? "account" : "validator"].value}`,
      );
  }
  const keys = flags.texts("authority");
  const threshold = flags.text("threshold");
  const authority =
    keys.length === 0 ? base.authority : { publicKeys: keys, threshold: Number(threshold ?? keys.length) };
  const listOf = (name: string): readonly unknown[] => {
    const list = base[name];
    return Array.isArray(list) ? list : [];
  };
  // A restored network is another one: its time is its own.
  const timeNs = flags.text("time") ?? started.value.timeNs ?? (BigInt(Date.now()) * 1_000_000n).toString();
  return accept({
    ...base,
    network: flags.text("network") ?? base.network,
    timeNs,
    authority,
    validators: [...listOf("validators"), ...validators],
    accounts: [...listOf("accounts"), ...accounts],
  });
}

function readJson(path: string): Result<Record<string, unknown>, "usage"> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof value === "object" && value !== null) return accept({ ...value });
    return refuse("usage", `--base: ${path} is no JSON object`);
  } catch (cause) {
    return refuse("usage", `--base: ${path}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** The backup in a data folder, checked again. */
function restoredIn(flags: Parsed<typeof FLAGS>): Result<RestoredBackup | undefined, "usage"> {
  const data = flags.text("restored");
  if (data === undefined) return accept(undefined);
  if (!existsSync(restoredPath(data))) return refuse("usage", `--restored: ${restoredPath(data)} is not there`);
  const opened = openRestored(restoredPath(data));
  return opened.ok ? opened : refuse("usage", `--restored: ${opened.detail ?? opened.reason}`);
}

function validatorOf(text: string, restored: RestoredBackup | undefined): object | undefined {
  const [, kept, voteKey] = /^([0-9]+):([0-9a-f]{64})$/.exec(text) ?? [];
  const before = restored?.state.validators.find((one) => one.id === Number(kept));
  if (before !== undefined)
    return { id: before.id, consensusKey: voteKey, ownerKey: before.ownerKey, bond: String(before.bond) };
  const [, id, consensusKey, ownerKey, bond] = /^([0-9]+):([0-9a-f]{64}):([0-9a-f]{64}):([0-9]+)$/.exec(text) ?? [];
  return id === undefined ? undefined : { id: Number(id), consensusKey, ownerKey, bond };
}

function accountOf(text: string): object | undefined {
  const [, id, ownerKey, token, balance] = /^([0-9]+):([0-9a-f]{64}):([A-Z]{3}):([0-9]+)$/.exec(text) ?? [];
  const ledger = Object.entries(LEDGERS).find(([name]) => name === token)?.[1];
  return ledger === undefined ? undefined : { id, ownerKey, ledger, balance };
}
