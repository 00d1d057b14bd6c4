/** A typed key for something that a handler or application keeps with a channel. Two keys of one name are two keys. */
export class AttributeKey<T> {
  /** Only for the compiler. */
  declare readonly type: T;
  /** For texts: it need not be unique. */
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  toString(): string {
    return `AttributeKey(${this.name})`;
  }
}
