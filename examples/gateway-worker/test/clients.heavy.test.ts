// The clients in other languages, as programs of their own, against the API of the example.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { BUS_ERRORS } from '@headrace/bus';
import { ChannelError } from '@headrace/core';
import type { ConnectionInfo, ConnectionTarget, JsonValue } from '@headrace/gateway';
import type { LimitedHttpServer } from '@headrace/handlers/health';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApi } from '../src/api.ts';
import { isThere } from './program.ts';

const KEY = 'open-sesame';
const FOLDER = fileURLToPath(new URL('../clients/', import.meta.url));
const CLIENTS: readonly (readonly [program: string, args: readonly string[]])[] = [
  ['curl', ['sh', 'publish.sh']],
  ['php', ['php', 'publish.php']],
  ['python3', ['python3', 'publish.py']],
  ['go', ['go', 'run', 'publish.go']],
];

/** Each call reaches 2 connections, after the failures that a test asks for. */
let sent: [ConnectionTarget, ...JsonValue[]][] = [];
let failures = 0;
let server: LimitedHttpServer;

beforeAll(async () => {
  const connections = {
    publish: async (
      to: ConnectionTarget,
      message: JsonValue,
      except?: readonly ConnectionTarget[],
    ) => {
      failures -= 1;
      if (failures >= 0) throw new ChannelError(BUS_ERRORS.BUS_DOWN, 'not now', { bus: 'memory' });
      sent.push([to, message, ...(except ?? []).map((one) => Object.values(one)[0])]);
      return { connections: 2, nodes: 1 };
    },
    close: async () => 1,
    count: async (of: ConnectionTarget) => membersOf(of).length,
    join: changes('join'),
    leave: changes('leave'),
    bind: changes('bind'),
    unbind: changes('unbind'),
    setSession: changes('setSession'),
    updateSession: changes('updateSession'),
    page: async (of: ConnectionTarget, _limit: number, after = '') => {
      // One connection in each part.
      const all = membersOf(of);
      const [first, second] = all.filter(({ id }) => id > after);
      const connections = first === undefined ? [] : [first];
      return { count: all.length, connections, next: second && first!.id };
    },
  };
  server = await startApi(connections, { port: 0, key: KEY });
});
beforeEach(() => {
  sent = [];
  failures = 0;
});
afterAll(() => server.close());

const CONNECTIONS: readonly ConnectionInfo[] = [
  { id: '1', users: ['client-a', 'uid-7'], groups: ['room-lobby', 'room-bar'], session: { n: 1 } },
  { id: '2', users: ['client-b', 'uid-ann'], groups: ['room-lobby', 'everybody'], session: {} },
  { id: '3', users: ['client-c'], groups: [], session: {} },
];

function membersOf(of: ConnectionTarget): readonly ConnectionInfo[] {
  if ('user' in of) return CONNECTIONS.filter(({ users }) => users.includes(of.user));
  return CONNECTIONS.filter(({ groups }) => !('group' in of) || groups.includes(of.group));
}

/** Notes a change, and reaches the connections of its target. */
function changes(what: string) {
  return async (to: ConnectionTarget, value: JsonValue): Promise<number> => {
    sent.push([to, what, value]);
    return membersOf(to).length;
  };
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly output: string;
}

function run([program, ...args]: readonly string[], key = KEY): Promise<Ended> {
  const env = { ...process.env, API: `http://127.0.0.1:${server.port}`, API_KEY: key };
  return new Promise((resolve) => {
    execFile(program!, args, { cwd: FOLDER, env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code) || 1;
      resolve({ code, stdout, output: stdout + stderr });
    });
  });
}

