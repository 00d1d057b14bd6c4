import { custom, describeOptions, text, value, whole } from '@headrace/core/authoring';
import type { Authenticator, TlsOptions } from '@nats-io/transport-node';
import { BUS_OPTIONS, busPlan, type EngineBusOptions } from '../bus/bus-options.ts';
import { EngineBus } from '../bus/engine-bus.ts';
import { ServerOrder } from '../bus/server-order.ts';
import { primaryWitness } from '../process/primary-witness.ts';
import { connectToNats } from './nats-connect.ts';
import { natsServers } from './nats-servers.ts';

/** Options of {@link natsBus}. */
export interface NatsBusOptions extends EngineBusOptions {
  /**
   * Address of one server, or of several servers of one NATS cluster: `nats://10.0.0.7:4222`. An address can contain the user and
   * the password. The servers that these name to their clients are tried after them, so one address is enough once it has
   * answered. With TLS, their certificates must name these addresses.
   */
  readonly servers: string | readonly string[];
  /** User name, which takes precedence over the user in the addresses. @default none */
  readonly user?: string;
  /** Password, which takes precedence over the password in the addresses and is never logged. @default none */
  readonly pass?: string;
  /** Token, for servers with one token for all clients. @default none */
  readonly token?: string;
  /** Authenticator for NKeys, JWTs and credentials files; see `@nats-io/transport-node`. @default none */
  readonly authenticator?: Authenticator | Authenticator[];
  /** Options of TLS. `null` turns TLS off even if the server offers it. @default TLS where the server offers it */
  readonly tls?: TlsOptions | null;
  /** Prefix of inboxes, for accounts that may subscribe only to some inboxes. @default '_INBOX' */
  readonly inboxPrefix?: string;
  /**
   * Number of servers of a NATS cluster that store the messages of durable groups and the states of state groups. The number of an existing stream is raised, and
   * never lowered.
   * @default 1
   */
  readonly replicas?: number;
  /**
   * Maximum size of each JetStream stream, in bytes, for accounts that demand one (`max_bytes_required`): the stream of the durable
   * groups of an app, and each of the up to 64 streams that its state groups share. A full stream of durable groups drops its oldest
   * messages. A full stream of state groups stores no further change. The size of an existing stream is raised, and never lowered.
   * @default no limit
   */
  readonly maxBytes?: number;
}

const OPTIONS = describeOptions(
  'natsBus',
  {
    servers: custom(
      "an address of NATS, or a list of some: 'nats://127.0.0.1:4222'",
      (_name, given: string | readonly string[]) => natsServers(given),
      { required: true },
    ),
    user: text('a name'),
    pass: text('a password'),
    token: text('a token'),
    authenticator: value<object, Record<never, never>>(
      'an authenticator, or a list of some',
      (given) => typeof given === 'function' || Array.isArray(given),
    ),
    tls: value<object | null, Record<never, never>>(
      'options of TLS, or null for none',
      (given) => typeof given === 'object',
    ),
    inboxPrefix: text('the beginning of a subject'),
    replicas: whole({ min: 1, max: 5, default: 1 }),
    maxBytes: whole({ min: 1 }),
  },
  BUS_OPTIONS,
);

/**
 * Makes a bus over NATS. Needs the packages `@nats-io/transport-node` and, for durable groups and state groups,
 * `@nats-io/jetstream`.
 *
 * Durable groups of one app share the JetStream stream `hr_p<app>`. The highest limits of any group apply to the stream. The
 * limits are raised when a group needs more, and never lowered. Give a group that must keep far more messages than the others an
 * app of its own. State groups of one app share up to 64 JetStream streams, `hr_p<app>+s+<number>`. A state without keys leaves
 * nothing there, once its removals are forgotten.
 *
 * @throws OptionError `OPTION_INVALID`. A wrong password or an unreachable server is logged once, and the connect is tried again.
 * @example
 * ```ts check
 * import { Cluster } from '@headrace/cluster';
 * import { natsBus } from '@headrace/bus/nats';
 *
 * await Cluster.join({ app: 'chat', bus: natsBus({ servers: 'nats://127.0.0.1:4222' }) });
 * ```
 */
export function natsBus(options: NatsBusOptions): EngineBus {
  const { servers, replicas, maxBytes } = OPTIONS.resolve(options);
  const { urls, credentials, name } = servers;
  const { servers: _, replicas: __, maxBytes: ___, ...client } = OPTIONS.only(options);
  const bus = BUS_OPTIONS.only(options);
  const { connectTimeoutMs: timeoutMs } = busPlan(bus);
  const order = new ServerOrder(urls);
  const target = {
    servers: order,
    replicas: options.replicas === undefined ? undefined : replicas,
    maxBytes,
    timeoutMs,
    client: { ...credentials, ...client },
  };
  return new EngineBus(
    {
      name,
      kind: 'nats',
      witness: primaryWitness(),
      connect: (...link) => connectToNats(target, ...link),
    },
    bus,
  );
}
