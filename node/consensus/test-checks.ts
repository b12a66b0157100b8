import { assert } from "../base/assert.ts";
import type { TestNetwork } from "./test-node.ts";

/** Every node holds a prefix of the longest log. */
export function assertAgreement(network: TestNetwork): void {
  const logs = [...network.nodes.values()].map(({ log }) => log.map(({ block }) => block.hash));
  const longest = logs.reduce((a, b) => (b.length > a.length ? b : a), []);
  for (const log of logs) log.forEach((hash, index) => void assert(hash === longest[index], "logs agree"));
}

/** Nobody ever said two things of one kind in a view, nor finalize and nullify, restarts included. */
export function assertHonestVotes(network: TestNetwork): void {
  for (const { id, sent } of network.nodes.values()) {
    const said = new Map<string, string>();
    for (const message of sent) {
      if (message.type !== "vote" || message.vote.signer !== id) continue;
      const { ballot } = message.vote;
      const place = `${ballot.epoch} ${ballot.view}`;
      const words = ballot.kind === "nullify" ? "" : ballot.block;
      assert((said.get(`${place} ${ballot.kind}`) ?? words) === words, `node ${id} votes once in ${place}`);
      said.set(`${place} ${ballot.kind}`, words);
      const both = said.has(`${place} finalize`) && said.has(`${place} nullify`);
      assert(!both, `node ${id} does not finalize what it gave up in ${place}`);
    }
  }
}
