// The server's side of the model: one session, whose user takes numbered messages and sometimes no more for a while.
import { Buffer } from 'node:buffer';
import { ENGINE_OPTIONS, type EngineSettings } from '../../src/engine/engine-options.ts';
import { EngineSession, type SessionEnd, type Wire } from '../../src/engine/engine-session.ts';
import { ENGINE_FAULTS } from '../../src/engine/http-answer.ts';
import { PollingWire } from '../../src/engine/polling-wire.ts';
import type { ModelNetwork, ModelRequest, ModelSocket } from './model-network.ts';

export class ModelServer {
  readonly settings: EngineSettings = ENGINE_OPTIONS.part({
    pingIntervalMs: 300,
    // Longer than a pong that waits for a slow POST and a user that takes nothing.
    pingTimeoutMs: 1000,
    upgradeTimeoutMs: 800,
  });
  session: EngineSession | undefined = undefined;
  /** The messages that the user has got. */
  readonly got: string[] = [];
  readonly sent: string[] = [];
  readonly errors: string[] = [];
  end: SessionEnd | undefined = undefined;
  endedAt = 0;
  private wire: PollingWire | undefined = undefined;
  private readonly network: ModelNetwork;

  constructor(network: ModelNetwork) {
    this.network = network;
  }

  get isOpen(): boolean {
    return this.session?.isOpen === true;
  }

  /** Sends a message, as bytes if its number is odd. The bytes are used again. */
  emit(text: string): void {
    if (!this.isOpen) return;
    this.sent.push(text);
    const isBytes = text.endsWith('1');
    const bytes = Buffer.from(text);
    this.session!.send([isBytes ? bytes : `4${text}`]);
    if (this.session!.transport === 'polling') bytes.fill(0);
  }

  /** The user takes no more for a while. */
  hold(ms: number): void {
    this.session?.hold();
    this.network.later(() => this.session?.release(), ms);
  }

  // --- the requests ---

  poll(request: ModelRequest): void {
    if (this.session === undefined) {
      this.wire = new PollingWire(this.network.clock);
      this.open(this.wire);
      this.wire.attach(this.session!);
      this.wire.receivePoll(request);
      this.session!.open();
    } else if (this.isPolling) this.wire!.receivePoll(request);
    else request.refuse(this.session.end ? ENGINE_FAULTS.session : ENGINE_FAULTS.request);
  }

  /** The body arrives after the head. */
  post(request: ModelRequest, body: string): void {
    if (!this.isPolling) request.refuse(ENGINE_FAULTS.session);
    else if (this.wire!.beginPost(request)) {
      this.network.later(() => {
        if (request.isWaiting) this.wire!.receiveBody(request, Buffer.from(body));
      });
    }
  }

  webSocket(socket: ModelSocket, isUpgrade: boolean): void {
    if (!isUpgrade) {
      this.open(socket);
      socket.session = this.session;
      this.session!.open();
    } else if (this.session?.canUpgrade === true) {
      socket.session = this.session;
      this.session.probe(socket);
    } else socket.end();
  }

  private get isPolling(): boolean {
    return this.session?.end === undefined && this.session?.transport === 'polling';
  }

  private open(wire: Wire): void {
    const { clock } = this.network;
    const { settings } = this;
    this.session = new EngineSession({ id: 'sid', clock, settings, changed: () => {} }, wire);
    this.session.user = {
      received: (message) => void this.got.push(message.toString()),
      burstEnded: () => {},
      sent: () => {},
      pinged: () => {},
      ponged: () => {},
      violated: ({ message }) => void this.errors.push(message),
      drained: () => {},
      ended: (end) => {
        this.end = end;
        this.endedAt = clock.now();
      },
    };
  }
}
