import { RespDecoder } from '@headrace/resp';
import { bytesOf, type DecoderTarget } from '../decoder-target.ts';

const samples = [
  ...[
    '+OK\r\n',
    '-ERR no\r\n',
    ':-42\r\n',
    ':9007199254740993\r\n',
    '$3\r\nabc\r\n',
    '$-1\r\n',
    '*-1\r\n',
  ],
  ...[
    '*2\r\n',
    '*?\r\n',
    '%1\r\n',
    '~1\r\n',
    '>1\r\n',
    '|1\r\n',
    '|0\r\n',
    '.\r\n',
    '_\r\n',
    '#t\r\n',
  ],
  ...[
    ',1.5e3\r\n',
    ',inf\r\n',
    '(123456789012345678901234567890\r\n',
    '=7\r\ntxt:abc\r\n',
    '!3\r\nERR\r\n',
  ],
  ...['$?\r\n', ';2\r\nab\r\n', ';0\r\n', 'set k "a b\\x41"\r\n', "get 'k\\''\n", '\r\n'],
].map(bytesOf);

export const targets: DecoderTarget[] = [true, false].map((inlineCommands) => ({
  name: `RespDecoder, inlineCommands ${inlineCommands}`,
  alphabet: bytesOf('*$+-:_#,(!=%~>|;.?0123\r\n\r\n\r\n"\'\\ a'),
  samples,
  policies: ['close'],
  make: () =>
    new RespDecoder({
      inlineCommands,
      maxBulkBytes: 12,
      maxElements: 5,
      maxDepth: 4,
      maxLineBytes: 24,
      maxMessageBytes: 60,
    }),
}));
