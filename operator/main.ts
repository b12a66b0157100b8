import { runOperator } from "./process.ts";
import { decide } from "./reconcile/decide.ts";

runOperator(decide);
