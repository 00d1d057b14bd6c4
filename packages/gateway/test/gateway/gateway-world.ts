import type { PublishOutcome } from '@headrace/bus';
import type { Handler } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import {
  Gateway,
  type GatewayOptions,
  Worker,
  type WorkerConnection,
  type WorkerOptions,
} from '@headrace/gateway';
import type { GatewayListener, GatewayPort } from '../../src/gateway/gateway-port.ts';

/** Nodes in one process: frames between two of them arrive in order and late, or not at all. */
export class GatewayWorld {
  readonly clock = new VirtualClock();
  readonly random: () => number;
  readonly states = new Map<string, 'ready' | 'draining' | 'suspect'>();
  /** The share of frames that is lost. */
  loss = 0;
  latencyMs = 5;
  /** The longest frame that the bus takes; it drops longer ones. */
  maxBodyBytes: number | undefined = undefined;
  sentFrames = 0;
  /** The bytes of all frames. */
  sentBytes = 0;
  /** Looks at each frame on its way, and may change it; without a result, it is lost. */
  onWay: (body: Buffer, from: string, to: string) => Buffer | undefined = (body) => body;
  readonly lines: string[] = [];
  private readonly listeners = new Set<GatewayListener>();
  /** Those that get frames. */
  private readonly receivers = new Map<string, Set<GatewayListener>>();
  /** The frames that arrive last between two nodes; those of one moment come together, as from a real bus. */
  private readonly last = new Map<string, { readonly dueAt: number; readonly bodies: Buffer[] }>();
  private readonly dead = new Set<string>();
  private busState: 'up' | 'down' = 'up';

  constructor(random: () => number = () => 0.5) {
    this.random = random;
  }

  isAlive: (node: string) => boolean = (node) =>
    this.states.has(node) || node.startsWith('gateway');

  port(nodeId: string): GatewayPort {
    const world = this;
    return {
      clock: this.clock,
      logger: { log: (level, text) => void this.lines.push(`${level} ${text}`) },
      nodeId,
      get state() {
        return world.busState;
      },
      get maxBodyBytes() {
        return world.maxBodyBytes;
      },
      send: (node, body) => this.send(nodeId, node, body),
      ready: () => [...this.states].filter(([, state]) => state === 'ready').map(([id]) => id),
      isAlive: (node) => this.isAlive(node),
      draining: () =>
        [...this.states].filter(([, state]) => state === 'draining').map(([id]) => id),
      listen: (listener) => {
        const own = this.receivers.get(nodeId) ?? new Set();
        this.receivers.set(nodeId, own.add(listener));
        this.listeners.add(listener);
        return {
          close: () => {
            own.delete(listener);
            this.listeners.delete(listener);
          },
        };
      },
    };
  }

  setState(node: string, state: 'ready' | 'draining' | 'suspect' | 'gone'): void {
    if (state === 'gone') this.states.delete(node);
    else this.states.set(node, state);
    this.clock.run(() => {
      for (const listener of [...this.listeners]) listener.peersChanged();
    });
  }

  /** Its process is killed; the others notice after a while. */
  kill(node: string): void {
    this.dead.add(node);
    this.receivers.delete(node);
    if (!this.states.has(node)) return;
    this.clock.schedule(() => this.setState(node, 'suspect'), 3000);
    this.clock.schedule(() => this.setState(node, 'gone'), 5000);
  }

  setBus(state: 'up' | 'down'): void {
    if (state === this.busState) return;
    this.busState = state;
    this.clock.run(() => {
      for (const listener of [...this.listeners]) listener.busChanged(state === 'up');
    });
  }

  isDead(node: string): boolean {
    return this.dead.has(node);
  }

  gateway(options: Partial<GatewayOptions<string>> = {}): Gateway<string> {
    return new Gateway<string>({ cluster: { gatewayPort: this.port('gateway') }, ...options });
  }

  connection(gateway: Gateway<string>, ...before: Handler[]): EmbeddedChannel {
    return EmbeddedChannel.with({ clock: this.clock }, ...before, gateway.handler());
  }

  private send(from: string, to: string, body: Buffer): PublishOutcome {
    this.sentFrames += 1;
    this.sentBytes += body.byteLength;
    if (this.dead.has(from)) return 'dropped';
    if (body.byteLength > (this.maxBodyBytes ?? Number.POSITIVE_INFINITY)) return 'dropped';
    if (this.busState === 'down' || this.random() < this.loss) return 'sent';
    const arriving = this.onWay(body, from, to);
    if (arriving === undefined) return 'sent';
    const pair = `${from} ${to}`;
    const { clock } = this;
    const last = this.last.get(pair);
    const ownAt = clock.now() + this.latencyMs * (0.5 + this.random());
    const dueAt = Math.max(last?.dueAt ?? 0, ownAt);
    if (last?.dueAt === dueAt && dueAt > clock.now()) {
      last.bodies.push(arriving);
      return 'sent';
    }
    const bodies = [arriving];
    this.last.set(pair, { dueAt, bodies });
    clock.schedule(() => {
      for (const one of bodies) {
        for (const listener of [...(this.receivers.get(to) ?? [])]) listener.received(from, one);
      }
    }, dueAt - clock.now());
    return 'sent';
  }
}

/** A worker that notes what it is called for. */
export class NotingWorker {
  readonly node: string;
  readonly worker: Worker<string>;
  readonly notes: string[] = [];
  readonly faults: string[] = [];
  readonly held = new Map<string, WorkerConnection<string>>();
  /** What a message costs; 0 is done at once. */
  workMs: (message: string) => number = () => 0;
  /** Called before `onConnect` and `onClose` end. */
  turned: (job: string) => void = () => {};
  handled: (connection: string, message: string, isRepeated: boolean) => void = () => {};
  /** The answers that sessions have lost, by the connection. */
  readonly lost: string[] = [];
  private readonly running = new Set<string>();

  constructor(
    world: GatewayWorld,
    node: string,
    options: Partial<Pick<WorkerOptions, 'maxUnconfirmedBytes'>> = {},
  ) {
    this.node = node;
    world.states.set(node, 'ready');
    const later = (id: string, ms: number, done: () => void): Promise<void> | undefined => {
      if (this.running.has(id)) this.faults.push(`two functions of ${id} run at a time`);
      if (ms === 0) {
        if (!world.isDead(node)) done();
        return undefined;
      }
      this.running.add(id);
      const over = () => {
        this.running.delete(id);
        if (!world.isDead(node)) done();
      };
      const then = (resolve: () => void) => {
        world.clock.schedule(() => {
          over();
          if (!world.isDead(node)) resolve();
        }, ms);
      };
      return { then } as unknown as Promise<void>;
    };
    this.worker = new Worker<string>({
      cluster: { gatewayPort: world.port(node) },
      ...options,
      onConnect: (connection, { moved }) => {
        this.held.set(connection.id, connection);
        this.notes.push(moved ? 'moved here' : 'connect');
        this.turned(`connect ${connection.id}`);
      },
      onMessage: (connection, message, { repeated }) =>
        later(connection.id, this.workMs(message), () => {
          this.notes.push(repeated ? `${message} again` : message);
          this.handled(connection.id, message, repeated);
        }),
      onClose: (connection, { reason, lost }) => {
        if (lost > 0) this.lost.push(`${lost} of ${connection.id}`);
        this.held.delete(connection.id);
        this.notes.push(`close ${reason}`);
        this.turned(`close ${connection.id}`);
      },
    });
    world.setState(node, 'ready');
  }

  get only(): WorkerConnection<string> {
    return [...this.held.values()][0]!;
  }
}

export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
