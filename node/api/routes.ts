import { refuse } from "../base/result.ts";
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
import { coherenceView } from "../chain/coherence-view.ts";
import { HEADS_KEPT } from "../chain/heads.ts";
import { proofObject } from "../chain/proof-file.ts";
import { supplyView } from "../chain/supply-view.ts";
import { BATCH_BYTES_MAX } from "../codec/batch.ts";
import { balancesAt } from "./balances.ts";
import { coherenceSchema, supplySchema } from "./coherence-contract.ts";
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
import { MEMORY_ROUTES } from "./memory-routes.ts";
import { get, plain, type Route } from "./route.ts";

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
    path: "/v1/coherence",
    summary: "How well the validators work together: scores, stability, weights.",
    schema: coherenceSchema,
    answer: (_input, { chain }) => ({ height: heightOf(chain()), ...coherenceView(chain()) }),
  }),
  get({
    ...plain,
    path: "/v1/supply",
    summary: "What exists of each token, its cap, and the newest mints.",
    schema: supplySchema,
    answer: (_input, { chain }) => ({ height: heightOf(chain()), ...supplyView(chain()) }),
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
  ...MEMORY_ROUTES,
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
