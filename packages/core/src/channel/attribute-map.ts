import type { AttributeKey } from '../attribute-key.ts';
import type { Attributes } from '../contract.ts';

/** Attributes of one channel; the map exists only once something was set. */
export class AttributeMap implements Attributes {
  private values: Map<AttributeKey<unknown>, unknown> | undefined;

  get<T>(key: AttributeKey<T>): T | undefined {
    return this.values?.get(key) as T | undefined;
  }

  set<T>(key: AttributeKey<T>, value: T | undefined): T | undefined {
    const before = this.get(key);
    if (value === undefined) this.values?.delete(key);
    else {
      this.values ??= new Map();
      this.values.set(key, value);
    }
    return before;
  }

  has(key: AttributeKey<unknown>): boolean {
    return this.values?.has(key) ?? false;
  }
}
