/** The five tokens by ledger number; the same numbers as `LEDGERS` of the node's contract. */
export const TOKENS = { FLX: 1, CHR: 2, ATR: 3, PSY: 4, RES: 5 } as const;
export type TokenName = keyof typeof TOKENS;

export const tokenLedgers: readonly number[] = Object.values(TOKENS);

/** Account ids under 2⁶⁴ are the system's (domain.md, "Genesis"). */
export const SYSTEM_IDS_END = 1n << 64n;

/** What the system holds per token; the number is the account's `code` and the low byte of its id. */
export const SYSTEM_ACCOUNTS = { issuance: 1, burn: 2, fee: 3, bond: 4, unbonding: 5, pool: 6 } as const;
export type SystemAccount = keyof typeof SYSTEM_ACCOUNTS;

export const systemAccountId = (ledger: number, account: SystemAccount): bigint =>
  BigInt(ledger * 256 + SYSTEM_ACCOUNTS[account]);

/** Code of an account that the system opened for a validator's owner or that stands in genesis. */
export const OPENED_BY_SYSTEM_CODE = 16;

/** The account of one token that the system opens for a validator's owner, without a fee. */
export const validatorAccountId = (validator: number, ledger: number): bigint =>
  (1n << 32n) + BigInt(validator) * 8n + BigInt(ledger);

/** What opening an account costs: 0.01 FLX. */
export const ACCOUNT_FEE = 10_000n;

/** CHR is moved by the system only, ATR is bonded and not paid (domain.md, "Tokens"). */
export const isTransferable = (ledger: number): boolean =>
  ledger === TOKENS.FLX || ledger === TOKENS.RES || ledger === TOKENS.PSY;

/** What the recipient does not get: ⌈amount/10⌉ of a PSY transfer goes to the fee account. */
export const feeOf = (ledger: number, amount: bigint): bigint => (ledger === TOKENS.PSY ? (amount + 9n) / 10n : 0n);
