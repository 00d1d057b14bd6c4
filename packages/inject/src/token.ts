/** The name of a value in a container, with the value's type. */
export type Token<T> = symbol & { readonly type?: T };

/**
 * Creates a token for a value without a class of its own: settings, a group, a connection.
 *
 * @example
 * ```ts run
 * import { container, token } from '@headrace/inject';
 *
 * const LIMIT = token<number>('limit');
 * const mine = container.createChildContainer().register(LIMIT, { useValue: 8 });
 * console.log(mine.resolve<number>(LIMIT));
 * // prints 8
 * ```
 */
export function token<T>(name: string): Token<T> {
  return Symbol(name);
}
