import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { textLines } from '@headrace/codec';
import { ChannelGroup, type CloseReason, type LogLevel, ServerBootstrap } from '@headrace/core';
import { expect, it } from 'vitest';
import { AuthHandler } from '../../src/auth/auth-handler.ts';
import { SessionRegistry } from '../../src/auth/session-registry.ts';
import { BroadcastHandler } from '../../src/broadcast/broadcast-handler.ts';
import { EchoHandler } from '../../src/echo/echo-handler.ts';
import { HeartbeatHandler } from '../../src/heartbeat/heartbeat-handler.ts';
import { HEARTBEAT_PRESETS } from '../../src/heartbeat/heartbeat-options.ts';
import { IdleStateHandler } from '../../src/idle/idle-state-handler.ts';
import { ConnectionLimitHandler } from '../../src/limit/connection-limit-handler.ts';

const CLIENTS = 10_000;
const PROCESSES = 2;
const DESCRIPTORS = '/proc/self/fd';

const descriptors = (): number => (existsSync(DESCRIPTORS) ? readdirSync(DESCRIPTORS).length : 0);

async function until(isTrue: () => boolean): Promise<void> {
  const endsAt = Date.now() + 20_000;
  while (!isTrue() && Date.now() < endsAt) await new Promise((resolve) => setTimeout(resolve, 50));
}

it('10,000 clients that reset at random moments leave nothing behind', async () => {
  const limit = new ConnectionLimitHandler({ total: 100_000, perAddress: 1000 });
  const members = new ChannelGroup('members');
  const sessions = new SessionRegistry<string>((id) => id);
  const logged: string[] = [];
  const logger = {
    log: (level: LogLevel, text: string, error?: Error) => {
      if (level === 'debug' || level === 'info') return;
      logged.push(`${level} ${text}: ${error?.message}`);
    },
  };
  const server = await new ServerBootstrap()
    .options({ logger })
    .childOptions({ logger })
    .handler((listening) => listening.pipeline.addLast(limit))
    .childHandler((channel) =>
      channel.pipeline.addLast(
        new IdleStateHandler({ readerIdleMs: 120_000, writerIdleMs: 120_000 }),
        ...textLines(),
        new HeartbeatHandler(HEARTBEAT_PRESETS.relaxed),
        new AuthHandler({
          authenticate: async (text) => ({ principal: text }),
          isCredentials: (text) => text.startsWith('AUTH:'),
          sessions,
          group: members,
          duplicatePolicy: 'kick-older',
          replies: { accepted: () => 'AUTH_OK' },
        }),
        new EchoHandler({ reply: (text: string) => `ECHO:${text}` }),
        new BroadcastHandler(members),
      ),
    )
    .bind({ host: '127.0.0.1', port: 0, backlog: 4096 });
  const before = descriptors();
  const reasons = new Map<CloseReason, number>();
  let mostMembers = 0;
  members.on('channelJoined', () => {
    mostMembers = Math.max(mostMembers, members.size);
  });
  server.on('connection', (channel) =>
    channel.onClosed(({ closeInfo }) => {
      const { reason } = closeInfo!;
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }),
  );

  const script = new URL('./resetting-clients.mjs', import.meta.url);
  const exits = Array.from({ length: PROCESSES }, (_, i) => {
    const args = [server.port, CLIENTS / PROCESSES, i + 1].map(String);
    return once(fork(script, args, { execArgv: [] }), 'exit');
  });
  expect((await Promise.all(exits)).map(([code]) => code)).toEqual([0, 0]);
  await until(() => limit.open === 0 && descriptors() <= before);

  expect([limit.open, limit.clients]).toEqual([0, 0]);
  expect([members.size, sessions.size, server.connections.size]).toEqual([0, 0, 0]);
  // Their sockets are gone, and so are the pipes to the two processes.
  expect(descriptors()).toBeLessThanOrEqual(before);
  expect(logged).toEqual([]);
  // The proof is one only if most came through and some were members at the same time.
  expect(limit.counters.accepted).toBeGreaterThan(CLIENTS * 0.8);
  expect(mostMembers).toBeGreaterThan(1);
  expect(reasons.get('reset')).toBeGreaterThan(CLIENTS * 0.5);

  await server.close();
});
