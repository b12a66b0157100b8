import { equalBytes, type Hex, toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { HASH_BYTES } from "../codec/hash.ts";
import { MalformedBytes, reader } from "../codec/reader.ts";
import { writer } from "../codec/writer.ts";

/** The first frame in each direction: two nodes that would not understand each other part with a message. */
export type Hello = { readonly wireVersion: number; readonly chainId: Hex };

const MAGIC = new TextEncoder().encode("HMN");

export function encodeHello({ wireVersion, chainId }: Hello): Uint8Array {
  return writer().fixed(MAGIC).u32(wireVersion).fixed(Buffer.from(chainId, "hex")).done();
}

/** Accepts the hello of a node of the same wire version and chain. Later versions may append fields, so only the start is read. */
export function checkHello(frame: Uint8Array, own: Hello): Result<void, "malformed" | "wire-version" | "chain"> {
  try {
    const input = reader(frame);
    if (!equalBytes(input.fixed(MAGIC.length), MAGIC)) return refuse("malformed", "not a hello");
    const wireVersion = input.u32();
    if (wireVersion !== own.wireVersion) {
      return refuse("wire-version", `the peer speaks wire version ${wireVersion}, this node ${own.wireVersion}`);
    }
    const chainId = toHex(input.fixed(HASH_BYTES));
    if (chainId !== own.chainId) return refuse("chain", `the peer is of chain ${chainId}, this node of ${own.chainId}`);
    return accept(undefined);
  } catch (cause) {
    if (cause instanceof MalformedBytes) return refuse("malformed", cause.message);
    throw cause;
  }
}
