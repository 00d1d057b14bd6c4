import type { Addresses } from '@headrace/client';
import type { ClientTls, PortNetwork, PortPlace, ServerTls, TlsIdentity } from '@headrace/core';
import { OptionError } from '@headrace/core';
import {
  custom,
  describeOptions,
  having,
  isEveryAddress,
  isLoopback,
  object,
  text,
  value,
  whole,
} from '@headrace/core/authoring';
import { BUS_OPTIONS, type BusPlan } from '../bus/bus-options.ts';
import { toAddress } from '../node/node-address.ts';
import { NODE_KEYS, type NodeKeys } from '../node/node-keys.ts';
import { understood } from '../node/understood.ts';
import { type MeshPlace, toPlaces } from './mesh-place.ts';

/** The certificate of a node, and the authorities that sign the certificates of all nodes. */
export interface MeshTls extends TlsIdentity {
  /** Name for which the certificates of the nodes are valid. @default the host of each node's address */
  readonly servername?: string;
}

/** Options of a listener of the mesh. */
export interface MeshListenOptions {
  /** Port on which other nodes connect. With 0, the system chooses a free port, which only a register can pass on. */
  readonly port: number;
  /**
   * Address of this machine on which other nodes connect. Another address than one of this machine alone needs `keys` or `tls`.
   * @default '127.0.0.1'
   */
  readonly host?: string;
  /**
   * Secrets of the nodes: at most 8, each at least 16 bytes long. A connection between two nodes begins with proofs that both have
   * one of the secrets (HMAC-SHA256). The first secret makes the proofs.
   * @default none
   */
  readonly keys?: readonly (string | Uint8Array)[];
  /** TLS between the nodes. Both ends of a connection need a certificate that `ca` has signed. @default plain */
  readonly tls?: MeshTls;
  /** Network in place of the machine's own, for simulations. @default the machine's */
  readonly network?: PortNetwork;
}

/** Options of `meshBus` beside those of every bus. */
export interface MeshOptions extends MeshListenOptions {
  /**
   * Address at which other nodes reach this node. The node connects to it, too, and is up while this connection carries its own
   * messages.
   * @default host and port
   */
  readonly advertise?: MeshPlace;
  /**
   * Addresses of all nodes, or of some: `[{ host: '10.0.0.1', port: 7700 }]`. The own address can be among them. A function is
   * called each 5 s, for example `hostPlaces` or `srvAddresses` of the client.
   * @default none
   */
  readonly peers?: Addresses<PortPlace>;
  /** Addresses of registers, which list the nodes: see `meshRegister`. @default none */
  readonly register?: readonly MeshPlace[];
  /**
   * Maximum size of the messages that wait for one other node, in bytes. Further messages for this node are lost, and the log has
   * one line.
   * @default 8388608
   */
  readonly maxPeerBytes?: number;
}

const PLACE = 'an object with host and port';
const PLACES = 'a list of objects with host and port';

const LISTEN_KINDS = {
  port: whole({ max: 65_535, required: true }),
  host: text('an address of this machine', { default: '127.0.0.1' }),
  keys: NODE_KEYS,
  tls: object('TLS options of a node'),
  network: having('connectTo', 'a network with hosts and ports'),
};

export const MESH_LISTEN = describeOptions('meshRegister', LISTEN_KINDS);

const OPTIONS = describeOptions(
  'meshBus',
  {
    ...LISTEN_KINDS,
    advertise: custom(PLACE, understood<MeshPlace, MeshPlace>(PLACE, toAddress)),
    peers: value(
      `${PLACES}, or a function`,
      (given: unknown) => Array.isArray(given) || typeof given === 'function',
      { default: [] as unknown },
    ),
    register: custom(
      PLACES,
      understood<readonly MeshPlace[], readonly MeshPlace[]>(PLACES, toPlaces),
      {
        default: [],
      },
    ),
    maxPeerBytes: whole({ min: 1, default: 8 * 1024 * 1024 }),
  },
  BUS_OPTIONS,
);

/** How the nodes of a mesh connect, checked. */
export interface MeshWay {
  readonly port: number;
  readonly host: string;
  readonly keys: NodeKeys;
  readonly network: PortNetwork | undefined;
  readonly server: ServerTls;
  readonly client: ClientTls;
}

/**
 * Returns the checked way to listen and to connect.
 *
 * @throws OptionError `OPTION_CONFLICT` if strangers could connect
 */
export function meshWay({
  port,
  host = '127.0.0.1',
  keys = [],
  tls,
  network,
}: MeshListenOptions): MeshWay {
  if (keys.length === 0 && tls === undefined && network === undefined && !isLoopback(host)) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `host is ${host}, where other machines can connect: give keys, tls or both, so that only nodes can`,
      { option: 'keys' },
    );
  }
  if (tls === undefined) return { port, host, keys, network, server: {}, client: {} };
  const { servername, ...identity } = tls;
  return {
    port,
    host,
    keys,
    network,
    server: { tls: { ...identity, clientCertificate: 'require' } },
    client: { tls: { ...identity, ...(servername !== undefined && { servername }) } },
  };
}

/** The checked options of a node of the mesh. */
export interface MeshPlan {
  readonly way: MeshWay;
  readonly advertise: MeshPlace | undefined;
  readonly peers: Addresses<PortPlace>;
  readonly register: readonly MeshPlace[];
  readonly maxPeerBytes: number;
  readonly bus: BusPlan;
}

/**
 * @throws OptionError
 */
export function meshPlan(options: MeshOptions, bus: BusPlan): MeshPlan {
  const { advertise, register, maxPeerBytes, host, ...rest } = OPTIONS.resolve(options);
  const peers = options.peers ?? [];
  const way = meshWay(options);
  if (advertise === undefined && isEveryAddress(host)) {
    const text = `host is ${host}, which is not an address of this node: give advertise, the address for other nodes`;
    throw new OptionError('OPTION_CONFLICT', text, { option: 'advertise' });
  }
  if (rest.port === 0 && register.length === 0) {
    const text = 'port is 0, so that no other node knows the port: give register, or a port';
    throw new OptionError('OPTION_CONFLICT', text, { option: 'port' });
  }
  if (Array.isArray(peers)) toPlacesOption(peers);
  return { way, advertise, peers, register, maxPeerBytes, bus };
}

const toPlacesOption = (peers: readonly MeshPlace[]) =>
  understood<readonly MeshPlace[], readonly MeshPlace[]>(PLACES, toPlaces)('peers', peers);
