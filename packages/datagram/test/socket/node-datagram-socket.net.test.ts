import { describeDatagramTransport } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { NodeDatagramSocket } from '../../src/socket/node-datagram-socket.ts';

describeDatagramTransport(
  { describe, it, expect },
  {
    name: 'node:dgram',
    network: {
      datagramSocket: (place, settings) =>
        new NodeDatagramSocket({ host: '127.0.0.1', ...place }, settings),
    },
  },
);
