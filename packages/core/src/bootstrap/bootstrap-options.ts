import { checkBuilder } from '../channel/initializer.ts';
import type { Channel, OutboundBytes, Pipeline } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { PipelineTemplate } from '../pipeline/pipeline-template.ts';

/**
 * Builds the pipeline of one channel: called for each, with new handlers. If it returns what `addLast`
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
  return (channel) => {
    const built = (initialize as (channel: Channel) => unknown)(channel);
    if (built instanceof PipelineTemplate) throw templateReturned();
    // A promise is looked at by the caller.
    return built as void;
  };
}

function templateReturned(): OptionError {
  return new OptionError(
    'OPTION_INVALID',
    'the function returned a pipeline() and added nothing: pass the pipeline() itself, without a function around it',
    { option: 'childHandler' },
  );
}

/**
 * Returns a part of a bootstrap.
 *
 * @throws OptionError `OPTION_CONFLICT` with the name of the call, if the part is missing
 */
export function required<T>(part: T | undefined, call: string): T {
  if (part !== undefined) return part;
  throw new OptionError('OPTION_CONFLICT', `${call} is missing: nothing would build the pipeline`, {
    option: call,
  });
}

/**
 * Checks what builds a pipeline.
 *
 * @throws OptionError `OPTION_INVALID` if it is neither a function nor a template
 */
export function checkInitializer(call: string, initialize: unknown): void {
  if (!(initialize instanceof PipelineTemplate)) checkBuilder(call, initialize);
}
