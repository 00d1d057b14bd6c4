// The types of an AuthHandler are what its functions take and answer, in the order of its parameters: in, what it becomes, out.

import { StringCodec } from '@headrace/codec';
import type { Channel, OutboundBytes } from '@headrace/core';
import { AuthHandler, GuessLimiter, SessionRegistry } from '@headrace/handlers';

interface User {
  readonly id: string;
}

declare const find: (token: string) => Promise<User | undefined>;
declare const transport: Channel<Buffer, OutboundBytes>;

export const auth: AuthHandler<string, User, string> = new AuthHandler({
  authenticate: async (text: string, { signal }) =>
    signal.aborted ? { refused: 'too late' } : { principal: { id: text } as User },
  sessions: new SessionRegistry<User>((user) => user.id),
  replies: { accepted: (user) => `AUTH_OK ${user.id}` },
});

// Without an annotation, and with a principal that may be missing.
export const found: AuthHandler<string, User, string> = new AuthHandler({
  authenticate: async (text) => {
    const user = await find(text);
    return user === undefined ? { refused: 'unknown', reply: 'NO' } : { principal: user };
  },
  replies: { accepted: (user) => `AUTH_OK ${user.id}` },
});

const limited = new GuessLimiter().protect(async (text: string) => {
  const user = await find(text);
  return user === undefined ? { refused: 'unknown' } : { principal: user };
});
export const withLimit: AuthHandler<string, User, string> = new AuthHandler({
  authenticate: limited,
  replies: { accepted: (user) => `AUTH_OK ${user.id}` },
});

// Without replies it writes nothing, so the transport need not take texts.
const silent = new AuthHandler({ authenticate: (bytes: Buffer) => ({ principal: bytes.length }) });
export const writesNothing: AuthHandler<Buffer, number, never> = silent;
transport.pipeline.addLast(silent);
transport.pipeline.addLast(new StringCodec(), auth);
