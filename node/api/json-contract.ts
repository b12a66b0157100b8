import { z } from "zod";
import { networkParameters, nodeStatusSchema } from "./contract.ts";

/**
 * The JSON of `/v1`: what it takes and what it answers, for the server, its OpenAPI document and the client. 64- and
 * 128-bit numbers are decimal texts on the wire, as JSON numbers would lose digits, and bigints once parsed.
 */
export const LIMIT_MAX = 1_000;

export const decimal = (bits: 64 | 128, meaning: string) =>
  z
    .string()
    .regex(bits === 128 ? /^[0-9]{1,39}$/ : /^[0-9]{1,20}$/, "a decimal number")
    .transform((text) => BigInt(text))
    .refine((value) => value < 1n << BigInt(bits), `at most 2^${bits} - 1`)
    .meta({ description: `${meaning} Decimal, ${bits} bits.` });
export const hex32 = (meaning: string) =>
  z
    .string()
    .regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits")
    .meta({ description: meaning });
export const u32 = z.number().int().min(0).max(0xffff_ffff);
export const counter = z.number().int().nonnegative();
const height = counter.meta({ description: "Height of a final block; 0 is genesis." });

/** Numbers in a path or a query arrive as text. */
const whole = z
  .string()
  .regex(/^[0-9]{1,15}$/, "a decimal number")
  .transform(Number);
const limit = z
  .string()
  .regex(/^[0-9]{1,4}$/, "a decimal number")
  .transform(Number)
  .refine((value) => value >= 1 && value <= LIMIT_MAX, `from 1 to ${LIMIT_MAX}`)
  .prefault("100")
  .meta({ description: `At most so many, up to ${LIMIT_MAX}.` });

export const idInput = z.strictObject({ id: decimal(128, "Id of the account or transfer.") });
export const heightInput = z.strictObject({ height: whole.meta({ description: "Height of the block." }) });
export const accountPageInput = z.strictObject({
  after: decimal(128, "Only ids above this one.").prefault("0"),
  limit,
});
export const positionPageInput = z.strictObject({
  after: whole.prefault("0").meta({ description: "Only what stands behind this position." }),
  limit,
});
export const newestFirstInput = z.strictObject({
  before: whole.prefault("0").meta({ description: "The `next` of the page before; 0: from the newest on." }),
  limit,
});
export const noInput = z.strictObject({});

export const accountSchema = z
  .object({
    id: decimal(128, "Account id; below 2^64 they are the system's."),
    owner: hex32("Key whose signature debits it; absent where only the system moves it.").optional(),
    ledger: u32.meta({ description: "Token: 1 FLX, 2 CHR, 3 ATR, 4 PSY, 5 RES." }),
    code: u32,
    flags: u32,
    userData128: decimal(128, "The user's own."),
    userData64: decimal(64, "The user's own."),
    userData32: u32,
    createdAt: decimal(64, "Block time of its creation, nanoseconds since 1970."),
    debitsPending: decimal(128, "In the token's smallest unit."),
    debitsPosted: decimal(128, "In the token's smallest unit."),
    creditsPending: decimal(128, "In the token's smallest unit."),
    creditsPosted: decimal(128, "In the token's smallest unit."),
  })
  .meta({ description: "An account; its balance is creditsPosted - debitsPosted." });

export const balancesInput = z.strictObject({ height: whole.meta({ description: "Height of an executed block." }) });
export const balancesSchema = accountSchema
  .pick({ debitsPending: true, debitsPosted: true, creditsPending: true, creditsPosted: true })
  .extend({ height: height.meta({ description: "The block after which the sums stood so." }) })
  .meta({ description: "An account's sums after a block; all zero before its creation." });

const transferRecordSchema = z.object({
  id: decimal(128, "The upper 48 bits are milliseconds since 1970."),
  debit: decimal(128, "Account id."),
  credit: decimal(128, "Account id."),
  amount: decimal(128, "In the token's smallest unit."),
  pendingId: decimal(128, "The pending transfer that it posts or voids; 0: none."),
  userData128: decimal(128, "The user's own."),
  userData64: decimal(64, "The user's own."),
  userData32: u32,
  timeout: u32.meta({ description: "Seconds after which a pending transfer is void; 0: never." }),
  ledger: u32,
  code: u32,
  flags: u32,
  timestamp: decimal(64, "Block time, nanoseconds since 1970."),
});
export const transferSchema = z
  .object({
    record: transferRecordSchema,
    height,
    debit: decimal(128, "Account really debited."),
    credit: decimal(128, "Account really credited."),
    ledger: u32,
    code: u32,
    amount: decimal(128, "Amount really moved or reserved."),
  })
  .meta({ description: "An applied transfer, as it was sent and as it was booked." });

