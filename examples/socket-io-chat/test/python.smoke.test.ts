// The program in Python beside a client in JavaScript.
import { spawn } from 'node:child_process';
import { on } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { python, pythonSuite } from './python.ts';
import { heardBy, runChat } from './running-chat.ts';

const program = fileURLToPath(new URL('../src/client.py', import.meta.url));

describe.runIf(python !== undefined)(pythonSuite('the client in Python'), () => {
  it('joins, speaks and hears', async () => {
    await using chat = await runChat();
    const ann = chat.connect('ann');
    const toAnn = heardBy(ann);
    await ann.emitWithAck('join', 'garden');
    const child = spawn(python!, [program, 'py', 'garden', chat.url], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      const lines = on(createInterface(child.stdout), 'line', { close: ['close'] });
      const next = async () => (await lines.next()).value?.[0] as unknown;
      expect(await next()).toBe('in the garden, with 1 others');
      child.stdin.write('hello from Python\n');
      expect(await next()).toBe('heard by 1');
      await expect.poll(() => toAnn).toEqual(['py: hello from Python']);
      expect(await ann.emitWithAck('say', 'hello Python')).toBe(1);
      expect(await next()).toBe('ann: hello Python');
      const left = new Promise((resolve) => child.once('exit', resolve));
      child.stdin.end();
      expect(await left).toBe(0);
    } finally {
      child.kill();
    }
  });
});
