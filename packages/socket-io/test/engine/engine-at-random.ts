// A session over a network that fails, with the rules of the protocol as the judge.
import assert from 'node:assert';
import { SeededRandom, VirtualClock } from '@headrace/core/testing';
import { ModelClient } from './model-client.ts';
import { ModelNetwork } from './model-network.ts';
import { ModelServer } from './model-server.ts';

const STEPS = 60;
const STEP_MS = 40;
/** Without a further fault, all that was sent has arrived by then, or both ends know that the connection has ended. */
const QUIET_MS = 6000;

/** What a run has met, so that a test sees that nothing is left out. */
export interface Outcome {
  readonly faults: number;
  readonly transport: string;
  readonly clientEnd: string | undefined;
  readonly serverEnd: string | undefined;
  readonly hasUpgraded: boolean;
}

export class EngineAtRandom {
  private readonly network: ModelNetwork;
  private readonly server: ModelServer;
  private readonly client: ModelClient;
  /** Messages of the client, in order. */
  private readonly sent: string[] = [];
  private faults = 0;
  private closedBy: 'client' | 'server' | undefined = undefined;
  private readonly isFaulty: boolean;

  constructor(seed: number) {
    const clock = new VirtualClock();
    this.network = new ModelNetwork(clock, new SeededRandom(seed, 'engine'));
    this.server = new ModelServer(this.network);
    this.isFaulty = this.network.pick(4) > 0;
    const first = this.network.pick(4) === 0 ? 'websocket' : 'polling';
    const upgrades = this.network.pick(3) > 0;
    this.client = new ModelClient(this.network, this.server, { first, upgrades });
  }

  run(): Outcome {
    const { network } = this;
    for (let step = 0; step < STEPS; step++) {
      this.act(step);
      network.clock.advance(network.pick(STEP_MS));
      this.judgeOrder();
    }
    network.clock.advance(QUIET_MS);
    this.judgeOrder();
    this.judgeEnds();
    const { client, server, faults } = this;
    const hasUpgraded = server.session?.transport === 'websocket';
    const ends = { clientEnd: client.end, serverEnd: server.end?.name };
    return { faults, transport: client.transport, hasUpgraded, ...ends };
  }

  // --- what happens ---

  private act(step: number): void {
    const { network, server, client } = this;
    const kind = network.pick(24);
    if (kind < 8) for (let i = 0; i <= kind; i++) server.emit(`s${server.sent.length}`);
    else if (kind < 16 && client.isOpen && this.closedBy === undefined) {
      for (let i = 8; i <= kind; i++) {
        const text = `c${this.sent.length}`;
        this.sent.push(text);
        client.emit(text);
      }
    } else if (kind === 16) server.hold(network.pick(120));
    else if (kind === 17 && network.pick(10) === 0) this.closes(step);
    else if (kind > 20 && this.isFaulty && network.pick(6) === 0) this.fault(network.pick(5));
  }

  private closes(step: number): void {
    if (this.closedBy !== undefined || !this.server.isOpen || !this.client.isOpen) return;
    this.closedBy = step % 2 === 0 ? 'client' : 'server';
    if (this.closedBy === 'client') this.client.close();
    else this.server.session!.close();
  }

  private fault(kind: number): void {
    const { requests, sockets } = this.network;
    const list = kind < 3 ? [...requests] : [...sockets];
    const one = list[this.network.pick(list.length)];
    if (one === undefined) return;
    this.faults += 1;
    if (kind === 2 || kind === 4) one.hang();
    else one.cut();
  }

  // --- the judge ---

  /** None is lost between two others, none comes twice, and their order is kept. */
  private judgeOrder(): void {
    const { client, server, sent } = this;
    assert.deepEqual(client.got, server.sent.slice(0, client.got.length), 'the client');
    assert.deepEqual(server.got, sent.slice(0, server.got.length), 'the server');
    // Clients of the protocol break none of its rules.
    if (client.end === undefined) assert.deepEqual(server.errors, []);
  }

  private judgeEnds(): void {
    const { client, server, network } = this;
    const isAlive = client.end === undefined && server.end === undefined;
    const isWhole = isAlive || this.faults === 0;
    // The end that closes has sent everything before, and takes nothing after it.
    if (isWhole && this.closedBy !== 'client') {
      assert.equal(client.got.length, server.sent.length, 'the client has not got everything');
    }
    if (isWhole && this.closedBy !== 'server') {
      assert.equal(server.got.length, this.sent.length, 'the server has not got everything');
    }
    // Each end hears of the other's end, and does not have to wait for it.
    if (this.faults === 0) assert.notEqual(client.end, 'ping timeout');
    if (this.faults === 0) assert.notEqual(server.end?.name, 'ping timeout');
    if (isWhole && this.closedBy === undefined) assert.ok(isAlive, 'ended without a fault');
    const isOne = (client.end === undefined) === (server.end === undefined);
    assert.ok(isOne || server.session === undefined, 'one end does not know of the end');
    if (server.end === undefined) return;
    const waiting = [...network.requests].filter((request) => request.isWaiting);
    assert.equal(waiting.length, 0, 'a request has no answer');
  }
}
