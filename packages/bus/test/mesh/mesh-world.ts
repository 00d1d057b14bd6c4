import { Bootstrap, ServerBootstrap } from '@headrace/core';
import { ForwardHandler } from '@headrace/handlers';
import { type SimulatedHost, Simulation } from '@headrace/simulation';

const FIRST_PORT = 7001;
const PORTS = 60;
/** Ports of earlier tests are not listed. */
const LISTED = 4;

/**
 * One machine on which the nodes run, and a switch through which they reach each other, and themselves. The switch takes the place
 * of the server of another bus: it can be killed and stopped.
 */
export class MeshWorld {
  readonly sim: Simulation = new Simulation({ seed: 1 });
  readonly nodes: SimulatedHost;
  private used = 0;

  constructor() {
    this.sim.host('switch', (host) => this.runSwitch(host));
    this.nodes = this.sim.host('nodes', () => {});
  }

  /** What a further node listens on, and the addresses of the nodes through the switch. */
  place() {
    const port = FIRST_PORT + this.used;
    this.used += 1;
    const host = 'switch';
    const peers = () => {
      const first = Math.max(0, this.used - LISTED);
      return Array.from({ length: this.used - first }, (_, at) => ({
        host,
        port: FIRST_PORT + first + at,
      }));
    };
    return { port, network: this.nodes, advertise: { host, port }, peers };
  }

  async pass(ms: number): Promise<void> {
    await this.sim.run({ untilMs: this.sim.now + ms });
  }

  private async runSwitch(host: SimulatedHost): Promise<void> {
    for (let at = 0; at < PORTS; at += 1) {
      const port = FIRST_PORT + at;
      const toNode = new Bootstrap().options(host.options);
      await new ServerBootstrap()
        .options(host.options)
        .childOptions({ ...host.options, hooks: { unhandledException: (one) => one.close() } })
        .childHandler(({ pipeline }) =>
          pipeline.addLast(
            new ForwardHandler({
              connect: ({ install, signal }) =>
                toNode
                  .clone()
                  .handler(install)
                  .connect({ network: host, host: 'nodes', port }, { signal }),
            }),
          ),
        )
        .bind({ network: host, port });
    }
  }
}
