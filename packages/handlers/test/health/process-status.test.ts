import { ChannelGroup, OptionError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { processStatus } from '../../src/health/process-status.ts';
import {
  joinStatus,
  type ProcessReport,
  type StatusReport,
} from '../../src/health/status-report.ts';
import { MetricsHandler } from '../../src/metrics/metrics-handler.ts';
import { ServerMetrics } from '../../src/metrics/server-metrics.ts';

function opened(metrics: ServerMetrics, count: number): EmbeddedChannel[] {
  return Array.from({ length: count }, () => new EmbeddedChannel(new MetricsHandler({ metrics })));
}

/** Bytes that wait in the output of a channel. */
function stuck(channel: EmbeddedChannel, bytes: number): EmbeddedChannel {
  channel.embedded.isStuck = true;
  channel.writeOutbound(Buffer.alloc(bytes));
  return channel;
}

const only = ({ processes }: StatusReport): ProcessReport => processes[0]!;

describe('processStatus', () => {
  it('reports the connections, what they transferred, and why they closed', () => {
    const metrics = new ServerMetrics();
    const [one, two] = opened(metrics, 2);
    one!.writeInbound(Buffer.from('hello'));
    one!.writeOutbound(Buffer.from('bye'));
    two!.run(() => two!.close('idle'));
    const report = only(processStatus({ metrics, name: 'shop' })());
    expect(report).toMatchObject({
      name: 'shop',
      pid: process.pid,
      connections: { open: 1, opened: 2, closed: { idle: 1 } },
      traffic: { bytesRead: 5, bytesWritten: 3, messagesRead: 1, messagesWritten: 1 },
      channels: { looked: 1, waitingBytes: 0, unwritable: 0, holds: {}, slowest: [] },
      groups: { looked: 0, isWhole: true, largest: [] },
    });
    expect(report.uptimeMs).toBeGreaterThan(0);
    expect(report.memory.rssBytes).toBeGreaterThan(report.memory.heapUsedBytes);
    expect(only(processStatus({ metrics })()).name).toBe(`process ${process.pid}`);
  });

  it('reports the channels with the most waiting output first, then those whose reads are held', () => {
    const metrics = new ServerMetrics();
    const [, some, most, held] = opened(metrics, 4);
    stuck(some!, 10);
    stuck(most!, 100_000);
    held!.holdReads('Shop');
    held!.holdReads('turn');
    most!.holdReads('Shop');
    held!.advance(50);
    const { channels } = only(processStatus({ metrics })());
    expect(channels.slowest.map(({ id }) => id)).toEqual([most!.id, some!.id, held!.id]);
    expect(channels.slowest[2]).toMatchObject({ holds: ['Shop', 'turn'], heldMs: 50 });
    expect(channels).toMatchObject({ looked: 4, unwritable: 1, holds: { Shop: 2, turn: 1 } });
    expect(channels.waitingBytes).toBe(some!.pendingOutboundBytes + most!.pendingOutboundBytes);
  });

  it('lists at most ten slow channels', () => {
    const metrics = new ServerMetrics();
    for (const channel of opened(metrics, 12)) stuck(channel, 10);
    expect(only(processStatus({ metrics })()).channels.slowest).toHaveLength(10);
  });

  it('looks at a part of many channels, says so, and looks at the next part the next time', () => {
    const metrics = new ServerMetrics();
    const channels = opened(metrics, 5);
    channels.map((channel, index) => channel.holdReads(String(index)));
    const status = processStatus({ metrics, maxChannels: 2 });
    const looks = () => only(status()).channels;
    expect(looks()).toMatchObject({ looked: 2, holds: { 0: 1, 1: 1 } });
    channels[2]!.run(() => channels[2]!.close());
    expect(Object.keys(looks().holds)).toEqual(['3', '4']);
    expect(Object.keys(looks().holds)).toEqual(['0', '1']);
    expect(Object.keys(looks().holds)).toEqual(['3', '4']);
  });

  it('reports the largest groups, and the slow members of all', () => {
    const metrics = new ServerMetrics();
    const [slow, other] = opened(metrics, 2);
    const groups = Array.from({ length: 12 }, (_, index) => new ChannelGroup(`room ${index}`));
    const [first, last] = [groups[0]!, groups[11]!];
    const dropping = new ChannelGroup('ticker', { slowMember: 'drop-newest' });
    dropping.add(stuck(slow!, 100_000));
    dropping.writeAndFlush(Buffer.from('x')).then(undefined, () => {});
    last.add(slow!);
    last.add(other!);
    first.add(other!);
    const report = only(processStatus({ metrics, groups: () => [...groups, dropping] })()).groups;
    expect(report).toMatchObject({ looked: 13, isWhole: true });
    expect(report.slowMembers).toMatchObject({ droppedNewest: 1, closed: 0 });
    expect(report.largest.map(({ name, members }) => [name, members]).slice(0, 3)).toEqual([
      ['room 11', 2],
      ['room 0', 1],
      ['ticker', 1],
    ]);
    expect(report.largest).toHaveLength(10);
  });

  it('takes no more than 1000 groups from an iteration without an end', () => {
    let taken = 0;
    function* groups() {
      for (;;) {
        taken += 1;
        yield { name: 'a'.repeat(200), size: 0, backlog: 0 };
      }
    }
    const { groups: report } = only(processStatus({ metrics: new ServerMetrics(), groups })());
    expect(report).toMatchObject({ looked: 1000, isWhole: false });
    expect(taken).toBe(1001);
    expect(report.largest[0]!.name).toHaveLength(100);
  });

  it('counts the holds for more than 64 reasons together', () => {
    const metrics = new ServerMetrics();
    opened(metrics, 66).map((channel, index) => channel.holdReads(`reason ${index}`));
    const { holds } = only(processStatus({ metrics })()).channels;
    expect(Object.keys(holds)).toHaveLength(65);
    expect(holds['other']).toBe(2);
  });

  it('refuses wrong options', () => {
    expect(() => processStatus({ metrics: {} as never })).toThrow(OptionError);
    const metrics = new ServerMetrics();
    expect(() => processStatus({ metrics, maxChannels: 0 })).toThrow('maxChannels');
    expect(() => processStatus({ metrics, groups: [] as never })).toThrow('groups');
  });
});

describe('joinStatus', () => {
  it('joins the processes and the missing processes', () => {
    const one = processStatus({ metrics: new ServerMetrics(), name: 'one' })();
    const gone = { name: 'two', why: 'it has ended' };
    const joined = joinStatus([one, { processes: [], missing: [gone] }]);
    expect(joined.processes.map(({ name }) => name)).toEqual(['one']);
    expect(joined.missing).toEqual([gone]);
  });
});
