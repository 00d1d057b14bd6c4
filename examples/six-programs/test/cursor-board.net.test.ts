import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Board, startBoard } from '../src/cursor-board.ts';
import { joinBoard } from '../src/cursor-page.ts';

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function board(port = 0): Promise<Board> {
  const log = (): void => {};
  const made = await startBoard(port, '<title>board</title>', { log });
  opened.push(() => made.close());
  return made;
}

function page({ server }: Board, name: string) {
  const joined = joinBoard(`ws://127.0.0.1:${server.port}/ws`, name);
  opened.push(() => joined.leave());
  return joined;
}

const cursor = (x: number) => ({ x, y: 0, color: 'red' });

describe('the cursor board', () => {
  it('shows a page the cursors of the others, and removes those that are gone', async () => {
    const made = await board();
    const ann = page(made, 'ann');
    const bob = page(made, 'bob');
    await expect.poll(() => [ann.cursors.status, bob.cursors.status]).toEqual(['ready', 'ready']);
    ann.move(cursor(1));
    bob.move(cursor(2));
    await expect.poll(() => bob.cursors.get('ann')).toEqual(cursor(1));
    const cora = page(made, 'cora');
    await expect.poll(() => cora.cursors.size).toBe(2);
    await bob.leave();
    await expect.poll(() => [...cora.cursors].map(([name]) => name)).toEqual(['ann']);
  });

  it('has all cursors again after the connections were lost', async () => {
    const made = await board();
    const ann = page(made, 'ann');
    const bob = page(made, 'bob');
    await expect.poll(() => [ann.cursors.status, bob.cursors.status]).toEqual(['ready', 'ready']);
    ann.move(cursor(1));
    await expect.poll(() => bob.cursors.get('ann')).toEqual(cursor(1));
    const stale: string[] = [];
    bob.cursors.on('status', (status) => stale.push(status));
    for (const connection of made.server.connections) connection.abort();
    await expect.poll(() => stale.at(-1), { timeout: 10_000 }).toBe('ready');
    await expect.poll(() => bob.cursors.get('ann'), { timeout: 10_000 }).toEqual(cursor(1));
    ann.move(cursor(7));
    await expect.poll(() => bob.cursors.get('ann'), { timeout: 10_000 }).toEqual(cursor(7));
    expect(stale[0]).toBe('stale');
  });

  it('serves its page, and closes a connection that writes garbage', async () => {
    const made = await board();
    const { port } = made.server;
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('<title>board</title>');
    const garbage = connect(port, '127.0.0.1');
    garbage.on('error', () => {}).write('\0\xff\n\r\n\r\n');
    await new Promise((resolve) => garbage.resume().once('close', resolve));
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  });
});
