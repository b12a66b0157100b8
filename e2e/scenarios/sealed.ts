import { networkInterfaces } from "node:os";
import { claim } from "../kit/claim.ts";
import { kubectl } from "../kit/kubectl.ts";
import { loadPod } from "../kit/load.ts";
import { type Scenario, Skipped } from "./scenario.ts";

/** Errors by which a router or the kernel says that there is no way: the connection never left the sealed network. */
const NO_WAY = ["ENETUNREACH", "EHOSTUNREACH"];

/** An address that documentation may use and nobody has (RFC 5737): on an open network it stays silent until the timeout. */
const NOBODY = "192.0.2.1";

/** Prints `open`, the error's code, or `timeout`. */
const probe = (host: string, port: number): string =>
  `const s=require("node:net").connect({host:${JSON.stringify(host)},port:${port}});` +
  `const end=(t)=>{console.log(t);process.exit(0)};` +
  `s.on("connect",()=>end("open"));s.on("error",(e)=>end(e.code));setTimeout(()=>end("timeout"),8000)`;

export const sealed: Scenario = {
  name: "sealed",
  on: "releases",
  asserts: [
    "from a validator's pod and from the clients' pod, a connection to an outside address is refused at once by the network itself",
    "so is one to this machine's own outer address; and no outer name resolves",
    "the probe can tell: from the clients' pod the same probe reaches a validator",
  ],
  run: async ({ cluster, stage, progress }) => {
    if (cluster.provider !== "kind-built")
      throw new Skipped(`the network of the provider ${cluster.provider} is not ours to seal`);
    const view = await stage.ensure(progress);
    const validator = (await view.pods()).at(0)?.name ?? "";
    const client = await loadPod(view);
    const run = async (pod: string, script: string): Promise<string> =>
      (
        await kubectl(cluster, ["-n", view.namespace, "exec", pod, "--", "node", "-e", script], { timeoutMs: 60_000 })
      ).trim();

    const seen = await run(client, probe(`${view.name}-0.${view.namespace}.svc`, 8001));
    claim(seen === "open", "the probe reaches a validator from the clients' pod", seen);
    const own = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter((address) => address.family === "IPv4" && !address.internal)
      .map((address) => address.address);
    for (const pod of [validator, client]) {
      for (const host of [NOBODY, ...own]) {
        progress.detail(`${pod} to ${host}`);
        const answer = await run(pod, probe(host, 443));
        claim(NO_WAY.includes(answer), `there is no way from ${pod} to ${host}`, answer);
      }
      const name = await run(
        pod,
        'require("node:dns").lookup("example.com",(e,a)=>{console.log(e?e.code:a);process.exit(0)})',
      );
      claim(["ENOTFOUND", "EAI_AGAIN"].includes(name), `no outer name resolves in ${pod}`, name);
    }
  },
};
