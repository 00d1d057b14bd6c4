import { OptionError } from '@headrace/core';
import { custom, describeOptions, object, text } from '@headrace/core/authoring';
import type { RedisClientOptions } from '@redis/client';
import { BUS_OPTIONS, busPlan, type EngineBusOptions } from '../bus-options.ts';
import { EngineBus } from '../engine-bus.ts';
import { primaryWitness } from '../process/primary-witness.ts';
import { connectToRedis } from './redis-connect.ts';

/** Options of {@link redisBus}. */
export interface RedisBusOptions extends EngineBusOptions {
  /**
   * Address of the server: `redis://10.0.0.7:6379`, or `rediss://` for TLS. The address can contain the user, the password and
   * the database number.
   */
  readonly url: string;
  /** User name, which takes precedence over the user in the URL. @default none */
  readonly username?: string;
  /** Password, which takes precedence over the password in the URL and is never logged. @default none */
  readonly password?: string;
  /** Certificates and other options of the sockets; see `@redis/client`. @default the client's own */
  readonly socket?: RedisClientOptions['socket'];
}

const OPTIONS = describeOptions(
  'redisBus',
  {
    url: custom(
      "an address of Redis: 'redis://127.0.0.1:6379'",
      (_name, url: string) => nameOf(url),
      { required: true },
    ),
    username: text('a name'),
    password: text('a password'),
    socket: object("options of the client's sockets"),
  },
  BUS_OPTIONS,
);

/**
 * Makes a bus over Redis, with pub/sub for messages and streams for durable groups. Needs the package `@redis/client`.
 *
 * Durable groups are as safe as the server's `appendonly` setting.
 *
 * @throws OptionError `OPTION_INVALID`. A wrong password or an unreachable server is logged once, and the connect is tried again.
 * @example
 * ```ts check
 * import { Cluster } from '@headrace/cluster';
 * import { redisBus } from '@headrace/cluster/redis';
 *
 * await Cluster.join({ app: 'chat', bus: redisBus({ url: 'redis://127.0.0.1:6379' }) });
 * ```
 */
export function redisBus(options: RedisBusOptions): EngineBus {
  const { url: name } = OPTIONS.resolve(options);
  const bus = BUS_OPTIONS.only(options);
  const { connectTimeoutMs: connectTimeout } = busPlan(bus);
  const socket = { ...options.socket, reconnectStrategy: false, connectTimeout };
  const client = { ...OPTIONS.only(options), socket } as RedisClientOptions;
  return new EngineBus(
    {
      name,
      hasLog: true,
      witness: primaryWitness(),
      connect: (...link) => connectToRedis(client, ...link),
    },
    bus,
  );
}

/** Returns the name for log lines, without user and password. */
function nameOf(url: string): string {
  try {
    const { protocol, hostname, port, pathname } = new URL(url);
    if (hostname !== '' && (protocol === 'redis:' || protocol === 'rediss:')) {
      return `${protocol}//${hostname}:${port === '' ? '6379' : port}${pathname.replace(/\/$/, '')}`;
    }
  } catch {}
  // The error does not quote the URL, because the URL can contain a password.
  throw new OptionError(
    'OPTION_INVALID',
    "url is not an address of Redis; it looks like 'redis://127.0.0.1:6379'",
    { option: 'url' },
  );
}
