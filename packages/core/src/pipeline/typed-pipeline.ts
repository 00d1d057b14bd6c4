/**
 * The types by which the compiler checks a pipeline, for who writes a function around `addLast` or a template:
 * `TypedPipeline.ReadAfter`. One name in the entry, because they mean little by themselves.
 *
 * @module
 */
export type * from '../handler-chain.ts';
export type * from '../handler-types.ts';
export type {
  FittingSources,
  Made,
  MadeOf,
  ServesAll,
  ServesOneChannel,
} from './pipeline-template.ts';
