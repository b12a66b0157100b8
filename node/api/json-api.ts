import type { FastifyReply } from "fastify";
import { z } from "zod";
import {
  accountOf,
  accountsAfter,
  type Chain,
  headOf,
  heightOf,
  journalAfter,
  totalsOf,
  transferOf,
} from "../chain/chain.ts";
import type { Credentials } from "../transport/credentials.ts";
import type { NodeStatus } from "./contract.ts";
import { httpsApp, type Listen, listenOn } from "./tls-server.ts";

export type JsonApiOptions = {
  readonly listen: Listen;
  readonly credentials: Credentials;
  readonly status: () => NodeStatus;
  readonly chain: () => Chain;
};

export type JsonApi = { readonly port: number; close(): Promise<void> };

const LIMIT_MAX = 1_000;
const U128_MAX = (1n << 128n) - 1n;

const u128 = z
  .string()
  .regex(/^[0-9]{1,39}$/, "a decimal number")
  .transform((text) => BigInt(text))
  .refine((value) => value <= U128_MAX, "at most 2^128 - 1");
const whole = z
  .string()
  .regex(/^[0-9]{1,15}$/, "a decimal number")
  .transform(Number);
const limit = z
  .string()
  .regex(/^[0-9]{1,4}$/, "a decimal number")
  .transform(Number)
  .refine((value) => value >= 1 && value <= LIMIT_MAX, `from 1 to ${LIMIT_MAX}`)
  .default(100);

export const accountPage = z.strictObject({ after: u128.default(0n), limit });
export const journalPage = z.strictObject({ after: whole.default(0), limit });
export const byId = z.strictObject({ id: u128 });
export const byHeight = z.strictObject({ height: whole });

/** What of the status anybody may read. */
const publicStatus = (status: NodeStatus) => ({
  version: status.version,
  network: status.network,
  chainId: status.chainId,
  validator: status.validator,
  publicKey: status.publicKey,
  state: status.state,
  reason: status.reason,
  ready: status.ready,
  role: status.role,
  height: status.height,
  certifiedHeight: status.certifiedHeight,
  resultsHash: status.resultsHash,
  checkpoint: status.checkpoint,
  epoch: status.epoch,
  view: status.view,
  validators: status.validators,
});

/**
 * The ledger as JSON, for people and checks: this node's word about executed blocks. 64- and 128-bit numbers are
 * decimal strings, as JSON numbers would lose digits. Pages hold what comes after `after`, at most `limit` (1 000).
 */
export async function startJsonApi({ listen, credentials, status, chain }: JsonApiOptions): Promise<JsonApi> {
  const app = httpsApp(credentials, { clients: false });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: "no such path" }));
  app.get("/v1/status", (_request, reply) => json(reply, publicStatus(status())));
  app.get("/v1/totals", (_request, reply) => json(reply, { height: heightOf(chain()), totals: totalsOf(chain()) }));
  app.get("/v1/accounts", ({ query }, reply) =>
    checked(accountPage, query, reply, (page) => {
      const accounts = accountsAfter(chain(), page.after, page.limit);
      return json(reply, { height: heightOf(chain()), accounts });
    }),
  );
  app.get("/v1/accounts/:id", ({ params }, reply) =>
    checked(byId, params, reply, ({ id }) => found(reply, "account", accountOf(chain(), id))),
  );
  app.get("/v1/transfers/:id", ({ params }, reply) =>
    checked(byId, params, reply, ({ id }) => found(reply, "transfer", transferOf(chain(), id))),
  );
  app.get("/v1/journal", ({ query }, reply) =>
    checked(journalPage, query, reply, (page) => {
      const entries = journalAfter(chain(), page.after, page.limit);
      return json(reply, { height: heightOf(chain()), entries });
    }),
  );
  app.get("/v1/blocks/:height", ({ params }, reply) =>
    checked(byHeight, params, reply, ({ height }) => {
      const head = headOf(chain(), height);
      return found(reply, "block among those whose hashes are kept", head);
    }),
  );
  const port = await listenOn(app, listen);
  return { port, close: () => app.close() };
}

function checked<T>(schema: z.ZodType<T>, input: unknown, reply: FastifyReply, then: (value: T) => unknown): unknown {
  const parsed = schema.safeParse(input);
  if (parsed.success) return then(parsed.data);
  const [issue] = parsed.error.issues;
  const field = issue === undefined ? "" : issue.path.join(".");
  return reply.code(400).send({ error: `${field === "" ? "" : `${field}: `}${issue?.message ?? "malformed"}` });
}

const found = (reply: FastifyReply, what: string, value: object | undefined): unknown =>
  value === undefined ? reply.code(404).send({ error: `no such ${what}` }) : json(reply, value);

const json = (reply: FastifyReply, value: unknown): unknown =>
  reply
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? part.toString() : part)));
