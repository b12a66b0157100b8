/** What users import as `hmn/client`; everything else in this folder may change without notice. */
export { LEDGERS } from "../api/contract.ts";
export type { Trust } from "../chain/proof.ts";
export { trustOfGenesis } from "../chain/proof-trust.ts";
export { accountFlags } from "../codec/account.ts";
export { type KeyPair, keyPairFromSeed } from "../codec/signature.ts";
export { newTransfer, type Transfer, transferFlags } from "../codec/transfer.ts";
export { type ResultCode, resultCodes } from "../ledger/codes.ts";
export { type Authorities, authoritiesIn } from "./authorities.ts";
export type { BulkOptions, Progress } from "./bulk.ts";
export type { NewAccount } from "./client.ts";
export type {
  Account,
  AccountPage,
  AppliedTransfer,
  Balances,
  HistoryPage,
  Lookups,
  NetworkParameters,
  OlderPage,
  Page,
  Status,
  Totals,
  ValidatorSet,
} from "./lookups.ts";
export type { Memory, MemoryChange, MemoryStored, Remembered, WatchOptions } from "./memory.ts";
export { type HmnClient, type NodeAddress, type OpenOptions, open } from "./open.ts";
export type { RecordFailure, SendResult } from "./send-result.ts";
export type { SendOptions } from "./sender.ts";
export type { Settled } from "./settle.ts";
