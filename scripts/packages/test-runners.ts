// The test kit in other people's test runners.
import { join } from 'node:path';
import type { Tally } from '../tally.ts';
import { writeFiles } from '../workspace.ts';

/** What a project installs for them. */
export const TEST_RUNNERS: Readonly<Record<string, string>> = {
  '@babel/plugin-transform-modules-commonjs': '^7.0.0',
  jest: '^30.0.0',
  vitest: '^4.0.0',
};

const BODY = `const channel = new EmbeddedChannel(new LineFrameDecoder({ maxLength: 80 }));
  channel.writeInbound(Buffer.from('a\\nb'));
  const line = String(channel.readInbound());
`;
const IMPORTS = `import { LineFrameDecoder } from 'headrace';
import { EmbeddedChannel } from 'headrace/testing';
`;
const REQUIRES = `const { LineFrameDecoder } = require('headrace');
const { EmbeddedChannel } = require('headrace/testing');
`;
const EXPECTS = `test('a line', () => {
  ${BODY}  expect(line).toBe('a');
});
`;

export async function checkTestRunners(tally: Tally, consumer: string): Promise<void> {
  await checkJest(tally, consumer);
  writeFiles(consumer, {
    'vitest.check.mjs': `import { expect, test } from 'vitest';\n${IMPORTS}${EXPECTS}`,
    // Again in a worker whose modules are loaded anew: that is no second copy of core.
    'vitest.again.check.mjs': `import './vitest.check.mjs';\n`,
    'vitest.config.mjs': `export default { test: { include: ['vitest*.check.mjs'] } };\n`,
    'node.check.mjs': `import assert from 'node:assert';
import { test } from 'node:test';
${IMPORTS}test('a line', () => {
  ${BODY}  assert.equal(line, 'a');
});
`,
  });
  const vitest = join(consumer, 'node_modules', 'vitest', 'vitest.mjs');
  await tally.command('Vitest', process.execPath, [vitest, 'run'], consumer);
  await tally.command('node:test', process.execPath, ['--test', 'node.check.mjs'], consumer);
}

/** The two recipes of docs/guides/bundlers-jest-commonjs.md. */
async function checkJest(tally: Tally, consumer: string): Promise<void> {
  writeFiles(consumer, {
    'module.test.mjs': `${IMPORTS}${EXPECTS}`,
    'commonjs.test.cjs': `${REQUIRES}${EXPECTS}`,
  });
  const translating = {
    testMatch: ['**/commonjs.test.cjs'],
    transform: {
      '\\.[cm]?[jt]sx?$': ['babel-jest', { plugins: ['@babel/plugin-transform-modules-commonjs'] }],
    },
    transformIgnorePatterns: ['/node_modules/(?!(@headrace|headrace)/)'],
  };
  const jest = join(consumer, 'node_modules', 'jest', 'bin', 'jest.js');
  const modules = ['--experimental-vm-modules', jest, '--config'];
  const plain = JSON.stringify({ testMatch: ['**/module.test.mjs'], transform: {} });
  await tally.command('Jest, tests as modules', process.execPath, [...modules, plain], consumer);
  const args = [jest, '--config', JSON.stringify(translating)];
  await tally.command('Jest, tests as CommonJS', process.execPath, args, consumer);
}
