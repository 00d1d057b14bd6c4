/** A page has no frames that the members of a broadcast could share: each message is written as it is, and there is none of these. */
export class SharedMessage {
  static of(message: unknown): unknown {
    return message;
  }
}
