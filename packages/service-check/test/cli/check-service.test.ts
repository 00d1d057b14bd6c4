import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceDescription } from '@headrace/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcomeOf } from '../../src/cli/main.ts';

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'headrace-service-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const described = (service: string, symbol: object): ServiceDescription => ({
  service,
  methods: { quote: { kind: 'call', input: { properties: { symbol } }, output: true } },
  errors: { CLOSED: 1 },
});
const OLDER = described('prices', { type: 'string' });
const NARROWER = described('prices', { type: 'string', maxLength: 4 });

function file(name: string, content: unknown): void {
  writeFileSync(join(cwd, name), typeof content === 'string' ? content : JSON.stringify(content));
}

const run = (line: string) => outcomeOf(line.split(' '), cwd);

/** A module with a service as this package makes it, so far as the program looks. */
const moduleOf = (description: ServiceDescription): string =>
  `export const other = 1;
  export const prices = { '~headraceService': () => (${JSON.stringify(description)}) };
  export default prices;`;

const BROKEN =
  'breaks  prices.quote.input.symbol: an old client may send a string, the server takes only maxLength 4\n';

describe('headrace-service-check', () => {
  it('ends with 0 when nothing changes or breaks, with 1 when something breaks', async () => {
    file('old.json', OLDER);
    file('new.json', NARROWER);
    expect(await run('check-service old.json old.json')).toEqual({
      output: 'no changes\n',
      exitCode: 0,
    });
    expect(await run('check-service old.json new.json')).toEqual({
      output: `${BROKEN}1 change, which breaks old clients\n`,
      exitCode: 1,
    });
    expect(await run('check-service new.json old.json')).toMatchObject({ exitCode: 0 });
  });

  it('compares a file with what a module exports, a service or its description', async () => {
    file('old.json', OLDER);
    file('new.mjs', moduleOf(NARROWER));
    file('plain.mjs', `export const described = [${JSON.stringify(NARROWER)}];`);
    for (const name of ['new.mjs', 'plain.mjs']) {
      expect((await run(`check-service old.json ${name}`)).output).toContain(BROKEN);
    }
  });

  it('counts changes in the singular and in the plural', async () => {
    const wider = described('prices', { type: ['string', 'null'] });
    const more = { ...OLDER, errors: { CLOSED: 1, FULL: 2 } };
    const both = { ...NARROWER, errors: more.errors };
    for (const [name, content] of Object.entries({ OLDER, wider, more, both, NARROWER }))
      file(`${name}.json`, content);
    file('free.json', { ...wider, errors: more.errors });
    file('gone.json', { ...NARROWER, errors: {} });
    const last = async (newer: string) =>
      (await run(`check-service OLDER.json ${newer}.json`)).output.trim().split('\n').at(-1);
    expect(await last('NARROWER')).toBe('1 change, which breaks old clients');
    expect(await last('wider')).toBe('1 change, which breaks no old client');
    expect(await last('free')).toBe('2 changes, none breaks old clients');
    expect(await last('both')).toBe('2 changes, 1 of them breaks old clients');
    expect(await last('gone')).toBe('2 changes, 2 of them break old clients');
  });

  it('prints JSON for programs', async () => {
    file('old.json', OLDER);
    file('new.json', NARROWER);
    const { output, exitCode } = await run('check-service --json old.json new.json');
    const place = 'prices.quote.input.symbol';
    expect(JSON.parse(output)).toMatchObject({ breaks: 1, changes: [{ place, breaks: true }] });
    expect(exitCode).toBe(1);
  });

  it('compares several services by their names', async () => {
    const orders = described('orders', {});
    file('old.json', [OLDER, orders]);
    file('new.json', [described('users', {}), NARROWER]);
    expect((await run('check-service old.json new.json')).output).toBe(
      `${BROKEN}breaks  orders: removed: its old clients are refused\n` +
        'allowed users: new: no old client calls it\n3 changes, 2 of them break old clients\n',
    );
  });

  it('takes a service under another name for a renamed one, if there is one only', async () => {
    file('old.json', OLDER);
    file('new.json', { ...OLDER, service: 'quotes' });
    expect((await run('check-service old.json new.json')).output).toContain(
      'breaks  prices: the service is quotes',
    );
  });
});

