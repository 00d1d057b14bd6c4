// A server that broadcasts to all its members, run as a process by slow-member.figures.heavy.test.ts. Arguments: the
// group's policy, how many members to wait for, how long to broadcast. At the end it prints a JSON report.
// Without a victim among the members it shows what the machine can do.
import { LengthFieldPrepender } from '@headrace/codec';
import {
  type Channel,
  ChannelGroup,
  ServerBootstrap,
  type SlowMemberPolicy,
  silentLogger,
} from '@headrace/core';
import { MetricsHandler, ServerMetrics } from '@headrace/handlers';

const [policy, members = '0', seconds = '0'] = process.argv.slice(2);
const EVERY_MS = 10;
const MESSAGE_BYTES = 1024;

const group = new ChannelGroup('members', {
  slowMember: policy as SlowMemberPolicy,
  maxMemberBytes: 128 * 1024,
  maxMemberMessages: 64,
  ...(policy === 'coalesce' ? { coalesceKey: () => 'state' } : {}),
});
const metrics = new ServerMetrics();
let cpu = process.cpuUsage();
let victim: Channel | undefined;

const server = await new ServerBootstrap()
  // The policies shall deal with the victim, not the limit in time.
  .childOptions({ logger: silentLogger, outboundStallMs: false })
  .childHandler((channel) =>
    channel.pipeline.addLast(
      new MetricsHandler({ metrics }),
      new LengthFieldPrepender({ lengthFieldLength: 4 }),
      {
        // Each sends one byte that names it.
        channelRead: (ctx, bytes: Buffer) => {
          group.add(ctx.channel);
          if (bytes[0] === 'V'.charCodeAt(0)) {
            victim = ctx.channel;
            console.log('victim is a member');
          }
          if (group.size < Number(members)) return;
          if (victim === undefined) broadcast();
          else fillUp(victim, 0);
        },
      },
    ),
  )
  .bind({ host: '127.0.0.1', port: 0, backlog: 4096 });
console.log(`listening ${server.port}`);

/** The kernel takes megabytes for one who never reads: the victim has been like that for a while. */
function fillUp(channel: Channel, ticks: number): void {
  if (ticks === 50) {
    broadcast();
    return;
  }
  const wasFull = !channel.isWritable;
  while (channel.isWritable) channel.writeAndFlush(Buffer.alloc(16 * 1024));
  setTimeout(() => fillUp(channel, wasFull ? ticks + 1 : 0), EVERY_MS);
}

function heapBytes(): number {
  globalThis.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function broadcast(): void {
  const count = (Number(seconds) * 1000) / EVERY_MS;
  let start = performance.now();
  cpu = process.cpuUsage();
  const heap: number[] = [];
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.min(count, Math.floor((performance.now() - start) / EVERY_MS));
    for (; sent < due; sent++) {
      if (sent % (count / 4) === 0) {
        const before = performance.now();
        heap.push(heapBytes());
        // A forced collection makes nothing late: what was due in it is due after it.
        start += performance.now() - before;
      }
      const message = Buffer.alloc(MESSAGE_BYTES, 'x');
      message.writeUInt32BE(sent, 0);
      message.writeBigUInt64BE(process.hrtime.bigint(), 4);
      group.writeAndFlush(message);
    }
    if (sent < count) return;
    clearInterval(timer);
    setTimeout(() => report(count, heap), 1000);
  }, EVERY_MS / 2);
}

function report(sent: number, heap: number[]): void {
  heap.push(heapBytes());
  const { slowMembers: counters, size } = group;
  const closed = Object.fromEntries(metrics.closed);
  const all = {
    sent,
    heap,
    counters,
    members: size,
    heldBytes: victim?.pendingOutboundBytes,
    isOpen: victim?.isOpen,
    reason: victim?.closeInfo?.reason,
    closed,
    cpu: process.cpuUsage(cpu),
  };
  console.log(`report ${JSON.stringify(all)}`);
  process.once('SIGTERM', () => process.exit(0));
}
