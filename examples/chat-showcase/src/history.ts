// The last messages of the room, for pages that come, or come back.
import { randomBytes } from 'node:crypto';
import type { Context, Group, Handler, Types } from '@headrace/core';
import { principalOf } from '@headrace/handlers';
import type { WebSocketInput, WebSocketOutput } from '@headrace/websocket';

/** A message that was said in the room. */
export interface Said {
  readonly id: string;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** The last messages, the oldest first; the last one has the number `total`. */
export interface Recent {
  /** Numbers of one epoch can be compared. */
  readonly epoch: string;
  readonly total: number;
  readonly messages: readonly Said[];
}

/** Keeps the messages for members that join later. */
export interface RoomHistory {
  add(said: Said): void;
  latest(): Recent | Promise<Recent>;
}

export const MAX_MESSAGES = 50;
const MAX_BYTES = 64 * 1024;

/** The newest of these messages, the oldest first: at most 50, and at most 64 KiB of them. */
export function newest(messages: readonly Said[]): Said[] {
  let bytes = 0;
  const kept: Said[] = [];
  for (const said of messages.slice(-MAX_MESSAGES).reverse()) {
    bytes += Buffer.byteLength(said.id) + Buffer.byteLength(said.text);
    if (bytes > MAX_BYTES) break;
    kept.unshift(said);
  }
  return kept;
}

/** The history of a room of this process. */
export class History implements RoomHistory {
  /** Differs from one start of the server to the next: numbers count from zero again. */
  private readonly epoch = randomBytes(4).toString('hex');
  private messages: readonly Said[] = [];
  private total = 0;

  add(said: Said): void {
    this.total += 1;
    this.messages = newest([...this.messages, said]);
  }

  latest(): Recent {
    const { epoch, total, messages } = this;
    return { epoch, total, messages };
  }
}

/** What a question needs of the room. */
export interface TalkingRoom {
  readonly talk: Group<string>;
  readonly history: RoomHistory;
}

/** The page's question, in a binary message: no text of a member can be taken for it. */
const QUESTION = 'history';

/**
 * Answers a member's binary message `history` with the last messages, as JSON in a binary message: once for each
 * connection, after all that was said before the question.
 *
 * - **Place** first on a WebSocket, before the codec that refuses binary messages: all others, and those of strangers.
 */
export class HistoryHandler implements Handler {
  declare readonly types: Types<{
    reads: WebSocketInput;
    passesOn: WebSocketInput;
    writes: WebSocketOutput;
  }>;
  private readonly room: TalkingRoom;
  private wasAsked = false;

  constructor(room: TalkingRoom) {
    this.room = room;
  }

  channelRead(ctx: Context, message: WebSocketInput): void {
    const isMember = principalOf(ctx.channel) !== undefined;
    if (typeof message === 'string' || !isMember || message.toString() !== QUESTION) {
      ctx.fireChannelRead(message);
    } else if (!this.wasAsked) {
      this.wasAsked = true;
      this.room.talk.onceDrained(() => void this.answer(ctx));
    }
  }

  private async answer(ctx: Context): Promise<void> {
    const recent = this.room.history.latest();
    // Without a turn in between, if it is here: what is said next has the next number.
    const { epoch, total, messages } = recent instanceof Promise ? await recent : recent;
    if (!ctx.channel.isActive || ctx.channel.isEnding) return;
    ctx.writeAndFlush(Buffer.from(JSON.stringify({ epoch, total, messages })));
  }
}
