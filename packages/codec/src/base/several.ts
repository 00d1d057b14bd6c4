/** The result of an encoder or decoder that makes more than one message from one message. */
export class Several<T> {
  readonly messages: readonly T[];

  constructor(messages: readonly T[]) {
    this.messages = messages;
  }
}

/** Returns several messages in place of one message, in order: `return several(header, body)`. */
export function several<T>(...messages: readonly T[]): Several<T> {
  return new Several(messages);
}
