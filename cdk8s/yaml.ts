import type { Chart } from "cdk8s";
import { Document, isMap, isPair, isScalar, type Pair, visit } from "yaml";
import { assert } from "../node/base/assert.ts";

/** Remarks for readers of a YAML file: above the file, and above fields by their path ("spec.rollout"). */
export type Remarks = { readonly head: readonly string[]; readonly fields?: Readonly<Record<string, string>> };

/** What a reader looks for first in any object. */
const FIRST = ["apiVersion", "kind", "metadata", "name", "namespace"];

/** The objects of a chart, written as a person would write them. */
export function chartYaml(chart: Chart, { head, fields = {} }: Remarks): string {
  const unplaced = new Map(Object.entries(fields));
  const documents = inWrittenOrder(() => chart.toJson()).map((object) => {
    const document = new Document(object, { aliasDuplicateObjects: false, version: "1.1" });
    visit(document, {
      Map: (_, map) => {
        map.items.sort((a, b) => rank(a) - rank(b));
      },
    });
    visit(document, {
      Pair: (_, pair, ancestors) => {
        const path = [...ancestors.filter(isPair), pair].map(keyOf).join(".");
        const remark = unplaced.get(path);
        if (remark === undefined || !isScalar(pair.key) || !isMap(ancestors.at(-1))) return;
        pair.key.commentBefore = ` ${remark}`;
        unplaced.delete(path);
      },
    });
    return document.toString({ lineWidth: 120 });
  });
  assert(unplaced.size === 0, `every remark has its field: ${[...unplaced.keys()].join(", ")}`);
  return `${head.map((line) => `# ${line}`.trimEnd()).join("\n")}\n${documents.join("---\n")}`;
}

const keyOf = ({ key }: Pair): string => (isScalar(key) ? String(key.value) : "");

function rank(pair: Pair): number {
  const place = FIRST.indexOf(keyOf(pair));
  return place < 0 ? FIRST.length : place;
}

/** cdk8s sorts keys unless this variable is set when it renders; sorted, `version` would come last. */
function inWrittenOrder<T>(render: () => T): T {
  const before = process.env.CDK8S_DISABLE_SORT;
  process.env.CDK8S_DISABLE_SORT = "true";
  try {
    return render();
  } finally {
    if (before === undefined) delete process.env.CDK8S_DISABLE_SORT;
    else process.env.CDK8S_DISABLE_SORT = before;
  }
}
