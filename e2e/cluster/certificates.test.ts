import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { expect, test } from "vitest";
import { makeAuthority, makeKeyPair } from "./certificates.ts";

test("a server and a client of the authority prove themselves to each other, by address, name and group", async () => {
  const authority = await makeAuthority();
  const server = await authority.server(["localhost", "127.0.0.1"]);
  const client = await authority.client("admin", "system:masters");
  const seen: { name: string | undefined; group: string | undefined }[] = [];
  const listener = createServer(
    {
      cert: server.certificate,
      key: server.key,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (socket: TLSSocket) => {
      const { subject } = socket.getPeerCertificate();
      seen.push({ name: String(subject.CN), group: String(subject.O) });
      socket.end("welcome");
    },
  );
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as AddressInfo;
  const dial = (identity: object): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, ca: authority.certificate, ...identity });
      socket
        .setEncoding("utf8")
        .on("data", resolve)
        .on("error", reject)
        .on("end", () => reject(new Error("no welcome")));
    });
  expect(await dial({ cert: client.certificate, key: client.key })).toBe("welcome");
  const stranger = await (await makeAuthority()).client("admin", "system:masters");
  await expect(dial({ cert: stranger.certificate, key: stranger.key })).rejects.toThrow();
  expect(seen).toEqual([{ name: "admin", group: "system:masters" }]);
  listener.close();
});

test("a key pair's halves belong together", async () => {
  const { privateKey, publicKey } = await makeKeyPair();
  const text = Buffer.from("a token");
  const signature = sign("sha256", text, createPrivateKey(privateKey));
  expect(verify("sha256", text, createPublicKey(publicKey), signature)).toBe(true);
});
