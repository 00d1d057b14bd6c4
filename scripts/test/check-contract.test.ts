import { expect, it } from 'vitest';
import { checkContract } from '../tools.ts';
import { root } from '../workspace.ts';
import { tree } from './tree.ts';

async function found(files: Readonly<Record<string, string>>): Promise<string[]> {
  const { problems } = await checkContract(tree(files), root);
  return problems.flatMap(({ message }) =>
    [...message.matchAll(/((?:packages|examples)\S+\.ts:\d+):\d+ plugin/g)].map(
      ([, place = '']) => place,
    ),
  );
}

it('finds what the contract forbids, each where it stands', async () => {
  const transport = (name: string): string =>
    `declare class ${name} {}\nexport const is = (x: unknown) => x instanceof ${name};`;
  const places = await found({
    'packages/handlers/src/read.ts': [
      'export function stop(channel: { autoRead: boolean }): void {',
      '  if (channel.autoRead) channel.autoRead = false;',
      "  channel['autoRead'] ||= true;",
      '}',
    ].join('\n'),
    'packages/handlers/src/time.ts': [
      'setImmediate(() => {});',
      'export const at = Date.now();',
      'export const later = (given: { time?: () => number }) => given.time ?? performance.now;',
      'export const isReal = (clock: unknown) => clock === systemClock;',
      'export const hidden = { setTimeout };',
      "import { setTimeout as delay } from 'node:timers/promises';",
    ].join('\n'),
    'packages/handlers/src/ends.ts': [
      'export function end(entry: Entry, own: Own, isOver: boolean): void {',
      '  if (isOver) entry.hold?.release();',
      '  entry.hold = undefined;',
      '  own.lease!.close(7);',
      '  own.count -= 1;',
      '  own.lease = new Lease();',
      '}',
    ].join('\n'),
    'examples/chat/src/hold.ts': 'own.hold.release();\nown.hold = undefined;',
    'packages/bus/src/organs.ts': [
      'export const of = (socket: Socket) => (socket as unknown as Owner)._handle;',
      'export const { _handle: handle } = socket;',
      'export const { _events } = socket;',
      "child.emit('internalMessage', {});",
      "export const wrap = process.binding('tcp_wrap');",
      'export const mine = socket.handle;',
    ].join('\n'),
    'packages/core/src/transport/a.ts': 'if (systemClock !== clock) process.nextTick(() => {});',
    'packages/core/src/bootstrap/b.ts': transport('SocketTransport'),
  });
  expect(places.sort()).toEqual([
    'examples/chat/src/hold.ts:2',
    ...[1, 2, 3, 4, 5].map((line) => `packages/bus/src/organs.ts:${line}`),
    'packages/core/src/bootstrap/b.ts:2',
    'packages/core/src/transport/a.ts:1',
    'packages/handlers/src/ends.ts:3',
    'packages/handlers/src/ends.ts:6',
    'packages/handlers/src/read.ts:2',
    'packages/handlers/src/read.ts:3',
    ...[1, 2, 3, 4, 5, 6].map((line) => `packages/handlers/src/time.ts:${line}`),
  ]);
});

it('lets the channel, its subclasses, the test kit, clocks and comments be', async () => {
  const autoRead = 'export const c = { autoRead: true };\nc.autoRead = false;';
  expect(
    await found({
      'packages/core/src/channel/c.ts': autoRead,
      'packages/core/src/testing/t.ts': autoRead,
      'packages/workers/src/workers/cluster-channel.ts': "child.emit('internalMessage', {});",
      'packages/core/src/time/system-clock.ts': 'setImmediate(() => {});',
      'packages/core/src/bootstrap/b.ts': 'export const is = (x: unknown) => x instanceof Error;',
      'packages/handlers/src/ends.ts': [
        'const { hold } = own;',
        'own.hold = undefined;',
        'hold?.release();',
        'own.isOver = true;',
        'own.timer?.cancel();',
        'own.timer = undefined;',
      ].join('\n'),
      'packages/handlers/src/s.ts': [
        '/** `channel.autoRead = false` is for applications, `Date.now()` for clocks. */',
        'export class S extends Object { set on(value: boolean) { super.autoRead = value; } }',
        'export const options = { autoRead: false };',
        'export const isOn = options.autoRead === false;',
        'socket.setTimeout(7);',
        'systemClock.schedule(() => {}, 5);',
      ].join('\n'),
    }),
  ).toEqual([]);
});
