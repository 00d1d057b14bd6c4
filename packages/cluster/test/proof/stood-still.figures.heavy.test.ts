import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { BusServer, missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { figures, noteFigures } from '../../../core/test/fixture/figure.ts';
import type { BurstSettings } from './burst-program.ts';
import { NodeProcess } from './node-process.ts';

const MEMBERS = 3;
const STOPPED_MS = 3000;
/** 27 MB in the time in which the node is stopped: more than the kernel's buffers and what may wait for a member. */
const LOAD = { perSecond: 1500, messageBytes: 6000 };
/** A member takes 12 MB/s, a third more than the load. */
const TICK_MS = 20;
const BYTES_PER_TICK = 240_000;

const absent = missing(NATS_SERVER);
let server: BusServer | undefined;
let nodes: NodeProcess[] = [];
let members: Member[] = [];

async function endAll(): Promise<void> {
  for (const member of members) member.socket.destroy();
  await Promise.all(nodes.map((node) => node.kill()));
  await server?.end();
  nodes = [];
  members = [];
}

afterEach(endAll);

/** Reads at an even pace; checks that the numbers go up. */
class Member {
  readonly socket: Socket;
  last = 0;
  missed = 0;
  faults = 0;
  private rest = '';
  private taken = 0;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('latin1').on('error', () => {});
    this.socket.on('data', (text) => this.took(String(text)));
    const timer = setInterval(() => {
      this.taken = 0;
      this.socket.resume();
    }, TICK_MS);
    this.socket.on('close', () => clearInterval(timer));
  }

  private took(text: string): void {
    this.taken += text.length;
    if (this.taken >= BYTES_PER_TICK) this.socket.pause();
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop()!;
    for (const line of lines) {
      const number = Number.parseInt(line, 10);
      if (number <= this.last) this.faults += 1;
      else this.missed += number - this.last - 1;
      this.last = number;
    }
  }
}

describe.runIf(absent === '')(`a node that stood still for 3 s${absent}`, () => {
  const measure = async (isDurable: boolean) => {
    await endAll();
    server = await BusServer.start(NATS_SERVER);
    const settings: BurstSettings = {
      ...LOAD,
      isDurable,
      bus: { kind: 'nats', port: server.port },
    };
    const start = () => NodeProcess.start('./burst-program.ts', settings);
    nodes = [await start(), await start()];
    const [writer, node] = nodes as [NodeProcess, NodeProcess];
    const port = await node.ask<number>('port');
    members = Array.from({ length: MEMBERS }, () => new Member(port));
    await expect
      .poll(() => writer.ask('state'), { timeout: 60_000 })
      .toEqual({ state: 'up', total: MEMBERS, nodes: 2 });
    await writer.ask('startLoad');
    await delay(1000);
    node.signal('SIGSTOP');
    await delay(STOPPED_MS);
    const written = await writer.ask<number>('stopLoad');
    node.signal('SIGCONT');
    await expect
      .poll(() => members.filter(({ last, socket }) => last === written || socket.closed).length, {
        timeout: 60_000,
      })
      .toBe(MEMBERS);
    const report = await node.ask<{ size: number; closed: number }>('report');
    const numbers = members.map(({ last, missed, faults }) => ({ last, missed, faults }));
    noteFigures('stood still', { isDurable, written, report });
    expect(report).toMatchObject({ lost: 0, received: written });
    // Whoever is not closed has everything.
    for (const one of numbers) expect(one).toMatchObject({ missed: 0, faults: 0 });
    expect(numbers.filter(({ last }) => last === written)).toHaveLength(report.size);
    return { 'closed members': report.closed };
  };

  // How fast members can read is the machine's: one that gives them too little time closes them rightly.
  it.each([false, true])('keeps its members, which read all the time (durable: %s)', (isDurable) =>
    figures(
      `a node that stood still, durable ${isDurable}`,
      { 'closed members': { below: 1 } },
      () => measure(isDurable),
    ),
  );
});
