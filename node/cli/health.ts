import { z } from "zod";
import { PORTS } from "../api/contract.ts";
import { command } from "./command.ts";
import { get, REACH_FLAGS, reachOf } from "./reach.ts";
import { table } from "./table.ts";

const readinessSchema = z.object({ ready: z.boolean(), reason: z.string() });
const healthSchema = z.object({
  services: z.record(z.string(), z.object({ state: z.string(), reason: z.string() })),
});

/** `hmn-node health`: 0 if the node is ready and no service has failed. */
export const health = command(
  {
    command: "health",
    summary: "whether a node is ready, and each of its services",
    flags: { ...REACH_FLAGS, json: { help: "as JSON" } },
  },
  async (flags, world) => {
    const reach = reachOf(flags, world, PORTS.control);
    if (!reach.ok) return reach;
    const readyz = await get(reach.value, "/readyz");
    const healthz = await get(reach.value, "/healthz");
    const { ready, reason } = readinessSchema.parse(JSON.parse(readyz.body));
    const { services } = healthSchema.parse(JSON.parse(healthz.body));
    if (flags.on("json")) world.out(`${JSON.stringify({ ready, reason, services }, null, 2)}\n`);
    else {
      const rows = Object.entries(services).map(([name, service]) => [name, service.state, service.reason]);
      world.out(table([["ready", ready ? "yes" : "no", reason], ...rows]));
    }
    return ready && healthz.code === 200 ? 0 : 1;
  },
);
