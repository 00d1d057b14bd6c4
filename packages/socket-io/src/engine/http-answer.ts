import { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';

/** The errors of Engine.IO, with the numbers and texts of the protocol's reference. */
export const ENGINE_FAULTS = {
  transport: { code: 0, message: 'Transport unknown' },
  session: { code: 1, message: 'Session ID unknown' },
  method: { code: 2, message: 'Bad handshake method' },
  request: { code: 3, message: 'Bad request' },
  version: { code: 5, message: 'Unsupported protocol version' },
} as const;
export type EngineFault = (typeof ENGINE_FAULTS)[keyof typeof ENGINE_FAULTS];

/** The answer to one request of a session. It is sent once. */
export interface HttpAnswer {
  /** Sends the packets that a poll waited for. */
  sendPayload(payload: string): void;
  /** Confirms the packets of a request. */
  confirm(): void;
  refuse(fault: EngineFault): void;
  /** Calls the listener if the connection ends before the answer. */
  onLost(listener: () => void): void;
}

/** The answer to a request of Node's HTTP server. */
export class ResponseAnswer implements HttpAnswer {
  private readonly response: ServerResponse;

  constructor(response: ServerResponse) {
    this.response = response;
  }

  sendPayload(payload: string): void {
    this.end(200, 'text/plain; charset=UTF-8', payload);
  }

  confirm(): void {
    // With text/plain, some clients offer to save the answer as a file.
    this.end(200, 'text/html', 'ok');
  }

  refuse(fault: EngineFault): void {
    this.end(400, 'application/json', JSON.stringify(fault));
  }

  onLost(listener: () => void): void {
    const { response } = this;
    if (response.destroyed) listener();
    else {
      response.once('close', () => {
        if (!response.writableEnded) listener();
      });
    }
  }

  private end(status: number, type: string, body: string): void {
    const { response } = this;
    if (response.headersSent || response.destroyed) return;
    const length = Buffer.byteLength(body);
    response
      .writeHead(status, {
        'Content-Type': type,
        'Content-Length': length,
        'Cache-Control': 'no-store',
      })
      .end(body);
  }
}
