// kubernetes.yaml against the schemas that Kubernetes publishes, from a package that is installed for this test alone.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

const MODULES: Readonly<Record<string, string>> = {
  Deployment: 'apps/v1',
  Service: 'v1',
  PodDisruptionBudget: 'policy/v1',
};

interface Manifest {
  readonly kind: string;
  readonly spec: Record<string, unknown>;
}

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'chat-manifest-'));
  writeFileSync(join(folder, 'package.json'), '{"private": true}');
  const options = ['--no-audit', '--no-fund', '--ignore-scripts'];
  execFileSync('npm', ['install', ...options, 'kubernetes-models@4.5.1'], {
    cwd: folder,
    stdio: 'pipe',
  });
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function validate(manifest: Manifest): void {
  const require = createRequire(join(folder, 'package.json'));
  const module = require(`kubernetes-models/${MODULES[manifest.kind]}`);
  new module[manifest.kind](manifest).validate();
}

it('is accepted by Kubernetes, kind by kind, which rejects a faulty copy', () => {
  const text = readFileSync(new URL('../kubernetes.yaml', import.meta.url), 'utf8');
  const manifests = parseAllDocuments(text).map((one) => one.toJS() as Manifest);
  expect(manifests.map(({ kind }) => kind)).toEqual(Object.keys(MODULES));
  for (const manifest of manifests) {
    validate(manifest);
    const faulty = { ...manifest, spec: { ...manifest.spec, selector: 7 } };
    expect(() => validate(faulty)).toThrow('selector must be object');
  }
});
