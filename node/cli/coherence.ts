import type { z } from "zod";
import { coherenceSchema } from "../api/coherence-contract.ts";
import { PORTS } from "../api/contract.ts";
import { command } from "./command.ts";
import { get, REACH_FLAGS, reachOf } from "./reach.ts";
import { table } from "./table.ts";

/** `hmn-node coherence`: how well the validators work together, and of each one why. */
export const coherence = command(
  {
    command: "coherence",
    summary: "how well the validators work together, and the five observations of each, at the JSON API",
    flags: { ...REACH_FLAGS, json: { help: "as JSON, in millionths" } },
  },
  async (flags, world) => {
    const reach = reachOf(flags, world, PORTS.api);
    if (!reach.ok) return reach;
    const { code, body } = await get(reach.value, "/v1/coherence");
    if (code !== 200) throw new Error(`/v1/coherence answers ${code}: ${body}`);
    const answer: unknown = JSON.parse(body);
    const read = coherenceSchema.parse(answer);
    world.out(flags.on("json") ? `${JSON.stringify(answer, null, 2)}\n` : textOf(read));
    return 0;
  },
);

type Coherence = z.output<typeof coherenceSchema>;

function textOf({ epoch, measuredEpoch, band, mode, validators, ...read }: Coherence): string {
  const measured = measuredEpoch === 0 ? "nothing measured yet" : `measured: epoch ${measuredEpoch}`;
  const rows = [
    ["epoch", `${epoch}, ${measured}`],
    ["band, mode", `${band}, ${mode}`],
    ["Ĉ", `${share(read.coherencePpm)}, of the best quorum ${share(read.quorumCoherencePpm)}`],
    ["mean Ψ", share(read.meanPsiPpm)],
    ["λ", `${share(read.lambdaPpm)}, with α ${share(read.alphaPpm)} ${share(read.lambdaEffectivePpm)}`],
  ];
  const titles = ["validator", "weight", "Ψ", "participation", "timeliness", "agreement", "mesh", "availability"];
  const each = validators.map(({ id, weight, psiPpm, omega }) => [
    ...[String(id), String(weight), share(psiPpm), share(omega.participationPpm), share(omega.timelinessPpm)],
    ...[share(omega.agreementPpm), share(omega.meshPpm), share(omega.availabilityPpm)],
  ]);
  return `${table(rows)}\n${table([titles, ...each])}`;
}

const share = (ppm: number): string => (ppm / 1_000_000).toFixed(3);
