import { describe, expect, it } from 'vitest';
import { HeadraceClient, type HeadraceClientOptions } from '../../src/index.ts';

const made = (options: object) => () => new HeadraceClient(options as HeadraceClientOptions);

describe('the option servers', () => {
  it.each([
    [{}, 'HeadraceClient: servers is undefined, but must be a non-empty list of servers'],
    [
      { servers: { host: 'a', port: 1 } },
      'servers is an object, but must be a non-empty list of servers',
    ],
    [{ servers: [] }, 'servers is an array, but must be a non-empty list of servers'],
    [{ servers: [{ port: 1 }, { port: '3000' }] }, 'servers[1]: port is the string "3000"'],
    [{ servers: [{ host: 'a' }] }, 'servers[0]: connect needs exactly one of port, path'],
    [{ servers: ['a:3000'] }, 'servers[0]: connect takes an object with'],
  ])('is named in the error of %j', (options, text) => {
    expect(made(options)).toThrow(text);
  });

  it('may be a function', () => {
    expect(made({ servers: () => [] })).not.toThrow();
  });
});
