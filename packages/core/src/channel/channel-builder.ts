import type { OutboundBytes } from '../contract/outbound-bytes.ts';
import type { Channel, Pipeline } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { type AbsentOf, type OptionKind } from '../option/option-kind.ts';
import type { PipelineTemplate } from '../pipeline/pipeline-template.ts';
import { isTemplate } from '../pipeline/template-mark.ts';
import { checkBuilder } from './initializer.ts';

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
  | PipelineTemplate<R, W, From, To>;

/** A function of a channel and at most one more argument, or a template, that builds a pipeline. */
export type PipelineBuilder =
  | ((channel: never, second: never) => unknown)
  | { initialize(channel: Channel): unknown };

/** A checked initializer. The second argument is one that an option adds, such as the request of a WebSocket. */
export type ChannelBuilder = (channel: Channel, second?: unknown) => void;

/**
 * Checks an initializer, and returns it as a function.
 *
 * @param where - the method (`.handler`) or the option that received it, for the text of the error
 * @throws OptionError `OPTION_INVALID` if the initializer is neither a function nor a template
 */
export function builderOf(where: string, initialize: unknown): ChannelBuilder {
  if (isTemplate(initialize)) return (channel) => void initialize.initialize(channel);
  checkBuilder(where, initialize);
  return (channel, second) => {
    const built = (initialize as (channel: Channel, second: unknown) => unknown)(channel, second);
    if (isTemplate(built)) throw templateReturned(where);
    // The caller handles a returned promise.
    return built as void;
  };
}

/**
 * Describes an option that builds the pipeline of a channel: a function, whose rejection the caller handles, or a template.
 *
 * @param whose - the channel, with its article: `a WebSocket`
 */
export function builder<A extends { readonly required?: true }>(
  whose: string,
  options: A = {} as A,
): OptionKind<PipelineBuilder, ChannelBuilder, AbsentOf<A>> {
  return {
    check: (name, given) => builderOf(name, given),
    answers: 'async',
    allowed: `a function or a template that builds the pipeline of ${whose}`,
    absent: undefined as AbsentOf<A>,
    isRequired: options.required ?? false,
    isPlain: false,
  };
}

function templateReturned(where: string): OptionError {
  return new OptionError(
    'OPTION_INVALID',
    'the function returned a pipeline() and added nothing: pass the pipeline() itself, without a function around it',
    { option: where },
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
