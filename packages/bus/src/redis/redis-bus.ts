import { OptionError } from '@headrace/core';
import { custom, describeOptions, object, text } from '@headrace/core/authoring';
import type { RedisClientOptions } from '@redis/client';
import { BUS_OPTIONS, busPlan, type EngineBusOptions } from '../bus/bus-options.ts';
import { EngineBus } from '../bus/engine-bus.ts';
import { ServerOrder } from '../bus/server-order.ts';
import { primaryWitness } from '../process/primary-witness.ts';
import { connectToRedis } from './redis-connect.ts';

/** Options of {@link redisBus}. */
export interface RedisBusOptions extends EngineBusOptions {
  /**
   * Address of the server: `redis://10.0.0.7:6379`, or `rediss://` for TLS. The address can contain the user, the password and
   * the database number. With `sentinels`, the host is the name of the master: `redis://mymaster`.
   */
  readonly url: string;
  /**
   * Addresses of Redis Sentinels: `redis://10.0.0.7:26379`. At each connect, a node asks them one after the other for the address
   * of the master. An address can contain the user and the password of the Sentinel. The Sentinels that these name are asked after
   * them, in the same way.
   * @default none
   */
  readonly sentinels?: readonly string[];
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
    sentinels: custom(
      "a list of addresses of Sentinels: ['redis://10.0.0.7:26379']",
      (_name, sentinels: readonly string[]) => sentinelsOf(sentinels),
    ),
    username: text('a name'),
    password: text('a password'),
    socket: object("options of the client's sockets"),
  },
  BUS_OPTIONS,
);

/**
 * Makes a bus over Redis, with pub/sub for messages, streams for durable groups, and hashes for state groups. Needs the package
 * `@redis/client`.
 *
 * Durable groups and state groups are as safe as the server's `appendonly` setting.
 *
 * @throws OptionError `OPTION_INVALID`. A wrong password or an unreachable server is logged once, and the connect is tried again.
 * @example
 * ```ts check
 * import { Cluster } from '@headrace/cluster';
 * import { redisBus } from '@headrace/bus/redis';
 *
 * await Cluster.join({ app: 'chat', bus: redisBus({ url: 'redis://127.0.0.1:6379' }) });
 * ```
 */
export function redisBus(options: RedisBusOptions): EngineBus {
  const { url: name, sentinels } = OPTIONS.resolve(options);
  const bus = BUS_OPTIONS.only(options);
  const { connectTimeoutMs: connectTimeout } = busPlan(bus);
  const socket = { ...options.socket, reconnectStrategy: false, connectTimeout };
  const { sentinels: _, ...given } = OPTIONS.only(options);
  const client = { ...given, ...credentialsOf(given), socket } as RedisClientOptions & {
    readonly url: string;
  };
  const target =
    sentinels === undefined
      ? { client }
      : { client, sentinels: new ServerOrder(sentinels), timeoutMs: connectTimeout };
  return new EngineBus(
    {
      name,
      kind: 'redis',
      witness: primaryWitness(),
      connect: (...link) => connectToRedis(target, ...link),
    },
    bus,
  );
}

/**
 * Returns the URL without user and password, and both of them as options. If one were in the URL and the other in the options, the
 * client would use only those of the URL.
 */
function credentialsOf({
  url,
  username,
  password,
}: RedisBusOptions): Record<'url' | 'username' | 'password', string | undefined> {
  const address = new URL(url);
  const [user, secret] = [address.username, address.password].map(decodeURIComponent);
  address.username = address.password = '';
  return {
    url: String(address),
    username: username ?? (user || undefined),
    password: password ?? (secret || undefined),
  };
}

function sentinelsOf(urls: readonly string[]): readonly string[] {
  if (Array.isArray(urls) && urls.length > 0 && urls.every(isAddress)) return urls;
  throw new OptionError(
    'OPTION_INVALID',
    "sentinels is not a list of addresses of Sentinels; it looks like ['redis://10.0.0.7:26379']",
    { option: 'sentinels' },
  );
}

function isAddress(url: unknown): boolean {
  try {
    const { protocol, hostname, username, password } = new URL(String(url));
    decodeURIComponent(username + password);
    return hostname !== '' && (protocol === 'redis:' || protocol === 'rediss:');
  } catch {
    return false;
  }
}

/** Returns the name for log lines, without user and password. */
function nameOf(url: string): string {
  if (isAddress(url)) {
    const { protocol, hostname, port, pathname } = new URL(url);
    return `${protocol}//${hostname}:${port === '' ? '6379' : port}${pathname.replace(/\/$/, '')}`;
  }
  // The error does not quote the URL, because the URL can contain a password.
  throw new OptionError(
    'OPTION_INVALID',
    "url is not an address of Redis; it looks like 'redis://127.0.0.1:6379'",
    { option: 'url' },
  );
}
