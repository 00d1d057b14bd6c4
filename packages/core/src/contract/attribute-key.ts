/**
 * A typed key for a value that a handler or application keeps with a channel. Two keys with the same name are different keys.
 */
export class AttributeKey<T> {
  /** For the compiler only. */
  declare readonly type: T;
  /** Name for error texts. Names need not be unique. */
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  toString(): string {
    return `AttributeKey(${this.name})`;
  }
}
