import type { AttributeKey } from '../attribute-key.ts';
import type { Channel, OutboundBytes, Pipeline } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { isClass } from '../internal/is-class.ts';
import { PipelineTemplate } from '../pipeline/pipeline-template.ts';

/**
 * Builds the pipeline of one channel: called for each, with handlers made anew. If it returns what `addLast`
 * returned, the channel's message types are known afterwards.
 *
 * @typeParam R - what the pipeline's last handler passes on
 * @typeParam W - what may be written to it
 * @typeParam From - what the transport reads
 * @typeParam To - what the transport takes
 */
export type ChannelInitializer<R = unknown, W = unknown, From = Buffer, To = OutboundBytes> =
  | ((channel: Channel<From, To>) => Pipeline<R, W> | void)
  | PipelineTemplate<R, W>;

/** The initializer as a function. */
export function toFunction(initialize: ChannelInitializer): (channel: Channel) => void {
  if (initialize instanceof PipelineTemplate) return (channel) => initialize.initialize(channel);
  return initialize as (channel: Channel) => void;
}

/** The attributes that a bootstrap gives its channels. */
export type AttributeTable = ReadonlyMap<AttributeKey<unknown>, unknown>;

/** Fails with the name of the part that is missing. */
export function required<T>(part: T | undefined, call: string): T {
  if (part !== undefined) return part;
  throw new OptionError('OPTION_CONFLICT', `${call} is missing: nothing would build the pipeline`, {
    option: call,
  });
}

/** An initializer is a function; a handler instance could serve one channel only, a class cannot be called. */
export function checkInitializer(call: string, initialize: unknown): void {
  if (initialize instanceof PipelineTemplate) return;
  if (typeof initialize === 'function' && !isClass(initialize)) return;
  const [given, handlers] = wrongInitializer(initialize);
  throw new OptionError(
    'OPTION_INVALID',
    `${call} takes a function that builds the pipeline of a channel, but got ${given}: ` +
      `${call}((channel) => channel.pipeline.addLast(${handlers}))`,
    { option: call },
  );
}

/** What was given, and how to write it in the function that it should be. */
function wrongInitializer(given: unknown): readonly [given: string, handlers: string] {
  if (isClass(given)) return [`the class ${given.name}`, `new ${given.name}(…)`];
  if (Array.isArray(given)) return ['an array', '...handlers'];
  const name = (given as object | null | undefined)?.constructor?.name;
  if (typeof given === 'object' && name !== undefined && name !== 'Object') {
    return [name, `new ${name}(…)`];
  }
  return [typeof given === 'object' && given !== null ? 'an object' : String(given), '…'];
}
