import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { heardBy, runChat } from './running-chat.ts';

describe('the chat of Socket.IO', () => {
  it('sends a text to the others in the room, and answers how many they are', async () => {
    await using chat = await runChat();
    const [ann, bob, eve] = [chat.connect('ann'), chat.connect('bob'), chat.connect('eve')];
    const [toAnn, toBob, toEve] = [heardBy(ann), heardBy(bob), heardBy(eve)];
    expect(await ann.emitWithAck('join', 'garden')).toBe(0);
    expect(await bob.emitWithAck('join', 'garden')).toBe(1);
    expect(await eve.emitWithAck('join', 'kitchen')).toBe(0);
    expect(await ann.emitWithAck('say', 'hello')).toBe(1);
    expect(await eve.emitWithAck('say', 'nobody here')).toBe(0);
    // A client that moves hears the new room alone.
    expect(await bob.emitWithAck('join', 'kitchen')).toBe(1);
    expect(await ann.emitWithAck('say', 'still there?')).toBe(0);
    expect(await eve.emitWithAck('say', 'welcome')).toBe(1);
    await expect.poll(() => toBob).toEqual(['ann: hello', 'eve: welcome']);
    expect([toAnn, toEve]).toEqual([[], []]);
  });

  it('says nothing for a client that is in no room', async () => {
    await using chat = await runChat();
    const [ann, bob] = [chat.connect('ann'), chat.connect('bob')];
    const toBob = heardBy(bob);
    await bob.emitWithAck('join', 'garden');
    expect(await ann.emitWithAck('say', 'to all?')).toBe(0);
    await bob.emitWithAck('say', 'after it');
    expect(toBob).toEqual([]);
  });

  it('brings back a client with its room and with what it missed', async () => {
    await using chat = await runChat();
    const [ann, bob] = [chat.connect('ann'), chat.connect('bob')];
    const toBob = heardBy(bob);
    await ann.emitWithAck('join', 'garden');
    await bob.emitWithAck('join', 'garden');
    await ann.emitWithAck('say', 'first');
    await expect.poll(() => toBob).toEqual(['ann: first']);
    bob.io.reconnection(false);
    bob.io.engine.close();
    // The server knows of the loss, and the client is still in its room.
    await expect.poll(() => ann.emitWithAck('say', 'missed')).toBe(0);
    bob.io.reconnection(true);
    bob.connect();
    await once(bob as never, 'connect');
    expect(bob.recovered).toBe(true);
    await expect.poll(() => toBob).toContain('ann: missed');
    expect(await ann.emitWithAck('say', 'last')).toBe(1);
    await expect.poll(() => toBob.at(-1)).toBe('ann: last');
  });

  it('refuses a bad name, and disconnects a client with a wrong event', async () => {
    await using chat = await runChat();
    const nobody = chat.connect('');
    const [error] = (await once(nobody as never, 'connect_error')) as [Error];
    expect(error.message).toBe('bad name');
    const ann = chat.connect('ann');
    await once(ann as never, 'connect');
    ann.emit('join', 'cellar' as never, () => {});
    expect(await once(ann as never, 'disconnect')).toContain('io server disconnect');
  });

  it('serves its page beside the events', async () => {
    await using chat = await runChat();
    const get = async (path: string) => {
      const response = await fetch(chat.url + path);
      return [response.status, response.headers.get('content-type'), await response.text()];
    };
    expect(await get('/')).toEqual([200, 'text/html; charset=utf-8', 'the page']);
    const program = [200, 'text/javascript; charset=utf-8', 'its program'];
    expect(await get('/page.js')).toEqual(program);
    expect(await get('/other')).toEqual([404, null, '']);
  });
});
