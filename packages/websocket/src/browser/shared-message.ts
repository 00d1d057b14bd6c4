/** A page has no frames that the members of a broadcast could share: each message is written as it is, and there is none of these. */
// biome-ignore lint/complexity/noStaticOnlyClass: takes the place of a class that messages are compared with
export class SharedMessage {
  static of(message: unknown): unknown {
    return message;
  }
}