describe('headrace-service-check print-service', () => {
  it('prints what check-service reads', async () => {
    file('new.mjs', moduleOf(NARROWER));
    const { output } = await run('print-service new.mjs');
    expect(JSON.parse(output)).toEqual(NARROWER);
    file('old.json', output);
    expect(await run('check-service old.json new.mjs')).toMatchObject({ exitCode: 0 });
  });
});

describe('print-service of schemas of other libraries', () => {
  const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

  it.each(['valibot-described.ts', 'arktype-service.ts'])(
    'prints what is on the wire: %s',
    async (name) => {
      const { output } = await run(`print-service ${fileOf(`./${name}`)}`);
      const { methods, ...rest } = JSON.parse(output) as ServiceDescription;
      expect(rest).toEqual({ service: 'prices', errors: { NO_SUCH_SYMBOL: 1 } });
      expect(methods).toMatchObject({
        quote: {
          kind: 'call',
          input: { properties: { symbol: { type: 'string', minLength: 1 } }, required: ['symbol'] },
          output: { properties: { price: { type: 'number' } } },
        },
        watch: {
          kind: 'stream',
          input: { properties: { since: { type: 'string' } } },
          output: { prefixItems: [{ type: 'string' }, { type: 'number' }] },
        },
      });
      file('old.json', output);
      file('narrow.json', output.replace('"minLength": 1', '"minLength": 2'));
      const path = fileOf(`./${name}`);
      expect(await run(`check-service old.json ${path}`)).toMatchObject({ exitCode: 0 });
      expect(await run(`check-service ${path} narrow.json`)).toMatchObject({ exitCode: 1 });
    },
  );

  it('says what to do for schemas that print nothing', async () => {
    await expect(run(`print-service ${fileOf('./valibot-service.ts')}`)).rejects.toThrow(
      'a schema of valibot prints no JSON Schema by itself (~standard.jsonSchema): give describeService a function that does; or export its description instead',
    );
  });
});

describe('a command that cannot be done', () => {
  it.each([
    ['', 'no command : there are check-service and print-service'],
    ['compare a b', 'no command compare: there are check-service and print-service'],
    ['check-service a.json', 'headrace-service-check check-service OLD NEW: got 1 files'],
    ['print-service a.json b.json', 'headrace-service-check print-service NEW: got 2 files'],
    ['print-service a.json --yaml', 'no option --yaml; --help lists them'],
    ['print-service nothing.json', 'nothing.json cannot be read: ENOENT'],
    ['print-service half.json', 'half.json cannot be read: '],
    ['print-service list.json', 'list.json is not a description of a service'],
    ['print-service kind.json', 'kind.json: the method prices.quote has no kind'],
    ['print-service errors.json', 'errors.json: the errors of prices are not names with codes'],
    ['print-service empty.mjs', 'empty.mjs exports no service'],
    ['print-service throws.mjs', 'throws.mjs cannot be loaded: not today'],
    ['print-service twins.mjs', 'twins.mjs has two services with the name prices'],
    ['print-service silent.mjs', 'silent.mjs: prints nothing; or export its description'],
  ])('says why: %s', async (line, text) => {
    file('half.json', '{');
    file('list.json', [1]);
    file('kind.json', { service: 'prices', methods: { quote: { input: true } }, errors: {} });
    file('errors.json', { service: 'prices', methods: {}, errors: [] });
    file('empty.mjs', 'export const nothing = 1;');
    file('throws.mjs', 'throw new Error("not today");');
    file('twins.mjs', `export const twins = ${JSON.stringify([OLDER, NARROWER])};`);
    file(
      'silent.mjs',
      'export const s = { "~headraceService"() { throw new Error("prints nothing"); } };',
    );
    await expect(run(line)).rejects.toThrow(text);
  });

  it('explains itself', async () => {
    expect((await run('--help')).output).toContain('headrace-service-check check-service OLD NEW');
  });
});
