/** Bytes, a text, or any value but bytes: a text is one, too. */
export type MessageKind = 'bytes' | 'text' | 'values';

/** The kinds of messages that a handler takes and makes. A kind that is left out is not known. */
export interface MessageKinds {
  /** What `channelRead` takes. */
  readonly reads?: MessageKind;
  /** What it passes on towards the tail. */
  readonly passesOn?: MessageKind;
  /** What `write` takes. */
  readonly accepts?: MessageKind;
  /** What it writes towards the head. */
  readonly writes?: MessageKind;
}
