import type { Cluster } from '@headrace/cluster';
import {
  type NodeCommands,
  type NodePort,
  portOf,
  requestCommandsOf,
} from '@headrace/cluster/authoring';

/** The part of an HTTP API that the other nodes call. */
export interface ServedRequests {
  /** Carries out a command of a node, and returns the answer. */
  execute(command: Record<string, unknown>): unknown;
  /** Called when the nodes, or their states, may have changed. */
  changed(): void;
  /** Called when this node leaves the cluster. The node stays until the promise resolves. */
  leaving(timeoutMs: number): Promise<void>;
}

/** The nodes with an HTTP API, which share their idempotency keys. */
export interface RequestPeers {
  /** The id of this node. */
  readonly nodeId: string;
  readonly state: 'up' | 'down';
  /** The nodes with the API, this node included. */
  readonly nodes: readonly string[];
  /** The nodes that leave. */
  readonly draining: readonly string[];
  /** Whether {@link nodes} has all nodes. */
  readonly isSure: boolean;
  /** Returns false for a node that is gone. */
  isAlive(node: string): boolean;
  /**
   * Sends a command to one node. Resolves with its answer, or with undefined without an answer in time. Rejects with `BUS_DOWN` if
   * the command was not sent, and with `MESSAGE_TOO_LONG`.
   */
  ask(node: string, command: object): Promise<unknown>;
  /** Makes this node one of {@link nodes}. */
  serve(requests: ServedRequests): void;
}

const ANSWER_MS = 2000;

/** The nodes of a cluster that have an HTTP API. */
export class ClusterPeers implements RequestPeers {
  private readonly commands: NodeCommands;
  private readonly port: NodePort;

  constructor(cluster: Cluster<never>) {
    this.commands = requestCommandsOf(cluster);
    this.port = portOf(cluster);
  }

  get nodeId(): string {
    return this.port.nodeId;
  }

  get state(): 'up' | 'down' {
    return this.port.state;
  }

  get nodes(): readonly string[] {
    return this.commands.nodes;
  }

  get draining(): readonly string[] {
    return this.port.draining();
  }

  get isSure(): boolean {
    return this.commands.isSure;
  }

  isAlive(node: string): boolean {
    return this.port.isAlive(node);
  }

  async ask(node: string, command: object): Promise<unknown> {
    const { answers } = await this.commands.send(node, command, ANSWER_MS).outcome;
    return answers.get(node)?.value;
  }

  serve(requests: ServedRequests): void {
    this.commands.serve(
      (command) => requests.execute(command),
      () => requests.changed(),
    );
    this.port.listen({
      received: () => {},
      peersChanged: () => requests.changed(),
      busChanged: () => requests.changed(),
      leaving: async (timeoutMs) => {
        // Without the bus, no other node can take the answers.
        if (this.port.state === 'up') await requests.leaving(timeoutMs);
      },
    });
  }
}
