// expect: 'pasesOn'
import type { Handler, Types } from '@headrace/core';

export class Upper implements Handler {
  declare readonly types: Types<{ reads: string; pasesOn: string }>;
}
