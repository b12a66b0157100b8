#!/usr/bin/env node
import { connectByKubeconfig } from "../runtime/connection.ts";
import { type Command, EXIT, runCommand, type World } from "./command.ts";

type Entry = { readonly summary: string; readonly load: () => Promise<Command> };
const rollout = () => import("./rollout.ts");

/** Every command as it is typed. Each is loaded only when it is asked for. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  status: {
    summary: "how a cluster stands, and what it waits for",
    load: async () => (await import("./status.ts")).status,
  },
  plan: { summary: "what a changed HmnCluster would do", load: async () => (await import("./plan.ts")).plan },
  "rollout list": { summary: "every change and how it ended", load: async () => (await rollout()).list },
  "rollout show": { summary: "one rollout in full", load: async () => (await rollout()).show },
  "rollout promote": { summary: "opens a gate", load: async () => (await rollout()).verb("promote") },
  "rollout abort": { summary: "takes an upgrade back", load: async () => (await rollout()).verb("abort") },
  "rollout pause": { summary: "stops one rollout", load: async () => (await rollout()).verb("pause") },
  "rollout resume": { summary: "lets it go on", load: async () => (await rollout()).verb("resume") },
  "rollout retry": {
    summary: "lifts the quarantine that a rollout left",
    load: async () => (await rollout()).verb("retry"),
  },
  incident: { summary: "why a rollout was rolled back", load: async () => (await import("./incident.ts")).incident },
};

const HELP = [
  "kubectl hmn: looks at HMN clusters and steers their rollouts",
  "",
  ...Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(16)} ${summary}`),
  "",
  "kubectl hmn COMMAND --help tells the flags of each, with examples.",
  "Exit codes: 0 done, 1 refused or failed, 2 asked wrongly, 3 no answer in time.",
  "",
].join("\n");

const world: World = {
  environment: process.env,
  // The script that starts this program goes elsewhere to do so, and says where the user stood (as npm does).
  folder: process.env.INIT_CWD ?? process.cwd(),
  now: Date.now,
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  liveErrors: process.stderr.isTTY,
  input: async () => (await process.stdin.setEncoding("utf8").toArray()).join(""),
  connect: connectByKubeconfig,
};

async function main(args: readonly string[]): Promise<number> {
  const words = args[0] === "rollout" ? args.slice(0, 2) : args.slice(0, 1);
  const name = words.join(" ");
  if (name === "" || ["help", "--help", "-h", "rollout --help", "rollout -h"].includes(name)) {
    world.out(HELP);
    return EXIT.done;
  }
  const known = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (known === undefined) {
    world.error(`kubectl hmn: unknown command ${JSON.stringify(name)}\n\n${HELP}`);
    return EXIT.usage;
  }
  return runCommand(await known.load(), args.slice(words.length), world);
}

process.exitCode = await main(process.argv.slice(2));
