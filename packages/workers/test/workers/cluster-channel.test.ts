import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { watchClusterChannel } from '../../src/workers/cluster-channel.ts';
import { KeptPorts } from '../../src/workers/kept-ports.ts';
import { UnansweredHandoffs } from '../../src/workers/unanswered-handoffs.ts';

const NODE = { cmd: 'NODE_CLUSTER' };

/** A worker's process as the primary has it, and Node's part of the primary. */
class Child extends EventEmitter {
  connected = true;
  channel: object | null = {};
  /** A handle was sent that is not acknowledged. */
  isHandleQueued = false;
  readonly sent: unknown[] = [];
  /** What Node takes the worker to ask for. */
  readonly heard: unknown[] = [];

  constructor() {
    super();
    this.on('internalMessage', (message) => this.heard.push({ ...message }));
  }

  send(message: unknown, _handle?: unknown): boolean {
    this.sent.push(message);
    return true;
  }

  disconnect(): void {
    this.connected = false;
    if (!this.isHandleQueued) process.nextTick(() => this.emit('disconnect'));
  }

  says(message: object): void {
    this.emit('internalMessage', { ...NODE, ...message });
  }

  /** As Node does when it reads the end. */
  end(): void {
    this.disconnect();
    this.channel = null;
  }

  asProcess(): ChildProcess {
    return this as unknown as ChildProcess;
  }
}

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

class Handle {
  readonly done: string[] = [];
  private readonly status: number;

  constructor(status = 0) {
    this.status = status;
  }

  reset(): number {
    this.done.push('reset');
    return this.status;
  }

  close(): void {
    this.done.push('close');
  }
}

describe('watchClusterChannel', () => {
  it.each([true, false])(
    'has one disconnect event, with a handle on its way: %s',
    async (isHandleQueued) => {
      const child = new Child();
      watchClusterChannel(child.asProcess(), []);
      const events: boolean[] = [];
      child.on('disconnect', () => events.push(child.connected));
      child.isHandleQueued = isHandleQueued;
      child.end();
      await nextTick();
      await nextTick();
      expect(events).toEqual([false]);
    },
  );

  it('has no disconnect event while a disconnect that was asked for waits for a handle', async () => {
    const child = new Child();
    watchClusterChannel(child.asProcess(), []);
    child.isHandleQueued = true;
    let events = 0;
    child.on('disconnect', () => events++);
    child.disconnect();
    await nextTick();
    expect(events).toBe(0);
  });
});

describe('UnansweredHandoffs', () => {
  it('resets what the worker did not answer, and closes what cannot be reset', async () => {
    const child = new Child();
    const handoffs = new UnansweredHandoffs();
    watchClusterChannel(child.asProcess(), [handoffs]);
    child.says({ act: 'online' });
    const handles = [new Handle(), new Handle(), new Handle(-1)];
    handles.forEach((handle, seq) => {
      child.send({ ...NODE, act: 'newconn', key: 'k', seq }, handle);
    });
    child.send({ hello: 1 }, new Handle());
    expect(handoffs.size).toBe(3);
    child.says({ ack: 0, accepted: true });
    child.end();
    await nextTick();
    expect(handles.map(({ done }) => done)).toEqual([[], ['reset'], ['reset', 'close']]);
    expect(handoffs.size).toBe(0);
  });

  it('holds nothing where the messages of workers are not seen', () => {
    const child = new Child();
    const handoffs = new UnansweredHandoffs();
    watchClusterChannel(child.asProcess(), [handoffs]);
    child.send({ ...NODE, act: 'newconn', key: 'k', seq: 1 }, new Handle());
    expect(handoffs.size).toBe(0);
  });
});

describe('KeptPorts', () => {
  const question = { act: 'queryServer', address: '127.0.0.1', addressType: 4, index: 0, port: 0 };
  const key = '127.0.0.1:0:4:undefined:0';

  function worker(ports: KeptPorts, port: number, errno?: number): Child {
    const child = new Child();
    watchClusterChannel(child.asProcess(), [ports.watcher()]);
    child.says({ ...question, seq: 1 });
    child.send({
      ...NODE,
      ack: 1,
      key,
      ...(errno === undefined ? { sockname: { port } } : { errno }),
    });
    return child;
  }

  const askedFor = ({ heard }: Child) => (heard[0] as { port: number }).port;

  it('asks for the same port when no worker has it any more', async () => {
    const ports = new KeptPorts();
    const [one, two] = [worker(ports, 5000), worker(ports, 5000)];
    expect([one, two].map(askedFor)).toEqual([0, 0]);
    one.end();
    await nextTick();
    // Node's handle of port 0 is still there, with this port.
    const three = worker(ports, 5000);
    expect(askedFor(three)).toBe(0);
    two.says({ act: 'close', key });
    three.says({ act: 'close', key });
    expect(askedFor(worker(ports, 5000))).toBe(5000);
  });

  it('goes on asking for it, by all workers that come', async () => {
    const ports = new KeptPorts();
    worker(ports, 5000).end();
    await nextTick();
    expect([worker(ports, 5000), worker(ports, 5000)].map(askedFor)).toEqual([5000, 5000]);
  });

  it('takes a closed server as gone', () => {
    const ports = new KeptPorts();
    worker(ports, 5000).says({ act: 'close', key });
    expect(askedFor(worker(ports, 5000))).toBe(5000);
  });

  it('lets the system choose again when the port was taken meanwhile', async () => {
    const ports = new KeptPorts();
    worker(ports, 5000).end();
    await nextTick();
    const failed = worker(ports, 0, -98);
    expect(askedFor(failed)).toBe(5000);
    failed.end();
    await nextTick();
    expect(askedFor(worker(ports, 6000))).toBe(0);
  });
});
