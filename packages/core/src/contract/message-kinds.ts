/** The kind of a message: bytes, a text, or any value except bytes. A text is also a value. */
export type MessageKind = 'bytes' | 'text' | 'values';

/** The kinds of messages that a handler reads and produces. A kind that is left out is unknown. */
export interface MessageKinds {
  /** Kind that `channelRead` accepts. */
  readonly reads?: MessageKind;
  /** Kind that the handler passes on towards the tail. */
  readonly passesOn?: MessageKind;
  /** Kind that `write` accepts. */
  readonly accepts?: MessageKind;
  /** Kind that the handler writes towards the head. */
  readonly writes?: MessageKind;
}
