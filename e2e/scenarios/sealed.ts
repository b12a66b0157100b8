import { networkInterfaces } from "node:os";
import { claim } from "../kit/claim.ts";
import { kubectl } from "../kit/kubectl.ts";
import { loadPod } from "../kit/load.ts";
import { type Scenario, Skipped } from "./scenario.ts";

/** An address that documentation may use and nobody has (RFC 5737): an open network would carry the packet away in silence. */
const NOBODY = "203.0.113.1";
const PORT = 443;

/** Prints `open`, the error's code, or `timeout`. */
const probe = (host: string, port: number): string =>
  `const s=require("node:net").connect({host:${JSON.stringify(host)},port:${port}});` +
  `const end=(t)=>{console.log(t);process.exit(0)};` +
  `s.on("connect",()=>end("open"));s.on("error",(e)=>end(e.code));setTimeout(()=>end("timeout"),4000)`;

const LOOKUP = 'require("node:dns").lookup("example.com",(e,a)=>{console.log(e?e.code:a);process.exit(0)})';

export const sealed: Scenario = {
  name: "sealed",
  on: "releases",
  asserts: [
    "every host refuses at once, as `Network is unreachable`, to send anything to an outside address or to this machine's own outer one",
    "validators' and clients' pods, whose only way out is their host, reach neither; and no outer name resolves in them",
    "the probe can tell: from the clients' pod it reaches a validator, and not where nobody listens",
  ],
  run: async ({ cluster, stage, progress }) => {
    const { exec } = cluster;
    if (cluster.provider !== "kind-built" || exec === undefined)
      throw new Skipped(`the network of the provider ${cluster.provider} is not ours to seal`);
    const view = await stage.ensure(progress);
    const outside = [NOBODY, ...ownAddresses()];

    const hosts = await cluster.workers();
    progress.detail(`from ${hosts.length} hosts to ${outside.join(", ")}`);
    const tries = hosts.flatMap((host) => outside.map((address) => ({ host, address })));
    await Promise.all(
      tries.map(async ({ host, address }) => {
        const { stderr } = await exec(host, ["timeout", "8", "bash", "-c", `</dev/tcp/${address}/${PORT}`]);
        claim(
          stderr.includes("Network is unreachable"),
          `${host} has no way to ${address}`,
          stderr.trim() || "no error",
        );
      }),
    );

    const validator = (await view.pods()).at(0)?.name ?? "";
    const client = await loadPod(view);
    const run = async (pod: string, script: string): Promise<string> => {
      const args = ["-n", view.namespace, "exec", pod, "--", "node", "-e", script];
      return (await kubectl(cluster, args, { timeoutMs: 60_000 })).trim();
    };
    const service = `${view.name}-0.${view.namespace}.svc`;
    const open = await run(client, probe(service, 8001));
    claim(open === "open", "the probe reaches a validator from the clients' pod", open);
    const closed = await run(client, probe(service, 8009));
    claim(closed !== "open", "the probe does not reach a port that nobody listens on", closed);

    for (const pod of [validator, client]) {
      for (const address of outside) {
        progress.detail(`${pod} to ${address}`);
        const answer = await run(pod, probe(address, PORT));
        // A refusal would be an answer from out there: the packet would have arrived.
        claim(["timeout", "ENETUNREACH", "EHOSTUNREACH"].includes(answer), `${pod} does not reach ${address}`, answer);
      }
      const name = await run(pod, LOOKUP);
      claim(["ENOTFOUND", "EAI_AGAIN"].includes(name), `no outer name resolves in ${pod}`, name);
    }
  },
};

function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => address.family === "IPv4" && !address.internal)
    .map((address) => address.address);
}
