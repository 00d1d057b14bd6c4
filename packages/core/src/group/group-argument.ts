import type { ChannelMatcher } from '../contract/group.ts';
import type { Channel } from '../contract.ts';

/** Refuses a value that is not a channel, for example a context. */
export function checkMember(call: string, value: Channel): void {
  if (isChannel(value)) return;
  const inside = (value as { readonly channel?: unknown } | null | undefined)?.channel;
  const hint = isChannel(inside) ? '; give its channel: ctx.channel' : '';
  throw new TypeError(`${call} takes a channel, but got ${kindOf(value)}${hint}`);
}

/** Refuses a value that is not a function, for example a channel to leave out. */
export function checkMatcher(value: ChannelMatcher): void {
  if (typeof value === 'function') return;
  const hint = isChannel(value) ? ': ChannelMatchers.is(channel) or isNot(channel)' : '';
  throw new TypeError(`a matcher is a function of a channel, but got ${kindOf(value)}${hint}`);
}

function isChannel(value: unknown): boolean {
  return typeof (value as Partial<Channel> | null | undefined)?.onClosed === 'function';
}

function kindOf(value: unknown): string {
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === 'function') return `the function or class ${value.name}`.trimEnd();
  if (typeof value !== 'object' || value === null) return String(value);
  if (isChannel(value)) return 'a channel';
  const name = value.constructor?.name ?? 'Object';
  return name === 'Object' ? 'an object' : `an object of the class ${name}`;
}
