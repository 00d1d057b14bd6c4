import { TextMessage } from '@headrace/websocket';

/**
 * Several texts of the room that go out together. The three framings write each of them as a message of its own, and
 * encode it once for the whole room.
 */
export class Announcement {
  readonly texts: readonly string[];
  private messages: readonly TextMessage[] | undefined = undefined;

  constructor(texts: readonly string[]) {
    this.texts = texts;
  }

  /** For WebSockets. */
  get textMessages(): readonly TextMessage[] {
    this.messages ??= this.texts.map(TextMessage.of);
    return this.messages;
  }
}
