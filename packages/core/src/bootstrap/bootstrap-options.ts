import type { AttributeKey } from '../attribute-key.ts';
import type { Channel, Handler, OutboundBytes } from '../contract.ts';
import { OptionError } from '../errors.ts';

/** Builds the pipeline of one channel: called for each, with handlers made anew. */
// biome-ignore lint/suspicious/noExplicitAny: what it returns is not looked at
export type ChannelInitializer = (channel: Channel<Buffer, OutboundBytes>) => any;

/** The attributes that a bootstrap gives its channels. */
export type AttributeTable = ReadonlyMap<AttributeKey<unknown>, unknown>;

/** Fails with the name of the part that is missing. */
export function required<T>(part: T | undefined, call: string): T {
  if (part !== undefined) return part;
  throw new OptionError('OPTION_CONFLICT', `${call} is missing: nothing would build the pipeline`, {
    option: call,
  });
}

/** An initializer is a function; a handler instance could serve one channel only. */
export function checkInitializer(call: string, initialize: unknown): void {
  if (typeof initialize === 'function') return;
  const type = (initialize as Handler | null)?.constructor?.name ?? String(initialize);
  throw new OptionError(
    'OPTION_INVALID',
    `${call} takes a function that builds the pipeline of a channel, but got ${type}: ` +
      `${call}((channel) => channel.pipeline.addLast(new ${type}(…)))`,
    { option: call },
  );
}
