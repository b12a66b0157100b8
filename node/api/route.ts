import type { z } from "zod";
import type { Hex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import type { Chain } from "../chain/chain.ts";
import type { BatchProof } from "../chain/proof.ts";
import type { ProofFault } from "../node.ts";
import type { TooFarBack } from "./balances.ts";
import type { NodeStatus } from "./contract.ts";
import type { Elsewhere, JournalSource } from "./journal-source.ts";
import { errorSchema, noInput } from "./json-contract.ts";
import type { MemorySource } from "./memory-source.ts";

/** What answers are made of: one node's word about executed blocks. */
export type Source = {
  readonly status: () => NodeStatus;
  readonly chain: () => Chain;
  readonly journal: JournalSource;
  readonly memory: MemorySource;
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
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
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
    | "memory"
    | "events"
    | "memory-events"
    | "openapi";
};

/** Ties the types of a route's input to its schemas; afterwards only the schemas matter. */
export function get<P extends z.ZodObject, Q extends z.ZodObject>(route: {
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

/** A route that takes nothing. */
export const plain = { params: noInput, query: noInput };
