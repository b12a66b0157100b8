import type { Hex } from "../base/bytes.ts";
import { sha256Hex } from "../codec/hash.ts";
import { hashBytes } from "../codec/parse.ts";
import { writer } from "../codec/writer.ts";

/** One mint per network and epoch: hash(chain id, epoch) (domain.md, "Minting"). */
export const mintId = (chainId: Hex, epoch: number): Hex =>
  sha256Hex(writer().text("hmn mint 1").fixed(hashBytes(chainId)).u32(epoch).done());
