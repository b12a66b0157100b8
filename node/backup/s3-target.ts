import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { MANIFEST, type Target, type TargetOptions } from "./target.ts";

/**
 * Backups as objects of a bucket, in Amazon's S3 or in what speaks its protocol. Credentials come from the environment
 * (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or from wherever else the library looks for them.
 */
export function s3Target({
  bucket,
  prefix,
  endpoint,
  region,
}: TargetOptions & { readonly bucket: string; readonly prefix: string }): Target {
  const client = new S3Client({
    region: region ?? process.env.AWS_REGION ?? "us-east-1",
    // Buckets as names of hosts need a DNS zone, which few stores of one's own have.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
  });
  const root = prefix === "" ? "" : `${prefix}/`;
  /** What lies under a name, page by page; with a delimiter the folders there. */
  async function* pages(under: string, delimiter?: string) {
    let token: string | undefined;
    do {
      const page = await client.send(
        new ListObjectsV2Command({
          ...{ Bucket: bucket, Prefix: under },
          ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      yield page;
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }
  const get = async (name: string): Promise<Uint8Array | undefined> => {
    try {
      const found = await client.send(new GetObjectCommand({ Bucket: bucket, Key: `${root}${name}` }));
      return await found.Body?.transformToByteArray();
    } catch (cause) {
      if (cause instanceof NoSuchKey) return undefined;
      throw cause;
    }
  };
  const drop = async (keys: readonly string[]): Promise<void> => {
    const command = new DeleteObjectsCommand({
      Bucket: bucket,
      Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
    });
    const [refused] = (await client.send(command)).Errors ?? [];
    if (refused !== undefined)
      throw new Error(`${refused.Key ?? "an object"} is not removed: ${refused.Message ?? ""}`);
  };
  return {
    put: async (name, bytes) => {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: `${root}${name}`, Body: bytes }));
    },
    get,
    list: async () => {
      const names: string[] = [];
      for await (const page of pages(root, "/"))
        for (const { Prefix = "" } of page.CommonPrefixes ?? []) {
          const name = Prefix.slice(root.length, -1);
          if ((await get(`${name}/${MANIFEST}`)) !== undefined) names.push(name);
        }
      return names.toSorted();
    },
    remove: async (backup) => {
      await drop([`${root}${backup}/${MANIFEST}`]);
      for await (const page of pages(`${root}${backup}/`)) {
        const keys = (page.Contents ?? []).flatMap(({ Key }) => Key ?? []);
        if (keys.length > 0) await drop(keys);
      }
    },
    close: () => client.destroy(),
  };
}
