import { expect, it } from 'vitest';
import { formattedLike } from '../json-format.ts';

const TEXT = '{"name":"a","dependencies":{"b":"1"}}';

it.each([
  [
    'tabs and a final line end',
    '{\n\t"name": "a"\n}\n',
    '{\n\t"name": "a",\n\t"dependencies": {\n\t\t"b": "1"\n\t}\n}\n',
  ],
  [
    'four spaces and no final line end',
    '{\n    "name": "a"\n}',
    '{\n    "name": "a",\n    "dependencies": {\n        "b": "1"\n    }\n}',
  ],
  [
    'CRLF',
    '{\r\n  "name": "a"\r\n}\r\n',
    '{\r\n  "name": "a",\r\n  "dependencies": {\r\n    "b": "1"\r\n  }\r\n}\r\n',
  ],
  [
    'the line end of a single line, and indents with two spaces',
    '{ "name": "a" }\n',
    '{\n  "name": "a",\n  "dependencies": {\n    "b": "1"\n  }\n}\n',
  ],
])('keeps %s', (_name, other, expected) => {
  expect(formattedLike(TEXT, other)).toBe(expected);
});
