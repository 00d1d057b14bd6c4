import type { Context, WriteFuture } from '../contract.ts';
import { allSettled } from '../future/all-settled.ts';
import { coreOf } from './transport-channel.ts';

/**
 * Writes the parts of one message. A handler that writes after a change of the writability is called after the last
 * part, so that no other message comes between the parts.
 */
export function writeTogether(ctx: Context, parts: readonly unknown[]): WriteFuture {
  const write = (): WriteFuture => allSettled(parts.map((part) => ctx.write(part)));
  const core = coreOf(ctx.channel);
  return core === undefined ? write() : core.output.writeTogether(write);
}
