import { MessageChannel } from 'node:worker_threads';
import { describeTransport } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { PortTransport } from '../fixture/port-transport.ts';

describeTransport(
  { describe, it, expect },
  {
    name: 'the message port of the guide',
    pair: () => {
      const { port1, port2 } = new MessageChannel();
      return [new PortTransport(port1), new PortTransport(port2)];
    },
    resets: true,
  },
);
