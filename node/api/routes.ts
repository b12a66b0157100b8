import type { z } from "zod";
import type { Hex } from "../base/bytes.ts";
import { type Result, refuse } from "../base/result.ts";
import {
  accountOf,
  accountsAfter,
  type Chain,
  epochOf,
  headOf,
  heightOf,
  lastBlockTimeOf,
  parameterViewsOf,
  totalsOf,
  validatorsOf,
} from "../chain/chain.ts";
import { HEADS_KEPT } from "../chain/heads.ts";
import type { BatchProof } from "../chain/proof.ts";
import { proofObject } from "../chain/proof-file.ts";
import { BATCH_BYTES_MAX } from "../codec/batch.ts";
import type { ProofFault } from "../node.ts";
import { balancesAt, type TooFarBack } from "./balances.ts";
import type { NodeStatus } from "./contract.ts";
import type { Elsewhere, JournalSource } from "./journal-source.ts";
import {
  accountPageInput,
  accountPageSchema,
  accountSchema,
  balancesInput,
  balancesSchema,
  batchInput,
  batchProofSchema,
  blockPageSchema,
  blockSchema,
  committedSchema,
  errorSchema,
  heightInput,
  historyPageSchema,
  idInput,
  journalPageSchema,
  newestFirstInput,
  noInput,
  parametersSchema,
  positionPageInput,
  proofInput,
  publicStatusSchema,
  totalsSchema,
  transferSchema,
  validatorsSchema,
} from "./json-contract.ts";

/** What answers are made of: one node's word about executed blocks. */
export type Source = {
  readonly status: () => NodeStatus;
  readonly chain: () => Chain;
  readonly journal: JournalSource;
  /** What became of a batch, for who knows the validators of an epoch. */
  readonly prove: (asked: {
    readonly batch: Hex;
    readonly height: number;
    readonly epoch: number;
  }) => Result<BatchProof, ProofFault>;
};

/** `undefined`: there is no such thing. Of the rest leaves what the schema names, bigints as decimal texts. */
type Answer = object | undefined;
type Refused = Elsewhere | TooFarBack;
type Answered = Answer | Refused | Promise<Answer | Refused>;

export const isRefused = (answer: object): answer is Refused => "ok" in answer && answer.ok === false;

export type Route = {
  readonly method: "GET" | "POST";
  /** As in OpenAPI: `/v1/accounts/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body?: { readonly type: string; readonly maxBytes: number; readonly description: string };
  readonly answers: Readonly<
    Record<number, { readonly description: string; readonly schema: z.ZodType | "events" | "any" }>
  >;
  /** What the answer is called when it is missing. */
  readonly noun: string;
  /** From checked input; a name where more than one answer comes or the body is no JSON. */
  readonly answer:
    | ((input: { params: unknown; query: unknown }, source: Source) => Answered)
    | "batch"
    | "events"
    | "openapi";
};

/** Ties the types of a route's input to its schemas; afterwards only the schemas matter. */
function get<P extends z.ZodObject, Q extends z.ZodObject>(route: {
  path: string;
  summary: string;
  params: P;
  query: Q;
  schema: z.ZodType;
  noun?: string;
  /** Whether another node may know what this one cannot tell. */
  elsewhere?: boolean;
  answer: (input: { params: z.output<P>; query: z.output<Q> }, source: Source) => Answered;
}): Route {
  const { answer, schema, noun = "", elsewhere = false, ...rest } = route;
  return {
    ...rest,
    method: "GET",
    noun,
    answers: {
      200: { description: "The answer.", schema },
      400: { description: "A parameter is wrong; `field` names it.", schema: errorSchema },
      ...(noun === "" ? {} : { 404: { description: `There is no such ${noun} here.`, schema: errorSchema } }),
      ...(elsewhere
        ? { 503: { description: "This node cannot tell: later, or elsewhere.", schema: errorSchema } }
        : {}),
    },
    // The caller has checked the input against these very schemas.
    answer: (input, source) => answer(input as { params: z.output<P>; query: z.output<Q> }, source),
  };
}

const plain = { params: noInput, query: noInput };

