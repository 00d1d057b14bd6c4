import { requestPath } from '@headrace/core/authoring';
import { expect, it } from 'vitest';

it.each([
  ['/', '/'],
  ['/a/b', '/a/b'],
  ['/a?b=/c?d', '/a'],
  ['/?utm_source=x', '/'],
  ['?a', '/'],
  ['', '/'],
  [undefined, '/'],
  ['//', '//'],
  ['//host/a?b', '//host/a'],
  ['/%zz', '/%zz'],
  ['/..//a', '/..//a'],
  ['*', '*'],
  ['host:443', 'host:443'],
  ['http://host', '/'],
  ['http://host?a', '/'],
  ['HTTPS://host:1/a/b?c', '/a/b'],
  ['http://[', '/'],
  ['http:///a', '/a'],
])('the path of the target %j is %j', (target, path) => {
  expect(requestPath(target)).toBe(path);
});
