// When to try again
export { type ExponentialOptions, exponential } from './retry/exponential.ts';
export { type FixedOptions, fixed } from './retry/fixed.ts';
export { RetryBudget, type RetryBudgetOptions } from './retry/retry-budget.ts';
export type { RetryPolicy, RetryRound } from './retry/retry-policy.ts';
export { type SpreadOptions, spread } from './retry/spread.ts';
