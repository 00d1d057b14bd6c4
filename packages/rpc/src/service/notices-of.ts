import { type JsonValue, notificationMessage } from '../exchange/json-rpc-message.ts';
import { checkNotice } from './check-notice.ts';
import type { Given, Method } from './method.ts';
import type { Methods, Service, ServiceErrors } from './service.ts';

// An interface would not be a JsonValue for the compiler.
/**
 * The message of a notice, in the form of JSON-RPC. The message can be written to a channel, a group, users, or connections of a
 * cluster. {@link noticesOf} makes it.
 */
export type ServiceNotice = {
  /** Version of JSON-RPC. */
  readonly jsonrpc: '2.0';
  /** Service and method: `players.question`. */
  readonly method: string;
  /** Input of the function. */
  readonly params: JsonValue;
};

/** The notices of a service: for each notice, a function that makes its message. */
export type ServiceNotices<M extends Methods> = {
  readonly [Name in keyof M as M[Name]['kind'] extends 'notice' ? Name : never]: (
    input: Given<M[Name]['input']>,
  ) => ServiceNotice;
};

/**
 * Makes the notices of a service as messages, for many receivers at once. `clientOf` sends a notice over one connection. A
 * message of `noticesOf` can be sent in all other ways: `group.writeAndFlush`, `cluster.users.send`,
 * `connectionsOf(cluster).send`, `channel.writeAndFlush`. Each receiver's function is called as for a notice from `clientOf`. A
 * group encodes the message once.
 *
 * The schema checks the input here, and the input is sent unchanged. Only the receivers transform the input, if the schema does.
 * An input that does not match throws an EncodeError `MESSAGE_NOT_ENCODABLE`, and is sent to no receiver. The message is an
 * object, so the pipelines of the receivers need a `JsonCodec`, as for calls. In a pipeline of bytes or lines, the write of the
 * message fails with the same code.
 *
 * @example
 * ```ts run
 * import { jsonLines } from '@headrace/codec';
 * import { ChannelGroup } from '@headrace/core';
 * import { connectedPair } from '@headrace/core/testing';
 * import { defineService, ExchangeHandler, jsonRpcExchange, notice, noticesOf, serve } from '@headrace/rpc';
 * import { z } from 'zod';
 *
 * const players = defineService('players', { question: notice(z.object({ text: z.string() })) });
 *
 * const format = jsonRpcExchange();
 * const handle = serve(players, { question: ({ text }) => console.log(text) });
 * const wire = () => jsonLines();
 * const { server, clock } = connectedPair({
 *   client: ({ pipeline }) => pipeline.addLast(...wire(), new ExchangeHandler({ format, handle })),
 *   server: ({ pipeline }) => pipeline.addLast(...wire(), new ExchangeHandler({ format })),
 * });
 *
 * const room = new ChannelGroup();
 * room.add(server);
 * const say = noticesOf(players);
 * await clock.run(() => room.writeAndFlush(say.question({ text: 'Who invented the turbine?' })));
 * // prints Who invented the turbine?
 * ```
 */
export function noticesOf<M extends Methods, E extends ServiceErrors>(
  service: Service<M, E>,
): ServiceNotices<M> {
  const notices: Record<string, unknown> = {};
  for (const [name, method] of Object.entries<Method>(service.methods)) {
    if (method.kind !== 'notice') continue;
    const where = `${service.name}.${name}`;
    notices[name] = (input: unknown) => {
      checkNotice(method.input, input, where);
      return notificationMessage(where, input);
    };
  }
  return notices as unknown as ServiceNotices<M>;
}
