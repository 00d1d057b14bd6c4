import { textLines } from '@headrace/codec';
import { rendezvous } from '@headrace/core/authoring';
import { describe, expect, it } from 'vitest';
import { GatewayWorld, NotingWorker } from './gateway-world.ts';

type Options = Parameters<GatewayWorld['gateway']>[0];

/** Two workers, and a new one for each that a job ends. The line `poison` ends its worker. */
class PoisonWorld {
  readonly world = new GatewayWorld();
  readonly workers: NotingWorker[] = [];
  readonly gateway;
  private endsOn: (job: string) => boolean = (job) => job === 'poison';
  private slowMs = 0;

  constructor(options: Options = {}) {
    this.add();
    this.add();
    this.gateway = this.world.gateway({ delivery: 'acknowledged', ...options });
  }

  get deaths(): number {
    return this.workers.filter(({ node }) => this.world.isDead(node)).length;
  }

  get errors(): string[] {
    return this.world.lines.filter((line) => line.startsWith('error'));
  }

  /** How often a line reached a worker, marked as repeated or not. */
  timesOf(line: string): number {
    const notes = this.workers.flatMap((worker) => worker.notes);
    return notes.filter((note) => note.replace(' again', '') === line).length;
  }

  ends(on: (job: string) => boolean): this {
    this.endsOn = on;
    return this;
  }

  slow(ms: number): this {
    this.slowMs = ms;
    return this;
  }

  connect() {
    const channel = this.world.connection(this.gateway, ...textLines());
    this.world.clock.advance(50);
    return channel;
  }

  private add(): void {
    const { world, workers } = this;
    const worker = new NotingWorker(world, `w${workers.length + 1}`);
    workers.push(worker);
    const check = (job: string): void => {
      if (!this.endsOn(job) || world.isDead(worker.node)) return;
      world.kill(worker.node);
      world.clock.schedule(() => this.add(), 100);
    };
    worker.workMs = (line) => {
      check(line);
      return line.startsWith('slow') ? this.slowMs : 0;
    };
    worker.turned = check;
  }
}

const line = (...texts: string[]): Buffer => Buffer.from(texts.map((text) => `${text}\n`).join(''));

