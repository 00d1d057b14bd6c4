import type { Channel, Handler } from '@headrace/core';
import {
  AuthHandler,
  IdleCloseHandler,
  IdleStateHandler,
  ReadWhenWritable,
} from '@headrace/handlers';
import { isControl, REFUSED, WELCOME } from '../wire/control-message.ts';
import type { PacketServerHandler } from './packet-server-handler.ts';
import type { ServerSettings } from './server-options.ts';

/**
 * Fills the pipeline of an accepted connection.
 *
 * ```text
 *  wire | frame | codec | heartbeat | idle | auth | read when writable | packets
 * ```
 */
export function buildServerPipeline(
  { pipeline }: Channel,
  settings: ServerSettings,
  packets: PacketServerHandler,
): void {
  for (const handler of settings.handlers()) pipeline.addLast(handler);
  const { idleMs, authenticate } = settings;
  if (idleMs !== false) {
    pipeline.addLast(
      new IdleStateHandler({ allIdleMs: idleMs }),
      new IdleCloseHandler({ state: 'all' }),
    );
  }
  if (authenticate !== undefined) pipeline.addLast(authHandler(authenticate, settings));
  pipeline.addLast(new ReadWhenWritable(), packets);
}

function authHandler(
  authenticate: NonNullable<ServerSettings['authenticate']>,
  { authTimeoutMs }: ServerSettings,
): Handler {
  return new AuthHandler({
    authenticate: (message: unknown, attempt) =>
      authenticate((message as { readonly data?: unknown }).data, attempt),
    isCredentials: (message) => isControl(message, 'credentials'),
    timeoutMs: authTimeoutMs,
    replies: { accepted: () => WELCOME, refused: () => REFUSED },
  });
}
