import type { z } from "zod";
import {
  accountPageSchema,
  accountSchema,
  balancesSchema,
  historyPageSchema,
  parametersSchema,
  publicStatusSchema,
  totalsSchema,
  transferSchema,
  validatorsSchema,
} from "../api/json-contract.ts";
import { present } from "../base/assert.ts";
import type { ApiReader, ReadOptions } from "./api-reader.ts";

export type Account = z.output<typeof accountSchema>;
export type Balances = z.output<typeof balancesSchema>;
export type NetworkParameters = z.output<typeof parametersSchema>;
export type AccountPage = z.output<typeof accountPageSchema>;
export type AppliedTransfer = z.output<typeof transferSchema>;
export type HistoryPage = z.output<typeof historyPageSchema>;
export type Status = z.output<typeof publicStatusSchema>;
export type Totals = z.output<typeof totalsSchema>;
export type ValidatorSet = z.output<typeof validatorsSchema>;

/** `after` an id or a position, at most `limit` (1 to 1 000; 100 without). */
export type Page<After> = { readonly after?: After; readonly limit?: number };

/** `before` the `next` of a page, at most `limit` as in `Page`. */
export type OlderPage = { readonly before?: number; readonly limit?: number };

/** Questions about executed blocks: each answer is one node's word. They reject when no node answers. */
export type Lookups = {
  account(id: bigint, options?: ReadOptions): Promise<Account | undefined>;
  accounts(page?: Page<bigint>, options?: ReadOptions): Promise<AccountPage>;
  /** Undefined unless it was applied. */
  transfer(id: bigint, options?: ReadOptions): Promise<AppliedTransfer | undefined>;
  /** What moved on an account, newest first; go on with `before: next` while `more`. Undefined: no such account. */
  history(id: bigint, page?: OlderPage, options?: ReadOptions): Promise<HistoryPage | undefined>;
  /** An account's sums after the block of this height. Undefined: no such account. */
  balancesAt(id: bigint, height: number, options?: ReadOptions): Promise<Balances | undefined>;
  /** The network's parameters with their bounds, and what waits for a coming epoch. */
  parameters(options?: ReadOptions): Promise<NetworkParameters>;
  status(options?: ReadOptions): Promise<Status>;
  totals(options?: ReadOptions): Promise<Totals>;
  validators(options?: ReadOptions): Promise<ValidatorSet>;
};

export function createLookups(reader: ApiReader): Lookups {
  const always = async <S extends z.ZodType>(path: string, schema: S, options?: ReadOptions): Promise<z.output<S>> =>
    present(await reader.get(path, schema, options), "every node has this path");
  return {
    account: (id, options) => reader.get(`/v1/accounts/${id}`, accountSchema, options),
    accounts: (page = {}, options) => always(`/v1/accounts${queryOf(page)}`, accountPageSchema, options),
    transfer: (id, options) => reader.get(`/v1/transfers/${id}`, transferSchema, options),
    history: (id, page = {}, options) =>
      reader.get(`/v1/accounts/${id}/history${queryOf(page)}`, historyPageSchema, options),
    balancesAt: (id, height, options) =>
      reader.get(`/v1/accounts/${id}/balances?height=${height}`, balancesSchema, options),
    parameters: (options) => always("/v1/parameters", parametersSchema, options),
    status: (options) => always("/v1/status", publicStatusSchema, options),
    totals: (options) => always("/v1/totals", totalsSchema, options),
    validators: (options) => always("/v1/validators", validatorsSchema, options),
  };
}

const queryOf = (page: Page<bigint> | OlderPage): string => {
  const fields = Object.entries(page).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`));
  return fields.length === 0 ? "" : `?${fields.join("&")}`;
};
