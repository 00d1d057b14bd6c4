import { CHANNEL_OPTIONS } from '@headrace/core/authoring';
import { HttpEndpoint, WebSocketBootstrap } from '@headrace/websocket';
import { describe, expect, it } from 'vitest';

describe('each option of a channel', () => {
  for (const name of Object.keys(CHANNEL_OPTIONS.kinds)) {
    const options = { [name]: undefined };
    const client = () => new WebSocketBootstrap().options(options);
    const server = () => new HttpEndpoint({ webSocket: () => {}, webSocketOptions: options });
    if (name === 'allowHalfOpen') {
      it('allowHalfOpen is refused for a WebSocket, which has no halves', () => {
        expect(client).toThrow('a WebSocket ends both halves at once');
        expect(server).toThrow('a WebSocket ends both halves at once');
      });
      continue;
    }
    it(`${name} is an option of a WebSocket`, () => {
      expect(client).not.toThrow();
      expect(server).not.toThrow();
    });
  }
});
