import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import * as ws from 'ws';
import { loadWs, PerMessageDeflate, WebSocket } from '../../src/socket/ws-library.ts';

it('is what an import of ws gives, on Node', () => {
  expect(WebSocket).toBe(ws.WebSocket);
});

it('loads the library by its file where an import gives another one', () => {
  const loaded = loadWs(import.meta.url);
  expect(loaded.WebSocket).toBe(ws.WebSocket);
  expect(loaded.PerMessageDeflate).toBe(PerMessageDeflate);
});

it('names the cure where ws is no package of files', () => {
  const from = pathToFileURL(join(tmpdir(), 'bundle.js')).href;
  expect(() => loadWs(from)).toThrow('--external ws');
});
