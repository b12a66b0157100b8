import { readFileSync } from "node:fs";
import { Agent, type RequestOptions } from "node:https";

/** How to reach and convince an API server. */
export type Connection = {
  readonly server: URL;
  /** Namespace of the caller: the pod's own, or the context's. */
  readonly namespace: string;
  /** Headers and agent of the next request; tokens on disk are read again as they rotate. */
  readonly options: () => Promise<Pick<RequestOptions, "headers" | "agent" | "auth">>;
};

/** The kubelet renews a bound token at 80 % of its life, which is never under ten minutes. */
const REREAD_MS = 60_000;
const agentOptions = { keepAlive: true, maxSockets: 64, scheduling: "lifo" } as const;

/**
 * The pod's own API server. Read here and not by the client library, because importing its KubeConfig loads all of its
 * generated models, 86 MB of memory that a pod never uses.
 */
export function connectInCluster(environment: NodeJS.ProcessEnv, folder: string, now = Date.now): Connection {
  const host = environment.KUBERNETES_SERVICE_HOST;
  if (host === undefined) throw new Error("KUBERNETES_SERVICE_HOST is not set: not in a pod, so give --kubeconfig");
  const port = environment.KUBERNETES_SERVICE_PORT ?? "443";
  let ca = "";
  let token = "";
  let agent = new Agent(agentOptions);
  let readAt = Number.NEGATIVE_INFINITY;
  const read = () => {
    token = readFileSync(`${folder}/token`, "utf8").trim();
    const bundle = readFileSync(`${folder}/ca.crt`, "utf8");
    if (bundle !== ca) {
      ca = bundle;
      agent = new Agent({ ...agentOptions, ca });
    }
    readAt = now();
  };
  read();
  return {
    server: new URL(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
    namespace: readFileSync(`${folder}/namespace`, "utf8").trim(),
    options: async () => {
      if (now() - readAt >= REREAD_MS) read();
      return { headers: { authorization: `Bearer ${token}` }, agent };
    },
  };
}

/** A context of a kubeconfig file, by default the current one of the default file: certificates, tokens, exec plugins, proxies. */
export async function connectByKubeconfig(file?: string, context?: string): Promise<Connection> {
  const { KubeConfig } = await import("@kubernetes/client-node/dist/config.js");
  const config = new KubeConfig();
  if (file === undefined) config.loadFromDefault();
  else config.loadFromFile(file);
  if (context !== undefined) {
    if (config.getContextObject(context) === null)
      throw new Error(`the kubeconfig has no context ${context}: kubectl config get-contexts`);
    config.setCurrentContext(context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new Error(`the kubeconfig ${file ?? ""} has no current context: kubectl config use-context`);
  // Without any kubeconfig the library answers with a plain-text server on this machine.
  if (!cluster.server.startsWith("https:"))
    throw new Error(`no API server over HTTPS (found ${cluster.server}): give --kubeconfig, or set KUBECONFIG`);
  // The library's agents open a connection for each request; ours keep theirs, until the credentials change.
  let known = "";
  let ours: Agent | undefined;
  return {
    server: new URL(cluster.server),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? "default",
    options: async () => {
      // Asks an exec plugin again when its token has expired.
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      const { headers, auth, ca, cert, key, servername, rejectUnauthorized } = options;
      const tls = { ca, cert, key, servername, rejectUnauthorized };
      const credentials = JSON.stringify(tls);
      if (ours === undefined || credentials !== known) {
        const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
        ours = new Agent({ ...agentOptions, ...given });
        known = credentials;
      }
      const agent = cluster.proxyUrl === undefined ? ours : options.agent;
      return {
        ...(headers === undefined ? {} : { headers }),
        ...(agent === undefined ? {} : { agent }),
        ...(auth === undefined ? {} : { auth }),
      };
    },
  };
}

/** In a pod: its own API server, by the account in this folder. Elsewhere, or when a file is named: the kubeconfig. */
export async function connect(
  environment: NodeJS.ProcessEnv,
  { kubeconfig, serviceAccount }: { readonly kubeconfig: string | undefined; readonly serviceAccount: string },
): Promise<Connection> {
  if (kubeconfig === undefined && environment.KUBERNETES_SERVICE_HOST !== undefined) {
    return connectInCluster(environment, serviceAccount);
  }
  return connectByKubeconfig(kubeconfig);
}
