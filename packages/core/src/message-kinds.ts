/** Bytes, a text, or any value but bytes: a text is one, too. */
export type MessageKind = 'bytes' | 'text' | 'values';

/** The kinds of messages that a handler takes and makes. A kind that is left out is not known. */
export interface MessageKinds {
  /** The kind that `channelRead` takes. */
  readonly reads?: MessageKind;
  /** The kind that it passes on towards the tail. */
  readonly passesOn?: MessageKind;
  /** The kind that `write` takes. */
  readonly accepts?: MessageKind;
  /** The kind that it writes towards the head. */
  readonly writes?: MessageKind;
}
