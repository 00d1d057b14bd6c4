// The handlers after every framing, as the container makes them: the framework's, with the chat's words.
import type { Channel, Context, Handler, Pipeline } from '@headrace/core';
import {
  AuthFailedEvent,
  AuthHandler,
  BroadcastHandler,
  EchoHandler,
  FlowControlHandler,
  HeartbeatHandler,
  IdleCloseHandler,
  IdleStateHandler,
} from '@headrace/handlers';
import { CHANNEL, type ChannelScope, inject, injectable, token } from '@headrace/inject';
import { Authenticator } from '../room/authenticator.ts';
import { idOf, type Member, WAY, type Way } from '../room/member.ts';
import { PeerLog } from '../room/peer-log.ts';
import { Room } from '../room/room.ts';
import { SETTINGS, type Settings } from '../settings/settings.ts';
import { LastWordsHandler } from './last-words-handler.ts';
import { TrimHandler } from './trim-handler.ts';
import { WhoHandler } from './who-handler.ts';

/** Makes the handlers of further commands, which members alone may give; between those of `WHO` and of messages. */
export const FURTHER_COMMANDS =
  token<(scope: ChannelScope) => readonly Handler[]>('furtherCommands');

/** When, by the channel's clock, whoever is not signed in has to go. */
export const AUTH_DEADLINE = token<number>('authDeadline');

@injectable()
export class ChatIdleHandler extends IdleStateHandler {
  constructor(@inject(SETTINGS) { readerIdleSeconds }: Settings) {
    super({ readerIdleMs: readerIdleSeconds * 1000 });
  }
}

@injectable()
export class ChatIdleCloseHandler extends IdleCloseHandler<string> {
  constructor() {
    super({ lastWord: () => 'ERR:IDLE_TIMEOUT' });
  }
}

@injectable()
export class ChatAuthHandler extends AuthHandler<Member, string, string> {
  constructor(
    @inject(Authenticator) authenticator: Authenticator,
    @inject(Room) room: Room,
    @inject(CHANNEL) channel: Channel,
    @inject(AUTH_DEADLINE) deadline: number,
  ) {
    super({
      isCredentials: (text) => authenticator.isCredentials(text),
      authenticate: (text, attempt) => authenticator.authenticate(text, attempt),
      group: room.members,
      sessions: room.sessions,
      duplicatePolicy: 'kick-older',
      again: 'refuse',
      timeoutMs: Math.max(1, deadline - channel.clock.now()),
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

@injectable()
export class ChatEchoHandler extends EchoHandler<string, string> {
  constructor(@inject(Room) room: Room) {
    // Members that leave first would miss what is said now: a text that is not echoed was not said.
    super({ reply: (text) => (room.isClosing ? undefined : `ECHO:${text}`) });
  }
}

@injectable()
export class ChatBroadcastHandler extends BroadcastHandler<string, string> {
  constructor(@inject(Room) room: Room) {
    super(room.talk, {
      format: (text, sender) => {
        if (room.isClosing) return undefined;
        room.introduce(sender);
        room.said(idOf(sender), text);
        return `MSG:${idOf(sender)}:${text}`;
      },
      passOn: false,
    });
  }
}

/** The last one: keeps for the log why somebody was not let in. */
@injectable()
export class BlameHandler implements Handler {
  private readonly log: PeerLog;

  constructor(@inject(PeerLog) log: PeerLog) {
    this.log = log;
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof AuthFailedEvent && !event.stays) this.log.blame(ctx.channel, event.error);
    ctx.fireUserEventTriggered(event);
  }
}

/** Adds what is the same for all three ways in; who misbehaves gets a line in the log. */
export function addChat(scope: ChannelScope, texts: Pipeline<string, string>, way: Way): void {
  scope.channel.attributes.set(WAY, way);
  scope.resolve(PeerLog).watch(scope.channel);
  texts.addLast(
    scope.resolve(ChatIdleHandler),
    scope.resolve(ChatIdleCloseHandler),
    scope.resolve(LastWordsHandler),
    scope.resolve(TrimHandler),
    scope.resolve(HeartbeatHandler<string>),
    // Whoever talks faster than a full room can hear waits, with all that came in the same read.
    scope.resolve(FlowControlHandler),
    scope.resolve(ChatAuthHandler),
    scope.resolve(WhoHandler),
  );
  for (const handler of scope.resolve(FURTHER_COMMANDS)(scope)) texts.addLast(handler);
  texts.addLast(
    scope.resolve(ChatEchoHandler),
    scope.resolve(ChatBroadcastHandler),
    scope.resolve(BlameHandler),
  );
}
