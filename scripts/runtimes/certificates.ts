import { generate } from 'selfsigned';

interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** What the trials get: an authority, and what it signed. */
export interface TrialCertificates {
  readonly ca: string;
  readonly localhost: Identity;
}

const KEYS = { keyType: 'ec', algorithm: 'sha256' } as const;

export async function trialCertificates(): Promise<TrialCertificates> {
  const ours = await authority('ours');
  return { ca: ours.cert, localhost: await sign(ours, 'localhost') };
}

async function authority(commonName: string): Promise<Identity> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: commonName }], {
    ...KEYS,
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'keyUsage', keyCertSign: true },
    ],
  });
  return { cert, key };
}

async function sign(ca: Identity, commonName: string): Promise<Identity> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: commonName }], {
    ...KEYS,
    ca,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: commonName }] }],
  });
  return { cert, key };
}
