import { z } from "zod";
import { type CelRule, cel, hexField, immutable, listMap } from "./fields.ts";

const belowU128: CelRule = {
  // Decimal numbers of equal length compare as text.
  rule: "size(self) < 39 || self <= '340282366920938463463374607431768211455'",
  message: "the number must be below 2^128: use a smaller one",
};
const u128 = (description: string) =>
  z
    .string()
    .min(1)
    .max(39)
    // Without leading zeros, so that one number has one text and the list's keys mean what they say.
    .regex(/^(0|[1-9][0-9]*)$/)
    .describe(description)
    .meta(cel(belowU128));

export const genesisAccountSchema = z.object({
  id: u128("Account id, a decimal number of at least 2^64: smaller ids belong to the system.").meta(
    cel(belowU128, {
      rule: "size(self) > 20 || (size(self) == 20 && self >= '18446744073709551616')",
      message: "account ids below 2^64 belong to the system: use at least 18446744073709551616",
    }),
  ),
  ownerPublicKey: hexField(32, "Ed25519 public key (64 lower-case hexadecimal digits) that signs for the account."),
  token: z.enum(["FLX", "CHR", "ATR", "PSY", "RES"]).describe("The token that the account holds."),
  balance: u128("Amount held at the start, in the token's smallest unit (all tokens have 6 decimals)."),
});

/** `spec.genesis`. */
export const genesisSchema = z
  .object({
    accounts: z
      .array(genesisAccountSchema)
      .max(64)
      .default([])
      .describe("Accounts that exist from the first block on.")
      .meta(listMap("id")),
  })
  .meta(cel(immutable("spec.genesis")));
