import { isObserver, type NodeStatus, nodeIdentity, nodeStatusSchema, PORTS } from "../api/contract.ts";
import { command } from "./command.ts";
import { get, REACH_FLAGS, reachOf } from "./reach.ts";
import { table } from "./table.ts";

/** `hmn-node status`: 0 if the node is ready. */
export const status = command(
  {
    command: "status",
    summary: "how a node stands: state, heights, peers; it asks for a certificate",
    flags: { ...REACH_FLAGS, json: { help: "the whole status as JSON" } },
  },
  async (flags, world) => {
    const reach = reachOf(flags, world, PORTS.control);
    if (!reach.ok) return reach;
    const { code, body } = await get(reach.value, "/status");
    if (code !== 200) throw new Error(`/status answers ${code}: ${body}`);
    const read = nodeStatusSchema.parse(JSON.parse(body));
    world.out(flags.on("json") ? `${JSON.stringify(read, null, 2)}\n` : table(rowsOf(read)));
    return read.ready ? 0 : 1;
  },
);

function rowsOf(read: NodeStatus): string[][] {
  const { min = read.wireVersion, max } = { min: read.wireVersionMin, max: read.wireVersion };
  return [
    [isObserver(read.validator) ? "observer" : "validator", nodeIdentity(read.validator, read.network)],
    ["version", `${read.version}, wire version ${min === max ? max : `${min} to ${max}`}`],
    ["state", read.reason === "" ? read.state : `${read.state}: ${read.reason}`],
    ["ready", read.ready ? "yes" : "no"],
    ["role", read.role],
    ["chain", read.chainId ?? "none yet"],
    ["height", `${read.height} executed, ${read.certifiedHeight} certified`],
    ["epoch, view", `${read.epoch}, ${read.view}`],
    ["checkpoint", `${read.checkpoint.height} ${read.checkpoint.stateRoot}`],
    ["coherence", coherenceText(read)],
    ["validators", read.validators.map(({ id, weight }) => `${id} (${weight})`).join(", ")],
    ["connected", read.connectedPeers.join(", ")],
    ...(read.observers === undefined ? [] : [["observers", read.observers.join(", ")]]),
    ...(read.resultsDiffer === true ? [["results", "differ from what a quorum has: see its log"]] : []),
    ...(read.refusedPeers ?? []).map(({ peer, reason }) => [`refused ${peer}`, reason]),
    ["disk", read.storage.writable ? `${Math.floor(read.storage.freeBytes / 1e6)} MB free` : read.storage.reason],
    ...(read.faults.length === 0 ? [] : [["faults", read.faults.join(", ")]]),
  ];
}

/** The exact numbers, and why they are so, tells `hmn-node coherence`. */
function coherenceText({
  coherence: { measured, band, mode, coherencePpm, meanPsiPpm, lambdaPpm },
}: NodeStatus): string {
  if (!measured) return "not measured yet";
  const numbers = [
    ["Ĉ", coherencePpm],
    ["mean Ψ", meanPsiPpm],
    ["λ", lambdaPpm],
  ] as const;
  const told = numbers.flatMap(([name, value]) => (value === undefined ? [] : `${name} ${(value / 1e6).toFixed(3)}`));
  return [band ?? "", mode ?? "", ...told].filter((part) => part !== "").join(", ");
}
