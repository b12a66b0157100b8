import { Agent, request } from "node:https";
import { z } from "zod";
import type { Account, Entry, Head } from "./books.ts";

/** A validator's JSON API, spoken to as any user of the network would: over TLS, by its name, under the network's CA. */
export type NodeApi = {
  status(): Promise<Status>;
  /** All entries after a position, page by page. */
  journalAfter(position: number, onPage?: (read: number) => void): Promise<Entry[]>;
  accounts(): Promise<Account[]>;
  head(height: number): Promise<Head | undefined>;
  close(): void;
};

const u128 = z
  .string()
  .regex(/^[0-9]{1,39}$/)
  .transform((text) => BigInt(text));
const height = z.number().int().nonnegative();

const statusSchema = z.object({
  version: z.string(),
  network: z.string(),
  chainId: z.string(),
  validator: z.number(),
  state: z.string(),
  height,
  checkpoint: z.object({ height, stateRoot: z.string() }),
});
export type Status = z.output<typeof statusSchema>;

const journalSchema = z.object({
  heldFrom: z.number().int().positive(),
  entries: z.array(
    z.object({
      position: z.number().int().positive(),
      height,
      kind: z.string(),
      id: u128,
      debit: u128,
      credit: u128,
      amount: u128,
      ledger: z.number(),
      pendingId: u128,
    }),
  ),
});
const accountsSchema = z.object({
  accounts: z.array(
    z.object({
      id: u128,
      ledger: z.number(),
      debitsPending: u128,
      debitsPosted: u128,
      creditsPending: u128,
      creditsPosted: u128,
    }),
  ),
});
const headSchema = z
  .object({ height, resultsHash: z.string(), stateRoot: z.string().optional() })
  .transform((head) => ({ ...head, stateRoot: head.stateRoot }));

const PAGE = 1000;
const TIMEOUT_MS = 60_000;

export function openNodeApi({ port, ca, identity }: { port: number; ca: string; identity: string }): NodeApi {
  // The CA is the network's own, and the name in the certificate has to be this validator's.
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca, servername: identity, minVersion: "TLSv1.3" });

  const once = (path: string): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const call = request(
        { agent, host: "127.0.0.1", port, path, timeout: TIMEOUT_MS, headers: { host: identity } },
        (response) => {
          response.setEncoding("utf8");
          let body = "";
          response.on("data", (chunk: string) => {
            body += chunk;
          });
          response.on("error", reject);
          response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
        },
      );
      call.on("timeout", () => call.destroy(new Error(`${identity} did not answer ${path} within ${TIMEOUT_MS} ms`)));
      call.on("error", reject);
      call.end();
    });
  /** A connection that was kept may just have been closed by the other side, which then answered nothing: reading again changes nothing. */
  const get = (path: string): ReturnType<typeof once> =>
    once(path).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ECONNRESET") return once(path);
      throw error;
    });
  const json = async <S extends z.ZodType>(schema: S, path: string): Promise<z.output<S>> => {
    const { status, body } = await get(path);
    if (status !== 200) throw new Error(`${identity} answered ${status} to ${path}: ${body.slice(0, 200)}`);
    return schema.parse(JSON.parse(body));
  };

  return {
    status: () => json(statusSchema, "/v1/status"),
    journalAfter: async (position, onPage) => {
      const entries: Entry[] = [];
      for (;;) {
        const after = entries.at(-1)?.position ?? position;
        const page = await json(journalSchema, `/v1/journal?after=${after}&limit=${PAGE}`);
        if (page.heldFrom > after + 1) throw new Error(`${identity} holds the journal from ${page.heldFrom} on only`);
        entries.push(...page.entries);
        onPage?.(entries.length);
        if (page.entries.length === 0) return entries;
      }
    },
    accounts: async () => {
      const accounts: Account[] = [];
      for (;;) {
        const after = accounts.at(-1)?.id ?? 0n;
        const page = await json(accountsSchema, `/v1/accounts?after=${after}&limit=${PAGE}`);
        accounts.push(...page.accounts);
        if (page.accounts.length === 0) return accounts;
      }
    },
    head: async (at) => {
      const { status, body } = await get(`/v1/blocks/${at}`);
      return status === 200 ? headSchema.parse(JSON.parse(body)) : undefined;
    },
    close: () => agent.destroy(),
  };
}
