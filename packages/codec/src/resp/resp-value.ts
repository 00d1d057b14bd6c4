// Values of the Redis protocol as TypeScript has them.

/** A short line that says that something went well: `+OK`. Strings of data are `Buffer`s. */
export class RespSimple {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
