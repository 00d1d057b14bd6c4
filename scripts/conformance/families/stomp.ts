import { StompDecoder, StompEncoder, StompFrame } from '@headrace/stomp';
import { decodedBy, encodedBy } from '../decoder-run.ts';
import { messageFamily } from '../family.ts';

interface StompEntry {
  readonly command: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly bodyHex: string;
}

function frameOf({ command, headers, bodyHex }: StompEntry): StompFrame {
  return new StompFrame(command as StompFrame['command'], headers, Buffer.from(bodyHex, 'hex'));
}

function entryOf({ command, headers, body }: StompFrame): StompEntry {
  return { command, headers, bodyHex: body.toString('hex') };
}

export const stomp = messageFamily<StompEntry>(
  (messages) => encodedBy(new StompEncoder(), messages.map(frameOf)),
  (bytes) => decodedBy<StompFrame>(new StompDecoder({ maxBodyBytes: 2 ** 24 }), bytes).map(entryOf),
);
