import type { Cluster } from '@headrace/cluster';
import {
  decodeBody,
  encodeBody,
  type GroupWire,
  type NodePort,
  portOf,
  type ServingNodes,
  servingNodesOf,
  wireOf,
} from '@headrace/cluster/authoring';
import type { Clock } from '@headrace/core';
import { RecentMap } from '@headrace/core/authoring';
import { type StateLog, statesOf } from '@headrace/store';
import { memoryStates } from '@headrace/store/authoring';

/** The nodes with an HTTP API, and the store in which they keep their idempotency keys. */
export interface RequestPeers {
  /** The id of this node, which can change. */
  readonly nodeId: string;
  /** The name of the bus. */
  readonly bus: string;
  readonly state: 'up' | 'down';
  /** The store that all nodes share, or undefined if the bus has none. */
  readonly store: StateLog | undefined;
  /** The number of other nodes with the API, or undefined while it is not known. It is known only without a store. */
  readonly others: number | undefined;
  /** Returns true for a node that this node has not heard for so long that it has ended, or is cut off. */
  isGone(node: string): boolean;
  /** Returns the name of the state of one key of the API. */
  stream(scope: string): string;
  /** Returns an id that no other program can guess. */
  newId(): string;
  /** Encodes a value for the store. @param seal - what the value is about @throws EncodeError `MESSAGE_TOO_LONG` */
  encode(seal: string, value: object): Buffer;
  /** Decodes a value. Returns undefined for bytes that no node of the cluster made for this purpose. */
  decode(seal: string, bytes: Buffer): object | undefined;
  /** Makes this node one of the nodes with the API. It stays in the cluster until the promise resolves. */
  serve(leaving: (timeoutMs: number) => Promise<void>): void;
}

/** Time in which a node that has just started, or has the bus again, learns which nodes exist. */
const UNKNOWN_MS = 5000;
const ID_BYTES = 8;
const MAX_NODES = 1000;
/** What the nodes with an API serve, for the cluster. */
const API = 'r';

/** The nodes of a cluster that have an HTTP API. */
export class ClusterPeers implements RequestPeers {
  private readonly wire: GroupWire;
  private readonly port: NodePort;
  private readonly nodes: ServingNodes;
  /** The nodes that were asked about, with the times from which on they count as gone unless they are alive. */
  private goneAt = new RecentMap<number>(MAX_NODES);
  private ids = 0;

  constructor(cluster: Cluster<never>) {
    this.wire = wireOf(cluster);
    this.port = portOf(cluster);
    this.nodes = servingNodesOf(cluster, API);
  }

  get nodeId(): string {
    return this.wire.nodeId;
  }

  get bus(): string {
    return this.wire.bus.name;
  }

  get state(): 'up' | 'down' {
    return this.wire.bus.state;
  }

  get store(): StateLog | undefined {
    return statesOf(this.wire.bus);
  }

  get others(): number | undefined {
    return this.nodes.isSure ? this.nodes.others.length : undefined;
  }

  isGone(node: string): boolean {
    const { goneAt, port } = this;
    const now = port.clock.now();
    const isAlive = port.isAlive(node);
    const at = isAlive ? 0 : (goneAt.peek(node) ?? now + UNKNOWN_MS);
    goneAt.use(node, at);
    return !isAlive && now >= at;
  }

  stream(scope: string): string {
    return this.wire.subjects.keys(scope);
  }

  newId(): string {
    this.ids += 1;
    return `${this.nodeId}-${this.ids}-${this.wire.randomText(ID_BYTES)}`;
  }

  encode(seal: string, value: object): Buffer {
    return this.wire.encode(seal, 1, encodeBody(value));
  }

  decode(seal: string, bytes: Buffer): object | undefined {
    const message = this.wire.read(bytes, 'idempotency keys', seal);
    return message && decodeBody<object>(message);
  }

  serve(leaving: (timeoutMs: number) => Promise<void>): void {
    if (this.store === undefined) this.nodes.serve();
    this.port.listen({
      leaving,
      received: () => {},
      peersChanged: () => {},
      // This node has heard nobody while the bus was down.
      busChanged: () => {
        this.goneAt = new RecentMap(MAX_NODES);
      },
    });
  }
}

/** Stands for the nodes of a program without a cluster. */
export function noPeers(clock: Clock): RequestPeers {
  let ids = 0;
  return {
    nodeId: '',
    bus: 'none',
    state: 'up',
    store: memoryStates(clock),
    others: 0,
    isGone: () => false,
    stream: (scope) => scope,
    newId: () => {
      ids += 1;
      return String(ids);
    },
    encode: (_seal, value) => Buffer.from(JSON.stringify(value)),
    decode: (_seal, bytes) => JSON.parse(String(bytes)) as object,
    serve: () => {},
  };
}
