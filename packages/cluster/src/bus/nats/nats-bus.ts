import { custom, describeOptions, text, value, whole } from '@headrace/core/authoring';
import type { Authenticator, TlsOptions } from '@nats-io/transport-node';
import { BUS_OPTIONS, busPlan, type EngineBusOptions } from '../bus-options.ts';
import { EngineBus } from '../engine-bus.ts';
import { primaryWitness } from '../process/primary-witness.ts';
import { connectToNats } from './nats-connect.ts';
import { natsServers } from './nats-servers.ts';

/** Options of {@link natsBus}. */
export interface NatsBusOptions extends EngineBusOptions {
  /** One server or several of one NATS cluster: `nats://10.0.0.7:4222`. User and password may stand in it. */
  readonly servers: string | readonly string[];
  /** The user name; it takes precedence over the one in the addresses. @default none */
  readonly user?: string;
  /** The password; it takes precedence over the one in the addresses, and is never logged. @default none */
  readonly pass?: string;
  /** The token, for servers with one token for all clients. @default none */
  readonly token?: string;
  /** The authenticator for NKeys, JWTs and credentials files: see `@nats-io/transport-node`. @default none */
  readonly authenticator?: Authenticator | Authenticator[];
  /** Options of TLS; `null` for no TLS even where the server offers it. @default TLS where the server offers it */
  readonly tls?: TlsOptions | null;
  /** The prefix of inboxes, for accounts that may only subscribe to some of them. @default '_INBOX' */
  readonly inboxPrefix?: string;
  /** On how many servers of a NATS cluster the messages of durable groups are stored. @default 1 */
  readonly replicas?: number;
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
  },
  BUS_OPTIONS,
);

/**
 * A bus over NATS. Needs the packages `@nats-io/transport-node` and, for durable groups, `@nats-io/jetstream`.
 *
 * Durable groups of one app share a JetStream stream, `hr_<app>`, whose limits are those of the group that asks for
 * most. They are raised when a group asks for more, and never lowered: a group that must keep far more than the others
 * belongs to an app of its own.
 *
 * @throws OptionError `OPTION_INVALID`. A wrong password or a server that is not there is logged once, and the connect is tried
 *   again.
 * @example
 * ```ts check
 * import { Cluster } from '@headrace/cluster';
 * import { natsBus } from '@headrace/cluster/nats';
 *
 * await Cluster.join({ app: 'chat', bus: natsBus({ servers: 'nats://127.0.0.1:4222' }) });
 * ```
 */
export function natsBus(options: NatsBusOptions): EngineBus {
  const { servers, replicas } = OPTIONS.resolve(options);
  const { urls, credentials, name } = servers;
  const { servers: _, replicas: __, ...client } = OPTIONS.only(options);
  const bus = BUS_OPTIONS.only(options);
  const { connectTimeoutMs: timeout } = busPlan(bus);
  const target = { servers: urls, replicas, client: { ...credentials, ...client, timeout } };
  return new EngineBus(
    {
      name,
      hasLog: true,
      witness: primaryWitness(),
      connect: (...link) => connectToNats(target, ...link),
    },
    bus,
  );
}
