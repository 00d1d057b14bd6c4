// The handlers of the chat. Most are the framework's own, with the words of the chat's protocol.
import {
  type Context,
  DecodeError,
  DrainEvent,
  type Group,
  type Handler,
  isHeadraceError,
  type Types,
} from '@headrace/core';
import {
  AuthHandler,
  BroadcastHandler,
  EchoHandler,
  IdleCloseHandler,
  IdleStateHandler,
  type Sessions,
} from '@headrace/handlers';
import { inject, injectable } from '@headrace/inject';
import { Authenticator } from './authenticator.ts';
import { idOf, MEMBERS, type Member, SESSIONS } from './members.ts';
import { AUTH_TIMEOUT_MS, type ChatSettings, SETTINGS } from './settings.ts';

/** Fires an event when no message came for too long. */
@injectable()
export class ChatIdleHandler extends IdleStateHandler {
  constructor(@inject(SETTINGS) { readerIdleSeconds }: ChatSettings) {
    super({ readerIdleMs: readerIdleSeconds * 1000 });
  }
}

/** Ends the connection on that event. */
@injectable()
export class ChatIdleCloseHandler extends IdleCloseHandler<string> {
  constructor() {
    super({ lastWord: () => 'ERR:IDLE_TIMEOUT' });
  }
}

/** Writes the reason before the connection ends: the peer broke the protocol, or the server shuts down. */
@injectable()
export class LastWordsHandler implements Handler {
  declare readonly types: Types<{ writes: string }>;

  exceptionCaught(ctx: Context, error: Error): void {
    if (!(error instanceof DecodeError)) {
      ctx.fireExceptionCaught(error);
      return;
    }
    if (isHeadraceError(error, 'FRAME_TOO_LONG')) ctx.write('ERR:TOO_LONG');
    else if (isHeadraceError(error, 'TEXT_NOT_UTF8')) ctx.write('ERR:BAD_UTF8');
    ctx.channel.end({ reason: 'bad-input' });
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof DrainEvent) event.lastWord(() => ctx.write('BYE'));
    ctx.fireUserEventTriggered(event);
  }
}

/** Removes white space at both ends of each text, and drops empty texts. */
@injectable()
export class TrimHandler implements Handler {
  declare readonly types: Types<{ reads: string; passesOn: string }>;

  channelRead(ctx: Context, text: string): void {
    const trimmed = text.trim();
    if (trimmed !== '') ctx.fireChannelRead(trimmed);
  }
}

/** Lets only members through: a connection signs in with `AUTH:<id>` and joins the group. */
@injectable()
export class ChatAuthHandler extends AuthHandler<string, Member, string> {
  constructor(
    @inject(Authenticator) authenticator: Authenticator,
    @inject(MEMBERS) group: Group<string>,
    @inject(SESSIONS) sessions: Sessions<Member>,
    @inject(AUTH_TIMEOUT_MS) timeoutMs: number,
  ) {
    super({
      isCredentials: (text) => authenticator.isCredentials(text),
      authenticate: (text, attempt) => authenticator.authenticate(text, attempt),
      group,
      sessions,
      duplicatePolicy: 'kick-older',
      again: 'refuse',
      timeoutMs,
      replies: {
        accepted: () => 'AUTH_OK',
        refused: () => 'ERR:AUTH_FAILED',
        unauthenticated: () => 'ERR:UNAUTH',
        timedOut: () => 'ERR:AUTH_TIMEOUT',
        kicked: () => 'ERR:KICKED',
        again: () => 'ERR:ALREADY_AUTH',
      },
    });
  }
}

/** Answers each text with an echo, and passes the text on. */
@injectable()
export class ChatEchoHandler extends EchoHandler<string, string> {
  constructor() {
    super({ reply: echoOf });
  }
}

/** Sends each text to all other members. */
@injectable()
export class ChatBroadcastHandler extends BroadcastHandler<string, string> {
  constructor(@inject(MEMBERS) members: Group<string>) {
    super(members, { format: (text, sender) => messageOf(idOf(sender), text), passOn: false });
  }
}

/** The reply to a member's text. */
export function echoOf(text: string): string {
  return `ECHO:${text}`;
}

/** The same text for the other members. */
export function messageOf(id: string, text: string): string {
  return `MSG:${id}:${text}`;
}
