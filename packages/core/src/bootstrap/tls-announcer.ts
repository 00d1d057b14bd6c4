import { transportOf } from '../channel/transport-of.ts';
import type { TlsInfo } from '../contract/connection.ts';
import type { Channel, Context, Handler } from '../contract.ts';
import { PEER_CERTIFICATE, TLS, TlsHandshakeEvent } from './tls-event.ts';

/**
 * The first handler of a channel with TLS until the handshake is complete. The handler sets the attributes before
 * `channelActive`, fires the event after `channelActive`, and then removes itself.
 */
export class TlsAnnouncer implements Handler {
  private readonly failed: ((ctx: Context) => void) | undefined;
  private wasActive = false;

  /** @param failed - callback for a channel that closed before it was active */
  constructor(failed?: (ctx: Context) => void) {
    this.failed = failed;
  }

  channelActive(ctx: Context): void {
    this.wasActive = true;
    const info = tlsInfoOf(ctx);
    if (info !== undefined) setTlsAttributes(ctx, info);
    ctx.fireChannelActive();
    if (info !== undefined && ctx.channel.isActive) {
      ctx.fireUserEventTriggered(new TlsHandshakeEvent(info));
    }
    ctx.pipeline.removeIfExists(this);
  }

  channelUnregistered(ctx: Context): void {
    if (!this.wasActive) this.failed?.(ctx);
    ctx.fireChannelUnregistered();
  }
}

/**
 * Builds a pipeline whose first handler is an announcer, so that the attributes are set before any handler is active.
 *
 * @param failed - callback for a channel that closed before it was active
 */
export function buildSecure(
  channel: Channel,
  build: (channel: Channel) => void,
  failed?: (ctx: Context) => void,
): void {
  channel.pipeline.addLast(new TlsAnnouncer(failed));
  build(channel);
}

/** Keeps the results of the handshake in the channel's attributes. */
export function setTlsAttributes(ctx: Pick<Context, 'channel'>, info: TlsInfo): void {
  const { attributes } = ctx.channel;
  attributes.set(TLS, info);
  if (info.isPeerVerified) attributes.set(PEER_CERTIFICATE, info.peerCertificate);
}

function tlsInfoOf(ctx: Context): TlsInfo | undefined {
  return transportOf(ctx.channel)?.tls;
}
