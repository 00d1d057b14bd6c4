// The protocol: on the wire each message is a length of 4 bytes, then JSON.
import { messageHeartbeat, type StandardSchema } from 'headrace';

/** What clients send. */
export type FromClient =
  | { readonly type: 'login'; readonly user: string; readonly token: string }
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'ping' };

/** What the server sends. */
export type FromServer =
  | { readonly type: 'welcome'; readonly user: string }
  | { readonly type: 'refused'; readonly why: string }
  | { readonly type: 'said'; readonly user: string; readonly text: string }
  | { readonly type: 'pong' };

/** The longest frame, in bytes; a longer one ends the connection as soon as its length is known. */
export const MAX_FRAME_LENGTH = 65_536;

/** What does not look like this never reaches a handler. A schema of zod, valibot or ArkType does it as well. */
export const fromClient: StandardSchema<unknown, FromClient> = schemaOf({
  login: ['user', 'token'],
  say: ['text'],
  ping: [],
});

export const fromServer: StandardSchema<unknown, FromServer> = schemaOf({
  welcome: ['user'],
  refused: ['why'],
  said: ['user', 'text'],
  pong: [],
});

/** Clients ask whether the server is there; it answers. */
export const clientHeartbeat = messageHeartbeat<FromServer, FromClient>({
  ping: () => ({ type: 'ping' }),
  isPing: () => false,
  pong: () => ({ type: 'ping' }),
  isPong: ({ type }) => type === 'pong',
});

export const serverHeartbeat = messageHeartbeat<FromClient, FromServer>({
  ping: () => ({ type: 'pong' }),
  isPing: ({ type }) => type === 'ping',
  pong: () => ({ type: 'pong' }),
});

/** A schema from the texts that each type of message has. */
function schemaOf<T>(
  types: Readonly<Record<string, readonly string[]>>,
): StandardSchema<unknown, T> {
  const faultOf = (value: unknown): string | undefined => {
    const { type } = (value ?? {}) as { type?: unknown };
    if (typeof type !== 'string' || !Object.hasOwn(types, type)) return 'no known type';
    const wrong = types[type]!.find((key) => typeof (value as never)[key] !== 'string');
    return wrong === undefined ? undefined : `${type} needs the text ${wrong}`;
  };
  const validate = (value: unknown) => {
    const message = faultOf(value);
    return message === undefined ? { value: value as T } : { issues: [{ message }] };
  };
  return { '~standard': { version: 1, vendor: 'messages', validate } };
}