const entrySchema = z.object({
  position: z.number().int().positive(),
  height,
  kind: z.string().meta({
    description: "issue, transfer, pending, post, void, expire, a fee, or a move of the system such as mint.",
  }),
  id: decimal(128, "Of the transfer, or of the account that is opened or credited."),
  debit: decimal(128, "Account id."),
  credit: decimal(128, "Account id."),
  amount: decimal(128, "In the token's smallest unit."),
  ledger: u32,
  code: u32,
  flags: u32,
  pendingId: decimal(128, "The pending transfer that is resolved; 0: none."),
  userData128: decimal(128, "The user's own."),
  userData64: decimal(64, "The user's own."),
  userData32: u32,
  time: decimal(64, "Block time, nanoseconds since 1970."),
});

export const atHeight = { height: height.meta({ description: "Newest block that the answer counts." }) };
export const accountPageSchema = z.object({ ...atHeight, accounts: z.array(accountSchema) });
const heldFrom = z
  .number()
  .int()
  .positive()
  .meta({ description: "Not every entry before this position is held by this node; 1: all are." });
export const journalPageSchema = z.object({ ...atHeight, heldFrom, entries: z.array(entrySchema) });
export const historyPageSchema = z.object({
  ...atHeight,
  heldFrom,
  indexedTo: counter.meta({ description: "Entries behind this position are not in the answer yet." }),
  entries: z.array(entrySchema),
  next: counter.meta({ description: "Ask again with before=next for what is older." }),
  more: z.boolean().meta({ description: "Whether there may be older ones; a page may be empty and still have more." }),
});

const totalsOfToken = z.object({
  ledger: u32,
  issued: decimal(128, "Ever issued."),
  burned: decimal(128, "Ever burned."),
  held: decimal(128, "On accounts: issued - burned."),
  debitsPosted: decimal(128, "Over all accounts."),
  creditsPosted: decimal(128, "Over all accounts."),
  debitsPending: decimal(128, "Over all accounts."),
  creditsPending: decimal(128, "Over all accounts."),
});
export const totalsSchema = z.object({
  ...atHeight,
  totals: z.object({
    FLX: totalsOfToken,
    CHR: totalsOfToken,
    ATR: totalsOfToken,
    PSY: totalsOfToken,
    RES: totalsOfToken,
  }),
});

export const blockSchema = z.object({
  height,
  hash: hex32("Of the block; absent until the next one names it.").optional(),
  resultsHash: hex32("Hash chain over the results of every block up to this one."),
  stateRoot: hex32("Set where the block is a checkpoint.").optional(),
});
export const blockPageSchema = z.object({ ...atHeight, blocks: z.array(blockSchema) });

const validatorSchema = z.object({ id: u32, weight: z.number().int().positive(), publicKey: hex32("Consensus key.") });
export const validatorsSchema = z.object({
  ...atHeight,
  epoch: counter,
  totalWeight: counter,
  validators: z.array(validatorSchema),
});

const parameterSchema = z.object({
  name: z.enum(networkParameters).meta({ description: "Its unit is the end of its name; docs/governance.md." }),
  value: decimal(64, "In force."),
  pending: decimal(64, "Ordered; in force from a coming epoch on. Absent where nothing is.").optional(),
  min: decimal(64, "No order goes below."),
  max: decimal(64, "No order goes above."),
  stepMax: decimal(64, "Largest change at once, from the value in force."),
  cooldownNs: decimal(64, "Least block time between two changes, nanoseconds."),
  changedAt: decimal(
    64,
    "Block time of the last change, nanoseconds since 1970; absent: it is as in the genesis.",
  ).optional(),
});
export const parametersSchema = z.object({ ...atHeight, epoch: counter, parameters: z.array(parameterSchema) });

export const batchInput = z.strictObject({ batch: hex32("Id of the batch: SHA-256 of its header and signature.") });
export const proofInput = z.strictObject({
  height: whole.meta({ description: "Of the block that executed it." }),
  epoch: whole.prefault("1").meta({ description: "Epoch whose validators you know: the proof begins with it." }),
});
const hexText = (meaning: string) => z.string().meta({ description: `${meaning} Canonical bytes, hexadecimal.` });
const finalHeader = {
  header: hexText("A block's header."),
  headers: z.array(hexText("Of a descendant.")).meta({ description: "From there to the block that is certified." }),
  certificate: hexText("The quorum's finalize votes."),
};
/** As `node/chain/proof-file.ts` reads it; docs/ledger.md says how it is checked. */
export const batchProofSchema = z
  .object({
    format: z.string(),
    kind: z.literal("batch"),
    chainId: hex32("SHA-256 of the genesis."),
    batch: hex32("Id of the batch."),
    outcome: z.union([
      z.object({ count: counter, failures: z.array(z.object({ index: counter, code: z.string() })) }),
      z.object({ refused: z.string() }),
    ]),
    place: z.object({ index: counter, size: counter, path: z.array(hex32("Of a neighbour.")) }),
    before: hex32("Results hash before the batch's block."),
    steps: z.array(
      z.object({ resultsRoot: hex32("Of a block."), checkpointRoot: hex32("Of a checkpoint.").optional() }),
    ),
    final: z.object(finalHeader).meta({ description: "The final block that names the results after the last step." }),
    epochs: z.array(
      z.object({
        ...finalHeader,
        members: z.array(validatorSchema),
        parametersHash: hex32("Of the epoch that begins."),
      }),
    ),
  })
  .meta({ description: "What became of a batch, to be checked with nothing but a validator set." });

