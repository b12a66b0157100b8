import type { z } from "zod";
import { supplySchema } from "../api/coherence-contract.ts";
import { PORTS } from "../api/contract.ts";
import { command } from "./command.ts";
import { get, REACH_FLAGS, reachOf } from "./reach.ts";
import { table } from "./table.ts";

/** `hmn-node supply`: what exists of each token, and what was minted last. */
export const supply = command(
  {
    command: "supply",
    summary: "what exists of each token, and the last mints, at the JSON API",
    flags: { ...REACH_FLAGS, json: { help: "as JSON, mints with all that they were computed from" } },
  },
  async (flags, world) => {
    const reach = reachOf(flags, world, PORTS.api);
    if (!reach.ok) return reach;
    const { code, body } = await get(reach.value, "/v1/supply");
    if (code !== 200) throw new Error(`/v1/supply answers ${code}: ${body}`);
    const answer: unknown = JSON.parse(body);
    const read = supplySchema.parse(answer);
    world.out(flags.on("json") ? `${JSON.stringify(answer, null, 2)}\n` : textOf(read));
    return 0;
  },
);

type Supply = z.output<typeof supplySchema>;

function textOf({ tokens, mints, height }: Supply): string {
  const supplies = Object.entries(tokens).map(([name, { issued, burned, held, cap }]) => [
    ...[name, decimalOf(issued), decimalOf(burned), decimalOf(held)],
    cap === NO_CAP ? "none" : decimalOf(cap),
  ]);
  const rows = [[`height ${height}`, "issued", "burned", "held", "cap"], ...supplies];
  if (mints.length === 0) return `${table(rows)}\nNothing has been minted.\n`;
  const names = Object.keys(tokens);
  const minted = mints.map(({ epoch, height: at, issues }) => [
    ...[String(epoch), String(at)],
    ...names.map((name) => decimalOf(issues.find(({ token }) => token === name)?.total ?? 0n)),
  ]);
  return `${table(rows)}\n${table([["mint of epoch", "in block", ...names], ...minted])}`;
}

/** Where genesis names none: as much as an amount can say. */
const NO_CAP = (1n << 128n) - 1n;

/** All tokens have six decimals. */
const decimalOf = (amount: bigint): string =>
  `${amount / 1_000_000n}.${(amount % 1_000_000n).toString().padStart(6, "0")}`;