describe('a job that ends its workers', () => {
  it('is given up after three workers if it is a message, and the next messages are handled', () => {
    const day = new PoisonWorld();
    const bad = day.connect();
    bad.writeInbound(line('poison', 'next'));
    day.world.clock.advance(60_000);
    expect([day.deaths, day.gateway.lostCount, bad.isOpen]).toEqual([3, 1, true]);
    expect(day.timesOf('next')).toBe(1);
    expect(bad.readHolds).toEqual([]);
    expect(day.errors).toEqual([
      expect.stringMatching(
        /^error 3 workers in a row ended .* a message of 6 bytes, which begins with 706f69736f6e, of the connection gateway:1: it is given up$/,
      ),
    ]);
    bad.writeInbound(line('more'));
    day.world.clock.advance(100);
    expect(day.timesOf('more')).toBe(1);
  });

  it('is found among messages that were handled in the same turn', () => {
    const day = new PoisonWorld();
    const bad = day.connect();
    bad.writeInbound(line('a', 'b', 'poison', 'c'));
    day.world.clock.advance(60_000);
    expect(day.gateway.lostCount).toBe(1);
    for (const text of ['a', 'b', 'c']) expect(day.timesOf(text)).toBeGreaterThan(0);
    // The first end gives no evidence against the third message.
    expect(day.deaths).toBeLessThanOrEqual(4);
    expect(day.errors[0]).toMatch(/706f69736f6e/);
  });

  it('takes no slow message of another connection with it', () => {
    const day = new PoisonWorld().slow(800);
    const good = Array.from({ length: 8 }, () => day.connect());
    const bad = day.connect();
    for (const [i, channel] of good.entries()) channel.writeInbound(line(`slow${i}`));
    bad.writeInbound(line('poison'));
    day.world.clock.advance(120_000);
    expect([day.deaths, day.gateway.lostCount]).toEqual([3, 1]);
    for (const i of good.keys()) expect(day.timesOf(`slow${i}`)).toBeGreaterThan(0);
    expect(day.errors).toHaveLength(1);
    for (const channel of [...good, bad]) expect(channel.readHolds).toEqual([]);
  });

  it('waits for no suspect that only takes long', () => {
    const day = new PoisonWorld({ maxDeliveries: 2 }).slow(1e7);
    const channels = [day.connect(), day.connect(), day.connect()];
    for (const channel of channels) channel.writeInbound(line('slow'));
    day.world.clock.advance(100);
    for (const { node } of day.workers) day.world.kill(node);
    const last = new NotingWorker(day.world, 'last');
    last.workMs = () => 1e7;
    day.world.clock.advance(30_000);
    expect([day.gateway.lostCount, last.held.size]).toEqual([0, 3]);
  });

  it('ends the connection if it is onConnect', () => {
    const day = new PoisonWorld().ends(
      (job) => job === 'connect gateway:1' && day.world.clock.now() < 30_000,
    );
    const bad = day.connect();
    day.world.clock.advance(60_000);
    expect([day.deaths, bad.isOpen, bad.closeInfo?.reason]).toEqual([3, false, 'error']);
    expect([day.gateway.connections, day.errors.length]).toEqual([0, 1]);
  });

  it('ends no other connection that the workers got in the same turn', () => {
    const day = new PoisonWorld().ends((job) => job === 'connect gateway:3');
    const channels = Array.from({ length: 5 }, () => day.world.connection(day.gateway));
    day.world.clock.advance(60_000);
    expect([day.deaths, day.gateway.connections]).toEqual([3, 4]);
    expect(channels.map(({ isOpen }) => isOpen)).toEqual([true, true, false, true, true]);
    for (const channel of channels) if (channel.isOpen) channel.writeInbound('hello');
    day.world.clock.advance(100);
    expect(day.timesOf('hello')).toBe(4);
  });

  it('is not given up with at-most-once, because each message is lost with its worker', () => {
    const day = new PoisonWorld({ delivery: 'at-most-once' });
    const bad = day.connect();
    for (let i = 1; i <= 5; i += 1) {
      bad.writeInbound(line('poison', 'next'));
      day.world.clock.advance(20_000);
      expect([day.deaths, day.gateway.lostCount]).toEqual([i, 2 * i]);
    }
    expect([day.errors, bad.isOpen]).toEqual([[], true]);
  });

  it('is given up if it is onClose, with at-most-once too', () => {
    const day = new PoisonWorld({ delivery: 'at-most-once' }).ends((job) =>
      job.startsWith('close'),
    );
    day.connect().close();
    day.world.clock.advance(120_000);
    expect([day.deaths, day.gateway.connections, day.gateway.lostCount]).toEqual([3, 0, 0]);
    expect(day.errors).toHaveLength(1);
  });

  it('is not given up for workers that were only silent', () => {
    const world = new GatewayWorld();
    const workers = ['w1', 'w2'].map((node) => new NotingWorker(world, node));
    for (const worker of workers) worker.workMs = () => 1e5;
    const gateway = world.gateway({ delivery: 'acknowledged' });
    const channel = world.connection(gateway);
    channel.writeInbound('long');
    for (let i = 0; i < 6; i += 1) {
      world.clock.advance(1000);
      const { node } = workers.find(({ held }) => held.size > 0)!;
      world.setState(node, 'gone');
      world.clock.advance(1000);
      world.setState(node, 'ready');
    }
    world.clock.advance(1e6);
    expect([gateway.lostCount, world.lines]).toEqual([0, []]);
    expect(workers.flatMap(({ notes }) => notes)).toContain('long again');
  });

  it('holds no connection back whose worker was only silent', () => {
    const world = new GatewayWorld();
    const [first, second] = ['w1', 'w2', 'w3'].map((node) => {
      const worker = new NotingWorker(world, node);
      worker.workMs = () => 1e5;
      return worker;
    });
    const gateway = world.gateway({ delivery: 'acknowledged', maxDeliveries: 2 });
    const channels = Array.from({ length: 40 }, () => world.connection(gateway));
    world.clock.advance(50);
    // The first job goes to the third worker, and the second one waits behind it.
    const ids = [
      [...first!.held.keys()].find((id) => rendezvous(['w2', 'w3'], id, String) === 'w3')!,
      [...second!.held.keys()][0]!,
    ];
    const busy = ids.map((id) => channels[Number(id.replace('gateway:', '')) - 1]!);
    for (const channel of busy) channel.writeInbound('long');
    world.clock.advance(50);
    for (const node of ['w1', 'w2']) {
      world.setState(node, 'gone');
      world.clock.advance(50);
    }
    expect(busy.map(({ isReadHeld }) => isReadHeld)).toEqual([false, true]);
    world.setState('w2', 'ready');
    world.clock.advance(100);
    expect(busy.map(({ isReadHeld }) => isReadHeld)).toEqual([false, false]);
  });

  it('is not given up for workers that leave in order, or when the bus goes down', () => {
    const world = new GatewayWorld();
    new NotingWorker(world, 'w1').workMs = () => 1e9;
    const gateway = world.gateway({ delivery: 'acknowledged', maxDeliveries: 2 });
    const channel = world.connection(gateway);
    channel.writeInbound('long');
    world.clock.advance(100);
    for (let i = 2; i < 8; i += 1) {
      new NotingWorker(world, `w${i}`).workMs = () => 1e9;
      if (i % 2 === 0) world.setState(`w${i - 1}`, 'draining');
      else world.setBus('down');
      world.setState(`w${i - 1}`, 'gone');
      world.setBus('up');
      world.clock.advance(10_000);
    }
    expect([gateway.lostCount, world.lines]).toEqual([0, []]);
  });
});
