import { ApiObject, type ApiObjectMetadata } from "cdk8s";
import type { Construct } from "constructs";
import { z } from "zod";
import { type ClusterSpecInput, clusterSpecSchema } from "../operator/api/cluster.ts";
import { API_VERSION } from "../operator/api/group.ts";

export type HmnClusterProps = {
  readonly metadata: ApiObjectMetadata & { readonly name: string };
  /** As a person would write it: what is left out gets the API server's defaults. */
  readonly spec: ClusterSpecInput;
};

/**
 * An HmnCluster. Throws where a field has a wrong form, as the API server would refuse it; rules that span several
 * fields (CEL) are checked by the API server alone.
 */
export class HmnCluster extends ApiObject {
  /** Name of the network, part of every validator's transport identity. */
  readonly network: string;
  readonly validators: number;

  constructor(scope: Construct, id: string, { metadata, spec }: HmnClusterProps) {
    const parsed = clusterSpecSchema.safeParse(spec);
    if (!parsed.success) throw new Error(`HmnCluster ${metadata.name}: ${z.prettifyError(parsed.error)}`);
    super(scope, id, { apiVersion: API_VERSION, kind: "HmnCluster", metadata, spec });
    this.network = parsed.data.network;
    this.validators = parsed.data.validators.replicas;
  }

  /** ConfigMap with the CA that clients verify validators against (key `ca.crt`); the operator makes it. */
  get caConfigMap(): string {
    return `${this.name}-ca`;
  }

  /** Where clients reach each validator, as `hmn-node load --targets` takes it: host:port/servername. */
  targets(namespace: string, clientPort: number): readonly string[] {
    return Array.from(
      { length: this.validators },
      (_, id) => `${this.name}-${id}.${namespace}.svc:${clientPort}/${id}.${this.network}`,
    );
  }
}
