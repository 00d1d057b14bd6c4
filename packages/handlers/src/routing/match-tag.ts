import type { Context, Handled } from '@headrace/core';
import { MatchHandler } from './match-handler.ts';

/** The values of the property that tells messages apart. */
export type TagOf<In, Key extends keyof In> = In[Key] & PropertyKey;
/** The messages whose property has this value. */
export type Tagged<In, Key extends keyof In, Tag> = Extract<In, { readonly [K in Key]: Tag }>;

/** A function for each value of the tag. Messages whose tag has no function are passed on. */
export type TagCases<In, Key extends keyof In> = {
  readonly [Tag in TagOf<In, Key>]?: (ctx: Context, message: Tagged<In, Key, Tag>) => Handled;
};

/** The compiler's answer to a case that no message has. */
export type NoSuchTag = 'a tag that a message has';

/** Cases for tags that no message has, for example misspelled tags. */
export type OtherTagCases<Cases, In, Key extends keyof In> = {
  readonly [Tag in Exclude<keyof Cases, TagOf<In, Key>>]: NoSuchTag;
};

/**
 * Makes a {@link MatchHandler} for messages that differ in a property, such as JSON messages:
 * `matchTag<Message>()('type', { login: …, logout: … })`.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { matchTag } from '@headrace/handlers';
 *
 * type Message = { type: 'login'; user: string } | { type: 'logout' };
 *
 * const channel = new EmbeddedChannel(
 *   matchTag<Message>()('type', {
 *     login: (_ctx, { user }) => console.log('in', user),
 *     logout: () => console.log('out'),
 *   }),
 * );
 * channel.writeInbound({ type: 'login', user: 'ann' }, { type: 'logout' });
 * // prints in ann
 * // prints out
 * ```
 */
export function matchTag<In extends object>(): <
  Key extends keyof In,
  const Cases extends TagCases<In, Key>,
>(
  key: Key,
  cases: Cases & TagCases<In, Key> & OtherTagCases<Cases, In, Key>,
) => MatchHandler<In, Exclude<In, Tagged<In, Key, keyof Cases>>> {
  return (key, cases) => {
    type Any = Readonly<Record<PropertyKey, unknown>>;
    const table = new Map(Object.entries(cases));
    const tagOf = (message: unknown): string => String((message as Any)[key]);
    return new MatchHandler([
      {
        accepts: (message) =>
          typeof message === 'object' && message !== null && table.has(tagOf(message)),
        handle: (ctx: Context, message: never) =>
          (table.get(tagOf(message)) as (ctx: Context, message: never) => Handled)(ctx, message),
      },
    ]);
  };
}