/** What of the status anybody may read. */
export const publicStatusSchema = nodeStatusSchema
  .pick({
    ...{ version: true, network: true, chainId: true, validator: true, publicKey: true, state: true, reason: true },
    ...{ ready: true, role: true, height: true, certifiedHeight: true, resultsHash: true, checkpoint: true },
    ...{ epoch: true, view: true, validators: true },
  })
  .extend({ lastBlockTime: decimal(64, "Time of the newest executed block, nanoseconds since 1970.") });

const failureSchema = z.object({
  index: counter.meta({ description: "Of the record in its batch." }),
  code: z.string().meta({ description: "Result code; docs/ledger.md lists them." }),
});
export const committedSchema = z
  .object({
    type: z.literal("committed"),
    height,
    count: counter.meta({ description: "Records in the batch." }),
    failures: z.array(failureSchema).meta({ description: "Records that changed nothing; all others are applied." }),
  })
  .meta({ description: "Executed in a final block." });

const memoryAuthor = hex32("Public key of the author, the only one who writes the entry.");
const memoryId = z
  .string()
  .regex(/^[A-Za-z0-9._~-]{1,64}$/, "1 to 64 letters, digits, and . _ ~ -")
  .meta({ description: "The entry among those of its author." });
const memoryClock = decimal(
  64,
  "Hybrid logical clock of the version: milliseconds since 1970 in the upper 48 bits, a counter below.",
);
const memorySignature = z
  .string()
  .regex(/^[0-9a-f]{128}$/, "128 lower-case hexadecimal digits")
  .meta({ description: "The author's signature; docs/mesh.md says over what." });
export const memoryKeyInput = z.strictObject({ author: memoryAuthor, id: memoryId });
export const memoryVersionInput = z.strictObject({ clock: memoryClock, signature: memorySignature });
export const memoryAuthorInput = z.strictObject({ author: memoryAuthor });
export const memoryAuthorPageInput = z.strictObject({
  after: z
    .string()
    .regex(/^[A-Za-z0-9._~-]{0,64}$/, "an id")
    .prefault("")
    .meta({ description: "Only ids behind this one." }),
  limit,
});
export const memoryShardPageInput = z.strictObject({
  shard: z
    .string()
    .regex(/^[0-9]$/, "from 0 to 9")
    .transform(Number)
    .meta({ description: "Part of the mesh." }),
  after: z
    .string()
    .regex(/^([0-9a-f]{48})?$/, "the `next` of a page")
    .prefault("")
    .meta({ description: "The `next` of the page before." }),
  limit,
});

const memoryFields = {
  author: memoryAuthor,
  id: memoryId,
  shard: u32,
  clock: memoryClock,
  deleted: z.boolean().meta({ description: "A tombstone: there is nothing any more." }),
  bytes: counter.meta({ description: "Of the content." }),
  digest: hex32("SHA-256 of what is signed: it names the version."),
};
export const memorySummarySchema = z
  .object(memoryFields)
  .meta({ description: "A version of an entry, without its content." });
/** What the answering node alone knows of the version. */
const memoryNotes = {
  publisher: u32.optional().meta({ description: "Validator that took the version from a client." }),
  resonancePpm: u32.optional().meta({ description: "RΦV, in millionths: docs/mesh.md." }),
  anchor: z.object({ height: counter, batch: hex32("Its id.") }).optional(),
};
export const anchorProofInput = proofInput.omit({ height: true });
export const anchorProofSchema = batchProofSchema
  .extend({ kind: z.literal("anchor"), index: counter, content: hexText("The batch.") })
  .meta({ description: "That a version of an entry was anchored: as the proof of a batch, with what that says." });
export const memoryEntrySchema = z
  .object({
    ...memoryFields,
    ...memoryNotes,
    content: z.string().meta({ description: "Base64." }),
    signature: memorySignature,
  })
  .meta({ description: "A version of an entry, as its author signed it." });
export const memoryStoredSchema = z
  .object({
    ...memoryFields,
    state: z.enum(["merged", "known", "waits", "forwarded"]).meta({
      description: "Taken here, here already, waiting for its clock to come, or taken by a node that holds its shard.",
    }),
  })
  .meta({ description: "Taken." });
export const memoryAuthorPageSchema = z.object({
  shards: z.array(u32).meta({ description: "What this node holds: entries of other shards are not in the answer." }),
  entries: z.array(z.object({ ...memoryFields, ...memoryNotes })),
});
export const memoryShardPageSchema = z.object({
  entries: z.array(memorySummarySchema),
  next: z.string().meta({ description: "Ask again with after=next for what is newer." }),
});

export const errorSchema = z
  .object({
    error: z.string().meta({ description: "For people." }),
    field: z.string().optional().meta({ description: "What of the request is wrong, where something is." }),
    reason: z.string().optional().meta({ description: "Why a batch was refused, as a code." }),
    retryable: z.boolean().optional().meta({ description: "Whether the same bytes may be taken later." }),
  })
  .meta({ description: "What went wrong." });

export type ApiError = z.output<typeof errorSchema>;
