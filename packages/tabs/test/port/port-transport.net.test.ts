// What core asks of every transport, of a MessagePort between threads.
import { MessageChannel } from 'node:worker_threads';
import { describeTransport } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { PortTransport } from '../../src/port/port-transport.ts';

describeTransport(
  { describe, it, expect },
  {
    name: 'message port',
    pair: () => {
      const { port1, port2 } = new MessageChannel();
      const limits = { maxMessageBytes: 16 * 1024 * 1024 };
      return [new PortTransport(port1, limits), new PortTransport(port2, limits)];
    },
    resets: true,
  },
);
