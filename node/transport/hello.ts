import { equalBytes, type Hex, toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { HASH_BYTES } from "../codec/hash.ts";
import { MalformedBytes, reader } from "../codec/reader.ts";
import { writer } from "../codec/writer.ts";

/** The wire versions that a node speaks, both included: a release speaks its own and the one before it. */
export type WireVersions = { readonly min: number; readonly max: number };

/** The first frame in each direction: two nodes that would not understand each other part with a message. */
export type Hello = { readonly versions: WireVersions; readonly chainId: Hex };

export type HelloFault = "malformed" | "wire-version" | "chain";

const MAGIC = new TextEncoder().encode("HMN");

/** Magic, lowest version (u32), chain id, highest version (u32). The lowest stands first, where nodes that spoke one version had it. */
export function encodeHello({ versions, chainId }: Hello): Uint8Array {
  const to = writer().fixed(MAGIC).u32(versions.min).fixed(Buffer.from(chainId, "hex"));
  return to.u32(versions.max).done();
}

/**
 * Accepts the hello of a node of the same chain with a wire version in common, and answers with the highest of them, which
 * both ends then speak. Later versions may append fields, so only the start is read.
 */
export function checkHello(frame: Uint8Array, own: Hello): Result<number, HelloFault> {
  try {
    const input = reader(frame);
    if (!equalBytes(input.fixed(MAGIC.length), MAGIC)) return refuse("malformed", "not a hello");
    const min = input.u32();
    const chainId = toHex(input.fixed(HASH_BYTES));
    const max = input.remaining() === 0 ? min : input.u32();
    if (min > max) return refuse("malformed", `wire versions ${min} to ${max}`);
    const version = Math.min(max, own.versions.max);
    if (version < Math.max(min, own.versions.min)) {
      const theirs = rangeText({ min, max });
      return refuse("wire-version", `the peer speaks wire version ${theirs}, this node ${rangeText(own.versions)}`);
    }
    if (chainId !== own.chainId) return refuse("chain", `the peer is of chain ${chainId}, this node of ${own.chainId}`);
    return accept(version);
  } catch (cause) {
    if (cause instanceof MalformedBytes) return refuse("malformed", cause.message);
    throw cause;
  }
}

const rangeText = ({ min, max }: WireVersions): string => (min === max ? `${min}` : `${min} to ${max}`);