export const ROUTES: readonly Route[] = [
  get({
    ...plain,
    path: "/v1/status",
    summary: "How this node stands: state, heights, validators.",
    schema: publicStatusSchema,
    answer: (_input, { status, chain }) => ({ ...status(), lastBlockTime: lastBlockTimeOf(chain()) }),
  }),
  get({
    ...plain,
    path: "/v1/totals",
    summary: "What exists of each token, summed over all accounts.",
    schema: totalsSchema,
    answer: (_input, { chain }) => ({ height: heightOf(chain()), totals: totalsOf(chain()) }),
  }),
  get({
    ...plain,
    path: "/v1/accounts",
    query: accountPageInput,
    summary: "Accounts by id.",
    schema: accountPageSchema,
    answer: ({ query: { after, limit } }, { chain }) => ({
      height: heightOf(chain()),
      accounts: accountsAfter(chain(), after, limit),
    }),
  }),
  get({
    path: "/v1/accounts/{id}",
    params: idInput,
    query: noInput,
    summary: "One account.",
    schema: accountSchema,
    noun: "account",
    answer: ({ params: { id } }, { chain }) => accountOf(chain(), id),
  }),
  get({
    path: "/v1/accounts/{id}/history",
    params: idInput,
    query: newestFirstInput,
    summary: "What moved on one account, newest first.",
    schema: historyPageSchema,
    noun: "account",
    answer: async ({ params: { id }, query }, { chain, journal }) => {
      if (accountOf(chain(), id) === undefined) return undefined;
      const height = heightOf(chain());
      const { next, ...page } = await journal.ofAccount(id, query);
      return { height, ...page, next: next ?? 0, more: next !== undefined };
    },
  }),
  get({
    path: "/v1/accounts/{id}/balances",
    params: idInput,
    query: balancesInput,
    summary: "One account's sums after a block.",
    schema: balancesSchema,
    noun: "account",
    elsewhere: true,
    answer: ({ params: { id }, query: { height } }, { chain, journal }) =>
      balancesAt({ chain: chain(), journal }, id, height),
  }),
  get({
    path: "/v1/transfers/{id}",
    params: idInput,
    query: noInput,
    summary: "One applied transfer.",
    schema: transferSchema,
    noun: "transfer",
    elsewhere: true,
    answer: async ({ params: { id } }, { journal }) => {
      const found = await journal.transfer(id);
      return found.ok ? found.value : found;
    },
  }),
  get({
    ...plain,
    path: "/v1/journal",
    query: positionPageInput,
    summary: "Every movement in the order of execution.",
    schema: journalPageSchema,
    answer: async ({ query: { after, limit } }, { chain, journal }) => ({
      height: heightOf(chain()),
      ...(await journal.after(after, limit)),
    }),
  }),
  get({
    ...plain,
    path: "/v1/blocks",
    query: positionPageInput,
    summary: `Heads of blocks by height, of the last ${HEADS_KEPT}.`,
    schema: blockPageSchema,
    answer: ({ query: { after, limit } }, { chain }) => ({
      height: heightOf(chain()),
      blocks: headsAfter(chain(), after, limit),
    }),
  }),
  get({
    path: "/v1/blocks/{height}",
    params: heightInput,
    query: noInput,
    summary: `The head of one of the last ${HEADS_KEPT} blocks.`,
    schema: blockSchema,
    noun: "block among those whose hashes are kept",
    answer: ({ params: { height } }, { chain }) => headOf(chain(), height),
  }),
  get({
    ...plain,
    path: "/v1/validators",
    summary: "The committed validator set.",
    schema: validatorsSchema,
    answer: (_input, { status, chain }) => {
      const validators = validatorsOf(chain());
      const totalWeight = validators.reduce((sum, { weight }) => sum + weight, 0);
      return { height: heightOf(chain()), epoch: status().epoch, totalWeight, validators };
    },
  }),
  get({
    path: "/v1/proofs/batches/{batch}",
    params: batchInput,
    query: proofInput,
    summary: "Proves what became of a batch of the newest blocks, as soon as a later final block names its results.",
    schema: batchProofSchema,
    noun: "proof of such a batch yet",
    elsewhere: true,
    answer: ({ params: { batch }, query }, { prove }) => {
      const proof = prove({ batch, ...query });
      if (proof.ok) return proofObject(proof.value);
      return proof.reason === "epoch_too_old" ? refuse("elsewhere", proof.detail ?? proof.reason) : undefined;
    },
  }),
  get({
    ...plain,
    path: "/v1/parameters",
    summary: "The network's parameters: in force, ordered, and their bounds.",
    schema: parametersSchema,
    answer: (_input, { chain }) => {
      const parameters = parameterViewsOf(chain());
      return { height: heightOf(chain()), epoch: epochOf(chain()).number, parameters };
    },
  }),
  {
    ...plain,
    method: "POST",
    path: "/v1/batches",
    summary: "Takes one signed batch and answers when it is executed in a final block, or refused.",
    body: {
      type: "application/octet-stream",
      maxBytes: BATCH_BYTES_MAX,
      description: "The batch in the bytes of the client protocol. The same bytes may be sent again, to any node.",
    },
    noun: "",
    answers: {
      200: { description: "Executed.", schema: committedSchema },
      400: { description: "A parameter or the request itself is wrong.", schema: errorSchema },
      413: { description: "The body is larger than the largest batch.", schema: errorSchema },
      415: { description: "The body is not application/octet-stream.", schema: errorSchema },
      422: { description: "Refused: these bytes will never be taken.", schema: errorSchema },
      429: { description: "Over the key's allowance or the node's limits: later, or elsewhere.", schema: errorSchema },
      503: { description: "Not taken now: later, or elsewhere.", schema: errorSchema },
      504: { description: "No answer yet: it may still be executed. Send the same bytes again.", schema: errorSchema },
    },
    answer: "batch",
  },
  {
    ...plain,
    method: "GET",
    path: "/v1/events",
    summary: "Server-sent events: `block` for each executed block, with its height as the event's id.",
    noun: "",
    answers: {
      200: { description: "A stream without end; comments are heartbeats.", schema: "events" },
      400: { description: "A parameter is wrong.", schema: errorSchema },
      503: { description: "Too many listen already.", schema: errorSchema },
    },
    answer: "events",
  },
  {
    ...plain,
    method: "GET",
    path: "/v1/openapi.json",
    summary: "This description, as OpenAPI 3.1.",
    noun: "",
    answers: {
      200: { description: "The document.", schema: "any" },
      400: { description: "A parameter is wrong.", schema: errorSchema },
    },
    answer: "openapi",
  },
];

function headsAfter(chain: Chain, after: number, limit: number): readonly object[] {
  const first = Math.max(after + 1, heightOf(chain) - HEADS_KEPT + 1);
  const count = Math.max(0, Math.min(limit, heightOf(chain) - first + 1));
  return Array.from({ length: count }, (_, index) => headOf(chain, first + index)).filter((head) => head !== undefined);
}
