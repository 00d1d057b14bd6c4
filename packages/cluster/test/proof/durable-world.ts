import { Cluster, type RouteServer, routeServer } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { BusServer, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { type BusChoice, busOf } from './bus-choice.ts';
import type { ClientsReport } from './clients-program.ts';
import { NodeProcess } from './node-process.ts';

const CLIENTS = { count: 3000, writers: 30, perSecond: 10 };

/** Nodes with a durable room, their clients in one process, and a route in this one. */
export class DurableWorld {
  readonly clientCount = CLIENTS.count;
  readonly nodes: NodeProcess[] = [];
  private readonly server: BusServer;
  private readonly bus: BusChoice;
  private readonly observer: Cluster;
  private readonly route: RouteServer;
  private clients: NodeProcess | undefined = undefined;

  private constructor(server: BusServer, bus: BusChoice, observer: Cluster, route: RouteServer) {
    this.server = server;
    this.bus = bus;
    this.observer = observer;
    this.route = route;
  }

  static async start(nodes: number): Promise<DurableWorld> {
    const server = await BusServer.start(NATS_SERVER);
    const bus: BusChoice = { kind: 'nats', port: server.port };
    // It has no address: clients are sent to the others.
    const observer = await Cluster.join({ app: 'durable', bus: busOf(bus), logger: silentLogger });
    const route = await routeServer({ cluster: observer, ttlMs: 1000 });
    const world = new DurableWorld(server, bus, observer, route);
    await Promise.all(Array.from({ length: nodes }, () => world.addNode()));
    return world;
  }

  /** Resolves when the route knows it. */
  async addNode(): Promise<NodeProcess> {
    const node = await NodeProcess.start('./durable-program.ts', { bus: this.bus });
    const id = await node.ask<string>('nodeId');
    while (!this.observer.nodes.some((one) => one.id === id)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.nodes.push(node);
    return node;
  }

  /** Resolves when all are online. */
  async startClients(): Promise<void> {
    const route = `http://127.0.0.1:${this.route.port}/route?count=3`;
    this.clients = await NodeProcess.start('./clients-program.ts', { route, ...CLIENTS });
  }

  order(order: 'startLoad' | 'stopLoad' | 'watch'): Promise<void> {
    return this.clients!.ask(order);
  }

  report(): Promise<ClientsReport> {
    return this.clients!.ask('report');
  }

  async end(): Promise<void> {
    await Promise.all(
      [...this.nodes, ...(this.clients ? [this.clients] : [])].map((one) => one.kill()),
    );
    await this.route.close();
    await this.observer.leave();
    await this.server.end();
  }
}
