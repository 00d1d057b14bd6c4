import type { IncomingHttpHeaders } from 'node:http';
import type { Channel } from '@headrace/core';

/** How a client came to a namespace. */
export interface SocketIoHandshake {
  /** What the client sent for the namespace (`auth`), an empty object if it sent nothing. */
  readonly auth: Readonly<Record<string, unknown>>;
  /** Headers of the client's first request. */
  readonly headers: IncomingHttpHeaders;
  /** URL of the client's first request, with the query that the client was given. */
  readonly url: string;
  /** Channel of the client's connection, which all its namespaces share. `authorize` of the endpoint signs this channel in. */
  readonly connection: Channel;
}
