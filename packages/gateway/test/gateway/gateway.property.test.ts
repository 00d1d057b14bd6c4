import { textLines } from '@headrace/codec';
import type { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { GatewayWorld, NotingWorker, randomOf } from './gateway-world.ts';

const CONNECTIONS = 6;
const STEPS = 150;

interface Handled {
  readonly message: number;
  readonly isRepeated: boolean;
  readonly node: string;
}

/** Frames are lost, workers die, drain, stand still and come, and chance decides when. */
class BadDay {
  readonly world: GatewayWorld;
  readonly gateway;
  readonly channels: EmbeddedChannel[] = [];
  readonly sent: number[] = [];
  readonly handled: Handled[][] = [];
  readonly workers: NotingWorker[] = [];
  private readonly random: () => number;
  /** The answers that clients have, by connection: the message, and which of its two answers. */
  readonly answers: string[][] = [];
  private names = 0;

  constructor(seed: number, delivery: 'at-most-once' | 'acknowledged') {
    this.random = randomOf(seed);
    this.world = new GatewayWorld(this.random);
    for (let i = 0; i < 3; i++) this.addWorker();
    // Chance ends workers, not a message.
    const maxDeliveries = Number.POSITIVE_INFINITY;
    this.gateway = this.world.gateway({ delivery, maxUnanswered: 8, maxDeliveries });
    for (let i = 0; i < CONNECTIONS; i++) {
      this.channels.push(this.world.connection(this.gateway, ...textLines()));
      this.sent.push(0);
      this.handled.push([]);
      this.answers.push([]);
    }
  }

  run(): void {
    for (let step = 0; step < STEPS; step++) this.step();
    // A good end: all that can arrive does.
    this.world.loss = 0;
    this.world.setBus('up');
    this.addWorker();
    this.world.clock.advance(120_000);
    for (const [i, channel] of this.channels.entries()) {
      for (let out = channel.readOutbound(); out !== undefined; out = channel.readOutbound()) {
        this.answers[i]!.push(...String(out).trim().split('\n'));
      }
    }
  }

  private step(): void {
    const { random, world } = this;
    const chance = random();
    if (chance < 0.6) {
      for (let i = 0; i < 4; i++) this.send(Math.floor(random() * CONNECTIONS));
    } else if (chance < 0.7) world.loss = random() < 0.5 ? 0 : random() * 0.4;
    else if (chance < 0.75) this.addWorker();
    else if (chance < 0.8) world.kill(this.someWorker().node);
    else if (chance < 0.85) this.drain(this.someWorker());
    else if (chance < 0.9) world.setBus(random() < 0.5 ? 'down' : 'up');
    world.clock.advance(random() * (random() < 0.1 ? 5000 : 100));
  }

  /** Sends one line, or a burst of lines that arrives in one read and that a worker needs longer for. */
  private send(index: number): void {
    const channel = this.channels[index]!;
    if (channel.isReadHeld) return;
    const count = this.random() < 0.1 ? 1 + Math.floor(this.random() * 30) : 1;
    const lines = Array.from({ length: count }, (_, i) => `${this.sent[index]! + i + 1}\n`);
    this.sent[index]! += count;
    channel.writeInbound(Buffer.from(lines.join('')));
  }

  /** It comes back now and then: it was only unheard. Otherwise it may leave in order. */
  private drain({ node, worker }: NotingWorker): void {
    const { world } = this;
    if (world.isDead(node) || !world.states.has(node)) return;
    world.setState(node, 'draining');
    const chance = this.random();
    if (chance < 0.4) world.clock.schedule(() => world.setState(node, 'ready'), 4000);
    if (chance > 0.3) void worker.emptyWithin(3000);
    if (chance > 0.6) world.clock.schedule(() => world.kill(node), 3000);
  }

  private someWorker(): NotingWorker {
    return this.workers[Math.floor(this.random() * this.workers.length)]!;
  }

  private addWorker(): void {
    this.names += 1;
    const worker = new NotingWorker(this.world, `worker${this.names}`);
    const isSlow = this.random() < 0.5;
    worker.workMs = () => (isSlow ? this.random() * 200 : 0);
    worker.handled = (connection, message, isRepeated) => {
      const index = Number(connection.split(':')[1]) - 1;
      this.handled[index]!.push({ message: Number(message), isRepeated, node: worker.node });
      const own = worker.held.get(connection);
      for (const part of ['a', 'b']) own?.write(`${message}${part}`);
      // What is written later belongs to no message.
      this.world.clock.schedule(() => void own?.write(`${message}c`), this.random() * 300);
    };
    this.workers.push(worker);
  }
}

describe('Gateway and Worker on a bad day', () => {
  it('acknowledged: handle every message, in order, and mark what may have been handled', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const day = new BadDay(seed, 'acknowledged');
      day.run();
      const wrong: string[] = [];
      for (const { faults } of day.workers) expect(faults, `seed ${seed}`).toEqual([]);
      day.handled.forEach((handled, i) => {
        const where = `seed ${seed}, connection ${i + 1}`;
        const seen = new Set<number>();
        const lastAt = new Map<string, number>();
        for (const { message, isRepeated, node } of handled) {
          if (seen.has(message) && !isRepeated) wrong.push(`${where}: ${message} twice, unmarked`);
          seen.add(message);
          const last = lastAt.get(node) ?? 0;
          // A worker that gets the connection back may get what it had.
          if (!isRepeated && message <= last) wrong.push(`${where}: order at ${node}`);
          lastAt.set(node, message);
        }
        const all = Array.from({ length: day.sent[i]! }, (_, n) => n + 1);
        expect(
          [...seen].sort((a, b) => a - b),
          where,
        ).toEqual(all);
        expect(day.channels[i]!.isReadHeld, where).toBe(false);
        const answers = new Map<string, number>();
        for (const one of day.answers[i]!) answers.set(one, (answers.get(one) ?? 0) + 1);
        const handledTimes = new Map<number, number>();
        for (const { message } of handled) {
          handledTimes.set(message, (handledTimes.get(message) ?? 0) + 1);
        }
        for (const [message, most] of handledTimes) {
          for (const part of ['a', 'b', 'c']) {
            const times = answers.get(`${message}${part}`) ?? 0;
            const least = part === 'c' ? 0 : 1;
            if (times < least || times > most)
              wrong.push(`${where}: ${message}${part}, ${times} answers of ${most}`);
          }
        }
      });
      expect(wrong).toEqual([]);
      expect(day.gateway.lostCount).toBe(0);
    }
  });

  it('at most once: never handle a message twice, keep the order, and lose none in silence', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const day = new BadDay(seed, 'at-most-once');
      day.run();
      const wrong: string[] = [];
      for (const { faults } of day.workers) expect(faults, `seed ${seed}`).toEqual([]);
      let lost = 0;
      day.handled.forEach((handled, i) => {
        const where = `seed ${seed}, connection ${i + 1}`;
        const numbers = handled.map(({ message }) => message);
        expect(new Set(numbers).size, where).toBe(numbers.length);
        expect(
          handled.some(({ isRepeated }) => isRepeated),
          where,
        ).toBe(false);
        const lastAt = new Map<string, number>();
        for (const { message, node } of handled) {
          if (message <= (lastAt.get(node) ?? 0)) wrong.push(`${where}: order at ${node}`);
          lastAt.set(node, message);
        }
        lost += day.sent[i]! - numbers.length;
        expect(day.channels[i]!.isReadHeld, where).toBe(false);
      });
      expect(wrong).toEqual([]);
      const missed = day.workers.reduce((sum, { worker }) => sum + worker.missedCount, 0);
      expect(day.gateway.lostCount + missed, `seed ${seed}`).toBeGreaterThanOrEqual(lost);
    }
  });
});