describe.each(CLIENTS)('the client in %s', (program, command) => {
  it.skipIf(!isThere(program))(
    'publishes, tries again while the cluster fails, and says what is refused',
    async () => {
      const published = await run([...command, 'lobby', 'hi there']);
      expect(published.output).toBe(published.stdout);
      expect(JSON.parse(published.stdout)).toEqual({ delivered: 2 });
      failures = 1;
      expect((await run([...command, 'lobby', 'again'])).code).toBe(0);
      const to = { group: 'room-lobby' };
      expect(sent).toEqual([
        [to, 'hi there'],
        [to, 'again'],
      ]);
      const refused = await run([...command, 'two words', 'hi']);
      expect([refused.code > 0, refused.output]).toEqual([
        true,
        expect.stringContaining('WRONG_NAME'),
      ]);
      const wrong = await run([...command, 'lobby', 'hi'], 'wrong');
      expect([wrong.code > 0, wrong.output]).toEqual([true, expect.stringContaining('WRONG_KEY')]);
      expect(sent).toHaveLength(2);
    },
    300_000,
  );
});

/** Calls functions of GatewayWorker in PHP, and gives their results. */
async function called(calls: readonly (readonly [string, readonly unknown[]])[], key = KEY) {
  const { code, output } = await run(
    ['php', '../test/gateway-calls.php', JSON.stringify(calls)],
    key,
  );
  expect([code, output]).toEqual([0, expect.stringMatching(/^\[/)]);
  return JSON.parse(output) as unknown;
}

const required = 'required';
/** The parameters of GatewayClient of Workerman (2025), with their defaults. */
const ORIGINAL: Readonly<Record<string, readonly (readonly [string, unknown])[]>> = {
  sendToAll: [
    ['message', required],
    ['client_id_array', null],
    ['exclude_client_id', null],
    ['raw', false],
  ],
  sendToClient: [
    ['client_id', required],
    ['message', required],
  ],
  sendToUid: [
    ['uid', required],
    ['message', required],
  ],
  sendToGroup: [
    ['group', required],
    ['message', required],
    ['exclude_client_id', null],
    ['raw', false],
  ],
  closeClient: [
    ['client_id', required],
    ['message', null],
  ],
  ...Object.fromEntries(
    ['bindUid', 'unbindUid'].map((name) => [
      name,
      [
        ['client_id', required],
        ['uid', required],
      ] as const,
    ]),
  ),
  ...Object.fromEntries(
    ['joinGroup', 'leaveGroup'].map((name) => [
      name,
      [
        ['client_id', required],
        ['group', required],
      ] as const,
    ]),
  ),
  ...Object.fromEntries(
    ['setSession', 'updateSession'].map((name) => [
      name,
      [
        ['client_id', required],
        ['session', required],
      ] as const,
    ]),
  ),
  ...Object.fromEntries(
    [
      'getAllClientInfo',
      'getAllClientSessions',
      'getClientIdCountByGroup',
      'getClientCountByGroup',
    ].map((name) => [name, [['group', '']] as const]),
  ),
  ...Object.fromEntries(
    [
      'getClientInfoByGroup',
      'getClientSessionsByGroup',
      'getClientIdListByGroup',
      'getUidListByGroup',
      'getUidCountByGroup',
      'ungroup',
    ].map((name) => [name, [['group', required]] as const]),
  ),
  ...Object.fromEntries(
    ['isOnline', 'getUidByClientId', 'getSession', 'destoryClient'].map((name) => [
      name,
      [['client_id', required]] as const,
    ]),
  ),
  ...Object.fromEntries(
    ['isUidOnline', 'getClientIdByUid'].map((name) => [name, [['uid', required]] as const]),
  ),
  ...Object.fromEntries(
    ['isUidsOnline', 'batchGetClientIdByUid'].map((name) => [name, [['uids', required]] as const]),
  ),
  batchGetClientIdCountByGroup: [['groups', required]],
  ...Object.fromEntries(
    [
      'getAllClientIdCount',
      'getAllClientCount',
      'getAllClientIdList',
      'getAllUidList',
      'getAllUidCount',
      'getAllGroupIdList',
      'getAllGroupUidCount',
      'getAllGroupUidList',
      'getAllGroupClientIdList',
      'getAllGroupClientIdCount',
    ].map((name) => [name, []]),
  ),
};

describe.skipIf(!isThere('php'))('the functions of GatewayWorker in PHP', () => {
  it('send to those that they name, each once', async () => {
    const ids = Array.from({ length: 101 }, (_, i) => `c${i}`);
    const calls = [
      ['sendToAll', ['hi']],
      ['sendToAll', ['hi', []]],
      ['sendToAll', ['hi', ids]],
      ['sendToAll', ['hi', null, ['c1', 'c2']]],
      ['sendToClient', ['c1', 'hi']],
      ['sendToUid', [7, 'hi']],
      ['sendToUid', [['ann', 'bob'], 'hi']],
      ['sendToGroup', ['lobby', 'hi']],
      ['sendToGroup', [['lobby', 'bar'], 'hi', 'c1']],
      ['closeClient', ['c1', 'bye']],
      ['destroyClient', ['c1']],
    ] as const;
    const nothing = null;
    expect(await called(calls)).toEqual([
      ...[nothing, nothing, nothing, nothing, true, nothing, nothing, nothing, nothing],
      ...[true, true],
    ]);
    expect(sent.map(([to, ...more]) => [Object.values(to)[0], ...more])).toEqual([
      ...[true, ...ids.map((id) => `client-${id}`)].map((name) => [name, 'hi']),
      [true, 'hi', 'client-c1', 'client-c2'],
      ...['client-c1', 'uid-7', 'uid-ann', 'uid-bob', 'room-lobby'].map((name) => [name, 'hi']),
      ...['room-lobby', 'room-bar'].map((name) => [name, 'hi', 'client-c1']),
    ]);
  });

  it('change groups, users and sessions', async () => {
    const calls = [
      ['joinGroup', ['a', 'bar']],
      ['joinGroup', ['gone', 'bar']],
      ['leaveGroup', ['a', 'bar']],
      ['ungroup', ['lobby']],
      ['bindUid', ['a', 'bob']],
      ['unbindUid', ['a', 'bob']],
      ['setSession', ['a', { n: 2 }]],
      ['setSession', ['a', {}]],
      ['updateSession', ['a', { m: [1] }]],
    ] as const;
    expect(await called(calls)).toEqual([true, false, true, null, true, true, true, true, true]);
    const a = { user: 'client-a' };
    expect(sent).toEqual([
      [a, 'join', 'room-bar'],
      [{ user: 'client-gone' }, 'join', 'room-bar'],
      [a, 'leave', 'room-bar'],
      [{ group: 'room-lobby' }, 'leave', 'room-lobby'],
      [a, 'unbind', 'uid-7'],
      [a, 'bind', 'uid-bob'],
      [a, 'unbind', 'uid-bob'],
      [a, 'setSession', { n: 2 }],
      [a, 'setSession', {}],
      [a, 'updateSession', { m: [1] }],
    ]);
  });

  it('list connections, in as many parts as there are', async () => {
    const lobby = { a: 'a', b: 'b' };
    const sessions = { a: { n: 1 }, b: [], c: [] };
    const calls: readonly (readonly [string, readonly unknown[], unknown])[] = [
      ['isOnline', ['a'], 1],
      ['isOnline', ['gone'], 0],
      ['isUidOnline', ['ann'], 1],
      ['isUidsOnline', [['ann', 'bob']], { ann: 1, bob: 0 }],
      ['getAllClientIdCount', [], 3],
      ['getAllClientCount', [], 3],
      ['getClientIdCountByGroup', ['lobby'], 2],
      ['getClientCountByGroup', ['lobby'], 2],
      ['batchGetClientIdCountByGroup', [['lobby', 'bar']], { lobby: 2, bar: 1 }],
      ['getClientIdListByGroup', ['lobby'], lobby],
      ['getClientIdListByGroup', [['lobby', 'bar']], lobby],
      ['getAllClientIdList', [], { ...lobby, c: 'c' }],
      ['getClientIdByUid', ['ann'], ['b']],
      ['batchGetClientIdByUid', [['ann', 'bob']], { ann: ['b'] }],
      ['getUidByClientId', ['b'], 'ann'],
      ['getUidByClientId', ['c'], null],
      ['getUidListByGroup', ['lobby'], { 7: '7', ann: 'ann' }],
      ['getUidCountByGroup', ['bar'], 1],
      ['getAllUidList', [], { 7: '7', ann: 'ann' }],
      ['getAllUidCount', [], 2],
      ['getAllGroupIdList', [], { lobby: 'lobby', bar: 'bar' }],
      ['getAllGroupClientIdList', [], { lobby, bar: { a: 'a' } }],
      ['getAllGroupClientIdCount', [], { lobby: 2, bar: 1 }],
      ['getAllGroupUidList', [], { lobby: { 7: '7', ann: 'ann' }, bar: { 7: '7' } }],
      ['getAllGroupUidCount', [], { lobby: 2, bar: 1 }],
      ['getSession', ['a'], { n: 1 }],
      ['getSession', ['gone'], null],
      ['getAllClientSessions', [], sessions],
      ['getAllClientInfo', [], sessions],
      ['getClientSessionsByGroup', ['bar'], { a: { n: 1 } }],
      ['getClientInfoByGroup', ['bar'], { a: { n: 1 } }],
    ];
    const results = await called(calls.map(([name, given]) => [name, given]));
    expect(results).toEqual(calls.map(([, , expected]) => expected));
  });

  it('take an empty name for nobody, or for all where GatewayWorker does', async () => {
    const empties = [null, '', false, []];
    const nobody: readonly (readonly [string, readonly unknown[], unknown])[] = [
      ...empties.flatMap((none) => [
        ['getClientSessionsByGroup', [none], []] as const,
        ['getClientIdListByGroup', [none], []] as const,
        ['getUidListByGroup', [none], []] as const,
        ['getUidCountByGroup', [none], 0] as const,
        ['sendToGroup', [none, 'hi'], null] as const,
        ['ungroup', [none], null] as const,
      ]),
      ...[null, ''].flatMap((none) => [
        ['sendToClient', [none, 'hi'], false] as const,
        ['isOnline', [none], 0] as const,
        ['isUidOnline', [none], 0] as const,
        ['getClientIdByUid', [none], []] as const,
        ['getUidByClientId', [none], null] as const,
        ['getSession', [none], null] as const,
        ['closeClient', [none], false] as const,
        ['joinGroup', [none, 'lobby'], false] as const,
        ['joinGroup', ['a', none], false] as const,
        ['leaveGroup', ['a', none], false] as const,
        ['bindUid', ['a', none], false] as const,
        ['unbindUid', ['a', none], false] as const,
        ['setSession', [none, { n: 1 }], false] as const,
      ]),
      ['sendToUid', [[], 'hi'], null],
      ['sendToUid', ['', 'hi'], null],
      ['sendToAll', ['hi', []], null],
      ['isUidsOnline', [[]], []],
      ['batchGetClientIdCountByGroup', [['']], { '': 0 }],
      ['batchGetClientIdByUid', [[]], []],
    ];
    expect(await called(nobody.map(([name, given]) => [name, given]))).toEqual(
      nobody.map(([, , expected]) => expected),
    );
    expect(sent).toEqual([]);
    const sessions = { a: { n: 1 }, b: [], c: [] };
    const all: readonly (readonly [string, readonly unknown[], unknown])[] = [
      ['getClientIdCountByGroup', [], 3],
      ['getClientCountByGroup', [], 3],
      ['getClientIdCountByGroup', [0], 3],
      ['getAllClientSessions', [null], sessions],
      ['getClientInfoByGroup', [''], sessions],
      ['sendToAll', ['hi', '', ''], null],
      ['sendToAll', ['hi', false, []], null],
      ['sendToGroup', ['lobby', 'hi', ''], null],
    ];
    expect(await called(all.map(([name, given]) => [name, given]))).toEqual(
      all.map(([, , expected]) => expected),
    );
    expect(sent.map((one) => one.length)).toEqual([2, 2, 2]);
  });

  it('have the parameters of GatewayWorker, and its settings, which a program sets first', async () => {
    const code = `require 'Gateway.php'; use GatewayClient\\Gateway;
      Gateway::$registerAddress = ['127.0.0.1:1236', '127.0.0.1:1237']; Gateway::$secretKey = 'x';
      Gateway::$connectTimeout = 1; Gateway::$persistentConnection = true; Gateway::$addressesCacheDisable = true;
      class Mine extends Gateway {}
      $of = [];
      foreach ((new ReflectionClass('Mine'))->getMethods(ReflectionMethod::IS_PUBLIC) as $m) {
        $of[$m->name] = array_map(fn ($p) => [$p->name, $p->isOptional() ? $p->getDefaultValue() : 'required'], $m->getParameters());
      }
      echo json_encode($of);`;
    const { stdout } = await run(['php', '-r', code]);
    const own = JSON.parse(stdout) as Record<string, [string, unknown][]>;
    for (const [name, given] of Object.entries(ORIGINAL)) {
      expect([name, own[name]?.slice(0, given.length)]).toEqual([name, given]);
      expect(own[name]!.slice(given.length).every(([, value]) => value !== 'required')).toBe(true);
    }
  });

  it('throw their own exception for bytes that are not UTF-8, and for answers of others', async () => {
    const code = `require 'Gateway.php'; use GatewayClient\\Gateway; use GatewayClient\\ApiException;
      Gateway::$api = getenv('API'); Gateway::$apiKey = getenv('API_KEY');
      foreach ([fn () => Gateway::sendToAll("\\xff"), fn () => Gateway::joinGroup('a', "\\xff"), fn () => Gateway::isUidOnline("\\xff")] as $call) {
        try { $call(); echo "none\\n"; } catch (ApiException $e) { echo $e->apiCode, "\\n"; }
      }`;
    const { stdout } = await run(['php', '-r', code]);
    expect(stdout.trim().split('\n')).toEqual([
      'WRONG_MESSAGE',
      'WRONG_MESSAGE',
      expect.stringMatching(/^[A-Z_]+$/),
    ]);
    expect(sent).toEqual([]);
  });

  describe('at a server that is not the API, or breaks', () => {
    const ok = (body: string, length = body.length) =>
      `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n${body}`;
    const CALLS = [
      'getAllClientIdCount()',
      "isOnline('a')",
      "sendToClient('a', 'hi')",
      "sendToGroup(['a', 'b'], 'hi')",
      "joinGroup('a', 'b')",
      "closeClient('a')",
      'getAllUidList()',
      "getSession('a')",
      "getClientSessionsByGroup('b')",
      'getAllGroupUidList()',
    ];

    /** What each call throws at a server with these answers, one after another and the last one again. */
    async function at(answers: readonly string[], calls: readonly string[] = CALLS) {
      const requests: string[] = [];
      const bad = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', (bytes) => {
          requests.push(String(bytes));
          socket.end(answers[Math.min(requests.length, answers.length) - 1]!, 'latin1');
        });
      });
      bad.listen(0, '127.0.0.1');
      await once(bad, 'listening');
      const { port } = bad.address() as AddressInfo;
      const code = `error_reporting(E_ALL); require 'Gateway.php'; use GatewayClient\\Gateway;
        Gateway::$api = 'http://127.0.0.1:${port}'; Gateway::$tries = ${answers.length};
        foreach ([${calls.map((call) => `fn () => Gateway::${call}`).join(', ')}] as $call) {
          try { echo json_encode($call()); } catch (Throwable $e) { echo (new ReflectionClass($e))->getShortName(), ' ', $e->apiCode ?? ''; }
          echo "\\n";
        }`;
      const { output } = await run(['php', '-r', code]);
      bad.close();
      return { requests, results: output.trim().split('\n') };
    }

    it.each([
      ['nothing', ''],
      ['garbage', '\xff\xfe\r\n'],
      ['no JSON', ok('<html>')],
      ['JSON that is no object', ok('7')],
      ['half an answer', ok('{"count":1,"online', 90)],
      ['the answer of another call', ok('{"accepted":true}')],
      [
        'members of other types',
        ok(
          '{"count":"many","online":[],"delivered":{},"results":1,"closed":null,"connections":{"a":1}}',
        ),
      ],
      ['connections without members', ok('{"results":[1],"connections":[{"id":{}},7]}')],
      [
        'an error of another shape',
        'HTTP/1.1 500 No\r\n\r\n{"error":{"code":[1],"message":{}},"done":"x"}',
      ],
      ['an error that is a text', 'HTTP/1.1 500 No\r\n\r\n{"error":"broken"}'],
    ])('throw their own exception: %s', async (_what, answer) => {
      const { results } = await at([answer]);
      expect(results).toEqual(CALLS.map(() => 'ApiException NO_ANSWER'));
    });

    it('ask again after half an answer', async () => {
      const whole = ok('{"count":7}');
      const { results } = await at([ok('{"cou', 11), whole], ['getAllClientIdCount()']);
      expect(results).toEqual(['7']);
    });

    it('carry the key nowhere else', async () => {
      const elsewhere = `http://127.0.0.1:${server.port}/count`;
      const answer = `HTTP/1.1 302 Found\r\nlocation: ${elsewhere}\r\ncontent-length: 0\r\n\r\n`;
      const { results } = await at([answer], ['getAllClientIdCount()']);
      expect(results).toEqual(['ApiException NO_ANSWER']);
    });
  });

  it('try again while the cluster fails, and throw what is refused', async () => {
    failures = 1;
    const results = await called([
      ['sendToClient', ['c1', 'hi']],
      ['sendToGroup', ['two words', 'hi']],
      ['sendToGroup', [['lobby', 'two words', 'bar'], 'hi']],
    ]);
    const refused = { refused: 'WRONG_NAME', done: null };
    expect(results).toEqual([true, refused, refused]);
    expect(sent.map(([to]) => Object.values(to)[0])).toEqual([
      'client-c1',
      'room-lobby',
      'room-bar',
    ]);
    expect(await called([['isUidOnline', ['ann']]], 'wrong')).toEqual([
      { refused: 'WRONG_KEY', done: null },
    ]);
  });

  it('refuse what the HTTP API does not offer, and send nothing', async () => {
    const results = await called([
      ['closeCurrentClient', []],
      ['sendToUid', ['ann', 'hi', true]],
    ]);
    const says = (text: string) => ({ notOffered: expect.stringContaining(text) });
    expect(results).toEqual([says('Gateway::closeCurrentClient: '), says('raw')]);
    expect(sent).toEqual([]);
  });

  it('are all that the guide names', async () => {
    const code = `require 'Gateway.php'; $c = new ReflectionClass('GatewayClient\\Gateway');
      $own = array_map(fn ($m) => $m->name, $c->getMethods(ReflectionMethod::IS_PUBLIC));
      echo json_encode([...$own, ...$c->getConstant('OF_WORKERS')]);`;
    const { stdout } = await run(['php', '-r', code]);
    const guide = new URL('../../../docs/coming-from/gateway-worker.md', import.meta.url);
    const rows = readFileSync(guide, 'utf8').match(/^\| `(\w+\(|setSession).*?\|/gm)!;
    const named = rows.flatMap((row) => [...row.matchAll(/\b([a-z]+[A-Z]\w+|ungroup)[(`]/g)]);
    // The program of a worker has functions for events, which a client does not call.
    const names = new Set(named.map(([, name]) => name!).filter((name) => !/^on[A-Z]/.test(name)));
    expect(names.size).toBeGreaterThan(25);
    expect([...names].filter((name) => !JSON.parse(stdout).includes(name))).toEqual([]);
  });
});
