import { Buffer } from 'node:buffer';
import type { EngineBus } from '@headrace/bus';
import { type MeshBusOptions, meshBus } from '@headrace/bus/mesh';
import { type SimulatedHost, Simulation } from '@headrace/simulation';
import { MeshConnections } from '../../src/mesh/mesh-connections.ts';
import { MeshKeys } from '../../src/mesh/mesh-greeting.ts';
import type { HandshakeOwner } from '../../src/mesh/mesh-handshake.ts';

export const PORT = 7700;

/** The bus of one simulated machine. */
export interface MeshNode {
  readonly host: SimulatedHost;
  readonly bus: EngineBus;
  readonly lines: string[];
  readonly heard: string[];
}

/** Nodes of a mesh, each on a machine of its own. */
export class MeshNodes {
  readonly sim: Simulation;
  readonly nodes = new Map<string, MeshNode>();

  constructor(seed = 1) {
    this.sim = new Simulation({ seed });
  }

  /**
   * Adds a machine with a node, which listens to the subject `room` and to one with its own name.
   *
   * @param peers - the machines that the node has in its list
   */
  add(name: string, peers: readonly string[], options: Partial<MeshBusOptions> = {}): void {
    this.sim.host(name, (host) => {
      const advertise = { host: name, port: PORT };
      const list = peers.map((peer) => ({ host: peer, port: PORT }));
      const bus = meshBus({ port: PORT, network: host, advertise, peers: list, ...options });
      const node = { host, bus, lines: [] as string[], heard: [] as string[] };
      this.nodes.set(name, node);
      const logger = { log: (level: string, text: string) => node.lines.push(`${level} ${text}`) };
      const probe = `b.${name}`;
      bus.open({ clock: host.clock, logger, random: host.random, probe });
      for (const subject of ['room', name]) {
        bus.subscribe(subject, (bytes) => node.heard.push(bytes.toString()));
      }
    });
  }

  at(name: string): MeshNode {
    return this.nodes.get(name)!;
  }

  async pass(ms: number): Promise<void> {
    await this.sim.run({ untilMs: this.sim.now + ms });
  }

  publish(from: string, subject: string, text: string): void {
    this.sim.at(this.sim.now, () => this.at(from).bus.publish(subject, Buffer.from(text)));
  }

  /** Returns the names of the nodes that hear a message of a node. */
  async reached(from: string): Promise<string[]> {
    const text = `from ${from} at ${this.sim.now}`;
    this.publish(from, 'room', text);
    await this.pass(100);
    const nodes = [...this.nodes].filter(([, { heard }]) => heard.includes(text));
    return nodes.map(([name]) => name);
  }

  /** Returns the number of connections between two machines, or of a machine with itself. */
  connections(name: string): number {
    return (this.at(name).host as unknown as { connectionCount: number }).connectionCount;
  }

  /** Adds a machine that tells a node the addresses of other nodes, whose id is larger than that of the node. */
  introduce(from: string, to: string, { host, ports }: { host: string; ports: number }): void {
    this.sim.host(from, async (machine) => {
      const { clock, logger, random } = { ...machine.options, random: machine.random };
      const way = { port: PORT, host: from, network: machine, keys: [], server: {}, client: {} };
      const times = { heartbeatMs: 1000, unheardMs: 3000, connectTimeoutMs: 5000 };
      const connections = new MeshConnections(way, { clock, logger, random, ...times });
      for (let at = 1; at <= ports; at += 1) {
        const owner: HandshakeOwner = {
          node: {
            identity: { id: 'z', kind: 'node', place: { host, port: at } },
            keys: new MeshKeys([]),
          },
          decide: () => 'introduce',
          done: () => {},
          refused: () => {},
        };
        const place = { host: to, port: PORT };
        const connected = connections.connect(place, owner, new AbortController().signal);
        await connected.catch(() => {});
      }
    });
  }
}
