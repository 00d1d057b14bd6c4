import { Buffer } from 'node:buffer';
import { Relay } from '@headrace/bus/authoring';
import { silentLogger, systemClock } from '@headrace/core';
import type { LogEntry, LogLink } from '@headrace/store';
import { keepStores } from '@headrace/store/authoring';
import { describe, expect, it } from 'vitest';
import { workerStores } from '../../../store/test/fixture/engines.ts';
import { PrimaryWitness } from '../../src/process/primary-witness.ts';
import { ASK, type RelayFrame } from '../../src/process/relay-frame.ts';
import { MAX_WAITING_BYTES, RelayPort } from '../../src/process/relay-port.ts';
import { type PrimaryWire, WorkerLink } from '../../src/process/worker-link.ts';
import { LocalLink } from '../../src/relay/local-link.ts';

/** A worker's process: everything crosses as JSON, as between real ones. */
class FakeProcess {
  readonly port: RelayPort;
  readonly wire: PrimaryWire;
  readonly link: WorkerLink;
  readonly log: LogLink;
  readonly got: string[] = [];
  readonly frames: string[] = [];
  isStopped = false;
  isWelcome = false;
  isLost = false;
  fullCount = 0;
  private receive: (message: unknown) => void = () => {};
  private gone: () => void = () => {};

  constructor(relay: Relay) {
    keepStores(relay);
    this.port = new RelayPort(relay, {
      send: (frame, left) => {
        const text = JSON.stringify(frame);
        if (this.isStopped) return;
        this.frames.push(text);
        left();
        setImmediate(() => this.receive(JSON.parse(text)));
      },
      now: () => 0,
      full: () => {
        this.fullCount += 1;
      },
    });
    this.wire = {
      isOpen: true,
      send: (frame: RelayFrame, left: () => void) => {
        const text = JSON.stringify(frame);
        setImmediate(() => {
          this.port.received(JSON.parse(text));
          left();
        });
      },
      listen: (received: (message: unknown) => void, gone: () => void) => {
        this.receive = received;
        this.gone = gone;
        return () => {
          this.receive = () => {};
        };
      },
    };
    const sink = {
      received: (subject: string, bytes: Buffer) => void this.got.push(`${subject} ${bytes}`),
      lost: () => {
        this.isLost = true;
      },
    };
    this.link = new WorkerLink(7, this.wire, sink, () => {
      this.isWelcome = true;
    });
    this.log = workerStores().openLog!(this.link);
  }

  die(): void {
    this.port.close();
    this.gone();
  }
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 12; i++) await new Promise((resolve) => setImmediate(resolve));
};
const bytes = (text: string): Buffer => Buffer.from(text);

