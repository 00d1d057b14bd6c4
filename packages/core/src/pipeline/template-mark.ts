import type { Channel } from '../contract.ts';

/** The mark of a template. `instanceof` would load the class, which a page without templates does not need. */
export const TEMPLATE: unique symbol = Symbol('template');

/** A `PipelineTemplate` of this copy of the package. */
export interface Template {
  readonly [TEMPLATE]: true;
  initialize(channel: Channel): unknown;
}

/** Returns true for a `PipelineTemplate` of this copy of the package. */
export function isTemplate(value: unknown): value is Template {
  return typeof value === 'object' && value !== null && TEMPLATE in value;
}
