/** The mark of a template. `instanceof` would load the class, which a page without templates does not need. */
export const TEMPLATE: unique symbol = Symbol('template');

/** Returns true for a `PipelineTemplate` of this copy of the package. */
export function isTemplate(value: object): boolean {
  return TEMPLATE in value;
}
