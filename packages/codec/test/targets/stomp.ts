import { StompDecoder } from '@headrace/stomp';
import { bytesOf, type DecoderTarget } from '../decoder-target.ts';

export const targets: DecoderTarget[] = [
  {
    name: 'StompDecoder',
    alphabet: bytesOf('SEND\n\n\r\0:a\\nc1'),
    samples: [
      bytesOf('SEND\na:b\n\nhi\0'),
      bytesOf('\r\nMESSAGE\r\na\\cb:c\r\ncontent-length:3\r\n\r\na\0b\0\n'),
      bytesOf('CONNECT\nhost:x\n\n\0\n\n'),
    ],
    policies: ['close'],
    make: () => new StompDecoder({ maxHeadBytes: 40, maxBodyBytes: 12, frameTimeoutMs: false }),
  },
];
