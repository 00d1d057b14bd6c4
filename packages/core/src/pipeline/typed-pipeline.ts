/**
 * The types by which the compiler checks a pipeline, for functions around `addLast` or a template, for example
 * `TypedPipeline.ReadAfter`. They share one name in the entry, because they are of little use alone.
 *
 * @module
 */
export type * from '../contract/handler-chain.ts';
export type * from '../contract/handler-types.ts';
export type {
  FittingSources,
  Made,
  MadeOf,
  ServesAll,
  ServesOneChannel,
} from './pipeline-template.ts';
