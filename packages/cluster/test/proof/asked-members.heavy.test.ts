import type { HeadraceError } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import {
  BusServer,
  missing,
  NATS_SERVER,
  REDIS_SERVER,
} from '../../../core/test/fixture/bus-server.ts';
import { AskedNode } from './asked-node.ts';
import { NodeProcess } from './node-process.ts';

const SERVERS = { nats: NATS_SERVER, redis: REDIS_SERVER };
const OF_NODE = { quick: 1500, slow: 2, silent: 1, refusing: 1 };
const PER_NODE = 1504;
/** For what hangs only. */
const WITHIN = { timeout: 60_000 };
const LONG_MS = 150_000;
const DEADLINE_MS = 3000;

let server: BusServer | undefined;
let asker: AskedNode | undefined;
let others: NodeProcess[] = [];

afterEach(async ({ task }) => {
  const [error] = task.result?.errors ?? [];
  if (error !== undefined) error.message += await told();
  await asker?.cluster.leave();
  await Promise.all(others.map((node) => node.kill()));
  await server?.end();
  others = [];
});

/** What the nodes saw: a failure here has its cause there. */
async function told(): Promise<string> {
  const nodes = others.map((node) => node.ask<string>('told').catch(String));
  return ['', asker?.told(), ...(await Promise.all(nodes))].join('\n');
}

/** Asks, and takes the answers in a loop. */
function ask(question: string, options: object) {
  const answers = asker!.room.request(Buffer.from(question), options);
  const [errors, members]: [Map<string, number>, string[]] = [new Map(), []];
  const end = (async () => {
    for await (const { node, id, answer, error } of answers) {
      members.push(`${node} ${id}`);
      const said = error === undefined ? String(answer) : (error as HeadraceError).code;
      errors.set(said, (errors.get(said) ?? 0) + 1);
    }
  })();
  return { answers, members, end, said: () => Object.fromEntries(errors) };
}

for (const kind of ['nats', 'redis'] as const) {
  const absent = missing(SERVERS[kind]);

  describe.runIf(absent === '')(
    `members on three nodes over a real ${kind}-server${absent}`,
    () => {
      it('answer as they can; each that cannot has its reason, even when its node is killed', async () => {
        server = await BusServer.start(SERVERS[kind]);
        const bus = { kind, port: server.port };
        asker = await AskedNode.join(bus);
        others = [
          await NodeProcess.start('./asked-program.ts', { bus }),
          await NodeProcess.start('./asked-program.ts', { bus }),
        ];
        const [stays, killed] = others as [NodeProcess, NodeProcess];
        await Promise.all([asker.add(OF_NODE), ...others.map((node) => node.ask('add', OF_NODE))]);
        const { room } = asker;
        await expect.poll(() => [...room.who()].length, WITHIN).toBe(3 * PER_NODE);

        // All that can answer have done so while others have not.
        const first = ask('a', { timeoutMs: LONG_MS });
        const quick = { members: 3 * PER_NODE, answered: 4500, failed: 3, waiting: 9 };
        await expect.poll(() => first.answers.counts, WITHIN).toEqual(quick);
        await expect.poll(() => first.members.length, WITHIN).toBe(4503);
        expect(first.said()).toEqual({ 'quick a': 4500, HR_ERR_REQUEST_REFUSED: 3 });

        expect([asker.release(), await stays.ask('release')]).toEqual([2, 2]);
        await expect.poll(first.said, WITHIN).toMatchObject({ 'slow a': 4 });

        await killed.kill();
        await expect.poll(first.said, WITHIN).toMatchObject({ HR_ERR_REQUEST_LOST: 3 });
        expect(first.answers.counts.waiting).toBe(2);

        first.answers.cancel();
        await first.end;
        expect(new Set(first.members).size).toBe(3 * PER_NODE - 2);
        await expect.poll(() => stays.ask('cancelled'), WITHIN).toBe(1);

        // The deadline is each one's who has not answered, and is told to the others.
        const second = ask('b', { timeoutMs: DEADLINE_MS });
        await second.end;
        const { HR_ERR_TIMEOUT_REQUEST: late, ...rest } = second.said();
        expect(late).toBeGreaterThanOrEqual(2);
        expect(rest).not.toHaveProperty('HR_ERR_REQUEST_LOST');
        await expect.poll(() => stays.ask('cancelled'), WITHIN).toBe(2);
        expect(asker.cluster.nodes.length).toBe(2);
      });
    },
  );
}
