import fc from "fast-check";

// The same examples in every run: what fails then, fails by what was changed. HMN_SEED=random draws others, for long runs.
const { HMN_SEED = "1" } = process.env;
if (HMN_SEED !== "random") fc.configureGlobal({ seed: Number(HMN_SEED) });

export { fc };
