import type { MessageCodec } from '@headrace/cluster';
import type { LogPosition } from '@headrace/store';
import type { Said } from 'headrace-example-chat-showcase';

/** A message as it comes out of the log. */
export class KeptMessage implements Said {
  readonly id: string;
  readonly text: string;
  readonly at: number;
  readonly position: LogPosition;

  constructor({ id, text, at }: Said, position: LogPosition) {
    this.id = id;
    this.text = text;
    this.at = at;
    this.position = position;
  }
}

/** Messages in the log are JSON; anything else is refused. */
export const SAID_CODEC: MessageCodec<Said> = {
  encode: ({ id, text, at }) => Buffer.from(JSON.stringify({ id, text, at })),
  decode(bytes) {
    const { id, text, at } = JSON.parse(bytes.toString()) as Partial<Record<keyof Said, unknown>>;
    if (typeof id === 'string' && typeof text === 'string' && typeof at === 'number') {
      return { id, text, at };
    }
    throw new Error('not a message of the chat');
  },
};
