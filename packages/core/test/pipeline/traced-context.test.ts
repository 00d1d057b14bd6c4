import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { tracedNames } from '../../src/pipeline/traced-context.ts';

it('traces what HEADRACE_DEBUG names: classes, names in the pipeline, patterns', () => {
  expect(tracedNames(undefined)).toBeUndefined();
  expect(tracedNames(' ')).toBeUndefined();
  const named = tracedNames('LineFrameDecoder, Idle*');
  expect(named?.test('LineFrameDecoder#0')).toBe(true);
  expect(named?.test('IdleStateHandler')).toBe(true);
  expect(named?.test('MyLineFrameDecoder')).toBe(false);
  for (const all of ['*', '1', 'true', 'all'])
    expect(tracedNames(all)?.test('anything')).toBe(true);
  expect(tracedNames('a.b')?.test('aXb')).toBe(false);
});

const register = new URL('../../../../scripts/register.mjs', import.meta.url).href;
const program = `
  import { stderrLogger } from '@headrace/core';
  import { EmbeddedChannel } from '@headrace/core/testing';
  class Upper {
    channelRead(ctx, text) { ctx.fireChannelRead(text.toUpperCase()); }
    write(ctx, text) { return ctx.write(Buffer.from(text)); }
  }
  class Silent { channelRead(ctx, text) { ctx.fireChannelRead(text); } }
  const channel = EmbeddedChannel.with({ logger: stderrLogger() }, new Silent(), new Upper());
  channel.writeInbound('hi\\n');
  channel.writeOutbound('ho');
`;

it('logs the events of the handlers that it names, and of no other', () => {
  const { stderr } = spawnSync(
    process.execPath,
    [
      '--conditions=@headrace/source',
      '--import',
      register,
      '--input-type=module',
      '--eval',
      program,
    ],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      encoding: 'utf8',
      env: { ...process.env, HEADRACE_DEBUG: 'Upper' },
    },
  );
  const lines = stderr
    .split('\n')
    .flatMap((line) => / (Upper#0 .*|Silent.*)$/.exec(line)?.[1] ?? []);
  expect(lines).toEqual([
    'Upper#0 channelRead "hi\\n"',
    'Upper#0 fires channelRead "HI\\n"',
    'Upper#0 write "ho"',
    'Upper#0 calls write 2 bytes <68 6f>',
  ]);
});
