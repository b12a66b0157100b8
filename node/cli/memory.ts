import { PORTS } from "../api/contract.ts";
import { toHex } from "../base/bytes.ts";
import { refuse } from "../base/result.ts";
import { openApiReader } from "../client/api-reader.ts";
import { createLookups } from "../client/lookups.ts";
import { createMemory } from "../client/memory.ts";
import { keyPairFromSeed, SEED_BYTES } from "../codec/signature.ts";
import { command } from "./command.ts";
import { readKeyFile } from "./key-file.ts";
import { bigints } from "./numbers.ts";
import { REACH_FLAGS, reachOf } from "./reach.ts";

const VERBS = ["put", "get", "show", "delete", "list", "watch"] as const;

/** `hmn-node memory`: entries of the memory mesh, by one node; 1 if there is no such entry. */
export const memory = command(
  {
    command: "memory",
    summary: `entries of the memory mesh, by a node's JSON API (port ${PORTS.api}): put ID TEXT, get ID, show ID (score and anchor), delete ID, list, watch`,
    flags: {
      ...REACH_FLAGS,
      key: { value: "FILE", help: "seed of the author's key, as keygen writes it; to write, or in place of --author" },
      author: { value: "HEX", help: "public key of the author to read" },
    },
    positionals: ["VERB"],
    optional: ["ID", "TEXT"],
  },
  async (flags, world) => {
    const [given, id, content] = flags.positionals;
    const verb = VERBS.find((each) => each === given);
    if (verb === undefined) return refuse("usage", `VERB: one of ${VERBS.join(", ")}`);
    const keyFile = flags.text("key");
    const key = keyFile === undefined ? undefined : readKeyFile(keyFile);
    if (key?.ok === false) return key;
    const author = flags.text("author") ?? (key === undefined ? undefined : toHex(key.value.publicKey));
    const isWrite = verb === "put" || verb === "delete";
    if (isWrite && key === undefined) return refuse("usage", "--key is missing");
    if (!isWrite && verb !== "watch" && author === undefined) return refuse("usage", "--author or --key is missing");
    if (verb !== "list" && verb !== "watch" && id === undefined) return refuse("usage", "ID is missing");
    if (verb === "put" && content === undefined) return refuse("usage", "TEXT is missing");
    const reach = reachOf(flags, world, PORTS.api);
    if (!reach.ok) return reach;
    const reader = openApiReader([reach.value.address], reach.value.ca);
    // Reading takes no key: this one signs nothing.
    const signer = key?.value ?? keyPairFromSeed(new Uint8Array(SEED_BYTES));
    const mesh = createMemory({ reader, lookups: createLookups(reader), targets: 1 }, signer);
    const tell = (value: object): void => world.out(`${JSON.stringify(value, bigints)}\n`);
    try {
      switch (verb) {
        case "put":
          tell(await mesh.put(id ?? "", content ?? ""));
          return 0;
        case "delete":
          tell(await mesh.delete(id ?? ""));
          return 0;
        case "list":
          for (const entry of await mesh.list(author ?? "", { limit: 1_000 })) tell(entry);
          return 0;
        case "watch":
          // Until a signal ends the process.
          await mesh.watch(tell, { signal: new AbortController().signal });
          return 0;
        default: {
          const found = await mesh.get({ author: author ?? "", id: id ?? "" });
          if (found === undefined) world.error(`hmn-node memory: there is no entry ${id}\n`);
          else if (verb === "show") tell({ ...found, content: undefined, bytes: found.content.length });
          else world.out(`${Buffer.from(found.content).toString()}\n`);
          return found === undefined ? 1 : 0;
        }
      }
    } finally {
      reader.close();
    }
  },
);
