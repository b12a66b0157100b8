import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { ApiError } from "./api-error.ts";

/** Reads a whole answer, and gives up on one that is longer than `maxBytes`. */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    const bytes: Buffer = chunk;
    length += bytes.length;
    if (length > maxBytes) {
      response.destroy();
      throw new Error(`the answer is longer than ${maxBytes} bytes`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, length).toString("utf8");
}

/** Sends one request and gives the answer as soon as its head is there. Rejects with status 0 if nothing answers. */
export function send(url: URL, options: RequestOptions, body?: string | Uint8Array): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "http:" ? httpRequest : httpsRequest)(url, options, resolve);
    request.once("error", (cause) =>
      reject(new ApiError(0, "Unreachable", `${url.host}: ${cause.message}`, { cause })),
    );
    request.end(body);
  });
}
