// What a page takes from the address of a link, and from the worker that runs the link's code.
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { withoutEval, withPolicy } from '../../site/security-policy.mjs';

/** A file of the site, which is a project of its own. */
const ofSite = (file: string) => import(new URL(`../../site/${file}`, import.meta.url).pathname);
const { messageOf }: { messageOf(data: unknown): unknown } = await ofSite(
  'playground/runner/from-worker.ts',
);
const {
  hashOf,
  sharedCode,
}: {
  hashOf(index: number, code: string): Promise<string | undefined>;
  sharedCode(hash: string, index: number): Promise<string | undefined>;
} = await ofSite('.vitepress/theme/shared-code.ts');

const PAGE = 'https://headrace.github.io/headrace/errors#hr_err_frame_too_long';

describe('a message of a worker', () => {
  it.each([
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'http://headrace.github.io/headrace/errors',
    'https://example.com/',
    'https://headrace.github.io.example.com/headrace/',
    'https://x@headrace.github.io/headrace/errors',
    'https://headrace.github.io/headrace/../evil/',
    '/errors',
    '',
    7,
    { toString: () => PAGE },
  ])('leads nowhere by the address %j', (help) => {
    expect(messageOf({ do: 'fail', text: 'gone', help })).toEqual({ do: 'fail', text: 'gone' });
  });

  it('leads to the page of an error', () => {
    const message = { do: 'fail', text: 'gone', help: PAGE, line: 3 };
    expect(messageOf(message)).toEqual(message);
  });

  it.each([0, -1, 1.5, Number.NaN, '3', {}])('marks no line %j', (line) => {
    expect(messageOf({ do: 'fail', text: 'gone', line })).toEqual({ do: 'fail', text: 'gone' });
  });

  it('has a text and a picture of a limited length', () => {
    const long = 'x'.repeat(2_000_000);
    expect(messageOf({ do: 'print', stream: 'x', text: long })).toEqual({
      do: 'print',
      stream: 'out',
      text: 'x'.repeat(10_000),
    });
    expect(messageOf({ do: 'fail', text: long })).toMatchObject({ text: 'x'.repeat(10_000) });
    expect(messageOf({ do: 'draw', picture: long })).toBeUndefined();
    expect(messageOf({ do: 'draw', picture: '<svg/>' })).toEqual({ do: 'draw', picture: '<svg/>' });
  });

  it.each([
    undefined,
    null,
    'end',
    [],
    {},
    { do: 'other', text: 'x' },
    { do: 'print', text: { length: 1e9 } },
    { do: 'fail' },
    { do: 'draw', picture: ['x'] },
  ])('is ignored if it is %j', (data) => {
    expect(messageOf(data)).toBeUndefined();
  });
});

describe('the code of a link', () => {
  const link = (code: string): string =>
    `#run=0:${deflateRawSync(code).toString('base64url').replace(/=+$/, '')}`;

  it('comes back as it was', async () => {
    const code = 'const a = "ä€𝄞";\n'.repeat(500);
    const hash = await hashOf(0, code);
    expect(await sharedCode(hash!, 0)).toBe(code);
    expect(await sharedCode(hash!, 1)).toBeUndefined();
    expect(await sharedCode(link(code), 0)).toBe(code);
  });

  it('is not read beyond its limit, and no such link is made', async () => {
    expect(await sharedCode(link('x'.repeat(100_000)), 0)).toHaveLength(100_000);
    expect(await sharedCode(link('x'.repeat(100_001)), 0)).toBeUndefined();
    expect(await sharedCode(link('x'.repeat(50_000_000)), 0)).toBeUndefined();
    expect(await hashOf(0, 'x'.repeat(100_001))).toBeUndefined();
  });

  it('is nothing if the link was cut off, or is none', async () => {
    expect(await sharedCode(link('x'.repeat(1000)).slice(0, 10), 0)).toBeUndefined();
    expect(await sharedCode('#run=0:%%%', 0)).toBeUndefined();
    expect(await sharedCode('#errors', 0)).toBeUndefined();
  });
});

describe('the policy of a page', () => {
  it('allows the scripts of the site and of the page itself, and no others', () => {
    const html = withPolicy(
      '<head><meta charset="utf-8"><script>a</script><script id="x">b\n</script><script type="module" src="/x.js"></script></head>',
    );
    const [policy] = /(?<=content=")[^"]*/.exec(html) ?? [];
    const script = policy?.split('; ').find((part) => part.startsWith('script-src'));
    expect(script).toBe(
      "script-src 'self' 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=' 'sha256-AmOCmYm2/ZVPcrqvL8ZLwuLwHWktTecphuqAj26ZgT8='",
    );
    expect(html.indexOf('Content-Security-Policy')).toBeLessThan(html.indexOf('<script'));
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("object-src 'none'; base-uri 'none'; form-action 'none'");
  });

  it('is never missing', () => {
    expect(() => withPolicy('<head></head>')).toThrow('no <meta charset="utf-8">');
  });

  it('needs no code that is made of a text: functions of the search are code', () => {
    const data = { tokenize: '_vp-fn_(text) => text.split("\\0")', names: ['a', '_vp-fn_() => 7'] };
    const made = ['`return ', '{r.slice(7)}`'].join('$');
    const script =
      `function deserialize(r){return r.startsWith?.("_vp-fn_")?new Function(${made})():r}` +
      `globalThis.given=JSON.parse(${JSON.stringify(JSON.stringify(data))});` +
      'globalThis.given.tokenize=deserialize(globalThis.given.tokenize);' +
      'globalThis.given.names=globalThis.given.names.map(deserialize);';
    const changed = withoutEval(script);
    expect(changed).not.toContain('new Function');
    new Function(changed)();
    const { given } = globalThis as unknown as {
      given: { tokenize(text: string): string[]; names: [string, () => number] };
    };
    Reflect.deleteProperty(globalThis, 'given');
    expect(given.tokenize('a\0b')).toEqual(['a', 'b']);
    expect([given.names[0], given.names[1]()]).toEqual(['a', 7]);
    expect(() => withoutEval('window.x=1')).toThrow('in another way');
  });
});
