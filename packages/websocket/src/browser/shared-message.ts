/** Stands in for the shared frames of a broadcast. A page has no frames, so each message is written unchanged. */
// biome-ignore lint/complexity/noStaticOnlyClass: takes the place of a class that messages are compared with
export class SharedMessage {
  static of(message: unknown): unknown {
    return message;
  }
}
