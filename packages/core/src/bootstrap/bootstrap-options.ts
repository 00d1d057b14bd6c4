import { checkBuilder } from '../channel/initializer.ts';
import type { Channel, OutboundBytes, Pipeline } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { PipelineTemplate } from '../pipeline/pipeline-template.ts';

/**
 * A function or template that builds the pipeline of one channel. A function is called for each channel and adds new
 * handlers. If the function returns the result of `addLast`, the compiler then knows the channel's message types.
 *
 * @typeParam R - type of the messages that the pipeline's last handler passes on
 * @typeParam W - type of the messages that can be written to the pipeline
 * @typeParam From - type of the messages that the transport reads
 * @typeParam To - type of the messages that the transport accepts
 */
export type ChannelInitializer<R = unknown, W = unknown, From = Buffer, To = OutboundBytes> =
  | ((channel: Channel<From, To>) => Pipeline<R, W> | void)
  | PipelineTemplate<R, W>;

/**
 * Checks an initializer, and returns it as a function.
 *
 * @param call - the method or option that received it, for the text of the error
 * @throws OptionError `OPTION_INVALID` if the initializer is neither a function nor a template
 */
export function builderOf(call: string, initialize: unknown): (channel: Channel) => void {
  if (initialize instanceof PipelineTemplate) return (channel) => initialize.initialize(channel);
  checkBuilder(call, initialize);
  return (channel) => {
    const built = (initialize as (channel: Channel) => unknown)(channel);
    if (built instanceof PipelineTemplate) throw templateReturned();
    // The caller handles a returned promise.
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
