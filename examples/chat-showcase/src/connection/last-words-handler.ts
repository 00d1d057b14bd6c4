import {
  type Context,
  DecodeError,
  DrainEvent,
  type Handler,
  isHeadraceError,
  type Types,
} from '@headrace/core';
import { inject, injectable } from '@headrace/inject';
import { PeerLog } from '../room/peer-log.ts';

/** Says why before the connection ends: because the peer broke the protocol, or the server shuts down. */
@injectable()
export class LastWordsHandler implements Handler {
  declare readonly types: Types<{ writes: string }>;
  private readonly log: PeerLog;

  constructor(@inject(PeerLog) log: PeerLog) {
    this.log = log;
  }

  exceptionCaught(ctx: Context, error: Error): void {
    if (!(error instanceof DecodeError)) {
      ctx.fireExceptionCaught(error);
      return;
    }
    this.log.blame(ctx.channel, error);
    const word = wordFor(error);
    if (word !== undefined) ctx.write(word);
    ctx.channel.end({ reason: 'bad-input' });
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof DrainEvent) event.lastWord(() => ctx.write('BYE'));
    ctx.fireUserEventTriggered(event);
  }
}

function wordFor(error: DecodeError): string | undefined {
  if (isHeadraceError(error, 'FRAME_TOO_LONG')) return 'ERR:TOO_LONG';
  if (isHeadraceError(error, 'TEXT_NOT_UTF8')) return 'ERR:BAD_UTF8';
  return undefined;
}
