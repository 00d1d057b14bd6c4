import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import {
  type Channel,
  type Clock,
  type Context,
  type Handler,
  type Logger,
  stderrLogger,
  systemClock,
} from '@headrace/core';
import {
  addressText,
  CLOCK,
  describeOptions,
  LOGGER,
  WritableWaits,
} from '@headrace/core/authoring';
import { MeshConnections } from './mesh-connections.ts';
import { FRAME } from './mesh-frame.ts';
import { type MeshEnd, type MeshGreeting, MeshKeys } from './mesh-greeting.ts';
import type { HandshakeOwner, Verdict } from './mesh-handshake.ts';
import { type MeshPlace, placeText } from './mesh-place.ts';
import { MESH_LISTEN, type MeshListenOptions, meshWay } from './mesh-plan.ts';
import { MeshRefusals } from './mesh-refusals.ts';

/** Options of {@link meshRegister}. */
export interface MeshRegisterOptions extends MeshListenOptions {
  /** Logger of the register. @default standard error */
  readonly logger?: Logger;
  /** Clock of the register. @default the system's clock */
  readonly clock?: Clock;
}

/** A register that is running. */
export interface MeshRegister {
  /** Port on which the nodes connect. */
  readonly port: number;
  /** Addresses of the nodes that are connected. */
  readonly nodes: readonly MeshPlace[];
  /** Stops the register. The nodes keep their connections, and the last list. */
  close(): Promise<void>;
}

const OPTIONS = describeOptions('meshRegister', { logger: LOGGER, clock: CLOCK }, MESH_LISTEN);
const HEARTBEAT_MS = 1000;
const UNHEARD_MS = 3000;
const TIMEOUT_MS = 5000;

/**
 * Starts a register: a small server to which nodes with the option `register` connect, and which tells each node the addresses of
 * all others. Messages do not pass through it. Without a register, connected nodes stay connected, and new nodes are not found.
 *
 * @throws ChannelError `BIND_FAILED` if the port is not available
 * @example
 * ```ts run
 * import { Cluster } from '@headrace/cluster';
 * import { meshBus, meshRegister } from '@headrace/bus/mesh';
 *
 * const register = await meshRegister({ port: 0 });
 * const at = [{ host: '127.0.0.1', port: register.port }];
 * const join = () => Cluster.join({ app: 'chat', bus: meshBus({ port: 0, register: at }) });
 * const nodes = await Promise.all([join(), join()]);
 * while (nodes.some((node) => node.nodes.length < 2)) await new Promise((next) => setTimeout(next, 10));
 * console.log(register.nodes.length); // prints 2
 * for (const node of nodes) await node.leave();
 * await register.close();
 * ```
 */
export async function meshRegister(options: MeshRegisterOptions): Promise<MeshRegister> {
  const { clock, logger = stderrLogger() } = OPTIONS.resolve(options);
  const way = meshWay(MESH_LISTEN.only(options) as MeshListenOptions);
  const refusals = new MeshRefusals(clock ?? systemClock, logger);
  const connections = new MeshConnections(way, {
    clock: clock ?? systemClock,
    logger,
    random: Math.random,
    heartbeatMs: HEARTBEAT_MS,
    unheardMs: UNHEARD_MS,
    connectTimeoutMs: TIMEOUT_MS,
  });
  const table = new RegisterTable(connections, refusals, {
    keys: new MeshKeys(way.keys),
    identity: {
      id: randomBytes(8).toString('hex'),
      kind: 'register',
      // Nobody dials a register by its greeting.
      place: { host: way.host, port: Math.max(1, way.port) },
    },
  });
  const server = await connections.listen(() => table);
  return {
    port: server.port,
    get nodes() {
      return table.places;
    },
    close: () => {
      refusals.close();
      return server.close();
    },
  };
}

/** The nodes that are connected to a register. */
class RegisterTable implements HandshakeOwner {
  readonly node: MeshEnd;
  private readonly connections: MeshConnections;
  private readonly refusals: MeshRefusals;
  private readonly nodes = new Map<Channel, MeshPlace>();
  /** The nodes that take no output now, and do not have the newest list. */
  private readonly behind = new WritableWaits();
  private list = Buffer.alloc(0);

  constructor(connections: MeshConnections, refusals: MeshRefusals, node: MeshEnd) {
    this.connections = connections;
    this.refusals = refusals;
    this.node = node;
  }

  get places(): MeshPlace[] {
    return [
      ...new Map([...this.nodes.values()].map((place) => [placeText(place), place])).values(),
    ];
  }

  decide(): Verdict {
    return 'leave';
  }

  done(ctx: Context, { place }: MeshGreeting, verdict: Verdict): void {
    if (verdict !== 'join') return;
    const { channel } = ctx;
    this.connections.begin(ctx, new Unread());
    this.nodes.set(channel, place);
    channel.onClosed(() => {
      this.nodes.delete(channel);
      this.announce();
    });
    this.announce();
  }

  refused({ channel }: Context, why: string): void {
    const { remoteAddress: address } = channel;
    const who = address === undefined ? 'a node' : addressText(address);
    this.refusals.log(`the register refuses ${who}: ${why}`, true);
  }

  /** Tells the list to each node. A node that takes no output now gets only the newest list, later. */
  private announce(): void {
    this.list = Buffer.concat([Buffer.of(FRAME.places), Buffer.from(JSON.stringify(this.places))]);
    for (const channel of this.nodes.keys()) {
      this.behind.once(channel, () => {
        if (this.nodes.has(channel)) channel.writeAndFlush(this.list);
      });
    }
  }
}

/** Drops what nodes send after their handshake, which is nothing. */
class Unread implements Handler {
  channelRead(_ctx: Context, _frame: Buffer): void {}
}
