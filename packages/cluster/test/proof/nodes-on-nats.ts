import { afterEach } from 'vitest';
import { BusServer, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { NodeProcess } from './node-process.ts';

/** Processes over a NATS server of their own: what a test has started is ended after it. */
export class NodesOnNats {
  nodes: readonly NodeProcess[] = [];
  private server: BusServer | undefined = undefined;

  constructor() {
    afterEach(() => this.end());
  }

  /** Starts the server, and so many nodes; each gets the settings, the bus and its place. */
  async start(program: string, count: number, settings: object = {}): Promise<void> {
    this.server = await BusServer.start(NATS_SERVER);
    const bus = { kind: 'nats', port: this.server.port };
    const places = Array.from({ length: count }, (_, place) => place);
    this.nodes = await Promise.all(
      places.map((place) => NodeProcess.start(program, { ...settings, bus, place })),
    );
  }

  /** What each of them answers. */
  all<R>(order: string, given: object = {}): Promise<R[]> {
    return Promise.all(this.nodes.map((node) => node.ask<R>(order, given)));
  }

  private async end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    this.nodes = [];
    await this.server?.end();
    this.server = undefined;
  }
}
