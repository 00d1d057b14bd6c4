import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** A new folder with a key and a certificate for localhost, as the servers with TLS read them. */
export async function certificateFolder(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'));
  const pair = await generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 });
  writeFileSync(join(folder, 'key.pem'), pair.private);
  writeFileSync(join(folder, 'cert.pem'), pair.cert);
  return folder;
}
