import { Buffer } from 'node:buffer';
import type { ChannelCore } from '../channel/channel-core.ts';
import { coreOf } from '../channel/transport-channel.ts';
import { replaceTransport } from '../channel/transport-replacement.ts';
import type { TlsInfo } from '../contract/connection.ts';
import type { Channel, Context, Handler, WriteFuture } from '../contract.ts';
import { DecodeError, PipelineError } from '../errors.ts';
import { SettableFuture } from '../future/settable-future.ts';
import { unchecked } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { TlsUpgradeEvent } from '../pipeline/tls-upgrade-event.ts';
import type { TlsClientContext } from '../transport/tls/tls-client-context.ts';
import type { TlsServerContext } from '../transport/tls/tls-server-context.ts';
import { TlsTransport } from '../transport/tls/tls-transport.ts';
import { setTlsAttributes } from './tls-announcer.ts';
import { TlsHandshakeEvent } from './tls-event.ts';

/** Options of {@link upgradeToTls}. */
export interface UpgradeToTlsOptions {
  /**
   * Input that was already read and belongs to TLS. Pass it only if the protocol lets the peer begin with TLS without
   * a request, for example after the header of a proxy. Never pass input that arrived after a request for TLS.
   * @default none
   */
  readonly received?: Buffer;
}

const OPTIONS = describeOptions('upgradeToTls', { received: unchecked() });

/**
 * Encrypts a connection that began without encryption (STARTTLS and similar protocols). The pipeline stays. Earlier
 * writes are sent in plain text, later writes are sent encrypted, and no write is lost. When the handshake is
 * complete, the future succeeds and a {@link TlsHandshakeEvent} passes the pipeline. If the handshake fails, the
 * future fails and the channel closes.
 *
 * Call the function with the context of the handler that reads the request (as a server, after the answer) or the
 * answer (as a client). Plain input after that message is from a sender that cannot be trusted. The upgrade is then
 * refused with `TLS_PLAINTEXT`, and the channel is closed. Decoders report held input through
 * {@link TlsUpgradeEvent}. A handler of your own that holds input should do the same.
 *
 * @example
 * ```ts
 * class StartTls implements Handler {
 *   channelRead(ctx: Context, line: string): void {
 *     if (line !== 'STARTTLS') return ctx.fireChannelRead(line);
 *     ctx.writeAndFlush('220 go ahead');
 *     upgradeToTls(ctx, tls);
 *   }
 * }
 * ```
 * @throws PipelineError `PIPELINE_STATE` if the channel has TLS already, is not open in both directions, or has no
 * transport of bytes
 * @see RFC 3207, CVE-2011-0411; Netty's `SslHandler` with `startTls`
 */
export function upgradeToTls(
  at: Context | Channel,
  side: TlsServerContext | TlsClientContext,
  options: UpgradeToTlsOptions = {},
): WriteFuture {
  const { received } = OPTIONS.resolve(options);
  const channel = 'handler' in at ? at.channel : at;
  const core = coreOf(channel);
  checkUpgradable(channel, core);
  core.output.flush();
  const replaced = replaceTransport(
    core,
    (plain) => new TlsTransport(plain, side, channel.clock, received),
  );
  const future = new SettableFuture();
  const guard = new PlaintextGuard(() => refuse(channel, future, 'a message'));
  replaced.onSettled((error) => {
    if (error === undefined) {
      channel.pipeline.removeIfExists(guard);
      announce(channel, core.transport.tls!, future);
    } else future.fail(channel.closeInfo?.error ?? closedDuring(channel, error));
  });
  if (replaced.error !== undefined) throw replaced.error;
  if ('handler' in at) channel.pipeline.addBefore(at.handler, guard);
  else channel.pipeline.addLast(guard);
  const event = new TlsUpgradeEvent();
  channel.pipeline.fireUserEventTriggered(event);
  if (event.heldBytes > 0 && channel.isOpen) refuse(channel, future, `${event.heldBytes} bytes`);
  return future;
}

function checkUpgradable(
  channel: Channel,
  core: ChannelCore | undefined,
): asserts core is ChannelCore {
  let why: string | undefined;
  if (core === undefined) why = 'it has no transport of this copy of core';
  else if (core.transport.tls !== undefined) why = 'it has TLS already';
  else if (core.transport.sizeOf(Buffer.alloc(1)) < 0) why = 'its transport takes no bytes';
  else if (!channel.isActive || channel.isInputShutdown || channel.isOutputShutdown) {
    why = 'it is not open in both directions';
  }
  if (why === undefined) return;
  throw new PipelineError('PIPELINE_STATE', `${channel} cannot change to TLS: ${why}`);
}

function announce(channel: Channel, info: TlsInfo, future: SettableFuture): void {
  setTlsAttributes({ channel }, info);
  future.succeed();
  if (channel.isActive) channel.pipeline.fireUserEventTriggered(new TlsHandshakeEvent(info));
}

function refuse(channel: Channel, future: SettableFuture, what: string): void {
  const text = `${what} came unencrypted after the request for TLS; closing`;
  const error = new DecodeError('TLS_PLAINTEXT', text);
  future.fail(error);
  channel.pipeline.fireExceptionCaught(error);
  channel.close('bad-input');
}

function closedDuring({ closeInfo }: Channel, error: Error): Error {
  if (closeInfo === undefined) return error;
  const text = `the channel closed (${closeInfo.reason}) before TLS`;
  return new PipelineError('PIPELINE_STATE', text);
}

/** A handler before the handler that requested TLS. Until the handshake is complete, no message may arrive. */
class PlaintextGuard implements Handler {
  private readonly refuse: () => void;
  private isRefused = false;

  constructor(refuse: () => void) {
    this.refuse = refuse;
  }

  channelRead(ctx: Context): void {
    // A decoder in the middle of a read continues after the close.
    if (this.isRefused || !ctx.channel.isOpen) return;
    this.isRefused = true;
    this.refuse();
  }
}
