import type { AttributeKey } from '../contract/attribute-key.ts';
import type { Attributes } from '../contract.ts';

/**
 * The attributes of one channel. Many channels have a single attribute. Without a map, a single attribute needs 250
 * bytes less.
 */
export class AttributeMap implements Attributes {
  private key: AttributeKey<unknown> | undefined = undefined;
  private value: unknown = undefined;
  private others: Map<AttributeKey<unknown>, unknown> | undefined = undefined;

  get<T>(key: AttributeKey<T>): T | undefined {
    return (key === this.key ? this.value : this.others?.get(key)) as T | undefined;
  }

  set<T>(key: AttributeKey<T>, value: T | undefined): T | undefined {
    const before = this.get(key);
    this.key ??= key;
    if (key === this.key) this.value = value;
    else if (value === undefined) this.others?.delete(key);
    else {
      this.others ??= new Map();
      this.others.set(key, value);
    }
    return before;
  }

  has(key: AttributeKey<unknown>): boolean {
    return this.get(key) !== undefined;
  }
}