describe('the relay', () => {
  it('publishes what a worker left for its end, unless it ends the link itself', async () => {
    const relay = new Relay();
    const [one, two, three] = [
      new FakeProcess(relay),
      new FakeProcess(relay),
      new FakeProcess(relay),
    ];
    three.link.subscribe('ends');
    one.link.setWill('ends', bytes('first'));
    one.link.setWill('ends', bytes('one is gone'));
    two.link.setWill('ends', bytes('two is gone'));
    await three.link.settled();
    await turns();
    await two.link.close(true);
    two.die();
    one.die();
    one.die();
    await turns();
    expect(three.got).toEqual(['ends one is gone']);
  });

  it('lets the workers that remain publish what one left, for engines that do not notice its end', async () => {
    const relay = new Relay();
    const published: string[] = [];
    const started = ['one', 'two', 'three', 'four'].map((name) => {
      const process = new FakeProcess(relay);
      const witness = new PrimaryWitness(process.wire);
      const publish = (subject: string, will: Uint8Array): void =>
        void published.push(`${name}: ${subject} ${will}`);
      witness.setWill('hr.nodes', bytes('an id from before'), publish);
      witness.setWill('hr.nodes', bytes(`${name} is gone`), publish);
      return { process, witness };
    });
    const [one, two] = started;
    await turns();
    two!.witness.close();
    await turns();
    two!.process.die();
    one!.process.die();
    await turns();
    expect(published).toEqual(['three: hr.nodes one is gone', 'four: hr.nodes one is gone']);
  });

  it('gives a message only to its listeners, in order', async () => {
    const relay = new Relay();
    const [one, two, three] = [
      new FakeProcess(relay),
      new FakeProcess(relay),
      new FakeProcess(relay),
    ];
    one.link.subscribe('a');
    two.link.subscribe('a');
    two.link.subscribe('b');
    await Promise.all([one.link.settled(), two.link.settled(), three.link.settled()]);
    expect([one.isWelcome, two.isWelcome, three.isWelcome]).toEqual([true, true, true]);
    const before = three.frames.length;
    for (let i = 1; i <= 3; i++) three.link.publish('a', bytes(`${i} ä\0`));
    one.link.publish('b', bytes(''));
    await turns();
    expect(one.got).toEqual(['a 1 ä\0', 'a 2 ä\0', 'a 3 ä\0']);
    expect([...two.got].sort()).toEqual(['a 1 ä\0', 'a 2 ä\0', 'a 3 ä\0', 'b ']);
    expect(three.frames.length).toBe(before);
    expect(await three.link.receivers('a')).toBe(2);
    two.link.unsubscribe('a');
    two.link.unsubscribe('b');
    await two.link.settled();
    expect(await three.link.receivers('a')).toBe(1);
    expect(relay['subjects'].size).toBe(1);
  });

  it('sends the messages of one turn in one frame', async () => {
    const relay = new Relay();
    const process = new FakeProcess(relay);
    process.link.subscribe('a');
    await process.link.settled();
    const before = process.frames.length;
    for (let i = 0; i < 100; i++) process.link.publish('a', bytes(`message ${i}`));
    await turns();
    expect(process.got).toHaveLength(100);
    expect(process.frames.length - before).toBe(1);
  });

  it('loses what a worker does not take above 8 MiB, counts it, and keeps no more', async () => {
    const relay = new Relay();
    const [slow, quick] = [new FakeProcess(relay), new FakeProcess(relay)];
    slow.link.subscribe('a');
    quick.link.subscribe('a');
    await Promise.all([slow.link.settled(), quick.link.settled()]);
    slow.isStopped = true;
    const large = Buffer.alloc(96 * 1024, 'x');
    for (let i = 0; i < 160; i++) {
      quick.link.publish('a', large);
      await turns();
    }
    expect(quick.got).toHaveLength(160);
    expect(quick.port.dropped).toBe(0);
    // 128 KiB of base64 each.
    expect(slow.port.dropped).toBeGreaterThanOrEqual(160 - 64);
    expect(slow.port.waiting).toBeLessThan(MAX_WAITING_BYTES + 4096);
    expect(slow.port.waiting).toBeGreaterThan(MAX_WAITING_BYTES - 2 * 128 * 1024);
    expect(slow.fullCount).toBe(1);
  });

  it('forgets a worker that died, and tells its link', async () => {
    const relay = new Relay();
    const process = new FakeProcess(relay);
    process.link.subscribe('a');
    const follow = process.log.follow('s', () => {});
    await process.link.settled();
    const asked = process.link.receivers('a');
    process.die();
    await expect(asked).rejects.toThrow('the primary process is gone');
    expect(process.isLost).toBe(true);
    expect([relay['members'].size, relay['subjects'].size]).toEqual([0, 0]);
    follow.close();
  });

  it('takes the process of the primary as a member', async () => {
    const relay = new Relay();
    const worker = new FakeProcess(relay);
    worker.link.subscribe('a');
    await worker.link.settled();
    const got: string[] = [];
    const host = { clock: systemClock, logger: silentLogger, random: Math.random, probe: 'p' };
    const sink = {
      received: (subject: string, bytes: Buffer) => void got.push(`${subject} ${bytes}`),
      lost: () => {},
    };
    const local = new LocalLink(relay, sink, host);
    local.subscribe('a');
    local.publish('a', bytes('from the primary'));
    expect(got).toEqual([]);
    worker.link.publish('a', bytes('from a worker'));
    await turns();
    expect(got).toEqual(['a from the primary', 'a from a worker']);
    expect(worker.got).toEqual(got);
    expect(await local.receivers('a')).toBe(2);
    await local.close();
    expect(await worker.link.receivers('a')).toBe(1);
  });

  it('stores for durable groups: once for each id, and all who follow get it', async () => {
    const relay = new Relay();
    const [one, two] = [new FakeProcess(relay), new FakeProcess(relay)];
    const entries: LogEntry[] = [];
    await one.log.open('s', { messages: 3, ageMs: Number.POSITIVE_INFINITY });
    await two.log.open('s', { messages: 3, ageMs: Number.POSITIVE_INFINITY });
    const following = two.log.follow('s', (entry) => entries.push(entry));
    await two.link.settled();
    const positions = await Promise.all(
      ['a', 'b', 'a', 'c', 'd'].map((id) => one.log.append('s', id, bytes(`of ${id}`))),
    );
    expect(positions.map(({ offset }) => offset)).toEqual([1, 2, 1, 3, 4]);
    await turns();
    expect(entries.map(({ id, bytes, previous }) => `${previous} ${id} ${bytes}`)).toEqual([
      '0 a of a',
      '1 b of b',
      '2 c of c',
      '3 d of d',
    ]);
    const page = await two.log.read('s', 0, 2);
    expect(page).toMatchObject({ epoch: positions[0]!.epoch, first: 2, last: 4 });
    expect(page.entries).toEqual(entries.slice(1, 3));
    following.close();
    await two.link.settled();
    await one.log.append('s', 'e', bytes(''));
    await turns();
    expect(entries).toHaveLength(4);
  });

  it('says what a primary without stores must call', async () => {
    const relay = new Relay();
    const process = new FakeProcess(relay);
    relay.services.clear();
    await expect(process.log.open('room', { messages: 1, ageMs: 1000 })).rejects.toThrow(
      'the primary process serves no log: call runWorkers() or processBus() of @headrace/workers there',
    );
  });

  it('does nothing for frames that are none of this version', async () => {
    const relay = new Relay();
    const process = new FakeProcess(relay);
    await process.link.settled();
    const wrong = [[99], [ASK.publish, 1], [ASK.subscribe], ['x'], [null], [ASK.serve, 1, 's']];
    for (const calls of wrong) process.port.received({ headraceLink: 7, calls });
    process.port.received({ headraceLink: 8, calls: [ASK.subscribe, 'a'] });
    expect(relay['subjects'].size).toBe(0);
    await process.link.settled();
  });
});
